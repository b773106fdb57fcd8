"""Text to parts and back: which encoding, how many parts, where to cut.

How text in the SMSC's default alphabet is counted:

=================  ==================================================================
``gsm0338``        septets
``gsm0338-packed`` septets
``ascii``          the septets that it takes on the air, although each character is
                   one octet over SMPP; only characters that are in both alphabets
``latin1``         octets
``cp1252``         octets
=================  ==================================================================

Parts are whole characters without user data header and, in the packed alphabet, not
packed yet, because the bits in front depend on the header: ``wire_payload`` makes of a
part what stands behind the header, ``from_wire`` undoes it.
"""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from pdu import gsm0338, national
from pdu.carrier import (
    BINARY,
    SEPTETS,
    UCS2,
    Carrier,
    for_encoding,
    for_languages,
    narrowed,
)
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
from pdu.national import Language, Shift

__all__ = [
    "MAX_PARTS",
    "Alphabet",
    "Encoding",
    "ReferenceOctets",
    "Split",
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

_GSM_ALPHABETS: Final = frozenset({"gsm0338", PACKED})


class Split(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message in parts.

    ``units`` counts septets, UTF-16 units or octets of the whole, and
    ``units_per_part`` is how many fit one part: of several, beside its header.
    ``forcing_characters``: the distinct ones, in order, for which ``auto`` took ucs2.
    ``shift``: what the header of each part has to announce.
    """

    encoding: Encoding
    parts: tuple[bytes, ...]
    units: int
    units_per_part: int
    forcing_characters: str = ""
    shift: Shift = national.DEFAULT


def split(
    text: str,
    *,
    encoding: str = "auto",
    alphabet: str = "gsm0338",
    extension: bool = True,
    reference_octets: ReferenceOctets = 1,
    octets: int = MAX_SHORT_MESSAGE,
    languages: tuple[Language, ...] = (),
) -> Split:
    """The fewest parts possible without cutting an escape or a surrogate pair.

    A grapheme is cut only where that saves a part.

    ``octets``: how many short_message may have, at least 140; below 160 it makes parts
    of septets that are not packed shorter.

    ``encoding``: auto, gsm7, ucs2 or latin1. ``extension`` False: the SMSC spoils the
    characters of the GSM extension table, so its default alphabet is without them.

    ``languages``: whose tables GSM 7-bit text (auto or gsm7 in a gsm0338 alphabet) may
    use. What takes the fewest parts is taken, of these what takes the fewest septets
    with all headers, of these what is simplest: no table at all, then in the order of
    ``national.shifts``.

    ``EncodeError``: the text does not fit the encoding asked for (the characters are
    named), has lone surrogates, or takes more than 255 parts.
    """
    own = for_encoding(encoding, alphabet, extension=extension)
    auto = encoding == "auto"
    narrow = octets < SEPTETS and alphabet != PACKED
    if narrow:
        own = narrowed(own, octets)
    data = own.encode(text)
    ways: tuple[Carrier, ...] = (own,)
    if languages and alphabet in _GSM_ALPHABETS and (auto or encoding == "gsm7"):
        enough = data is not None and len(data) <= own.limits[0]
        others = () if enough else _national(text, data, languages, extension=extension)
        ways += tuple(narrowed(each, octets) for each in others) if narrow else others
    found: tuple[Carrier, bytes] | None = None
    if len(ways) > 1:
        found = _cheapest(text, (*ways, UCS2) if auto else ways, reference_octets)
    elif data is not None:
        found = own, data
    elif auto and (wide := UCS2.encode(text)) is not None:
        found = UCS2, wide
    if found is None:
        raise _refusal(text, (UCS2,) if auto else ways)
    carrier, data = found
    forcing_characters = _lacking(text, ways) if auto and carrier is UCS2 else ""
    return _cut(carrier, data, reference_octets, forcing_characters)


def split_binary(data: bytes, reference_octets: ReferenceOctets = 1) -> Split:
    """Octets in parts; ``EncodeError`` if there would be more than 255."""
    return _cut(BINARY, data, reference_octets)


def join(
    encoding: str,
    alphabet: str,
    parts: Iterable[bytes],
    shift: Shift = national.DEFAULT,
) -> str:
    """The text of parts as ``split`` makes them, leniently: damage does not raise.

    ``EncodeError`` if ``encoding`` is not one of gsm7, ucs2, latin1.
    """
    data = b"".join(parts)
    if encoding == "gsm7":
        return decode_default(data, alphabet, shift)
    if encoding == "ucs2":
        return data.decode("utf-16-be", "replace")
    if encoding == "latin1":
        return data.decode("latin-1")
    raise EncodeError(f"{encoding!r} is no encoding of text", field="encoding")


def _national(
    text: str, data: bytes | None, languages: tuple[Language, ...], *, extension: bool
) -> tuple[Carrier, ...]:
    """The ways with national tables that may be cheaper than ``data``, or that work."""
    special = set(text) - gsm0338.BASIC_CHARACTERS
    has = national.characters
    if data is not None:
        # Only a table that needs no escape where the default alphabet does is cheaper.
        has = national.plain_characters
    wanted = tuple(each for each in languages if special & has(each))
    return for_languages(wanted, extension=extension)


def _cheapest(
    text: str, carriers: Iterable[Carrier], reference_octets: ReferenceOctets
) -> tuple[Carrier, bytes] | None:
    """The first of the cheapest, with what it makes of the text; None: none can."""
    least, found = None, None
    for carrier in carriers:
        data = carrier.encode(text)
        if data is not None:
            cost = _cost(carrier, data, reference_octets)
            if least is None or cost < least:
                least, found = cost, (carrier, data)
    return found


def _cost(
    carrier: Carrier, data: bytes, reference_octets: ReferenceOctets
) -> tuple[int, int]:
    """Parts, and the septets of all of them with their headers; UCS-2 fills them."""
    limit, parts = carrier.limits[0], 1
    if len(data) > limit * carrier.unit:
        limit = carrier.limits[reference_octets]
        parts = len(_ends(carrier, data, 0, limit * carrier.unit))
    if carrier.encoding != "gsm7":
        return parts, parts * SEPTETS
    return parts, parts * (SEPTETS - limit) + len(data)


def _lacking(text: str, ways: Iterable[Carrier]) -> str:
    """The characters that are lacking where the fewest are."""
    characters = dict.fromkeys(text)
    lacking = ("".join(c for c in characters if not each.has(c)) for each in ways)
    return min(lacking, key=len)


def _refusal(text: str, ways: tuple[Carrier, ...]) -> EncodeError:
    own = ways[0]
    what = "a lone surrogate" if own is UCS2 else "a character that it lacks"
    lacking = gsm0338.name(_lacking(text, ways))
    return EncodeError(f"{own.encoding} cannot carry {what}: {lacking}", field="text")


def _cut(
    carrier: Carrier,
    data: bytes,
    reference_octets: ReferenceOctets,
    forcing_characters: str = "",
) -> Split:
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
        forcing_characters=forcing_characters,
        shift=carrier.shift,
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
