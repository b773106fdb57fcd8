"""What is shown of numbers and texts that are not for everybody's eyes. Pure."""

import re
from itertools import count
from typing import Final

LEAST_DIGITS: Final = 7
"""Shorter numbers are nobody's: short codes, statuses, ports."""

# Not within ids, addresses and times: those go on with a dot, a dash or a letter.
_RUN: Final = re.compile(rf"(?<![\w.-])\+?\d{{{LEAST_DIGITS},}}(?!\w|[.-]\w)")


def number(text: str) -> str:
    """Of seven digits or more only the first three and the last two stay readable."""
    digits = sum(map(str.isdecimal, text))
    if digits < LEAST_DIGITS:
        return text
    seen = count(1)
    return re.sub(
        r"\d", lambda m: m[0] if not 3 < next(seen) <= digits - 2 else "*", text
    )


def numbers_in(text: str) -> str:
    """Prose in which whatever looks like a phone number is masked."""
    return _RUN.sub(lambda found: number(found[0]), text)


def size(value: object) -> str:
    """How long a text or data is, in its place."""
    if isinstance(value, bytes):
        return f"({len(value)} octets)"
    return f"({len(str(value))} characters)"
