"""esmed.masking: what is left of numbers, in fields and in prose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed import masking


@pytest.mark.parametrize(
    ("prose", "shown"),
    [
        ("", ""),
        ("380501234567", "380*******67"),
        ("what is +380501234567?", "what is +380*******67?"),
        ("invalid literal: '380501234567'", "invalid literal: '380*******67'"),
        ("a=380501234567, 447700900123.", "a=380*******67, 447*******23."),
    ],
)
def test_numbers_in_prose(prose: str, shown: str) -> None:
    assert masking.numbers_in(prose) == shown


@pytest.mark.parametrize(
    "prose",
    [
        "line 123456 of 654321",
        "019b76da-a800-7611-8555-123456789012",
        "1767225600.123 at 127.0.0.1:27750001x",
    ],
)
def test_what_is_no_number(prose: str) -> None:
    assert masking.numbers_in(prose) == prose


@given(st.from_regex(r"\+?[0-9]{7,15}", fullmatch=True))
def test_of_a_number_three_digits_and_two_are_left(number: str) -> None:
    shown = masking.number(number)
    digits = number.removeprefix("+")
    assert shown.removeprefix("+") == (
        digits[:3] + "*" * (len(digits) - 5) + digits[-2:]
    )
    assert masking.numbers_in(f"it is {number}.") == f"it is {shown}."


@pytest.mark.parametrize(
    ("value", "shown"),
    [("Привіт", "(6 characters)"), (b"\0\1", "(2 octets)"), (["a"], "(5 characters)")],
)
def test_sizes(value: object, shown: str) -> None:
    assert masking.size(value) == shown
