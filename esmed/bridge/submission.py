"""Batches on their way to a provider, and what became of each message.

A message is in exactly one place: a batch that waits for a free request, a request
under way, or reported. What was surely not processed goes to the next node, or back to
the queue; what may have been is looked into by the provider's own means first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from msgspec import structs

from esmed import log
from esmed.bridge import batches
from esmed.bridge.base import Ambiguous, Answer, NotSent, Outgoing, Provider, Reply
from esmed.bridge.batches import Batch, Item
from esmed.bridge.config import ProviderConfig
from esmed.bridge.line import Line
from esmed.bridge.nodes import Node
from esmed.bridge.room import Room
from esmed.bridge.workers import Workers
from esmed.clock import Clock
from esmed.connector import Job, Sink
from esmed.metrics import ConnectorMetrics
from esmed.models import (
    Accepted,
    Deferred,
    Fault,
    FaultClass,
    Outcome,
    PartResult,
    Unknown,
)

RECHECK_AFTER: Final = (2.0, 5.0, 15.0, 45.0)
"""Seconds before each look at what became of a request without an answer."""

_STOPPED: Final = Unknown("stopped before an answer came")
_BUG: Final = "an error of ours: see the log"
_NOT_BUILT: Final = Deferred(Fault(FaultClass.PROTOCOL, None, _BUG))

_log: Final = log.get("bridge.submission")


class Submission:
    """Sends what one connector is given. ``changed`` is told when the provider wants
    a pause."""

    def __init__(
        self,
        name: str,
        config: ProviderConfig,
        *,
        provider: Provider,
        line: Line,
        sink: Sink,
        clock: Clock,
        metrics: ConnectorMetrics,
        changed: Callable[[], None],
    ) -> None:
        self._name = name
        self._line = line
        self._sink = sink
        self._clock = clock
        self._metrics = metrics
        self._changed = changed
        self.open = True
        """Whether anything may begin."""
        self._waiting: deque[Batch] = deque()
        self._workers = Workers(self._run, self._ended)
        self._alarm: asyncio.TimerHandle | None = None
        self.room = Room(config, _batch(config, provider), clock.monotonic())
        self.configure(config, provider)

    def configure(self, config: ProviderConfig, provider: Provider) -> None:
        """Send by these settings from now on."""
        self._provider = provider
        self._config = config
        batch = _batch(config, provider)
        self.room.configure(config, batch, self._clock.monotonic())

    @property
    def waits(self) -> bool:
        """Whether something waits for a free request."""
        return bool(self._waiting)

    # --- what is handed over ---------------------------------------------------------

    def capacity(self) -> int:
        """Return how many messages would leave at once."""
        return self.room.capacity(self._clock.monotonic()) if self.open else 0

    def portions(self, waiting: Sequence[int]) -> Sequence[int]:
        """Share the capacity out among the priorities."""
        return self.room.portions(self.capacity(), waiting)

    def submit(self, jobs: Sequence[Job]) -> None:
        """Take jobs and send them."""
        if not self.open or not self._line.working:
            for job in jobs:
                self._sink.returned(job, job.parts)
            return
        priorities = [job.queued.request.priority for job in jobs]
        self.room.take(priorities, self._clock.monotonic())
        now = self._clock.now_ms()
        items = [Item(job, self._outgoing(job), now) for job in jobs]
        if self.room.batch == 1:
            self._waiting += [[item] for item in items]
        else:
            self._waiting += batches.gather(self._sorted(items), self.room.batch)
        self._begin()

    def take_back(self, job: Job) -> None:
        """Return a job that waits for a free request."""
        for batch in self._waiting:
            for item in batch:
                if item.job is job:
                    batch.remove(item)
                    self._return([item])
                    return

    def release(self, count: int) -> None:
        """Free what is on disk."""
        self.room.used -= count
        self._sink.wake(self._name)

    def drain(self) -> None:
        """Return all that waits."""
        waiting = [item for batch in self._waiting for item in batch]
        self._waiting.clear()
        self.room.waiting = 0
        self._return(waiting)

    def pump(self) -> None:
        """Begin what there is a free request for, and ask for more."""
        self._begin()
        self._sink.wake(self._name)

    def _begin(self) -> None:
        now = self._clock.monotonic()
        room = self.room
        while self._waiting and self.open and now >= room.quiet_until and room.free > 0:
            batch = self._waiting.popleft()
            if batch:
                self._workers.begin(batch)
                room.requests = self._workers.busy
        room.waiting = len(self._waiting)
        self._set_alarm(now)

    async def stop(self, timeout: float) -> None:  # noqa: ASYNC109 - a bound
        """Return what waits; wait for the answers to what is under way."""
        self.open = False
        self.drain()
        await self._workers.stop(timeout)
        if self._alarm is not None:
            self._alarm.cancel()

    def _outgoing(self, job: Job) -> Outgoing:
        request = job.queued.request
        return Outgoing(
            id=job.queued.id,
            request=request,
            sender=request.from_ or self._config.default_from,
            expires_at=job.queued.expires_at,
            doubtful=job.queued.doubtful,
        )

    def _sorted(self, items: Sequence[Item]) -> Sequence[Item]:
        """Learn with which others each may share a call; report those of which the
        provider's protocol fails to say so."""
        broken: list[Item] = []
        for item in items:
            try:
                item.group = self._provider.group(item.message)
                item.apart = self._provider.apart(item.message)
            except Exception as error:  # noqa: BLE001 - it must not cost the others
                _log.error("provider.bug", connector=self._name, exc=error)
                broken.append(item)
        self._report([(item, _NOT_BUILT) for item in broken])
        return [item for item in items if item.pending]

    def _return(self, items: Sequence[Item]) -> None:
        self.room.used -= len(items)
        for item in items:
            item.pending = False
            self._sink.returned(item.job, item.job.parts)

    def _ended(self) -> None:
        self.room.requests = self._workers.busy
        self.pump()

    def _set_alarm(self, now: float) -> None:
        """Ask for more when the mere passing of time has made room."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        at = self.room.next_at(now)
        if at is not None:
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later(at - now, self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        self._changed()
        self.pump()

    # --- a batch under way -----------------------------------------------------------

    async def _run(self, batch: Batch) -> None:
        """Send a batch; whatever happens, each of it is reported or returned."""
        try:
            await self._see_to(batch)
        except asyncio.CancelledError:
            self._return([item for item in _pending(batch) if item.node is None])
            self._report([(item, _STOPPED) for item in _pending(batch)])
            raise
        except Exception as error:  # noqa: BLE001 - the root of a task
            _log.error("provider.bug", connector=self._name, exc=error)
            # Not returned: it would come again at once, and for ever.
            self._report(
                [
                    (item, Unknown(_BUG) if item.node else _NOT_BUILT)
                    for item in _pending(batch)
                ]
            )

    async def _see_to(self, batch: Batch) -> None:
        now = self._clock.now_ms()
        stale = [item for item in batch if item.job.queued.expires_at <= now]
        self._return(stale)
        if self._provider.traits.rechecks:
            await self._look_back(batch)
        if left := _pending(batch):
            await self._send(left)

    async def _send(self, batch: Batch) -> None:
        """Send one call, and see to what is answered."""
        sent = await self._attempt(batch) if self.open else None
        if sent is None:
            self._return(batch)
            return
        if sent.pause:
            self._hush(sent)
        if sent.singly and len(batch) > 1:
            for item in batch:
                item.node = None
            for half in batches.halves(batch):
                await self._send(half)
            return
        await self._settle(batch, sent.outcomes)

    async def _attempt(self, batch: Batch) -> Answer | None:
        """Offer a batch to one node after the other; None: none has read it."""
        messages = [item.message for item in batch]
        answer: Answer | None = None
        for node in self._line.working:
            at = self._clock.now_ms()
            call = self._provider.build(messages, at)
            for item in batch:
                item.node, item.at = node.name, at
            reply = await self._line.exchange(call, node)
            if isinstance(reply, NotSent):
                continue
            answer = self._read(messages, reply, node)
            if not answer.elsewhere:
                return answer
            self._line.failed(node, answer.reason or "it sends us elsewhere")
        if answer is None:
            for item in batch:
                item.node = None
        return answer

    def _read(
        self, messages: Sequence[Outgoing], reply: Reply | Ambiguous, node: Node
    ) -> Answer:
        if isinstance(reply, Ambiguous):
            return Answer(outcomes=[Unknown(reply.reason)] * len(messages))
        answer = self._provider.parse(messages, reply, self._clock.now_ms())
        if len(answer.outcomes) != len(messages):
            msg = f"{len(answer.outcomes)} outcomes for {len(messages)} messages"
            raise RuntimeError(msg)
        if not answer.elsewhere:
            self._line.read(node, _unread(answer))
        return answer

    def _hush(self, answer: Answer) -> None:
        self.room.hush(self._clock.monotonic() + answer.pause, answer.reason)
        _log.warning(
            "provider.pause",
            connector=self._name,
            seconds=round(answer.pause, 1),
            reason=answer.reason,
        )
        self._changed()

    async def _look_back(self, batch: Batch) -> None:
        """Report those that an earlier request, long without an answer, has got there
        after all, as far as that can be found out."""
        doubtful = [item for item in batch if item.message.doubtful and item.pending]
        if not doubtful:
            return
        messages = [item.message for item in doubtful]
        now = self._clock.now_ms()
        reply = await self._line.ask(self._provider.build_recheck(messages, now))
        if not isinstance(reply, Reply):
            return
        told = self._provider.parse_recheck(messages, reply, now)
        taken = [
            (item, outcome)
            for item, outcome in zip(doubtful, told, strict=True)
            if isinstance(outcome, Accepted)
        ]
        for item, _ in taken:
            item.node = reply.node
        self._report(taken)

    async def _settle(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        """Report what is known, and find out about the rest, where that can be."""
        answered = list(zip(batch, outcomes, strict=True))
        if self._provider.traits.rechecks:
            known = [each for each in answered if not isinstance(each[1], Unknown)]
        else:
            known = answered
        self._report(known)
        if len(known) < len(answered):
            with self._looking(len(answered) - len(known)):
                await self._look_into(batch)
            self._report([each for each in answered if each[0].pending])

    @contextmanager
    def _looking(self, messages: int) -> Iterator[None]:
        """Let others have the request that this does not need while it waits."""
        self.room.look(messages)
        self.pump()
        try:
            yield
        finally:
            self.room.look(-messages)

    async def _look_into(self, batch: Batch) -> None:
        """Ask for what is pending by the provider's own means, some times. The question
        is for the whole of a call, as it was made."""
        messages = [item.message for item in batch]
        for seconds in RECHECK_AFTER:
            await self._clock.sleep(seconds)
            now = self._clock.now_ms()
            call = self._provider.build_recheck(messages, now)
            # Whether another node knows of it nobody says.
            call = structs.replace(call, node=batch[0].node)
            reply = await self._line.ask(call)
            if not isinstance(reply, Reply):
                continue
            told = self._provider.parse_recheck(messages, reply, now)
            self._report(
                [
                    (item, outcome)
                    for item, outcome in zip(batch, told, strict=True)
                    if item.pending and outcome and not isinstance(outcome, Unknown)
                ]
            )
            if not _pending(batch):
                return

    def _report(self, found: Sequence[tuple[Item, Outcome]]) -> None:
        if not found:
            return
        answered_at = self._clock.now_ms()
        results: list[PartResult] = []
        for item, outcome in found:
            item.pending = False
            if isinstance(outcome, Unknown):
                self._metrics.unknown_outcomes.inc()
            self._metrics.submit_seconds.observe((answered_at - item.at) / 1000)
            results.append(
                PartResult(
                    seq=item.job.queued.seq,
                    part=1,
                    connector=self._name,
                    host=item.node or "",
                    sequence=None,
                    at=item.at,
                    answered_at=answered_at,
                    outcome=outcome,
                    reason=item.job.reason,
                )
            )
        self._sink.results(results)


def _pending(batch: Batch) -> Batch:
    return [item for item in batch if item.pending]


def _unread(answer: Answer) -> str | None:
    """Tell why an answer says nothing of any message; None: it does of some."""
    if answer.understood:
        return None
    reasons = [one.reason for one in answer.outcomes if isinstance(one, Unknown)]
    return reasons[0] if len(reasons) == len(answer.outcomes) else None


def _batch(config: ProviderConfig, provider: Provider) -> int:
    """Return how many messages go in a request at most."""
    most = provider.traits.batch
    return min(config.batch or most, most)
