"""Where each field of a frame stands, for those who show PDUs rather than obey them.

Nothing is an error here: what cannot be read is one last piece without a name, empty if
the frame ends before its fields do.
"""

from typing import Any, Final

import msgspec

from pdu import tlv
from pdu.codec import HEADER_LENGTH
from pdu.errors import DecodeError
from pdu.specs import SPECS
from pdu.vocabulary import RESPONSE_BIT

REST: Final = ""
"""The name of octets that no field explains."""


class Piece(msgspec.Struct, frozen=True, gc=False):
    """``frame[start:end]`` and what it says.

    ``name`` is the standard's, ``TLV 0x1401`` for a vendor's parameter. Numbers are
    ints, C-octet strings str, lists tuples, all else is bytes. The octets of a C-octet
    string are those before its NUL, those of short_message are those after sm_length,
    those of a parameter are its value.
    """

    name: str
    value: Any
    start: int
    end: int


def dissect(frame: bytes) -> list[Piece]:
    """The pieces of a whole frame's body, in order; they need not touch."""
    command_id = int.from_bytes(frame[4:8])
    spec = SPECS.get(command_id)
    pieces: list[Piece] = []
    at, size = HEADER_LENGTH, len(frame)
    if spec is None:
        return [_rest(frame, at)] if at < size else []
    for name, wire in spec.fields:
        if command_id & RESPONSE_BIT and at >= size:
            return pieces
        try:
            value, end = wire.decode(frame, at)
        except DecodeError:
            return [*pieces, _rest(frame, at)]
        pieces.append(_piece(name, value, at, end))
        at = end
    for tag, start, end in tlv.spans(frame, at):
        pairs = ((tag, frame[start:end]),)
        pieces.append(Piece(tlv.name(tag), tlv.get(pairs, tag), start, end))
        at = end
    return [*pieces, _rest(frame, at)] if at < size else pieces


def _rest(frame: bytes, at: int) -> Piece:
    return Piece(REST, frame[at:], at, len(frame))


def _piece(name: str, value: Any, at: int, end: int) -> Piece:
    if isinstance(value, str):
        return Piece(name, value, at, at + len(value))
    if isinstance(value, bytes):
        return Piece(name, value, end - len(value), end)
    return Piece(name, value, at, end)
