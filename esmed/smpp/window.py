"""Our requests on their way: sequence numbers, what is unanswered, what came too late.

Pure. A request is in the table before its octets exist, so that no answer can come too
early. All requests wait equally long, so the table, kept in order of writing, is in
order of deadlines as well: one look at its first entry says when something expires.
"""

from typing import Any, Final

from msgspec import Struct

from pdu.vocabulary import RESPONSE_BIT, CommandId

LAST_SEQUENCE: Final = 0x7FFFFFFF
"""SMPP 3.4 §3.2: sequence numbers run from 1 to this."""
EXPIRED_KEPT: Final = 10_000
"""Requests that were given up are remembered, in case they are answered after all."""


_NACK: Final = int(CommandId.GENERIC_NACK)


class Pending(Struct, frozen=True, gc=False):
    """A request: which response it wants, what comes back with that, and when it left.

    A generic_nack answers anything (SMPP 3.4 §4.3).
    """

    response_id: int
    context: Any
    sent_at: float


class Window:
    """The requests of one session.

    ``response_timeout`` is in seconds. Only ``register``ed requests expire and count as
    lost; ``reserve`` gives a number to bind, unbind and enquire_link, which the
    session's own timers watch.
    """

    def __init__(self, response_timeout: float, first: int = 1) -> None:
        self._timeout = response_timeout
        self._last = first - 1
        self._issued = 0
        self._waiting: dict[int, Pending] = {}
        self._expired: dict[int, Pending] = {}
        self._reserved: dict[int, Pending] = {}

    def __len__(self) -> int:
        """How many registered requests are unanswered."""
        return len(self._waiting)

    def register(self, command_id: int, context: Any, now: float) -> int:
        """Give a request its sequence number and start its clock."""
        sequence = self._next()
        self._waiting[sequence] = Pending(command_id | RESPONSE_BIT, context, now)
        return sequence

    def reserve(self, command_id: int, now: float) -> int:
        """Give a sequence number to a request that only the session waits for."""
        sequence = self._next()
        self._reserved[sequence] = Pending(command_id | RESPONSE_BIT, None, now)
        return sequence

    def answer(self, sequence: int, response_id: int) -> Pending | None:
        """Take out the request that this response answers."""
        pending = self._waiting.get(sequence)
        if pending is None or response_id not in (pending.response_id, _NACK):
            return None
        del self._waiting[sequence]
        return pending

    def answer_reserved(self, sequence: int, response_id: int) -> Pending | None:
        """Take out the session's own request that this response answers."""
        pending = self._reserved.get(sequence)
        if pending is None or response_id not in (pending.response_id, _NACK):
            return None
        del self._reserved[sequence]
        return pending

    def answer_late(self, sequence: int, response_id: int) -> Pending | None:
        """Take out a request that had been given up."""
        pending = self._expired.get(sequence)
        if pending is None or response_id not in (pending.response_id, _NACK):
            return None
        del self._expired[sequence]
        return pending

    def was_issued(self, sequence: int) -> bool:
        """Whether this number was given to some request before."""
        return (self._last - sequence) % LAST_SEQUENCE < self._issued

    def expire(self, now: float) -> list[tuple[int, Pending]]:
        """Give up what has waited too long; its answer will be a late one."""
        gone = []
        for sequence, pending in self._waiting.items():
            if pending.sent_at + self._timeout > now:
                break
            gone.append((sequence, pending))
        for sequence, pending in gone:
            del self._waiting[sequence]
            self._expired[sequence] = pending
        while len(self._expired) > EXPIRED_KEPT:
            del self._expired[next(iter(self._expired))]
        return gone

    def next_deadline(self) -> float | None:
        """When the oldest request will have waited too long."""
        for pending in self._waiting.values():
            return pending.sent_at + self._timeout
        return None

    def lost(self) -> list[tuple[int, Pending]]:
        """Take out all that is unanswered, oldest first."""
        waiting, self._waiting = self._waiting, {}
        return list(waiting.items())

    def _next(self) -> int:
        sequence = self._last
        while True:
            sequence = sequence + 1 if sequence < LAST_SEQUENCE else 1
            if not (
                sequence in self._waiting
                or sequence in self._expired
                or sequence in self._reserved
            ):
                break
        self._issued = min(
            self._issued + (sequence - self._last) % LAST_SEQUENCE, LAST_SEQUENCE
        )
        self._last = sequence
        return sequence
