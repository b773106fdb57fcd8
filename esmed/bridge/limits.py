"""What keeps messages for a provider waiting, and for how long. Times in seconds."""

from collections.abc import Mapping

from esmed.meters import Counter
from esmed.metrics import Limit


class Limits:
    """Counts the time of one connector under what stops it."""

    def __init__(self, seconds: Mapping[Limit, Counter]) -> None:
        self._seconds = seconds
        self._limit: Limit | None = None
        self._since = 0.0

    def note(self, limit: Limit | None, now: float) -> None:
        """Count the time since the last time under what stopped us then; from now on
        it is ``limit``, or nothing."""
        if self._limit is not None:
            self._seconds[self._limit].inc(max(now - self._since, 0.0))
        self._limit, self._since = limit, now
