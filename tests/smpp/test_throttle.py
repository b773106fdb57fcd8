"""esmed.smpp.throttle."""

from esmed.smpp.throttle import Throttle


def begun(pause: float = 1.0, now: float = 100) -> Throttle:
    throttle = Throttle()
    assert throttle.news(now - 1)
    throttle.begin(pause, now)
    return throttle


def test_nothing_stops_what_nobody_refuses():
    throttle = Throttle()
    assert not throttle.active
    assert throttle.room(0) is None
    assert throttle.next_at() is None
    throttle.written(1)
    assert not throttle.settled(1)
    throttle.lost(1)
    throttle.refused(1, now=1)
    assert throttle.room(0) is None


def test_a_refusal_stops_everything_then_one_probe_goes():
    throttle = begun(0.5)
    assert throttle.active
    assert throttle.room(100) == 0
    assert throttle.next_at() == 100.5
    assert throttle.room(100.5) == 1
    throttle.written(1)
    assert throttle.room(101) == 0
    assert throttle.next_at() is None


def test_refusals_of_what_was_written_before_a_pause_say_nothing_new():
    throttle = begun()
    assert not throttle.news(99)
    throttle.refused(2, now=100.5)
    assert throttle.next_at() == 101
    throttle.written(1)
    throttle.refused(3, now=102)
    assert throttle.room(200) == 0
    assert throttle.settled(1)
    # Not even when the probe has come through: 100 is when the pause began.
    assert not throttle.news(100)
    assert throttle.news(103)


def test_answers_to_what_was_written_before_a_pause_say_nothing_either():
    throttle = begun()
    assert not throttle.settled(2)
    assert throttle.room(100) == 0


def test_pauses_double_while_the_probe_is_refused():
    throttle = begun(1.0, now=0)
    pauses = []
    now = 0.0
    for _ in range(7):
        at = throttle.next_at()
        assert at is not None
        now = at
        throttle.written(1)
        throttle.refused(1, now)
        again = throttle.next_at()
        assert again is not None
        pauses.append(again - now)
    assert pauses == [2, 4, 8, 16, 30, 30, 30]


def test_a_short_pause_that_did_not_help_is_followed_by_a_second():
    throttle = begun(0.1)
    throttle.written(1)
    throttle.refused(1, now=101)
    assert throttle.next_at() == 102
    throttle.written(1)
    throttle.refused(1, now=103)
    assert throttle.next_at() == 105


def test_any_other_answer_ends_the_matter():
    throttle = begun()
    throttle.written(1)
    throttle.refused(1, now=101)
    throttle.written(1)
    assert throttle.settled(1)
    assert not throttle.active
    assert throttle.room(103) is None
    assert throttle.news(103)
    throttle.begin(0.25, now=110)
    assert throttle.next_at() == 110.25


def test_after_a_probe_without_an_answer_another_one_goes():
    throttle = begun()
    throttle.written(1)
    throttle.lost(2)
    assert throttle.room(131) == 0
    throttle.lost(1)
    assert throttle.active
    assert throttle.room(131) == 1
    throttle.written(3)
    throttle.refused(3, now=132)
    assert throttle.next_at() == 134
