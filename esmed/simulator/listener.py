"""A listening socket that can be closed for a while without losing its port."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any


class Listener:
    """`reserve` and `start`, then `refuse` and `accept` in any order, then `stop`."""

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
            self._server = await loop.create_server(
                self._protocol, sock=_bound_socket(*self._address), ssl=self.tls
            )
            if self._refused():
                # Closed again while it was being opened.
                self._close()

    async def stop(self) -> None:
        """Close it and give the port up; twice does no harm."""
        self._refusals += 1
        if self._opening is not None:
            await asyncio.wait([self._opening])
        self._close()
        if self._reserved is not None:
            self._reserved.close()

    def refuse(self) -> None:
        """Refuse connections, until `accept` was called as often."""
        self._refusals += 1
        self._close()

    def accept(self) -> None:
        """Undo one `refuse`."""
        self._refusals -= 1
        if self._refusals == 0 and (self._opening is None or self._opening.done()):
            self._opening = asyncio.create_task(self.start())

    def _refused(self) -> bool:
        return self._refusals > 0

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


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
