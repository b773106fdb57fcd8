"""A ceiling on how much leaves per second. Pure: the time is passed in."""

from typing import Final

_BURST_SECONDS: Final = 0.02
"""What may pile up beside one unit while nothing is sent, in seconds of the rate.

Small, because an SMSC counts per second and answers the surplus with ESME_RTHROTTLED;
not zero, because timers are late, and above 50/s one for each unit would cost more than
the units.
"""
_ROUNDING: Final = 1e-9


class TokenBucket:
    """At most ``rate × t + burst`` units in any ``t`` seconds.

    ``rate`` is in units per second, ``burst`` in units: at least one, by default one
    and what 20 ms of the rate give. Times are seconds of any clock that does not run
    backwards.
    """

    __slots__ = ("_at", "_tokens", "burst", "rate")

    def __init__(self, rate: float, now: float, burst: float | None = None) -> None:
        self.rate = rate
        self.burst = _burst(rate) if burst is None else max(1.0, burst)
        self._tokens = self.burst
        self._at = now

    def change(self, rate: float, now: float) -> None:
        """Go on with another rate, and the burst that is usual for it."""
        self._refill(now)
        self.rate = rate
        self.burst = _burst(rate)
        self._tokens = min(self._tokens, self.burst)

    def available(self, now: float) -> int:
        """How many units may leave now."""
        self._refill(now)
        return int(self._tokens + _ROUNDING)

    def take(self, count: int, now: float) -> None:
        """Count units that leave; more than are available makes the next ones wait."""
        self._refill(now)
        self._tokens -= count

    def next_at(self, now: float) -> float:
        """When the next unit may leave: ``now`` or later."""
        self._refill(now)
        missing = 1.0 - self._tokens
        return now if missing <= _ROUNDING else now + missing / self.rate

    def _refill(self, now: float) -> None:
        if now > self._at:
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
            self._at = now


def _burst(rate: float) -> float:
    return 1.0 + rate * _BURST_SECONDS
