"""The daemon, assembled: the one place that names concrete classes and wires them.

Start goes from the inside out, so that nothing is taken before it can be kept: store,
queue, connectors, webhooks, HTTP. Stop goes the other way round, save that HTTP is
served until nothing else is left to do: the windows empty, the binds are left, what was
heard is on disk, and what is still accepted meanwhile is for the next process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from esmed import listeners, log, routing
from esmed.announce import Announcer
from esmed.api import server
from esmed.api.service import HttpService
from esmed.clock import Clock, SystemClock
from esmed.config import Config
from esmed.connector import Connector, Job, Received
from esmed.connectorconfig import ConnectorConfig
from esmed.dispatch import Dispatch
from esmed.errors import StoreError
from esmed.gateway import Gateway
from esmed.inbound import InboundDesk
from esmed.metrics import Metrics
from esmed.models import MessageState, PartResult
from esmed.sdnotify import Notifier
from esmed.secret import webhook_key
from esmed.smpp import connector as smpp
from esmed.smpp.config import Config as SmppConfig
from esmed.store.base import Committed
from esmed.store.sqlite import SqliteStore
from esmed.webhooks import Webhooks

_log = log.get("app")

CHECKPOINT_EVERY: Final = 2.0
LAG_EVERY: Final = 0.5
STATUS_EVERY: Final = 5.0
REQUESTS_WITHIN: Final = 5.0
"""Seconds that requests still under way have to end when all else has."""


class App:
    """One daemon; ``start``, then ``stop``, once."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.config = config
        self.addresses: list[str] = []
        """Where HTTP is served, once started: ``host:port`` or ``unix:PATH``."""
        self._clock = clock or SystemClock()
        self._environ = environ
        self._notifier = Notifier(environ)
        self._stack = contextlib.AsyncExitStack()
        self._deadline = 0.0

    async def start(self) -> None:
        """Come up; raises EsmedError, having undone what was done."""
        try:
            await self._start()
        except BaseException:
            self._deadline = time.monotonic()
            await self._stack.aclose()
            raise

    async def stop(self) -> None:
        """Go down in order, within ``shutdown_timeout``."""
        self._notifier.stopping()
        self._deadline = time.monotonic() + self.config.shutdown_timeout
        await self._stack.aclose()

    def _left(self) -> float:
        """Seconds that the parts still running have to end."""
        return max(0.5, self._deadline - time.monotonic())

    async def _start(self) -> None:
        config, clock = self.config, self._clock
        metrics = Metrics(routes=server.ROUTES)
        hub = _Hub(metrics)
        store = SqliteStore(
            Path(config.store.url.removeprefix("sqlite:///")),
            durability=config.store.durability,
            announcer=Announcer(
                config.webhooks.events, default=config.webhooks.url is not None
            ),
            erase_final=config.store.erase_text == "final",
            committed=hub.committed,
            failed=hub.failed,
        )
        await store.open(clock.now_ms())
        self._stack.push_async_callback(store.close)
        http = self._http()
        self._stack.push_async_callback(lambda: http.close(self._for_requests))
        connectors = {
            name: _connector(name, one, hub, clock, metrics)
            for name, one in config.connectors.items()
        }
        router = routing.Router(
            (
                routing.Rule(
                    via=route.via,
                    to=route.to,
                    from_=route.from_,
                    client=route.client,
                    priority=route.priority,
                    failover_after=route.failover_after,
                    spill=route.spill,
                )
                for route in config.routes
            ),
            connectors,
        )
        dispatch = Dispatch(
            store,
            connectors,
            config.connectors,
            router,
            clock,
            retention=config.store.retention,
        )
        webhooks = Webhooks(store, config.webhooks, metrics, clock)
        hub.dispatch = dispatch
        hub.desk = InboundDesk(store, config.connectors, clock, metrics)
        hub.webhooks = webhooks
        await dispatch.start()
        await webhooks.start()
        self._stack.push_async_callback(lambda: webhooks.stop(self._left()))
        for connector in connectors.values():
            await connector.start()
        self._stack.push_async_callback(self._leave, dispatch, connectors)
        gateway = Gateway(
            store=store,
            dispatch=dispatch,
            router=router,
            clock=clock,
            max_queued=config.http.max_queued,
            webhook_hosts=config.webhooks.allow,
            webhook_key=(
                webhook_key(config.webhooks.secret.reveal())
                if config.webhooks.secret
                else None
            ),
        )
        metrics.on_collect(lambda: _gauges(metrics, dispatch, store))
        self.addresses = await http.start(
            server.build(gateway, config.http, metrics, clock, http.traffic)
        )
        self._stack.callback(gateway.leave)
        self._stack.callback(http.leave)
        for watch in (
            _measure_lag(metrics),
            _keep_log_short(store),
            _look_at_queues(store, connectors, clock, metrics),
            self._tell_status(connectors),
        ):
            self._background(watch)
        metrics.config_reload_success.set(1)
        self._notifier.ready()
        _log.info("app.ready", http=",".join(self.addresses))

    async def _leave(
        self, dispatch: Dispatch, connectors: Mapping[str, Connector]
    ) -> None:
        await dispatch.stop()
        await asyncio.gather(
            *(connector.stop(self._left()) for connector in connectors.values())
        )
        await dispatch.settled(self._left())

    def _background(self, coroutine: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(coroutine)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(end)

    # --- HTTP ------------------------------------------------------------------------

    def _http(self) -> HttpService:
        config = self.config.http
        sockets = self._stack.enter_context(
            listeners.listening(config.listen, self._environ)
        )
        if not config.clients:
            listeners.check_local(sockets)
        return HttpService(sockets)

    @property
    def _for_requests(self) -> float:
        """Seconds that requests under way have to end, once all else has."""
        return min(REQUESTS_WITHIN, self.config.shutdown_timeout)

    # --- what runs beside ------------------------------------------------------------

    async def _tell_status(self, connectors: Mapping[str, Connector]) -> None:
        """Keep the status line of ``systemctl status`` true."""
        while True:
            self._notifier.status(
                ", ".join(
                    f"{name} {connector.health().state}"
                    for name, connector in connectors.items()
                )
            )
            await asyncio.sleep(STATUS_EVERY)


class _Hub:
    """What connectors and the store tell, passed on to whom it concerns."""

    dispatch: Dispatch
    desk: InboundDesk
    webhooks: Webhooks

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    # For connectors (`esmed.connector.Sink`).

    def results(self, results: Sequence[PartResult]) -> None:
        self.dispatch.results(results)

    def late(self, result: PartResult) -> None:
        self.dispatch.late(result)

    def returned(self, job: Job, parts: Sequence[int]) -> None:
        self.dispatch.returned(job, parts)

    def received(
        self, items: Sequence[Received], done: Callable[[Sequence[bool]], None]
    ) -> None:
        self.desk.received(items, done)

    def session_ended(self, session: str) -> None:
        self.desk.session_ended(session)

    def wake(self, connector: str) -> None:
        self.dispatch.wake(connector)

    # For the store.

    def committed(self, told: Committed) -> None:
        metrics = self._metrics
        metrics.store_commit_seconds.observe(told.seconds)
        metrics.store_batch_operations.observe(told.operations)
        for change in told.changes:
            meters = metrics.connector(change.connector)
            if change.new is not change.old:
                meters.messages[change.new].inc()
                if change.new in _RECEIPTED and change.submitted_at is not None:
                    meters.delivery_seconds.observe(
                        (change.at - change.submitted_at) / 1000
                    )
        for name, complete in told.inbound:
            metrics.connector(name).inbound[complete].inc()
        for name in told.early:
            metrics.connector(name).receipts["early"].inc()
        self.dispatch.committed(told)
        if told.events:
            self.webhooks.wake()

    def failed(self, error: Exception) -> None:
        self._metrics.store_errors.inc()
        self.dispatch.failed(error)


def _connector(
    name: str, config: ConnectorConfig, hub: _Hub, clock: Clock, metrics: Metrics
) -> Connector:
    if isinstance(config, SmppConfig):
        return smpp.create(name, config, hub, clock, metrics)
    msg = f"connectors.{name}.kind: {config.kind} is not built in"
    raise StoreError(msg)


def _gauges(metrics: Metrics, dispatch: Dispatch, store: SqliteStore) -> None:
    """Set what is asked for only when somebody reads the metrics."""
    for name, connector in dispatch.connectors.items():
        usage = connector.usage()
        meters = metrics.connector(name)
        meters.queue_messages.set(dispatch.waiting_for[name])
        meters.window_used.set(usage.window_used)
        meters.window_size.set(usage.window_size)
        meters.rate_limit.set(usage.rate or 0)
    metrics.store_free_bytes.set(store.free_bytes())


async def _measure_lag(metrics: Metrics) -> None:
    """Measure how late the loop wakes us."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(LAG_EVERY)
        metrics.loop_lag_seconds.set(max(0.0, time.monotonic() - before - LAG_EVERY))


async def _look_at_queues(
    store: SqliteStore, connectors: Iterable[str], clock: Clock, metrics: Metrics
) -> None:
    """Set the gauges that take a question to the store."""
    while True:
        with contextlib.suppress(StoreError):
            vitals = await store.vitals()
            now = clock.now_ms()
            for name in connectors:
                meters = metrics.connector(name)
                due_at = vitals.oldest.get(name, now)
                meters.queue_oldest.set(max(0, now - due_at) / 1000)
                meters.held.set(vitals.held.get(name, 0))
        await asyncio.sleep(STATUS_EVERY)


async def _keep_log_short(store: SqliteStore) -> None:
    """Checkpoint the store's log when it has grown."""
    while True:
        await asyncio.sleep(CHECKPOINT_EVERY)
        with contextlib.suppress(StoreError):
            await store.checkpoint()


_RECEIPTED: Final = frozenset(
    {
        MessageState.DELIVERED,
        MessageState.UNDELIVERABLE,
        MessageState.EXPIRED,
        MessageState.DELETED,
        MessageState.REJECTED,
    }
)
