"""Where one character that a person sees ends and the next begins: UAX #29.

The rules are those of extended grapheme clusters. The properties that the standard
library lacks are taken from general categories and the few ranges below: a sign may be
taken for longer than it is, which costs a part at most a few units, or in scripts that
are rare in short messages for shorter.
"""

import re
from typing import Final
from unicodedata import category

_JOINER: Final = "\u200d"
_EXTENDING: Final = frozenset(
    # ZWNJ and ZWJ, AM of Thai and Lao, voiced sound marks of halfwidth Katakana.
    "\u200c\u200d\u0e33\u0eb3\uff9e\uff9f"
)
_PREPENDED: Final = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e"
)
_VIRAMAS: Final = frozenset("\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d")
"""What links two consonants to one sign: InCB=Linker."""
_PICTOGRAPHS: Final = frozenset("\u203c\u2049\u2122\u2139\u2194\u3030\u303d")
"""Extended pictographic beside the symbols, and all of U+1F000 to U+1FAFF."""


are_apart: Final = re.compile(
    # Latin, Greek, Cyrillic, Armenian and Han, without marks and controls.
    "[ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u058f\u4e00-\u9fff]{2}"
).fullmatch
"""Tell whether two characters have a boundary between them whatever is around: a quick
look, which does not know all of these."""


def last_boundary(text: str, at: int) -> int:
    """The boundary at or before ``at``, which is below ``len(text)``; 0 if none is."""
    while at > 0 and not _is_boundary(text, at):
        at -= 1
    return at


def _is_boundary(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if before == "\r" and after == "\n":  # GB3
        return False
    if _is_control(before) or _is_control(after):  # GB4, GB5
        return True
    if before in _PREPENDED or _extends(after):  # GB9, GB9a, GB9b
        return False
    return not (
        _is_syllable(before, after)
        or _is_conjunct(text, at)
        or _is_joined_emoji(text, at)
        or _is_second_of_flag(text, at)
    )


def _is_control(char: str) -> bool:
    match category(char):
        case "Cc" | "Zl" | "Zp":
            return True
        case "Cf":
            return char not in _PREPENDED and not _extends(char)
        case _:
            return False


def _extends(char: str) -> bool:
    return (
        category(char)[0] == "M"
        or char in _EXTENDING
        or "\U0001f3fb" <= char <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= char <= "\U000e007f"  # tags, of flags without a country code
    )


def _is_syllable(before: str, after: str) -> bool:
    """GB6 to GB8: Hangul, whose blocks are put together of leads, vowels and tails."""
    if _is_lead(before):
        return _is_lead(after) or _is_vowel(after) or "\uac00" <= after <= "\ud7a3"
    open_syllable = "\uac00" <= before <= "\ud7a3" and (ord(before) - 0xAC00) % 28 == 0
    if open_syllable or _is_vowel(before):
        return _is_vowel(after) or _is_tail(after)
    return ("\uac00" <= before <= "\ud7a3" or _is_tail(before)) and _is_tail(after)


def _is_lead(char: str) -> bool:
    return "\u1100" <= char <= "\u115f" or "\ua960" <= char <= "\ua97c"


def _is_vowel(char: str) -> bool:
    return "\u1160" <= char <= "\u11a7" or "\ud7b0" <= char <= "\ud7c6"


def _is_tail(char: str) -> bool:
    return "\u11a8" <= char <= "\u11ff" or "\ud7cb" <= char <= "\ud7fb"


def _is_conjunct(text: str, at: int) -> bool:
    """GB9c: consonants of an Indic script with a virama between them."""
    if category(text[at]) != "Lo":
        return False
    linked = False
    base = at - 1
    while base > 0 and (text[base] == _JOINER or category(text[base]) == "Mn"):
        linked = linked or text[base] in _VIRAMAS
        base -= 1
    same_script = ord(text[base]) >> 7 == ord(text[at]) >> 7
    return linked and same_script and category(text[base]) == "Lo"


def _is_joined_emoji(text: str, at: int) -> bool:
    """GB11."""
    if text[at - 1] != _JOINER or not _is_pictograph(text[at]):
        return False
    base = at - 2
    while base > 0 and _extends(text[base]):
        base -= 1
    return base >= 0 and _is_pictograph(text[base])


def _is_pictograph(char: str) -> bool:
    return (
        "\U0001f000" <= char <= "\U0001faff"
        or category(char) == "So"
        or char in _PICTOGRAPHS
    )


def _is_second_of_flag(text: str, at: int) -> bool:
    """GB12 and GB13: regional indicators go in pairs."""
    first = at
    while first > 0 and "\U0001f1e6" <= text[first - 1] <= "\U0001f1ff":
        first -= 1
    return "\U0001f1e6" <= text[at] <= "\U0001f1ff" and (at - first) % 2 == 1
