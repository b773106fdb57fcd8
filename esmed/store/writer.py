"""The one thread that changes the database: group commit, and what if it fails.

Whatever arrived while the last transaction was on its way to the disk goes into the
next one, and all its futures are released by one call into the event loop. The rules:

* A fault of the database (full, locked, I/O) makes the store unavailable: intake fails
  at once, duties stay in order and are tried with growing pauses until they commit, and
  with nothing to do an empty transaction is tried, so that the store comes back by
  itself.
* A fault of one operation (a bug) costs that operation: the group is done one by one.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct

from esmed.errors import StoreUnavailableError
from esmed.store.apply import apply
from esmed.store.base import Accept, Committed, Operation
from esmed.store.unit import Unit

log = logging.getLogger(__name__)

GROUP: Final = 1024
"""Operations in one transaction at most; a message counts one."""

_RETRY_FIRST: Final = 0.2
_RETRY_MOST: Final = 5.0


class _Work(Struct):
    """Operations that commit together, and whom to tell."""

    operations: Sequence[Operation]
    done: Callable[[list[Any]], None] | None
    future: asyncio.Future[Any] | None

    @property
    def duty(self) -> bool:
        return self.future is None

    def weight(self) -> int:
        return sum(
            len(op.records) if isinstance(op, Accept) else 1 for op in self.operations
        )


_STOP: Final = _Work((), None, None)


class Writer(threading.Thread):
    """Takes work from the event loop, commits it in groups, answers in the loop."""

    def __init__(
        self,
        connect: Callable[[], Unit],
        loop: asyncio.AbstractEventLoop,
        committed: Callable[[Committed], None],
        failed: Callable[[Exception], None],
    ) -> None:
        super().__init__(name="esmed-store")
        self.available = True
        self._connect = connect
        self._loop = loop
        self._tell_committed = committed
        self._tell_failed = failed
        self._inbox: queue.SimpleQueue[_Work] = queue.SimpleQueue()
        self._waiting: deque[_Work] = deque()
        self._pause = 0.0
        self._stopping = False
        self._ready: asyncio.Future[Unit] = loop.create_future()

    # --- called in the loop ----------------------------------------------------------

    async def begin(self) -> Unit:
        """Start the thread; return its unit once the database is open and recovered."""
        self.start()
        return await self._ready

    async def intake(self, operation: Operation) -> Any:
        """Commit one operation or fail."""
        if not self.available:
            raise StoreUnavailableError
        future: asyncio.Future[Any] = self._loop.create_future()
        self._inbox.put(_Work((operation,), None, future))
        return await future

    def duty(
        self, operations: Sequence[Operation], done: Callable[[list[Any]], None]
    ) -> None:
        """Commit operations however long it takes."""
        self._inbox.put(_Work(operations, done, None))

    async def end(self) -> None:
        """Commit what there is, if that can be, and end the thread."""
        self._inbox.put(_STOP)
        await asyncio.to_thread(self.join)

    # --- the thread ------------------------------------------------------------------

    def run(self) -> None:
        try:
            unit = self._connect()
        except Exception as error:  # noqa: BLE001 - handed to whoever awaits begin()
            self._call(self._refuse_start, error)
            return
        self._call(self._ready.set_result, unit)
        try:
            while self._take():
                self._commit(unit)
        finally:
            unit.connection.close()

    def _refuse_start(self, error: Exception) -> None:
        if not self._ready.cancelled():
            self._ready.set_exception(error)

    def _take(self) -> bool:
        """Move what there is from the inbox; wait for it, or out the pause.

        False when the thread is to end and nothing is left to do.
        """
        until = time.monotonic() + self._pause
        if not self._pause and not self._waiting and not self._stopping:
            self._admit(self._inbox.get())
        while True:
            left = until - time.monotonic()
            try:
                if left > 0 and not self._stopping:
                    self._admit(self._inbox.get(timeout=left))
                else:
                    self._admit(self._inbox.get_nowait())
            except queue.Empty:
                if left <= 0 or self._stopping:
                    break
        return not self._stopping or bool(self._waiting)

    def _admit(self, work: _Work) -> None:
        if work is _STOP:
            self._stopping = True
        elif self._pause and not work.duty:
            self._refuse([work], StoreUnavailableError())
        else:
            self._waiting.append(work)

    def _commit(self, unit: Unit) -> None:
        """Commit a group; what of it failed for good is told, the rest stays first."""
        group: list[_Work] = []
        weight = 0
        while self._waiting and weight < GROUP:
            group.append(self._waiting.popleft())
            weight += group[-1].weight()
        started = time.perf_counter()
        try:
            results = self._transaction(unit, group)
        except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
            if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
                self._one_by_one(unit, group)
            else:
                self._unavailable(group, error)
            return
        except Exception:
            log.exception("a group of operations failed; doing them one by one")
            self._one_by_one(unit, group)
            return
        self._committed(unit, group, results, weight, started)

    def _transaction(self, unit: Unit, group: Sequence[_Work]) -> list[Any]:
        connection = unit.connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            operations = [op for work in group for op in work.operations]
            results = apply(unit, operations)
            if not operations:
                connection.execute("UPDATE meta SET value = value WHERE key = 'probe'")
            unit.flush()
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            unit.rolled_back()
            raise
        return results

    def _one_by_one(self, unit: Unit, group: Sequence[_Work]) -> None:
        """Find the operation at fault: each work alone, each duty's part alone."""
        for index, work in enumerate(group):
            started = time.perf_counter()
            results: list[Any] = []
            for operation in work.operations:
                try:
                    results += self._transaction(
                        unit, [_Work((operation,), work.done, work.future)]
                    )
                except sqlite3.IntegrityError as error:
                    results.append(error)
                except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
                    rest = list(group[index:])
                    rest[0] = _rest(work, results)
                    self._unavailable(rest, error)
                    return
                except Exception as error:
                    log.exception(
                        "an operation can never be stored: %s",
                        type(operation).__name__,
                    )
                    results.append(error)
                else:
                    self._tell(unit, 1, started)
            self._call(_release, [work], results)

    def _committed(
        self,
        unit: Unit,
        group: Sequence[_Work],
        results: list[Any],
        weight: int,
        started: float,
    ) -> None:
        if self._pause:
            self._pause = 0.0
            self.available = True
            log.warning("the store commits again")
        self._tell(unit, weight, started)
        self._call(_release, group, results)

    def _tell(self, unit: Unit, weight: int, started: float) -> None:
        told = Committed(
            unit.changes,
            unit.events,
            unit.inbound,
            unit.early,
            weight,
            time.perf_counter() - started,
        )
        unit.committed()
        self._call(self._tell_committed, told)

    def _unavailable(self, group: Sequence[_Work], error: Exception) -> None:
        self._pause = min(_RETRY_MOST, self._pause * 2 or _RETRY_FIRST)
        if self.available:
            self.available = False
            log.error("the store cannot commit: %s; trying again", error)
        kept = [work for work in group if work.duty]
        refused = [work for work in (*group, *self._waiting) if not work.duty]
        kept += [work for work in self._waiting if work.duty]
        self._waiting = deque(kept)
        self._refuse(refused, StoreUnavailableError(str(error)))
        self._call(self._tell_failed, error)
        if self._stopping:
            log.error("stopping with %d operations not on disk", len(kept))
            self._waiting.clear()

    def _refuse(self, group: Sequence[_Work], error: Exception) -> None:
        if group:
            self._call(_fail, group, error)

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            log.debug("no loop to tell")


def _rest(work: _Work, results: list[Any]) -> _Work:
    """Return what is left to do of a work, to be told together with what is done."""
    done = work.done
    if done is None:
        return work

    def tell(later: list[Any]) -> None:
        done(results + later)

    return _Work(work.operations[len(results) :], tell, None)


def _release(group: Sequence[_Work], results: list[Any]) -> None:
    """Give everybody their results, in the loop."""
    start = 0
    for work in group:
        end = start + len(work.operations)
        mine = results[start:end]
        start = end
        if work.future is None:
            if work.done is not None:
                work.done(mine)
        elif not work.future.done():
            if isinstance(mine[0], Exception):
                work.future.set_exception(mine[0])
            else:
                work.future.set_result(mine[0])


def _fail(group: Sequence[_Work], error: Exception) -> None:
    for work in group:
        if work.future is not None and not work.future.done():
            work.future.set_exception(error)
