"""One store on disk, opened and closed as often as a test wants."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fakes.records import T0

from esmed.announce import Announcer
from esmed.models import MessageState, Record
from esmed.store import base
from esmed.store.sqlite import SqliteStore
from esmed.store.unit import Unit

EVERYTHING = ("message.*", "inbound.received")


class OpenedStore(SqliteStore):
    """Shows the connection that writes, to make trouble there."""

    unit: Unit | None = None

    def _prepare(self, now: int) -> Unit:
        self.unit = super()._prepare(now)
        return self.unit


class StoreBench:
    """``options`` hold until they are changed; ``told`` is what commits told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[base.Committed] = []
        self.failures: list[Exception] = []
        self.options: dict[str, Any] = {
            "durability": "normal",
            "announcer": Announcer(EVERYTHING, default=True),
            "committed": self.told.append,
            "failed": self.failures.append,
        }
        self._store: OpenedStore | None = None

    @property
    def store(self) -> OpenedStore:
        assert self._store is not None, "not open"
        return self._store

    async def open(self, *, now: int = T0, **options: Any) -> OpenedStore:
        """Open it, anew if it is open."""
        await self.close()
        self.options.update(options)
        store = OpenedStore(self.path, **self.options)
        await store.open(now)
        self._store = store
        return store

    async def close(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            await store.close()

    async def crash(self, *, now: int = T0 + 9000) -> None:
        """Come back after a process that left everything as it was."""
        await self.open(now=now)

    # --- operations ------------------------------------------------------------------

    async def do(self, *operations: base.Operation) -> list[Any]:
        """Have operations committed together; their results."""
        done: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()

        def tell(results: list[Any]) -> None:
            if not done.done():
                done.set_result(results)

        self.store.duty(operations, tell)
        return await done

    async def one(self, operation: base.Operation) -> Any:
        return (await self.do(operation))[0]

    async def accept(self, *records: Record) -> None:
        await self.store.intake(base.Accept(records=records))

    async def get(self, seq: int = 1) -> Record:
        record = await self.store.get(f"message-{seq}")
        assert record is not None
        return record

    async def state(self, seq: int = 1) -> MessageState:
        return (await self.get(seq)).progress.state

    async def idle(self) -> None:
        """Wait until all that was given before is on disk and told."""
        await self.do(base.Cancel(seq=-1, at=T0))

    @property
    def changes(self) -> list[base.Change]:
        return [change for told in self.told for change in told.changes]

    # --- looking inside --------------------------------------------------------------

    def pragma(self, text: str) -> tuple[Any, ...]:
        """Ask, or set, something of the connection that writes."""
        assert self.store.unit is not None
        found = self.store.unit.connection.execute(f"PRAGMA {text}").fetchone()
        return tuple(found or ())

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.ask(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608

    def ask(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        connection = self.store._reader()
        return connection.execute(query, parameters).fetchall()
