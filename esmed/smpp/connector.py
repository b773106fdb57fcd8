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
from typing import Final

from esmed.clock import Clock
from esmed.connector import (
    Capabilities,
    Health,
    HostView,
    Job,
    Operation,
    Sent,
    Sink,
    Usage,
)
from esmed.metrics import Metrics
from esmed.models import Fault, Millis, PartResult, Plan, ReceiptIn, Request
from esmed.smpp import asker
from esmed.smpp.asker import Asker, is_answer
from esmed.smpp.config import Config
from esmed.smpp.deliveries import Deliveries
from esmed.smpp.encoding import Encoder
from esmed.smpp.events import Event, Late, Responded, TimedOut
from esmed.smpp.events import Received as Delivery
from esmed.smpp.health import Condition
from esmed.smpp.hosts import Hosts
from esmed.smpp.limits import Limits
from esmed.smpp.link import Link
from esmed.smpp.mode import Mode
from esmed.smpp.operations import PduTrace, query_sm
from esmed.smpp.sender import Sender
from esmed.smpp.submission import Submission
from esmed.smpp.window import Pending
from pdu import DataSm, DeliverSm

_FOR_ANSWERS: Final = 0.9
"""How much of the time to stop is for answers; what is left is for unbind."""


def create(
    name: str, config: Config, sink: Sink, clock: Clock, metrics: Metrics
) -> "SmppConnector":
    """Make the connector of one entry under ``connectors:``."""
    return SmppConnector(name, config, sink, clock, metrics)


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
        meters = metrics.connector(name, [str(each) for each in config.addresses])
        self._encoder = Encoder(name, config)
        self._deliveries = Deliveries(name, config, sink)
        self._sender = Sender(name, self._encoder, config, meters)
        self._hosts = hosts = Hosts(
            config, connector=name, owner=self, clock=clock, metrics=meters
        )
        self._asker = Asker(name, config, hosts.all, self._sender, clock)
        self._mode = mode = Mode(sends=config.bind != "receiver")
        self._condition = Condition(name, mode, hosts, self._sender.throttle, clock)
        self._limits = Limits(
            name,
            mode=mode,
            hosts=hosts,
            sender=self._sender,
            sink=sink,
            metrics=meters,
        )
        self._submission = Submission(
            name,
            mode=mode,
            hosts=hosts,
            sender=self._sender,
            limits=self._limits,
            sink=sink,
            clock=clock,
            on_time=self._hosts_changed,
        )
        self._reference = random.randrange(0x10000)  # noqa: S311 - not to begin at 0
        self._trace = PduTrace(name, hosts.links, clock)
        self._on_collect = metrics.on_collect
        self._uncollect: Callable[[], None] | None = None

    # --- life ------------------------------------------------------------------------

    async def start(self) -> None:
        """Start connecting; returns at once."""
        self._submission.start()
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
        self._mode.stopping = True
        self._submission.return_unbegun()
        self._note_health()
        try:
            await self._submission.finish(timeout * _FOR_ANSWERS)
        finally:
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
        self._config = config
        self._encoder = Encoder(self.name, config)
        self._deliveries.configure(config)
        self._asker.configure(config)
        self._sender.configure(self._encoder, config)
        self._submission.pump()
        self._sink.wake(self.name)

    @property
    def paused(self) -> bool:
        """Whether an operator has said `pause`."""
        return self._mode.paused

    def pause(self) -> None:
        """Return what is not written, and take no more; binds stay."""
        self._mode.paused = True
        self._submission.return_all()
        self._note_health()

    def resume(self) -> None:
        """Undo `pause`."""
        self._mode.paused = False
        self._note_health()
        self._submission.pump()

    def freeze(self, frozen: bool) -> None:
        """Write nothing while outcomes cannot be stored."""
        self._mode.frozen = frozen
        self._submission.pump()

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
        return self._condition.health()

    def alive(self) -> bool:
        """Whether every link is still looked after."""
        return all(link.alive for link in self._hosts.links)

    def hosts(self) -> list[HostView]:
        """All hosts, the primary first."""
        return self._hosts.views()

    def usage(self) -> Usage:
        """Window and rate."""
        return self._sender.usage()

    @property
    def capabilities(self) -> Capabilities:
        """As configured."""
        return self._asker.capabilities

    def operations(self) -> Sequence[Operation]:
        """What an operator can ask for."""
        if self._config.query_sm:
            return (self._trace.operation, query_sm(self._asker.query))
        return (self._trace.operation,)

    def capacity(self) -> int:
        """Parts that would leave at once."""
        return self._submission.capacity()

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
        self._submission.submit(jobs)

    def take_back(self, job: Job) -> None:
        """Return a job of which nothing is written; do nothing if something is."""
        self._submission.take_back(job)

    def release(self, count: int) -> None:
        """Free window slots: that many reported results are on disk."""
        self._sender.release(count)
        self._submission.pump()

    # --- about what was sent ---------------------------------------------------------

    async def cancel(self, sent: Sent) -> Fault | None:
        """Ask by cancel_sm, over the host that has it or else another one."""
        return await self._asker.cancel(sent)

    async def query(self, sent: Sequence[Sent]) -> Sequence[ReceiptIn | Fault | None]:
        """Ask by query_sm, likewise, one after the other."""
        return [await self._asker.query(one) for one in sent]

    # --- what links tell -------------------------------------------------------------

    def link_up(self, link: Link) -> None:
        """Send over it, if its host's turn has come."""
        self._hosts.up(link, self._submission.now())
        self._hosts_changed()

    def link_down(self, link: Link, *, failed: bool) -> None:
        """Send over another one, if there is one."""
        self._hosts.down(link, failed=failed)
        self._hosts_changed()

    def link_writable(self, link: Link) -> None:
        """Go on after a full socket."""
        if self._hosts.is_active(link):
            self._submission.pump()
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
        self._submission.note_idle()
        if results:
            self._sink.results(results)
        if link.was_bound:
            self._sink.session_ended(link.session_name)

    def link_events(self, link: Link, events: list[Event]) -> None:
        """Take answers and deliveries of one read, and hand them on in one go each."""
        now, wall = self._submission.now(), self._clock.now_ms()
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
            self._deliveries.take(link, link.transport, deliveries, wall)
        for result in late:
            self._sink.late(result)
        self._submission.return_if_paused()
        self._submission.note_idle()
        if results:
            self._sink.results(results)
        self._submission.pump()

    def _timed_out(self, event: TimedOut, address: str, wall: Millis) -> PartResult:
        reason = f"no answer within {self._config.response_timeout:g} s"
        return self._sender.unanswered(
            event.context, event.sequence, address, wall, reason
        )

    # --- which host, and how we are --------------------------------------------------

    def _hosts_changed(self) -> None:
        self._hosts.choose(self._submission.now())
        self._hosts.want(stopping=self._mode.stopping)
        self._note_health()
        if self._hosts.active is None:
            self._submission.return_all()
            self._submission.note_idle()
        self._submission.pump()

    def _note_health(self) -> None:
        self._condition.note()
        self._sink.wake(self.name)

    def _collect(self) -> None:
        """Bring the metrics up to date before they are read."""
        self._limits.note(self._submission.now())
        for link in self._hosts.links:
            link.account()
