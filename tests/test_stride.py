"""esmed.stride: shares held, nobody starved, nothing saved up. A turn is the time."""

from fractions import Fraction
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.connectorconfig import Shares
from esmed.models import Priority
from esmed.stride import Stride

HIGH, NORMAL, BULK = Priority
DEFAULT = Shares().in_order
shares = st.tuples(*[st.integers(1, 100)] * 3)
patterns = st.lists(
    st.tuples(st.integers(1, 30), st.tuples(*[st.booleans()] * 3)), max_size=20
)
"""For so many turns these have something to send."""


def run(stride: Stride, count: int, waiting: Any) -> list[Priority]:
    turns = []
    for _ in range(count):
        stride.note(waiting)
        turns.append(stride.turn(waiting))
    return turns


def apply(stride: Stride, pattern: list[tuple[int, tuple[bool, ...]]]) -> None:
    for count, busy in pattern:
        if any(busy):
            run(stride, count, busy)


def test_the_defaults():
    turns = run(Stride(DEFAULT), 100, [1, 1, 1])
    assert [turns.count(priority) for priority in Priority] == [70, 20, 10]
    # Not in blocks: nobody waits for longer than it must.
    gaps = [index for index, one in enumerate(turns) if one is BULK]
    assert max(b - a for a, b in pairwise(gaps)) <= 11


def test_nothing_waits():
    with pytest.raises(ValueError, match="nothing is ready"):
        Stride(DEFAULT).turn([0, 0, 0])


def ahead(turns: list[Priority], shares: Any, one: Priority, other: Priority) -> Any:
    """By how much one has had more than another, each by its share."""
    return Fraction(turns.count(one), shares[one]) - Fraction(
        turns.count(other), shares[other]
    )


@given(shares, st.integers(1, 2000))
def test_those_who_always_wait_get_their_shares(shares, count):
    """Nobody is ahead of another by more than that one's turn."""
    turns = run(Stride(shares), count, [1, 1, 1])
    for one, other in permutations(Priority, 2):
        assert ahead(turns, shares, one, other) <= Fraction(1, shares[other])


@given(shares, patterns, st.integers(1, 2000))
def test_whatever_was_before(shares, before, count):
    """It makes a difference of one turn more, of the least of them."""
    stride = Stride(shares)
    apply(stride, before)
    turns = run(stride, count, [1, 1, 1])
    for one, other in permutations(Priority, 2):
        bound = Fraction(1, shares[other]) + Fraction(1, min(shares))
        assert ahead(turns, shares, one, other) <= bound


@given(shares, patterns, st.sampled_from(list(Priority)))
def test_nobody_starves(shares, before, priority):
    """Its turn comes before any other can be ahead by more than the test above says."""
    stride = Stride(shares)
    apply(stride, before)
    lead = Fraction(1, shares[priority]) + Fraction(1, min(shares))
    most = sum(int(shares[other] * lead) for other in Priority if other is not priority)
    assert priority in run(stride, most + 1, [1, 1, 1])


@given(shares, st.sampled_from(list(Priority)), st.integers(0, 500))
def test_what_is_not_wanted_goes_to_the_others(shares, idle, count):
    stride = Stride(shares)
    waiting = [int(priority is not idle) for priority in Priority]
    turns = run(stride, count, waiting)
    assert idle not in turns
    assert len(turns) == count


@given(patterns, st.integers(1, 1000), st.integers(20, 200))
def test_no_credit_for_idle_time(before, idle_for, count):
    """Bulk that comes back after a long time gets its share from then on, no more."""
    stride = Stride(DEFAULT)
    apply(stride, before)
    run(stride, idle_for, [1, 1, 0])
    turns = run(stride, count, [1, 1, 1])
    assert turns.count(BULK) <= count // 10 + 1


@given(patterns, st.integers(10, 1000))
def test_the_first_of_the_urgent_leaves_next(before, alone):
    stride = Stride(DEFAULT)
    apply(stride, before)
    run(stride, alone, [0, 0, 1])
    assert run(stride, 1, [1, 0, 1]) == [HIGH]


@given(patterns, st.integers(1, 200))
def test_what_is_not_ready_yet_loses_nothing(before, alone):
    """It has something to send, which is being put on disk: its turns come after."""
    stride = Stride(DEFAULT)
    apply(stride, before)
    for _ in range(alone):
        stride.note([1, 1, 1])
        stride.turn([0, 0, 1])
    turns = run(stride, 9 * alone, [1, 1, 1])
    assert turns.count(BULK) <= 1


def test_turns_between_two_looks_are_no_credit_to_others():
    stride = Stride(DEFAULT)
    stride.note([0, 0, 1])
    for _ in range(1000):
        stride.turn([0, 0, 1])
    assert run(stride, 10, [1, 0, 1]).count(BULK) <= 2


def test_an_otp_behind_a_hundred_thousand_of_bulk_leaves_next():
    stride, left, waited = Stride(DEFAULT), 100_000, []
    urgent, since = 0, 0
    for turn in range(101_000):
        if turn % 100 == 50:
            urgent, since = 1, turn
        if run(stride, 1, [urgent, 0, left]) == [HIGH]:
            waited.append(turn - since)
            urgent = 0
        else:
            left -= 1
        if not left:
            break
    assert waited
    assert set(waited) == {0}


@given(shares, patterns, st.integers(0, 100), st.lists(st.integers(0, 60), min_size=3))
def test_portions_are_the_turns_to_come(shares, before, count, waiting):
    waiting = waiting[:3]
    stride = Stride(shares)
    apply(stride, before)
    stride.note(waiting)
    portions = stride.portions(count, waiting)
    assert sum(portions) == min(count, sum(waiting))
    left, taken = list(waiting), [0, 0, 0]
    for _ in range(sum(portions)):
        (priority,) = run(stride, 1, left)
        left[priority] -= 1
        taken[priority] += 1
    assert taken == portions
