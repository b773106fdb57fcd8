"""`esmed.announce`: which changes become events."""

import pytest

from esmed.announce import Announcer
from esmed.models import FINAL_STATES, MessageState

URL = "https://hooks.example.org/sms"


@pytest.mark.parametrize("state", MessageState)
def test_final_states_or_all(state: MessageState) -> None:
    final = Announcer(["message.final"], default=True)
    every = Announcer(["message.*"], default=True)
    assert final.state(state, None) is (state in FINAL_STATES)
    assert every.state(state, None)
    assert not Announcer([], default=True).state(state, None)


@pytest.mark.parametrize("state", MessageState)
def test_one_state_by_name(state: MessageState) -> None:
    one = Announcer([f"message.{state}"], default=True)
    assert [other for other in MessageState if one.state(other, None)] == [state]


@pytest.mark.parametrize(
    ("event", "told"),
    [("message.*", True), ("message.amended", True), ("message.final", False)],
)
def test_amended(event: str, *, told: bool) -> None:
    assert Announcer([event], default=True).amended(None) is told


def test_inbound() -> None:
    assert Announcer(["inbound.received"], default=True).inbound
    assert not Announcer(["message.*"], default=True).inbound
    # MO messages have no URL of their own.
    assert not Announcer(["inbound.received"], default=False).inbound


def test_without_a_configured_url_only_messages_with_their_own_are_told() -> None:
    announcer = Announcer(["message.*"], default=False)
    assert not announcer.state(MessageState.DELIVERED, None)
    assert announcer.state(MessageState.DELIVERED, URL)
    assert not announcer.amended(None)
    assert announcer.amended(URL)
    unwanted = Announcer(["message.failed"], default=False)
    assert not unwanted.state(MessageState.DELIVERED, URL)
    assert not unwanted.amended(URL)
