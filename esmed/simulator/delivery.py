"""Receipts and MO messages on their way to an ESME, until it has acknowledged them.

    waiting ──a receiver with room──► in flight ──deliver_sm_resp──► done
       ▲                                  │
       └─ bind lost, refused, or not answered in time: again, a bounded number of times

An account is everything bound with one system_id: what one session submitted, another
may get the receipt of.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import msgspec

from esmed.simulator.agenda import Agenda
from pdu import CommandId, CommandStatus

_DELIVER_SM: Final = int(CommandId.DELIVER_SM)
FOR_GOOD: Final = frozenset(
    (CommandStatus.ESME_RX_P_APPN, CommandStatus.ESME_RX_R_APPN)
)
"""Answers to a deliver_sm after which it is not tried again (SMPP 3.4 §5.1.3)."""


class Traffic(msgspec.Struct):
    """What went out of one kind, receipts or MO messages."""

    sent: int = 0
    redelivered: int = 0
    acknowledged: int = 0
    refused: int = 0
    abandoned: int = 0


class Receiver(Protocol):
    """A bound session, as its account sees it."""

    bound: str
    receives: bool

    @property
    def room(self) -> int:
        """How many deliver_sm it takes now."""
        ...

    def deliver(self, delivery: "Delivery") -> None:
        """Write the delivery, with the next `flush`, and wait for its response."""
        ...

    def flush(self) -> None:
        """Hand what was written to the socket."""
        ...


class Delivery(msgspec.Struct, gc=False):
    """The body of a deliver_sm, or data_sm, and where it has been.

    It goes to `prefer` if that can take it and never to `avoid` if there is another.
    `due`: when its response is, on the event loop's clock.
    """

    body: bytes
    traffic: Traffic
    prefer: Receiver | None = None
    avoid: Receiver | None = None
    command: int = _DELIVER_SM
    attempts: int = 0
    due: float = 0.0


class Account:
    """The sessions of one system_id and what waits for them."""

    def __init__(self, system_id: str, keep: int, attempts: int) -> None:
        self.system_id: Final = system_id
        self.sessions: list[Receiver] = []
        self._keep = keep
        self._attempts = attempts
        self._waiting: deque[Delivery] = deque()
        self._turn = 0

    @property
    def waiting(self) -> int:
        """Deliveries that no session has room for."""
        return len(self._waiting)

    def join(self, session: Receiver) -> None:
        """A session has bound; `pump` gives it what waits."""
        self.sessions.append(session)

    def leave(self, session: Receiver, unanswered: Iterable[Delivery]) -> None:
        """A session is gone; what it has not acknowledged goes first to the others."""
        self.sessions.remove(session)
        self.again(unanswered)

    def offer(self, deliveries: Iterable[Delivery]) -> None:
        """Send them, now or when there is room; of more than `keep` the oldest go."""
        self._waiting.extend(deliveries)
        while len(self._waiting) > self._keep:
            self._waiting.popleft().traffic.abandoned += 1
        self.pump()

    def again(self, deliveries: Iterable[Delivery]) -> None:
        """Send them once more, before all others, unless tried often enough."""
        for delivery in reversed(list(deliveries)):
            if delivery.attempts >= self._attempts:
                delivery.traffic.abandoned += 1
            else:
                self._waiting.appendleft(delivery)
        self.pump()

    def pump(self) -> None:
        """Give what waits to whoever has room."""
        waiting = self._waiting
        written: set[Receiver] = set()
        while waiting:
            session = self._choose(waiting[0])
            if session is None:
                break
            session.deliver(waiting.popleft())
            written.add(session)
        for session in written:
            session.flush()

    def _choose(self, delivery: Delivery) -> Receiver | None:
        prefer = delivery.prefer
        if prefer is not None and prefer.receives and prefer.room > 0:
            return prefer
        able = [each for each in self.sessions if each.receives and each.room > 0]
        if delivery.avoid is not None:
            able = [each for each in able if each is not delivery.avoid] or able
        if not able:
            return None
        self._turn += 1
        return able[self._turn % len(able)]


class InFlight:
    """The deliveries of one session that wait for their response, oldest first.

    `late` is called with those not answered within `patience` seconds.
    """

    def __init__(
        self, agenda: Agenda, patience: float, late: Callable[[list[Delivery]], None]
    ) -> None:
        self._agenda = agenda
        self._patience = patience
        self._late = late
        self._open: dict[int, Delivery] = {}
        self._watched = False

    def __len__(self) -> int:
        return len(self._open)

    def add(self, sequence: int, delivery: Delivery) -> None:
        """It is being written with this sequence number."""
        delivery.attempts += 1
        delivery.due = self._agenda.now() + self._patience
        if delivery.attempts == 1:
            delivery.traffic.sent += 1
        else:
            delivery.traffic.redelivered += 1
        self._open[sequence] = delivery
        if not self._watched:
            self._watched = True
            self._agenda.call_at(delivery.due, self._check)

    def answered(self, sequence: int, status: int) -> Delivery | None:
        """Its response has come: the delivery, if it must be sent again."""
        delivery = self._open.pop(sequence, None)
        if delivery is None:
            return None
        if status == 0:
            delivery.traffic.acknowledged += 1
            return None
        delivery.traffic.refused += 1
        return None if status in FOR_GOOD else delivery

    def clear(self) -> list[Delivery]:
        """The session is over: everything unanswered."""
        unanswered = list(self._open.values())
        self._open.clear()
        return unanswered

    def _check(self) -> None:
        now = self._agenda.now()
        late = []
        for sequence, delivery in self._open.items():
            if delivery.due > now:
                break
            late.append(sequence)
        self._watched = len(late) < len(self._open)
        deliveries = [self._open.pop(sequence) for sequence in late]
        if self._watched:
            self._agenda.call_at(next(iter(self._open.values())).due, self._check)
        if deliveries:
            self._late(deliveries)
