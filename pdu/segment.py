"""Text to parts and back: which encoding, how many parts, where to cut.

How text in the SMSC's default alphabet is counted:

=================  ==================================================================
``gsm0338``        septets
``gsm0338-packed`` septets
``ascii``          the septets that it takes on the air, although each character is
                   one octet over SMPP; only characters that are in both alphabets
``latin1``         octets
=================  ==================================================================

Parts are whole characters without user data header and, in the packed alphabet, not
packed yet, because the bits in front depend on the header: ``wire_payload`` makes of a
part what stands behind the header, ``from_wire`` undoes it.
"""

from collections.abc import Callable, Iterable
from typing import Final, Literal

import msgspec
from msgspec import structs

from pdu import gsm0338
from pdu.datacoding import (
    Alphabet,
    Encoding,
    decode_default,
    decode_text,
    decode_texts,
    encoding_of,
    from_wire,
    wire_payload,
)
from pdu.errors import EncodeError

__all__ = [
    "MAX_PARTS",
    "Alphabet",
    "Encoding",
    "ReferenceOctets",
    "Split",
    "choose",
    "decode_text",
    "decode_texts",
    "encoding_of",
    "from_wire",
    "join",
    "split",
    "split_binary",
    "wire_payload",
]

MAX_PARTS: Final = 255
"""One octet counts them, 3GPP TS 23.040 §9.2.3.24.1 and SMPP 3.4 §5.3.2.23."""

ReferenceOctets = Literal[0, 1, 2]
"""Size of the concatenation reference in each part's header.

0: parts have no header (sar_*, message_payload), hence the full length.
"""


class Split(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message in parts.

    ``units`` counts septets, UTF-16 units or octets of the whole, and
    ``units_per_part`` is how many fit one part: of several, beside its header.
    ``forcing_characters``: the distinct ones, in order, for which ``auto`` took ucs2.
    """

    encoding: Encoding
    parts: tuple[bytes, ...]
    units: int
    units_per_part: int
    forcing_characters: str = ""


def choose(
    text: str,
    encoding: str = "auto",
    alphabet: str = "gsm0338",
    *,
    extension: bool = True,
) -> Encoding:
    """The encoding that ``split`` takes; ``EncodeError`` for text that it refuses."""
    return _encode(text, encoding, alphabet, extension).carrier.encoding


def split(
    text: str,
    *,
    encoding: str = "auto",
    alphabet: str = "gsm0338",
    extension: bool = True,
    reference_octets: ReferenceOctets = 1,
) -> Split:
    """The fewest parts possible without cutting an escape or a surrogate pair.

    ``encoding``: auto, gsm7, ucs2 or latin1. ``extension`` False: the SMSC spoils the
    characters of the GSM extension table, so its default alphabet is without them.

    ``EncodeError``: the text does not fit the encoding asked for (the characters are
    named), has lone surrogates, or takes more than 255 parts.
    """
    return _cut(_encode(text, encoding, alphabet, extension), reference_octets)


def split_binary(data: bytes, reference_octets: ReferenceOctets = 1) -> Split:
    """Octets in parts; ``EncodeError`` if there would be more than 255."""
    return _cut(_Encoded(_BINARY, data), reference_octets)


def join(encoding: str, alphabet: str, parts: Iterable[bytes]) -> str:
    """The text of parts as ``split`` makes them, leniently: damage does not raise.

    ``EncodeError`` if ``encoding`` is not one of gsm7, ucs2, latin1.
    """
    data = b"".join(parts)
    if encoding == "gsm7":
        return decode_default(data, alphabet)
    if encoding == "ucs2":
        return data.decode("utf-16-be", "replace")
    if encoding == "latin1":
        return data.decode("latin-1")
    raise EncodeError(f"{encoding!r} is no encoding of text", field="encoding")


class _Carrier(msgspec.Struct, frozen=True, kw_only=True):
    """One way to send: what it carries and how that is counted and cut."""

    encoding: Encoding
    has: Callable[[str], bool]
    """Whether it can carry a character."""
    encode: Callable[[str], bytes | None]
    """None if there is a character that it cannot carry."""
    cut: Callable[[bytes, int], list[bytes]]
    limits: tuple[int, int, int]
    """Units of a part, by the octets of its reference; the first: without header."""
    unit: int = 1
    """Octets of a unit."""


class _Encoded(msgspec.Struct, frozen=True):
    """A whole message, not in parts yet."""

    carrier: _Carrier
    data: bytes
    forcing_characters: str = ""


def _encode(text: str, encoding: str, alphabet: str, extension: bool) -> _Encoded:
    carrier = _carrier(encoding, alphabet, extension)
    data = carrier.encode(text)
    if data is not None:
        return _Encoded(carrier, data)
    lacking = _lacking(text, carrier)
    if encoding == "auto":
        data = _UCS2.encode(text)
        if data is not None:
            return _Encoded(_UCS2, data, lacking)
        carrier, lacking = _UCS2, _lacking(text, _UCS2)
    what = "a lone surrogate" if carrier is _UCS2 else "a character that it lacks"
    raise EncodeError(
        f"{carrier.encoding} cannot carry {what}: {gsm0338.name(lacking)}", field="text"
    )


def _carrier(encoding: str, alphabet: str, extension: bool) -> _Carrier:
    default = _DEFAULTS.get((alphabet, extension))
    if default is None:
        raise EncodeError(f"unknown alphabet {alphabet!r}", field="alphabet")
    if encoding in {"auto", "gsm7"}:
        return default
    if encoding == "ucs2":
        return _UCS2
    if encoding == "latin1":
        return _LATIN1
    raise EncodeError(f"{encoding!r} is no encoding of text", field="encoding")


def _lacking(text: str, carrier: _Carrier) -> str:
    return "".join(char for char in dict.fromkeys(text) if not carrier.has(char))


def _cut(encoded: _Encoded, reference_octets: ReferenceOctets) -> Split:
    carrier = encoded.carrier
    units = len(encoded.data) // carrier.unit
    limit = carrier.limits[0]
    if units > limit:
        limit = carrier.limits[reference_octets]
    parts = carrier.cut(encoded.data, limit * carrier.unit)
    if len(parts) > MAX_PARTS:
        raise EncodeError(
            f"{len(parts)} parts of at most {limit} units, and no more than "
            f"{MAX_PARTS} can be numbered",
            field="text",
        )
    return Split(
        encoding=carrier.encoding,
        parts=tuple(parts),
        units=units,
        units_per_part=limit,
        forcing_characters=encoded.forcing_characters,
    )


def _cut_octets(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)] or [b""]


def _cut_septets(data: bytes, size: int) -> list[bytes]:
    parts = []
    at = 0
    while len(data) - at > size:
        end = at + size
        if data[end - 1] == gsm0338.ESCAPE:
            end -= 1
        parts.append(data[at:end])
        at = end
    parts.append(data[at:])
    return parts


def _cut_utf16(data: bytes, size: int) -> list[bytes]:
    parts = []
    at = 0
    while len(data) - at > size:
        end = at + size
        if data[end - 2] & 0xFC == 0xD8:  # the first half of a surrogate pair
            end -= 2
        parts.append(data[at:end])
        at = end
    parts.append(data[at:])
    return parts


def _cut_ascii(septets: bytes, size: int) -> list[bytes]:
    return [
        gsm0338.decode(part).encode("ascii") for part in _cut_septets(septets, size)
    ]


def _encode_ascii(text: str) -> bytes | None:
    """The septets on the air, which ``_cut_ascii`` turns back."""
    return gsm0338.try_encode(text) if text.isascii() else None


def _encode_latin1(text: str) -> bytes | None:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return None


def _encode_utf16(text: str) -> bytes | None:
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError:
        return None


_GSM: Final = _Carrier(
    encoding="gsm7",
    has=gsm0338.CHARACTERS.__contains__,
    encode=gsm0338.try_encode,
    cut=_cut_septets,
    limits=(160, 153, 152),
)
_ASCII: Final = _Carrier(
    encoding="gsm7",
    has=lambda char: char.isascii() and char in gsm0338.CHARACTERS,
    encode=_encode_ascii,
    cut=_cut_ascii,
    limits=_GSM.limits,
)
_LATIN1: Final = _Carrier(
    encoding="latin1",
    has=lambda char: char <= "\xff",
    encode=_encode_latin1,
    cut=_cut_octets,
    limits=(140, 134, 133),
)
_UCS2: Final = _Carrier(
    encoding="ucs2",
    has=lambda char: not "\ud800" <= char <= "\udfff",
    encode=_encode_utf16,
    cut=_cut_utf16,
    limits=(70, 67, 66),
    unit=2,
)
_BINARY: Final = structs.replace(_LATIN1, encoding="binary")


def _without_extension(carrier: _Carrier) -> _Carrier:
    def has(char: str) -> bool:
        return carrier.has(char) and char not in gsm0338.EXTENSION

    def encode(text: str) -> bytes | None:
        plain = gsm0338.EXTENSION.keys().isdisjoint(text)
        return carrier.encode(text) if plain else None

    return structs.replace(carrier, has=has, encode=encode)


_ALPHABETS: Final[dict[Alphabet, _Carrier]] = {
    "gsm0338": _GSM,
    "gsm0338-packed": _GSM,
    "ascii": _ASCII,
    "latin1": structs.replace(_LATIN1, encoding="gsm7"),
}
_DEFAULTS: Final[dict[tuple[str, bool], _Carrier]] = {
    (alphabet, extension): carrier if extension else _without_extension(carrier)
    for alphabet, carrier in _ALPHABETS.items()
    for extension in (True, False)
}
"""What data_coding 0 carries, by alphabet and by whether the extension survives."""
