"""esmed.smpp.throttle."""

from esmed.smpp.throttle import Throttle


def test_without_a_refusal_there_is_no_limit():
    throttle = Throttle()
    assert not throttle.active
    assert throttle.room(0) is None
    assert throttle.next_at() is None
    throttle.written(1)
    throttle.settled(1)
    assert throttle.room(0) is None


def test_a_refusal_stops_all_for_a_second_then_one_may_go():
    throttle = Throttle()
    throttle.refused(1, now=100)
    assert throttle.active
    assert throttle.room(100) == 0
    assert throttle.next_at() == 101
    assert throttle.room(101) == 1
    throttle.written(1)
    assert throttle.room(101) == 0
    assert throttle.next_at() is None


def test_refusals_of_what_was_written_before_say_nothing_new():
    throttle = Throttle()
    throttle.refused(1, now=100)
    throttle.refused(2, now=100.5)
    assert throttle.next_at() == 101
    throttle.written(1)
    throttle.refused(3, now=102)
    assert throttle.room(200) == 0


def test_other_answers_do_not_end_it():
    throttle = Throttle()
    throttle.refused(1, now=100)
    throttle.settled(2)
    assert throttle.room(100) == 0


def test_a_refused_probe_doubles_the_pause_up_to_thirty_seconds():
    throttle = Throttle()
    throttle.refused(1, now=0)
    pauses = [1.0]
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
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_an_answered_probe_ends_the_matter_and_the_next_pause_is_short():
    throttle = Throttle()
    throttle.refused(1, now=0)
    throttle.written(1)
    throttle.refused(1, now=1)
    throttle.written(1)
    throttle.settled(1)
    assert not throttle.active
    assert throttle.room(3) is None
    throttle.refused(9, now=10)
    assert throttle.next_at() == 11
