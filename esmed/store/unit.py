"""The records one commit changes: loaded together, changed in memory, saved together.

Several operations of a group may concern one message; it is read at most once and
written once. Records stay cached after the commit until their message has ended, since
the one process that owns the store is the only one to change them; after a failure the
cache is dropped.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from msgspec import structs

from esmed import lifecycle, views
from esmed.announce import AMENDED, INBOUND, Announcer
from esmed.ids import IdSource
from esmed.models import FINAL_STATES, Inbound, MessageState, Millis, Record
from esmed.store import bulk, matching, outbox, rows
from esmed.store.base import Change, Overdue

_CACHED: Final = 8192
_CUT_PATIENCE_MS: Final = 50

T = TypeVar("T")


def last_number(connection: sqlite3.Connection, table: str) -> int:
    """Return the highest number that a table has ever used for a row."""
    (found,) = connection.execute(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?", (table,)
    ).fetchone()
    return int(found)


class Unit:
    """One transaction's work on messages, ids and events; reused for the next one."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        announcer: Announcer,
        *,
        erase_final: bool,
    ) -> None:
        self.connection = connection
        self.announcer = announcer
        self.lanes = rows.Lanes(connection)
        self.changes: list[Change] = []
        self.inbound: list[tuple[str, bool]] = []
        self.early: list[str] = []
        self.overdue: list[Overdue] = []
        self.requeued = False
        self.events = 0
        self._sought: set[str] = set()
        self._looked_for: set[str] = set()
        """Taken from there in this transaction."""
        self._ids = IdSource()
        self._last_inbound = last_number(connection, "inbound")
        self._last_parked: int = connection.execute(
            "SELECT coalesce(max(receipt), 0) FROM parked"
        ).fetchone()[0]
        self.erase_final = erase_final
        self._stale = False
        """Whether a rollback may have undone new lanes."""
        self._records: OrderedDict[int, Record] = OrderedDict()
        self._new: dict[int, Record] = {}
        self._dirty: dict[int, Record] = {}
        self._ended: list[int] = []
        self._erased: list[bulk.Row] = []
        self._outbox: list[bulk.Row] = []
        self._smsc_ids: list[bulk.Row] = []

    # --- the transaction -------------------------------------------------------------

    def begin(self) -> None:
        """Start one."""
        self.connection.execute("BEGIN IMMEDIATE")
        if self._stale:
            self.lanes = rows.Lanes(self.connection)
            self._stale = False

    def probe(self) -> None:
        """Change nothing, but write."""
        self.connection.execute("UPDATE meta SET value = value WHERE key = 'probe'")

    def cut_log(self) -> None:
        """Move the rest of the log into the database, and begin it anew.

        Not while somebody reads what is in it: for that it waits a moment only.
        """
        (patience,) = self.connection.execute("PRAGMA busy_timeout").fetchone()
        self.connection.execute(f"PRAGMA busy_timeout = {_CUT_PATIENCE_MS}")
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self.connection.execute(f"PRAGMA busy_timeout = {patience}")

    def flush(self) -> None:
        """Write everything, for those who read tables, or for the commit."""
        self.flush_smsc_ids()
        bulk.insert(
            self.connection,
            "messages",
            [
                rows.inserted(record, self._lane(record))
                for record in self._new.values()
            ],
        )
        bulk.update(
            self.connection,
            "messages",
            rows.CHANGING,
            [
                rows.changed(record, self._lane(record))
                for record in self._dirty.values()
            ],
        )
        bulk.update(self.connection, "messages", "seq, request", self._erased)
        outbox.insert(self.connection, self._outbox)
        self.events += len(self._outbox)
        self._new, self._dirty, self._erased, self._outbox = {}, {}, [], []

    def commit(self) -> None:
        """Have everything on disk."""
        self.flush()
        self.connection.execute("COMMIT")

    def committed(self) -> None:
        """Begin anew, keeping the records that will change: those of messages that
        have not ended."""
        self._looked_for = set()
        for seq in self._ended:
            self._records.pop(seq, None)
        self._reset()
        while len(self._records) > _CACHED:
            self._records.popitem(last=False)

    def roll_back(self) -> None:
        """Undo it, and forget everything that the database may not have."""
        with contextlib.suppress(sqlite3.Error):
            self.connection.rollback()
        self._sought |= self._looked_for
        self._looked_for = set()
        self._reset()
        self._records.clear()
        self._stale = True

    def _reset(self) -> None:
        self.changes = []
        self.inbound = []
        self.early = []
        self.overdue = []
        self.requeued = False
        self.events = 0
        self._new = {}
        self._dirty = {}
        self._ended = []
        self._erased = []
        self._outbox = []
        self._smsc_ids = []

    def _lane(self, record: Record) -> int:
        return self.lanes.id(self.connection, record.via, record.request.priority)

    # --- records ---------------------------------------------------------------------

    def preload(self, seqs: Iterable[int]) -> None:
        """Read, in one statement, the records that are about to be asked for."""
        missing = {seq for seq in seqs if seq not in self._records}
        if missing:
            (found,) = self.connection.execute(
                f"SELECT json_group_array(json_array({rows.COLUMNS})) FROM messages"  # noqa: S608
                " WHERE seq IN (SELECT value FROM json_each(?))",
                (rows.text(missing),),
            ).fetchone()
            for record in self.lanes.records(found):
                self._records[record.seq] = record

    def get(self, seq: int) -> Record | None:
        """Return a record to be changed, None if there is none (any more)."""
        if seq not in self._records:
            self.preload((seq,))
        return self._records.get(seq)

    def add(self, record: Record) -> None:
        """Add a new message."""
        self._records[record.seq] = record
        self._new[record.seq] = record
        self.changed(record, None, waited_for=None, at=record.created_at)

    def change(
        self,
        seq: int,
        at: Millis,
        change: Callable[[Record], T],
        *,
        amends: bool = False,
    ) -> T | None:
        """Change one record and have that saved and announced; None: there is none.

        ``amends``: it is news even if the message has ended.
        """
        record = self.get(seq)
        if record is None:
            return None
        old, waited_for = record.progress.state, lifecycle.waits_for(record)
        result = change(record)
        self.changed(record, old, waited_for=waited_for, at=at, amended=amends)
        return result

    def changed(
        self,
        record: Record,
        old: MessageState | None,
        *,
        waited_for: str | None,
        at: Millis,
        amended: bool = False,
    ) -> None:
        """Have a record saved, and its change announced where that is wanted."""
        if record.seq not in self._new:
            self._dirty[record.seq] = record
        progress = record.progress
        new = progress.state
        if progress.on_unknown != "resend" and (
            progress.held or old is MessageState.SUBMITTING
        ):
            self.seek(matching.number(record.request.to))
        waits_for = lifecycle.waits_for(record)
        url = record.request.webhook_url
        if new in FINAL_STATES:
            self._ended.append(record.seq)
        if new is not old:
            if self.erase_final and new in FINAL_STATES:
                self._erase_text(record)
            if self.announcer.state(new, url):
                self._announce(record, f"message.{new}", at)
        elif amended and old in FINAL_STATES and self.announcer.amended(url):
            self._announce(record, AMENDED, at)
        if new is not old or waits_for != waited_for:
            self.changes.append(
                Change(
                    record.seq,
                    progress.connector or record.via[0],
                    old,
                    new,
                    waited_for,
                    waits_for,
                    progress.submitted_at,
                    at,
                )
            )

    def _erase_text(self, record: Record) -> None:
        """Forget what a message said, before its end is told."""
        record.request = structs.replace(record.request, text=None, data=None, udh=None)
        self._erased.append((record.seq, rows.text(record.request)))

    # --- ids -------------------------------------------------------------------------

    def add_smsc_id(self, row: bulk.Row) -> None:
        """Remember (connector, key, smsc_id, seq, part, attempt, host, to, at)."""
        self._smsc_ids.append(row)

    def flush_smsc_ids(self) -> list[bulk.Row]:
        """Write them, so that receipts of the same group find them."""
        written, self._smsc_ids = self._smsc_ids, []
        bulk.insert(
            self.connection,
            "smsc_ids (connector, key, smsc_id, seq, part, attempt, host, recipient,"
            " at)",
            written,
        )
        return written

    def next_parked(self) -> int:
        """Return the number of the next receipt without a message."""
        self._last_parked += 1
        return self._last_parked

    def seek(self, *numbers: str) -> None:
        """Have receipts without a message looked through again for these numbers."""
        self._sought.update(numbers)

    def take_sought(self, limit: int) -> set[str]:
        """Return at most so many numbers to look for."""
        taken = set(itertools.islice(self._sought, limit))
        self._sought -= taken
        self._looked_for |= taken
        return taken

    def seek_nothing(self) -> None:
        """Forget all numbers: there is nothing to be found."""
        self._sought.clear()

    @property
    def seeks(self) -> bool:
        """Whether there are more of them."""
        return bool(self._sought)

    # --- events ----------------------------------------------------------------------

    def next_inbound(self, at: Millis) -> tuple[int, str]:
        """Return the number and the id of the next MO message."""
        self._last_inbound += 1
        return self._last_inbound, self._ids.next(at)

    def announce_inbound(self, inbound: Inbound) -> None:
        """Make the event of an MO message."""
        if self.announcer.inbound:
            at = inbound.received_at
            body = views.event(INBOUND, at, views.inbound(inbound))
            self._outbox.append(
                (inbound.id, inbound.id, INBOUND, "", body.decode(), at)
            )

    def _announce(self, record: Record, type_: str, at: Millis) -> None:
        """Make an event of a message; of the last but amendments there is only one."""
        if record.progress.state in FINAL_STATES and type_ != AMENDED:
            id_ = f"{record.id}-{record.progress.state}"
        else:
            id_ = f"{record.id}-{self._ids.next(at)}"
        url = record.request.webhook_url or ""
        body = views.event(type_, at, views.message(record, at)).decode()
        self._outbox.append((id_, record.id, type_, url, body, at))
