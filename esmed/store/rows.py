"""How messages are laid out in their table, and back."""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec
from msgspec import Struct

from esmed.models import Millis, Priority, Progress, Queued, Record, Request
from esmed.parts import is_open
from esmed.store import bulk

COLUMNS: Final = (
    "seq, id, client, created_at, expires_at, lane, due_at, deadline,"
    " json(request), json(progress)"
)

PAUSED: Final = "paused:"
"""Begins the keys of `meta` that name connectors an operator has paused."""

encode: Final = msgspec.json.Encoder().encode
"""Of whatever is stored as JSON."""


def text(value: object) -> str:
    """Return a value as the JSON text that a column or a parameter takes."""
    return encode(value).decode()


class _Row(Struct, array_like=True):
    """`COLUMNS` of one message."""

    seq: int
    id: str
    client: str | None
    created_at: Millis
    expires_at: Millis
    lane: int
    due_at: Millis | None
    deadline: Millis | None
    request: Request
    progress: Progress


_decode_rows = msgspec.json.Decoder(list[_Row]).decode
_decode_via = msgspec.json.Decoder(tuple[str, ...]).decode


class Lanes:
    """The numbers under which ``via`` lists and priorities are stored."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._by_id: dict[int, tuple[tuple[str, ...], Priority]] = {}
        self._ids: dict[tuple[tuple[str, ...], Priority], int] = {}
        for number, via, priority in connection.execute("SELECT * FROM lanes"):
            self._add(number, (_decode_via(via), Priority(priority)))

    def id(
        self, connection: sqlite3.Connection, via: tuple[str, ...], priority: Priority
    ) -> int:
        """Return a lane's number, making it if it is new."""
        number = self._ids.get((via, priority))
        if number is None:
            number = len(self._by_id) + 1
            connection.execute(
                "INSERT INTO lanes VALUES (?, ?, ?)", (number, text(via), int(priority))
            )
            self._add(number, (via, priority))
        return number

    def __getitem__(self, number: int) -> tuple[tuple[str, ...], Priority]:
        return self._by_id[number]

    def _add(self, number: int, lane: tuple[tuple[str, ...], Priority]) -> None:
        self._by_id[number] = lane
        self._ids[lane] = number

    def records(self, rows: bytes | str) -> list[Record]:
        """Decode a JSON array of `COLUMNS`."""
        return [
            Record(
                seq=row.seq,
                id=row.id,
                client=row.client,
                created_at=row.created_at,
                request=row.request,
                progress=row.progress,
                via=self[row.lane][0],
                due_at=row.due_at,
                deadline=row.deadline,
                expires_at=row.expires_at,
            )
            for row in _decode_rows(rows)
        ]


def inserted(record: Record, lane: int) -> bulk.Row:
    """Return all columns of a new message."""
    request, progress = record.request, record.progress
    return (
        record.seq,
        record.id,
        record.client,
        record.created_at,
        record.expires_at,
        lane,
        str(progress.state),
        record.due_at,
        record.deadline,
        progress.final_at,
        request.reference,
        request.to,
        text(request),
        text(progress),
    )


CHANGING: Final = "seq, lane, state, due_at, deadline, final_at, progress"


def changed(record: Record, lane: int) -> bulk.Row:
    """Return the columns `CHANGING` of a message."""
    progress = record.progress
    return (
        record.seq,
        lane,
        str(progress.state),
        record.due_at,
        record.deadline,
        progress.final_at,
        text(progress),
    )


def queued(record: Record) -> Queued:
    """Show a waiting message to dispatch."""
    progress = record.progress
    return Queued(
        seq=record.seq,
        id=record.id,
        request=record.request,
        via=record.via,
        due_at=record.due_at or 0,
        expires_at=record.expires_at,
        tries=progress.tries,
        plan=progress.plan,
        accepted=tuple(one.part for one in progress.segments if not is_open(one)),
        client=record.client,
        doubtful=any(
            attempt.outcome == "unknown"
            for segment in progress.segments
            for attempt in segment.attempts
        ),
    )
