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
    Progress,
    Record,
    Request,
    Segment,
)

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

    def test_a_part_that_nobody_answered_waits_only_if_it_is_sent_again(self) -> None:
        unanswered = Attempt(connector="carrier", host="h:1", at=T0, outcome="unknown")
        parts = [Segment(part=1, attempts=[unanswered]), Segment(part=2)]
        message = record(state=MessageState.SUBMITTING, held=True, segments=parts)
        held = plain(views.message(message, T0))["segments"]
        assert [part["state"] for part in held] == ["submitting", "queued"]
        message.progress.held = False
        queued = plain(views.message(message, T0))["segments"]
        assert [part["state"] for part in queued] == ["queued", "queued"]

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
    at = "1970-01-01T00:00:00.000Z"
    bind = {"bind": "transceiver", "state": "bound", "reason": "", "since": at}
    [host] = shown["hosts"]
    assert host["address"] == "127.0.0.1:2775"
    assert host["binds"] == [bind]
    assert (shown["queued"], shown["oldest_queued_seconds"]) == (2, 1.5)
    idle = plain(views.connector(connector, queued=0, oldest=None, now=T0))
    assert idle["oldest_queued_seconds"] is None
    later = plain(views.connector(connector, queued=1, oldest=T0 + 9, now=T0))
    assert later["oldest_queued_seconds"] == 0
