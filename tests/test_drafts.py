"""esmed.drafts: what can go, by which route, and what is wrong with the rest."""

from collections.abc import Mapping
from itertools import count
from typing import Any

import pytest
from fakes.gateway import PlanningConnector

from esmed.caller import Caller
from esmed.connector import Connector, Health, HealthState
from esmed.drafts import Drafts
from esmed.models import Fault, FaultClass, MessageState, Record, Request
from esmed.refusals import ForbiddenError, InvalidError
from esmed.routing import Router, Rule

ADMIN = Caller(name=None, admin=True)
SHOP = Caller(name="shop")
DAY = 86_400_000
NOW = 1_790_000_000_000


class Rig:
    """Two connectors, and a route over both of them."""

    def __init__(self) -> None:
        self.carrier = PlanningConnector("carrier")
        self.backup = PlanningConnector("backup")
        self.connectors: Mapping[str, Connector] = {
            "carrier": self.carrier,
            "backup": self.backup,
        }
        self.drafts = Drafts(
            self,
            self,
            Router([Rule(to=("380",), via=("carrier", "backup"))], ("backup",)),
            ("Hooks.example.org",),
        )
        self._seqs = count(1)

    def next_seq(self) -> int:
        return next(self._seqs)

    def draft(self, caller: Caller = ADMIN, **fields: Any) -> Record:
        return self.drafts.draft(request(**fields), caller, NOW)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def request(**fields: Any) -> Request:
    return Request(**{"to": "380501234567", "text": "hi", **fields})


def fields_of(info: pytest.ExceptionInfo[InvalidError]) -> list[str]:
    return [error.field for error in info.value.errors]


def test_a_message_that_goes_at_once(rig: Rig) -> None:
    record = rig.draft(SHOP, text="a" * 161, validity=60)
    assert record.client == "shop"
    assert record.via == ("carrier", "backup")
    assert record.created_at == record.due_at == NOW
    assert record.expires_at == record.deadline == NOW + 60_000
    assert record.progress.state is MessageState.QUEUED
    assert record.progress.encoding == "gsm7"
    assert record.progress.parts == 2
    assert record.progress.plan is None
    assert record.progress.note == "route 1: to 380"


def test_a_message_for_later(rig: Rig) -> None:
    later = NOW + 60_000
    record = rig.draft(send_at=later)
    assert record.progress.state is MessageState.SCHEDULED
    assert record.due_at == later
    assert record.expires_at == later + DAY


def test_a_message_for_later_that_every_next_hop_keeps(rig: Rig) -> None:
    later = NOW + 60_000
    rig.carrier.schedules = True
    assert rig.draft(send_at=later).due_at == later
    rig.backup.schedules = True
    record = rig.draft(send_at=later)
    assert record.due_at == NOW
    assert record.progress.state is MessageState.QUEUED
    assert record.expires_at == later + DAY


def test_positions_and_ids_increase(rig: Rig) -> None:
    first, second = rig.draft(), rig.draft()
    assert (first.seq, first.id) < (second.seq, second.id)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"to": "49151"}, "to"),
        ({"connector": "nobody"}, "connector"),
        ({"webhook_url": "https://evil.example/"}, "webhook_url"),
        ({"webhook_url": "https://"}, "webhook_url"),
        ({"text": "Оля", "encoding": "gsm7"}, "text"),
        ({"text": "a" * 161, "max_parts": 1}, "max_parts"),
    ],
)
def test_what_can_never_go_names_its_field(
    rig: Rig, fields: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidError) as info:
        rig.draft(**fields)
    assert fields_of(info) == [named]


@pytest.mark.parametrize(
    ("code", "fields", "named"),
    [
        ("from", {}, "from"),
        ("nonsense", {}, "text"),
        (8, {"text": None, "data": b"1"}, "data"),
    ],
)
def test_a_connector_may_name_the_field(
    rig: Rig, code: int | str, fields: dict[str, Any], named: str
) -> None:
    rig.carrier.refusal = Fault(FaultClass.MESSAGE, code, "no")
    with pytest.raises(InvalidError) as info:
        rig.draft(**fields)
    assert fields_of(info) == [named]


def test_an_allowed_webhook_host(rig: Rig) -> None:
    url = "http://HOOKS.example.org:8080/x"
    assert rig.draft(webhook_url=url).request.webhook_url == url


def test_a_forced_connector(rig: Rig) -> None:
    assert rig.draft(to="49151", connector="backup").via == ("backup",)


def test_senders(rig: Rig) -> None:
    caller = Caller(name="shop", senders=("Shop", "Sale"))
    assert rig.draft(caller, from_="Sale").request.from_ == "Sale"
    assert rig.draft(caller).request.from_ == "Shop"
    with pytest.raises(ForbiddenError) as info:
        rig.draft(caller, from_="Bank")
    assert [error.field for error in info.value.errors] == ["from"]


# --- estimates -----------------------------------------------------------------------


def test_an_estimate_is_on_the_route_of_the_destination(rig: Rig) -> None:
    assert rig.drafts.estimate(request(), ADMIN).connector == "carrier"


def test_an_estimate_is_on_the_one_that_is_up(rig: Rig) -> None:
    rig.carrier.state = Health(HealthState.DOWN, 0)
    assert rig.drafts.estimate(request(), ADMIN).connector == "backup"
    rig.backup.state = Health(HealthState.DOWN, 0)
    assert rig.drafts.estimate(request(), ADMIN).connector == "carrier"


def test_an_estimate_without_destination(rig: Rig) -> None:
    assert rig.drafts.estimate(request(to=""), ADMIN).connector == "carrier"
    forced = request(to="", connector="backup")
    assert rig.drafts.estimate(forced, ADMIN).connector == "backup"


def test_no_estimate_without_a_route(rig: Rig) -> None:
    with pytest.raises(InvalidError):
        rig.drafts.estimate(request(to="49151"), ADMIN)
