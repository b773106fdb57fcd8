"""From the queue to a connector with room, and from its answers to what follows.

Dispatch alone sends, resends and gives up, always through the store: a message leaves
memory when what became of it is on disk. A job is one message in one connector's hands;
it is settled when every part of it was answered or returned, and then exactly one thing
follows: nothing (the parts were taken), wait (again, or for the next connector), hold,
or the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import Callable, Container, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final, assert_never

from msgspec import structs

from esmed import log, routing
from esmed.clock import Clock
from esmed.connector import Connector, Job
from esmed.destinations import Destinations, hold_back
from esmed.errors import StoreError
from esmed.lanes import Lane
from esmed.models import (
    Accepted,
    Deferred,
    Fault,
    MessageState,
    Millis,
    PartResult,
    Plan,
    Priority,
    Queued,
    Record,
    Rejected,
    Unknown,
)
from esmed.orphans import Orphans
from esmed.queue import Queue
from esmed.resolver import Resolver
from esmed.settlement import EXPIRED, Case, Terms, settle
from esmed.store import base
from pdu.receipt import canonical_id

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
        self._terms = dict(terms)
        self._router = router
        self._clock = clock
        self._retention = retention
        self._queue = Queue(store, clock, connectors, self._wake_all)
        self._custody = self._queue.custody
        self._orphans = Orphans(self._queue)
        self._resolver = Resolver(store, clock, lambda: self.connectors)
        self._destinations = Destinations()
        self._active: dict[int, Case] = {}
        self._given_back: list[Case] = []
        self._marking: dict[str, list[int]] = defaultdict(lambda: [0] * len(Priority))
        """Parts of each priority that a connector gets when their mark is on disk."""
        self._ready: set[str] = set()
        self._scheduled = False
        self._frozen = False
        self._stopping = False
        self._idle = asyncio.Event()
        """Set while nothing is in a connector's hands."""
        self._idle.set()
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
                await self._idle.wait()

    # --- while it runs ---------------------------------------------------------------

    def configure(
        self, terms: Mapping[str, Terms], router: routing.Router, *, retention: float
    ) -> None:
        """Go by other rules from now on.

        Messages keep the connectors they were accepted for. A connector that is not
        named keeps its terms: what it still had is settled by them.
        """
        self._terms |= terms
        self._router = router
        self._retention = retention

    def connect(self, connectors: Mapping[str, Connector]) -> None:
        """Have these connectors from now on.

        What one that has gone still tells is taken; what waits for it alone is routed
        anew. One in the place of another splits messages anew.
        """
        before, self.connectors = self.connectors, connectors
        self._queue.serve(connectors)
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
        return seq in self._active

    async def withdraw(self, seq: int) -> bool:
        """Cancel a waiting message; False when part of it is written, or it ended."""
        case = self._active.get(seq)
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
        operations: list[base.Operation] = []
        after: list[Callable[[], None]] = []
        for result in results:
            case = self._active[result.seq]
            operations.append(self._submitted(case, result))
            case.outstanding -= 1
            match result.outcome:
                case Accepted():
                    case.accepted = True
                case Unknown():
                    case.unknown = result.outcome
                case Rejected() | Deferred():
                    case.note_refusal(result.outcome)
                    hold_back(self._active.values(), case, result.outcome)
                case _:
                    assert_never(result.outcome)
            if not case.outstanding:
                self._settle(case, operations, after)
        name, count = results[0].connector, len(results)
        connector = self.connectors.get(name)

        def done(_: list[Any]) -> None:
            if connector is not None:
                connector.release(count)
            _run(after)
            self.wake(name)

        self._store.duty(operations, done)

    def late(self, result: PartResult) -> None:
        """Record a response that came after its part was given up as unknown."""
        accepted = isinstance(result.outcome, Accepted)
        self._queue.late(self._submitted(None, result), accepted=accepted)

    def returned(self, job: Job, parts: Sequence[int]) -> None:
        """Take back parts that were never written."""
        case = self._active[job.queued.seq]
        case.outstanding -= len(parts)
        case.returned = True
        if not case.outstanding:
            operations: list[base.Operation] = []
            after: list[Callable[[], None]] = []
            self._settle(case, operations, after)
            if operations:
                self._store.duty(operations, lambda _: _run(after))

    # --- for the store ---------------------------------------------------------------

    def committed(self, told: base.Committed) -> None:
        """Count what waits; write again after a fault."""
        self._queue.count(told.changes)
        if told.overdue:
            self._resolver.ask(told.overdue)
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
        for case in reversed(self._given_back):
            self._queue.put_back(case.via, case.job.queued)
        self._given_back.clear()
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
        waiting = self._marking[name].copy()
        for lane in sorted(self._queue.lanes_of[name], key=Lane.turn):
            reason = self._turn(lane, name, now)
            if reason is not None:
                lanes.append((lane, reason))
                waiting[lane.priority] += len(lane.queue)
        portions = connector.portions(waiting)
        room = [
            one - gone for one, gone in zip(portions, self._marking[name], strict=True)
        ]
        jobs: list[Job] = []
        for lane, reason in lanes:
            while room[lane.priority] > 0 and lane.queue:
                case = self._begin(lane, lane.queue.popleft(), name, reason, now)
                if case is None:
                    # Nothing of it is written: another one may go in its place.
                    self.wake(name)
                    continue
                room[lane.priority] -= case.outstanding
                if self._marked(case, now):
                    jobs.append(case.job)
            self._queue.refill(lane)
            if lane.queue and self._router.spills(lane.via):
                # Full now: it is the turn of those who come after it.
                others = lane.via[lane.via.index(name) + 1 :]
                self._wake_all(other for other in others if self._room(other) > 0)
        connector.submit(jobs)

    def _room(self, name: str) -> int:
        """Return how many parts a connector would write at once."""
        connector = self.connectors.get(name)
        if connector is None:
            return 0
        return connector.capacity() - sum(self._marking[name])

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

    def _begin(
        self,
        lane: Lane,
        queued: Queued,
        name: str,
        reason: str,
        now: Millis,
    ) -> Case | None:
        """Make a job of a message, unless it has come to an end already."""
        if not self._custody.may_go(queued):
            return None
        accepted = {*queued.accepted, *self._custody.taken_late(queued.seq)}
        plan = queued.plan
        if queued.expires_at <= now:
            self._queue.end(queued, MessageState.EXPIRED, EXPIRED, now)
            return None
        send_at = queued.request.send_at
        if (send_at or 0) > now and not self.connectors[name].schedules:
            # It was to be kept by a next hop, which does that no more.
            self._queue.requeue(queued, queued.via, now, due_at=send_at)
            return None
        if plan is not None and plan.connector != name and accepted:
            self._queue.leave_to(plan.connector, queued)
            return None
        if plan is None or plan.connector != name:
            made: Plan | Fault
            if queued.draft is not None and queued.draft.connector == name:
                made = queued.draft
            else:
                made = self.connectors[name].plan(queued.request)
            if isinstance(made, Fault):
                self._queue.end(queued, MessageState.REJECTED, made, now)
                return None
            plan = made
        parts = [n for n in range(1, len(plan.parts) + 1) if n not in accepted]
        if not parts:
            self._custody.drop(queued.seq)
            return None
        until = self._destinations.wait(name, queued, now)
        if until is not None:
            due_at = min(until, queued.expires_at)
            self._queue.requeue(queued, lane.via, now, due_at=due_at)
            return None
        case = Case(
            job=Job(queued, plan, parts, reason),
            via=lane.via,
            connector=name,
            on_unknown=queued.request.on_unknown or self._terms[name].on_unknown,
            outstanding=len(parts),
            accepted=bool(accepted),
        )
        self._active[queued.seq] = case
        self._idle.clear()
        return case

    def _marked(self, case: Case, now: Millis) -> bool:
        """Tell whether the job may be written now; if not, mark it on disk first.

        Only a split and a promise not to resend need to be on disk before the write.
        """
        job, name = case.job, case.connector
        split = len(job.plan.parts) > 1 and job.plan is not job.queued.plan
        if case.on_unknown == "resend" and not split:
            return True
        priority = job.queued.request.priority
        self._marking[name][priority] += len(job.parts)
        job.queued = structs.replace(job.queued, plan=job.plan)
        mark = base.Mark(
            seq=job.queued.seq,
            plan=job.plan,
            at=now,
            on_unknown=case.on_unknown,
            deadline=now + round(self._terms[name].hold_timeout * 1000),
        )

        def done(results: list[Any]) -> None:
            self._marking[name][priority] -= len(job.parts)
            connector = self.connectors.get(name)
            if results[0] is not True:
                self._forget(case)
                self.wake(name)
            elif connector is not None:
                connector.submit([job])
            else:
                self.returned(job, job.parts)

        self._store.duty([mark], done)
        return False

    # --- what follows ----------------------------------------------------------------

    def _submitted(self, case: Case | None, result: PartResult) -> base.Submitted:
        terms = self._terms[result.connector]
        asked, parts, encoding = True, 0, ""
        gone = result.answered_at
        if case is not None:
            plan = case.job.plan
            parts, encoding = len(plan.parts), plan.encoding
            gone = max(gone, case.job.queued.request.send_at or gone)
            asked = case.job.queued.request.receipt != "none" and (
                terms.receipt_asked(result.part, parts)
            )
        outcome = result.outcome
        return base.Submitted(
            result=result,
            parts=parts,
            encoding=encoding,
            receipt_asked=asked,
            deadline=gone + round(terms.receipt_timeout * 1000),
            key=canonical_id(outcome.smsc_id) if isinstance(outcome, Accepted) else "",
        )

    def _settle(
        self,
        case: Case,
        operations: list[base.Operation],
        after: list[Callable[[], None]],
    ) -> None:
        """Do what follows a job, all of whose parts are answered or returned."""
        verdict = settle(
            case,
            self._terms[case.connector],
            self._clock.now_ms(),
            random.random(),  # noqa: S311 - spreads retries, guards nothing
        )
        if verdict.give_back:
            self._let_go(case)
            self._given_back.append(case)
            self.wake(case.connector)
            return
        operation = self._destinations.after_others(case, verdict.operation)
        if operation is not None:
            operations.append(operation)
        if isinstance(operation, base.Requeue):
            requeue = operation
            after.append(lambda: self._wait_again(case, requeue))
        else:
            after.append(lambda: self._forget(case))

    def _wait_again(self, case: Case, requeue: base.Requeue) -> None:
        """Look for a message on disk, where it waits again."""
        self._forget(case)
        self._queue.look_for(requeue, case.job.queued.request.priority)

    def _forget(self, case: Case) -> None:
        """Let go of a message: what became of it is on disk."""
        self._let_go(case)
        self._custody.drop(case.job.queued.seq)

    def _let_go(self, case: Case) -> None:
        """Note that no connector has the message any more."""
        self._active.pop(case.job.queued.seq, None)
        self._destinations.settled(case)
        if not self._active:
            self._idle.set()

    # --- by itself -------------------------------------------------------------------

    async def _sweep(self) -> None:
        """Do what time alone brings: expiry, timeouts, retention, what was put off."""
        while True:
            now = self._clock.now_ms()
            sweep = base.Sweep(
                now=now,
                limit=_SWEEP_ROWS,
                retention=self._retention,
                busy=self._resolver.pending | self._active.keys(),
                ask=self._resolver.askable,
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


def _run(after: Iterable[Callable[[], None]]) -> None:
    for follow in after:
        follow()
