"""A provider of few words, and its other end: JSON lists over real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from aiohttp import web
from msgspec import Struct

from esmed.bridge import replies
from esmed.bridge.base import (
    Answer,
    CallbackReply,
    HttpCall,
    Mo,
    News,
    Outgoing,
    Procedure,
    Provider,
    Pushed,
    Reply,
    Steps,
    Traits,
)
from esmed.bridge.config import HttpProviderConfig
from esmed.connector import Sent
from esmed.fieldtypes import SecretField
from esmed.models import Accepted, Deferred, Fault, FaultClass, MessageState, Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(HttpProviderConfig):
    kind: str = "letters"
    callback_secret: SecretField | None = None


class Letters(Provider):
    """Sends ``[[to, text], …]`` and is answered ``[[to, id or word], …]``."""

    traits = Traits(
        batch=10,
        asks=2,
        asks_every=0.01,
        rechecks=True,
        cancels=True,
        pushes=frozenset({"status", "mo"}),
    )

    def group(self, message: Outgoing) -> Hashable:
        return message.sender

    def build(self, messages: Sequence[Outgoing], now: int) -> HttpCall:
        rows = [[one.to, one.request.text] for one in messages]
        return HttpCall(operation="send", path="/send", body=json.dumps(rows).encode())

    def parse(self, messages: Sequence[Outgoing], reply: Reply, now: int) -> Answer:
        told = replies.json_value(reply.body)
        if told == "elsewhere":
            fault = Fault(FaultClass.TEMPORARY, told)
            return Answer(outcomes=[Deferred(fault)] * len(messages), elsewhere=True)
        if told == "singly":
            fault = Fault(FaultClass.MESSAGE, told)
            return Answer(outcomes=[Rejected(fault)] * len(messages), singly=True)
        if told == "account":
            fault = Fault(FaultClass.ACCOUNT, told, "no money")
            return Answer(outcomes=[Rejected(fault)] * len(messages))
        if not isinstance(told, list):
            return replies.judged(reply, now, len(messages))
        words = dict(told)
        return Answer(outcomes=[Accepted(words[one.to]) for one in messages])

    def build_probe(self) -> HttpCall:
        return HttpCall(operation="probe", path="/probe", method="GET")

    def parse_probe(self, reply: Reply) -> Fault | None:
        return None if reply.status == 200 else replies.fault(reply)

    def build_recheck(self, messages: Sequence[Outgoing], now: int) -> HttpCall:
        body = json.dumps([one.to for one in messages]).encode()
        return HttpCall(operation="recheck", path="/recheck", body=body)

    def parse_recheck(
        self, messages: Sequence[Outgoing], reply: Reply, now: int
    ) -> list[Any]:
        known = replies.json_object(reply) or {}
        return [
            Accepted(known[one.to]) if one.to in known else None for one in messages
        ]

    def build_ask(self, sent: Sequence[Sent]) -> HttpCall:
        body = json.dumps([one.smsc_id for one in sent]).encode()
        return HttpCall(operation="ask", path="/ask", body=body)

    def parse_ask(self, sent: Sequence[Sent], reply: Reply) -> list[Any]:
        known = replies.json_object(reply)
        if known is None:
            return [replies.fault(reply)] * len(sent)
        return [
            News(
                ids=(f"other-{one.smsc_id}", one.smsc_id),
                state=MessageState(known[one.smsc_id]),
                stat=known[one.smsc_id],
            )
            if one.smsc_id in known
            else None
            for one in sent
        ]

    def build_cancel(self, sent: Sent) -> HttpCall:
        body = json.dumps([sent.smsc_id]).encode()
        return HttpCall(operation="cancel", path="/cancel", body=body)

    def parse_cancel(self, sent: Sent, reply: Reply) -> Fault | None:
        return None if reply.status == 200 else replies.fault(reply)

    def parse_push(self, kind: str, request: Any, now: int) -> Pushed:
        """``["id", …]``, or of a message ``{"id": …, "from": …, "text": …}``."""
        told = replies.json_value(request.body or unquote_to_bytes(request.query))
        heard = CallbackReply(body=b"heard")
        if kind == "mo":
            mo = Mo(
                id=told["id"], source=told["from"], destination="77", text=told["text"]
            )
            return Pushed(items=[mo], reply=heard)
        return Pushed(
            items=[
                News(ids=(one,), state=MessageState.DELIVERED, stat="OK")
                for one in told
            ],
            reply=heard,
        )

    def procedures(self) -> Sequence[Procedure]:
        return (
            Procedure(
                name="balance", summary="What is left", arguments=Nothing, run=_balance
            ),
            Procedure(
                name="reprint", summary="Once more", arguments=Reprint, run=_reprint
            ),
        )


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


def _balance(_: Nothing, __: int) -> Steps:
    reply = yield HttpCall(operation="balance", path="/balance", method="GET")
    if reply.status != 200:
        return replies.fault(reply)
    return {"balance": replies.json_value(reply.body)}


class Reprint(Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of ``reprint``."""

    pages: str


def _reprint(wanted: Reprint, __: int) -> Steps:
    yield from ()
    code = "pages" if wanted.pages == "none" else "paper"
    return Fault(FaultClass.MESSAGE, code, "there is none")


def create(_: Config) -> Letters:
    """As a kind's module offers it."""
    return Letters()


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Post:
    """The other end. ``answers`` are used up first, then every letter is taken."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.answers: list[Handler] = []
        self.known: dict[str, str] = {}
        self.url = ""
        self.well = True
        """Whether probes succeed."""

    def sent(self) -> list[Any]:
        return [body for path, body in self.calls if path == "/send"]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw) if raw else None
        path = "/" + request.path.rpartition("/")[2]
        if path == "/probe":
            return web.Response(status=200 if self.well else 503)
        self.calls.append((path, body))
        if self.answers:
            return await self.answers.pop(0)(request)
        if path == "/send":
            return web.json_response([[to, f"id-{to}"] for to, _ in body or ()])
        if path in {"/recheck", "/ask"}:
            return web.json_response(self.known)
        return web.json_response("12.50")


def says(value: Any, status: int = 200) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(value, status=status)

    return answer


async def hangs_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def waits_for(event: asyncio.Event, then: Handler) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        await event.wait()
        return await then(request)

    return answer


@asynccontextmanager
async def post() -> AsyncIterator[Post]:
    made = Post()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()
