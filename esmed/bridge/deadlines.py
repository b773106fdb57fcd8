"""When exchanges have to be over: like `asyncio.timeout`, but with one timer for all of
them. Timers of its own make an exchange dearer by a tenth."""

from __future__ import annotations

import asyncio
import math
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, cast


class Deadlines:
    """Those of one carrier."""

    def __init__(self) -> None:
        self._open: set[Deadline] = set()
        self._alarm: asyncio.TimerHandle | None = None

    def after(self, seconds: float) -> Deadline:
        """Make the running task's, for a `with`: so long after `start` is said inside,
        TimeoutError leaves it."""
        return Deadline(self._open, seconds)

    def start(self) -> None:
        """Have the running task's time begin, or begin anew."""
        one = _own.get()
        one.start()
        self._ring(one.at)

    def _ring(self, at: float) -> None:
        if self._alarm is not None:
            if self._alarm.when() <= at:
                return
            self._alarm.cancel()
        loop = asyncio.get_running_loop()
        # Not at once: after a stall answers may be there that nobody has read yet.
        self._alarm = loop.call_at(at, loop.call_soon, self._rings)

    def _rings(self) -> None:
        self._alarm = None
        now = asyncio.get_running_loop().time()
        for one in self._open:
            one.check(now)
        following = min((one.at for one in self._open), default=math.inf)
        if following < math.inf:
            self._ring(following)


class Deadline:
    """That of one task."""

    __slots__ = ("_cancelling", "_missed", "_open", "_seconds", "_task", "at")

    def __init__(self, open_: set[Deadline], seconds: float) -> None:
        self._open = open_
        self._seconds = seconds
        self._task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._cancelling = self._task.cancelling()
        self._missed = False
        self.at = math.inf
        """By the loop's clock; infinite before it runs, and once it is missed."""

    def start(self) -> None:
        """Count from now on."""
        if not self._missed:
            self.at = asyncio.get_running_loop().time() + self._seconds

    def check(self, now: float) -> None:
        """Cancel the task if it is too late."""
        if self.at <= now:
            self.at = math.inf
            self._missed = True
            self._task.cancel()

    def __enter__(self) -> None:
        self._open.add(self)
        _own.set(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        self._open.remove(self)
        if not self._missed:
            return
        # Who else has cancelled the task wants it to end.
        others = self._task.uncancel() > self._cancelling
        if kind is asyncio.CancelledError and not others:
            raise TimeoutError from error


_own: Final[ContextVar[Deadline]] = ContextVar("deadline")
"""The running task's."""
