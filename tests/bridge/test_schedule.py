"""esmed.bridge.schedule: when a provider is asked, in whole seconds."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.bridge import schedule
from esmed.bridge.base import Traits
from esmed.connector import Asking

HOUR = 3600
DAY = 24 * HOUR


def make(**settings: float) -> Asking:
    return schedule.asking(
        **{
            "first": 10,
            "factor": 2,
            "longest": 100,
            "retention": DAY,
            "receipt_timeout": 500,
            "batch": 7,
            "every": 3,
            **settings,  # type: ignore[arg-type]
        }
    )


def test_pauses_grow_and_end_with_the_receipts():
    asking = make()
    assert (asking.first, asking.again) == (10, (20, 40, 80, 100, 100, 100, 50))
    assert (asking.batch, asking.every) == (7, 3)


def test_nobody_is_asked_for_what_they_have_forgotten():
    """What is pushed all the same is waited for."""
    asking = make(retention=160)
    assert (asking.first, asking.again) == (10, (20, 40, 80, 350))


@pytest.mark.parametrize(
    ("settings", "first", "again"),
    [
        ({"receipt_timeout": 10}, 10, (0,)),
        ({"receipt_timeout": 5}, 5, (0,)),
        ({"receipt_timeout": 30}, 10, (20,)),
        ({"receipt_timeout": 31}, 10, (20, 1)),
        ({"retention": 10}, 10, (490,)),
        ({"longest": 5, "receipt_timeout": 21}, 10, (5, 5, 1)),
    ],
)
def test_little_time(
    settings: dict[str, float], first: float, again: tuple[float, ...]
):
    asking = make(**settings)
    assert (asking.first, asking.again) == (first, again)


@given(
    first=st.integers(1, 600),
    factor=st.sampled_from([1, 1.5, 1.7, 2, 3]),
    longest=st.integers(60, DAY),
    retention=st.integers(60, 7 * DAY),
    receipt_timeout=st.integers(60, 7 * DAY),
)
def test_any(first, factor, longest, retention, receipt_timeout):
    asking = make(
        first=first,
        factor=factor,
        longest=longest,
        retention=retention,
        receipt_timeout=receipt_timeout,
    )
    assert asking.first + sum(asking.again) == pytest.approx(receipt_timeout)
    *questions, end = accumulate((asking.first, *asking.again))
    assert end == pytest.approx(receipt_timeout)
    assert all(at <= min(retention, receipt_timeout) for at in questions[1:])
    pauses = asking.again[:-1]
    assert all(0 < pause <= longest for pause in pauses)
    if first <= longest:
        assert list(pauses) == sorted(pauses)


def test_for_a_provider():
    traits = Traits(asks=100, asks_every=60.0, retention=2 * DAY)
    asking = schedule.for_provider(traits, pushed=False, receipt_timeout=3 * DAY)
    assert asking is not None
    assert (asking.first, asking.batch, asking.every) == (10, 100, 60.0)
    assert asking.again[:3] == (17, 28.9, 49.13)
    assert asking.again[-1] > DAY
    # A day of it is some dozens of questions.
    assert 50 < len(asking.again) < 60


def test_who_pushes_is_asked_for_what_was_lost():
    traits = Traits(asks=100)
    asking = schedule.for_provider(traits, pushed=True, receipt_timeout=3 * DAY)
    assert asking is not None
    assert asking.first == 300


def test_who_cannot_be_asked():
    assert schedule.for_provider(Traits(), pushed=False, receipt_timeout=DAY) is None
