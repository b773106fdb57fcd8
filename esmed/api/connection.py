"""One client's connection, beyond what aiohttp makes of it.

aiohttp waits for ever for the rest of a request, and for its answer to be read; what is
no HTTP it answers in plain text, and logs it with the octets that came. Here a client
has bounds, gets problem details like everybody, and nothing that it sent is in the log.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from aiohttp import web

from esmed import log
from esmed.api import problems
from esmed.api.problems import ProblemError
from esmed.api.traffic import Traffic

FIRST_WITHIN: Final = 30.0
"""Seconds in which the head of the first request must have come."""
NEXT_WITHIN: Final = 300.0
"""Seconds between two requests, the head of the second one included. Longer than
reverse proxies keep their connections, so that it is they who close them."""

ANSWER_WITHIN: Final = 60.0
"""Seconds in which a client must have read an answer, but for what buffers hold."""
_SMALL: Final = 65_536  # octets that the transport takes without anybody reading

Finished = tuple[web.StreamResponse, bool]
"""What was written, and whether the connection broke meanwhile."""

_log = log.get("api")


class Connection(web.RequestHandler):
    """The protocol of one connection; ``options`` are aiohttp's."""

    __slots__ = ("_timer", "_traffic")

    _timer: asyncio.TimerHandle

    def __init__(self, server: web.Server, traffic: Traffic, **options: Any) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(server, loop=loop, keepalive_timeout=NEXT_WITHIN, **options)
        self._traffic = traffic

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(FIRST_WITHIN, self._first_is_due)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Wait no more."""
        self._timer.cancel()
        super().connection_lost(exc)

    def _first_is_due(self) -> None:
        if self.transport is not None and self._traffic.is_fresh(self.transport):
            self.force_close()

    def finish_response(
        self,
        request: web.BaseRequest,
        resp: web.StreamResponse,
        start_time: float | None,
    ) -> Coroutine[Any, Any, Finished]:
        """Write the answer; who does not read a large one in time is cut off."""
        writing = super().finish_response(request, resp, start_time)
        body = resp.body if isinstance(resp, web.Response) else None
        if not isinstance(body, bytes) or len(body) <= _SMALL:
            return writing
        return self._within(writing, request, resp)

    async def _within(
        self,
        writing: Coroutine[Any, Any, Finished],
        request: web.BaseRequest,
        resp: web.StreamResponse,
    ) -> Finished:
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                return await writing
        except TimeoutError:
            _log.debug("api.unread", peer=request.remote)
            if self.transport is not None:
                self.transport.abort()
            return resp, True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what never came as far as the application, or failed outside of it.

        ``message`` repeats what was sent, and so does ``exc`` of a status below 500.
        """
        if status < 500:
            reason = type(exc).__name__
            _log.debug("api.unreadable", peer=request.remote, reason=reason)
            problem = ProblemError(status, "what was sent is no HTTP request")
        else:
            _log.error("api.failed", exc=exc, method=None, path=None)
            problem = ProblemError(status, "see the daemon's log")
        response = problems.refuse(problem)
        response.force_close()
        return response
