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

from collections.abc import Iterable
from typing import Final, Literal

import msgspec
from msgspec import structs

from pdu import gsm0338
from pdu.carrier import BINARY, UCS2, Carrier, for_encoding
from pdu.datacoding import (
    PACKED,
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

MAX_SHORT_MESSAGE: Final = 254
"""Octets, SMPP 3.4 §5.2.22."""
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
    octets: int = MAX_SHORT_MESSAGE,
) -> Split:
    """The fewest parts possible without cutting an escape or a surrogate pair.

    A grapheme is cut only where that saves a part.

    ``octets``: how many short_message may have, at least 140; below 160 it makes parts
    of septets that are not packed shorter.

    ``encoding``: auto, gsm7, ucs2 or latin1. ``extension`` False: the SMSC spoils the
    characters of the GSM extension table, so its default alphabet is without them.

    ``EncodeError``: the text does not fit the encoding asked for (the characters are
    named), has lone surrogates, or takes more than 255 parts.
    """
    encoded = _encode(text, encoding, alphabet, extension)
    if alphabet != PACKED and octets < encoded.carrier.limits[0]:
        encoded = _narrowed(encoded, octets)
    return _cut(encoded, reference_octets)


def split_binary(data: bytes, reference_octets: ReferenceOctets = 1) -> Split:
    """Octets in parts; ``EncodeError`` if there would be more than 255."""
    return _cut(_Encoded(BINARY, data), reference_octets)


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


class _Encoded(msgspec.Struct, frozen=True):
    """A whole message, not in parts yet."""

    carrier: Carrier
    data: bytes
    forcing_characters: str = ""


def _encode(text: str, encoding: str, alphabet: str, extension: bool) -> _Encoded:
    carrier = for_encoding(encoding, alphabet, extension=extension)
    data = carrier.encode(text)
    if data is not None:
        return _Encoded(carrier, data)
    lacking = _lacking(text, carrier)
    if encoding == "auto":
        data = UCS2.encode(text)
        if data is not None:
            return _Encoded(UCS2, data, lacking)
        carrier, lacking = UCS2, _lacking(text, UCS2)
    what = "a lone surrogate" if carrier is UCS2 else "a character that it lacks"
    raise EncodeError(
        f"{carrier.encoding} cannot carry {what}: {gsm0338.name(lacking)}", field="text"
    )


def _narrowed(encoded: _Encoded, octets: int) -> _Encoded:
    """With parts that take so many octets, those of a header included."""
    carrier = encoded.carrier
    _, short, wide = carrier.limits
    limits = (octets, min(short, octets - 6), min(wide, octets - 7))
    carrier = structs.replace(carrier, limits=limits)
    return structs.replace(encoded, carrier=carrier)


def _lacking(text: str, carrier: Carrier) -> str:
    return "".join(char for char in dict.fromkeys(text) if not carrier.has(char))


def _cut(encoded: _Encoded, reference_octets: ReferenceOctets) -> Split:
    carrier = encoded.carrier
    data = encoded.data
    units = len(data) // carrier.unit
    limit = carrier.limits[0]
    parts = [data]
    if units > limit:
        limit = carrier.limits[reference_octets]
        parts = _parts(carrier, data, limit * carrier.unit)
    if carrier.part is not None:
        parts = [carrier.part(part) for part in parts]
    return Split(
        encoding=carrier.encoding,
        parts=tuple(parts),
        units=units,
        units_per_part=limit,
        forcing_characters=encoded.forcing_characters,
    )


def _parts(carrier: Carrier, data: bytes, size: int) -> list[bytes]:
    ends = _ends(carrier, data, 0, size)
    if len(ends) > MAX_PARTS:
        raise EncodeError(
            f"{len(ends)} parts of at most {size // carrier.unit} units, and no more "
            f"than {MAX_PARTS} can be numbered",
            field="text",
        )
    parts = []
    at = 0
    while len(ends) > 1:
        end = carrier.clear(data, at, ends[0])
        if at < end < ends[0]:
            # Earlier, if what follows then takes no more parts than before.
            others = _ends(carrier, data, end, size)
            if len(others) < len(ends):
                ends = [end, *others]
        parts.append(data[at : ends[0]])
        at = ends.pop(0)
    parts.append(data[at:])
    return parts


def _ends(carrier: Carrier, data: bytes, at: int, size: int) -> list[int]:
    """Where the parts of what begins ``at`` end, each as full as can be."""
    ends = []
    while len(data) - at > size:
        at = carrier.whole(data, at + size)
        ends.append(at)
    ends.append(len(data))
    return ends
