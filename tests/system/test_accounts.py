"""The reckoning itself: what it takes for a break, and what for a fault."""

import pytest
from system.accounts import Part, per_break


def part(number: int, session: int, at: float, response: float | None = 0.04) -> Part:
    return Part(at, str(number), f"message {number}", session, response)


def broken(
    count: int, session: int, at: float, *, first: int = 0
) -> list[tuple[Part, Part]]:
    """Parts of one connection that came again over the next."""
    return [
        (part(number, session, at), part(number, session + 1, at + 0.1))
        for number in range(first, first + count)
    ]


def test_two_breaks_in_quick_succession_are_two():
    # Who caused the first learnt of its end when the second link was busy already: by
    # the clock all 18 would be the first one's.
    copies = [*broken(9, 1, 10.00), *broken(9, 2, 10.01, first=9)]
    assert per_break(copies) == {1: 9, 2: 9}


def test_a_clock_that_is_set_changes_nothing():
    copies = [*broken(9, 1, 10.0), *broken(9, 2, 3.0, first=9)]
    assert per_break(copies) == {1: 9, 2: 9}


def test_what_breaks_twice_counts_with_each():
    first, second, third = (part(1, session, session) for session in (1, 2, 3))
    assert per_break([(first, second), (second, third)]) == {1: 1, 2: 1}


def test_too_many_for_one_break():
    assert max(per_break(broken(11, 1, 10.0)).values()) == 11


def test_again_over_a_link_that_did_not_break():
    with pytest.raises(AssertionError, match="nothing broke"):
        per_break([(part(1, 5, 1.0), part(1, 5, 2.0))])


@pytest.mark.parametrize("response", [None, 30.0, 60.0])
def test_what_the_smsc_does_not_answer_needs_no_break(response: float | None):
    unanswered = part(1, 5, 1.0, response)
    assert not per_break([(unanswered, part(1, 5, 32.0))])
