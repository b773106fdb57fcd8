"""A PDU as an operator may see it: passwords never, numbers and texts if asked for.

What is not to be seen is masked in the octets as well: each becomes ``2a``, so that
lengths still tell. What is not known to be harmless is taken for a text.
"""

from typing import Any, Final, Literal

from esmed import masking
from pdu.dissect import REST, Piece, dissect
from pdu.fields import Integer
from pdu.specs import SPECS
from pdu.tlv import KINDS, name
from pdu.vocabulary import Tag, command_name, status_name

Direction = Literal["in", "out"]

_BODY: Final = 16
_MASK: Final = b"*"
_SECRETS: Final = frozenset({"password"})
_NUMBERS: Final = frozenset(
    {"source_addr", "destination_addr", "esme_addr", "address_range"}
)
_TEXTS: Final = frozenset({"short_message", "dest_address", "unsuccess_sme"})
_HARMLESS: Final = frozenset(
    [field for spec in SPECS.values() for field, _ in spec.fields]
    + [name(tag) for tag, kind in KINDS.items() if isinstance(kind, Integer)]
    + [name(tag) for tag in (Tag.RECEIPTED_MESSAGE_ID, Tag.NETWORK_ERROR_CODE)]
) - (_SECRETS | _NUMBERS | _TEXTS)


def describe(frame: bytes, *, texts: bool) -> dict[str, Any]:
    """The fields of the log event of one whole frame.

    ``fields`` are those of its body, by the standard's names; ``rest`` is what no field
    explains, and all of a body that does not fit. ``texts``: numbers and texts too.
    """
    shown: dict[str, Any] = {}
    octets = bytearray(frame)
    pieces = dissect(frame)
    if not texts and any(piece.name == REST for piece in pieces):
        # Where the end does not fit, what stands before it may be anything.
        pieces = [Piece(REST, frame[_BODY:], _BODY, len(frame))]
    for piece in pieces:
        value, masked = _shown(piece, frame[piece.start : piece.end], texts=texts)
        octets[piece.start : piece.end] = masked
        key = piece.name or "rest"
        shown[f"{key}#{len(shown)}" if key in shown else key] = value
    _, command_id, status, sequence = (
        int.from_bytes(frame[at : at + 4]) for at in (0, 4, 8, 12)
    )
    return {
        "command": command_name(command_id),
        "sequence": sequence,
        "status": status_name(status),
        "fields": shown,
        "hex": octets.hex(),
    }


def _shown(piece: Piece, octets: bytes, *, texts: bool) -> tuple[Any, bytes]:
    """The value, and the octets, as they may be seen."""
    if piece.name in _SECRETS:
        return "(redacted)", _MASK * len(octets)
    if texts or piece.name in _HARMLESS:
        return _plain(piece.value), octets
    if piece.name in _NUMBERS:
        number = masking.number(piece.value)
        return number, number.encode("latin-1")
    return masking.size(octets), _MASK * len(octets)


def _plain(value: Any) -> Any:
    """A value as JSON has it; octets as text if they are plain ASCII, else in hex."""
    match value:
        case bytes():
            text = value.decode("latin-1")
            return text if text.isascii() and text.isprintable() else value.hex()
        case tuple():
            return [str(item) for item in value]
        case _:
            return value
