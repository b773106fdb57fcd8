"""The daemon, assembled: the one place that names concrete classes and wires them.

Start goes from the inside out, so that nothing is taken before it can be kept: store,
queue, connectors, webhooks, HTTP. Stop goes the other way round: intake closes, the
windows empty, the binds are left, what was heard is on disk. Inherited sockets are
served until nothing else is left to do, so that a restart refuses nobody: what is
accepted meanwhile is for the next process. A reload
decides everything in one turn of the loop; then what changed leaves and what is new
starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import ssl
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Final

from aiohttp import web

from esmed import chores, listeners, log, routing, supervision
from esmed.announce import Announcer
from esmed.api import callbacks, server
from esmed.api.service import HttpService
from esmed.beside import beside
from esmed.bridge import registry
from esmed.bridge.config import (
    HttpProviderConfig,
    MailProviderConfig,
    ProviderConfig,
)
from esmed.bridge.connector import ProviderConnector
from esmed.bridge.http import HttpCarrier
from esmed.bridge.line import Carrier
from esmed.bridge.mail import MailCarrier
from esmed.clock import Clock, SystemClock
from esmed.config import Config
from esmed.config import Webhooks as WebhooksConfig
from esmed.connector import Connector
from esmed.connectorconfig import ConnectorConfig
from esmed.dispatch import Dispatch
from esmed.errors import ConfigError, ConfigFault, StoreError, TransportError
from esmed.gateway import Gateway
from esmed.hub import Hub
from esmed.inbound import InboundDesk
from esmed.metrics import Metrics
from esmed.reload import Changes, compare
from esmed.roster import Roster
from esmed.sdnotify import Notifier
from esmed.secret import webhook_key
from esmed.smpp import connector as smpp
from esmed.smpp.config import Config as SmppConfig
from esmed.store.base import Pause
from esmed.store.sqlite import SqliteStore
from esmed.watchdog import Pulse
from esmed.webhooks import Webhooks

_log = log.get("app")

AFTER_LINKS: Final = 15.0
"""Seconds that the rest of a stop takes at most, once the links have been left."""
REQUESTS_WITHIN: Final = 5.0
"""Seconds that requests still under way have to end when no more are taken."""
RECORDED_WITHIN: Final = 5.0
"""Seconds for what became of webhooks to be on disk before others take over."""


class App:
    """One daemon; ``start``, then ``reload`` as often as one likes, then ``stop``."""

    _metrics: Metrics
    _hub: Hub
    _store: SqliteStore
    _roster: Roster
    _dispatch: Dispatch
    _gateway: Gateway
    _endpoints: web.Application
    _sockets: Sequence[listeners.Listener]

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
        self.callback_addresses: list[str] = []
        """Where providers push to, likewise."""
        self._callbacks_tls: ssl.SSLContext | None = None
        self._clock = clock or SystemClock()
        self._environ = environ
        self._notifier = Notifier(environ)
        self._stack = contextlib.AsyncExitStack()
        self._watches: list[asyncio.Task[None]] = []
        """What runs beside the rest until the stop."""
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
        timeout = self.config.shutdown_timeout
        self._notifier.stopping(timeout + AFTER_LINKS)
        self._deadline = time.monotonic() + timeout
        await self._stack.aclose()

    async def reload(self, load: Callable[[], Config]) -> bool:
        """Run by the configuration that ``load`` returns; whether that can be.

        ``load`` may take its time; it raises ConfigError. If the configuration cannot
        be used, or needs a restart, nothing changes, and the log says why. Reload once
        at a time. Whoever cancels this has to ``stop`` the daemon.
        """
        self._notifier.reloading()
        done = False
        try:
            config = await beside(load)
            changes = compare(self.config, config)
            self._check_clients(config)
            await self._renew_certificate(config)
            await self._apply(config, changes)
            done = True
        except ConfigError as error:
            for fault in error.faults:
                _log.error("config.refused", path=fault.path, reason=fault.message)
        finally:
            self._metrics.config_reload_success.set(int(done))
            self._notifier.ready()
        return done

    def _left(self) -> float:
        """Seconds that the parts still running have to end."""
        return max(0.5, self._deadline - time.monotonic())

    async def _start(self) -> None:
        config, clock = self.config, self._clock
        metrics = self._metrics = Metrics(routes=server.ROUTES)
        hub = self._hub = Hub(metrics)
        store = self._store = SqliteStore(
            config.store.path,
            durability=config.store.durability,
            announcer=_announcer(config),
            erase_final=config.store.erase_text == "final",
            committed=hub.committed,
            failed=hub.failed,
        )
        await store.open(clock.now_ms())
        self._stack.push_async_callback(store.close)
        http = self._http()
        close_http = functools.partial(self._close_http, http)
        self._stack.push_async_callback(close_http)
        roster = self._roster = Roster(
            config.connectors,
            lambda name, one: _connector(name, one, hub, clock, metrics),
            _adjust,
        )
        router = _router(config)
        dispatch = self._dispatch = Dispatch(
            store,
            roster.connectors,
            config.connectors,
            router,
            clock,
            retention=config.store.retention,
        )
        roster.changed = dispatch.connect
        hub.dispatch = dispatch
        hub.desk = InboundDesk(store, config.connectors, clock, metrics)
        hub.webhooks = Webhooks(store, config.webhooks, metrics, clock)
        await dispatch.start()
        await hub.webhooks.start()
        self._stack.push_async_callback(lambda: hub.webhooks.stop(self._left()))
        await self._pause_as_before()
        await roster.start()
        self._stack.push_async_callback(self._leave)
        gateway = self._gateway = Gateway(
            store=store,
            dispatch=dispatch,
            router=router,
            clock=clock,
            max_queued=config.http.max_queued,
            webhook_hosts=config.webhooks.allow,
            webhook_key=_webhook_key(config),
        )
        metrics.on_collect(lambda: chores.set_gauges(metrics, dispatch, store))
        self._endpoints = server.build(
            gateway, config.http, metrics, clock, http.traffic
        )
        self.addresses = await http.start(self._endpoints)
        if not http.outlives_us:
            self._stack.push_async_callback(close_http)
        self._stack.callback(gateway.leave)
        self._stack.callback(http.leave)
        await self._serve_callbacks()
        for watch in (
            lambda: chores.measure_lag(metrics),
            lambda: chores.keep_log_short(store),
            lambda: chores.look_at_queues(store, dispatch, clock, metrics),
            lambda: supervision.tell_status(self._notifier, self._connectors),
            lambda: supervision.feed_watchdog(
                self._notifier, lambda: self._pulses(store)
            ),
        ):
            self._background(watch)
        metrics.config_reload_success.set(1)
        self._notifier.ready()
        places = {"http": self.addresses, "callbacks": self.callback_addresses}
        told = {name: ",".join(where) for name, where in places.items() if where}
        _log.info("app.ready", **told)

    async def _pause_as_before(self) -> None:
        """Pause what an operator had paused, as far as it is still configured."""
        for name in await self._store.paused():
            if name in self._roster.connectors:
                self._roster.connectors[name].pause()
            else:
                self._forget_pause(name)

    def _forget_pause(self, name: str) -> None:
        forget = Pause(connector=name, paused=False)
        self._store.duty([forget], lambda _: None)

    async def _leave(self) -> None:
        await self._dispatch.stop()
        await self._roster.stop(self._left())
        await self._dispatch.settled(self._left())

    def _connectors(self) -> Iterable[Connector]:
        return self._roster.connectors.values()

    def _pulses(self, store: SqliteStore) -> dict[str, Pulse]:
        """How all are that the daemon cannot do without."""
        ended = any(task.done() for task in self._watches)
        return {
            "store": store.pulse,
            "daemon": Pulse(beats=0, busy=ended),
            **dict(supervision.of_connectors(self._roster.connectors)),
        }

    def _background(self, watch: Callable[[], Coroutine[object, object, None]]) -> None:
        async def run() -> None:
            try:
                # Made here, since a stop may come before the task begins.
                await watch()
            except Exception as error:  # noqa: BLE001 - the root of a task
                _log.error("app.bug", exc=error)

        task = asyncio.create_task(run())
        self._watches.append(task)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(end)

    # --- another configuration -------------------------------------------------------

    async def _apply(self, config: Config, changes: Changes) -> None:
        """Have a configuration take effect: all decisions before the first wait."""
        before, self.config = self.config, config
        for advice in config.warnings:
            _log.warning("config.advice", path=advice.path, message=advice.message)
        router = _router(config)
        self._store.configure(
            _announcer(config), erase_final=config.store.erase_text == "final"
        )
        self._dispatch.configure(
            config.connectors, router, retention=config.store.retention
        )
        self._hub.desk.configure(config.connectors)
        self._gateway.configure(
            router=router,
            max_queued=config.http.max_queued,
            webhook_hosts=config.webhooks.allow,
            webhook_key=_webhook_key(config),
        )
        server.configure(self._endpoints, config.http.clients)
        self._roster.begin(changes, config.connectors, config.shutdown_timeout)
        self._dispatch.replan(changes.adjusted)
        await asyncio.gather(
            self._roster.finish(changes, config.connectors),
            self._renew_webhooks(before.webhooks, config.webhooks),
        )
        for name in changes.removed:
            self._forget_pause(name)
            self._metrics.forget_connector(name)
        _log.info(
            "config.reloaded",
            kept=",".join(changes.kept),
            adjusted=",".join(changes.adjusted),
            changed=",".join(changes.changed),
            added=",".join(changes.added),
            removed=",".join(changes.removed),
            keys=",".join(changes.keys),
        )

    async def _renew_webhooks(
        self, before: WebhooksConfig, config: WebhooksConfig
    ) -> None:
        """Send events by other rules, once the requests under way have ended."""
        if config == before:
            return
        await self._hub.webhooks.stop(before.timeout + RECORDED_WITHIN)
        self._hub.webhooks = Webhooks(self._store, config, self._metrics, self._clock)
        await self._hub.webhooks.start()

    # --- HTTP ------------------------------------------------------------------------

    def _http(self) -> HttpService:
        config = self.config.http
        self._sockets = self._stack.enter_context(
            listeners.listening(config.listen, self._environ)
        )
        self._check_clients(self.config)
        return HttpService(self._sockets)

    async def _serve_callbacks(self) -> None:
        """Serve the listener for the providers' pushes, if there is to be one."""
        config = self.config.callbacks
        if config is None:
            return
        sockets = self._stack.enter_context(listeners.listening(config.listen, {}))
        if config.tls is not None:
            self._callbacks_tls = callbacks.server_context(config.tls)
        service = HttpService(sockets, self._callbacks_tls)
        application = callbacks.build(self._receiver, config, service.traffic)
        self.callback_addresses = await service.start(application)
        self._stack.push_async_callback(lambda: self._close_http(service))
        self._stack.callback(service.leave)

    async def _renew_certificate(self, config: Config) -> None:
        """Show who pushes what is in the file now. ConfigError if that cannot be."""
        context, listener = self._callbacks_tls, config.callbacks
        if context is None or listener is None or listener.tls is None:
            return
        tls = listener.tls
        try:
            await beside(lambda: callbacks.renew(context, tls))
        except TransportError as error:
            fault = ConfigFault(path="callbacks.tls", message=str(error))
            raise ConfigError([fault]) from error

    def _receiver(self, name: str) -> ProviderConnector | None:
        connector = self._roster.connectors.get(name)
        return connector if isinstance(connector, ProviderConnector) else None

    async def _close_http(self, http: HttpService) -> None:
        """Close it, with some time for the requests under way."""
        await http.close(min(REQUESTS_WITHIN, self.config.shutdown_timeout))

    def _check_clients(self, config: Config) -> None:
        """Raise ConfigError if others could come in without a token."""
        if not config.http.clients:
            listeners.check_local(self._sockets)


def _connector(
    name: str, config: ConnectorConfig, hub: Hub, clock: Clock, metrics: Metrics
) -> Connector:
    if isinstance(config, SmppConfig):
        return smpp.create(name, config, hub, clock, metrics)
    if isinstance(config, ProviderConfig):
        return ProviderConnector(
            name,
            config,
            create=registry.create,
            carrier=_carrier(config),
            sink=hub,
            clock=clock,
            metrics=metrics,
        )
    msg = f"connectors.{name}.kind: {config.kind} is not built in"
    raise StoreError(msg)


def _carrier(config: ProviderConfig) -> Carrier:
    if isinstance(config, HttpProviderConfig):
        return HttpCarrier(config)
    if isinstance(config, MailProviderConfig):
        return MailCarrier(config)
    msg = f"nothing carries {config.kind}"
    raise StoreError(msg)


def _adjust(connector: Connector, config: ConnectorConfig) -> None:
    match connector, config:
        case smpp.SmppConnector() as link, SmppConfig() as keys:
            link.configure(keys)
        case ProviderConnector() as bridge, ProviderConfig() as others:
            bridge.configure(others)
        case _:
            msg = f"connectors.{connector.name}: {config.kind} is not adjusted in place"
            raise StoreError(msg)


def _router(config: Config) -> routing.Router:
    rules = (
        routing.Rule(
            via=route.via,
            to=route.to,
            from_=route.from_,
            client=route.client,
            priority=route.priority,
            failover_after=route.failover_after,
            spill=route.spill,
            weights=tuple(route.weights.get(name, 0) for name in route.via)
            if route.weights
            else (),
        )
        for route in config.routes
    )
    return routing.Router(rules, config.connectors)


def _announcer(config: Config) -> Announcer:
    return Announcer(config.webhooks.events, default=config.webhooks.url is not None)


def _webhook_key(config: Config) -> bytes | None:
    secret = config.webhooks.secret
    return webhook_key(secret.reveal()) if secret else None
