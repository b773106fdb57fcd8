"""Drains the outbox to the customers' URLs: the shell around `hooks` and `hookqueue`.

The rules:

* What is delivered is recorded before its stream goes on: the store gives only the
  first undelivered event of each, so a message's events arrive in order, and each at
  least once, with the same ``webhook-id`` however often.
* Memory is bounded by a window over the outbox, tasks by ``concurrency``: a runner
  posts one event after another while there is something to post.
* While the store cannot commit nothing new is sent: it could not be recorded.
* Once an event is dead it stays in the store for `Replay`.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, Literal

from aiohttp import ClientSession

from esmed import hooks, log
from esmed.clock import Clock
from esmed.config import Webhooks as WebhooksConfig
from esmed.errors import StoreError
from esmed.hookqueue import Flight, HookQueue
from esmed.hooksender import Answer, HookSender, new_session
from esmed.metrics import Metrics
from esmed.models import Millis
from esmed.secret import webhook_key
from esmed.store.base import HookResult, OutboxItem, Store

PAGE: Final = 200
"""New events asked for at once."""
WINDOW: Final = 1000
"""Events held in memory: ready, or sent and not recorded yet."""
GATHER: Final = 0.01
"""Seconds between two looks into the outbox, and for results to become a batch. Real
ones, not the clock's: they bound what that costs and decide nothing."""
TICK: Final = 1.0
"""Seconds after which what has become due by itself is noticed."""
TICKS_A_GAUGE: Final = 15

_log = log.get("webhooks")


class Webhooks:
    """Delivers events until ``stop``. Without a secret it never sends anything."""

    def __init__(
        self,
        store: Store,
        config: WebhooksConfig,
        metrics: Metrics,
        clock: Clock,
        *,
        sessions: Callable[[WebhooksConfig], ClientSession] = new_session,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._config = config
        self._metrics = metrics
        self._clock = clock
        self._sessions = sessions
        self._jitter = jitter
        self._queue = HookQueue(config.concurrency)
        # None stands for the configured URL; without one such events have to wait.
        self._nowhere: list[str | None] = [] if config.url else [None]
        self._loops: list[asyncio.Task[None]] = []
        self._runners: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._signal = asyncio.Event()
        self._stale = True
        """Whether the outbox may have more than is known here."""
        self._look = False
        """Whether to look into it although there is enough to do."""
        self._asked = False
        """Whether it was looked into since the last tick."""
        self._asking = False
        self._hopeless: set[str | None] = set()
        self._results: list[HookResult] = []
        self._storing = False
        self._stored: list[int] = []
        self._clean = asyncio.Event()
        self._clean.set()

    async def start(self) -> None:
        """Begin to deliver; returns at once."""
        if self._config.secret is None:
            return
        key = webhook_key(self._config.secret.reveal())
        self._session = self._sessions(self._config)
        self._sender = HookSender(self._session, self._config.url, key)
        self._loops = [
            asyncio.create_task(self._pump(), name="webhooks"),
            asyncio.create_task(self._tick(), name="webhooks-tick"),
        ]
        self.wake()

    def wake(self) -> None:
        """Hear that there are new events, or that the store is back."""
        self._stale = True
        self._signal.set()

    async def stop(self, timeout: float) -> None:  # noqa: ASYNC109 - a bound, not a wish
        """Send nothing more; within ``timeout`` seconds end and record what is open.

        What is not recorded by then is sent again by the next process.
        """
        self._stopping = True
        loops, self._loops = self._loops, []
        if not loops:
            return
        try:
            await _cancelled(loops)
            async with asyncio.timeout(timeout):
                while self._runners:
                    await asyncio.wait(self._runners)
                await self._clean.wait()
        except TimeoutError:
            _log.warning(
                "webhooks.cut_short",
                requests=len(self._runners),
                unrecorded=len(self._results),
            )
        finally:
            await _cancelled(self._runners)
            await self._session.close()

    # --- what to send ----------------------------------------------------------------

    async def _pump(self) -> None:
        while True:
            await self._signal.wait()
            self._signal.clear()
            await _safely(self._turn())
            await asyncio.sleep(GATHER)

    async def _turn(self) -> None:
        """Have all places taken for which there is an event."""
        for url in tuple(self._hopeless):
            await self._bury(url)
        self._launch()
        while self._needs_more():
            self._look = False
            self._asked = True
            # Before the question: what is told while it is answered must not be lost.
            self._stale = False
            now = self._clock.now_ms()
            page = await self._page(now, self._queue.skip(now))
            if self._queue.add(page):
                self._stale = True
            self._release()
            self._launch()

    def _needs_more(self) -> bool:
        return (
            self._stale
            and self._store.available
            and self._queue.busy < WINDOW
            and (self._look or not self._queue.has_enough(self._clock.now_ms()))
        )

    async def _page(
        self, now: Millis, skip: Sequence[str | None]
    ) -> Sequence[OutboxItem]:
        self._asking = True
        try:
            return await self._store.outbox(
                now, PAGE + self._queue.busy, [*self._nowhere, *skip]
            )
        finally:
            self._asking = False

    def _launch(self) -> None:
        while flight := self._next():
            runner = asyncio.create_task(self._run(flight), name="webhook")
            self._runners.add(runner)
            runner.add_done_callback(self._runners.discard)

    def _next(self) -> Flight | None:
        if self._stopping or not self._store.available or len(self._results) >= WINDOW:
            return None
        return self._queue.take(self._clock.now_ms())

    async def _tick(self) -> None:
        while True:
            await _safely(self._gauge())
            for _ in range(TICKS_A_GAUGE):
                await self._clock.sleep(TICK)
                # A whole second without a look: a slow URL may hide others behind it.
                self._look, self._asked = not self._asked, False
                self.wake()

    async def _gauge(self) -> None:
        events, oldest = await self._store.backlog()
        waited = 0 if oldest is None else self._clock.now_ms() - oldest
        self._metrics.webhook_backlog.set(events)
        self._metrics.webhook_oldest.set(max(0, waited) / 1000)

    # --- sending ---------------------------------------------------------------------

    async def _run(self, flight: Flight) -> None:
        """Send one event after another while there are any."""
        following: Flight | None = flight
        while following is not None:
            flight = following
            try:
                answer = await self._sender.send(flight.item, int(self._clock.now()))
            except Exception as exc:  # noqa: BLE001 - the root of a task
                _log.error("webhooks.bug", exc=exc)
                answer = Answer("internal error")
            self._settle(flight, answer)
            following = self._next()
            # A success may have earned the URL a second place beside this one.
            self._launch()
            if self._stale and not self._queue.has_enough(self._clock.now_ms()):
                self._signal.set()

    # --- what came of it -------------------------------------------------------------

    def _settle(self, flight: Flight, answer: Answer) -> None:
        now = self._clock.now_ms()
        item = flight.item
        if answer.acknowledged:
            if self._queue.succeeded(flight):
                _log.info("webhooks.back", url=self._sender.origin(item.url))
            self._hopeless.discard(item.url)
            self._record(_result(item, now, answer.note, "delivered"))
            return
        news = not item.tries or not answer.connected
        if self._queue.failed(flight, now, news=news, jitter=self._jitter()):
            _log.warning(
                "webhooks.resting",
                url=self._sender.origin(item.url),
                reason=answer.note,
            )
        due_at = hooks.next_attempt(
            begun_at=item.begun_at,
            tries=item.tries,
            now=now,
            jitter=self._jitter(),
        )
        if due_at is None:
            _log.warning(
                "webhooks.dead", id=item.id, type=item.type, reason=answer.note
            )
            self._record(_result(item, now, answer.note, "dead"))
        else:
            self._record(_result(item, now, answer.note, "retry", due_at))
        if flight.lane.breaker.hopeless(now):
            self._hopeless.add(item.url)
            self._signal.set()

    async def _bury(self, url: str | None) -> None:
        """Declare dead what has grown old behind a hopeless URL, one page a turn."""
        if self._queue.busy >= WINDOW:
            return
        now = self._clock.now_ms()
        page = await self._page(now, self._queue.others(url))
        old = self._queue.reserve(
            item
            for item in page
            if item.url == url and hooks.is_old(item.begun_at, now)
        )
        self._release()
        if not old:
            self._hopeless.discard(url)
            return
        _log.warning("webhooks.buried", url=self._sender.origin(url), events=len(old))
        for item in old:
            self._record(_result(item, now, "its URL has failed for too long", "dead"))

    def _record(self, result: HookResult) -> None:
        counted = result.outcome if result.outcome != "retry" else "failed"
        self._metrics.webhooks[counted].inc()
        self._results.append(result)
        self._clean.clear()
        self._gather()

    def _gather(self) -> None:
        """Have results recorded soon, many at once, one batch after the other."""
        if not self._storing:
            self._storing = True
            asyncio.get_running_loop().call_later(GATHER, self._flush)

    def _flush(self) -> None:
        batch, self._results = self._results, []
        self._store.duty(batch, partial(self._recorded, batch))

    def _recorded(self, batch: Sequence[HookResult], results: list[Any]) -> None:
        self._storing = False
        for operation, result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                # It is sent again, but not before the next start: it would be for ever.
                _log.error("webhooks.unrecorded", exc=result, seq=operation.seq)
            else:
                self._stored.append(operation.seq)
        self._release()
        if self._results:
            self._gather()
        else:
            self._clean.set()
        self.wake()

    def _release(self) -> None:
        """Forget what is on disk, but not while a page is read: it may be older."""
        if not self._asking:
            self._queue.stored(self._stored)
            self._stored.clear()


def _result(
    item: OutboxItem,
    now: Millis,
    note: str,
    outcome: Literal["delivered", "retry", "dead"],
    due_at: Millis | None = None,
) -> HookResult:
    return HookResult(seq=item.seq, at=now, note=note, outcome=outcome, due_at=due_at)


async def _safely(work: Awaitable[None]) -> None:
    """Do one turn of a loop that must go on."""
    try:
        await work
    except StoreError as exc:
        # It says so itself, and the next tick tries again.
        _log.debug("webhooks.store", reason=exc)
    except Exception as exc:  # noqa: BLE001 - the root of a task
        _log.error("webhooks.bug", exc=exc)


async def _cancelled(tasks: Iterable[asyncio.Task[None]]) -> None:
    pending = list(tasks)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
