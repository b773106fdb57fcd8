"""PDU to octets and back, driven by the tables of ``pdu.specs``.

The PDUs of which a busy link sends thousands a second take the straight way of
``pdu.hotpath`` first, which gives up on anything out of the ordinary; whatever it gives
up on is decided here, so both ways read and write the same.
"""

import struct
from typing import Any, Final, cast

from pdu import tlv
from pdu.errors import DecodeError
from pdu.fields import Integer
from pdu.hotpath import DECODERS, ENCODERS
from pdu.messages import Pdu, RawPdu
from pdu.specs import SPECS
from pdu.vocabulary import RESPONSE_BIT, CommandStatus, command_name

HEADER_LENGTH: Final = 16
_header = struct.Struct(">IIII")
_UINT32: Final = Integer(4)


def encode(pdu: Pdu) -> bytes:
    """The whole frame; ``EncodeError`` names the field that does not fit and its limit.

    An error response of bind or submit_sm with nothing to say has no body (§4.4.2).
    """
    straight = ENCODERS.get(type(pdu))
    if straight is not None:
        frame = straight(pdu)
        if frame is not None:
            return frame
    return encode_by_spec(pdu)


def decode(frame: bytes) -> Pdu:
    """The PDU of one whole frame, as ``Framer.feed`` gives it.

    Numbers without a name stay numbers, an unknown command_id makes a ``RawPdu``, a TLV
    cut by the end is dropped, and a response may end before any field: the rest keeps
    its defaults.
    Raises ``DecodeError`` with what the refusal needs.
    """
    command_id, status, sequence = _read_header(frame)
    straight = DECODERS.get(command_id)
    if straight is not None:
        pdu: Pdu | None = straight(frame, status, sequence)
        if pdu is not None:
            return pdu
    return _read_body(frame, command_id, status, sequence)


def encode_by_spec(pdu: Pdu) -> bytes:
    """``encode`` by the tables alone."""
    if isinstance(pdu, RawPdu):
        body = pdu.body
    else:
        spec = SPECS[pdu.command_id]
        fields = [wire.encode(name, getattr(pdu, name)) for name, wire in spec.fields]
        body = b"".join(fields) + tlv.write(pdu.tlvs)
        if pdu.status and spec.omitted_on_error and body == b"\0":
            body = b""
    return b"".join(
        (
            _UINT32.encode("command_length", HEADER_LENGTH + len(body)),
            _UINT32.encode("command_id", pdu.command_id),
            _UINT32.encode("command_status", pdu.status),
            _UINT32.encode("sequence_number", pdu.sequence),
            body,
        )
    )


def decode_by_spec(frame: bytes) -> Pdu:
    """``decode`` by the tables alone."""
    return _read_body(frame, *_read_header(frame))


def _read_header(frame: bytes) -> tuple[int, int, int]:
    if len(frame) < HEADER_LENGTH:
        raise DecodeError(
            f"{len(frame)} octets are no PDU", status=CommandStatus.ESME_RINVCMDLEN
        )
    length, command_id, status, sequence = _header.unpack_from(frame)
    if length != len(frame):
        raise DecodeError(
            f"{command_name(command_id)} of {len(frame)} octets "
            f"has a command_length of {length}",
            command_id=command_id,
            sequence=sequence,
            status=CommandStatus.ESME_RINVCMDLEN,
        )
    return command_id, status, sequence


def _read_body(frame: bytes, command_id: int, status: int, sequence: int) -> Pdu:
    spec = SPECS.get(command_id)
    if spec is None:
        return RawPdu(
            command_id=command_id,
            sequence=sequence,
            status=status,
            body=frame[HEADER_LENGTH:],
        )
    values: dict[str, Any] = {}
    at = HEADER_LENGTH
    for name, wire in spec.fields:
        if command_id & RESPONSE_BIT and at >= len(frame):
            break
        try:
            values[name], at = wire.decode(frame, at)
        except DecodeError as fault:
            raise DecodeError(
                f"{command_name(command_id)}, {name}: {fault}",
                command_id=command_id,
                sequence=sequence,
                status=fault.status,
            ) from fault
    pdu = spec.message(
        sequence=sequence, status=status, tlvs=tlv.read(frame, at), **values
    )
    return cast("Pdu", pdu)
