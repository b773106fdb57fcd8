"""Serving HTTP on the listening sockets, and leaving without cutting anybody off.

A stop has two parts. From `leave` on all is served as before, but each answer is the
last one on its connection, so that clients come again on new ones. `close` accepts no
more connections: who comes now waits in the queue of the socket, if that was inherited
and so outlives us, and is refused otherwise. Then

* a connection that was made and has asked nothing yet gets some time to do so, since a
  client need not expect it to be closed;
* one that is idle between two requests is closed: HTTP has clients expect that, and ask
  again elsewhere what was not answered at all (RFC 9112, 9.3.1 and 9.5);
* what is under way is answered.
"""

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from aiohttp import web

from esmed import listeners
from esmed.api.connection import Connection
from esmed.api.traffic import Traffic

ACCEPTED_AT_ONCE: Final = 1
"""Connections in one turn of the loop. It is also how often asyncio tries, complains
and arms another timer in each turn without file descriptors left, so one is best."""
IDLE_STAYS: Final = 0.5
"""Seconds after `leave` in which a client can still ask on a connection it keeps."""
FRESH_STAYS: Final = 2.0
"""Seconds for the first request of a connection."""
CONNECTION_OPTIONS: Final[Mapping[str, Any]] = {
    "access_log": None,
    # Compressed bodies are refused, so that none can be a bomb.
    "auto_decompress": False,
}
_CUT: Final = 0.1
"""Seconds for a request that was cut off to clean up."""


class HttpService:
    """Serves one application on sockets that listen already."""

    def __init__(
        self,
        sockets: Iterable[listeners.Listener],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.traffic: Final = Traffic()
        self._tls = tls
        self._sockets = tuple(sockets)
        self._runner: web.AppRunner | None = None
        self._server: web.Server | None = None
        self._servers: list[asyncio.Server] = []
        self._idle_until = 0.0

    @property
    def outlives_us(self) -> bool:
        """Whether who connects when this process is gone waits for the next one."""
        return all(listener.outlives_us for listener in self._sockets)

    async def start(self, application: web.Application) -> list[str]:
        """Serve; return where, as ``host:port`` or ``unix:PATH``."""
        runner = self._runner = web.AppRunner(application, shutdown_timeout=_CUT)
        await runner.setup()
        self._server = cast("web.Server", runner.server)
        for listener in self._sockets:
            self._servers.append(
                await asyncio.get_running_loop().create_server(
                    self._connection,
                    sock=listener,
                    backlog=ACCEPTED_AT_ONCE,
                    ssl=self._tls,
                )
            )
        return [listeners.name(listener) for listener in self._sockets]

    def leave(self) -> None:
        """Begin to leave: each answer is the last one on its connection."""
        self.traffic.leaving = True
        self._idle_until = asyncio.get_running_loop().time() + IDLE_STAYS

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109 - a bound
        """Accept no more, and serve out who is there; ``timeout`` seconds a request.

        Again does no harm.
        """
        runner, self._runner = self._runner, None
        if runner is None:
            return
        loop = asyncio.get_running_loop()
        await self._accept_no_more()
        fresh_until = loop.time() + min(FRESH_STAYS, timeout)
        if self._connections():
            await asyncio.sleep(self._idle_until - loop.time())
        while loop.time() < fresh_until and any(
            self.traffic.is_fresh(transport) for _, transport in self._connections()
        ):
            await self._moved(fresh_until)
        for handler, transport in self._connections():
            if not self.traffic.is_busy(transport):
                handler.close()
        end = loop.time() + timeout
        while self.traffic.busy and loop.time() < end:
            await self._moved(end)
        await runner.cleanup()

    def _connection(self) -> Connection:
        server = cast("web.Server", self._server)
        return Connection(server, self.traffic, **CONNECTION_OPTIONS)

    async def _accept_no_more(self) -> None:
        """Close the sockets; who was accepted is served."""
        loop = asyncio.get_running_loop()
        for listener in self._sockets:
            loop.remove_reader(listener)
        # What asyncio accepted in this turn it hands over in the next one, and fails to
        # if the server is closed by then.
        for _ in range(3):
            await asyncio.sleep(0)
        for server in self._servers:
            server.close()

    def _connections(self) -> list[tuple[web.RequestHandler, asyncio.BaseTransport]]:
        return [
            (handler, handler.transport)
            for handler in (self._server.connections if self._server else ())
            if handler.transport is not None
        ]

    async def _moved(self, until: float) -> None:
        """Wait for a request to begin or end."""
        self.traffic.moved.clear()
        try:
            async with asyncio.timeout_at(until):
                await self.traffic.moved.wait()
        except TimeoutError:
            return
