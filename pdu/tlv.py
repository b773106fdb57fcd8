"""Optional parameters, SMPP 3.4 §3.2.4 and §5.3.

On a PDU they stay raw pairs ``(tag, value)``; here they get and lose their types.
``build`` is strict about the sizes of §5.3.2.
The readers are liberal: an integer of any width, a string with or without its NUL, the
first of several equal tags.
"""

import struct
from collections.abc import Iterator
from typing import Final

from pdu.errors import EncodeError
from pdu.fields import CString, Integer, Octets
from pdu.messages import Tlvs
from pdu.vocabulary import Tag

_header = struct.Struct(">HH")
_MAX_LENGTH: Final = 0xFFFF

_OCTET: Final = Integer(1)
_SUBADDRESS: Final = Octets(2, 23)

KINDS: Final[dict[int, Integer | CString | Octets]] = {
    Tag.DEST_ADDR_SUBUNIT: _OCTET,
    Tag.SOURCE_ADDR_SUBUNIT: _OCTET,
    Tag.DEST_NETWORK_TYPE: _OCTET,
    Tag.SOURCE_NETWORK_TYPE: _OCTET,
    Tag.DEST_BEARER_TYPE: _OCTET,
    Tag.SOURCE_BEARER_TYPE: _OCTET,
    Tag.DEST_TELEMATICS_ID: Integer(2),
    Tag.SOURCE_TELEMATICS_ID: _OCTET,
    Tag.QOS_TIME_TO_LIVE: Integer(4),
    Tag.PAYLOAD_TYPE: _OCTET,
    Tag.ADDITIONAL_STATUS_INFO_TEXT: CString(256),
    Tag.RECEIPTED_MESSAGE_ID: CString(65),
    Tag.MS_MSG_WAIT_FACILITIES: _OCTET,
    Tag.PRIVACY_INDICATOR: _OCTET,
    Tag.SOURCE_SUBADDRESS: _SUBADDRESS,
    Tag.DEST_SUBADDRESS: _SUBADDRESS,
    Tag.USER_MESSAGE_REFERENCE: Integer(2),
    Tag.USER_RESPONSE_CODE: _OCTET,
    Tag.LANGUAGE_INDICATOR: _OCTET,
    Tag.SOURCE_PORT: Integer(2),
    Tag.DESTINATION_PORT: Integer(2),
    Tag.SAR_MSG_REF_NUM: Integer(2),
    Tag.SAR_TOTAL_SEGMENTS: _OCTET,
    Tag.SAR_SEGMENT_SEQNUM: _OCTET,
    Tag.SC_INTERFACE_VERSION: _OCTET,
    Tag.CALLBACK_NUM_PRES_IND: _OCTET,
    Tag.CALLBACK_NUM_ATAG: Octets(0, 65),
    Tag.NUMBER_OF_MESSAGES: Integer(1, maximum=99),
    Tag.CALLBACK_NUM: Octets(4, 19),
    Tag.DPF_RESULT: _OCTET,
    Tag.SET_DPF: _OCTET,
    Tag.MS_AVAILABILITY_STATUS: _OCTET,
    Tag.NETWORK_ERROR_CODE: Octets(3, 3),
    Tag.MESSAGE_PAYLOAD: Octets(0, _MAX_LENGTH),
    Tag.DELIVERY_FAILURE_REASON: _OCTET,
    Tag.MORE_MESSAGES_TO_SEND: _OCTET,
    Tag.MESSAGE_STATE: _OCTET,
    Tag.USSD_SERVICE_OP: Octets(1, 1),
    Tag.DISPLAY_TIME: _OCTET,
    Tag.SMS_SIGNAL: Integer(2),
    Tag.MS_VALIDITY: _OCTET,
    Tag.ALERT_ON_MESSAGE_DELIVERY: Octets(0, 0),
    Tag.ITS_REPLY_TYPE: _OCTET,
    Tag.ITS_SESSION_INFO: Octets(2, 2),
}
"""Size and kind of each tag of the standard; any other tag is raw octets."""

_RAW: Final = Octets(0, _MAX_LENGTH)


def build(tag: int, value: int | str | bytes) -> tuple[int, bytes]:
    """One pair for ``tlvs``: an int, str or bytes as the standard types the tag.

    A tag of a vendor takes octets.
    Raises ``EncodeError`` naming the tag and its limit.
    """
    kind = KINDS.get(tag, _RAW)
    # A value of the wrong type is refused by the kind itself.
    return int(tag), kind.encode(name(tag), value)  # type: ignore[arg-type]


def get(tlvs: Tlvs, tag: int) -> int | str | bytes | None:
    """The value as the standard types the tag; None if absent or malformed."""
    kind = KINDS.get(tag, _RAW)
    if isinstance(kind, Integer):
        return get_int(tlvs, tag)
    if isinstance(kind, CString):
        return get_str(tlvs, tag)
    return get_bytes(tlvs, tag)


def get_bytes(tlvs: Tlvs, tag: int) -> bytes | None:
    """The raw octets of the first such tag; None if absent."""
    for found, value in tlvs:
        if found == tag:
            return value
    return None


def get_int(tlvs: Tlvs, tag: int) -> int | None:
    """An unsigned integer; None if absent or not one to four octets."""
    value = get_bytes(tlvs, tag)
    if value is None or not 1 <= len(value) <= 4:
        return None
    return int.from_bytes(value, "big")


def get_str(tlvs: Tlvs, tag: int) -> str | None:
    """The string up to its NUL, if it has one; None if absent."""
    value = get_bytes(tlvs, tag)
    return None if value is None else value.split(b"\0", 1)[0].decode("latin-1")


def write(tlvs: Tlvs) -> bytes:
    """The octets behind the mandatory fields; ``EncodeError`` names the tag."""
    octets = bytearray()
    for tag, value in tlvs:
        if not isinstance(tag, int) or not 0 <= tag <= 0xFFFF:
            raise EncodeError("a TLV's tag is not an integer from 0 to 65535")
        octets += _header.pack(tag, len(_RAW.encode(name(tag), value)))
        octets += value
    return bytes(octets)


def read(frame: bytes, at: int) -> Tlvs:
    """Every whole TLV from ``at`` on; one that the frame's end cuts is dropped."""
    if at + 4 > len(frame):
        return ()
    return tuple([(tag, frame[start:end]) for tag, start, end in spans(frame, at)])


def spans(frame: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """Tag, start and end of the value of every whole TLV from ``at`` on."""
    size = len(frame)
    while at + 4 <= size:
        tag, length = _header.unpack_from(frame, at)
        start = at + 4
        at = start + length
        if at <= size:
            yield tag, start, at


def name(tag: int) -> str:
    """The standard's name of a tag, ``TLV 0x1401`` for a vendor's."""
    try:
        return Tag(tag).name.lower()
    except ValueError:
        return f"TLV 0x{tag:04X}"
