"""What senders of MO messages are answered: to a repetition what the first one was."""

from __future__ import annotations

import sqlite3

from esmed.models import MoAnswer
from esmed.store import base, inbound
from esmed.store.unit import Unit


def answer(unit: Unit, op: base.AnswerMo) -> MoAnswer:
    """Take a message and what its sender is answered, unless both are on record."""
    came = op.inbound
    if came.remote_id:
        known = find(unit.connection, came.connector, came.remote_id)
        if known is not None:
            return known
        unit.connection.execute(
            "INSERT INTO mo_answers VALUES (?, ?, ?, ?)",
            (
                inbound.known_by(came.connector, came.remote_id),
                came.received_at,
                op.answer.content_type,
                op.answer.body,
            ),
        )
    inbound.receive(unit, base.ReceiveMo(inbound=came, give_up_at=op.give_up_at))
    return op.answer


def find(
    connection: sqlite3.Connection, connector: str, remote_id: str
) -> MoAnswer | None:
    """Return what was answered to the message with this id, if it was."""
    row = connection.execute(
        "SELECT content_type, body FROM mo_answers WHERE digest = ?",
        (inbound.known_by(connector, remote_id),),
    ).fetchone()
    return None if row is None else MoAnswer(content_type=row[0], body=row[1])
