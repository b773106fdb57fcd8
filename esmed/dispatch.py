"""From the queue to a connector with room.

Dispatch alone sends, resends and gives up, always through the store: a message leaves
memory when what became of it is on disk. What connectors have in their hands, and what
follows their answers, is with `esmed.cases`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Container, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final

from esmed import log, routing
from esmed.cases import Cases
from esmed.clock import Clock
from esmed.connector import Connector, Job
from esmed.errors import StoreError
from esmed.lanes import Lane
from esmed.models import Millis, PartResult, Record
from esmed.orphans import Orphans
from esmed.queue import Queue
from esmed.resolver import Resolver
from esmed.settlement import Case, Terms
from esmed.store import base

SWEEP_EVERY: Final = 1.0
"""Seconds between looks at what is due by itself."""

_SWEEP_ROWS: Final = 500

_log = log.get("dispatch")


class Dispatch:
    """Runs in the event loop; ``start`` it after the store is open."""

    def __init__(
        self,
        store: base.Store,
        connectors: Mapping[str, Connector],
        terms: Mapping[str, Terms],
        router: routing.Router,
        clock: Clock,
        *,
        retention: float,
    ) -> None:
        self.connectors = connectors
        self._store = store
        self._router = router
        self._clock = clock
        self._retention = retention
        self._queue = Queue(store, clock, connectors, self._wake_all)
        self._orphans = Orphans(self._queue)
        self._resolver = Resolver(store, clock, lambda: self.connectors)
        self._cases = Cases(
            store, self._queue, connectors, terms, clock, wake=self.wake
        )
        self._ready: set[str] = set()
        self._scheduled = False
        self._frozen = False
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()

    # --- life ------------------------------------------------------------------------

    async def start(self) -> None:
        """Learn what waits in the store, and look after what is due by itself."""
        await self._queue.start()
        self._spawn(self._sweep())

    async def stop(self) -> None:
        """Hand nothing more to the connectors."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._resolver.stop()

    async def settled(self, timeout: float) -> None:  # noqa: ASYNC109 - a bound
        """Wait until what connectors had is on disk, once they have been stopped.

        A mark may still be on its way there: unless that is undone it will say of a
        message that was never written that it may have been.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._cases.idle.wait()

    # --- while it runs ---------------------------------------------------------------

    def configure(
        self, terms: Mapping[str, Terms], router: routing.Router, *, retention: float
    ) -> None:
        """Go by other rules from now on.

        Messages keep the connectors they were accepted for. A connector that is not
        named keeps its terms: what it still had is settled by them.
        """
        self._cases.configure(terms)
        self._router = router
        self._retention = retention

    def connect(self, connectors: Mapping[str, Connector]) -> None:
        """Have these connectors from now on.

        What one that has gone still tells is taken; what waits for it alone is routed
        anew. One in the place of another splits messages anew.
        """
        before, self.connectors = self.connectors, connectors
        self._queue.serve(connectors)
        self._cases.serve(connectors)
        self.replan(
            {name for name, one in before.items() if connectors.get(name) is not one}
        )
        if self._frozen:
            self._freeze(frozen=True)
        self._wake_all([*before, *connectors])

    def replan(self, names: Container[str]) -> None:
        """Have waiting messages split anew for these connectors."""
        self._queue.replan(names)

    # --- for the gateway -------------------------------------------------------------

    @property
    def waiting_for(self) -> Mapping[str, int]:
        """How many messages wait to be sent, by their first choice."""
        return self._queue.waiting_for

    @property
    def waiting(self) -> int:
        """How many messages wait to be sent."""
        return sum(self._queue.waiting_for.values())

    def offer(self, records: Iterable[Record]) -> None:
        """Take messages that are on disk now."""
        self._queue.offer(records)

    def in_flight(self, seq: int) -> bool:
        """Tell whether a message is in a connector's hands."""
        return seq in self._cases.active

    async def withdraw(self, seq: int) -> bool:
        """Cancel a waiting message; False when part of it is written, or it ended."""
        case = self._cases.active.get(seq)
        if case is not None:
            connector = self.connectors.get(case.connector)
            if connector is not None:
                connector.take_back(case.job)
            if case.outstanding:
                return False
        return await self._queue.withdraw(seq)

    async def resolve(self, seq: int, *, resend: bool) -> bool:
        """Decide over a held message; False when it is not held."""
        now = self._clock.now_ms()
        held = await self._store.intake(base.Resolve(seq=seq, resend=resend, at=now))
        if held and resend:
            self._queue.unsure = True
        return bool(held)

    # --- for connectors --------------------------------------------------------------

    def more_for(self, connector: str) -> bool:
        """Tell whether messages wait that this connector may take."""
        lanes = self._queue.lanes_of.get(connector, ())
        return any(lane.queue or lane.more for lane in lanes)

    def wake(self, connector: str) -> None:
        """Look, soon, what this connector could send."""
        self._ready.add(connector)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _wake_all(self, names: Iterable[str]) -> None:
        for name in names:
            self.wake(name)

    def results(self, results: Sequence[PartResult]) -> None:
        """Take what became of written parts; free their slots once it is on disk."""
        self._cases.results(results)

    def late(self, result: PartResult) -> None:
        """Record a response that came after its part was given up as unknown."""
        self._cases.late(result)

    def returned(self, job: Job, parts: Sequence[int]) -> None:
        """Take back parts that were never written."""
        self._cases.returned(job, parts)

    # --- for the store ---------------------------------------------------------------

    def committed(self, told: base.Committed) -> None:
        """Count what waits; write again after a fault."""
        self._queue.count(told.changes)
        self._resolver.committed(told)
        if told.requeued:
            self._queue.unsure = True
        if self._frozen:
            self._freeze(frozen=False)
            self._wake_all(self.connectors)

    def failed(self, _: Exception) -> None:
        """Write nothing more: its outcome could not be recorded."""
        if not self._frozen:
            self._freeze(frozen=True)

    def _freeze(self, *, frozen: bool) -> None:
        self._frozen = frozen
        for connector in self.connectors.values():
            connector.freeze(frozen)

    # --- sending ---------------------------------------------------------------------

    def _pump(self) -> None:
        self._scheduled = False
        ready, self._ready = self._ready, set()
        self._cases.put_back()
        if self._stopping or self._frozen:
            return
        now = self._clock.now_ms()
        for name in ready:
            if name in self.connectors:
                self._serve(name, now)
        self._orphans.part(self._router, now)

    def _serve(self, name: str, now: Millis) -> None:
        connector = self.connectors[name]
        if self._room(name) <= 0:
            return
        lanes: list[tuple[Lane, str]] = []
        marking = self._cases.marking[name]
        waiting = marking.copy()
        for lane in sorted(self._queue.lanes_of[name], key=Lane.turn):
            reason = self._turn(lane, name, now)
            if reason is not None:
                lanes.append((lane, reason))
                waiting[lane.priority] += len(lane.queue)
        portions = connector.portions(waiting)
        room = [one - gone for one, gone in zip(portions, marking, strict=True)]
        jobs: list[Job] = []
        unmarked: list[Case] = []
        for lane, reason in lanes:
            while room[lane.priority] > 0 and lane.queue:
                case = self._cases.begin(lane, lane.queue.popleft(), name, reason, now)
                if case is None:
                    # Nothing of it is written: another one may go in its place.
                    self.wake(name)
                    continue
                room[lane.priority] -= case.outstanding
                if self._cases.must_be_marked(case):
                    unmarked.append(case)
                else:
                    jobs.append(case.job)
            self._queue.refill(lane)
            if lane.queue and self._router.spills(lane.via):
                # Full now: it is the turn of those who come after it.
                others = lane.via[lane.via.index(name) + 1 :]
                self._wake_all(other for other in others if self._room(other) > 0)
        self._cases.mark(name, unmarked, now)
        connector.submit(jobs)

    def _room(self, name: str) -> int:
        """Return how many parts a connector would write at once."""
        connector = self.connectors.get(name)
        if connector is None:
            return 0
        return connector.capacity() - sum(self._cases.marking[name])

    def _turn(self, lane: Lane, name: str, now: Millis) -> str | None:
        """Return why this connector may take the lane's messages now, None if not."""
        if not lane.queue and not lane.more:
            return None
        choice = routing.choose(
            lane.via,
            {n: c.health() for n, c in self.connectors.items() if n in lane.via},
            now=now,
            failover_after=self._router.failover_after(lane.via),
            spill=self._router.spills(lane.via),
        )
        for candidate in choice.candidates:
            if candidate.name == name:
                return candidate.reason
            if self._room(candidate.name) > 0:
                return None
        return None

    # --- by itself -------------------------------------------------------------------

    async def _sweep(self) -> None:
        """Do what time alone brings: expiry, timeouts, retention, what was put off."""
        while True:
            now = self._clock.now_ms()
            sweep = base.Sweep(
                now=now,
                limit=_SWEEP_ROWS,
                retention=self._retention,
                busy=self._resolver.pending | self._cases.active.keys(),
                ask=self._resolver.waits,
                room=self._resolver.room,
                patience=self._cases.patience,
            )
            more = False
            try:
                await self._queue.refresh()
                more = await self._store.intake(sweep)
            except StoreError as error:
                self._queue.unsure = True
                _log.debug("dispatch.store", reason=error)
            self._queue.wake(now)
            self._wake_all(self.connectors)
            await self._clock.sleep(0 if more else SWEEP_EVERY)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
