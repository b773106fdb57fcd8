"""What can be asked of the store, on connections of its own that never wait for the
writer (WAL)."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from esmed.errors import StoreUnavailableError
from esmed.models import Inbound, MessageState, Millis, MoAnswer, Record
from esmed.store import answers, base, faults
from esmed.store.outbox import Outlook
from esmed.store.rows import COLUMNS, PAUSED, Lanes

_THREADS: Final = 2
BUSY_SECONDS: Final = 2.0
"""How long another process may hold the database before we call it unavailable."""

_INDEXED: Final = "state NOT IN ('delivered', 'sent')"
"""Word by word the condition of the index by state: that is how SQLite knows it."""

_TESTS: Final = {
    "client": "client = :client",
    "state": "state = :state",
    # By the index of numbers; without the + SQLite would put `:to` into its expression.
    "to": "+recipient = :to AND substr(recipient, -7) = substr(:to, -7)",
    "reference": "reference = :reference",
    "after": "seq < :after",
}

_NEWEST: Final = (1 << 63) - 1

T = TypeVar("T")


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection, whose transactions are ours to begin and to end."""
    return sqlite3.connect(
        path,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=64,
    )


class Questions:
    """The reading half of `esmed.store.base.Store`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._readers = ThreadPoolExecutor(_THREADS, "esmed-read")
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._outlook = Outlook()

    def _shut(self) -> None:
        """Wait for the questions under way and answer no more; this blocks."""
        self._readers.shutdown()
        for connection in self._opened:
            connection.close()
        self._opened.clear()

    # --- messages --------------------------------------------------------------------

    async def get(self, id_: str) -> Record | None:
        """Return a message by its public id."""
        records = await self._records("WHERE id = ?", (id_,))
        return records[0] if records else None

    async def find(
        self,
        *,
        client: str | None,
        state: MessageState | None,
        to: str | None,
        reference: str | None,
        after: int | None,
        limit: int,
    ) -> list[Record]:
        """Return messages newest first; ``after`` is the seq of the last one seen."""
        wanted = {
            "client": client,
            "state": state and str(state),
            "to": to,
            "reference": reference,
            "after": after,
        }
        tests = [_TESTS[name] for name, value in wanted.items() if value is not None]
        if state not in {None, MessageState.DELIVERED, MessageState.SENT}:
            tests.append(_INDEXED)
        where = " AND ".join(tests or ["TRUE"])
        return await self._records(
            f"WHERE {where} ORDER BY seq DESC LIMIT :limit", {**wanted, "limit": limit}
        )

    async def lanes(self) -> list[base.Lane]:
        """Return what waits, at start."""

        def read(connection: sqlite3.Connection) -> list[base.Lane]:
            waiting = connection.execute(
                "SELECT lane, count(*), min(due_at) FROM messages"
                " WHERE due_at IS NOT NULL GROUP BY lane"
            ).fetchall()
            # After it, so that each of its numbers is known.
            lanes = Lanes(connection)
            return [
                base.Lane(*lanes[number], count, next_due)
                for number, count, next_due in waiting
            ]

        return await self._ask(read)

    async def paused(self) -> frozenset[str]:
        """Return the connectors that an operator has paused."""

        def read(connection: sqlite3.Connection) -> frozenset[str]:
            keys = connection.execute("SELECT key FROM meta").fetchall()
            return frozenset(
                key.removeprefix(PAUSED) for (key,) in keys if key.startswith(PAUSED)
            )

        return await self._ask(read)

    async def vitals(self) -> base.Vitals:
        """Return what the metrics show and only the store knows."""

        def read(connection: sqlite3.Connection) -> base.Vitals:
            waiting = connection.execute(
                "SELECT id, (SELECT min(due_at) FROM messages"
                " WHERE lane = lanes.id AND due_at IS NOT NULL) FROM lanes"
            ).fetchall()
            held = connection.execute(
                "SELECT json_extract(progress, '$[2]'), count(*) FROM messages"
                " WHERE state = 'submitting' AND due_at IS NULL"
                " AND json_extract(progress, '$[1]') GROUP BY 1"
            ).fetchall()
            lanes = Lanes(connection)
            oldest: dict[str, Millis] = {}
            for number, due_at in waiting:
                if due_at is not None:
                    first = lanes[number][0][0]
                    oldest[first] = min(oldest.get(first, due_at), due_at)
            return base.Vitals(oldest, dict(held))

        return await self._ask(read)

    async def answer(self, client: str, key: str) -> base.IdempotencyKey | None:
        """Return what was answered to this Idempotency-Key within 24 h."""

        def read(connection: sqlite3.Connection) -> base.IdempotencyKey | None:
            row = connection.execute(
                "SELECT digest, status, answer, at FROM idempotency"
                " WHERE client = ? AND key = ?",
                (client, key),
            ).fetchone()
            if row is None:
                return None
            digest, status, answer, at = row
            return base.IdempotencyKey(
                client=client,
                key=key,
                digest=digest,
                status=status,
                answer=answer,
                at=at,
            )

        return await self._ask(read)

    # --- MO and events ---------------------------------------------------------------

    async def inbound(self, *, after: int | None, limit: int) -> list[Inbound]:
        """Return MO messages, newest first."""
        return await self._json(
            list[Inbound],
            "SELECT json_group_array(json(body)) FROM (SELECT body FROM inbound"
            " WHERE seq < ? ORDER BY seq DESC LIMIT ?)",
            (_NEWEST if after is None else after, limit),
        )

    async def mo_answer(self, connector: str, remote_id: str) -> MoAnswer | None:
        """Return what the sender of an MO message was answered."""
        return await self._ask(
            lambda connection: answers.find(connection, connector, remote_id)
        )

    async def events(self, stream: str) -> list[base.OutboxEntry]:
        """Return the events of a message, for its trace."""
        return await self._json(
            list[base.OutboxEntry],
            "SELECT json_group_array(json_object('id', id, 'type', type, 'state',"
            " state, 'created_at', created_at, 'attempts', json(attempts)))"
            " FROM (SELECT * FROM outbox WHERE stream = ? ORDER BY seq)",
            (stream,),
        )

    async def outbox(
        self, now: Millis, limit: int, skip_urls: Sequence[str | None]
    ) -> list[base.OutboxItem]:
        """Return due events, none of them behind an undelivered one of its stream."""
        return await self._ask(
            lambda connection: self._outlook.due(connection, now, limit, skip_urls)
        )

    async def backlog(self) -> tuple[int, Millis | None]:
        """Return how many events wait and when the oldest was made."""

        def read(connection: sqlite3.Connection) -> tuple[int, Millis | None]:
            row: tuple[int, Millis | None] = connection.execute(
                "SELECT count(*), min(created_at) FROM outbox WHERE due_at IS NOT NULL"
            ).fetchone()
            return row

        return await self._ask(read)

    # --- reading ---------------------------------------------------------------------

    async def _records(
        self, where: str, parameters: Sequence[Any] | Mapping[str, Any]
    ) -> list[Record]:
        def read(connection: sqlite3.Connection) -> list[Record]:
            row = connection.execute(
                f"SELECT json_group_array(json_array({COLUMNS}))"  # noqa: S608
                f" FROM (SELECT * FROM messages {where})",
                parameters,
            ).fetchone()
            return Lanes(connection).records(row[0])

        return await self._ask(read)

    async def _json(self, type_: type[T], query: str, parameters: Sequence[Any]) -> T:
        def read(connection: sqlite3.Connection) -> T:
            (body,) = connection.execute(query, parameters).fetchone()
            return msgspec.json.decode(body, type=type_)

        return await self._ask(read)

    async def _ask(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Read in a thread of the pool; raises StoreError."""
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._readers, lambda: read(self._reader())
            )
        except sqlite3.Error as error:
            raise faults.unavailable(self.path, error) from error
        except msgspec.MsgspecError as error:
            raise faults.damaged(self.path, error) from error
        except RuntimeError as error:  # the pool is shut
            raise StoreUnavailableError("the store is closed") from error

    def _reader(self) -> sqlite3.Connection:
        """Return this thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "reader", None)
        if connection is None:
            connection = self._local.reader = connect(self.path)
            self._opened.append(connection)
        return connection
