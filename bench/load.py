"""The load generator: HTTP/1.1 requests over keep-alive connections, nothing else.

It runs in the process that measures. Each connection sends its next request when the
answer to the one before has come; requests are bytes made beforehand.
"""

import asyncio
import json
import re
from collections.abc import Sequence
from time import perf_counter

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)", re.IGNORECASE)

SINGLE = {
    "to": "380501234567",
    "from": "MyCompany",
    "text": "Your parcel 20261121-0042 is waiting, the code is 4711",
    "reference": "order-20417",
}


def post(port: int, path: str, body: object) -> bytes:
    """A POST of ``body`` as JSON."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def get(port: int, path: str) -> bytes:
    """A GET."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()


class _Connection(asyncio.Protocol):
    def __init__(self, load: "Load") -> None:
        self._load = load
        self._buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._buffer, 0, end)
        total = end + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < total:
            return
        status = _STATUS.match(self._buffer)
        self._buffer = self._buffer[total:]
        self._load.answered(self, int(status[1]) if status else 0)

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost()


class Load:
    """Open connections to one server, ready for one window after another."""

    def __init__(self, port: int, request: bytes, good: Sequence[int]) -> None:
        self._port = port
        self._request = request
        self._good = frozenset(good)
        self._connections: list[_Connection] = []
        self._to_send = self._to_come = 0
        self._done: asyncio.Future[None] | None = None

    async def open(self, connections: int) -> None:
        """Connect."""
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            _, connection = await loop.create_connection(
                lambda: _Connection(self), "127.0.0.1", self._port
            )
            self._connections.append(connection)

    async def window(self, requests: int) -> float:
        """Send that many; return the seconds until the last answer."""
        self._done = asyncio.get_running_loop().create_future()
        self._to_send = self._to_come = requests
        started = perf_counter()
        for connection in self._connections:
            self._send(connection)
        await self._done
        return perf_counter() - started

    def close(self) -> None:
        """Disconnect."""
        for connection in self._connections:
            if connection.transport is not None:
                connection.transport.abort()

    def answered(self, connection: _Connection, status: int) -> None:
        """Take an answer, send the next request."""
        if status not in self._good:
            self._fail(f"answered {status}")
            return
        self._to_come -= 1
        if not self._to_come and self._done is not None and not self._done.done():
            self._done.set_result(None)
        self._send(connection)

    def lost(self) -> None:
        """A connection is gone: fatal in the midst of a window."""
        if self._to_come:
            self._fail("closed a connection")

    def _send(self, connection: _Connection) -> None:
        if self._to_send and connection.transport is not None:
            self._to_send -= 1
            connection.transport.write(self._request)

    def _fail(self, what: str) -> None:
        if self._done is not None and not self._done.done():
            message = f"port {self._port} {what}"
            self._done.set_exception(RuntimeError(message))
