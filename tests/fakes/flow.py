"""A `Sender` against an SMSC that throttles, in virtual time: no clock, no socket."""

import heapq
import random
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

from fakes.sink import job_for

from esmed.metrics import Metrics
from esmed.models import Plan
from esmed.secret import Secret
from esmed.smpp.config import Config
from esmed.smpp.events import Responded
from esmed.smpp.sender import Sender
from pdu import CommandStatus, SubmitSm, SubmitSmResp

Accepts = Callable[[float], bool]


def fixed_seconds(limit: int) -> Accepts:
    """So many in each second of its own clock."""
    second, taken = -1, 0

    def accepts(now: float) -> bool:
        nonlocal second, taken
        # Its seconds are not ours.
        if int(now + 0.37) != second:
            second, taken = int(now + 0.37), 0
        taken += 1
        return taken <= limit

    return accepts


def sliding_second(limit: int) -> Accepts:
    """So many in whatever second one looks at."""
    taken: deque[float] = deque()

    def accepts(now: float) -> bool:
        while taken and taken[0] <= now - 1:
            taken.popleft()
        if len(taken) >= limit:
            return False
        taken.append(now)
        return True

    return accepts


def bucket(limit: int, seconds: float = 1.0) -> Accepts:
    """A bucket that holds what is allowed in so many seconds, one at the least."""
    depth = max(1.0, limit * seconds)
    tokens, at = depth, 0.0

    def accepts(now: float) -> bool:
        nonlocal tokens, at
        tokens, at = min(depth, tokens + (now - at) * limit), now
        if tokens < 1:
            return False
        tokens -= 1
        return True

    return accepts


class Flow:
    """What happens, second by second, to a connector that always has work."""

    def __init__(
        self,
        accepts: Accepts,
        *,
        rate: float | None = None,
        adaptive: bool = True,
        window: int = 10,
        round_trip: float = 0.05,
        jitter: float = 0.0,
        load: float | None = None,
    ) -> None:
        self.accepts = accepts
        config = Config(
            hosts=(),
            system_id="me",
            password=Secret("secret"),
            rate=rate,
            adaptive=adaptive,
            window=window,
        )
        metrics = Metrics().connector("carrier", ["host"])
        self.sender = Sender("carrier", _ENCODER, config, metrics)
        self.pace = self.sender.pace
        self.now = 0.0
        self.accepted: list[float] = []
        self.refused: list[float] = []
        self.order: list[int] = []
        """The jobs accepted."""
        self._round_trip = round_trip
        self._jitter = jitter
        self._random = random.Random(1)
        self._load = load
        self._arrived = 0
        self._there = 0.0
        self._answers: list[tuple[float, int, Responded]] = []
        self._sequences = count(1)

    def run(self, until: float) -> None:
        """Go on until then."""
        while self.now < until:
            self._offer()
            sessions: Any = [self]
            self.sender.write(sessions, "host", self.now, 0)
            times = [until, self.now + 1.0]
            if self._answers:
                times.append(self._answers[0][0])
            at = self.sender.next_at(self.now)
            if at is not None:
                times.append(at)
            if self._load is not None:
                times.append((self._arrived + 1) / self._load)
            # Timers are late, never early.
            self.now = max(self.now, min(times)) + self._late()
            while self._answers and self._answers[0][0] <= self.now:
                _, _, event = heapq.heappop(self._answers)
                if self.sender.answered(event, "host", self.now, 0) is not None:
                    self.sender.release(1)

    def between(self, first: float, last: float) -> tuple[float, float]:
        """Accepted a second, and the share that was refused, in that time."""
        taken = sum(first <= at < last for at in self.accepted)
        refused = sum(first <= at < last for at in self.refused)
        return taken / (last - first), refused / max(taken + refused, 1)

    def submit(self, pdu: SubmitSm, now: float, context: Any) -> None:
        """As a session does; the SMSC decides when it arrives."""
        there = max(now + self._round_trip / 2 + self._late(), self._there)
        self._there = there
        ok = self.accepts(there)
        (self.accepted if ok else self.refused).append(there)
        if ok:
            self.order.append(context[0][1].queued.seq)
        sequence = next(self._sequences)
        status = 0 if ok else int(CommandStatus.ESME_RTHROTTLED)
        response = SubmitSmResp(sequence=sequence, status=status, message_id="1")
        event = Responded(sequence, response, context, now)
        back = there + self._round_trip / 2
        heapq.heappush(self._answers, (back, sequence, event))

    def _late(self) -> float:
        return self._random.random() * self._jitter

    def _offer(self) -> None:
        """Have work for all the room there is, or as the load brings it."""
        if self._load is None:
            wanted = self.sender.room(self.now) - len(self.sender.backlog)
        else:
            wanted = int(self.now * self._load + 1e-9) - self._arrived
        if wanted > 0:
            self._arrived += wanted
            self.sender.backlog.add([job_for(_PLANNER) for _ in range(wanted)])


class _Encoder:
    """Every part is the same PDU."""

    def submit_sm(self, *_: object) -> SubmitSm:
        return _PDU


class _Planner:
    name = "carrier"

    def plan(self, _: object) -> Plan:
        return Plan(
            connector="carrier",
            encoding="gsm7",
            data_coding=0,
            udhi=False,
            parts=(b"x",),
        )


_ENCODER: Any = _Encoder()
_PLANNER: Any = _Planner()
_PDU = SubmitSm(destination_addr="380501234567", short_message=b"x")
