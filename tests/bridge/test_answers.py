"""esmed.bridge.answers: what subscribers are answered, with somebody who is asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fakes.sink import RecordingSink
from fakes.wait import eventually

from esmed.bridge import answers
from esmed.bridge.answers import Answers
from esmed.bridge.base import AutoReply, CallbackReply
from esmed.clock import SystemClock
from esmed.errors import StoreUnavailableError
from esmed.models import InboundIn, MoAnswer

AT = 1_589_033_499_000


def message(remote_id: str = "5", text: str = "Привет") -> InboundIn:
    return InboundIn(
        connector="st",
        host="callback",
        source="79031234567",
        destination="3299",
        data_coding=0,
        encoding="ucs2",
        text=text,
        data=b"",
        udh=None,
        received_at=AT,
        remote_id=remote_id,
    )


class Program:
    """Whoever is asked for the text."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, Any]] = []
        self.says: Callable[[], web.Response] = lambda: web.Response(text="Ответ")
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def take(self, request: web.Request) -> web.Response:
        self.asked.append(
            (request.content_type, msgspec.json.decode(await request.read()))
        )
        await self.may_answer.wait()
        return self.says()


@pytest.fixture
async def program() -> AsyncIterator[Program]:
    program = Program()
    app = web.Application()
    app.router.add_post("/short", program.take)
    async with TestServer(app) as server:
        program.url = str(server.make_url("/short"))
        yield program
        program.may_answer.set()


@pytest.fixture
def sink() -> RecordingSink:
    return RecordingSink()


@pytest.fixture
async def desk(sink: RecordingSink) -> AsyncIterator[Answers]:
    desk = Answers("st", sink=sink, clock=SystemClock())
    yield desk
    await desk.stop()


def reply(text: str, charset: str = "utf-8") -> CallbackReply:
    content_type = f"text/plain; charset={charset}"
    return CallbackReply(content_type=content_type, body=text.encode(charset))


def answer(text: str) -> MoAnswer:
    return MoAnswer(content_type="text/plain; charset=utf-8", body=text.encode())


async def test_a_text(desk: Answers, sink: RecordingSink) -> None:
    assert await desk.give(AutoReply(text="Спасибо"), message()) == reply("Спасибо")
    assert sink.inbound == [message()]


async def test_in_another_charset(desk: Answers) -> None:
    auto = AutoReply(text="Спасибо 😀", charset="windows-1251")
    assert await desk.give(auto, message()) == reply("Спасибо ?", "windows-1251")


async def test_somebody_is_asked(
    desk: Answers, sink: RecordingSink, program: Program
) -> None:
    auto = AutoReply(url=program.url, text="unused")
    assert await desk.give(auto, message()) == reply("Ответ")
    ((content_type, event),) = program.asked
    assert content_type == "application/json"
    assert event["type"] == "inbound.received"
    assert event["data"] == {
        "id": "5",
        "connector": "st",
        "from": "79031234567",
        "to": "3299",
        "text": "Привет",
        "data": None,
        "encoding": "ucs2",
        "parts": 1,
        "complete": True,
        "received_at": "2020-05-09T14:11:39.000Z",
    }
    assert sink.answers == {("st", "5"): answer("Ответ")}


async def test_what_was_answered_is_answered_again(
    desk: Answers, sink: RecordingSink, program: Program
) -> None:
    sink.answers["st", "5"] = answer("before")
    assert await desk.give(AutoReply(url=program.url), message()) == reply("before")
    assert program.asked == []
    assert sink.inbound == []


async def test_who_comes_again_meanwhile_waits_for_the_same(
    desk: Answers, sink: RecordingSink, program: Program
) -> None:
    program.may_answer.clear()
    auto = AutoReply(url=program.url, timeout=60.0)
    both = [asyncio.create_task(desk.give(auto, message())) for _ in range(2)]
    await eventually(lambda: bool(program.asked))
    program.may_answer.set()
    assert await asyncio.gather(*both) == [reply("Ответ")] * 2
    assert len(program.asked) == len(sink.inbound) == 1


async def test_messages_without_an_id_are_never_the_same(
    desk: Answers, sink: RecordingSink, program: Program
) -> None:
    auto = AutoReply(url=program.url)
    await asyncio.gather(*(desk.give(auto, message("")) for _ in range(2)))
    assert len(program.asked) == len(sink.inbound) == 2


@pytest.mark.parametrize(
    "says",
    [
        lambda: web.Response(status=500, text="traceback"),
        lambda: web.Response(status=302, headers={"Location": "/short"}),
        lambda: web.Response(text="x" * (answers.LONGEST + 1)),
        lambda: web.Response(
            body=b"x", headers={"Content-Type": "text/plain; charset=klingon"}
        ),
    ],
    ids=["500", "302", "too long", "no charset"],
)
async def test_no_text_in_the_answer(
    desk: Answers,
    sink: RecordingSink,
    program: Program,
    says: Callable[[], web.Response],
) -> None:
    program.says = says
    for remote_id, text in (("5", ""), ("6", "Later")):
        auto = AutoReply(url=program.url, text=text)
        assert await desk.give(auto, message(remote_id)) == reply(text)
    assert len(program.asked) == len(sink.inbound) == 2


async def test_nobody_there(desk: Answers) -> None:
    auto = AutoReply(url="http://127.0.0.1:1/short", text="Later")
    assert await desk.give(auto, message()) == reply("Later")


async def test_no_answer_in_time(desk: Answers, program: Program) -> None:
    program.may_answer.clear()
    auto = AutoReply(url=program.url, timeout=0.1)
    assert await desk.give(auto, message()) == reply("")


async def test_an_empty_answer(desk: Answers, program: Program) -> None:
    program.says = lambda: web.Response(status=204)
    auto = AutoReply(url=program.url, text="unused")
    assert await desk.give(auto, message()) == reply("")


async def test_what_cannot_be_stored_is_not_answered(
    desk: Answers, sink: RecordingSink
) -> None:
    """Nor has the refusal a body, which could be sent to the subscriber."""
    sink.stores = False
    refused = CallbackReply(status=503)
    assert await desk.give(AutoReply(text="x"), message()) == refused


async def test_while_nothing_can_be_stored(
    desk: Answers, sink: RecordingSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "STORED_WITHIN", 0.0)
    sink.stores = None
    auto = AutoReply(text="x", timeout=0.1)
    assert await desk.give(auto, message()) == CallbackReply(status=503)
    assert sink.inbound == [message()]
    # It is still on its way to the disk: who comes again is not a second message.
    assert await desk.give(auto, message()) == CallbackReply(status=503)
    assert len(sink.inbound) == 1


async def test_a_store_that_cannot_be_read(
    desk: Answers, sink: RecordingSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(connector: str, remote_id: str) -> MoAnswer | None:
        raise StoreUnavailableError("no disk")

    monkeypatch.setattr(sink, "answer_on_record", fails)
    refused = CallbackReply(status=503)
    assert await desk.give(AutoReply(text="x"), message()) == refused
    assert sink.inbound == []


async def test_a_stop_answers_nothing_more(desk: Answers, program: Program) -> None:
    program.may_answer.clear()
    auto = AutoReply(url=program.url, timeout=60.0)
    waiting = asyncio.create_task(desk.give(auto, message()))
    await eventually(lambda: bool(program.asked))
    await desk.stop()
    assert await waiting == CallbackReply(status=503)
