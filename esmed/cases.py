"""What is in connectors' hands: begun, marked, answered, settled.

A job is one message in one connector's hands; its case is open until what became of it
is on disk. It is settled when every part was answered or returned, and then exactly one
thing follows: nothing (the parts were taken), wait (again, or for the next connector),
hold, or the end.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, assert_never

from msgspec import structs

from esmed.clock import Clock
from esmed.connector import Connector, Job
from esmed.destinations import Destinations, hold_back
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
    Rejected,
    Unknown,
)
from esmed.queue import Queue
from esmed.settlement import EXPIRED, Case, Terms, settle
from esmed.store import base
from pdu.receipt import canonical_id

_Settled = tuple[Case, base.Operation | None]
"""A case whose end is on its way to the disk, with what follows it."""


class Cases:
    """All that are open. ``wake`` is told a connector that may have room again."""

    def __init__(
        self,
        store: base.Store,
        queue: Queue,
        connectors: Mapping[str, Connector],
        terms: Mapping[str, Terms],
        clock: Clock,
        *,
        wake: Callable[[str], None],
    ) -> None:
        self.active: Final[dict[int, Case]] = {}
        """By the number of the message."""
        self.marking: Final[dict[str, list[int]]] = defaultdict(
            lambda: [0] * len(Priority)
        )
        """Parts of each priority that a connector gets when their mark is on disk."""
        self.idle: Final = asyncio.Event()
        """Set while nothing is in a connector's hands."""
        self.idle.set()
        self._store = store
        self._queue = queue
        self._connectors = connectors
        self._terms = dict(terms)
        self._clock = clock
        self._wake = wake
        self._custody = queue.custody
        self._destinations = Destinations()
        self._given_back: list[Case] = []

    def configure(self, terms: Mapping[str, Terms]) -> None:
        """Go by other terms from now on; who is not named keeps their own."""
        self._terms |= terms

    @property
    def patience(self) -> dict[str, float]:
        """How long, in seconds, each connector's receipts are waited for."""
        return {name: terms.receipt_timeout for name, terms in self._terms.items()}

    def serve(self, connectors: Mapping[str, Connector]) -> None:
        """Have these connectors from now on."""
        self._connectors = connectors

    # --- begun -----------------------------------------------------------------------

    def begin(
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
        accepted = self._custody.taken_late(queued.seq).union(queued.accepted)
        plan = queued.plan
        if queued.expires_at <= now:
            self._queue.end(queued, MessageState.EXPIRED, EXPIRED, now)
            return None
        send_at = queued.request.send_at
        if (send_at or 0) > now and not self._connectors[name].schedules:
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
                made = self._connectors[name].plan(queued.request)
            if isinstance(made, Fault):
                self._queue.end(queued, MessageState.REJECTED, made, now)
                return None
            plan = made
        parts = list(range(1, len(plan.parts) + 1))
        if accepted:
            parts = [number for number in parts if number not in accepted]
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
        self.active[queued.seq] = case
        self.idle.clear()
        return case

    def must_be_marked(self, case: Case) -> bool:
        """Tell whether the job has to be on disk before it is written.

        Only a split and a promise not to resend have to.
        """
        job = case.job
        split = len(job.plan.parts) > 1 and job.plan is not job.queued.plan
        return split or case.on_unknown != "resend"

    def mark(self, name: str, cases: Sequence[Case], now: Millis) -> None:
        """Mark jobs on disk; the connector gets them together when they are."""
        if not cases:
            return
        marks: list[base.Operation] = []
        for case in cases:
            job = case.job
            self._count_marking(case, len(job.parts))
            job.queued = structs.replace(job.queued, plan=job.plan)
            mark = base.Mark(
                seq=job.queued.seq,
                plan=job.plan,
                at=now,
                on_unknown=case.on_unknown,
                deadline=now + round(self._terms[name].hold_timeout * 1000),
            )
            marks.append(mark)

        def done(results: list[Any]) -> None:
            connector = self._connectors.get(name)
            jobs: list[Job] = []
            for case, result in zip(cases, results, strict=True):
                self._count_marking(case, -len(case.job.parts))
                if result is not True:
                    self._forget(case)
                    self._wake(name)
                elif connector is not None:
                    jobs.append(case.job)
                else:
                    self.returned(case.job, case.job.parts)
            if connector is not None and jobs:
                connector.submit(jobs)

        self._store.duty(marks, done)

    def _count_marking(self, case: Case, parts: int) -> None:
        self.marking[case.connector][case.job.queued.request.priority] += parts

    # --- answered --------------------------------------------------------------------

    def results(self, results: Sequence[PartResult]) -> None:
        """Take what became of written parts; free their slots once it is on disk."""
        operations: list[base.Operation] = []
        settled: list[_Settled] = []
        now = self._clock.now_ms()
        for result in results:
            case = self.active[result.seq]
            operations.append(self._submitted(case, result))
            case.outstanding -= 1
            match result.outcome:
                case Accepted():
                    case.accepted = True
                case Unknown():
                    case.unknown = result.outcome
                case Rejected() | Deferred():
                    case.note_refusal(result.outcome)
                    hold_back(self.active.values(), case, result.outcome)
                case _:
                    assert_never(result.outcome)
            if not case.outstanding:
                self._settle(case, now, operations, settled)
        name, count = results[0].connector, len(results)
        connector = self._connectors.get(name)

        def done(_: list[Any]) -> None:
            if connector is not None:
                connector.release(count)
            self._settled(settled)
            self._wake(name)

        self._store.duty(operations, done)

    def late(self, result: PartResult) -> None:
        """Record a response that came after its part was given up as unknown."""
        accepted = isinstance(result.outcome, Accepted)
        self._queue.late(self._submitted(None, result), accepted=accepted)

    def returned(self, job: Job, parts: Sequence[int]) -> None:
        """Take back parts that were never written."""
        case = self.active[job.queued.seq]
        case.outstanding -= len(parts)
        case.returned = True
        if not case.outstanding:
            operations: list[base.Operation] = []
            settled: list[_Settled] = []
            self._settle(case, self._clock.now_ms(), operations, settled)
            if operations:
                self._store.duty(operations, lambda _: self._settled(settled))

    # --- settled ---------------------------------------------------------------------

    def put_back(self) -> None:
        """Have what was returned as it was be the next of its lane."""
        for case in reversed(self._given_back):
            self._queue.put_back(case.via, case.job.queued)
        self._given_back.clear()

    def _submitted(self, case: Case | None, result: PartResult) -> base.Submitted:
        terms = self._terms[result.connector]
        asked, parts, encoding, short_messages = True, 0, "", 0
        gone = result.answered_at
        if case is not None:
            plan = case.job.plan
            parts, encoding = len(plan.parts), plan.encoding
            short_messages = plan.count.parts
            gone = max(gone, case.job.queued.request.send_at or gone)
            asked = case.job.queued.request.receipt != "none" and (
                terms.receipt_asked(result.part, parts)
            )
        outcome = result.outcome
        deadline = gone + round(terms.receipt_timeout * 1000)
        ask_at = None
        connector = self._connectors.get(result.connector)
        if asked and connector is not None:
            can = connector.capabilities
            asked, asking = can.receipts, can.asking
            if asked and asking is not None:
                ask_at = min(gone + round(asking.first * 1000), deadline)
        return base.Submitted(
            result=result,
            parts=parts,
            encoding=encoding,
            receipt_asked=asked,
            deadline=deadline,
            ask_at=ask_at,
            short_messages=short_messages,
            keys=_keys(outcome) if isinstance(outcome, Accepted) else (),
        )

    def _settle(
        self,
        case: Case,
        now: Millis,
        operations: list[base.Operation],
        settled: list[_Settled],
    ) -> None:
        """Do what follows a job, all of whose parts are answered or returned."""
        verdict = settle(
            case,
            self._terms[case.connector],
            now,
            random.random(),  # noqa: S311 - spreads retries, guards nothing
        )
        if verdict.give_back:
            self._let_go(case)
            self._given_back.append(case)
            self._wake(case.connector)
            return
        operation = verdict.operation
        if operation is not None:
            operation = self._destinations.after_others(case, operation)
            operations.append(operation)
        settled.append((case, operation))

    def _settled(self, settled: Sequence[_Settled]) -> None:
        """Let go of messages, and look for those on disk that wait again there."""
        for case, operation in settled:
            self._forget(case)
            if isinstance(operation, base.Requeue):
                self._queue.look_for(operation, case.job.queued.request.priority)

    def _forget(self, case: Case) -> None:
        """Let go of a message: what became of it is on disk."""
        self._let_go(case)
        self._custody.drop(case.job.queued.seq)

    def _let_go(self, case: Case) -> None:
        """Note that no connector has the message any more."""
        self.active.pop(case.job.queued.seq, None)
        self._destinations.settled(case)
        if not self.active:
            self.idle.set()


def _keys(accepted: Accepted) -> tuple[str, ...]:
    """Return the forms of the next hop's ids by which receipts find their part."""
    if not accepted.further:
        return (canonical_id(accepted.smsc_id),)
    return tuple(map(canonical_id, (accepted.smsc_id, *accepted.further)))
