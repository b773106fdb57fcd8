"""A stand-in for a provider that is spoken to over HTTP."""

import asyncio
from abc import abstractmethod
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from hmac import compare_digest
from typing import ClassVar, Final, cast

from aiohttp import web

from esmed.simulator.bridge.faults import Refuse
from esmed.simulator.bridge.frame import ProviderSimulator
from esmed.simulator.bridge.httpfaults import HTTP_FAULTS, HttpFault

_LARGEST: Final = 32 * 2**20
"""Octets of a request."""
_CLOSING: Final = 2.0
"""Seconds that open requests have when the stand-in stops."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpSimulator(ProviderSimulator):
    """A kind gives `routes`, names the `operation` of a request (``send`` is that which
    submits) and makes the `refusal` with one of its codes."""

    faults = HTTP_FAULTS
    path: ClassVar[str] = ""
    """Behind the port, in what a client's configuration names."""

    @abstractmethod
    def routes(self) -> Sequence[web.RouteDef]:
        """Where it answers, and how."""

    @abstractmethod
    async def operation(self, request: web.Request) -> str:
        """What is asked; ``""`` if nobody knows. The body may be read: it is kept."""

    @abstractmethod
    async def refusal(self, request: web.Request, code: str) -> web.Response:
        """The answer that refuses a request with that code."""

    @property
    def url(self) -> str:
        scheme = "http" if self.options.tls_certificate is None else "https"
        host = self.options.host
        shown = f"[{host}]" if ":" in host else host
        return f"{scheme}://{shown}:{self.port}{self.path}"

    def knows_basic(self, request: web.Request) -> bool:
        """Whether the credentials are the right ones, by HTTP Basic (RFC 7617)."""
        given = request.headers.get("Authorization", "")
        login, password = self.options.login, self.options.password
        if login is None and password is None:
            return given.startswith("Basic ")
        wanted = b64encode(f"{login or ''}:{password or ''}".encode()).decode()
        return compare_digest(given.encode(), f"Basic {wanted}".encode())

    def knows_bearer(self, request: web.Request) -> bool:
        """Whether the key is the right one, as a bearer token (RFC 6750)."""
        given = request.headers.get("Authorization", "")
        if self.options.api_key is None:
            return given.startswith("Bearer ")
        wanted = f"Bearer {self.options.api_key}"
        return compare_digest(given.encode(), wanted.encode())

    async def _begin(self, closing: AsyncExitStack) -> Callable[[], asyncio.Protocol]:
        application = web.Application(
            middlewares=[self._faulty], client_max_size=_LARGEST
        )
        application.add_routes(self.routes())
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=_CLOSING)
        await runner.setup()
        closing.push_async_callback(runner.cleanup)
        return cast("Callable[[], asyncio.Protocol]", runner.server)

    @web.middleware
    async def _faulty(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        fault = self.struck(await self.operation(request))
        if isinstance(fault, Refuse):
            return await self.refusal(request, fault.code)
        if not isinstance(fault, HttpFault):
            return await handler(request)

        async def proceed() -> web.Response:
            return cast("web.Response", await handler(request))

        return await fault.answer(request, proceed)
