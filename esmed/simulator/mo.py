"""Mobile-originated messages for an ESME: split, headed, in any order. Pure."""

from typing import Any, Final, Literal

import msgspec

from pdu import DataCoding, DeliverSm, EsmClass, Tag, tlv, udh
from pdu.national import Language
from pdu.segment import ReferenceOctets, Split, split, split_binary, wire_payload

Concatenation = Literal["udh8", "udh16", "sar", "payload"]

_REFERENCE_OCTETS: Final[dict[str, ReferenceOctets]] = {
    "udh8": 1,
    "udh16": 2,
    "sar": 0,
    "payload": 0,
}
_DATA_CODINGS: Final = {
    "gsm7": DataCoding.DEFAULT,
    "ucs2": DataCoding.UCS2,
    "latin1": DataCoding.LATIN1,
    "binary": DataCoding.BINARY,
}
_ENCODINGS: Final[dict[int | None, str]] = {0: "gsm7", 3: "latin1", 8: "ucs2"}


class MoMessage(
    msgspec.Struct,
    kw_only=True,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"from_": "from"},
):
    """What a phone wrote, and how the SMSC cuts and sends it.

    `data` (hex) instead of `text` is sent as it is, with `data_coding` 4 unless given.
    With text, a `data_coding` of 0, 3 or 8 chooses the alphabet; any other is only
    written.
    `national`: the languages whose tables it knows, as in a connector's configuration.
    `parts_order` lists the parts to send, from 1: any order, with gaps or repeats.
    `system_id`: to whom; None: whoever is bound to receive.
    """

    from_: str = "380500000000"
    to: str = "1234"
    text: str = "Hello"
    data: str | None = None
    data_coding: int | None = None
    concat: Concatenation = "udh8"
    national: tuple[Language, ...] = ()
    parts_order: tuple[int, ...] | None = None
    system_id: str | None = None


def build(mo: MoMessage, reference: int, alphabet: str = "gsm0338") -> list[DeliverSm]:
    """The deliver_sm of a message, in the order in which they go out.

    `ValueError` (`pdu.EncodeError` for the text) if it cannot be sent like that.
    """
    parts = _split(mo, alphabet)
    coding = _DATA_CODINGS[parts.encoding] if mo.data_coding is None else mo.data_coding
    total = len(parts.parts)
    order = mo.parts_order or tuple(range(1, total + 1))
    if not all(1 <= part <= total for part in order):
        raise ValueError(f"parts_order names a part that is not among 1 to {total}")
    common: dict[str, Any] = {
        "source_addr_ton": 1,
        "source_addr_npi": 1,
        "source_addr": mo.from_,
        "dest_addr_npi": 1,
        "destination_addr": mo.to,
        "data_coding": coding,
    }
    if mo.concat == "payload":
        header, esm_class = _header(udh.shift_elements(parts.shift))
        text = b"".join(parts.parts)
        whole = header + wire_payload(text, parts.encoding, alphabet, len(header))
        payload = tlv.build(Tag.MESSAGE_PAYLOAD, whole)
        return [DeliverSm(**common, esm_class=esm_class, tlvs=(payload,))]
    return [
        DeliverSm(
            **common,
            **_part(mo.concat, parts, alphabet, reference, part),
        )
        for part in order
    ]


def _split(mo: MoMessage, alphabet: str) -> Split:
    reference_octets = _REFERENCE_OCTETS[mo.concat]
    if mo.data is not None:
        return split_binary(bytes.fromhex(mo.data), reference_octets)
    return split(
        mo.text,
        encoding=_ENCODINGS.get(mo.data_coding, "auto"),
        alphabet=alphabet,
        reference_octets=reference_octets,
        languages=mo.national,
    )


def _part(
    concat: Concatenation, parts: Split, alphabet: str, reference: int, part: int
) -> dict[str, Any]:
    """What of the deliver_sm differs from part to part."""
    total = len(parts.parts)
    elements = udh.shift_elements(parts.shift)
    tlvs: tuple[tuple[int, bytes], ...] = ()
    if total > 1 and concat == "sar":
        tlvs = (
            tlv.build(Tag.SAR_MSG_REF_NUM, reference & 0xFFFF),
            tlv.build(Tag.SAR_TOTAL_SEGMENTS, total),
            tlv.build(Tag.SAR_SEGMENT_SEQNUM, part),
        )
    elif total > 1:
        wide = concat == "udh16"
        own = reference & (0xFFFF if wide else 0xFF)
        place = udh.concatenation_element(own, total, part, wide=wide)
        elements = (place, *elements)
    header, esm_class = _header(elements)
    text = wire_payload(parts.parts[part - 1], parts.encoding, alphabet, len(header))
    return {"esm_class": esm_class, "short_message": header + text, "tlvs": tlvs}


def _header(elements: tuple[udh.Element, ...]) -> tuple[bytes, int]:
    """A user data header, if there is anything in it, and the esm_class to match."""
    return (udh.build(elements), int(EsmClass.UDHI)) if elements else (b"", 0)
