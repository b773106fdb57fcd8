"""What can go wrong with a request over HTTP, and with its answer.

`processed: true` has the request done all the same: whoever asked cannot know.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from aiohttp import web

from esmed.simulator.bridge.faults import FAULTS, ProviderFault
from esmed.simulator.values import Seconds

Proceed = Callable[[], Awaitable[web.Response]]
"""Does what was asked, and makes the answer."""

_PAGE: Final = (
    "<!DOCTYPE html><html><head><title>Bad Gateway</title></head>"
    "<body><h1>502 Bad Gateway</h1><hr>nginx &mdash; <br></body></html>"
)


class HttpFault(ProviderFault, frozen=True, kw_only=True):
    """A fault of one request."""

    requests = True

    processed: bool = False

    async def answer(
        self, request: web.Request, proceed: Proceed
    ) -> web.StreamResponse:
        """Answer in its stead, having called `proceed` if it is to be processed."""
        if self.processed:
            await proceed()
        return self.instead(request)

    def instead(self, request: web.Request) -> web.StreamResponse:
        """The wrong answer."""
        raise NotImplementedError


class Status(HttpFault, frozen=True, kw_only=True):
    """Answered with that status, and `retry_after` if it is given; no body."""

    kind = "status"

    code: int
    retry_after: str = ""

    def instead(self, request: web.Request) -> web.StreamResponse:
        headers = {"Retry-After": self.retry_after} if self.retry_after else {}
        return web.Response(status=self.code, headers=headers)


class Html(HttpFault, frozen=True, kw_only=True):
    """A page for people, as a proxy makes it; 200 unless another status is given."""

    kind = "html"

    code: int = 200

    def instead(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=self.code, text=_PAGE, content_type="text/html")


class Body(HttpFault, frozen=True, kw_only=True):
    """That text, or those octets (`hex`), as the body; nothing given: an empty one."""

    kind = "body"

    code: int = 200
    text: str = ""
    hex: str = ""
    type: str = "text/xml"

    def __post_init__(self) -> None:
        super().__post_init__()
        bytes.fromhex(self.hex)

    def instead(self, request: web.Request) -> web.StreamResponse:
        body = self.text.encode() or bytes.fromhex(self.hex)
        headers = {"Content-Type": self.type}
        return web.Response(status=self.code, body=body, headers=headers)


class Garbage(HttpFault, frozen=True, kw_only=True):
    """So many random octets as the body."""

    kind = "garbage"

    size: int = 256

    def instead(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=random.Random(self.size).randbytes(self.size))  # noqa: S311


class Huge(HttpFault, frozen=True, kw_only=True):
    """So many octets as the body, of blanks."""

    kind = "huge"

    size: int = 10 * 2**20

    def instead(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=b" " * self.size)


class Close(HttpFault, frozen=True, kw_only=True):
    """The connection is reset without an answer."""

    kind = "close"

    def instead(self, request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()


class Truncated(HttpFault, frozen=True, kw_only=True):
    """Processed; the connection closes in the middle of the answer's body."""

    kind = "truncated"

    async def answer(
        self, request: web.Request, proceed: Proceed
    ) -> web.StreamResponse:
        answer = await proceed()
        body = _octets(answer)
        begun = await _begun(request, answer, len(body))
        await begun.write(body[: len(body) // 2])
        if request.transport is not None:
            request.transport.close()
        return begun


class Delay(HttpFault, frozen=True, kw_only=True):
    """Processed, and answered so much later."""

    kind = "delay"

    seconds: Seconds = Seconds(1)

    async def answer(
        self, request: web.Request, proceed: Proceed
    ) -> web.StreamResponse:
        answer = await proceed()
        await asyncio.sleep(self.seconds)
        return answer


class Drip(HttpFault, frozen=True, kw_only=True):
    """Processed; the answer's body comes so many octets at a time, with pauses."""

    kind = "drip"

    size: int = 1
    pause: Seconds = Seconds(0.1)

    async def answer(
        self, request: web.Request, proceed: Proceed
    ) -> web.StreamResponse:
        answer = await proceed()
        body = _octets(answer)
        begun = await _begun(request, answer, len(body))
        with suppress(ConnectionError):  # whoever asked has had enough
            for at in range(0, len(body), max(self.size, 1)):
                await begun.write(body[at : at + max(self.size, 1)])
                await asyncio.sleep(self.pause)
            await begun.write_eof()
        return begun


def _octets(answer: web.Response) -> bytes:
    return answer.body if isinstance(answer.body, bytes) else b""


async def _begun(
    request: web.Request, answer: web.Response, size: int
) -> web.StreamResponse:
    headers = {"Content-Type": answer.headers.get("Content-Type", "text/plain")}
    begun = web.StreamResponse(status=answer.status, headers=headers)
    begun.content_length = size
    await begun.prepare(request)
    return begun


HTTP_FAULTS: Final[dict[str, type[ProviderFault]]] = FAULTS | {
    kind.kind: kind
    for kind in (Status, Html, Body, Garbage, Huge, Close, Truncated, Delay, Drip)
}
