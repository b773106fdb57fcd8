"""What time alone does to the store: expiry, timeouts, retention.

Every step is bounded, and takes as long however much the store holds.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import msgspec
from msgspec import Struct

from esmed import lifecycle
from esmed.models import Millis, Record
from esmed.store import base, inbound
from esmed.store.rows import text
from esmed.store.unit import Unit

IDEMPOTENCY_MS: Final = 24 * 3600 * 1000

_decode_seqs = msgspec.json.Decoder(list[int]).decode


def sweep(unit: Unit, op: base.Sweep) -> bool:
    """Do what is due by itself; return whether there may be more."""
    (seqs,) = unit.connection.execute(
        "SELECT json_group_array(seq) FROM (SELECT seq FROM messages"
        " WHERE deadline <= ? AND seq NOT IN (SELECT value FROM json_each(?))"
        " ORDER BY deadline LIMIT ?)",
        (op.now, text(list(op.busy)), op.limit),
    ).fetchone()
    due = _decode_seqs(seqs)
    unit.preload(due)
    room = dict(op.room)
    for seq in due:
        unit.change(seq, op.now, partial(_overdue, unit, op, room))
    late = inbound.give_up(unit, op.now, op.limit)
    old = prune(unit, op.now, op.now - int(op.retention * 1000), op.limit)
    return max(len(due), late, old) >= op.limit


def _overdue(unit: Unit, op: base.Sweep, room: dict[str, int], record: Record) -> None:
    """Have a message's deadline mean what it does, or first have it asked for."""
    unheard = lifecycle.unheard(record, op.ask)
    if not unheard:
        lifecycle.expire(record, op.now)
        return
    parts = [
        base.Taken(part, attempt.connector, attempt.host, attempt.smsc_id or "")
        for part, attempt in unheard
    ]
    if any(room.get(part.connector, 0) <= 0 for part in parts):
        if lifecycle.waited_out(record, op.now):
            lifecycle.expire(record, op.now)
        else:
            lifecycle.postpone(record, op.now)
        return
    for part in parts:
        room[part.connector] -= 1
    waits = op.ask[parts[0].connector]
    lifecycle.put_off(record, op.now, waits[record.progress.asked])
    unit.overdue.append(base.Overdue(record.seq, record.id, record.request, parts))


class _Aging(Struct, frozen=True):
    """Rows of a table that have their time."""

    table: str
    key: str
    time: str
    order: str
    """In which an index has them, the oldest first."""
    which: str = "TRUE"


# MO messages and ids in the order of their numbers: an index would be for this alone.
_PRUNED: Final = (
    _Aging("messages", "seq", "final_at", "final_at", "final_at IS NOT NULL"),
    _Aging("outbox", "seq", "created_at", "created_at", "due_at IS NULL"),
    _Aging("inbound", "seq", "received_at", "seq"),
    _Aging("smsc_ids", "id", "at", "id"),
    _Aging("mo_answers", "digest", "at", "at"),
)
_ANSWERS: Final = _Aging("idempotency", "client, key", "at", "at")
_FORGOTTEN: Final = (
    _Aging("parked", "key, connector, receipt", "keep_until", "keep_until"),
    _Aging("inbound_seen", "digest, session", "keep_until", "keep_until"),
)


def prune(unit: Unit, now: Millis, before: Millis, limit: int) -> int:
    """Delete at most ``limit`` rows of each table; return the most of one table."""
    steps = [
        *((rows, before) for rows in _PRUNED),
        (_ANSWERS, now - IDEMPOTENCY_MS),
        *((rows, now) for rows in _FORGOTTEN),
    ]
    return max(
        unit.connection.execute(
            deletion(rows), {"before": bound, "limit": limit}
        ).rowcount
        for rows, bound in steps
    )


def deletion(rows: _Aging) -> str:
    """Return the statement that deletes, of so many of the oldest, the old ones."""
    key = f"({rows.key})" if "," in rows.key else rows.key
    return (
        f"DELETE FROM {rows.table} WHERE {key} IN (SELECT {rows.key} FROM"  # noqa: S608 - ours
        f" (SELECT {rows.key}, {rows.time} AS time FROM {rows.table}"
        f" WHERE {rows.which} ORDER BY {rows.order} LIMIT :limit) WHERE time < :before)"
    )
