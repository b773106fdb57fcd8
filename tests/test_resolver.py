"""esmed.resolver: who is asked for, in which order, and what follows."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import pytest
from fakes.clock import ManualClock
from fakes.records import T0
from fakes.wait import eventually, settle

from esmed import resolver
from esmed.connector import Capabilities, Connector, Sent
from esmed.models import Fault, FaultClass, MessageState, ReceiptIn, Request
from esmed.resolver import Resolver
from esmed.store import base

LATER = Fault(FaultClass.TEMPORARY, None, "no bind")
NEVER = Fault(FaultClass.PROTOCOL, 3, "not supported")


class Asked:
    """A connector that is asked, and answers when a test says so."""

    def __init__(self) -> None:
        self.capabilities = Capabilities(query=True)
        self.questions: list[Sent] = []
        self.answers: asyncio.Queue[ReceiptIn | Fault] = asyncio.Queue()

    async def query(self, sent: Sent) -> ReceiptIn | Fault:
        self.questions.append(sent)
        return await self.answers.get()


class Rig:
    """A resolver between connectors and a store that only keeps what it is given."""

    def __init__(self, *names: str) -> None:
        self.connectors = {name: Asked() for name in names}
        self.clock = ManualClock()
        self.duties: list[Sequence[base.Operation]] = []
        self.done: list[Callable[[list[Any]], None]] = []
        self.resolver = Resolver(
            cast("base.Store", self),
            self.clock,
            lambda: cast("Mapping[str, Connector]", self.connectors),
        )

    def duty(
        self, operations: Sequence[base.Operation], done: Callable[[list[Any]], None]
    ) -> None:
        self.duties.append(operations)
        self.done.append(done)

    async def answer(self, name: str, answer: ReceiptIn | Fault) -> None:
        """Have a question answered, and the pause after it pass."""
        connector = self.connectors[name]
        await eventually(lambda: connector.questions)
        connector.answers.put_nowait(answer)
        await settle()
        self.clock.advance(resolver.EVERY)
        await settle()


@pytest.fixture
async def rig() -> Rig:
    return Rig("one", "two")


def overdue(seq: int, *names: str) -> base.Overdue:
    parts = [
        base.Taken(part, name, f"{name}:2775", f"id-{seq}-{part}")
        for part, name in enumerate(names, 1)
    ]
    return base.Overdue(seq, f"message-{seq}", Request(to="380501234567"), parts)


def found(state: MessageState) -> ReceiptIn:
    return ReceiptIn(
        connector="one",
        host="one:2775",
        smsc_id="id-1-1",
        keys=("id-1-1",),
        state=state,
        stat="",
        err="",
        at=T0,
    )


async def test_what_is_found_is_stored_like_a_receipt(rig: Rig):
    rig.resolver.ask([overdue(1, "one")])
    answer = found(MessageState.DELIVERED)
    await rig.answer("one", answer)
    assert rig.duties == [[base.Receipt(receipt=answer, keep_until=T0)]]
    (sent,) = rig.connectors["one"].questions
    assert (sent.host, sent.smsc_id) == ("one:2775", "id-1-1")
    # Until that is on disk nobody asks for it again.
    assert rig.resolver.pending == {1}
    rig.done[0]([None])
    assert rig.resolver.pending == frozenset()


async def test_one_at_a_time_at_each(rig: Rig):
    rig.resolver.ask([overdue(1, "one"), overdue(2, "one"), overdue(3, "two")])
    await settle()
    assert [len(one.questions) for one in rig.connectors.values()] == [1, 1]
    rig.connectors["one"].answers.put_nowait(LATER)
    await settle()
    assert len(rig.connectors["one"].questions) == 1
    rig.clock.advance(resolver.EVERY)
    await settle()
    assert len(rig.connectors["one"].questions) == 2
    await rig.resolver.stop()


@pytest.mark.parametrize(
    ("answers", "given_up"),
    [
        ([NEVER, NEVER], True),
        ([LATER, NEVER], False),
        ([NEVER, LATER], False),
        ([LATER, LATER], False),
    ],
)
async def test_it_is_given_up_when_no_part_can_be_told(
    rig: Rig, answers: list[Fault], given_up: bool
):
    rig.resolver.ask([overdue(1, "one", "one")])
    for answer in answers:
        await rig.answer("one", answer)
    assert bool(rig.duties) is given_up
    if given_up:
        ((operation,),) = rig.duties
        assert isinstance(operation, base.GiveUp)
    else:
        assert rig.resolver.pending == frozenset()


async def test_a_connector_that_is_gone(rig: Rig):
    del rig.connectors["one"]
    rig.resolver.ask([overdue(1, "one")])
    await settle()
    rig.clock.advance(resolver.EVERY)
    await settle()
    ((operation,),) = rig.duties
    assert isinstance(operation, base.GiveUp)


async def test_who_can_be_asked(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    rig.connectors["two"].capabilities = Capabilities()
    assert rig.resolver.askable == {"one"}
    monkeypatch.setattr(resolver, "MOST", 2)
    rig.resolver.ask([overdue(1, "one"), overdue(2, "one")])
    assert rig.resolver.askable == frozenset()
    await rig.resolver.stop()


async def test_the_next_comes_after_the_last_was_done(rig: Rig):
    for seq in (1, 2):
        rig.resolver.ask([overdue(seq, "one")])
        await rig.answer("one", LATER)
    assert len(rig.connectors["one"].questions) == 2
