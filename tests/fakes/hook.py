"""A customer's application that takes webhooks: records, verifies, and can misbehave.

Its verification shares nothing with ours: HMAC by RFC 2104 §2 from bare SHA-256, and
the signed content as the Standard Webhooks specification writes it.
"""

import asyncio
import base64
import hashlib
import ssl
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web

PATIENCE = 60.0
"""Seconds; of whoever waits for what must come: this machine may stall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """Never answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Closes the connection without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drip:
    """Answers the headers at once, and then a body that never ends."""

    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status, perhaps with a body or headers."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Answers once `gate` is set."""

    gate: asyncio.Event
    status: int = 200


Behaviour = Hang | Drop | Drip | Answer | Wait | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def timestamp(self) -> int:
        return int(self.headers["webhook-timestamp"])

    def is_signed_by(self, key: bytes) -> bool:
        """Whether one of the signatures is right."""
        signed = b".".join(
            [self.id.encode(), str(self.timestamp).encode("ascii"), self.body]
        )
        expected = base64.standard_b64encode(_hmac_sha256(key, signed)).decode("ascii")
        return any(
            signature == f"v1,{expected}"
            for signature in self.headers["webhook-signature"].split(" ")
        )


def _hmac_sha256(key: bytes, message: bytes) -> bytes:
    if len(key) > 64:
        key = hashlib.sha256(key).digest()
    key = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(octet ^ 0x36 for octet in key) + message).digest()
    return hashlib.sha256(bytes(octet ^ 0x5C for octet in key) + inner).digest()


class HookSink:
    """An HTTP server on loopback; `async with`.

    `behave` says what a path does, one behaviour a request, the last one for ever;
    a path of which nothing was said answers 200.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Hook] = []
        self.most_open: Counter[str] = Counter()
        """Requests under way at once at most, by path; `*` is all of them."""
        self.connections = 0
        """Connections ever made."""
        self._tls = tls
        self._open: Counter[str] = Counter()
        self._scripts: dict[str, list[Behaviour]] = defaultdict(lambda: [200])
        self._changed = asyncio.Event()
        self._leaving = asyncio.Event()
        self._transports: set[object] = set()
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        self.port = 0

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leaving.set()
        await self._runner.cleanup()

    def url(self, path: str = "/hook") -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def behave(self, path: str, *behaviours: Behaviour) -> None:
        self._scripts[path] = list(behaviours)

    def at(self, path: str) -> list[Hook]:
        """What came to one path."""
        return [hook for hook in self.received if hook.path == path]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to be true that requests make true."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def count(self, number: int, path: str | None = None) -> None:
        """Wait for that many requests."""
        await self.until(
            lambda: len(self.received if path is None else self.at(path)) >= number
        )

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.transport not in self._transports:
            self._transports.add(request.transport)
            self.connections += 1
        path = request.path
        for key in (path, "*"):
            self._open[key] += 1
            self.most_open[key] = max(self.most_open[key], self._open[key])
        try:
            body = await request.read()
            headers = {name.lower(): value for name, value in request.headers.items()}
            self.received.append(Hook(path=path, headers=headers, body=body))
            self._changed.set()
            script = self._scripts[path]
            behaviour = script.pop(0) if len(script) > 1 else script[0]
            return await self._behave(request, behaviour)
        finally:
            for key in (path, "*"):
                self._open[key] -= 1

    async def _behave(
        self, request: web.Request, behaviour: Behaviour
    ) -> web.StreamResponse:
        match behaviour:
            case int(status):
                return web.Response(status=status)
            case Answer(status=status, body=body, headers=headers):
                return web.Response(status=status, body=body, headers=headers)
            case Wait(gate=gate, status=status):
                await gate.wait()
                return web.Response(status=status)
            case Hang():
                await self._leaving.wait()
            case Drop():
                pass
            case Drip(status=status):
                response = web.StreamResponse(status=status)
                await response.prepare(request)
                await response.write(b"drip")
                await self._leaving.wait()
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
