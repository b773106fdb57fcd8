"""How many PDUs a second a connector may write: the ceiling, and what the SMSC's
refusals teach. Pure: the time is passed in, in seconds.

Below the ceiling, or from no limit at all, the rate follows ESME_RTHROTTLED (additive
up, multiplicative down):

* **Down.** The first refusal after a pause tells the limit: what the SMSC accepted in
  the last second, for most of them count per second. The rate becomes 95 % of that, or
  of itself if that is less.
* **Search.** If the rate had not been in use (no limit yet, a ceiling far too high, a
  single refusal in an idle hour) one measurement says little. So it grows by half of
  itself a second until the next refusal, which is a good one. Where nothing at all was
  accepted there is nothing to learn from, and the pause has to do.
* **Up.** Otherwise it grows by a twentieth in 30 s, evenly, and twice as fast after
  each 15 s without a refusal: a limit that stays is touched now and then with one PDU
  too many, a limit that is gone is left behind in a minute or two. Slow rates take
  their time by the PDU instead: a refusal in 200 of them is little enough.

Only what is accepted makes the rate grow: time in which nothing is sent proves nothing.
What is learned is the account's: it outlasts links, and holds for all hosts.
"""

from collections import deque
from typing import Final

from esmed.ratelimit import TokenBucket

FIRST_PAUSE: Final = 1.0
"""Seconds, where nothing says how long the SMSC will refuse: most count per second."""
SHORTEST_PAUSE: Final = 0.1
"""Seconds: time for the refusals on their way to arrive."""

_LEAST: Final = 0.1
"""PDU/s: below that only pauses help."""
_CUT: Final = 0.95
_SEARCH: Final = 0.5
"""Of the rate, per second."""
_STEP: Final = 0.05
"""Of the rate as it was after the last cut, in a period of `_PERIOD`."""
_PERIOD: Final = (30.0, 200.0, 60.0)
"""Seconds at the least; PDUs, if that takes longer; seconds at the most."""
_SAMPLE: Final = 5
"""PDUs: at rates below this a second is too short to measure them."""
_REMEMBERED: Final = 4096
"""Acceptances: a second's worth at any rate that one process reaches."""


class Pace:
    """The rate of one connector.

    ``ceiling`` is in PDU/s, None for no limit. With ``adaptive`` false refusals change
    nothing. Times do not run backwards.
    """

    def __init__(self, ceiling: float | None, *, adaptive: bool = True) -> None:
        self.ceiling: Final = ceiling
        self._adaptive = adaptive
        self._bucket = None if ceiling is None else TokenBucket(ceiling, 0.0)
        self._accepted: deque[float] = deque(maxlen=_REMEMBERED)
        self._learned: float | None = None
        self._base = 0.0
        self._steady = 0.0
        """Seconds of use since the last cut."""
        self._search = False

    @property
    def rate(self) -> float | None:
        """PDU/s now allowed; None is as much as one likes."""
        return self.ceiling if self._learned is None else self._learned

    @property
    def adapted(self) -> bool:
        """Whether the SMSC's refusals allow less than the ceiling does."""
        return self._learned is not None and self._learned != self.ceiling

    def available(self, now: float) -> int | None:
        """How many PDUs may leave now; None is as many as one likes."""
        return None if self._bucket is None else self._bucket.available(now)

    def next_at(self, now: float) -> float | None:
        """When there will be some available, if not now."""
        if self._bucket is None or self._bucket.available(now):
            return None
        return self._bucket.next_at(now)

    def take(self, count: int, now: float) -> None:
        """Count PDUs that leave."""
        if self._bucket is not None:
            self._bucket.take(count, now)

    def accepted(self, now: float) -> None:
        """Count a PDU that the SMSC did not throttle."""
        if not self._adaptive:
            return
        self._accepted.append(now)
        if self._learned is not None and self._learned != self.ceiling:
            self._learn(self._learned + self._growth(self._learned), now)

    def refused(self, now: float) -> float:
        """Slow down, for ESME_RTHROTTLED; the pause it takes, in seconds.

        Not to be called for what was written before the last pause ended.
        """
        if not self._adaptive:
            return FIRST_PAUSE
        rate = self.rate
        seconds = 1.0 if rate is None else max(1.0, _SAMPLE / rate)
        count = self._count(now - seconds)
        if not count:
            return FIRST_PAUSE
        # One more: it is on the edge of the time looked at whether it counts.
        measured = (count + 1) / seconds
        self._search = rate is None or measured < rate / 2
        if rate is not None and not self._search:
            measured = min(measured, rate)
        self._base = max(measured * _CUT, _LEAST)
        self._steady = 0.0
        self._learn(self._base, now)
        return self._pause(self._base, now)

    def _growth(self, rate: float) -> float:
        """What one accepted PDU adds to the rate."""
        used = 1 / rate
        self._steady += used
        if self._search:
            return _SEARCH
        least, pdus, most = _PERIOD
        period = min(max(least, pdus / self._base), most)
        faster: float = 2.0 ** min(self._steady // (period / 2), 20)
        return self._base * _STEP / period * faster * used

    def _learn(self, rate: float, now: float) -> None:
        if self.ceiling is not None:
            rate = min(rate, self.ceiling)
        self._learned = rate
        if self._bucket is None:
            self._bucket = TokenBucket(rate, now)
        else:
            self._bucket.change(rate, now)

    def _count(self, since: float) -> int:
        """How many PDUs were accepted after that."""
        count = 0
        for at in reversed(self._accepted):
            if at <= since:
                break
            count += 1
        return count

    def _pause(self, rate: float, now: float) -> float:
        """Until the second that was too full is over."""
        count = max(1, round(rate))
        shortest = max(SHORTEST_PAUSE, 1 / rate)
        if self._accepted[-1] < now - FIRST_PAUSE:
            return FIRST_PAUSE
        if len(self._accepted) < count:
            return shortest
        over = self._accepted[-count] + count / rate - now
        return min(max(over, shortest), max(FIRST_PAUSE, shortest))
