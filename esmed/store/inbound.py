"""MO messages in the store: parts gathered, redeliveries known, the whole announced."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from esmed import reassembly
from esmed.models import Inbound, InboundIn, Millis
from esmed.store import base
from esmed.store.rows import encode, text
from esmed.store.unit import Unit

REDELIVERY_MS: Final = 60_000
"""Content that a bind brought this long before it died may come again."""

_EXPECTED_MS: Final = 24 * 3600 * 1000
"""For how long it may."""

_KNOWN_MS: Final = 7 * 24 * 3600 * 1000
"""For how long a message with an id of the next hop's is known by it."""

_decode_parts = msgspec.json.Decoder(list[InboundIn]).decode


def receive(unit: Unit, op: base.ReceiveMo) -> Literal["whole", "part", "duplicate"]:
    """Take one PDU: a whole message, or a part that may complete one."""
    inbound = op.inbound
    known = _known if inbound.remote_id else _redelivered
    if known(unit, op):
        return "duplicate"
    if inbound.total <= 1:
        _store(unit, [inbound])
        return "whole"
    origin = text(reassembly.key(inbound))
    parts = _parts(unit, origin)
    if any(part.part == inbound.part for part in parts):
        # Not what was there: the sender has come round to this reference again.
        _take(unit, origin, parts)
        parts = []
    unit.connection.execute(
        "INSERT INTO inbound_parts VALUES (?, ?, ?, ?)",
        (origin, inbound.part, op.give_up_at, text(inbound)),
    )
    parts.append(inbound)
    if len(parts) < inbound.total:
        return "part"
    _take(unit, origin, parts)
    return "whole"


def give_up(unit: Unit, now: Millis, limit: int) -> int:
    """Deliver, flagged incomplete, what has waited too long for its other parts."""
    found = unit.connection.execute(
        "SELECT origin FROM inbound_parts WHERE give_up_at <= ?"
        " ORDER BY give_up_at LIMIT ?",
        (now, limit),
    ).fetchall()
    for (origin,) in dict.fromkeys(found):
        _take(unit, origin, _parts(unit, origin))
    return len(found)


def session_ended(unit: Unit, op: base.SessionEnded) -> None:
    """Expect what a dead bind brought last once more."""
    unit.connection.execute(
        "UPDATE inbound_seen SET ended = 1, keep_until = received_at + ?"
        " WHERE session = ? AND NOT ended AND received_at >= ?",
        (_EXPECTED_MS, op.session, op.at - REDELIVERY_MS),
    )


def expected(unit: Unit, op: base.Expected) -> None:
    """Expect what was refused once more, if it is on record."""
    unit.connection.execute(
        "UPDATE inbound_seen SET ended = 1, keep_until = received_at + ?"
        " WHERE digest = ? AND NOT ended",
        (_EXPECTED_MS, _digest(op.inbound)),
    )


def process_ended(unit: Unit) -> None:
    """Expect what the last process received in its last minute once more."""
    unit.connection.execute(
        "UPDATE inbound_seen SET ended = 1, keep_until = received_at + ?"
        " WHERE NOT ended AND received_at >="
        " (SELECT max(received_at) FROM inbound_seen) - ?",
        (_EXPECTED_MS, REDELIVERY_MS),
    )


def _known(unit: Unit, op: base.ReceiveMo) -> bool:
    """Know a repetition by the next hop's id, and remember one that is new.

    Its row belongs to no session: the end of one changes nothing about it.
    """
    inbound = op.inbound
    cursor = unit.connection.execute(
        "INSERT INTO inbound_seen VALUES (?, '', ?, ?, 1) ON CONFLICT DO UPDATE"
        " SET received_at = excluded.received_at, keep_until = excluded.keep_until"
        " WHERE keep_until < excluded.received_at",
        (_digest(inbound), inbound.received_at, inbound.received_at + _KNOWN_MS),
    )
    return cursor.rowcount == 0


def _redelivered(unit: Unit, op: base.ReceiveMo) -> bool:
    """Know a redelivery, once, and remember what has come now.

    Parts carry a reference: equal ones are one part, whether its bind has died or not.
    """
    inbound = op.inbound
    is_part = inbound.total > 1
    digest = _digest(inbound)
    cursor = unit.connection.execute(
        "DELETE FROM inbound_seen WHERE digest = ? AND (ended OR ?)"
        " AND keep_until >= ?",
        (digest, is_part, inbound.received_at),
    )
    keep_until = op.give_up_at if is_part else inbound.received_at + 2 * REDELIVERY_MS
    unit.connection.execute(
        "INSERT OR REPLACE INTO inbound_seen VALUES (?, ?, ?, ?, 0)",
        (digest, inbound.session, inbound.received_at, keep_until),
    )
    return cursor.rowcount > 0


def known_by(connector: str, remote_id: str) -> str:
    """Return what a message with an id of the next hop's is known by."""
    return _hash(connector, remote_id)


def _digest(inbound: InboundIn) -> str:
    """Return what a message, or a part of one, is known by."""
    if inbound.remote_id:
        return known_by(inbound.connector, inbound.remote_id)
    return _hash(
        inbound.connector,
        inbound.source,
        inbound.destination,
        inbound.data_coding,
        inbound.udh,
        inbound.data,
        inbound.text,
        inbound.reference,
        inbound.total,
        inbound.part,
    )


def _hash(*content: object) -> str:
    return hashlib.blake2b(encode(content), digest_size=16).hexdigest()


def _parts(unit: Unit, origin: str) -> list[InboundIn]:
    (found,) = unit.connection.execute(
        "SELECT json_group_array(json(body)) FROM inbound_parts WHERE origin = ?",
        (origin,),
    ).fetchone()
    return _decode_parts(found)


def _take(unit: Unit, origin: str, parts: Sequence[InboundIn]) -> None:
    unit.connection.execute("DELETE FROM inbound_parts WHERE origin = ?", (origin,))
    _store(unit, parts)


def _store(unit: Unit, parts: Sequence[InboundIn]) -> None:
    first = parts[0]
    merged = reassembly.merge(parts)
    received_at = max(part.received_at for part in parts)
    seq, id_ = unit.next_inbound(received_at)
    inbound = Inbound(
        seq=seq,
        id=id_,
        connector=first.connector,
        from_=first.source,
        to=first.destination,
        text=merged.text,
        data=merged.data,
        encoding=merged.encoding,
        parts=merged.parts,
        complete=merged.complete,
        received_at=received_at,
        tlvs=merged.tlvs,
    )
    unit.connection.execute(
        "INSERT INTO inbound VALUES (?, ?, ?)", (seq, received_at, text(inbound))
    )
    unit.inbound.append((inbound.connector, inbound.complete))
    unit.announce_inbound(inbound)
