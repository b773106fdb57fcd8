import json
from typing import Any

import pytest
from fakes.gateway import PlanningConnector

from esmed import views
from esmed.models import (
    Attempt,
    Fault,
    FaultClass,
    Inbound,
    MessageState,
    Plan,
    Progress,
    ReceiptNote,
    Record,
    Request,
    Segment,
)
from esmed.store.base import OutboxEntry

T0 = 1_767_225_600_000  # 2026-01-01T00:00:00Z
KEYS = [
    *("id", "reference", "client", "to", "from", "text", "encoding", "parts", "state"),
    *("final", "held", "connector", "host", "error", "created_at", "submitted_at"),
    *("final_at", "segments"),
]


def record(
    request: Request | None = None, due_at: int | None = T0, **progress: Any
) -> Record:
    return Record(
        seq=1,
        id="id-1",
        client="shop",
        created_at=T0,
        request=request or Request(to="380501234567", text="hi", reference="r"),
        progress=Progress(**{"state": MessageState.QUEUED, **progress}),
        via=("carrier",),
        due_at=due_at,
        deadline=None,
        expires_at=T0 + 1,
    )


def plain(view: object) -> Any:
    return json.loads(views.encode(view))


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (T0, "2026-01-01T00:00:00.000Z"),
        (T0 + 7, "2026-01-01T00:00:00.007Z"),
        (T0 - 1, "2025-12-31T23:59:59.999Z"),
        (0, "1970-01-01T00:00:00.000Z"),
    ],
)
def test_timestamps(at: int, text: str) -> None:
    assert views.timestamp(at) == text


class TestMessage:
    def test_a_fresh_one_has_every_key_and_nulls(self) -> None:
        shown = plain(views.message(record(), T0))
        assert list(shown) == KEYS
        assert shown == {
            "id": "id-1",
            "reference": "r",
            "client": "shop",
            "to": "380501234567",
            "from": None,
            "text": "hi",
            "encoding": "auto",
            "parts": 1,
            "state": "queued",
            "final": False,
            "held": False,
            "connector": None,
            "host": None,
            "error": None,
            "created_at": "2026-01-01T00:00:00.000Z",
            "submitted_at": None,
            "final_at": None,
            "segments": [],
        }

    def test_one_that_has_ended(self) -> None:
        fault = Fault(FaultClass.MESSAGE, 1035, "no such number")
        attempt = Attempt(
            connector="carrier", host="h:1", at=T0, outcome="accepted", smsc_id="A1"
        )
        unanswered = Attempt(connector="carrier", host="h:1", at=T0, outcome="unknown")
        ended = record(
            state=MessageState.REJECTED,
            encoding="gsm7",
            connector="carrier",
            host="h:1",
            error=fault,
            submitted_at=T0 + 1,
            final_at=T0 + 2,
            segments=[
                Segment(
                    part=1,
                    state=MessageState.REJECTED,
                    error=fault,
                    attempts=[unanswered, attempt],
                )
            ],
        )
        shown = plain(views.message(ended, T0))
        error = {"class": "message", "code": 1035, "detail": "no such number"}
        assert shown["final"] is True
        assert shown["encoding"] == "gsm7"
        assert shown["error"] == error
        assert shown["final_at"] == "2026-01-01T00:00:00.002Z"
        at = "2026-01-01T00:00:00.000Z"
        tried = {"connector": "carrier", "host": "h:1", "at": at}
        assert shown["segments"] == [
            {
                "part": 1,
                "state": "rejected",
                "error": error,
                "attempts": [{**tried, "smsc_id": None}, {**tried, "smsc_id": "A1"}],
            }
        ]

    @pytest.mark.parametrize(
        ("stored", "due_at", "in_flight", "shown"),
        [
            ("scheduled", T0 + 1, False, "scheduled"),
            ("scheduled", T0, False, "queued"),
            ("scheduled", T0, True, "submitting"),
            ("queued", T0, True, "submitting"),
            ("queued", T0 + 9, False, "queued"),
            ("submitted", None, True, "submitted"),
            ("delivered", None, False, "delivered"),
        ],
    )
    def test_what_time_and_dispatch_change_is_shown(
        self, stored: str, due_at: int | None, in_flight: bool, shown: str
    ) -> None:
        one = record(due_at=due_at, state=MessageState(stored))
        assert views.message(one, T0, in_flight=in_flight).state == shown


def test_an_event() -> None:
    body = views.event("message.delivered", T0, views.message(record(), T0))
    event = json.loads(body)
    assert list(event) == ["type", "timestamp", "data"]
    assert event["type"] == "message.delivered"
    assert event["timestamp"] == "2026-01-01T00:00:00.000Z"
    assert list(event["data"]) == KEYS


def test_inbound() -> None:
    item = Inbound(
        seq=1,
        id="m",
        connector="carrier",
        from_="380",
        to="5",
        text=None,
        data="00ff",
        encoding="binary",
        parts=2,
        complete=False,
        received_at=T0,
    )
    assert plain(views.inbound(item)) == {
        "id": "m",
        "connector": "carrier",
        "from": "380",
        "to": "5",
        "text": None,
        "data": "00ff",
        "encoding": "binary",
        "parts": 2,
        "complete": False,
        "received_at": "2026-01-01T00:00:00.000Z",
    }


def test_connector() -> None:
    connector = PlanningConnector("carrier")
    shown = plain(views.connector(connector, queued=2, oldest=T0, now=T0 + 1500))
    assert shown["state"] == "up"
    assert shown["hosts"][0]["address"] == "127.0.0.1:2775"
    assert (shown["queued"], shown["oldest_queued_seconds"]) == (2, 1.5)
    idle = plain(views.connector(connector, queued=0, oldest=None, now=T0))
    assert idle["oldest_queued_seconds"] is None
    later = plain(views.connector(connector, queued=1, oldest=T0 + 9, now=T0))
    assert later["oldest_queued_seconds"] == 0


class TestEstimate:
    def estimate(
        self, planned: str, parts: int = 1, concatenation: str = "udh8", **request: Any
    ) -> Any:
        plan = Plan(
            connector="carrier",
            encoding=planned,
            data_coding=0,
            udhi=False,
            parts=(b"",) * parts,
            concatenation=concatenation,
        )
        return plain(views.estimate(Request(to="380", **request), plan))

    def test_gsm7(self) -> None:
        assert self.estimate("gsm7", text="12 €") == {
            "encoding": "gsm7",
            "parts": 1,
            "units": 5,
            "units_per_part": 160,
            "forcing_characters": [],
        }

    def test_several_parts(self) -> None:
        shown = self.estimate("gsm7", 2, text="a" * 161)
        assert (shown["units"], shown["units_per_part"]) == (161, 153)
        wide = self.estimate("gsm7", 2, "udh16", text="a" * 161)
        assert wide["units_per_part"] == 152

    def test_ucs2_and_why(self) -> None:
        shown = self.estimate("ucs2", text="Hi 🎂, Оля, О")
        assert shown["forcing_characters"] == ["🎂", "О", "л", "я"]
        assert (shown["units"], shown["units_per_part"]) == (13, 70)

    def test_ucs2_for_an_smsc_without_extension_table(self) -> None:
        assert self.estimate("ucs2", text="1€[")["forcing_characters"] == ["€", "["]

    def test_ucs2_asked_for_is_not_forced(self) -> None:
        shown = self.estimate("ucs2", text="Оля", encoding="ucs2")
        assert shown["forcing_characters"] == []

    def test_the_connectors_own_alphabet(self) -> None:
        shown = self.estimate("gsm7", text="ê")
        assert (shown["units"], shown["units_per_part"]) == (1, 140)

    def test_the_smsc_splits_a_payload(self) -> None:
        assert self.estimate("gsm7", 1, "payload", text="a" * 161)["parts"] == 2

    def test_binary(self) -> None:
        shown = self.estimate("binary", data=b"123", udh=b"\x01\x00")
        assert (shown["units"], shown["units_per_part"]) == (3, 138)
        assert self.estimate("binary", data=b"12")["units_per_part"] == 140


class TestTrace:
    def trace(self, one: Record, *events: OutboxEntry) -> list[dict[str, Any]]:
        shown = plain(views.trace(one, events, T0))
        assert (shown["id"], shown["state"]) == (one.id, one.progress.state)
        timeline: list[dict[str, Any]] = shown["timeline"]
        return timeline

    def test_the_beginning(self) -> None:
        request = Request(to="380", text="hi", send_at=T0 + 60_000)
        accepted, routed = self.trace(record(request, note="route 1: to 380"))
        assert accepted == {
            "at": "2026-01-01T00:00:00.000Z",
            "event": "accepted",
            "detail": "to be sent at 2026-01-01T00:01:00.000Z",
        }
        assert routed["via"] == ["carrier"]
        assert routed["reason"] == "route 1: to 380"

    def test_attempts_answers_receipts_and_the_end_in_order(self) -> None:
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
            receipts=[
                ReceiptNote(T0 + 50, MessageState.DELIVERED, "DELIVRD", "0", "h")
            ],
        )
        one = record(
            state=MessageState.DELIVERED,
            final_at=T0 + 50,
            segments=[Segment(part=1, attempts=[refused, taken])],
        )
        timeline = self.trace(one)
        assert [entry["event"] for entry in timeline] == [
            *("accepted", "routed", "attempt", "answer", "attempt", "answer"),
            *("receipt", "final"),
        ]
        assert timeline[2] == {
            "at": "2026-01-01T00:00:00.010Z",
            "event": "attempt",
            "part": 1,
            "connector": "a",
            "host": "h:1",
            "sequence_number": 7,
            "reason": "first choice",
        }
        assert timeline[3]["command_status"] == 0x58
        assert timeline[3]["status"] == "ESME_RTHROTTLED"
        assert timeline[3]["outcome"] == "deferred"
        assert timeline[5]["command_status"] == 0
        assert timeline[5]["smsc_id"] == "A1"
        assert timeline[6]["stat"] == "DELIVRD"
        assert timeline[7]["state"] == "delivered"

    def test_what_is_not_smpp_has_a_code(self) -> None:
        refused = Attempt(
            connector="a", host="h", at=T0, outcome="rejected", code="E7", detail="no"
        )
        unknown = Attempt(connector="a", host="h", at=T0, outcome="unknown", sequence=1)
        vendor = Attempt(
            connector="a", host="h", at=T0, outcome="rejected", sequence=2, code="late"
        )
        bare = Attempt(connector="a", host="h", at=T0, outcome="rejected", sequence=3)
        one = record(
            segments=[Segment(part=1, attempts=[refused, unknown, vendor, bare])],
            error=Fault(FaultClass.MESSAGE, "E7", ""),
            final_at=T0,
            state=MessageState.REJECTED,
        )
        answers = [e for e in self.trace(one) if e["event"] == "answer"]
        assert answers[0]["code"] == "E7"
        assert not any("command_status" in answer for answer in answers)
        assert answers[2]["code"] == "late"

    def test_webhooks(self) -> None:
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
        hooks = self.trace(record(), tried, waiting)[2:]
        assert [hook["event"] for hook in hooks] == ["webhook"] * 3
        assert [hook.get("result") for hook in hooks] == ["500", "200", None]
        assert [hook["state"] for hook in hooks] == ["retry", "done", "pending"]
        assert hooks[2]["webhook_id"] == "w2"
