"""The SQLite store: one file, one process, one thread that writes.

Reads use connections of their own in a small pool; checkpoints run on one of these, so
that they do not stall commits.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from esmed import lifecycle
from esmed.announce import Announcer
from esmed.beside import beside
from esmed.errors import StoreError, StoreUnavailableError
from esmed.models import Millis
from esmed.store import base, faults, inbound
from esmed.store.migrate import migrate
from esmed.store.questions import Questions, connect
from esmed.store.unit import Unit, last_number
from esmed.store.writer import Writer
from esmed.watchdog import Pulse

_CHECKED_BYTES: Final = 1 << 30
"""A larger file is not read through at start."""

_CHECKPOINT_BYTES: Final = 16 << 20
_WAL_MOST_BYTES: Final = 64 << 20

Durability = Literal["full", "normal"]


class SqliteStore(Questions):
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
        # One file has one lock and one log, whatever links lead to it.
        super().__init__(path.resolve())
        self._durability = durability
        self._announcer = announcer or Announcer((), default=False)
        self._erase_final = erase_final
        self._committed = committed
        self._failed = failed
        self._last_seq = 0
        self._unit: Unit | None = None
        self._lock: int | None = None
        self._writer: Writer | None = None

    # --- life ------------------------------------------------------------------------

    async def open(self, now: Millis) -> None:
        """Lock, check, migrate and recover; raises StoreError saying what to do."""
        self._lock = _take_lock(self.path)
        self._writer = Writer(
            self.path,
            lambda: self._prepare(now),
            asyncio.get_running_loop(),
            self._committed,
            self._failed,
        )
        try:
            await self._writer.begin()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Commit what waits, close everything, let the next process in."""
        if self._writer is not None:
            await self._writer.end()
        await beside(self._shut)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def configure(self, announcer: Announcer, *, erase_final: bool) -> None:
        """Announce and erase by other rules from the next change on."""
        self._announcer, self._erase_final = announcer, erase_final
        if self._unit is not None:
            # The writer's thread reads each of them once for a change.
            self._unit.announcer, self._unit.erase_final = announcer, erase_final

    def _prepare(self, now: Millis) -> Unit:
        """Open the writing connection, in the writer's thread."""
        connection = None
        try:
            connection = connect(self.path)
            self._check(connection)
            return self._recovered(connection, now)
        except Exception as error:
            if connection is not None:
                connection.close()
            if isinstance(error, sqlite3.Error):
                raise faults.unusable(self.path, error) from error
            if isinstance(error, msgspec.MsgspecError):
                raise faults.damaged(self.path, error) from error
            raise

    def _check(self, connection: sqlite3.Connection) -> None:
        """Make sure that it is ours, of this version, and sound."""
        migrate(connection, self.path)
        if self.path.stat().st_size <= _CHECKED_BYTES:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise faults.damaged(self.path, found)

    def _recovered(self, connection: sqlite3.Connection, now: Millis) -> Unit:
        """Decide over what the last process left: it may have been writing."""
        connection.execute(
            f"PRAGMA synchronous = {'FULL' if self._durability == 'full' else 'NORMAL'}"
        )
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA temp_store = MEMORY")
        unit = Unit(connection, self._announcer, erase_final=self._erase_final)
        self._unit = unit
        unit.begin()
        inbound.process_ended(unit)
        (left,) = connection.execute(
            "SELECT json_group_array(seq) FROM messages"
            " WHERE state = 'submitting' AND due_at IS NULL"
        ).fetchone()
        seqs = msgspec.json.decode(left, type=list[int])
        unit.preload(seqs)
        for seq in seqs:
            unit.change(seq, now, lambda record: lifecycle.recover(record, now))
        unit.commit()
        unit.committed()
        self._last_seq = last_number(connection, "messages")
        return unit

    # --- changes ---------------------------------------------------------------------

    @property
    def available(self) -> bool:
        """Whether the last commit succeeded."""
        return self._writer is not None and self._writer.available

    @property
    def pulse(self) -> Pulse:
        """How the writing gets on, for the watchdog."""
        return self._open_writer().pulse

    def next_seq(self) -> int:
        """Return the next acceptance number."""
        self._last_seq += 1
        return self._last_seq

    async def intake(self, operation: base.Operation) -> Any:
        """Commit and give the result; StoreUnavailableError if that cannot be now."""
        return await self._open_writer().intake(operation)

    def duty(
        self, operations: Sequence[base.Operation], done: Callable[[list[Any]], None]
    ) -> None:
        """Commit however long it takes; then ``done(results)`` in the loop."""
        self._open_writer().duty(operations, done)

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise StoreUnavailableError("the store is not open")
        return self._writer

    # --- room ------------------------------------------------------------------------

    def free_bytes(self) -> int:
        """Return the room left where the database lies."""
        return shutil.disk_usage(self.path.parent).free

    async def checkpoint(self) -> None:
        """Move the log into the database when it has grown; keep it bounded.

        While commits go on the log never ends, and is not begun anew. So once it is
        long the writer cuts it between two commits: by then there is little to move.
        """
        log = self.path.with_name(f"{self.path.name}-wal")
        size = log.stat().st_size if log.exists() else 0
        if size > _CHECKPOINT_BYTES:
            await self._ask(
                lambda reader: reader.execute(
                    "PRAGMA wal_checkpoint(PASSIVE)"
                ).fetchone()
            )
        if size > _WAL_MOST_BYTES:
            await self._open_writer().cut_log()


def _take_lock(path: Path) -> int:
    """Own the store for as long as the process lives; create its file 0600."""
    lock = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        if lock is not None:
            os.close(lock)
        if isinstance(error, BlockingIOError):
            msg = (
                f"the store {path} is in use by another esmed: stop that one first,"
                " or give this one a store of its own"
            )
        else:
            where = "" if error.filename == str(path) else f" ({error.filename})"
            msg = f"store.url: cannot open {path}: {error.strerror}{where}"
        raise StoreError(msg) from error
    return lock
