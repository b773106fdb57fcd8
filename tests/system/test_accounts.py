"""The reckoning itself: what it takes for a break, and what for a fault."""

import pytest
from system.accounts import Part, per_break

KNOWN = {"answered"}


def part(session: int, at: float, response: float | None = 0.04, id_: str = "") -> Part:
    return Part(at, "1", "message", session, response, id_ or f"lost {session} {at}")


def broken(count: int, session: int, at: float) -> list[list[Part]]:
    """Parts of one connection that came again over the next, and were answered."""
    again = part(session + 1, at + 0.1, id_="answered")
    return [[part(session, at), again] for _ in range(count)]


def test_two_breaks_in_quick_succession_are_two():
    # Who caused the first learnt of its end when the second link was busy already: by
    # the clock all 18 would be the first one's.
    assert per_break([*broken(9, 1, 10.00), *broken(9, 2, 10.01)], KNOWN) == {
        1: 9,
        2: 9,
    }


def test_a_clock_that_is_set_changes_nothing():
    assert per_break([*broken(9, 1, 10.0), *broken(9, 2, 3.0)], KNOWN) == {1: 9, 2: 9}


def test_what_breaks_twice_counts_with_each():
    copies = [part(1, 1.0), part(2, 2.0), part(3, 3.0, id_="answered")]
    assert per_break([copies], KNOWN) == {1: 1, 2: 1}


def test_what_was_in_a_link_that_stood_still_arrives_after_its_copy():
    """Over the other host, whose link never broke."""
    copies = [part(7, 1.0, id_="answered"), part(1, 9.0)]
    assert per_break([copies] * 9, KNOWN) == {1: 9}


def test_an_answer_may_have_no_id():
    assert per_break([[part(1, 1.0), part(2, 2.0)]], KNOWN) == {1: 1}


def test_too_many_for_one_break():
    assert per_break(broken(11, 1, 10.0), KNOWN) == {1: 11}


def test_again_over_a_link_that_did_not_break():
    with pytest.raises(AssertionError, match="nothing broke"):
        per_break([[part(5, 1.0), part(5, 2.0, id_="answered")]], KNOWN)


@pytest.mark.parametrize("response", [None, 30.0, 60.0])
def test_what_the_smsc_does_not_answer_needs_no_break(response: float | None):
    copies = [part(5, 1.0, response), part(5, 32.0, id_="answered")]
    assert not per_break([copies], KNOWN)
