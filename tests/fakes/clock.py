"""A clock that stands still until it is told to move."""

import asyncio
import heapq
from itertools import count


class ManualClock:
    """A `Clock` whose time moves by `advance` only.

    Both clocks move together; `start` is the wall time it begins with (2026-01-01
    00:00:00 UTC unless said otherwise), the monotonic one begins at 1000.
    """

    def __init__(self, start: float = 1_767_225_600.0) -> None:
        self._wall = start
        self._monotonic = 1000.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._wall

    def now_ms(self) -> int:
        return round(self._wall * 1000)

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self._monotonic + seconds
        heapq.heappush(self._sleepers, (due, next(self._order), future))
        await future

    @property
    def sleeping(self) -> int:
        """How many `sleep` calls wait for time to move."""
        return sum(not future.done() for _, _, future in self._sleepers)

    def advance(self, seconds: float) -> None:
        """Move on and wake what is due, in order; it runs when the caller yields."""
        self._wall += seconds
        self._monotonic += seconds
        while self._sleepers and self._sleepers[0][0] <= self._monotonic:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
