"""The listener for the providers' pushes: one path, and nothing else.

``/callbacks/{connector}/{secret}/{kind}``. Whoever does not know all of it hears the
same plain 404, whatever is wrong. A push is answered when it is on disk, with exactly
what its provider demands; what cannot be stored in time is refused, and comes again.
"""

import asyncio
import ipaddress
import ssl
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from aiohttp import hdrs, web

from esmed import log
from esmed.api.traffic import Traffic
from esmed.bridge.base import CallbackReply, CallbackRequest
from esmed.config import Callbacks, CallbacksTls
from esmed.errors import TransportError
from esmed.tls import describe

PATH: Final = "/callbacks/{connector}/{secret}/{kind}"
AT_ONCE: Final = 200
"""Pushes that are taken at a time; one more is to come again."""
READ_WITHIN: Final = 20.0
"""Seconds in which the body of a push must have come."""
_NOTHING: Final = CallbackReply(status=404, body=b"not found\n")
_LATER: Final = CallbackReply(status=503, body=b"not now\n")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_log: Final = log.get("api.callbacks")


def server_context(tls: CallbacksTls) -> ssl.SSLContext:
    """Read the certificate that is shown. Blocks. TransportError names what cannot be
    used."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # Without a password to try OpenSSL would ask the terminal for one.
        context.load_cert_chain(tls.certificate, tls.key, password="")
    except OSError as error:
        text = f"cannot use {tls.certificate}: {describe(error)}"
        raise TransportError(text) from error
    return context


def renew(context: ssl.SSLContext, tls: CallbacksTls) -> None:
    """Have new connections be shown what is in the files now. Blocks. TransportError
    names what cannot be used; then all stays as it was."""
    server_context(tls)  # a certificate without its key would be half in place
    context.load_cert_chain(tls.certificate, tls.key, password="")


class Receiver(Protocol):
    """A connector that providers push to."""

    def expects(self, secret: str, kind: str) -> bool:
        """Tell whether there is such a path; the time it takes tells nothing."""

    async def callback(self, kind: str, request: CallbackRequest) -> CallbackReply:
        """Take a push to it."""


def build(
    find: Callable[[str], Receiver | None], config: Callbacks, traffic: Traffic
) -> web.Application:
    """Return the application, to be run by `esmed.api.service.HttpService`.

    ``find`` gives the connector of that name, if it can be pushed to.
    """
    app = web.Application(client_max_size=config.max_body)
    desk = _Desk(find, config, traffic)
    for method in (hdrs.METH_GET, hdrs.METH_POST):
        app.router.add_route(method, PATH, desk.handle)
    app.router.add_route(hdrs.METH_ANY, "/{path:.*}", desk.handle)
    return app


class _Desk:
    """Takes requests in, and none that must not be."""

    def __init__(
        self,
        find: Callable[[str], Receiver | None],
        config: Callbacks,
        traffic: Traffic,
    ) -> None:
        self._find = find
        self._allow = config.allow
        self._traffic = traffic
        self._open = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, whatever it is."""
        connection = self._traffic.begin(request)
        try:
            reply = await self._answer(request)
            response = web.Response(
                status=reply.status,
                body=reply.body,
                headers={hdrs.CONTENT_TYPE: reply.content_type, hdrs.SERVER: "esmed"},
            )
            await self._traffic.answered(request, response)
        finally:
            self._traffic.end(connection)
        return response

    async def _answer(self, request: web.Request) -> CallbackReply:
        if not _is_allowed(request, self._allow):
            return CallbackReply(status=403, body=b"not from there\n")
        path = request.match_info
        name, kind = path.get("connector", ""), path.get("kind", "")
        receiver = self._find(name)
        # Before anything of the body is read: nobody else costs us more than this.
        if receiver is None or not receiver.expects(path.get("secret", ""), kind):
            return _NOTHING
        if self._open >= AT_ONCE:
            return _LATER
        self._open += 1
        try:
            push = await _read(request)
            if isinstance(push, CallbackReply):
                return push
            return await receiver.callback(kind, push)
        except Exception as error:  # noqa: BLE001 - the root of a request
            _log.error("callback.failed", exc=error, connector=name, kind=kind)
            return CallbackReply(status=500, body=b"see the daemon's log\n")
        finally:
            self._open -= 1


async def _read(request: web.Request) -> CallbackRequest | CallbackReply:
    """Read a push, or tell why it cannot be."""
    try:
        async with asyncio.timeout(READ_WITHIN):
            body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        return CallbackReply(status=413, body=b"too large\n")
    except (TimeoutError, web.RequestPayloadError, ConnectionError):
        return CallbackReply(status=400, body=b"the body did not come whole\n")
    return CallbackRequest(
        method=request.method,
        query=request.rel_url.raw_query_string.encode("ascii", "replace"),
        headers={key.lower(): value for key, value in request.headers.items()},
        body=body,
    )


def _is_allowed(request: web.Request, allow: Sequence[Network]) -> bool:
    """Tell whether a request may come from where it does; over a unix socket it may."""
    if not allow or request.remote == "":
        return True
    if request.remote is None:  # it has gone already
        return False
    address = ipaddress.ip_address(request.remote.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in allow)
