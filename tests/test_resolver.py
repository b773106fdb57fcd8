"""esmed.resolver: who is asked for, in which order, and what follows."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import pytest
from fakes.clock import ManualClock
from fakes.records import T0
from fakes.wait import eventually, settle

from esmed import resolver
from esmed.connector import (
    Asking,
    Capabilities,
    Connector,
    Health,
    HealthState,
    Sent,
)
from esmed.models import Fault, FaultClass, MessageState, ReceiptIn, Request
from esmed.resolver import Resolver
from esmed.store import base

LATER = Fault(FaultClass.TEMPORARY, None, "no bind")
NEVER = Fault(FaultClass.PROTOCOL, 3, "not supported")
EVERY = 5.0
AGAIN = (60.0, 240.0)

Answer = ReceiptIn | Fault | None


class Asked:
    """A connector that is asked, and answers when a test says so."""

    def __init__(self) -> None:
        self.capabilities = Capabilities()
        self.batch(1)
        self.state = HealthState.UP
        self.calls: list[Sequence[Sent]] = []
        self.answers: asyncio.Queue[Sequence[Answer]] = asyncio.Queue()

    def batch(self, most: int) -> None:
        asking = Asking(first=10, again=AGAIN, batch=most, every=EVERY)
        self.capabilities = Capabilities(asking=asking)

    def health(self) -> Health:
        return Health(self.state, T0)

    async def query(self, sent: Sequence[Sent]) -> Sequence[Answer]:
        self.calls.append(sent)
        return await self.answers.get()

    @property
    def asked(self) -> list[list[str]]:
        """The ids of each call."""
        return [[one.smsc_id for one in call] for call in self.calls]


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

    @property
    def one(self) -> Asked:
        return self.connectors["one"]

    def duty(
        self, operations: Sequence[base.Operation], done: Callable[[list[Any]], None]
    ) -> None:
        self.duties.append(operations)
        self.done.append(done)

    def ask(self, *overdue: base.Overdue, ended: Sequence[base.Change] = ()) -> None:
        self.resolver.committed(
            base.Committed(
                changes=list(ended),
                events=0,
                inbound=[],
                early=[],
                overdue=list(overdue),
                requeued=False,
                operations=1,
                seconds=0.0,
            )
        )

    def end(self, seq: int, state: MessageState = MessageState.DELIVERED) -> None:
        """Have a message change of itself."""
        change = base.Change(
            seq, "one", MessageState.SUBMITTED, state, None, None, T0, T0
        )
        self.ask(ended=[change])

    async def answer(self, name: str, *answers: Answer) -> None:
        """Have a call answered, and the pause after it pass."""
        connector = self.connectors[name]
        await eventually(lambda: connector.calls)
        connector.answers.put_nowait(answers)
        await self.pause()

    async def pause(self) -> None:
        await settle()
        self.clock.advance(EVERY)
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


def found(state: MessageState, smsc_id: str = "id-1-1") -> ReceiptIn:
    return ReceiptIn(
        connector="one",
        host="one:2775",
        smsc_id=smsc_id,
        keys=(smsc_id,),
        state=state,
        stat="",
        err="",
        at=T0,
    )


async def test_what_is_found_is_stored_like_a_receipt(rig: Rig):
    rig.ask(overdue(1, "one"))
    answer = found(MessageState.DELIVERED)
    await rig.answer("one", answer)
    assert rig.duties == [[base.Receipt(receipt=answer, keep_until=T0)]]
    ((sent,),) = rig.one.calls
    assert (sent.host, sent.smsc_id) == ("one:2775", "id-1-1")
    # Until that is on disk nobody asks for it again.
    assert rig.resolver.pending == {1}
    rig.done[0]([None])
    assert not rig.resolver.pending


async def test_nothing_has_become_of_it_yet(rig: Rig):
    rig.ask(overdue(1, "one"))
    await rig.answer("one", None)
    assert not rig.duties
    assert not rig.resolver.pending


async def test_one_call_at_a_time_at_each(rig: Rig):
    rig.ask(overdue(1, "one"), overdue(2, "one"), overdue(3, "two"))
    await settle()
    assert [len(one.calls) for one in rig.connectors.values()] == [1, 1]
    rig.one.answers.put_nowait([LATER])
    await settle()
    assert len(rig.one.calls) == 1
    rig.clock.advance(EVERY)
    await settle()
    assert len(rig.one.calls) == 2
    await rig.resolver.stop()


async def test_several_in_a_call(rig: Rig):
    """What was said of each is stored at once; parts of one message may be apart."""
    rig.one.batch(3)
    rig.ask(overdue(1, "one"), overdue(2, "one"), overdue(3, "one", "one"))
    await settle()
    delivered = found(MessageState.DELIVERED, "id-2-1")
    await rig.answer("one", None, delivered, NEVER)
    assert rig.one.asked == [["id-1-1", "id-2-1", "id-3-1"], ["id-3-2"]]
    assert rig.duties == [[base.Receipt(receipt=delivered, keep_until=T0)]]
    assert rig.resolver.pending == {1, 2, 3}
    rig.done[0]([None])
    assert rig.resolver.pending == {3}
    await rig.answer("one", NEVER)
    assert rig.duties[1:] == [[base.GiveUp(seq=3, at=rig.clock.now_ms() - 5000)]]


@pytest.mark.parametrize(
    ("answers", "given_up"),
    [
        ([NEVER, NEVER], True),
        ([LATER, NEVER], False),
        ([NEVER, LATER], False),
        ([NEVER, None], False),
        ([LATER, LATER], False),
    ],
)
async def test_it_is_given_up_when_no_part_can_be_told(
    rig: Rig, answers: list[Fault | None], given_up: bool
):
    rig.ask(overdue(1, "one", "one"))
    for answer in answers:
        await rig.answer("one", answer)
    assert bool(rig.duties) is given_up
    if given_up:
        ((operation,),) = rig.duties
        assert isinstance(operation, base.GiveUp)
    else:
        assert not rig.resolver.pending


async def test_parts_at_two_connectors(rig: Rig):
    rig.ask(overdue(1, "one", "two"))
    await rig.answer("one", NEVER)
    assert rig.resolver.pending == {1}
    await rig.answer("two", None)
    assert not rig.resolver.pending
    assert not rig.duties


async def test_a_connector_that_is_gone(rig: Rig):
    """The store knows whether anything can be waited for."""
    rig.ask(overdue(1, "one"), overdue(2, "one"))
    del rig.connectors["one"]
    await settle()
    assert rig.duties == [
        [base.GiveUp(seq=seq, at=rig.clock.now_ms()) for seq in (1, 2)]
    ]


async def test_a_connector_that_is_asked_no_more(rig: Rig):
    rig.ask(overdue(1, "one"))
    rig.one.capabilities = Capabilities()
    await settle()
    assert not rig.one.calls
    assert len(rig.duties) == 1


@pytest.mark.parametrize("state", [HealthState.DOWN, HealthState.PAUSED])
async def test_nobody_is_asked_who_is_away(rig: Rig, state: HealthState):
    rig.ask(overdue(1, "one"))
    rig.one.state = state
    assert rig.resolver.waits == {"one": AGAIN, "two": AGAIN}
    assert rig.resolver.room == {"two": resolver.MOST}
    for _ in range(5):
        await rig.pause()
    assert not rig.one.calls
    assert rig.resolver.pending == {1}
    rig.one.state = HealthState.DEGRADED
    await rig.pause()
    assert rig.one.asked == [["id-1-1"]]
    await rig.resolver.stop()


async def test_what_has_ended_meanwhile_is_not_asked_for(rig: Rig):
    rig.one.batch(2)
    rig.ask(*(overdue(seq, "one") for seq in range(1, 6)))
    await settle()
    rig.end(3)
    rig.end(4, MessageState.BUFFERED)
    rig.end(9)
    await rig.answer("one", None, None)
    assert rig.one.asked == [["id-1-1", "id-2-1"], ["id-4-1", "id-5-1"]]
    assert rig.resolver.pending == {4, 5}
    await rig.answer("one", NEVER, None)
    ((operation,),) = rig.duties
    assert isinstance(operation, base.GiveUp)
    assert operation.seq == 4


async def test_what_ends_while_it_is_asked_for_is_not_given_up(rig: Rig):
    rig.ask(overdue(1, "one"))
    await settle()
    rig.end(1)
    await rig.answer("one", NEVER)
    assert not rig.duties
    assert not rig.resolver.pending


async def test_who_can_be_asked_for_how_many(rig: Rig):
    rig.connectors["two"].capabilities = Capabilities()
    assert rig.resolver.waits == {"one": AGAIN}
    assert rig.resolver.room == {"one": resolver.MOST}
    rig.ask(overdue(1, "one"), overdue(2, "one", "one"))
    assert rig.resolver.room == {"one": resolver.MOST - 3}
    await rig.resolver.stop()


async def test_the_next_comes_after_the_last_was_done(rig: Rig):
    for seq in (1, 2):
        rig.ask(overdue(seq, "one"))
        await rig.answer("one", LATER)
    assert len(rig.one.calls) == 2
