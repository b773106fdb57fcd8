"""A listening socket that can be closed, or deaf, for a while and keeps its port."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast

_HANDED_OVER: Final = 3
"""Turns of the loop that asyncio takes from accepting to handing over."""


class _Deaf(asyncio.Protocol):
    """A connection with which nothing is ever done."""

    def __init__(self, connections: set[asyncio.BaseTransport]) -> None:
        self._connections = connections
        self._transport: asyncio.BaseTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self._transport)


class Listener:
    """`reserve` and `start`, then `refuse` and `accept`, `stall` and `serve` in any
    order, then `stop`."""

    def __init__(
        self, protocol: Callable[[], asyncio.Protocol], host: str, port: int
    ) -> None:
        self.port = port
        self.tls: ssl.SSLContext | None = None
        """What connections from now on are served with."""
        self._protocol = protocol
        self._host = host
        self._address: tuple[socket.AddressFamily, Any]
        self._reserved: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._refusals = 0
        self._stalls = 0
        self._deaf: set[asyncio.BaseTransport] = set()
        self._opening: asyncio.Task[None] | None = None

    @property
    def listening(self) -> bool:
        """Whether connections are accepted."""
        return self._server is not None

    async def reserve(self) -> None:
        """Take the port with a socket that does not listen. `OSError` if it is taken.

        So nobody else gets it while the listener is closed, and who connects then is
        refused.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(
            self._host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, address = found[0][0], found[0][4]
        self._reserved = _bound_socket(family, address)
        self._address = family, self._reserved.getsockname()
        self.port = self._address[1][1]

    async def start(self) -> None:
        """Accept connections, unless they are to be refused."""
        loop = asyncio.get_running_loop()
        while self._server is None and not self._refused():
            stalled = self._stalls > 0
            self._server = await loop.create_server(
                partial(_Deaf, self._deaf) if stalled else self._protocol,
                sock=_bound_socket(*self._address),
                ssl=None if stalled else self.tls,
            )
            if self._refused() or stalled != (self._stalls > 0):
                # Not what is wanted any more.
                self._close()

    async def stop(self) -> None:
        """Close it and give the port up; twice does no harm."""
        self._refusals += 1
        if self._opening is not None:
            await asyncio.wait([self._opening])
        self._close()
        for _ in range(_HANDED_OVER):
            await asyncio.sleep(0)
        self._hang_up()
        if self._reserved is not None:
            self._reserved.close()

    def refuse(self) -> None:
        """Refuse connections, until `accept` was called as often."""
        self._refusals += 1
        self._close()

    def accept(self) -> None:
        """Undo one `refuse`."""
        self._refusals -= 1
        self._open()

    def stall(self) -> None:
        """Accept, and say nothing, until `serve` was called as often: no TLS either."""
        self._stalls += 1
        self._close()
        self._open()

    def serve(self) -> None:
        """Undo one `stall`; who was stalled is disconnected."""
        self._stalls -= 1
        self._close()
        if not self._stalls:
            self._hang_up()
        self._open()

    def _open(self) -> None:
        if not self._refused() and (self._opening is None or self._opening.done()):
            self._opening = asyncio.create_task(self.start())

    def _refused(self) -> bool:
        return self._refusals > 0

    def _close(self) -> None:
        """Accept no more, at once; asyncio hears of it once it has handed over what it
        accepted in this turn, since it loses those whose server is closed by then."""
        server, self._server = self._server, None
        if server is None:
            return
        loop = asyncio.get_running_loop()
        for listening in server.sockets:
            loop.remove_reader(listening)
            # Whoever connects from now on is refused, and the address is free again.
            listening.shutdown(socket.SHUT_RDWR)
        turns = _HANDED_OVER

        def wait() -> None:
            nonlocal turns
            turns -= 1
            if turns:
                loop.call_soon(wait)
            else:
                server.close()

        loop.call_soon(wait)

    def _hang_up(self) -> None:
        for transport in list(self._deaf):
            cast("asyncio.Transport", transport).abort()


def _bound_socket(family: socket.AddressFamily, address: Any) -> socket.socket:
    # asyncio turns Nagle's algorithm off only where the protocol is named.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock
