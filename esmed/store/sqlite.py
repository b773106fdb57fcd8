"""The SQLite store: one file, one process, one thread that writes.

Reads use connections of their own (WAL) in a small pool; checkpoints run on another one
so that they do not stall commits.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec

from esmed import lifecycle
from esmed.announce import Announcer
from esmed.errors import StoreError, StoreUnavailableError
from esmed.models import Inbound, MessageState, Millis, Priority, Record
from esmed.store import base, inbound
from esmed.store.apply import IDEMPOTENCY_MS
from esmed.store.migrate import migrate
from esmed.store.unit import COLUMNS, Lanes, Unit
from esmed.store.writer import Writer

log = logging.getLogger(__name__)

_BUSY_MS: Final = 2000
"""How long another process may hold the database before we call it unavailable."""

_CHECKED_BYTES: Final = 1 << 30
"""A larger file is not read through at start."""

_CHECKPOINT_BYTES: Final = 16 << 20
_WAL_MOST_BYTES: Final = 256 << 20

T = TypeVar("T")

Durability = Literal["full", "normal"]

_WHAT_TO_DO: Final = (
    "stop here: restore a backup, or save what can be saved with"
    " `sqlite3 {path} .recover | sqlite3 recovered.db`, or move the file away to start"
    " empty"
)


class _OutboxRow(msgspec.Struct):
    """An `OutboxItem` as SQLite's JSON has it."""

    seq: int
    id: str
    stream: str
    type: str
    url: str | None
    body: str
    created_at: Millis
    due_at: Millis
    tries: int


class SqliteStore:
    """See `esmed.store.base.Store` for what it does; ``await open()`` first."""

    def __init__(
        self,
        path: Path,
        *,
        durability: Durability = "full",
        announcer: Announcer | None = None,
        erase_final: bool = False,
        committed: Callable[[base.Committed], None] = lambda _: None,
        failed: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self.path = path
        self._durability = durability
        self._announcer = announcer or Announcer((), default=False)
        self._erase_final = erase_final
        self._committed = committed
        self._failed = failed
        self._last_seq = 0
        self._lock: int | None = None
        self._writer: Writer | None = None
        self._readers = ThreadPoolExecutor(2, "esmed-read")
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []

    # --- life ------------------------------------------------------------------------

    async def open(self, now: Millis) -> None:
        """Lock, check, migrate and recover; raises StoreError saying what to do."""
        self._lock = _take_lock(self.path)
        loop = asyncio.get_running_loop()
        self._writer = Writer(
            lambda: self._prepare(now), loop, self._committed, self._failed
        )
        try:
            await self._writer.begin()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Commit what waits, close everything, let the next process in."""
        if self._writer is not None and self._writer.is_alive():
            await self._writer.end()
        self._readers.shutdown()
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _prepare(self, now: Millis) -> Unit:
        """Open the writing connection, in the writer's thread."""
        try:
            return self._recovered(self._open_for_writing(), now)
        except sqlite3.DatabaseError as error:
            if "malformed" in str(error) or "not a database" in str(error):
                raise self._damaged(str(error)) from error
            msg = f"store.url: cannot open {self.path}: {error}"
            raise StoreError(msg) from error

    def _open_for_writing(self) -> sqlite3.Connection:
        connection = _connect(self.path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            f"PRAGMA synchronous = {'FULL' if self._durability == 'full' else 'NORMAL'}"
        )
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA temp_store = MEMORY")
        migrate(connection, str(self.path))
        if self.path.stat().st_size <= _CHECKED_BYTES:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise self._damaged(found)
        return connection

    def _damaged(self, found: str) -> StoreError:
        advice = _WHAT_TO_DO.format(path=self.path)
        return StoreError(f"the store {self.path} is damaged ({found}); {advice}")

    def _recovered(self, connection: sqlite3.Connection, now: Millis) -> Unit:
        """Decide over what the last process left: it may have been writing."""
        unit = Unit(connection, self._announcer, erase_final=self._erase_final)
        connection.execute("BEGIN IMMEDIATE")
        inbound.process_ended(unit)
        (left,) = connection.execute(
            "SELECT json_group_array(seq) FROM messages"
            " WHERE state = 'submitting' AND due_at IS NULL AND deadline IS NOT NULL"
        ).fetchone()
        for seq in msgspec.json.decode(left, type=list[int]):
            record = unit.get(seq)
            if record is not None and not record.progress.held:
                old = record.progress.state
                lifecycle.recover(record, now)
                unit.changed(record, old, waited_for=None, at=now)
        unit.flush()
        connection.execute("COMMIT")
        unit.committed()
        (self._last_seq,) = connection.execute(
            "SELECT coalesce(max(seq), 0) FROM messages"
        ).fetchone()
        return unit

    # --- changes ---------------------------------------------------------------------

    @property
    def available(self) -> bool:
        """Whether the last commit succeeded."""
        return self._writer is not None and self._writer.available

    def next_seq(self) -> int:
        """Return the next acceptance number."""
        self._last_seq += 1
        return self._last_seq

    async def intake(self, operation: base.Operation) -> Any:
        """Commit and give the result; StoreUnavailableError if that cannot be now."""
        if self._writer is None:
            raise StoreUnavailableError
        return await self._writer.intake(operation)

    def duty(
        self, operations: Sequence[base.Operation], done: Callable[[list[Any]], None]
    ) -> None:
        """Commit however long it takes; then ``done(results)`` in the loop."""
        if self._writer is None:
            raise StoreUnavailableError
        self._writer.duty(operations, done)

    # --- questions -------------------------------------------------------------------

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
            "client = ?": client,
            "state = ?": state and str(state),
            "recipient = ?": to,
            "reference = ?": reference,
            "seq < ?": after,
        }
        asked = {test: value for test, value in wanted.items() if value is not None}
        where = " AND ".join(asked) or "TRUE"
        return await self._records(
            f"WHERE {where} ORDER BY seq DESC LIMIT ?", (*asked.values(), limit)
        )

    async def inbound(self, *, after: int | None, limit: int) -> list[Inbound]:
        """Return MO messages, newest first."""
        return await self._json(
            list[Inbound],
            "SELECT json_group_array(json(body)) FROM (SELECT body FROM inbound"
            " WHERE ? IS NULL OR seq < ? ORDER BY seq DESC LIMIT ?)",
            (after, after, limit),
        )

    async def answer(self, client: str, key: str) -> base.IdempotencyKey | None:
        """Return what was answered to this Idempotency-Key within 24 h."""

        def read(connection: sqlite3.Connection) -> base.IdempotencyKey | None:
            row = connection.execute(
                "SELECT digest, status, answer, at FROM idempotency"
                " WHERE client = ? AND key = ? AND at > ?",
                (client, key, int(time.time() * 1000) - IDEMPOTENCY_MS),
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

        return await self._read(read)

    async def events(self, stream: str) -> list[base.OutboxEntry]:
        """Return the events of a message, for its trace."""
        return await self._json(
            list[base.OutboxEntry],
            "SELECT json_group_array(json_object('id', id, 'type', type, 'state',"
            " state, 'created_at', created_at, 'attempts', json(attempts)))"
            " FROM (SELECT * FROM outbox WHERE stream = ? ORDER BY seq)",
            (stream,),
        )

    async def lanes(self) -> list[base.Lane]:
        """Return what waits, at start."""

        def read(connection: sqlite3.Connection) -> list[base.Lane]:
            lanes = Lanes(connection)
            return [
                base.Lane(*lanes[number], count, next_due)
                for number, count, next_due in connection.execute(
                    "SELECT lane, count(*), min(due_at) FROM messages"
                    " WHERE due_at IS NOT NULL GROUP BY lane"
                ).fetchall()
            ]

        return await self._read(read)

    async def outbox(
        self, now: Millis, limit: int, skip_urls: Sequence[str | None]
    ) -> list[base.OutboxItem]:
        """Return due events, none of them behind an undelivered one of its stream."""
        rows = await self._json(
            list[_OutboxRow],
            "SELECT json_group_array(json_object('seq', seq, 'id', id, 'stream',"
            " stream, 'type', type, 'url', url, 'body', body, 'created_at', created_at,"
            " 'due_at', due_at, 'tries', json_array_length(attempts)))"
            " FROM (SELECT * FROM outbox AS o WHERE due_at <= ?"
            " AND coalesce(url, '') NOT IN (SELECT coalesce(value, '') FROM json_each(?))"
            " AND NOT EXISTS (SELECT 1 FROM outbox AS earlier WHERE"
            " earlier.stream = o.stream AND earlier.seq < o.seq"
            " AND earlier.due_at IS NOT NULL)"
            " ORDER BY due_at, seq LIMIT ?)",
            (now, msgspec.json.encode(list(skip_urls)).decode(), limit),
        )
        return [
            base.OutboxItem(
                seq=row.seq,
                id=row.id,
                stream=row.stream,
                type=row.type,
                url=row.url,
                body=row.body.encode(),
                created_at=row.created_at,
                due_at=row.due_at,
                tries=row.tries,
            )
            for row in rows
        ]

    async def backlog(self) -> tuple[int, Millis | None]:
        """Return how many events wait and when the oldest was made."""

        def read(connection: sqlite3.Connection) -> tuple[int, Millis | None]:
            row: tuple[int, Millis | None] = connection.execute(
                "SELECT count(*), min(created_at) FROM outbox WHERE due_at IS NOT NULL"
            ).fetchone()
            return row

        return await self._read(read)

    def free_bytes(self) -> int:
        """Return the room left where the database lies."""
        return shutil.disk_usage(self.path.parent).free

    async def checkpoint(self) -> None:
        """Move the log into the database when it has grown; keep it bounded."""
        wal = Path(f"{self.path}-wal")
        size = wal.stat().st_size if wal.exists() else 0
        if size > _CHECKPOINT_BYTES:
            mode = "TRUNCATE" if size > _WAL_MOST_BYTES else "PASSIVE"
            await self._read(
                lambda connection: connection.execute(
                    f"PRAGMA wal_checkpoint({mode})"
                ).fetchone()
            )

    # --- reading ---------------------------------------------------------------------

    async def _records(self, where: str, parameters: Sequence[Any]) -> list[Record]:
        def read(connection: sqlite3.Connection) -> list[Record]:
            row = connection.execute(
                f"SELECT json_group_array(json_array({COLUMNS}))"  # noqa: S608
                f" FROM (SELECT * FROM messages {where})",
                parameters,
            ).fetchone()
            return Lanes(connection).records(row[0])

        return await self._read(read)

    async def _json(self, type_: type[T], query: str, parameters: Sequence[Any]) -> T:
        def read(connection: sqlite3.Connection) -> T:
            (body,) = connection.execute(query, parameters).fetchone()
            return msgspec.json.decode(body, type=type_)

        return await self._read(read)

    async def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        def call() -> T:
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = _connect(self.path)
                self._local.connection = connection
                self._opened.append(connection)
            return read(connection)

        with _translated():
            return await asyncio.get_running_loop().run_in_executor(self._readers, call)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnavailableError(str(error)) from error


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path,
        timeout=_BUSY_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=64,
    )


def _take_lock(path: Path) -> int:
    """Own the store for as long as the process lives; create its file 0600."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        msg = f"store.url: cannot open {path}: {error.strerror}"
        raise StoreError(msg) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        msg = (
            f"the store {path} is in use by another esmed: stop that one first,"
            " or give this one a store of its own"
        )
        raise StoreError(msg) from error
    return lock
