"""The ways to send a text: what each can carry, how it is counted, where it is cut.

A *unit* is what is counted: a septet, a UTF-16 unit, an octet. A carrier encodes a
whole message; `segment` cuts it into parts.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

import msgspec
from msgspec import structs

from pdu import grapheme, gsm0338, national, udh
from pdu.datacoding import Alphabet, Encoding
from pdu.errors import EncodeError
from pdu.national import Language, Shift

SEPTETS: Final = 160
"""Of one short message without a header."""
MAX_OCTETS: Final = 140
"""Of the user data of one short message, 3GPP TS 23.040 §9.2.3.24."""
CONCATENATION_OCTETS: Final = 5
"""Of the element with an 8-bit reference; the 16-bit one has one more."""


class Carrier(msgspec.Struct, frozen=True, kw_only=True):
    """One way to send."""

    encoding: Encoding
    has: Callable[[str], bool]
    """Whether it can carry a character."""
    encode: Callable[[str], bytes | None]
    """None if there is a character that it cannot carry."""
    whole: Callable[[bytes, int], int]
    """The place at or before this one where no character is cut in two."""
    clear: Callable[[bytes, int, int], int]
    """The last place in ``(first, last]`` where no grapheme is cut in two, given that
    no character is at ``last``; if there is none, ``first``."""
    limits: tuple[int, int, int]
    """Units of a part, by the octets of its reference; the first: without header."""
    unit: int = 1
    """Octets of a unit."""
    part: Callable[[bytes], bytes] | None = None
    """What a part is, where that is not what was counted."""
    shift: Shift = national.DEFAULT
    """The tables that the header of each part has to announce."""
    header: int = 0
    """Octets of that header, without concatenation."""


def for_encoding(encoding: str, alphabet: str, *, extension: bool) -> Carrier:
    """The one for auto (at first), gsm7, ucs2 or latin1; ``EncodeError`` for others."""
    default = _DEFAULTS.get((alphabet, extension))
    if default is None:
        raise EncodeError(f"unknown alphabet {alphabet!r}", field="alphabet")
    if encoding in {"auto", "gsm7"}:
        return default
    if encoding == "ucs2":
        return UCS2
    if encoding == "latin1":
        return _LATIN1
    raise EncodeError(f"{encoding!r} is no encoding of text", field="encoding")


@cache
def for_languages(
    languages: tuple[Language, ...], *, extension: bool
) -> tuple[Carrier, ...]:
    """GSM 7-bit with the tables of these languages: every way, the simplest first.

    Without ``extension``: those that need no escape.
    """
    return tuple(
        _for_shift(shift, extension=extension)
        for shift in national.shifts(languages)
        if extension or not shift.single
    )


@cache
def _for_shift(shift: Shift, *, extension: bool) -> Carrier:
    """GSM 7-bit with these tables. Each part has the header that announces them."""
    codes = national.codes(shift, escapes=extension)

    def encode(text: str) -> bytes | None:
        return national.try_encode(text, codes)

    def clear(septets: bytes, first: int, last: int) -> int:
        # An escape and one more behind the end say which character follows.
        window = national.decode(septets[first : last + 2], shift)
        end = len(national.decode(septets[first:last], shift))
        at = grapheme.last_boundary(window, end)
        return last if at == end else first + sum(len(codes[c]) for c in window[:at])

    header = udh.UserDataHeader(elements=udh.shift_elements(shift)).length
    single, short, wide = map(_septets_beside, _headers(header))
    return structs.replace(
        _GSM,
        has=codes.__contains__,
        encode=encode,
        clear=clear,
        limits=(single, short, wide),
        shift=shift,
        header=header,
    )


def narrowed(carrier: Carrier, octets: int) -> Carrier:
    """With parts of at most so many octets, those of a header included.

    For carriers whose units are octets over SMPP.
    """
    room = (octets - header for header in _headers(carrier.header))
    single, short, wide = map(min, room, carrier.limits)
    return structs.replace(carrier, limits=(single, short, wide))


def _headers(header: int) -> tuple[int, int, int]:
    """Octets of the whole header, by the octets of the reference."""
    concatenated = max(header, 1) + CONCATENATION_OCTETS
    return header, concatenated, concatenated + 1


def _septets_beside(octets: int) -> int:
    """How many fit behind so long a header, on the next boundary of a septet."""
    return (8 * MAX_OCTETS - 7 * -(-8 * octets // 7)) // 7


def _anywhere(_: bytes, at: int) -> int:
    return at


def _clear_anywhere(_: bytes, first: int, last: int) -> int:
    return last


def _between_septets(septets: bytes, at: int) -> int:
    return at - 1 if septets[at - 1] == gsm0338.ESCAPE else at


def _between_utf16(data: bytes, at: int) -> int:
    # Behind the first half of a surrogate pair.
    return at - 2 if data[at - 2] & 0xFC == 0xD8 else at


def _clear_of_lines(data: bytes, first: int, last: int) -> int:
    # CR and LF make the only grapheme of several characters in these alphabets.
    return last - 1 if data[last] == 0x0A and data[last - 1] == 0x0D else last


def _clear_in_utf16(data: bytes, first: int, last: int) -> int:
    if grapheme.are_apart(data[last - 2 : last + 2].decode("utf-16-be", "ignore")):
        return last
    # One character behind the end says whether it goes on there.
    window = data[first : last + 4].decode("utf-16-be", "ignore")
    end = len(data[first:last].decode("utf-16-be"))
    at = grapheme.last_boundary(window, end)
    return last if at == end else first + len(window[:at].encode("utf-16-be"))


def _ascii_octets(septets: bytes) -> bytes:
    return gsm0338.decode(septets).encode("ascii")


def _encode_ascii(text: str) -> bytes | None:
    """The septets on the air, which ``_ascii_octets`` turns back."""
    return gsm0338.try_encode(text) if text.isascii() else None


def _encode_latin1(text: str) -> bytes | None:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return None


def _encode_cp1252(text: str) -> bytes | None:
    try:
        return text.encode("cp1252")
    except UnicodeEncodeError:
        return None


def _encode_utf16(text: str) -> bytes | None:
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError:
        return None


_GSM: Final = Carrier(
    encoding="gsm7",
    has=gsm0338.CHARACTERS.__contains__,
    encode=gsm0338.try_encode,
    whole=_between_septets,
    clear=_clear_of_lines,
    limits=(160, 153, 152),
)
_ASCII: Final = structs.replace(
    _GSM,
    has=lambda char: char.isascii() and char in gsm0338.CHARACTERS,
    encode=_encode_ascii,
    part=_ascii_octets,
)
_LATIN1: Final = Carrier(
    encoding="latin1",
    has=lambda char: char <= "\xff",
    encode=_encode_latin1,
    whole=_anywhere,
    clear=_clear_of_lines,
    limits=(140, 134, 133),
)
UCS2: Final = Carrier(
    encoding="ucs2",
    has=lambda char: not "\ud800" <= char <= "\udfff",
    encode=_encode_utf16,
    whole=_between_utf16,
    clear=_clear_in_utf16,
    limits=(70, 67, 66),
    unit=2,
)
BINARY: Final = structs.replace(_LATIN1, encoding="binary", clear=_clear_anywhere)


def _without_extension(carrier: Carrier) -> Carrier:
    def has(char: str) -> bool:
        return carrier.has(char) and char not in gsm0338.EXTENSION

    def encode(text: str) -> bytes | None:
        plain = gsm0338.EXTENSION.keys().isdisjoint(text)
        return carrier.encode(text) if plain else None

    return structs.replace(carrier, has=has, encode=encode)


_ALPHABETS: Final[dict[Alphabet, Carrier]] = {
    "gsm0338": _GSM,
    "gsm0338-packed": _GSM,
    "ascii": _ASCII,
    "latin1": structs.replace(_LATIN1, encoding="gsm7"),
    "cp1252": structs.replace(
        _LATIN1,
        encoding="gsm7",
        has=lambda char: _encode_cp1252(char) is not None,
        encode=_encode_cp1252,
    ),
}
_DEFAULTS: Final[dict[tuple[str, bool], Carrier]] = {
    (alphabet, extension): each if extension else _without_extension(each)
    for alphabet, each in _ALPHABETS.items()
    for extension in (True, False)
}
"""What data_coding 0 carries, by alphabet and by whether the extension survives."""
