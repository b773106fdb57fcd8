"""The one place that reads the time.

Shells hold a `Clock`; pure modules are given numbers. Wall time (`now`) is for what is
stored and shown, `monotonic` for every deadline and pause: it neither jumps nor runs
backwards.
"""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Time and waiting; `fakes.clock.ManualClock` of the tests is the other one."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        ...

    def now_ms(self) -> int:
        """Whole milliseconds since 1970-01-01 UTC: the unit of the store."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary point, the same clock as the event loop's."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of monotonic time; at once if not positive."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        return time.time()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
