"""A connector that does what a test says.

It has no link and no clock: jobs pile up in ``jobs`` until the test answers their parts
or gives them back, unless ``auto`` answers by itself.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from fakes.clock import ManualClock

from esmed.connector import (
    Asking,
    Capabilities,
    Health,
    HealthState,
    HostView,
    Job,
    Operation,
    Sent,
    Usage,
)
from esmed.connectorconfig import Shares
from esmed.models import (
    Accepted,
    Fault,
    Outcome,
    PartResult,
    Plan,
    ReceiptIn,
    Request,
)
from esmed.smpp.backlog import Backlog

Part = tuple[Job, int]


class Sink(Protocol):
    """What it tells of `esmed.connector.Sink`."""

    def results(self, results: Sequence[PartResult]) -> None: ...
    def late(self, result: PartResult) -> None: ...
    def returned(self, job: Job, parts: Sequence[int]) -> None: ...
    def wake(self, connector: str) -> None: ...


class FakeConnector:
    """See `esmed.connector.Connector`; ``sink`` is set by whoever builds the rest."""

    kind = "fake"
    schedules = False
    """Whether it keeps what has a ``send_at``."""

    def __init__(self, name: str, clock: ManualClock, *, window: int = 10) -> None:
        self.name = name
        self.window = window
        self.sink: Sink | None = None
        self.jobs: list[Job] = []
        """Every job it was ever given."""
        self.unanswered: deque[Part] = deque()
        """Written, in order: as the shares of the default say."""
        self.frozen = False
        self.refusal: Fault | None = None
        """What it says of every message it is to plan."""
        self.size = 10
        """Characters of text in a part."""
        self.auto: Callable[[Job, int], Outcome] | None = None
        self.host = f"{name}:2775"
        self.asking: Asking | None = None
        self.receipts = True
        self.questions: list[list[str]] = []
        """The ids of every question it was ever asked."""
        self.known: dict[str, ReceiptIn | Fault] = {}
        """What it says of them; of others that nothing has become of them yet."""
        self._backlog = Backlog(Shares().in_order)
        self._used = 0
        self._sequence = 0
        self._clock = clock
        self._health = Health(HealthState.UP, clock.now_ms())

    # --- esmed.connector.Connector ---------------------------------------------------

    @property
    def paused(self) -> bool:
        return self._health.state is HealthState.PAUSED

    async def start(self) -> None:
        raise NotImplementedError

    async def stop(self, timeout: float) -> None:  # noqa: ASYNC109
        raise NotImplementedError

    def health(self) -> Health:
        return self._health

    def hosts(self) -> list[HostView]:
        raise NotImplementedError

    def usage(self) -> Usage:
        raise NotImplementedError

    def capacity(self) -> int:
        return self.window - self._used if self._health.sends else 0

    def portions(self, waiting: Sequence[int]) -> Sequence[int]:
        return self._backlog.portions(self.capacity(), waiting)

    def plan(self, request: Request) -> Plan | Fault:
        if self.refusal is not None:
            return self.refusal
        text = request.text or ""
        starts = range(0, max(len(text), 1), self.size)
        return Plan(
            connector=self.name,
            encoding="gsm7",
            data_coding=0,
            udhi=len(starts) > 1,
            parts=tuple(text[at : at + self.size].encode() for at in starts),
            reference=7 if len(starts) > 1 else None,
        )

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(cancel=True, asking=self.asking, receipts=self.receipts)

    async def cancel(self, sent: Sent) -> Fault | None:
        raise NotImplementedError

    async def query(self, sent: Sequence[Sent]) -> Sequence[ReceiptIn | Fault | None]:
        ids = [one.smsc_id for one in sent]
        self.questions.append(ids)
        return [self.known.get(smsc_id) for smsc_id in ids]

    def submit(self, jobs: Sequence[Job]) -> None:
        assert not self.frozen
        for job in jobs:
            self.jobs.append(job)
            self._used += len(job.parts)
        self._backlog.add(jobs)
        while self._backlog:
            _, job, part = self._backlog.take()
            self.unanswered.append((job, part))
        if self.auto is not None:
            while self.unanswered:
                job, part = self.unanswered[0]
                self.answer(self.auto(job, part))

    def take_back(self, job: Job) -> None:
        """All is written at once."""

    def release(self, count: int) -> None:
        self._used -= count
        assert self._used >= 0

    def freeze(self, frozen: bool) -> None:
        self.frozen = frozen

    def pause(self) -> None:
        raise NotImplementedError

    def resume(self) -> None:
        raise NotImplementedError

    def alive(self) -> bool:
        return True

    def rebind(self) -> None:
        raise NotImplementedError

    def operations(self) -> Sequence[Operation]:
        raise NotImplementedError

    # --- what a test says ------------------------------------------------------------

    def turn(self, state: HealthState, reason: str = "") -> None:
        """Change health, and say so."""
        self._health = Health(state, self._clock.now_ms(), reason)
        self._told().wake(self.name)

    def answer(self, *outcomes: Outcome) -> list[PartResult]:
        """Answer as many of the written parts, the oldest first, in one read."""
        results = [
            self._result(*self.unanswered.popleft(), outcome) for outcome in outcomes
        ]
        self._told().results(results)
        return results

    def accept(self, count: int | None = None) -> list[PartResult]:
        """Take parts: all that are written, unless told how many."""
        number = len(self.unanswered) if count is None else count
        ids = [f"{self.name}-{self._sequence + n + 1}" for n in range(number)]
        return self.answer(*map(Accepted, ids)) if ids else []

    def late(self, result: PartResult, outcome: Outcome) -> None:
        """Answer, after all, what was given up."""
        self._told().late(
            PartResult(
                seq=result.seq,
                part=result.part,
                connector=result.connector,
                host=result.host,
                sequence=result.sequence,
                at=result.at,
                answered_at=self._clock.now_ms(),
                outcome=outcome,
            )
        )

    def give_back(self) -> None:
        """Return all that is not answered as never written, job by job."""
        left: dict[int, tuple[Job, list[int]]] = {}
        while self.unanswered:
            job, part = self.unanswered.popleft()
            left.setdefault(id(job), (job, []))[1].append(part)
        for job, parts in left.values():
            self._used -= len(parts)
            self._told().returned(job, parts)

    @property
    def written(self) -> list[tuple[int, int]]:
        """(seq, part) of every part it was ever given to write, in order."""
        return [(job.queued.seq, part) for job in self.jobs for part in job.parts]

    def _told(self) -> Sink:
        assert self.sink is not None
        return self.sink

    def _result(self, job: Job, part: int, outcome: Outcome) -> PartResult:
        self._sequence += 1
        now = self._clock.now_ms()
        return PartResult(
            seq=job.queued.seq,
            part=part,
            connector=self.name,
            host=self.host,
            sequence=self._sequence,
            at=now,
            answered_at=now,
            outcome=outcome,
            reason=job.reason,
        )
