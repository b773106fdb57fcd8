"""The parts of an MO message become one. Pure: the store decides when."""

from collections.abc import Sequence
from itertools import groupby

from msgspec import Struct

from esmed.models import InboundIn, TlvValues
from pdu import national, udh
from pdu.national import Shift
from pdu.segment import decode_text, decode_texts

MIXED = "ucs2"
"""The encoding to report for parts of several: the one that has all characters."""

Key = tuple[str, str, str, int | None, int]


class Merged(Struct, frozen=True, kw_only=True):
    """What `Inbound` shows of a message's content."""

    text: str | None
    """None for binary."""
    data: str | None
    """Hex; None for text."""
    encoding: str
    parts: int
    """As many as there should be."""
    complete: bool
    """Whether all of them came."""
    tlvs: TlvValues | None = None
    """Those of any part; of equal ones the first part's."""


def key(inbound: InboundIn) -> Key:
    """Tell which message a part belongs to; parts of one message share it.

    An 8-bit and a 16-bit reference of equal value are not told apart: nobody mixes them
    within minutes, and the parts of one message may have come over different paths.
    """
    return (
        inbound.connector,
        inbound.source,
        inbound.destination,
        inbound.reference,
        inbound.total,
    )


def merge(parts: Sequence[InboundIn]) -> Merged:
    """Join at least one part of one message, in whatever order and however often.

    Of a part that came twice the first is taken. What is missing leaves no mark but
    ``complete``. One binary part makes all of it binary: no octet is lost that way.
    """
    unique: dict[int, InboundIn] = {}
    for part in parts:
        unique.setdefault(part.part, part)
    ordered = [unique[number] for number in sorted(unique)]
    total = max(ordered[0].total, 1)
    encodings = {part.encoding for part in ordered}
    binary = any(part.text is None for part in ordered)
    tlvs: TlvValues = {}
    for part in reversed(ordered):
        tlvs |= part.tlvs or {}
    return Merged(
        text=None if binary else _text(ordered),
        data=b"".join(part.data for part in ordered).hex() if binary else None,
        encoding=_encoding(encodings, binary=binary),
        parts=total,
        complete=unique.keys() >= set(range(1, total + 1)),
        tlvs=tlvs or None,
    )


def _encoding(encodings: set[str], *, binary: bool) -> str:
    if binary:
        return "binary"
    return encodings.pop() if len(encodings) == 1 else MIXED


def _text(parts: Sequence[InboundIn]) -> str:
    """Join text; neighbours of one data_coding and one alphabet are decoded as one."""
    return "".join(
        _decode(list(run), data_coding, shift)
        for (data_coding, shift), run in groupby(parts, _meaning)
    )


def _meaning(part: InboundIn) -> tuple[int, Shift]:
    header = udh.split(part.udh)[0] if part.udh else None
    return part.data_coding, national.DEFAULT if header is None else header.shift


def _decode(parts: Sequence[InboundIn], data_coding: int, shift: Shift) -> str:
    """Decode parts as one where their octets and headers alone say what they mean.

    Phones cut surrogate pairs, and escapes, in two; each half is nothing by itself.
    Where the connector read a part differently (another default alphabet, packed
    septets, a provider's text without octets), it knew better and its text stands.
    """
    plain = all(
        decode_text(part.data, data_coding, shift=shift) == part.text for part in parts
    )
    whole = (
        decode_texts([part.data for part in parts], data_coding, shift=shift)
        if plain
        else None
    )
    if whole is not None:
        return whole
    return "".join(part.text or "" for part in parts)
