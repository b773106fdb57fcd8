"""Leaving without cutting anybody off: raw clients of a small application."""

import asyncio
import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import pytest
from aiohttp import web
from fakes.wait import LIMIT, eventually, settle

from esmed.api import service
from esmed.api.service import HttpService
from esmed.api.traffic import Traffic
from esmed.fieldtypes import Endpoint
from esmed.listeners import listening

GET = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class Served:
    """A service whose requests end when ``release`` is set."""

    def __init__(self, service: HttpService) -> None:
        self.service = service
        self.release = asyncio.Event()
        self.port = 0
        self.application = web.Application()
        self.application.router.add_get("/", self._slow)
        self.application.router.add_get("/broken", self._broken)

    async def _slow(self, request: web.Request) -> web.StreamResponse:
        traffic = self.service.traffic
        connection = traffic.begin(request)
        try:
            await self.release.wait()
            response = web.Response(text="done")
            await traffic.answered(request, response)
            return response
        finally:
            traffic.end(connection)

    async def _broken(self, _: web.Request) -> web.StreamResponse:
        raise RuntimeError("beside the application's own care")

    async def client(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def asked(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A client whose request is under way."""
        reader, writer = await self.client()
        writer.write(GET)
        await eventually(lambda: self.service.traffic.busy)
        return reader, writer


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    with listening([Endpoint("127.0.0.1", 0)], {}) as sockets:
        made = Served(HttpService(sockets))
        (address,) = await made.service.start(made.application)
        made.port = int(address.rpartition(":")[2])
        yield made
        await made.service.close(0.0)


async def read_all(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(LIMIT):
        return await reader.read()


async def test_what_is_under_way_is_answered_and_is_the_last_one(served: Served):
    reader, writer = await served.asked()
    served.service.leave()
    closing = asyncio.create_task(served.service.close(LIMIT))
    await asyncio.sleep(0)
    assert not closing.done()
    served.release.set()
    answer = await read_all(reader)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"Connection: close" in answer
    assert answer.endswith(b"done")
    await closing
    # Again does no harm.
    await served.service.close(LIMIT)
    writer.close()


async def test_what_never_ends_is_cut_off(served: Served):
    reader, writer = await served.asked()
    served.service.leave()
    await served.service.close(0.05)
    assert await read_all(reader) == b""
    writer.close()


async def test_who_has_just_come_may_still_ask(
    served: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(service, "IDLE_STAYS", 0.0)
    monkeypatch.setattr(service, "FRESH_STAYS", LIMIT)
    reader, writer = await served.client()
    await eventually(served.service._connections)
    served.release.set()
    served.service.leave()
    closing = asyncio.create_task(served.service.close(LIMIT))
    await settle()
    writer.write(GET)
    assert (await read_all(reader)).endswith(b"done")
    await closing
    writer.close()


async def test_who_is_idle_between_two_requests_is_let_go(served: Served):
    reader, writer = await served.asked()
    served.release.set()
    async with asyncio.timeout(LIMIT):
        await reader.readuntil(b"done")
    served.service.leave()
    await served.service.close(LIMIT)
    assert await read_all(reader) == b""
    writer.close()


async def test_a_fault_outside_of_the_application(
    served: Served, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.ERROR)
    reader, writer = await served.client()
    writer.write(GET.replace(b"/", b"/broken", 1))
    answer = await read_all(reader)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"application/problem+json" in answer
    assert b"see the daemon's log" in answer
    assert b"beside" not in answer
    assert "api.failed" in caplog.messages
    writer.close()


def test_a_request_whose_connection_has_gone_is_counted_all_the_same():
    traffic = Traffic()
    gone = cast("web.Request", SimpleNamespace(transport=None))
    connection = traffic.begin(gone)
    assert traffic.busy
    traffic.end(connection)
    assert not traffic.busy
