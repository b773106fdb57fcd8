from typing import Any

import pytest
from fakes.records import T0, record
from msgspec import to_builtins

from esmed import timeline
from esmed.models import (
    Attempt,
    AttemptOutcome,
    Fault,
    FaultClass,
    MessageState,
    Progress,
    ReceiptNote,
    Record,
    Segment,
)
from esmed.store.base import OutboxEntry


def traced(one: Record, *events: OutboxEntry) -> list[dict[str, Any]]:
    shown = to_builtins(timeline.trace(one, events, T0))
    assert (shown["id"], shown["state"]) == (one.id, one.progress.state)
    entries: list[dict[str, Any]] = shown["timeline"]
    return entries


def test_the_beginning() -> None:
    routing = Progress(state=MessageState.QUEUED, note="route 1: to 380")
    accepted, routed = traced(record(send_at=T0 + 60_000, progress=routing))
    assert accepted == {
        "at": "2026-01-01T00:00:00.000Z",
        "event": "accepted",
        "detail": "to be sent at 2026-01-01T00:01:00.000Z",
    }
    assert routed["via"] == ["carrier", "backup"]
    assert routed["reason"] == "route 1: to 380"


def test_attempts_answers_receipts_and_the_end_in_order() -> None:
    refused = Attempt(
        connector="a",
        host="h:1",
        at=T0 + 10,
        outcome="deferred",
        answered_at=T0 + 20,
        sequence=7,
        code=0x58,
        detail="throttled",
        reason="first choice",
    )
    taken = Attempt(
        connector="a",
        host="h:2",
        at=T0 + 30,
        outcome="accepted",
        answered_at=T0 + 40,
        sequence=8,
        smsc_id="A1",
        receipts=[ReceiptNote(T0 + 50, MessageState.DELIVERED, "DELIVRD", "0", "h")],
    )
    one = record(
        progress=Progress(
            state=MessageState.DELIVERED,
            final_at=T0 + 50,
            segments=[Segment(part=1, attempts=[refused, taken])],
        )
    )
    entries = traced(one)
    assert [entry["event"] for entry in entries] == [
        *("accepted", "routed", "attempt", "answer", "attempt", "answer"),
        *("receipt", "final"),
    ]
    assert entries[2] == {
        "at": "2026-01-01T00:00:00.010Z",
        "event": "attempt",
        "part": 1,
        "connector": "a",
        "host": "h:1",
        "sequence_number": 7,
        "reason": "first choice",
    }
    assert entries[3]["command_status"] == 0x58
    assert entries[3]["status"] == "ESME_RTHROTTLED"
    assert entries[3]["outcome"] == "deferred"
    assert entries[5]["command_status"] == 0
    assert entries[5]["smsc_id"] == "A1"
    assert entries[6]["stat"] == "DELIVRD"
    assert entries[7]["state"] == "delivered"


def test_who_refused_it_for_good_stays_in_the_route() -> None:
    attempts = [
        Attempt(connector="first", host="h:1", at=T0 + 10, outcome="rejected"),
        Attempt(connector="carrier", host="h:2", at=T0 + 20, outcome="accepted"),
    ]
    progress = Progress(
        state=MessageState.SUBMITTED,
        segments=[Segment(part=1, state=MessageState.SUBMITTED, attempts=attempts)],
    )
    routed = traced(record(progress=progress))[1]
    assert routed["via"] == ["first", "carrier", "backup"]


@pytest.mark.parametrize(
    ("outcome", "reason", "told"),
    [
        ("rejected", "first choice", "first has refused it"),
        ("rejected", "next is down: no", "first has refused it; next is down: no"),
        ("deferred", "first choice", "first choice"),
    ],
)
def test_why_another_one_took_it(
    outcome: AttemptOutcome, reason: str, told: str
) -> None:
    """Of the connectors it chooses from routing does not see those that refused."""
    attempts = [
        Attempt(
            connector=connector,
            host="h:1",
            at=T0 + at,
            outcome=came_of_it,
            reason=why,
        )
        for connector, at, came_of_it, why in (
            ("first", 10, outcome, "first choice"),
            ("other", 20, "accepted", reason),
        )
    ]
    progress = Progress(
        state=MessageState.SUBMITTED,
        segments=[
            Segment(part=1, state=MessageState.SUBMITTED, attempts=attempts),
            Segment(part=2, state=MessageState.SUBMITTED, attempts=attempts[1:]),
        ],
    )
    entries = traced(record(progress=progress))
    made = [one["reason"] for one in entries if one["event"] == "attempt"]
    assert made == ["first choice", told, told]


def test_why_it_is_sent_again_to_whom_it_was_sent() -> None:
    outcomes: list[AttemptOutcome] = ["unknown", "unknown", "accepted"]
    attempts = [
        Attempt(
            connector="backup",
            host="h:1",
            at=T0 + at,
            outcome=outcome,
            reason="first choice" if at else "carrier is down",
        )
        for at, outcome in enumerate(outcomes)
    ]
    progress = Progress(
        state=MessageState.SUBMITTED,
        segments=[Segment(part=1, state=MessageState.SUBMITTED, attempts=attempts)],
    )
    entries = traced(record(progress=progress))
    assert [one["reason"] for one in entries if one["event"] == "attempt"] == [
        "carrier is down",
        *["it may have some of it already"] * 2,
    ]


def test_a_part_that_the_smsc_has_dropped_is_cancelled_not_received() -> None:
    taken = Attempt(
        connector="a",
        host="h:1",
        at=T0 + 10,
        outcome="accepted",
        answered_at=T0 + 20,
        smsc_id="A1",
        receipts=[
            ReceiptNote(T0 + 30, MessageState.CANCELLED, "", "", "h:2"),
            ReceiptNote(T0 + 40, MessageState.DELETED, "DELETED", "0", "h:1"),
        ],
    )
    progress = Progress(
        state=MessageState.SUBMITTED, segments=[Segment(part=2, attempts=[taken])]
    )
    entries = traced(record(progress=progress))
    cancelled, received = entries[-2:]
    assert cancelled == {
        "at": "2026-01-01T00:00:00.030Z",
        "event": "cancelled",
        "part": 2,
        "connector": "a",
        "host": "h:2",
        "smsc_id": "A1",
    }
    assert (received["event"], received["stat"]) == ("receipt", "DELETED")


def test_what_is_not_smpp_has_a_code() -> None:
    refused = Attempt(
        connector="a", host="h", at=T0, outcome="rejected", code="E7", detail="no"
    )
    unknown = Attempt(connector="a", host="h", at=T0, outcome="unknown", sequence=1)
    vendor = Attempt(
        connector="a", host="h", at=T0, outcome="rejected", sequence=2, code="late"
    )
    bare = Attempt(connector="a", host="h", at=T0, outcome="rejected", sequence=3)
    one = record(
        progress=Progress(
            segments=[Segment(part=1, attempts=[refused, unknown, vendor, bare])],
            error=Fault(FaultClass.MESSAGE, "E7", ""),
            final_at=T0,
            state=MessageState.REJECTED,
        )
    )
    answers = [e for e in traced(one) if e["event"] == "answer"]
    assert answers[0]["code"] == "E7"
    assert not any("command_status" in answer for answer in answers)
    assert answers[2]["code"] == "late"


def test_webhooks() -> None:
    tried = OutboxEntry(
        id="w1",
        type="message.delivered",
        state="done",
        created_at=T0 + 1,
        attempts=[(T0 + 2, "500"), (T0 + 3, "200")],
    )
    waiting = OutboxEntry(
        id="w2",
        type="message.amended",
        state="pending",
        created_at=T0 + 4,
        attempts=[],
    )
    hooks = traced(record(), tried, waiting)[2:]
    assert [hook["event"] for hook in hooks] == ["webhook"] * 3
    assert [hook.get("result") for hook in hooks] == ["500", "200", None]
    assert [hook["state"] for hook in hooks] == ["retry", "done", "pending"]
    assert hooks[2]["webhook_id"] == "w2"
