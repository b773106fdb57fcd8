"""What clients send that is no request, or never becomes one: raw sockets."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from fakes.httprig import Rig
from fakes.wait import LIMIT, eventually

from esmed.api import connection, reading

TOKEN = "t0p-s3cret-t0ken"
NUMBER = "380501234567"
POST = (
    b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/json\r\n"
)


class Raw:
    """A client without manners."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next one."""
        async with asyncio.timeout(LIMIT):
            head = await self.reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode().strip().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            body = await self.reader.readexactly(int(headers["Content-Length"]))
        return int(first.split()[1]), headers, body

    async def ended(self) -> bool:
        """Whether the daemon closes without another word."""
        async with asyncio.timeout(LIMIT):
            return await self.reader.read() == b""


@asynccontextmanager
async def raw(rig: Rig) -> AsyncIterator[Raw]:
    where = urlsplit(rig.url)
    client = Raw(*await asyncio.open_connection(where.hostname, where.port))
    try:
        yield client
    finally:
        client.writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /v1/messages/%s nonsense\r\n\r\n" % NUMBER.encode(),
        b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization Bearer t0p-s3cret-t0ken\r\n\r\n",
        b"GET / HTTP/1.1\r\nAuthorization: Bearer t0p-s3cret-t0ken\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"t0p-s3cret-t0ken" * 1000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"t0p-s3cret-t0ken" * 20,
        b"\0\0\0\x1f\0\0\0\x09\0\0\0\0\0\0\0\x01t0p-s3cret-t0ken\0\r\n\r\n",
    ],
    ids=["line", "header", "octet", "too long", "TLS", "SMPP"],
)
async def test_no_http_at_all(
    rig: Rig, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with raw(rig) as client:
        client.writer.write(sent)
        status, headers, body = await client.answer()
        assert status == 400
        assert headers["Content-Type"] == "application/problem+json"
        assert json.loads(body)["detail"] == "what was sent is no HTTP request"
        assert await client.ended()
    (record,) = [r for r in caplog.records if r.getMessage() == "api.unreadable"]
    assert record.levelno == logging.DEBUG
    for written in caplog.records:
        text = str(vars(written))
        assert TOKEN not in text
        assert NUMBER not in text
    # And nobody else is any the worse for it.
    assert (await rig.get("/healthz")).status == 200


async def test_a_request_that_never_begins(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "FIRST_WITHIN", 0.2)
    async with raw(rig) as silent, raw(rig) as slow:
        slow.writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127")
        assert await silent.ended()
        assert await slow.ended()


async def test_a_second_request_that_never_ends(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "FIRST_WITHIN", 0.1)
    monkeypatch.setattr(connection, "NEXT_WITHIN", 0.4)
    async with raw(rig) as client:
        client.writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert (await client.answer())[0] == 200
        client.writer.write(b"GET /healthz HTTP/1.1\r\n")
        assert await client.ended()


async def test_a_body_that_does_not_come(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BODY_WITHIN", 0.2)
    async with raw(rig) as client:
        client.writer.write(POST + b'Content-Length: 100\r\n\r\n{"to":')
        status, headers, body = await client.answer()
        assert (status, headers["Connection"]) == (408, "close")
        assert headers["Content-Type"] == "application/problem+json"
        assert json.loads(body)["detail"] == "the body did not come within 0.2 s"


async def test_an_answer_that_nobody_reads(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(connection, "ANSWER_WITHIN", 0.3)
    text = "x" * 30_000
    numbers = [f"{NUMBER}{number:04}" for number in range(200)]
    for _ in range(2):
        await rig.post("/v1/messages", {"to": numbers, "text": text})
    where = urlsplit(rig.url)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((where.hostname, where.port))
        client.sendall(
            b"GET /v1/messages?limit=400 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        await eventually(lambda: "api.unread" in caplog.messages)
        client.settimeout(LIMIT)
        chunks = []
        while chunk := await asyncio.to_thread(client.recv, 1 << 20):
            chunks.append(chunk)
    received = b"".join(chunks)
    assert received.startswith(b"HTTP/1.1 200 OK")
    assert len(received) < 400 * len(text)


async def test_a_body_that_comes_in_pieces(rig: Rig) -> None:
    body = json.dumps({"to": NUMBER, "text": "hi"}).encode()
    async with raw(rig) as client:
        client.writer.write(POST + b"Content-Length: %d\r\n\r\n" % len(body))
        for octet in body:
            client.writer.write(bytes([octet]))
            await client.writer.drain()
            await asyncio.sleep(0)
        assert (await client.answer())[0] == 202
