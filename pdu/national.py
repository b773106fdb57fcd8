"""National languages in the GSM 7-bit alphabet, 3GPP TS 23.038 §6.2.1.2.

A *locking shift* table takes the place of the default alphabet, a *single shift* table
that of its extension table: what follows an escape. Each short message says in its user
data header which ones it uses; without that it is read by the default ones.
"""

import re
from codecs import charmap_decode
from functools import cache
from typing import Final, Literal

import msgspec

from pdu import gsm0338, lockingshift, singleshift

Language = Literal[
    "tr", "es", "pt", "bn", "gu", "hi", "kn", "ml", "or", "pa", "ta", "te", "ur"
]
"""ISO 639-1: Turkish, Spanish, Portuguese, Bengali (and Assamese), Gujarati, Hindi,
Kannada, Malayalam, Oriya, Punjabi, Tamil, Telugu, Urdu."""

IDENTIFIERS: Final[dict[Language, int]] = {
    "tr": 1,
    "es": 2,
    "pt": 3,
    "bn": 4,
    "gu": 5,
    "hi": 6,
    "kn": 7,
    "ml": 8,
    "or": 9,
    "pa": 10,
    "ta": 11,
    "te": 12,
    "ur": 13,
}
"""National language identifiers, §6.2.1.2.4."""

_ESCAPED: Final = re.compile(b"\x1b(.?)", re.DOTALL)
_EIGHT_BIT: Final = bytes(range(0x80, 0x100)).decode("latin-1")
"""What octets that are no septets are taken for, as by ``gsm0338.decode``."""


def _table(printed: str) -> dict[int, str]:
    """Characters by their codes."""
    named = {"SP": " ", "LF": "\n", "CR": "\r", "FF": "\f"}
    return {
        code: named.get(cell) or (cell if len(cell) == 1 else chr(int(cell, 16)))
        for code, cell in enumerate(printed.split())
        if cell not in {"--", "ESC"}
    }


_LOCKING: Final = {
    0: {c: char for c, char in enumerate(gsm0338.BASIC) if c != gsm0338.ESCAPE},
    **{each: _table(printed) for each, printed in lockingshift.TABLES.items()},
}
_SINGLE: Final = {
    0: {code: char for char, code in gsm0338.EXTENSION.items()},
    **{each: _table(printed) for each, printed in singleshift.TABLES.items()},
}


class Shift(msgspec.Struct, frozen=True, gc=False):
    """Which tables a short message is written in, by their identifiers; 0: default."""

    locking: int = 0
    single: int = 0


DEFAULT: Final = Shift()


def has_locking(identifier: int) -> bool:
    """Whether there is such a locking shift table; Spanish has none."""
    return identifier in _LOCKING


def has_single(identifier: int) -> bool:
    """Whether there is such a single shift table."""
    return identifier in _SINGLE


def shifts(languages: tuple[Language, ...]) -> tuple[Shift, ...]:
    """The ways to write texts of these languages, simplest first.

    A single shift table alone, in the order of the languages; a locking one alone; both
    of one language; both of two.
    """
    singles = [IDENTIFIERS[language] for language in languages]
    lockings = [each for each in singles if has_locking(each)]
    return (
        *(Shift(single=each) for each in singles),
        *(Shift(locking=each) for each in lockings),
        *(Shift(each, each) for each in lockings),
        *(Shift(one, two) for one in lockings for two in singles if one != two),
    )


@cache
def characters(language: Language) -> frozenset[str]:
    """All that the tables of the language have."""
    single = _SINGLE[IDENTIFIERS[language]]
    return plain_characters(language) | frozenset(single.values())


@cache
def plain_characters(language: Language) -> frozenset[str]:
    """Those of its locking shift table, each a single septet."""
    return frozenset(_LOCKING.get(IDENTIFIERS[language], {}).values())


@cache
def codes(shift: Shift, *, escapes: bool = True) -> dict[str, bytes]:
    """The septets of each character, one or an escape and one; not to be changed."""
    # Of a character printed twice: the later code among the plain ones, which is where
    # Kannada has its PA, the first of those behind an escape.
    found = {char: bytes((code,)) for code, char in _LOCKING[shift.locking].items()}
    if escapes:
        for code, char in _SINGLE[shift.single].items():
            found.setdefault(char, bytes((gsm0338.ESCAPE, code)))
    return found


def try_encode(text: str, codes: dict[str, bytes]) -> bytes | None:
    """Septets, one per octet; None for text with a character that has no code."""
    try:
        return b"".join(map(codes.__getitem__, text))
    except KeyError:
        return None


def decode(data: bytes, shift: Shift = DEFAULT) -> str:
    """Text of septets given one per octet; never raises, if there are such tables.

    As ``gsm0338.decode``: an escaped code without a character is read as if it were not
    escaped; what has none there either is a space.
    """
    if shift == DEFAULT:
        return gsm0338.decode(data)
    plain, escaped = _readings(shift)
    text = []
    at = 0
    for found in _ESCAPED.finditer(data):
        text.append(charmap_decode(data[at : found.start()], "strict", plain)[0])
        text.append(charmap_decode(found[1], "strict", escaped)[0] or " ")
        at = found.end()
    text.append(charmap_decode(data[at:], "strict", plain)[0])
    return "".join(text)


@cache
def _readings(shift: Shift) -> tuple[str, str]:
    """The character of each octet, and of each that follows an escape."""
    plain = {**dict.fromkeys(range(0x80), " "), **_LOCKING[shift.locking]}
    escaped = {**plain, **_SINGLE[shift.single]}
    return (
        "".join(plain.values()) + _EIGHT_BIT,
        "".join(escaped.values()) + _EIGHT_BIT,
    )
