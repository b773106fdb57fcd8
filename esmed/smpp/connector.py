"""A connector of ``kind: smpp``: one account at one SMSC, over one or more hosts.

Parts leave over the active host, over whichever of its binds has least to answer,
within one window and one rate for all binds; receipts and MO messages are taken on
every bind. A part is in exactly one place: the backlog, the window of a session, or
reported.

* What could not be written (link lost with no other, pause, stop, expired, its message
  refused) is returned. What was written and will not be answered is `Unknown`.
* ESME_RTHROTTLED alone is dealt with here: the part goes back to its place in the
  backlog, and the connector pauses. All other refusals are reported.
* Messages received are acknowledged when they are on disk, on the bind that brought
  them; if that is gone the SMSC will send them again.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final, assert_never

from esmed import log
from esmed.clock import Clock
from esmed.connector import (
    Capabilities,
    Health,
    HealthState,
    HostView,
    Job,
    Operation,
    Sent,
    Sink,
    Usage,
)
from esmed.metrics import Limit, Metrics
from esmed.models import Fault, Millis, PartResult, Plan, ReceiptIn, Request
from esmed.smpp import asker
from esmed.smpp.ancillary import Ancillary
from esmed.smpp.asker import Asker, is_answer
from esmed.smpp.backlog import Piece, by_job
from esmed.smpp.config import Config
from esmed.smpp.deliveries import Deliveries
from esmed.smpp.encoding import Encoder
from esmed.smpp.events import Event, Late, Responded, TimedOut
from esmed.smpp.events import Received as Delivery
from esmed.smpp.hosts import Hosts
from esmed.smpp.link import Link
from esmed.smpp.operations import PduTrace, query_sm
from esmed.smpp.pace import Pace
from esmed.smpp.receipts import Interpreter
from esmed.smpp.sender import Sender
from esmed.smpp.status import Statuses
from esmed.smpp.transport import Transport
from esmed.smpp.window import Pending
from pdu import CancelSm, DataSm, DeliverSm, Pdu, QuerySm

_FOR_ANSWERS: Final = 0.9
"""How much of the time to stop is for answers; what is left is for unbind."""

_log: Final = log.get("smpp.connector")


def create(
    name: str, config: Config, sink: Sink, clock: Clock, metrics: Metrics
) -> "SmppConnector":
    """Make the connector of one entry under ``connectors:``."""
    return SmppConnector(name, config, sink, clock, metrics)


def _pace(config: Config) -> Pace:
    return Pace(config.rate, adaptive=config.adaptive)


class SmppConnector:
    """Implements `esmed.connector.Connector`."""

    kind: Final = "smpp"

    def __init__(
        self, name: str, config: Config, sink: Sink, clock: Clock, metrics: Metrics
    ) -> None:
        self.name: Final = name
        self._config = config
        self._sink = sink
        self._clock = clock
        addresses = [str(address) for address in config.addresses]
        self._metrics = metrics.connector(name, addresses)
        self._encoder = Encoder(name, config)
        self._interpreter = Interpreter(name, config)
        self._deliveries = Deliveries(name, config, sink)
        self._ancillary = Ancillary(name, config)
        self._sender = Sender(
            name,
            self._encoder,
            window=config.window,
            shares=config.shares.in_order,
            pace=_pace(config),
            statuses=Statuses(config.statuses),
            metrics=self._metrics,
        )
        self._hosts = Hosts(
            config, connector=name, owner=self, clock=clock, metrics=self._metrics
        )
        self._asker = Asker(self._hosts.all, self._sender)
        self._reference = random.randrange(0x10000)  # noqa: S311 - not to begin at 0
        self._sends = config.bind != "receiver"
        self.paused = False
        """By an operator."""
        self._frozen = False
        self._stopping = False
        self._idle = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._state = HealthState.DOWN
        self._since = clock.now_ms()
        self._limit: tuple[Limit | None, float] = (None, 0.0)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._trace = PduTrace(name, self._hosts.links, clock)
        self._on_collect = metrics.on_collect
        self._uncollect: Callable[[], None] | None = None

    # --- life ------------------------------------------------------------------------

    async def start(self) -> None:
        """Start connecting; returns at once."""
        self._loop = asyncio.get_running_loop()
        self._limit = (None, self._now())
        self._uncollect = self._on_collect(self._collect)
        for link in self._hosts.links:
            link.start()
        self._hosts_changed()

    async def stop(self, timeout: float) -> None:  # noqa: ASYNC109 - the interface
        """Return what is not begun, write what is, wait for answers, unbind.

        Never raises for it.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        self._stopping = True
        self._give_back(self._sender.backlog.withdraw_unbegun())
        self._note_health()
        self._pump()
        try:
            if self._is_busy():
                waiting = loop.create_task(self._idle.wait())
                await asyncio.wait([waiting], timeout=timeout * _FOR_ANSWERS)
                waiting.cancel()
        finally:
            self._give_back(self._sender.backlog.drain())
            self._set_alarm(self._now())
            left = max(deadline - loop.time(), 0.0)
            stops = [loop.create_task(link.stop(left)) for link in self._hosts.links]
            await asyncio.gather(*stops)
            self._trace.stop()
            if self._uncollect is not None:
                self._collect()
                self._uncollect()
                self._uncollect = None

    def configure(self, config: Config) -> None:
        """Take the keys of `Config.in_place`; the others must be as they are."""
        before, self._config = self._config, config
        self._encoder = Encoder(self.name, config)
        self._interpreter = Interpreter(self.name, config)
        self._deliveries.configure(config)
        pace = self._sender.pace
        if (config.rate, config.adaptive) != (before.rate, before.adaptive):
            # What was learned from refusals was learned under another ceiling.
            pace = _pace(config)
        self._ancillary = Ancillary(self.name, config)
        if config.shares != before.shares:
            self._sender.backlog.share(config.shares.in_order)
        self._sender.configure(self._encoder, config.window, pace)
        self._pump()
        self._sink.wake(self.name)

    def pause(self) -> None:
        """Return what is not written, and take no more; binds stay."""
        self.paused = True
        self._return_if_paused()
        self._note_health()

    def resume(self) -> None:
        """Undo `pause`."""
        self.paused = False
        self._note_health()
        self._pump()

    def freeze(self, frozen: bool) -> None:
        """Write nothing while outcomes cannot be stored."""
        self._frozen = frozen
        self._pump()

    def rebind(self) -> None:
        """Leave each host once it has answered all, and connect anew."""
        for link in self._hosts.links:
            link.leave("rebind")

    @property
    def schedules(self) -> bool:
        """Whether the SMSC is told a schedule_delivery_time."""
        return self._config.schedule_format != "none"

    # --- questions -------------------------------------------------------------------

    def health(self) -> Health:
        """Up: all binds of the primary are there; degraded: something can send."""
        return Health(self._state, self._since, self._reason())

    def alive(self) -> bool:
        """Whether every link is still looked after."""
        return all(link.alive for link in self._hosts.links)

    def hosts(self) -> list[HostView]:
        """All hosts, the primary first."""
        return self._hosts.views()

    def usage(self) -> Usage:
        """Window and rate."""
        sender, pace = self._sender, self._sender.pace
        return Usage(sender.used, self._config.window, pace.rate, pace.ceiling)

    @property
    def capabilities(self) -> Capabilities:
        """As configured."""
        config = self._config
        return Capabilities(cancel=config.cancel_sm, query=config.query_sm)

    def operations(self) -> Sequence[Operation]:
        """What an operator can ask for."""
        if self._config.query_sm:
            return (self._trace.operation, query_sm(self.query))
        return (self._trace.operation,)

    def capacity(self) -> int:
        """Parts that would leave at once."""
        if self._stopping or not self._writable():
            return 0
        return self._sender.room(self._now())

    def portions(self, waiting: Sequence[int]) -> Sequence[int]:
        """How many of each priority, beside those that wait in the backlog."""
        return self._sender.backlog.portions(self.capacity(), waiting)

    def plan(self, request: Request) -> Plan | Fault:
        """Split a message as it would be sent."""
        plan = self._encoder.plan(request, self._reference)
        if isinstance(plan, Plan) and plan.reference is not None:
            self._reference = (self._reference + 1) & 0xFFFF
        return plan

    # --- sending ---------------------------------------------------------------------

    def submit(self, jobs: Sequence[Job]) -> None:
        """Write what there is room for; the rest waits in order."""
        self._sender.backlog.add(jobs)
        if self._hosts.active is None or self.paused or not self._sends:
            self._give_back(self._sender.backlog.drain())
        elif self._stopping:
            self._give_back(self._sender.backlog.withdraw_unbegun())
        else:
            self._write()

    def take_back(self, job: Job) -> None:
        """Return a job of which nothing is written; do nothing if something is."""
        self._give_back(self._sender.backlog.withdraw(job))

    def release(self, count: int) -> None:
        """Free window slots: that many reported results are on disk."""
        self._sender.release(count)
        self._pump()

    def _writable(self) -> list[Link]:
        """The links that parts can be written to now."""
        active = self._hosts.active
        if active is None or not self._sends or self._frozen or self.paused:
            return []
        return active.writable()

    def _pump(self) -> None:
        """Have what waits here written, once what is more urgent could join it."""
        now = self._now()
        if self._sender.backlog and self._writable() and self._sender.room(now):
            if self._stopping:
                # Nothing joins it any more.
                self._write()
                return
            self._sink.wake(self.name)
        self._note_limit(now)
        self._set_alarm(now)

    def _write(self) -> None:
        """Write what waits, as far as there is room."""
        now, links = self._now(), self._writable()
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
        self._note_limit(now)
        self._set_alarm(now)
        # Last, because whoever is told may come back with more.
        self._give_back(dropped)
        if results:
            self._sink.results(results)
        self._note_idle()

    def _return_if_paused(self) -> None:
        """Return what waits, and what was throttled since and waits again."""
        if self.paused:
            self._give_back(self._sender.backlog.drain())

    def _give_back(self, pieces: Sequence[Piece]) -> None:
        for job, parts in by_job(pieces).items():
            self._sink.returned(job, parts)

    # --- about what was sent ---------------------------------------------------------

    async def cancel(self, sent: Sent) -> Fault | None:
        """Ask by cancel_sm, over the host that has it or else another one."""
        answer = await self._ask(self._ancillary.cancel_sm(sent), sent.host)
        if isinstance(answer, Fault):
            return answer
        return self._ancillary.cancelled(answer)

    async def query(self, sent: Sent) -> ReceiptIn | Fault:
        """Ask by query_sm, likewise."""
        answer = await self._ask(self._ancillary.query_sm(sent), sent.host)
        if isinstance(answer, Fault):
            return answer
        return self._ancillary.found(answer, sent, self._clock.now_ms())

    async def _ask(self, request: CancelSm | QuerySm | Fault, host: str) -> Pdu | Fault:
        return await self._asker.ask(request, host, self._config.response_timeout)

    # --- what links tell -------------------------------------------------------------

    def link_up(self, link: Link) -> None:
        """Send over it, if its host's turn has come."""
        self._hosts.up(link, self._now())
        self._hosts_changed()

    def link_down(self, link: Link, *, failed: bool) -> None:
        """Send over another one, if there is one."""
        self._hosts.down(link, failed=failed)
        self._hosts_changed()

    def link_writable(self, link: Link) -> None:
        """Go on after a full socket."""
        if self._hosts.is_active(link):
            self._pump()
            self._sink.wake(self.name)

    def link_lost(
        self, link: Link, lost: list[tuple[int, Pending]], reason: str
    ) -> None:
        """Report what was written and will not be answered."""
        wall = self._clock.now_ms()
        results: list[PartResult] = []
        for sequence, pending in lost:
            if is_answer(pending.context):
                asker.lost(pending.context, reason)
                continue
            results.append(
                self._sender.unanswered(
                    pending.context, sequence, link.address, wall, reason
                )
            )
        self._note_idle()
        if results:
            self._sink.results(results)
        if link.was_bound:
            self._sink.session_ended(link.session_name)

    def link_events(self, link: Link, events: list[Event]) -> None:
        """Take answers and deliveries of one read, and hand them on in one go each."""
        now, wall = self._now(), self._clock.now_ms()
        sender, address = self._sender, link.address
        results: list[PartResult] = []
        late: list[PartResult] = []
        deliveries: list[DeliverSm | DataSm] = []
        for event in events:
            if type(event) is Responded:
                if is_answer(event.context):
                    asker.answered(event.context, event.pdu)
                    continue
                result = sender.answered(event, address, now, wall)
                if result is not None:
                    results.append(result)
            elif type(event) is Delivery:
                deliveries.append(event.pdu)
            elif isinstance(event, TimedOut | Late) and is_answer(event.context):
                # Whoever asked has gone, or hears of it from a clock of their own.
                continue
            elif type(event) is TimedOut:
                results.append(self._timed_out(event, address, wall))
            elif type(event) is Late:
                late.append(sender.answered_late(event, address, wall))
        if deliveries and link.transport is not None:
            self._receive(link, link.transport, deliveries, wall)
        for result in late:
            self._sink.late(result)
        self._return_if_paused()
        self._note_idle()
        if results:
            self._sink.results(results)
        self._pump()

    def _timed_out(self, event: TimedOut, address: str, wall: Millis) -> PartResult:
        reason = f"no answer within {self._config.response_timeout:g} s"
        return self._sender.unanswered(
            event.context, event.sequence, address, wall, reason
        )

    def _receive(
        self,
        link: Link,
        transport: Transport,
        deliveries: list[DeliverSm | DataSm],
        wall: Millis,
    ) -> None:
        read = self._interpreter.read
        items = [read(pdu, link.address, link.session_name, wall) for pdu in deliveries]
        self._deliveries.take(transport, deliveries, items)

    # --- which host, and how we are --------------------------------------------------

    def _hosts_changed(self) -> None:
        self._hosts.choose(self._now())
        self._hosts.want(stopping=self._stopping)
        self._note_health()
        if self._hosts.active is None:
            self._give_back(self._sender.backlog.drain())
            self._note_idle()
        self._pump()

    def _note_health(self) -> None:
        state = self._health_state()
        if state is not self._state:
            self._state = state
            self._since = self._clock.now_ms()
            _log.info(
                "connector.health",
                connector=self.name,
                state=state,
                reason=self._reason(),
            )
        self._sink.wake(self.name)

    def _health_state(self) -> HealthState:
        if self.paused:
            return HealthState.PAUSED
        if self._hosts.active is None or self._stopping:
            return HealthState.DOWN
        if not self._sends:
            return HealthState.PAUSED
        return HealthState.UP if self._hosts.primary.whole else HealthState.DEGRADED

    def _reason(self) -> str:
        primary = f"{self._hosts.primary.address}: {self._hosts.primary.reason}"
        match self._state:
            case HealthState.UP:
                if self._sender.throttle.active:
                    return "throttled by the SMSC"
                return self._hosts.notices()
            case HealthState.DEGRADED:
                return primary
            case HealthState.PAUSED:
                return "by the operator" if self.paused else "bind: receiver"
            case HealthState.DOWN:
                return "stopping" if self._stopping else primary
            case _:
                assert_never(self._state)

    def _is_busy(self) -> bool:
        return self._hosts.unanswered or bool(self._sender.backlog)

    def _note_idle(self) -> None:
        if self._stopping and not self._is_busy():
            self._idle.set()

    def _note_limit(self, now: float) -> None:
        """Count the time since the last time under what stopped us then."""
        limit, since = self._limit
        if limit is not None:
            self._metrics.limited_seconds[limit].inc(max(now - since, 0.0))
        if self._frozen or self.paused or self._stopping:
            limit = None
        elif self._hosts.active is None:
            limit = "link"
        else:
            limit = self._sender.limit(now)
            if not self._sender.backlog and not self._sink.more_for(self.name):
                limit = None  # nobody wants more
        self._limit = (limit, now)

    def _set_alarm(self, now: float) -> None:
        """Look again when the mere passing of time changes something.

        ``now`` is the time of the last look: what has become possible since then nobody
        has seen.
        """
        times = [] if self._stopping else [self._hosts.next_deadline()]
        if self._writable() and (self._sender.backlog or not self._stopping):
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
        if self._stopping:
            self._pump()
        else:
            self._hosts_changed()

    def _collect(self) -> None:
        """Bring the metrics up to date before they are read."""
        self._note_limit(self._now())
        for link in self._hosts.links:
            link.account()

    def _now(self) -> float:
        return 0.0 if self._loop is None else self._loop.time()
