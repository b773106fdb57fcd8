"""When parts are written, and on which binds; what cannot be is returned.

What waits is written only when dispatch calls, so that what is more urgent can join it.
It is asked to by `Sink.wake` as soon as there is room: after an answer, a full socket,
or the mere passing of time.
"""

import asyncio
from collections.abc import Callable, Sequence

from esmed.clock import Clock
from esmed.connector import Job, Sink
from esmed.models import PartResult
from esmed.smpp.backlog import Piece, by_job
from esmed.smpp.hosts import Hosts
from esmed.smpp.limits import Limits
from esmed.smpp.link import Link
from esmed.smpp.mode import Mode
from esmed.smpp.sender import Sender


class Submission:
    """Has what one connector's sender may write written.

    ``on_time`` is called when the passing of time may have changed which host is sent
    over.
    """

    def __init__(
        self,
        name: str,
        *,
        mode: Mode,
        hosts: Hosts,
        sender: Sender,
        limits: Limits,
        sink: Sink,
        clock: Clock,
        on_time: Callable[[], None],
    ) -> None:
        self._name = name
        self._mode = mode
        self._hosts = hosts
        self._sender = sender
        self._limits = limits
        self._sink = sink
        self._clock = clock
        self._on_time = on_time
        self._idle = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    # --- life ------------------------------------------------------------------------

    def start(self) -> None:
        """Go by the running loop's time from now on."""
        self._loop = asyncio.get_running_loop()
        self._limits.start(self.now())

    def now(self) -> float:
        """The time as sessions count it; 0 before `start`."""
        return 0.0 if self._loop is None else self._loop.time()

    async def finish(self, timeout: float) -> None:  # noqa: ASYNC109 - a bound
        """Write what is begun, and wait for what is unanswered; return what is left.

        `Mode.stopping` is to be set before.
        """
        try:
            self.pump()
            if self._is_busy():
                waiting = asyncio.get_running_loop().create_task(self._idle.wait())
                await asyncio.wait([waiting], timeout=timeout)
                waiting.cancel()
        finally:
            self.return_all()
            self._set_alarm(self.now())

    def note_idle(self) -> None:
        """Look whether `finish` has anything left to wait for."""
        if self._mode.stopping and not self._is_busy():
            self._idle.set()

    def _is_busy(self) -> bool:
        return self._hosts.unanswered or bool(self._sender.backlog)

    # --- from and to dispatch --------------------------------------------------------

    def capacity(self) -> int:
        """Parts that would leave at once."""
        if self._mode.stopping or not self._writable():
            return 0
        return self._sender.room(self.now())

    def submit(self, jobs: Sequence[Job]) -> None:
        """Write what there is room for; the rest waits in order."""
        mode = self._mode
        self._sender.backlog.add(jobs)
        if self._hosts.active is None or mode.paused or not mode.sends:
            self.return_all()
        elif mode.stopping:
            self.return_unbegun()
        else:
            self._write()

    def take_back(self, job: Job) -> None:
        """Return a job of which nothing is written; do nothing if something is."""
        self._return(self._sender.backlog.withdraw(job))

    def return_all(self) -> None:
        """Return what waits."""
        self._return(self._sender.backlog.drain())

    def return_unbegun(self) -> None:
        """Return what waits of messages of which nothing is written."""
        self._return(self._sender.backlog.withdraw_unbegun())

    def return_if_paused(self) -> None:
        """Return what waits, and what was throttled since and waits again."""
        if self._mode.paused:
            self.return_all()

    def _return(self, pieces: Sequence[Piece]) -> None:
        for job, parts in by_job(pieces).items():
            self._sink.returned(job, parts)

    # --- writing ---------------------------------------------------------------------

    def pump(self) -> None:
        """Have what waits here written, once what is more urgent could join it."""
        now = self.now()
        if self._sender.backlog and self._writable() and self._sender.room(now):
            if self._mode.stopping:
                # Nothing joins it any more.
                self._write()
                return
            self._sink.wake(self._name)
        self._limits.note(now)
        self._set_alarm(now)

    def _writable(self) -> list[Link]:
        """The links that parts can be written to now."""
        active, mode = self._hosts.active, self._mode
        if active is None or not mode.sends or mode.frozen or mode.paused:
            return []
        return active.writable()

    def _write(self) -> None:
        """Write what waits, as far as there is room."""
        now, links = self.now(), self._writable()
        dropped: list[Piece] = []
        results: list[PartResult] = []
        if links:
            transports = [link.transport for link in links if link.transport]
            dropped, results = self._sender.write(
                [transport.session for transport in transports],
                links[0].address,
                now,
                self._clock.now_ms(),
            )
            for transport in transports:
                transport.touch()
        self._limits.note(now)
        self._set_alarm(now)
        # Last, because whoever is told may come back with more.
        self._return(dropped)
        if results:
            self._sink.results(results)
        self.note_idle()

    def _set_alarm(self, now: float) -> None:
        """Look again when the mere passing of time changes something.

        ``now`` is the time of the last look: what has become possible since then nobody
        has seen.
        """
        stopping = self._mode.stopping
        times = [] if stopping else [self._hosts.next_deadline()]
        if self._writable() and (self._sender.backlog or not stopping):
            times.append(self._sender.next_at(now))
        at = min((time for time in times if time is not None), default=None)
        if self._alarm is not None:
            if at is not None and self._alarm.when() <= at:
                return
            self._alarm.cancel()
            self._alarm = None
        if at is not None and self._loop is not None:
            self._alarm = self._loop.call_at(at, self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        if self._mode.stopping:
            self.pump()
        else:
            self._on_time()
