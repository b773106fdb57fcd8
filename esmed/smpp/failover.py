"""When to try a host again, and over which of the hosts to send. Pure.

Pauses between attempts double from ``minimum`` to ``maximum``, each with a random part,
and begin anew after a bind that lasted. Two refusals have rules of their own: wrong
credentials are tried again after a minute at the soonest, because accounts get locked,
but for ever, because an SMSC with a broken database says the same; ESME_RALYBND means
that our last session has not died yet over there, which a few seconds cure.

Traffic goes to the first host in order that is bound. Once it has left a host that
failed it returns only after that host has been bound for ``failback_after``, so that a
flapping primary does not take every message down with it.
"""

from collections.abc import Set as AbstractSet
from enum import Enum, auto
from typing import Final, Literal, assert_never

CREDENTIALS_PAUSE: Final = 60.0
"""Seconds, the contract's least pause after wrong credentials."""
ALREADY_BOUND_PAUSE: Final = 5.0
"""Seconds in which an SMSC is given the chance to notice that our old session died."""
LASTING: Final = 60.0
"""Seconds bound after which a lost link begins with the shortest pause again."""


class Failure(Enum):
    """Why a host is to be tried again."""

    CREDENTIALS = auto()
    ALREADY_BOUND = auto()
    OTHER = auto()


class Backoff:
    """The pauses between attempts at one host, in seconds."""

    def __init__(self, minimum: float, maximum: float) -> None:
        self._minimum = minimum
        self._maximum = max(minimum, maximum)
        self._tries = 0

    def pause(self, failure: Failure, lasted: float, random: float) -> float:
        """Return how long to wait now.

        ``lasted`` is for how long the host was bound (0: not at all), ``random`` evenly
        spread from 0 to 1.
        """
        if lasted >= LASTING:
            self._tries = 0
        self._tries += 1
        # 2.0**63 pauses ago nobody will have waited: it only must not overflow.
        high = min(self._maximum, self._minimum * 2.0 ** min(self._tries, 63))
        low = max(self._minimum, high / 2)
        pause = low + (high - low) * random
        match failure:
            case Failure.CREDENTIALS:
                return max(pause, CREDENTIALS_PAUSE * (1 + random / 4))
            case Failure.ALREADY_BOUND:
                return max(pause, ALREADY_BOUND_PAUSE * (1 + random / 4))
            case Failure.OTHER:
                return pause
            case _:
                assert_never(failure)


class Failover:
    """Which of ``count`` hosts, in order of preference, are to be bound and used.

    Times are seconds of a monotonic clock.
    """

    def __init__(
        self, count: int, standby: Literal["hot", "cold"], failback_after: float
    ) -> None:
        self._standby = standby
        self._failback_after = failback_after
        self._bound_at: list[float | None] = [None] * count
        self._failed = [False] * count
        self._active: int | None = None

    def bound(self, host: int, now: float) -> None:
        """A host can be used, from now on if it could not before."""
        if self._bound_at[host] is None:
            self._bound_at[host] = now

    def lost(self, host: int) -> None:
        """A host cannot be used: an attempt failed, or the bind was lost."""
        self._bound_at[host] = None
        self._failed[host] = True

    def left(self, host: int) -> None:
        """A host is not used because we did not want it: no reason for mistrust."""
        self._bound_at[host] = None

    def active(self, now: float) -> int | None:
        """Return the host to send over, if one is bound."""
        current = self._active
        if current is not None and self._bound_at[current] is None:
            current = None
        for host, at in enumerate(self._bound_at):
            if host == current:
                break
            if at is not None and (current is None or self._is_well(host, at, now)):
                current = host
                break
        self._active = current
        return current

    def wanted(self) -> AbstractSet[int]:
        """Return the hosts that are to be bound, or tried."""
        count = len(self._bound_at)
        if self._standby == "hot":
            return frozenset(range(count))
        wanted = set() if self._active is None else {self._active}
        for host in range(count):
            wanted.add(host)
            if self._bound_at[host] is not None or not self._failed[host]:
                break
        return wanted

    def next_deadline(self) -> float | None:
        """Return when `active` may have another answer though nothing happens."""
        if self._active is None:
            return None
        return min(
            (
                at + self._failback_after
                for at in self._bound_at[: self._active]
                if at is not None
            ),
            default=None,
        )

    def _is_well(self, host: int, at: float, now: float) -> bool:
        # A backup that was bound a moment earlier at start is no reason to wait.
        return not self._failed[host] or now >= at + self._failback_after
