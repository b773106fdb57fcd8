"""What has become of messages of which nothing more was heard: the next hop is asked.

Where it can be asked, a message of which nothing was heard in time comes here from the
store, which has counted the question then and waits for what follows from it: what the
message is said to have become goes back like a receipt. Says the next hop that it is
still on its way, or nothing, it comes again, as `Asking` says; says it that it cannot
tell, the message is unknown once nothing may come of itself either.

What waits here for its question is bounded; what is more stays in the store and does
not count as asked. Nor does what falls due while a connector is down or paused.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from typing import Final

from msgspec import Struct

from esmed import log
from esmed.clock import Clock
from esmed.connector import Connector, Sent
from esmed.models import FINAL_STATES, Fault, FaultClass, ReceiptIn
from esmed.store import base

MOST: Final = 2000
"""Parts that wait for their question, at each connector."""
LOOK_EVERY: Final = 1.0
"""Seconds between looks whether a connector that cannot be asked can be again."""

_log: Final = log.get("resolver")


class _Case(Struct, gc=False):
    """A message that is here."""

    message: base.Overdue
    unanswered: int
    """Parts."""
    hope: bool = False
    """Whether asking again may tell."""
    ended: bool = False
    """It was told of itself what had become of it."""


class _Question(Struct, frozen=True, gc=False):
    case: _Case
    part: base.Taken


class Resolver:
    """Asks in the background, one call after the other at each connector."""

    def __init__(
        self,
        store: base.Store,
        clock: Clock,
        connectors: Callable[[], Mapping[str, Connector]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._connectors = connectors
        self._cases: dict[int, _Case] = {}
        self._waiting: dict[str, deque[_Question]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def pending(self) -> Set[int]:
        """Messages that are here."""
        return self._cases.keys()

    @property
    def waits(self) -> Mapping[str, Sequence[float]]:
        """What is waited for after each question, by the connectors that are asked."""
        return {
            name: asking.again
            for name, one in self._connectors().items()
            if (asking := one.capabilities.asking) is not None
        }

    @property
    def room(self) -> Mapping[str, int]:
        """For how many parts more each of them can be asked now."""
        return {
            name: MOST - len(self._waiting.get(name, ()))
            for name, one in self._connectors().items()
            if one.capabilities.asking is not None and one.health().sends
        }

    def committed(self, told: base.Committed) -> None:
        """Ask for what is overdue in its turn, and no more for what has ended."""
        if self._cases:
            for change in told.changes:
                case = self._cases.get(change.seq)
                if case is not None and change.new in FINAL_STATES:
                    case.ended = True
        for message in told.overdue:
            case = _Case(message, len(message.parts))
            self._cases[message.seq] = case
            for part in message.parts:
                self._put(part.connector, _Question(case, part))

    async def stop(self) -> None:
        """Ask nothing more; who was not asked for yet will be after the next start."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _put(self, name: str, question: _Question) -> None:
        self._waiting.setdefault(name, deque()).append(question)
        if name not in self._tasks:
            loop = asyncio.get_running_loop()
            self._tasks[name] = loop.create_task(self._work(name))

    async def _work(self, name: str) -> None:
        waiting = self._waiting[name]
        try:
            while waiting:
                connector = self._connectors().get(name)
                asking = None if connector is None else connector.capabilities.asking
                if connector is None or asking is None:
                    # It is asked no more: what is on disk ends as if it never had been.
                    self._settle(self._take(waiting, len(waiting)))
                elif not connector.health().sends:
                    await self._clock.sleep(LOOK_EVERY)
                elif questions := self._take(waiting, asking.batch):
                    await self._ask(connector, questions)
                    await self._clock.sleep(asking.every)
        finally:
            del self._tasks[name]

    def _take(self, waiting: deque[_Question], most: int) -> list[_Question]:
        """Take the first ones out, and those out of the way that need no answer."""
        taken: list[_Question] = []
        while waiting and len(taken) < most:
            question = waiting.popleft()
            if question.case.ended:
                self._settle([question])
            else:
                taken.append(question)
        return taken

    async def _ask(self, connector: Connector, questions: Sequence[_Question]) -> None:
        """Put questions in one call, and store what follows from the answers."""
        answers = await connector.query(
            [
                Sent(
                    request=question.case.message.request,
                    host=question.part.host,
                    smsc_id=question.part.smsc_id,
                )
                for question in questions
            ]
        )
        told: list[base.Operation] = []
        for question, answer in zip(questions, answers, strict=True):
            case = question.case
            if isinstance(answer, ReceiptIn):
                told.append(base.Receipt(receipt=answer, keep_until=answer.at))
            elif answer is not None:
                self._log_fault(question, answer)
            case.hope |= not isinstance(answer, Fault) or (
                answer.cls is FaultClass.TEMPORARY
            )
        self._settle(questions, told)

    def _settle(
        self, questions: Sequence[_Question], told: Sequence[base.Operation] = ()
    ) -> None:
        """Let go of messages whose questions were all put, when all that was said of
        them is on disk."""
        operations = list(told)
        done: list[int] = []
        for question in questions:
            case = question.case
            case.unanswered -= 1
            if not case.unanswered:
                seq = case.message.seq
                done.append(seq)
                if not case.hope and not case.ended:
                    operations.append(base.GiveUp(seq=seq, at=self._clock.now_ms()))
        if operations:
            self._store.duty(operations, partial(self._forget, done))
        else:
            self._forget(done)

    def _forget(self, seqs: Sequence[int], _: object = None) -> None:
        for seq in seqs:
            del self._cases[seq]

    def _log_fault(self, question: _Question, fault: Fault) -> None:
        _log.info(
            "resolver.unanswered",
            id=question.case.message.id,
            part=question.part.part,
            connector=question.part.connector,
            reason=fault.detail,
        )
