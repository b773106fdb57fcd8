"""Events on their way to the customers' URLs.

An event is never due before the one ahead of it in its stream, so that a look has to
pass over few that are due and may not go.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence, Set
from typing import Final

import msgspec
from msgspec import Struct

from esmed.models import Millis
from esmed.store import base, bulk
from esmed.store.rows import text

URLS: Final = 64
"""URLs in one look at most; the next look goes on behind them."""

_STEPS: Final = 2000
"""URLs passed over in one look at most."""

_LEAST: Final = 32
"""Events of one URL that a look has room for, however many URLs there are."""

_INSERT: Final = """
    INSERT INTO outbox
        (id, stream, type, url, body, state, created_at, begun_at, due_at)
    SELECT column1, column2, column3, column4, column5, 'pending', column6, column6,
        max(column6, coalesce((
            SELECT max(due_at) FROM outbox WHERE stream = column2), 0))
    FROM (VALUES {})
"""


def insert(connection: sqlite3.Connection, events: Sequence[bulk.Row]) -> None:
    """Add events: id, stream, type, URL ("": the configured one), body and time."""
    bulk.run(connection, _INSERT, events)


def note(connection: sqlite3.Connection, op: base.HookResult) -> None:
    """Record one attempt and what follows it."""
    due_at = op.due_at if op.outcome == "retry" else None
    connection.execute(
        "UPDATE outbox SET state = ?, due_at = ?, tries = tries + 1,"
        " attempts = json_insert(attempts, '$[#]', json_array(?, ?)) WHERE seq = ?",
        (
            "pending" if op.outcome == "retry" else op.outcome,
            due_at,
            op.at,
            op.note,
            op.seq,
        ),
    )
    if due_at is not None:
        connection.execute(
            "UPDATE outbox SET due_at = :at WHERE due_at < :at AND seq > :seq"
            " AND stream = (SELECT stream FROM outbox WHERE seq = :seq)",
            {"at": due_at, "seq": op.seq},
        )


def replay(connection: sqlite3.Connection, op: base.Replay) -> int:
    """Have events delivered again; return how many."""
    return connection.execute(
        "UPDATE outbox SET state = 'pending', due_at = :now, begun_at = :now, tries = 0"
        " WHERE due_at IS NULL AND created_at >= :since AND (state = 'dead' OR :all)",
        {"now": op.now, "since": op.since, "all": not op.dead},
    ).rowcount


class Outlook:
    """Looks into the outbox, URL by URL, so that no backlog hides another one's events.

    The URLs take turns: where there are more than one look has room for, the next one
    begins where this one ended.
    """

    def __init__(self) -> None:
        self._from = ""

    def due(
        self,
        connection: sqlite3.Connection,
        now: Millis,
        limit: int,
        skip_urls: Iterable[str | None],
    ) -> list[base.OutboxItem]:
        """Return due events, none of them behind an undelivered one of its stream."""
        skip = {url or "" for url in skip_urls}
        begin = self._from
        wanted = self._look(connection, now, skip)
        if not wanted and begin:
            wanted = self._look(connection, now, skip)
        if not wanted:
            return []
        each = max(_LEAST, limit // len(wanted))
        (found,) = connection.execute(
            _HEADS, {"urls": text(wanted), "now": now, "limit": limit, "each": each}
        ).fetchone()
        return [
            base.OutboxItem(
                seq=row.seq,
                id=row.id,
                stream=row.stream,
                type=row.type,
                url=row.url or None,
                body=row.body.encode(),
                begun_at=row.begun_at,
                due_at=row.due_at,
                tries=row.tries,
            )
            for row in _decode_rows(found)
        ]

    def _look(
        self, connection: sqlite3.Connection, now: Millis, skip: Set[str]
    ) -> list[str]:
        """Return URLs with due events, from where the last look ended."""
        most = _STEPS + len(skip)
        (found,) = connection.execute(
            _URLS, {"at": self._from, "now": now, "most": most}
        ).fetchone()
        urls = _decode_urls(found)
        wanted = [one.url for one in urls if one.due and one.url not in skip]
        if len(wanted) > URLS:
            self._from = wanted[URLS]
        else:
            self._from = urls[-1].url if len(urls) == most else ""
        return wanted[:URLS]


class _Url(Struct, array_like=True):
    url: str
    due: bool


class _Row(Struct, array_like=True):
    """An `OutboxItem` as SQLite's JSON has it."""

    seq: int
    id: str
    stream: str
    type: str
    url: str
    body: str
    begun_at: Millis
    due_at: Millis
    tries: int


_decode_urls = msgspec.json.Decoder(list[_Url], strict=False).decode
_decode_rows = msgspec.json.Decoder(list[_Row]).decode

# Each step of the recursion is one step down the index, however much waits for a URL.
_URLS: Final = """
    WITH RECURSIVE urls (url, number) AS (
        SELECT (SELECT min(url) FROM outbox WHERE due_at IS NOT NULL AND url >= :at), 1
        UNION ALL
        SELECT (SELECT min(o.url) FROM outbox AS o
                WHERE o.due_at IS NOT NULL AND o.url > urls.url), number + 1
        FROM urls WHERE urls.url IS NOT NULL AND number < :most
    )
    SELECT json_group_array(json_array(url, EXISTS (
        SELECT 1 FROM outbox AS o WHERE o.url = urls.url AND o.due_at <= :now)))
    FROM urls WHERE url IS NOT NULL
"""

_HEADS: Final = """
    SELECT json_group_array(json_array(o.seq, o.id, o.stream, o.type, o.url, o.body,
        o.begun_at, o.due_at, o.tries))
    FROM (
        SELECT h.seq FROM json_each(:urls) AS wanted CROSS JOIN outbox AS h
        ON h.seq IN (
            SELECT seq FROM outbox AS one
            WHERE url = wanted.value AND due_at <= :now AND NOT EXISTS (
                SELECT 1 FROM outbox AS earlier WHERE earlier.stream = one.stream
                AND earlier.seq < one.seq AND earlier.due_at IS NOT NULL)
            ORDER BY due_at, seq LIMIT :each)
        ORDER BY h.due_at, h.seq LIMIT :limit
    ) AS head CROSS JOIN outbox AS o ON o.seq = head.seq
"""
