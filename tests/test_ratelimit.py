"""esmed.ratelimit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.ratelimit import TokenBucket


def test_starts_with_its_burst():
    bucket = TokenBucket(rate=10, now=0, burst=3)
    assert bucket.available(0) == 3


@pytest.mark.parametrize(
    ("rate", "burst"), [(1, 1.02), (20, 1.4), (50, 2.0), (100, 3.0), (1000, 21.0)]
)
def test_burst_is_one_and_what_20_ms_give(rate, burst):
    assert TokenBucket(rate, 0).burst == burst


def test_a_burst_of_less_than_one_would_let_nothing_pass():
    assert TokenBucket(20, 0, burst=0.2).burst == 1.0


def test_the_next_unit_comes_after_its_share_of_a_second():
    bucket = TokenBucket(rate=4, now=0, burst=1)
    bucket.take(1, 0)
    assert bucket.available(0) == 0
    assert bucket.next_at(0) == 0.25
    assert bucket.available(0.2) == 0
    assert bucket.available(0.25) == 1
    assert bucket.next_at(0.25) == 0.25


def test_what_was_not_used_does_not_pile_up():
    bucket = TokenBucket(rate=4, now=0)
    bucket.take(1, 0)
    assert bucket.available(1_000_000) == 1


def test_taking_too_much_is_paid_back():
    bucket = TokenBucket(rate=2, now=0, burst=1)
    bucket.take(4, 0)
    assert bucket.next_at(0) == 2
    assert bucket.available(1.9) == 0
    assert bucket.available(2) == 1


def test_a_slow_rate_is_exact():
    bucket = TokenBucket(rate=100 / 60, now=0, burst=1)
    bucket.take(1, 0)
    at = bucket.next_at(0)
    assert at == pytest.approx(0.6)
    assert bucket.available(at) == 1


def test_a_late_timer_costs_nothing():
    bucket = TokenBucket(rate=20, now=0)
    bucket.take(1, 0)
    assert bucket.next_at(0) == pytest.approx(0.03)
    bucket.take(bucket.available(0.045), 0.045)
    assert bucket.next_at(0.045) == pytest.approx(0.08)


def test_another_rate_counts_from_now_on():
    bucket = TokenBucket(rate=10, now=0, burst=5)
    bucket.take(3, 0)
    bucket.change(50, 0.1)
    assert (bucket.rate, bucket.burst) == (50, 2.0)
    assert bucket.available(0.1) == 2
    bucket.take(2, 0.1)
    assert bucket.next_at(0.1) == pytest.approx(0.12)
    bucket.change(0.5, 0.11)
    assert bucket.next_at(0.11) == pytest.approx(1.11)


def test_time_that_stands_still_or_comes_out_of_order_gives_nothing():
    bucket = TokenBucket(rate=10, now=5)
    bucket.take(1, 5)
    assert bucket.available(4) == 0
    assert bucket.available(5) == 0


@given(
    rate=st.floats(0.1, 5000),
    pauses=st.lists(st.floats(0, 0.5), min_size=1, max_size=60),
)
def test_never_more_than_rate_and_burst_in_any_time(rate, pauses):
    """Whoever takes all that is there, whenever, stays below the ceiling."""
    bucket = TokenBucket(rate, now=0)
    now = 0.0
    taken: list[tuple[float, int]] = []
    for pause in pauses:
        now += pause
        count = bucket.available(now)
        bucket.take(count, now)
        taken.append((now, count))
    for first, (start, _) in enumerate(taken):
        total = 0
        for at, count in taken[first:]:
            total += count
            assert total <= rate * (at - start) + bucket.burst + 1e-6
