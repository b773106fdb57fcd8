"""esmed.inbound: how long what connectors receive is kept."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

from fakes.clock import ManualClock

from esmed.inbound import InboundDesk
from esmed.metrics import Metrics
from esmed.models import InboundIn, MessageState, ReceiptIn
from esmed.store import base

NOW = 1_767_225_600_000


REPLY = InboundIn(
    connector="carrier",
    host="a:1",
    source="380501234567",
    destination="1234",
    data_coding=0,
    encoding="gsm7",
    text="a",
    data=b"a",
    udh=None,
    received_at=NOW,
    reference=1,
    total=2,
    part=1,
)


class KeptStore:
    """Has everything on disk at once."""

    def __init__(self) -> None:
        self.operations: list[base.Operation] = []

    def duty(
        self,
        operations: Sequence[base.Operation],
        stored: Callable[[list[Any]], None],
    ) -> None:
        self.operations += operations
        stored(["unmatched"] * len(operations))


def desk(**keeping: float) -> tuple[InboundDesk, KeptStore]:
    store = KeptStore()
    terms = SimpleNamespace(
        **{"reassembly_timeout": 900.0, "unmatched_ttl": 86_400.0, **keeping}
    )
    metrics = Metrics()
    metrics.connector("carrier", [])
    made = InboundDesk(
        cast("base.Store", store), {"carrier": terms}, ManualClock(), metrics
    )
    return made, store


def test_how_long_an_unmatched_receipt_is_kept():
    receipt = ReceiptIn(
        connector="carrier",
        host="a:1",
        smsc_id="1",
        keys=("1",),
        state=MessageState.DELIVERED,
        stat="DELIVRD",
        err="000",
        at=NOW,
    )
    made, store = desk(unmatched_ttl=7200.0)
    told: list[Sequence[bool]] = []
    made.received([receipt], told.append)
    assert told == [[True]]
    assert store.operations == [
        base.Receipt(receipt=receipt, keep_until=NOW + 7_200_000)
    ]


def test_what_was_refused_is_expected_again():
    made, store = desk()
    receipt = ReceiptIn(
        connector="carrier",
        host="a:1",
        smsc_id="1",
        keys=("1",),
        state=MessageState.DELIVERED,
        stat="DELIVRD",
        err="000",
        at=NOW,
    )
    made.refused([receipt])
    assert store.operations == []
    made.refused([receipt, REPLY])
    assert store.operations == [base.Expected(inbound=REPLY)]


def test_how_long_a_part_waits_for_the_others():
    made, store = desk(reassembly_timeout=60.0)
    made.received([REPLY], lambda _: None)
    assert store.operations == [base.ReceiveMo(inbound=REPLY, give_up_at=NOW + 60_000)]
