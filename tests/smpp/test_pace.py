"""esmed.smpp.pace, alone and with the sender in virtual time."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from fakes.flow import Accepts, Flow, bucket, fixed_seconds, sliding_second

from esmed.smpp.pace import FIRST_PAUSE, SHORTEST_PAUSE, Pace

STYLES = [fixed_seconds, sliding_second, bucket]


def used(pace: Pace, seconds: int, now: float) -> float:
    """Accept as much as is allowed for so long, a second at a time."""
    for _ in range(seconds):
        rate = pace.rate
        assert rate is not None
        for number in range(round(rate)):
            pace.accepted(now + number / rate)
        now += 1
    return now


def accept(pace: Pace, count: int, since: float, until: float) -> None:
    for number in range(count):
        pace.accepted(since + number * (until - since) / count)


# --- alone ---------------------------------------------------------------------------


def test_no_limit_until_something_is_refused():
    pace = Pace(None)
    accept(pace, 10_000, 0, 1)
    assert pace.rate is None
    assert not pace.adapted
    assert pace.available(1) is None
    assert pace.next_at(1) is None
    pace.take(1000, 1)
    assert pace.available(1) is None


def test_the_ceiling_until_something_is_refused():
    pace = Pace(10.0)
    assert (pace.rate, pace.ceiling, pace.adapted) == (10.0, 10.0, False)
    assert pace.available(0) == 1
    pace.take(1, 0)
    assert pace.available(0) == 0
    assert pace.next_at(0) == pytest.approx(0.08)


def test_the_first_refusal_tells_the_limit():
    pace = Pace(None)
    accept(pace, 20, 7.0, 7.1)
    # The second that was too full is over at 8.0.
    assert pace.refused(7.1) == pytest.approx(0.9, abs=0.1)
    assert pace.rate == pytest.approx(20, rel=0.05)
    assert pace.adapted


def test_a_ceiling_far_too_high_is_left_at_once():
    pace = Pace(200.0)
    accept(pace, 20, 7.0, 7.5)
    pace.refused(7.5)
    assert pace.rate == pytest.approx(20, rel=0.05)
    assert pace.ceiling == 200


def test_in_use_it_is_cut_by_a_twentieth():
    pace = Pace(20.0)
    accept(pace, 20, 0, 1)
    pause = pace.refused(1.0)
    assert pace.rate == pytest.approx(19)
    assert SHORTEST_PAUSE <= pause <= 0.15


def test_what_was_accepted_counts_if_it_is_less():
    pace = Pace(20.0)
    accept(pace, 14, 0.1, 1)
    pace.refused(1.0)
    assert pace.rate == pytest.approx(15 * 0.95)


def test_slow_rates_are_measured_over_more_than_a_second():
    pace = Pace(2.0)
    accept(pace, 4, 0.1, 2.5)
    pace.refused(2.5)
    assert pace.rate == pytest.approx(2 * 0.95)


def test_it_grows_by_a_twentieth_in_30_seconds_of_use():
    pace = Pace(1000.0)
    accept(pace, 600, 0, 1)
    pace.refused(1.0)
    first = pace.rate
    assert first is not None
    used(pace, 15, now=2)
    assert pace.rate == pytest.approx(first * 1.025, rel=0.002)


def test_the_longer_nothing_is_refused_the_faster_it_grows():
    pace = Pace(1000.0)
    accept(pace, 600, 0, 1)
    pace.refused(1.0)
    rates = [pace.rate or 0]
    now = 2.0
    for _ in range(4):
        now = used(pace, 15, now)
        rates.append(pace.rate or 0)
    grown = [b - a for a, b in pairwise(rates)]
    assert [round(g / grown[0]) for g in grown] == [1, 2, 4, 8]


def test_idle_time_proves_nothing():
    pace = Pace(20.0)
    accept(pace, 20, 0, 1)
    pace.refused(1.0)
    pace.accepted(3600)
    assert pace.rate == pytest.approx(19, rel=0.001)


def test_after_one_refusal_in_an_idle_hour_it_is_fast_again_soon():
    pace = Pace(None)
    pace.accepted(1799.5)
    assert pace.refused(1800) >= SHORTEST_PAUSE
    assert pace.rate == pytest.approx(1.9)
    used(pace, 15, now=1802)
    assert pace.rate is not None
    assert pace.rate > 300


def test_never_above_the_ceiling():
    pace = Pace(20.0)
    accept(pace, 20, 0, 1)
    pace.refused(1.0)
    used(pace, 120, now=2)
    assert pace.rate == 20
    assert not pace.adapted


def test_refusals_alone_do_not_stop_it_for_ever():
    pace = Pace(None)
    for now in range(0, 1000, 20):
        pace.accepted(now - 0.5)
        assert pace.refused(float(now)) <= 30
    assert 0.1 <= (pace.rate or 0) < 0.5


def test_where_nothing_was_accepted_there_is_nothing_to_learn_from():
    pace = Pace(None)
    assert pace.refused(0) == FIRST_PAUSE
    assert pace.rate is None
    pace.accepted(1)
    assert pace.refused(100) == FIRST_PAUSE
    assert pace.rate is None


def test_a_pause_is_no_longer_than_needed():
    pace = Pace(100.0)
    accept(pace, 100, 0, 1)
    assert pace.refused(1.0) == SHORTEST_PAUSE
    pace = Pace(100.0)
    accept(pace, 100, 0, 0.5)
    assert pace.refused(0.5) == pytest.approx(0.55, abs=0.05)
    pace = Pace(0.5)
    accept(pace, 5, 0.1, 10)
    assert pace.refused(10.0) == FIRST_PAUSE
    accept(pace, 1, 10.5, 11)
    assert pace.refused(10.6) == pytest.approx(2, abs=0.3)


def test_not_adaptive():
    pace = Pace(20.0, adaptive=False)
    accept(pace, 5, 0, 1)
    assert pace.refused(1.0) == FIRST_PAUSE
    assert (pace.rate, pace.adapted) == (20.0, False)


# --- with the sender, against SMSCs of several habits ---------------------------------


@pytest.mark.parametrize("round_trip", [0.005, 0.3])
@pytest.mark.parametrize("factor", [None, 1.0, 5.0])
@pytest.mark.parametrize("limit", [5, 20, 100])
@pytest.mark.parametrize("style", STYLES)
def test_within_a_minute_it_holds_the_limit(
    style: Callable[[int], Accepts],
    limit: int,
    factor: float | None,
    round_trip: float,
) -> None:
    flow = Flow(
        style(limit),
        rate=None if factor is None else limit * factor,
        window=50,
        round_trip=round_trip,
        jitter=0.004,
    )
    flow.run(140)
    taken, refused = flow.between(60, 140)
    assert taken >= 0.9 * limit
    assert refused <= 0.02
    assert flow.pace.rate is not None


def test_without_adaptation_a_fifth_is_refused():
    """What the others are measured by: this test can fail."""
    flow = Flow(sliding_second(20), rate=30.0, adaptive=False, round_trip=0.05)
    flow.run(120)
    taken, refused = flow.between(60, 120)
    assert taken < 0.9 * 20
    assert refused > 0.02


def test_a_load_below_the_limit_is_not_refused():
    flow = Flow(sliding_second(20), load=15.0)
    flow.run(120)
    taken, refused = flow.between(60, 120)
    assert taken == pytest.approx(15, rel=0.01)
    assert refused == 0
    assert flow.pace.rate is None


@pytest.mark.parametrize("style", STYLES)
def test_it_follows_a_limit_that_changes(style):
    limits = [style(100), style(20), style(60)]
    flow = Flow(lambda now: limits[min(int(now // 120), 2)](now), round_trip=0.05)
    flow.run(360)
    for first, limit in ((60, 100), (180, 20), (320, 60)):
        taken, refused = flow.between(first, first + 40)
        assert taken >= 0.9 * limit
        assert refused <= 0.02


def test_an_smsc_that_refuses_everything_for_a_while_is_asked_ever_more_seldom():
    flow = Flow(lambda now: not 10 <= now < 100, rate=100.0, window=10)
    flow.run(200)
    assert 6 <= sum(at >= 11 for at in flow.refused) <= 9
    assert flow.between(140, 200)[0] >= 90
    assert flow.order == sorted(flow.order)
