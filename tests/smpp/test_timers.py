"""esmed.smpp.timers: integer time, no clock."""

from typing import Any

import pytest

from esmed.smpp.timers import Timer, Timers, TimerSettings

SETTINGS = TimerSettings(
    bind=10, unbind=5, response=30, enquire_link=60, enquire_link_timeout=20
)


def bound(at: int = 0, **settings: Any) -> Timers:
    timers = Timers(
        TimerSettings(
            **{"bind": 10, "unbind": 5, "enquire_link": 60, "enquire_link_timeout": 20}
            | settings
        )
    )
    timers.bind_sent(at)
    timers.bound(at)
    return timers


def test_nothing_is_due_before_anything_happened():
    timers = Timers(SETTINGS)
    assert timers.next_deadline() is None
    assert timers.due(1_000_000) is None


def test_a_pdu_heard_before_the_bind_starts_no_watch():
    timers = Timers(SETTINGS)
    timers.heard(5)
    assert timers.next_deadline() is None


def test_bind():
    timers = Timers(SETTINGS)
    timers.bind_sent(100)
    assert timers.next_deadline() == 110
    assert timers.due(109) is None
    assert timers.due(110) is Timer.BIND


def test_what_is_heard_does_not_excuse_a_missing_bind_response():
    timers = Timers(SETTINGS)
    timers.bind_sent(100)
    timers.heard(109)
    assert timers.next_deadline() == 110


def test_silence_makes_us_ask():
    timers = bound(0)
    assert timers.next_deadline() == 60
    assert timers.due(59) is None
    assert timers.due(60) is Timer.ENQUIRE


def test_enquire_link_may_be_off():
    timers = bound(0, enquire_link=None)
    assert timers.next_deadline() is None
    timers.heard(50)
    assert timers.due(1_000_000) is None
    timers = bound(0, enquire_link=None, inactivity=500)
    assert timers.due(500) is Timer.INACTIVITY


def test_what_is_heard_puts_the_question_off():
    timers = bound(0)
    timers.heard(50)
    assert timers.next_deadline() == 110


def test_no_answer_is_the_end():
    timers = bound(0)
    timers.enquired(60)
    assert timers.next_deadline() == 80
    assert timers.due(79) is None
    assert timers.due(80) is Timer.SILENCE


def test_any_pdu_is_an_answer():
    timers = bound(0)
    timers.enquired(60)
    timers.heard(79)
    assert timers.due(80) is None
    assert timers.next_deadline() == 139


def test_unbind_waits_for_nothing_else():
    timers = bound(0, inactivity=30)
    timers.enquired(3)
    timers.unbind_sent(4)
    assert timers.next_deadline() == 9
    assert timers.due(8) is None
    assert timers.due(9) is Timer.UNBIND
    timers.heard(8)
    assert timers.next_deadline() == 9


@pytest.mark.parametrize("inactivity", [None, 30])
def test_inactivity_is_off_unless_it_is_set(inactivity):
    timers = bound(0, inactivity=inactivity)
    timers.heard(29)
    assert timers.due(30) is (None if inactivity is None else Timer.INACTIVITY)


def test_keep_alive_is_no_activity():
    timers = bound(0, inactivity=100)
    timers.heard(90)
    assert timers.next_deadline() == 100
    timers.busy(95)
    assert timers.next_deadline() == 150
    timers.heard(149)
    assert timers.due(195) is Timer.INACTIVITY
