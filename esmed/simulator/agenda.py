"""Many deadlines, one timer of the event loop.

A message has a response, a receipt and a redelivery to wait for; a timer of the loop
for each would cost more than the message. What is due at the same time runs in the
order in which it was asked for: a response before its receipt.
"""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count


class Agenda:
    """Calls due at times of the event loop's clock."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = float("inf")

    def now(self) -> float:
        """Seconds of the event loop's clock."""
        return self._loop.time()

    def call_at(self, due: float, call: Callable[[], None]) -> None:
        """Run `call` at `due`, in a later turn of the loop even if that is past."""
        heapq.heappush(self._heap, (due, next(self._order), call))
        self._set(due)

    def call_later(self, delay: float, call: Callable[[], None]) -> None:
        """`call_at` counted from now."""
        self.call_at(self._loop.time() + delay, call)

    def clear(self) -> None:
        """Forget everything."""
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_due = None, float("inf")

    def _set(self, due: float) -> None:
        if due < self._timer_due:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_due = due
            self._timer = self._loop.call_at(due, self._run)

    def _run(self) -> None:
        self._timer, self._timer_due = None, float("inf")
        heap = self._heap
        # What these calls add waits for the next turn, or two could keep the loop busy.
        due = []
        now = self._loop.time()
        while heap and heap[0][0] <= now:
            due.append(heapq.heappop(heap)[2])
        if heap:
            self._set(heap[0][0])
        for call in due:
            call()
