"""The few PDUs of a busy link, written out by hand: no table, one pass.

Each function answers None when it meets anything that is not plain, a fault included:
``pdu.codec`` then goes by the tables, which know the limits and name the field.
A test holds both ways equal.
"""

import struct
from collections.abc import Callable
from typing import Any, Final

from pdu import tlv
from pdu.messages import (
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    SubmitSm,
    SubmitSmResp,
)
from pdu.vocabulary import CommandId

_pack_header = struct.Struct(">IIII").pack

# What a value of a wrong type, range or alphabet raises on its way into the octets.
_NOT_PLAIN: Final = (
    AttributeError,
    OverflowError,
    TypeError,
    ValueError,
    struct.error,
)


def _encode_sm(pdu: SubmitSm | DeliverSm) -> bytes | None:
    service_type = pdu.service_type
    source = pdu.source_addr
    destination = pdu.destination_addr
    schedule = pdu.schedule_delivery_time
    validity = pdu.validity_period
    short_message = pdu.short_message
    try:
        length = len(short_message)
        if (
            "\0" in f"{service_type}{source}{destination}{schedule}{validity}"
            or len(service_type) > 5
            or len(source) > 20
            or len(destination) > 20
            or len(schedule) not in {0, 16}
            or len(validity) not in {0, 16}
            or length > 254
        ):
            return None
        body = b"%b\0%c%c%b\0%c%c%b\0%c%c%c%b\0%b\0%c%c%c%c%c%b" % (
            service_type.encode("latin-1"),
            pdu.source_addr_ton,
            pdu.source_addr_npi,
            source.encode("latin-1"),
            pdu.dest_addr_ton,
            pdu.dest_addr_npi,
            destination.encode("latin-1"),
            pdu.esm_class,
            pdu.protocol_id,
            pdu.priority_flag,
            schedule.encode("latin-1"),
            validity.encode("latin-1"),
            pdu.registered_delivery,
            pdu.replace_if_present_flag,
            pdu.data_coding,
            pdu.sm_default_msg_id,
            length,
            short_message,
        )
        if pdu.tlvs:
            body += tlv.write(pdu.tlvs)
        header = _pack_header(16 + len(body), pdu.command_id, pdu.status, pdu.sequence)
    except _NOT_PLAIN:
        return None
    return header + body


def _encode_message_id(pdu: SubmitSmResp | DeliverSmResp) -> bytes | None:
    message_id = pdu.message_id
    # An error response may have to go without its body.
    if pdu.status or pdu.tlvs:
        return None
    try:
        if "\0" in message_id or len(message_id) > 64:
            return None
        body = message_id.encode("latin-1")
        header = _pack_header(17 + len(body), pdu.command_id, pdu.status, pdu.sequence)
    except _NOT_PLAIN:
        return None
    return b"%b%b\0" % (header, body)


def _encode_bare(pdu: EnquireLink | EnquireLinkResp) -> bytes | None:
    if pdu.tlvs:
        return None
    try:
        return _pack_header(16, pdu.command_id, pdu.status, pdu.sequence)
    except _NOT_PLAIN:
        return None


def _sm_decoder(
    message: type[SubmitSm | DeliverSm],
) -> Callable[[bytes, int, int], SubmitSm | DeliverSm | None]:
    def decode(frame: bytes, status: int, sequence: int) -> SubmitSm | DeliverSm | None:
        # Latin-1 keeps every octet at its offset, so one decoding serves all strings.
        text = frame.decode("latin-1")
        find_nul = text.index
        try:
            source = find_nul("\0", 16) + 3
            dest = find_nul("\0", source) + 3
            esm = find_nul("\0", dest) + 1
            validity = find_nul("\0", esm + 3) + 1
            registered = find_nul("\0", validity) + 1
            start = registered + 5
            end = start + frame[start - 1]
        except (IndexError, ValueError):
            return None
        size = len(frame)
        if end > size:
            return None
        return message(
            sequence=sequence,
            status=status,
            tlvs=tlv.read(frame, end) if end < size else (),
            service_type=text[16 : source - 3],
            source_addr_ton=frame[source - 2],
            source_addr_npi=frame[source - 1],
            source_addr=text[source : dest - 3],
            dest_addr_ton=frame[dest - 2],
            dest_addr_npi=frame[dest - 1],
            destination_addr=text[dest : esm - 1],
            esm_class=frame[esm],
            protocol_id=frame[esm + 1],
            priority_flag=frame[esm + 2],
            schedule_delivery_time=text[esm + 3 : validity - 1],
            validity_period=text[validity : registered - 1],
            registered_delivery=frame[registered],
            replace_if_present_flag=frame[registered + 1],
            data_coding=frame[registered + 2],
            sm_default_msg_id=frame[registered + 3],
            short_message=frame[start:end],
        )

    return decode


def _message_id_decoder(
    message: type[SubmitSmResp | DeliverSmResp],
) -> Callable[[bytes, int, int], SubmitSmResp | DeliverSmResp | None]:
    def decode(
        frame: bytes, status: int, sequence: int
    ) -> SubmitSmResp | DeliverSmResp | None:
        end = len(frame) - 1
        if frame.find(b"\0", 16) != end:
            return None
        return message(
            sequence=sequence, status=status, message_id=frame[16:end].decode("latin-1")
        )

    return decode


def _bare_decoder(
    message: type[EnquireLink | EnquireLinkResp],
) -> Callable[[bytes, int, int], EnquireLink | EnquireLinkResp | None]:
    def decode(
        frame: bytes, status: int, sequence: int
    ) -> EnquireLink | EnquireLinkResp | None:
        if len(frame) > 16:
            return None
        return message(sequence=sequence, status=status)

    return decode


ENCODERS: Final[dict[type, Callable[[Any], bytes | None]]] = {
    SubmitSm: _encode_sm,
    DeliverSm: _encode_sm,
    SubmitSmResp: _encode_message_id,
    DeliverSmResp: _encode_message_id,
    EnquireLink: _encode_bare,
    EnquireLinkResp: _encode_bare,
}
"""By class: the frame, or None where the tables must decide."""

DECODERS: Final[dict[int, Callable[[bytes, int, int], Any]]] = {
    CommandId.SUBMIT_SM: _sm_decoder(SubmitSm),
    CommandId.DELIVER_SM: _sm_decoder(DeliverSm),
    CommandId.SUBMIT_SM_RESP: _message_id_decoder(SubmitSmResp),
    CommandId.DELIVER_SM_RESP: _message_id_decoder(DeliverSmResp),
    CommandId.ENQUIRE_LINK: _bare_decoder(EnquireLink),
    CommandId.ENQUIRE_LINK_RESP: _bare_decoder(EnquireLinkResp),
}
"""By command_id: ``(frame, status, sequence)`` to the PDU, or None likewise."""
