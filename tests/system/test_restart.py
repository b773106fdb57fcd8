"""A restart with inherited sockets: no request is refused, lost, or answered twice."""

import asyncio
import contextlib
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest
from integration.client import LIMIT
from system.processes import Bench, Daemon, Smsc, until
from system.set_up import config

RESTARTS: Final = 4
BOUND: Final = 30.0
"""Seconds that a request may take: the stop, the start, and a machine's stalls."""

Address = tuple[str, int] | str


class NoAnswerError(Exception):
    """A connection ended before any octet of an answer."""


class Connection:
    """HTTP/1.1 by hand, to know exactly what was answered."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer
        self.closes = False
        """Whether the latest answer was the last one."""

    @classmethod
    async def to(cls, address: Address) -> "Connection":
        if isinstance(address, str):
            return cls(*await asyncio.open_unix_connection(address))
        return cls(*await asyncio.open_connection(*address))

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def ask(self, method: str, path: str, body: object = None) -> int:
        """Send a request and read the answer; its status."""
        data = b"" if body is None else json.dumps(body).encode()
        try:
            await self.send(head(method, path, len(data)) + data)
        except ConnectionError as error:
            raise NoAnswerError from error
        return await self.answer()

    async def answer(self) -> int:
        try:
            first = await self._reader.readline()
        except ConnectionError as error:
            raise NoAnswerError from error
        if not first:
            raise NoAnswerError
        headers: dict[str, str] = {}
        while line := (await self._reader.readline()).strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        await self._reader.readexactly(int(headers["content-length"]))
        self.closes = headers.get("connection", "") == "close"
        return int(first.split()[1])

    async def ended(self) -> bool:
        """Whether the daemon closes it without a further octet."""
        async with asyncio.timeout(LIMIT):
            return await self._reader.read(1) == b""

    def close(self) -> None:
        self._writer.close()


def head(method: str, path: str, length: int) -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n"
        "Content-Type: application/json\r\n\r\n"
    ).encode()


class Callers:
    """Clients that ask all the while."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self.statuses: Counter[int] = Counter()
        self.faults: list[str] = []
        self.longest = 0.0
        self.retries = 0
        self.last_answers = 0
        """How often an answer said that the connection ends."""
        self._stopping = False
        self._tasks = [
            asyncio.create_task(work(f"{number}", address))
            for number, address in enumerate(addresses)
            for work in (self._anew, self._keeping)
        ]

    @property
    def answers(self) -> int:
        return self.statuses.total()

    async def more(self, count: int) -> None:
        """Wait for so many more answers."""
        enough = self.answers + count
        await until(lambda: self.answers > enough, lambda: str(self.faults))

    async def stop(self) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def _anew(self, name: str, address: Address) -> None:
        """A connection for each request, which may not fail."""
        number = 0
        while not self._stopping:
            number += 1
            began = time.monotonic()
            try:
                connection = await Connection.to(address)
                await self._submit(connection, f"{name} anew {number}")
                connection.close()
            except (NoAnswerError, OSError) as error:
                self.faults.append(f"{address}: {error!r}")
            self._took(began)

    async def _keeping(self, name: str, address: Address) -> None:
        """One connection for all; made anew where HTTP has clients expect it."""
        connection: Connection | None = None
        number = 0
        while not self._stopping:
            number += 1
            began = time.monotonic()
            try:
                if connection is not None:
                    try:
                        await self._submit(connection, f"{name} keeping {number}")
                    except NoAnswerError:
                        self.retries += 1
                        connection.close()
                        connection = None
                if connection is None:
                    connection = await Connection.to(address)
                    await self._submit(connection, f"{name} keeping {number}")
            except (NoAnswerError, OSError) as error:
                self.faults.append(f"{address}, kept: {error!r}")
                connection = None
            if connection is not None and connection.closes:
                self.last_answers += 1
                connection.close()
                connection = None
            self._took(began)
        if connection is not None:
            connection.close()

    async def _submit(self, connection: Connection, text: str) -> None:
        body = {"to": "380501234500", "from": "Shop", "text": text}
        self.statuses[await connection.ask("POST", "/v1/messages", body)] += 1

    def _took(self, began: float) -> None:
        self.longest = max(self.longest, time.monotonic() - began)


@pytest.fixture
def sockets(tmp_path: Path) -> Iterator[list[socket.socket]]:
    """What a service manager would hold: TCP and unix."""
    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=100))
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(str(tmp_path / "http.sock"))
        unix.listen(100)
        yield [tcp, unix]


@pytest.fixture
def addresses(sockets: list[socket.socket]) -> list[Address]:
    return [one.getsockname() for one in sockets]


async def start(daemon: Daemon, sockets: list[socket.socket]) -> None:
    await daemon.start(pass_fds=[one.fileno() for one in sockets])


async def test_no_request_is_refused(
    processes: Bench,
    smsc: Smsc,
    sockets: list[socket.socket],
    addresses: list[Address],
):
    daemon = processes.daemon(config(smsc))
    daemon.environ["LISTEN_FDNAMES"] = "http:http"
    await start(daemon, sockets)
    callers = Callers(addresses)
    for _ in range(RESTARTS):
        await callers.more(40)
        assert await daemon.stop() == 0
        await start(daemon, sockets)
    await callers.stop()
    assert callers.faults == []
    assert set(callers.statuses) == {202}
    assert callers.longest < BOUND
    # Who was cut off while idle had not been heard: nothing is there twice.
    messages = await daemon.messages()
    assert len(messages) == callers.answers
    assert len({message["text"] for message in messages}) == callers.answers
    # Idle for half a second is rare here; being told is the rule.
    assert callers.last_answers > callers.retries
    assert await daemon.stop() == 0


async def test_served_until_the_links_are_left(
    processes: Bench,
    sockets: list[socket.socket],
    addresses: list[Address],
):
    """While answers of a slow SMSC are awaited HTTP goes on, on new connections."""
    smsc = processes.smsc()
    await smsc.start()
    daemon = processes.daemon(config(smsc, shutdown_timeout="20s"))
    await start(daemon, sockets)
    await daemon.bound()
    await smsc.fault(kind="late_response", delay="8s")
    await daemon.submit(text="slow")
    await daemon.connector(window_used=1)
    closing = contextlib.ExitStack()
    [kept, late, idle, unasked] = [
        closing.enter_context(contextlib.closing(await Connection.to(addresses[0])))
        for _ in range(4)
    ]
    for connection in (kept, late, idle):
        assert await connection.ask("GET", "/readyz") == 200
        assert not connection.closes
    body = json.dumps({"to": "380501234500", "from": "Shop", "text": "late"}).encode()
    await late.send(head("POST", "/v1/messages", len(body)) + body[:10])
    daemon.send_signal(15)
    await daemon.find("reason=stopping")
    # On a connection that was there: answered, and told that it ends.
    assert await kept.ask("GET", "/readyz") == 503
    assert kept.closes
    assert await kept.ended()
    # On a new one: likewise, and accepted.
    message = {"to": "380501234500", "from": "Shop", "text": "new"}
    with contextlib.closing(await Connection.to(addresses[1])) as new:
        assert await new.ask("POST", "/v1/messages", message) == 202
        assert new.closes
    # In the middle of a request: heard out.
    await late.send(body[10:])
    assert await late.answer() == 202
    assert late.closes
    # Idle, and never used: closed in the end.
    assert await idle.ended()
    assert await unasked.ended()
    # Too late for this process: for the next one.
    with closing, contextlib.closing(await Connection.to(addresses[0])) as early:
        await early.send(head("GET", "/healthz", 0))
        assert await daemon.exited() == 0
        await smsc.heal()
        await start(daemon, sockets)
        assert await early.answer() == 200
    texts = {message["text"] for message in await daemon.messages()}
    assert texts == {"slow", "new", "late"}
    for message in await daemon.messages():
        await daemon.reaches(message["id"], "delivered")
    assert await daemon.stop() == 0
