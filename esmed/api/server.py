"""The HTTP application: every path of the table, each behind the same door.

The wrapper around an endpoint does what concerns every request: it keeps web pages of
other sites out, finds the caller, turns refusals into problem details and counts. It is
a closure rather than a middleware, since it is part of what every submission costs.
"""

import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, NamedTuple

from aiohttp import hdrs, web

from esmed import log
from esmed.api import problems
from esmed.api.access import Names, Rates, Tokens, is_local
from esmed.api.messages import MessagesApi
from esmed.api.ops import OpsApi
from esmed.api.problems import ProblemError
from esmed.api.table import OPERATIONS, ROUTES, Access
from esmed.api.traffic import Traffic
from esmed.caller import Caller
from esmed.clock import Clock, SystemClock
from esmed.config import Client, Http
from esmed.errors import StoreError
from esmed.fieldtypes import Endpoint
from esmed.gateway import Gateway
from esmed.metrics import Metrics
from esmed.refusals import ForbiddenError, NotFoundError, RefusedError

__all__ = ["ROUTES", "build", "configure"]

Handler = Callable[[web.Request, Caller], Awaitable[web.Response]]
"""An endpoint, which may raise RefusedError, StoreError and ProblemError."""

_log = log.get("api")

_HERE: Final = Caller(name=None, admin=True)
_ANYONE: Final = Caller(name=None)
_TOKENS: Final = web.AppKey("tokens", Tokens)
_RATES: Final = web.AppKey("rates", Rates)


def build(
    gateway: Gateway,
    config: Http,
    metrics: Metrics,
    clock: Clock | None = None,
    traffic: Traffic | None = None,
) -> web.Application:
    """Return the application, to be run by `esmed.api.service.HttpService`.

    ``metrics`` must have been made with ``ROUTES``.
    """
    tokens = Tokens(config.clients)
    rates = Rates(config.clients, clock or SystemClock())
    endpoints = (
        MessagesApi(gateway, rates, config.max_body),
        OpsApi(gateway, metrics, config.max_body),
    )
    hall = _Hall(_Door(config, tokens), traffic or Traffic(), metrics)
    app = web.Application(client_max_size=config.max_body)
    app[_TOKENS], app[_RATES] = tokens, rates
    for path in ROUTES:
        resource = app.router.add_resource(path)
        methods: list[str] = []
        for operation in OPERATIONS:
            if operation.path == path:
                handler = _handler(endpoints, operation.name)
                handle = _wrap(hall, path, handler, operation.access)
                resource.add_route(operation.method, handle)
                methods.append(operation.method)
                if operation.method == hdrs.METH_GET:
                    resource.add_route(hdrs.METH_HEAD, handle)
                    methods.append(hdrs.METH_HEAD)
        other = _other_method(methods)
        resource.add_route(hdrs.METH_ANY, _wrap(hall, path, other, "client"))
    nothing = _wrap(hall, None, _no_such_path, "client")
    app.router.add_route(hdrs.METH_ANY, "/{path:.*}", nothing)
    return app


def configure(app: web.Application, clients: Sequence[Client]) -> None:
    """Have other clients from the next request on."""
    app[_TOKENS].configure(clients)
    app[_RATES].configure(clients)


class _Hall(NamedTuple):
    """What every request passes."""

    door: "_Door"
    traffic: Traffic
    metrics: Metrics


def _handler(endpoints: Sequence[object], name: str) -> Handler:
    for one in endpoints:
        if hasattr(one, name):
            handler: Handler = getattr(one, name)
            return handler
    raise LookupError(name)


class _Door:
    """Decides who comes in."""

    def __init__(self, config: Http, tokens: Tokens) -> None:
        self._names = Names(_own_names(config))
        self._tokens = tokens

    def admit(self, request: web.Request, access: Access) -> Caller:
        """Return who asks. ProblemError, ForbiddenError."""
        transport = request.transport
        if transport is None:
            raise ProblemError(400, "the client has gone")
        headers = request.headers
        sockname = transport.get_extra_info("sockname")
        host = headers.get(hdrs.HOST)
        if host is None:
            raise ProblemError(400, "a Host header is needed")
        if not self._names.is_own_host(host, sockname):
            raise ProblemError(421, "Host is not a name of this listener")
        origin = headers.get(hdrs.ORIGIN)
        if origin is not None and not self._names.is_own_origin(origin, sockname):
            raise ProblemError(403, "requests of other sites' pages are refused")
        if access == "anyone":
            return _ANYONE
        caller = self._caller(request, transport.get_extra_info("peername"))
        if access == "admin" and not caller.admin:
            raise ForbiddenError("this client is no administrator")
        return caller

    def _caller(self, request: web.Request, peername: object) -> Caller:
        if self._tokens.needed:
            caller = self._tokens.caller(request.headers.get(hdrs.AUTHORIZATION))
            if caller is None:
                message = "a valid token is needed: Authorization: Bearer TOKEN"
                raise ProblemError(401, message, {hdrs.WWW_AUTHENTICATE: "Bearer"})
            return caller
        if not is_local(peername):
            message = "only for this machine, while there are no clients with a token"
            raise ProblemError(401, message, {hdrs.WWW_AUTHENTICATE: "Bearer"})
        return _HERE


def _own_names(config: Http) -> Iterator[str]:
    yield socket.gethostname()
    for address in config.listen:
        if isinstance(address, Endpoint):
            yield address.host


def _wrap(
    hall: _Hall, path: str | None, handler: Handler, access: Access
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    door, traffic, metrics = hall.door, hall.traffic, hall.metrics

    async def handle(request: web.Request) -> web.StreamResponse:
        connection = traffic.begin(request)
        try:
            try:
                response = await handler(request, door.admit(request, access))
            except (RefusedError, StoreError, ProblemError) as exc:
                response = problems.refuse(exc)
            except Exception as exc:  # noqa: BLE001 - the root of a request
                _log.error("api.failed", exc=exc, method=request.method, path=path)
                response = problems.refuse(ProblemError(500, "see the daemon's log"))
            metrics.http_request(request.method, path, response.status)
            await traffic.answered(request, response)
        finally:
            traffic.end(connection)
        return response

    return handle


def _other_method(methods: Sequence[str]) -> Handler:
    allow: dict[str, str] = {hdrs.ALLOW: ", ".join([*methods, hdrs.METH_OPTIONS])}

    async def handle(request: web.Request, _: Caller) -> web.Response:
        if request.method == hdrs.METH_OPTIONS:
            return web.Response(status=204, headers={**allow, hdrs.SERVER: "esmed"})
        raise ProblemError(405, f"{request.method} is not possible here", allow)

    return handle


async def _no_such_path(_: web.Request, __: Caller) -> web.Response:
    raise NotFoundError("there is nothing at this path")
