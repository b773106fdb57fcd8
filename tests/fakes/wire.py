"""A raw TCP peer: it listens, and sends and reads bytes when the test says so."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LIMIT = 30.0
"""Seconds for anything that is sure to happen: machines stall."""


class WireConnection:
    """One connection that was made to us."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, count: int) -> bytes:
        """Exactly so many octets; IncompleteReadError at the end of the stream."""
        async with asyncio.timeout(LIMIT):
            return await self._reader.readexactly(count)

    async def read_until(self, end: bytes) -> bytes:
        """All up to and with those octets."""
        async with asyncio.timeout(LIMIT):
            return await self._reader.readuntil(end)

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Encrypt from here on; what was sent leaves first."""
        async with asyncio.timeout(LIMIT):
            await self._writer.start_tls(context)

    async def read_to_end(self) -> bytes:
        """All until the other side closes, or breaks off."""
        data = b""
        async with asyncio.timeout(LIMIT):
            try:
                while chunk := await self._reader.read(65536):
                    data += chunk
            except ConnectionError:
                pass
        return data

    async def read_frame(self) -> bytes:
        """One PDU by its command_length."""
        head = await self.read(4)
        return head + await self.read(int.from_bytes(head, "big") - 4)

    def send(self, data: bytes) -> None:
        """Have the octets written."""
        self._writer.write(data)

    def close(self) -> None:
        """Close in order: what was sent still arrives."""
        self._writer.close()

    def reset(self) -> None:
        """Break off."""
        self._writer.transport.abort()


class WirePeer:
    """A listening socket on a free port of the loopback."""

    def __init__(self) -> None:
        self.accepted = 0
        """How many connections were made."""
        self._fresh: asyncio.Queue[WireConnection] = asyncio.Queue()
        self._all: list[WireConnection] = []
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, context: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", 0, ssl=context
        )

    async def connection(self) -> WireConnection:
        """The next connection, made already or soon."""
        async with asyncio.timeout(LIMIT):
            return await self._fresh.get()

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._all:
            connection.reset()
        await self._server.wait_closed()

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.accepted += 1
        connection = WireConnection(reader, writer)
        self._all.append(connection)
        self._fresh.put_nowait(connection)


@asynccontextmanager
async def wire_peer(context: ssl.SSLContext | None = None) -> AsyncIterator[WirePeer]:
    """A peer that is gone at the end."""
    peer = WirePeer()
    await peer.start(context)
    try:
        yield peer
    finally:
        await peer.stop()
