"""How much a provider can be handed now: requests, messages, rate, pauses. Pure.

Times are seconds of a clock that does not run backwards.
"""

from collections.abc import Sequence
from typing import Final, Literal

from esmed.bridge.config import ProviderConfig
from esmed.models import Priority
from esmed.ratelimit import TokenBucket
from esmed.stride import Stride

LOOKS: Final = 1
"""So many times `concurrency` are looked into before less is sent: a crash may have all
of them sent again."""
LINGER: Final = 0.2
"""Seconds that a rate lets messages gather for a request."""
_BURST_SECONDS: Final = 0.25
"""What a rate lets pile up: those messages, and some lateness of the timer."""


class Room:
    """What one connector has under way, and what that leaves for more."""

    def __init__(self, config: ProviderConfig, batch: int, now: float) -> None:
        self.used = 0
        """Messages handed over and not yet returned, or on disk."""
        self.requests = 0
        """Under way; those that are looked into are among them."""
        self.waiting = 0
        """Requests that are to be made as soon as one of those has ended."""
        self.quiet_until = 0.0
        """The provider wants no request before."""
        self.quiet_reason = ""
        self._looks = 0
        self._looked_into = 0
        self._bucket: TokenBucket | None = None
        self.configure(config, batch, now)

    def configure(self, config: ProviderConfig, batch: int, now: float) -> None:
        """Go by these settings from now on; ``batch``: messages of a request."""
        self._concurrency = config.concurrency
        self.batch = batch
        self.window = config.concurrency * batch
        """Messages that may be on their way at a time."""
        self._stride = Stride(config.shares.in_order)
        if config.rate is None:
            self._bucket = None
        elif self._bucket is None or self._bucket.rate != config.rate:
            self._bucket = TokenBucket(config.rate, now, config.rate * _BURST_SECONDS)

    @property
    def free(self) -> int:
        """How many more requests may be made: what only waits to look again is none,
        up to a bound."""
        looks = min(self._looks, LOOKS * self._concurrency)
        return self._concurrency - self.requests + looks

    def limit(self, now: float) -> Literal["throttle", "window", "rate"] | None:
        """Tell what stops messages now, if anything here does; ``throttle`` is a pause
        that the provider wants."""
        if now < self.quiet_until:
            return "throttle"
        if self._messages <= 0:
            return "window"
        if self._bucket is not None and self._bucket.available(now) <= 0:
            return "rate"
        return None

    def capacity(self, now: float) -> int:
        """Return how many messages would leave at once."""
        if now < self.quiet_until:
            return 0
        messages = self._messages
        if self._bucket is not None:
            messages = min(messages, self._bucket.available(now))
        return max(messages, 0)

    def portions(self, capacity: int, waiting: Sequence[int]) -> Sequence[int]:
        """Share so much out among the priorities."""
        self._stride.note(waiting)
        return self._stride.portions(capacity, waiting)

    def take(self, priorities: Sequence[Priority], now: float) -> None:
        """Count messages that were handed over."""
        self.used += len(priorities)
        if self._bucket is not None and priorities:
            self._bucket.take(len(priorities), now)
        counts = [0] * len(Priority)
        for priority in priorities:
            counts[priority] += 1
        for _ in priorities:
            counts[self._stride.turn(counts)] -= 1

    def look(self, messages: int) -> None:
        """Count a request whose messages are looked into from now on; below 0: whose
        were."""
        self._looks += 1 if messages > 0 else -1
        self._looked_into += messages

    def hush(self, until: float, reason: str) -> None:
        """Have nothing sent before; the latest wish counts."""
        if until > self.quiet_until:
            self.quiet_until, self.quiet_reason = until, reason

    def next_at(self, now: float) -> float | None:
        """Return when the mere passing of time makes room; None: it makes none."""
        at = self.quiet_until
        if self._bucket is not None and not self._bucket.available(now):
            at = max(at, self._bucket.next_at(now), now + LINGER)
        return at if at > now else None

    @property
    def _messages(self) -> int:
        """How many more may be on their way."""
        used = self.used - self._looked_into
        return min((self.free - self.waiting) * self.batch, self.window - used)
