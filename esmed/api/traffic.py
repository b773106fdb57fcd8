"""The requests under way and the connections they came by, so that a stop cuts none."""

import asyncio
import contextlib
from weakref import WeakSet

from aiohttp import web


class Traffic:
    """Counts what `esmed.api.server` handles; used from the event loop's thread."""

    def __init__(self) -> None:
        self.leaving = False
        """Whether each answer is to be the last one on its connection."""
        self.moved = asyncio.Event()
        """Set whenever a request begins or ends; who waits for it clears it."""
        self._busy: set[asyncio.BaseTransport | None] = set()
        self._used: WeakSet[asyncio.BaseTransport] = WeakSet()

    @property
    def busy(self) -> bool:
        """Whether a request is under way."""
        return bool(self._busy)

    def is_busy(self, transport: asyncio.BaseTransport) -> bool:
        """Tell whether a request of this connection is under way."""
        return transport in self._busy

    def is_fresh(self, transport: asyncio.BaseTransport) -> bool:
        """Tell whether nothing was ever asked on this connection."""
        return transport not in self._used

    def begin(self, request: web.Request) -> asyncio.BaseTransport | None:
        """Count a request as under way; give what it returns to `end`."""
        transport = request.transport
        if transport is not None:
            self._used.add(transport)
        self._busy.add(transport)
        self.moved.set()
        return transport

    def end(self, transport: asyncio.BaseTransport | None) -> None:
        """Undo `begin`: the request has been answered."""
        self._busy.discard(transport)
        self.moved.set()

    async def answered(
        self, request: web.Request, response: web.StreamResponse
    ) -> None:
        """Write an answer that says that the connection ends, if it is to end.

        Written here, it is counted as under way until it is with the system.
        """
        if self.leaving:
            response.force_close()
            with contextlib.suppress(ConnectionError):  # the client has gone
                await response.prepare(request)
                await response.write_eof()
