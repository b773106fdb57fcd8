"""The one thread that changes the database: group commit, and what if it fails.

Whatever arrived while the last transaction was on its way to the disk goes into the
next one, and all its futures are released by one call into the event loop. The rules:

* A fault of the database (full, locked, I/O) makes the store unavailable: intake fails
  at once, duties stay in order and are tried with growing pauses until they commit, and
  with nothing to do an empty transaction is tried, so that the store comes back by
  itself.
* A fault of one operation (a bug) costs that operation: a group that fails is halved
  until what is at fault stands alone.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from esmed import log
from esmed.beside import beside
from esmed.errors import StoreError, StoreUnavailableError
from esmed.store import faults
from esmed.store.apply import apply
from esmed.store.base import Accept, Committed, Operation
from esmed.store.unit import Unit
from esmed.watchdog import Pulse

_log = log.get("store")

GROUP: Final = 1024
"""Operations in one transaction at most; a message counts one."""

_RETRY_FIRST: Final = 0.2
_RETRY_MOST: Final = 5.0


class _Work(Struct):
    """Operations that were given together, and whom to tell."""

    operations: Sequence[Operation]
    done: Callable[[list[Any]], None]
    duty: bool


_STOP: Final = _Work((), lambda _: None, duty=True)


class Writer(threading.Thread):
    """Takes work from the event loop, commits it in groups, answers in the loop.

    ``connect`` is called in the thread; ``path`` is for what is said of faults.
    """

    def __init__(
        self,
        path: Path,
        connect: Callable[[], Unit],
        loop: asyncio.AbstractEventLoop,
        committed: Callable[[Committed], None],
        failed: Callable[[Exception], None],
    ) -> None:
        super().__init__(name="esmed-store", daemon=True)
        self.available = True
        self._path = path
        self._connect = connect
        self._loop = loop
        self._tell_committed = committed
        self._tell_failed = failed
        self._inbox: queue.SimpleQueue[_Work] = queue.SimpleQueue()
        self._waiting: deque[_Work] = deque()
        self._pause = 0.0
        self._fault = StoreUnavailableError("the store is closed")
        self._stopping = False
        self._cutting: list[_Work] = []
        """Without operations: whoever waits for the log to be cut."""
        self._ended = False
        self._beats = 0
        self._resting = False
        """Whether it waits, for work or for another try, and owes nothing."""
        self._ready: asyncio.Future[None] = loop.create_future()

    # --- called in the loop ----------------------------------------------------------

    @property
    def pulse(self) -> Pulse:
        """How it gets on: a step is one look for work, or one transaction."""
        return Pulse(self._beats, not self._resting or not self._inbox.empty())

    async def begin(self) -> None:
        """Start the thread; return once the database is open and recovered."""
        self.start()
        await self._ready

    async def intake(self, operation: Operation) -> Any:
        """Commit one operation or fail."""
        if self._ended or not self.available:
            raise StoreUnavailableError(str(self._fault))
        future: asyncio.Future[Any] = self._loop.create_future()
        self._inbox.put(_Work((operation,), partial(_answer, future), duty=False))
        return await future

    def duty(
        self, operations: Sequence[Operation], done: Callable[[list[Any]], None]
    ) -> None:
        """Commit operations, at least one, however long it takes."""
        if self._ended:
            _log.warning("store.closed", operations=len(operations))
        else:
            self._inbox.put(_Work(operations, done, duty=True))

    async def cut_log(self) -> None:
        """Have the write-ahead log begun anew, between two commits."""
        if not self._ended:
            future: asyncio.Future[Any] = self._loop.create_future()
            self._inbox.put(_Work((), partial(_answer, future), duty=True))
            await future

    async def end(self) -> None:
        """Commit what there is, if that can be, and end the thread."""
        self._ended = True
        self._inbox.put(_STOP)
        await beside(self.join)

    # --- the thread ------------------------------------------------------------------

    def run(self) -> None:
        try:
            unit = self._connect()
        except Exception as error:  # noqa: BLE001 - handed to whoever awaits begin()
            self._call(_answer, self._ready, [error])
            return
        self._call(_answer, self._ready, [None])
        try:
            while self._take():
                if self._waiting or self._pause:
                    self._commit(unit)
                if self._cutting:
                    self._cut(unit)
        except Exception as error:  # noqa: BLE001 - the root of a thread
            _log.error("store.bug", exc=error)
            self._unavailable((), StoreUnavailableError("the store's writer has died"))
            self._ended = True
        finally:
            unit.connection.close()
            self._call(_release, [(work, [None]) for work in self._cutting])

    def _take(self) -> bool:
        """Move what there is from the inbox; wait for it, or out the pause.

        False: that was all there will ever be.
        """
        deadline = time.monotonic() + self._pause
        while not self._stopping:
            try:
                work = self._next(deadline)
            except queue.Empty:
                break
            if work is _STOP:
                self._stopping = True
            elif not work.operations:
                self._cutting.append(work)
            elif self._pause and not work.duty:
                self._refuse([work], self._fault)
            else:
                self._waiting.append(work)
        return not self._stopping or bool(self._waiting)

    def _next(self, deadline: float) -> _Work:
        self._resting = True
        try:
            if self._pause:
                return self._inbox.get(timeout=max(0.0, deadline - time.monotonic()))
            return self._inbox.get(block=not (self._waiting or self._cutting))
        finally:
            self._resting = False
            self._beats += 1

    def _cut(self, unit: Unit) -> None:
        work, self._cutting = self._cutting, []
        try:
            unit.cut_log()
        except sqlite3.Error as error:
            # If it matters the next commit says so.
            _log.debug("store.log_not_cut", reason=error)
        self._call(_release, [(one, [None]) for one in work])

    def _commit(self, unit: Unit) -> None:
        """Commit a group; what of it the database would not take stays first."""
        group: list[_Work] = []
        weight = 0
        while self._waiting and weight < GROUP:
            group.append(self._waiting.popleft())
            weight += _weight(group[-1].operations)
        results: list[Any] = []
        fault: StoreUnavailableError | None = None
        try:
            self._do(unit, [op for work in group for op in work.operations], results)
        except StoreUnavailableError as error:
            fault = error
        finished: list[tuple[_Work, list[Any]]] = []
        start = 0
        for work in group:
            end = start + len(work.operations)
            if end > len(results):
                break
            finished.append((work, results[start:end]))
            start = end
        self._call(_release, finished)
        if fault is not None:
            left = group[len(finished) :]
            left[:1] = [_rest(work, results[start:]) for work in left[:1]]
            self._unavailable(left, fault)

    def _do(
        self, unit: Unit, operations: Sequence[Operation], results: list[Any]
    ) -> None:
        """Commit operations, and add the result, or the error, of each.

        StoreUnavailableError: ``results`` has those of the ones on disk.
        """
        try:
            results += self._transaction(unit, operations)
        except StoreUnavailableError:
            raise
        except Exception as error:
            if not operations:
                raise
            if len(operations) > 1:
                half = len(operations) // 2
                self._do(unit, operations[:half], results)
                self._do(unit, operations[half:], results)
                return
            name = type(operations[0]).__name__
            _log.error("store.impossible", exc=error, operation=name)
            results.append(StoreError(f"{name} can never be stored: {error}"))

    def _transaction(self, unit: Unit, operations: Sequence[Operation]) -> list[Any]:
        started = time.perf_counter()
        self._beats += 1
        try:
            unit.begin()
            results = apply(unit, operations)
            if not operations:
                unit.probe()
            unit.commit()
        except Exception as error:
            unit.roll_back()
            if faults.is_of_database(error):
                raise faults.unavailable(self._path, error) from error
            raise
        if self._pause:
            self._pause = 0.0
            self.available = True
            _log.warning("store.back", path=self._path)
        told = Committed(
            unit.changes,
            unit.events,
            unit.inbound,
            unit.early,
            unit.overdue,
            unit.requeued,
            _weight(operations),
            time.perf_counter() - started,
        )
        unit.committed()
        self._call(self._tell_committed, told)
        return results

    def _unavailable(
        self, group: Sequence[_Work], fault: StoreUnavailableError
    ) -> None:
        """Keep the duties, in order, refuse the rest, and pause."""
        self._pause = min(_RETRY_MOST, self._pause * 2 or _RETRY_FIRST)
        self._fault = fault
        if self.available:
            self.available = False
            _log.error("store.unavailable", reason=fault)
        self._call(self._tell_failed, fault)
        work = [*group, *self._waiting]
        self._refuse([one for one in work if not one.duty], fault)
        self._waiting = deque(one for one in work if one.duty)
        if self._stopping and self._waiting:
            _log.error("store.not_on_disk", operations=len(self._waiting))
            self._waiting.clear()

    def _refuse(self, group: Sequence[_Work], error: Exception) -> None:
        if group:
            self._call(_release, [(work, [error]) for work in group])

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            _log.debug("store.no_loop")


def _weight(operations: Sequence[Operation]) -> int:
    weight = len(operations)
    for operation in operations:
        if isinstance(operation, Accept):
            weight += len(operation.records) - 1
    return weight


def _rest(work: _Work, results: list[Any]) -> _Work:
    """Return what is left to do of a work, to be told together with what is done."""
    if not results:
        return work
    done = work.done

    def tell(later: list[Any]) -> None:
        done(results + later)

    return _Work(work.operations[len(results) :], tell, work.duty)


def _answer(future: asyncio.Future[Any], results: list[Any]) -> None:
    """Tell whoever waits for one result, if he still does."""
    (result,) = results
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def _release(finished: Sequence[tuple[_Work, list[Any]]]) -> None:
    """Give everybody their results, in the loop."""
    for work, results in finished:
        try:
            work.done(results)
        except Exception as error:  # noqa: BLE001 - others wait for theirs
            _log.error("store.bug", exc=error)
