"""Tasks that are kept for the next piece of work, since to make one is not cheap."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Work = TypeVar("Work")


class Workers(Generic[Work]):
    """Runs pieces of work side by side. ``run`` does one, and may raise nothing but
    CancelledError; ``ended`` is told after each."""

    def __init__(
        self, run: Callable[[Work], Awaitable[None]], ended: Callable[[], None]
    ) -> None:
        self._run = run
        self._ended = ended
        self.busy = 0
        """Pieces of work that are not done yet."""
        self._idle: list[asyncio.Future[Work]] = []
        """One of each task that waits for something to do."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def begin(self, work: Work) -> None:
        """Have a piece of work done, from now on."""
        self.busy += 1
        if self._idle:
            self._idle.pop().set_result(work)
        else:
            self._tasks.add(asyncio.create_task(self._work(work)))

    async def stop(self, timeout: float) -> None:  # noqa: ASYNC109 - a bound
        """Wait so many seconds for what is begun, and cancel the rest; nothing is begun
        any more."""
        self._stopping = True
        for one in self._idle:
            one.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self, work: Work) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._run(work)
            following: asyncio.Future[Work] = loop.create_future()
            self._idle.append(following)
            self.busy -= 1
            self._ended()
            if self._stopping:
                return
            work = await following
