"""Taking back what the next hop has: which parts are asked for, and what is said."""

import asyncio
from collections.abc import Callable
from typing import Any

from fakes.clock import ManualClock
from fakes.connector import FakeConnector
from fakes.gateway import PlanningConnector
from fakes.records import T0, record
from fakes.wait import settle

from esmed.connector import Sent
from esmed.models import (
    Attempt,
    Fault,
    MessageState,
    Progress,
    ReceiptNote,
    Record,
    Segment,
)
from esmed.recall import recall
from esmed.store import base


class Dropping(FakeConnector):
    """Drops all that it is asked to."""

    def __init__(self) -> None:
        super().__init__("carrier", ManualClock())
        self.asked: list[str] = []

    async def cancel(self, sent: Sent) -> Fault | None:
        self.asked.append(sent.smsc_id)
        return None


class Ledger:
    """What a store is given, not yet on disk."""

    def __init__(self) -> None:
        self.operations: list[Any] = []
        self.done: list[Callable[[list[Any]], None]] = []

    def duty(self, operations: list[Any], done: Callable[[list[Any]], None]) -> None:
        self.operations += operations
        self.done.append(done)


def attempt(smsc_id: str, connector: str = "carrier", **fields: Any) -> Attempt:
    made = {"host": "h:1", "at": T0, "outcome": "accepted", **fields}
    return Attempt(connector=connector, smsc_id=smsc_id, **made)


def message(*segments: Segment) -> Record:
    progress = Progress(state=MessageState.SUBMITTED, segments=list(segments))
    return record(progress=progress)


async def test_only_what_may_still_be_on_its_way_is_asked_for():
    delivered = ReceiptNote(T0, MessageState.DELIVERED, "DELIVRD", "0", "h:1")
    one = message(
        Segment(part=1, state=MessageState.DELIVERED, attempts=[attempt("a1")]),
        Segment(
            part=2,
            attempts=[
                attempt("", outcome="deferred"),
                attempt("a2", receipts=[delivered]),
                attempt("a3"),
                # The SMSC knows its duplicate.
                attempt("a3"),
            ],
        ),
    )
    carrier, ledger = Dropping(), Ledger()
    recalled = asyncio.create_task(
        recall(one, {"carrier": carrier}, ledger, ManualClock())  # type: ignore[arg-type]
    )
    await settle()
    assert carrier.asked == ["a3"]
    assert ledger.operations == [
        base.Recalled(seq=one.seq, attempts=((2, 2), (2, 3)), at=T0)
    ]
    assert not recalled.done()
    ledger.done[0]([])
    assert await recalled == []


async def test_why_the_others_are_not():
    one = message(
        Segment(part=1, attempts=[attempt("a", connector="old")]),
        Segment(part=2, attempts=[attempt("")]),
        Segment(part=3, attempts=[attempt("c", connector="letters")]),
    )
    letters = PlanningConnector("letters")
    carrier, ledger = Dropping(), Ledger()
    refusals = await recall(
        one,
        {"carrier": carrier, "letters": letters},
        ledger,  # type: ignore[arg-type]
        ManualClock(),
    )
    assert refusals == [
        "part 1: old is not configured any more",
        "part 2: it was taken without an id",
        "part 3: letters cannot cancel what it has sent",
    ]
    assert not carrier.asked
    assert not ledger.operations


async def test_who_asked_has_gone_before_it_is_on_disk():
    carrier, ledger = Dropping(), Ledger()
    one = message(Segment(part=1, attempts=[attempt("a1")]))
    recalled = asyncio.create_task(
        recall(one, {"carrier": carrier}, ledger, ManualClock())  # type: ignore[arg-type]
    )
    await settle()
    recalled.cancel()
    await settle()
    ledger.done[0]([])
    assert recalled.cancelled()
    assert len(ledger.operations) == 1
