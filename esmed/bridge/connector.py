"""A connector to a provider that is spoken to in requests: HTTP, SOAP or mail.

Messages leave in batches over the first node that works; what comes back, by answer,
push or question, goes the way of everything else. The protocol is a pure `Provider`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from esmed import log
from esmed.bridge import content, schedule
from esmed.bridge.base import CallbackReply, CallbackRequest, Provider
from esmed.bridge.config import ProviderConfig
from esmed.bridge.inquiries import Inquiries
from esmed.bridge.intake import Intake
from esmed.bridge.limits import Limits
from esmed.bridge.line import Carrier, Line
from esmed.bridge.submission import Submission
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
from esmed.models import Fault, Plan, ReceiptIn, Request

SILENT: Final = 30.0
"""A provider that wants no request for longer than this, in seconds, is down."""
_FOR_ANSWERS: Final = 0.9
"""How much of the time to stop is for answers."""

_log: Final = log.get("bridge.connector")


class ProviderConnector:
    """Implements `esmed.connector.Connector`."""

    def __init__(
        self,
        name: str,
        config: ProviderConfig,
        *,
        create: Callable[[ProviderConfig], Provider],
        carrier: Carrier,
        sink: Sink,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self.name: Final = name
        self.kind: Final = config.kind
        self.paused = False
        """By an operator."""
        self._create = create
        self._provider = provider = create(config)
        self._sink = sink
        self._clock = clock
        self._config = config
        self._stopping = False
        self._frozen = False
        meters = metrics.connector(name, config.nodes)
        self._line = Line(
            name,
            config.nodes,
            provider=lambda: self._provider,
            carrier=carrier,
            clock=clock,
            metrics=meters,
            changed=self._note_health,
        )
        self._submission = Submission(
            name,
            config,
            provider=provider,
            line=self._line,
            sink=sink,
            clock=clock,
            metrics=meters,
            changed=self._note_health,
        )
        self._intake = Intake(
            name, config, provider=provider, line=self._line, sink=sink, clock=clock
        )
        self._inquiries = Inquiries(
            name, provider=provider, line=self._line, intake=self._intake, clock=clock
        )
        self._limits = Limits(meters.limited_seconds)
        self._health = Health(HealthState.DOWN, clock.now_ms(), "not tried yet")
        self._capabilities = _capabilities(provider, config)

    # --- life ------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to look whether the nodes work; returns at once."""
        self._line.start()
        self._intake.start()

    async def stop(self, timeout: float) -> None:  # noqa: ASYNC109 - the interface
        """Return what waits, wait for answers, close the connections."""
        self._stopping = True
        self._note_health()
        await self._intake.stop()
        await self._submission.stop(timeout * _FOR_ANSWERS)
        await self._line.stop()

    def configure(self, config: ProviderConfig) -> None:
        """Take the keys of `Config.in_place`; the others must be as they are."""
        self._config = config
        self._provider = self._create(config)
        self._line.configure(response_timeout=config.response_timeout)
        self._submission.configure(config, self._provider)
        self._intake.configure(config, self._provider)
        self._inquiries.configure(self._provider)
        self._capabilities = _capabilities(self._provider, config)
        self._submission.pump()

    def pause(self) -> None:
        """Return what waits, and take no more."""
        self.paused = True
        self._submission.drain()
        self._note_health()

    def resume(self) -> None:
        """Undo `pause`."""
        self.paused = False
        self._note_health()

    def freeze(self, frozen: bool) -> None:
        """Send nothing while outcomes cannot be stored."""
        self._frozen = frozen
        self._note_health()

    def rebind(self) -> None:
        """Probe all nodes anew."""
        self._line.doubt("rebind")

    @property
    def schedules(self) -> bool:
        """Whether the provider keeps what is to go later."""
        return self._provider.traits.schedules

    # --- questions -------------------------------------------------------------------

    def health(self) -> Health:
        """Up: the primary works; degraded: another node does."""
        return self._health

    def alive(self) -> bool:
        """Whether its nodes are still looked after."""
        return self._line.alive and self._intake.alive

    def hosts(self) -> list[HostView]:
        """The nodes, the primary first."""
        return self._line.views()

    def usage(self) -> Usage:
        """Messages on their way, and messages a second."""
        self._note_limit()
        rate = self._config.rate
        return Usage(
            self._submission.room.used, self._submission.room.window, rate, rate
        )

    @property
    def capabilities(self) -> Capabilities:
        """What the protocol can do."""
        return self._capabilities

    def operations(self) -> Sequence[Operation]:
        """What else the provider can do."""
        return self._inquiries.operations()

    def capacity(self) -> int:
        """Messages that would leave at once."""
        return self._submission.capacity()

    def portions(self, waiting: Sequence[int]) -> Sequence[int]:
        """How many of each priority."""
        return self._submission.portions(waiting)

    def plan(self, request: Request) -> Plan | Fault:
        """Count a message, unless it cannot go this way."""
        return self._provider.refusal(request) or content.plan(self.name, request)

    # --- messages --------------------------------------------------------------------

    def submit(self, jobs: Sequence[Job]) -> None:
        """Send jobs, in as few requests as can be."""
        self._submission.submit(jobs)
        self._note_limit()

    def take_back(self, job: Job) -> None:
        """Return a job that waits for a free request."""
        self._submission.take_back(job)

    def release(self, count: int) -> None:
        """Free what is on disk."""
        self._submission.release(count)
        self._note_limit()

    async def cancel(self, sent: Sent) -> Fault | None:
        """Have the provider drop a message."""
        return await self._inquiries.cancel(sent)

    async def query(self, sent: Sequence[Sent]) -> Sequence[ReceiptIn | Fault | None]:
        """Ask the provider what has become of messages."""
        return await self._inquiries.query(sent)

    def expects(self, secret: str, kind: str) -> bool:
        """Tell whether there is such a path for pushes."""
        return self._intake.expects(secret, kind)

    async def callback(self, kind: str, request: CallbackRequest) -> CallbackReply:
        """Take a push to it."""
        return await self._intake.callback(kind, request)

    # --- how we are ------------------------------------------------------------------

    def _note_health(self) -> None:
        state, reason = self._judge()
        before = self._health
        news = state is not before.state
        self._health = Health(
            state, self._clock.now_ms() if news else before.since, reason
        )
        if news:
            _log.info(
                "connector.health", connector=self.name, state=state, reason=reason
            )
        works = self._health.sends
        self._submission.open = works and not self._frozen and not self._stopping
        if not works:
            self._submission.drain()
        self._submission.pump()
        self._note_limit()

    def _note_limit(self) -> None:
        now = self._clock.monotonic()
        limit: Limit | None
        if self.paused or self._frozen or self._stopping:
            limit = None
        elif not self._line.working:
            limit = "link"
        elif self._submission.waits or self._sink.more_for(self.name):
            limit = self._submission.room.limit(now)
        else:
            limit = None  # nobody wants more
        self._limits.note(limit, now)

    def _judge(self) -> tuple[HealthState, str]:
        primary = self._line.nodes[0]
        if self.paused:
            return HealthState.PAUSED, "by the operator"
        if self._stopping:
            return HealthState.DOWN, "stopping"
        quiet = self._submission.room.quiet_until - self._clock.monotonic()
        wish = f"the provider wants a pause: {self._submission.room.quiet_reason}"
        if quiet > SILENT:
            return HealthState.DOWN, wish
        if primary.works:
            return HealthState.UP, wish if quiet > 0 else ""
        told = f"{primary.name}: {primary.reason}"
        if self._line.working:
            return HealthState.DEGRADED, told
        return HealthState.DOWN, told


def _capabilities(provider: Provider, config: ProviderConfig) -> Capabilities:
    traits = provider.traits
    asking = schedule.for_provider(
        traits,
        pushed="status" in traits.pushes and config.push_secret is not None,
        receipt_timeout=config.receipt_timeout,
    )
    return Capabilities(cancel=traits.cancels, asking=asking, receipts=traits.receipts)
