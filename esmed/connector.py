"""What dispatch sees of an SMSC or a provider, and what it offers them.

A connector MUST report each part handed to it exactly once, by ``results`` or
``returned``; MUST NOT block, retry through the store, or decide policy for what was
written and never answered; MUST acknowledge nothing received before ``done`` is called;
and takes a slot of its window before it writes and keeps it until ``release``.
Everything here runs in the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal, Protocol

from msgspec import Struct

from esmed.models import (
    Fault,
    InboundIn,
    Millis,
    MoAnswer,
    PartResult,
    Plan,
    Queued,
    ReceiptIn,
    Request,
)


class HealthState(StrEnum):
    """``state`` of a connector; only ``up`` and ``degraded`` can send."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    PAUSED = "paused"


class Health(Struct, frozen=True, gc=False):
    """How a connector is, since when and why."""

    state: HealthState
    since: Millis
    reason: str = ""

    @property
    def sends(self) -> bool:
        """Whether messages can leave now."""
        return self.state in {HealthState.UP, HealthState.DEGRADED}


class BindView(Struct, frozen=True, omit_defaults=False, gc=False):
    """One bind at a host: ``transceiver``, ``receiver``, ``transmitter-2``, …"""

    bind: str
    state: Literal["closed", "connecting", "binding", "bound", "unbinding"]
    reason: str
    since: Millis


class HostView(Struct, frozen=True, omit_defaults=False, gc=False):
    """One host of a connector, as ``GET /v1/connectors`` shows it."""

    address: str
    role: Literal["primary", "backup"]
    state: Literal["closed", "connecting", "binding", "bound", "unbinding"]
    reason: str
    since: Millis
    binds: Sequence[BindView] = ()
    """What there is at the host, where that has binds."""


class Usage(Struct, frozen=True, gc=False):
    """How full a connector is: parts unanswered or not yet on disk, and PDU/s."""

    window_used: int
    window_size: int
    rate: float | None
    rate_ceiling: float | None


class Job:
    """One message on its way through one connector.

    ``parts`` are the numbers, from 1, still to be written, in order. Dispatch sets
    ``stopped`` to have the connector drop (and return) what it has not written.
    """

    __slots__ = ("parts", "plan", "queued", "reason", "stopped")

    def __init__(
        self, queued: Queued, plan: Plan, parts: Sequence[int], reason: str
    ) -> None:
        self.queued = queued
        self.plan = plan
        self.parts = list(parts)
        self.reason = reason
        self.stopped = False


Received = ReceiptIn | InboundIn


class Sink(Protocol):
    """What the application offers its connectors."""

    def results(self, results: Sequence[PartResult]) -> None:
        """Take what became of written parts; ``release`` follows once it is on disk."""

    def late(self, result: PartResult) -> None:
        """Take a response that came after its part was reported as Unknown."""

    def returned(self, job: Job, parts: Sequence[int]) -> None:
        """Take back parts that were never written: to the head of the queue."""

    def received(
        self, items: Sequence[Received], done: Callable[[Sequence[bool]], None]
    ) -> None:
        """Store receipts and MO; ``done`` tells, item by item, which are on disk.

        While the store cannot commit ``done`` is not called. False means that this one
        item can never be stored, and is to be refused.
        """

    def answered(
        self,
        item: InboundIn,
        answer: MoAnswer,
        done: Callable[[MoAnswer | None], None],
    ) -> None:
        """Store a whole MO message with what its sender is answered.

        ``done`` tells the answer to give, once it is on disk: to a repetition that of
        the first copy; None if it can never be stored.
        """

    async def answer_on_record(self, connector: str, remote_id: str) -> MoAnswer | None:
        """Return what was answered to the MO message with that id; StoreError."""

    def refused(self, items: Sequence[Received]) -> None:
        """Hear that these, handed to ``received`` and not on disk yet, were refused for
        the time being: they may be stored all the same, and come again."""

    def session_ended(self, session: str) -> None:
        """Hear that a bind is gone, by the name its MO carried: `InboundIn.session`."""

    def more_for(self, connector: str) -> bool:
        """Tell whether messages wait that this connector may take."""

    def wake(self, connector: str) -> None:
        """Hear that a connector's capacity or health may have changed: ``submit``
        follows soon if it can write."""


class Sent(Struct, frozen=True, kw_only=True, gc=False):
    """A part that the next hop has, by what it goes by there."""

    request: Request
    host: str
    """The one that took it."""
    smsc_id: str


class Asking(Struct, frozen=True, kw_only=True, gc=False):
    """When the next hop is asked what has become of what it took; times in seconds."""

    first: float
    """From when a part was taken until the first question."""
    again: tuple[float, ...]
    """How long an answer and news are waited for after each question; when the last of
    these has passed the message is ``unknown``."""
    batch: int
    """Parts in one question."""
    every: float
    """Between two questions."""


class Capabilities(Struct, frozen=True, kw_only=True):
    """What a connector can do about a part that the next hop has."""

    cancel: bool = False
    asking: Asking | None = None
    receipts: bool = True
    """Whether anything is heard of it by itself or by asking."""


class Operation(Struct, frozen=True):
    """Something else that a connector can do when an administrator asks for it.

    ``arguments`` is a Struct that forbids unknown fields: its types, limits and
    descriptions (`msgspec.Meta`) are what callers are told and held to. ``run`` takes
    one and returns plain JSON values; it may raise `InvalidError` about a field of it,
    `ConflictError`, and `BusyError` where the peer cannot be asked now.
    """

    name: str
    summary: str
    arguments: type[Struct]
    run: Callable[[Any], Awaitable[Mapping[str, Any]]]


class Connector(Protocol):
    """An SMSC or a provider."""

    @property
    def name(self) -> str:
        """The key under ``connectors:``."""

    @property
    def kind(self) -> str:
        """The value of ``kind:``."""

    @property
    def paused(self) -> bool:
        """Whether an operator has said `pause`."""

    @property
    def schedules(self) -> bool:
        """Whether the next hop keeps a message with a ``send_at`` until then, so that
        it is to be handed over at once."""

    async def start(self) -> None:
        """Start connecting; returns at once, reconnects for ever."""

    async def stop(self, timeout: float) -> None:  # noqa: ASYNC109 - a bound, not a wish
        """Begin nothing more, end what is begun, wait for answers, leave; all of that
        within ``timeout`` seconds.

        Said again meanwhile, the nearer end counts; afterwards it does nothing.
        """

    def health(self) -> Health:
        """Answer for routing and readiness."""

    def alive(self) -> bool:
        """Answer for the watchdog: False once only a restart of the daemon helps."""

    def hosts(self) -> list[HostView]:
        """Answer for ``GET /v1/connectors``."""

    def usage(self) -> Usage:
        """Answer for ``GET /v1/connectors`` and the metrics."""

    def capacity(self) -> int:
        """Parts it would write at once: 0 when full, limited, paused or down."""

    def portions(self, waiting: Sequence[int]) -> Sequence[int]:
        """Share the capacity out: how many parts of each priority to hand over now.

        ``waiting`` is how many there are, both in the order of `Priority`.
        """

    def plan(self, request: Request) -> Plan | Fault:
        """Split a message as it would be sent; pure but for the reference."""

    def submit(self, jobs: Sequence[Job]) -> None:
        """Take jobs, and write what there is room for; returns at once.

        What it has taken before it writes only when this is called again, if need be
        without jobs: what is more urgent may have come meanwhile. It asks by ``wake``.
        """

    def take_back(self, job: Job) -> None:
        """Return a job of which nothing is written; do nothing if something is."""

    def release(self, count: int) -> None:
        """Free window slots: that many reported results are on disk."""

    def freeze(self, frozen: bool) -> None:
        """Stop (or resume) writing while the store cannot commit."""

    def pause(self) -> None:
        """Stop sending until ``resume``; binds stay, receipts and MO are taken."""

    def resume(self) -> None:
        """Undo ``pause``."""

    def rebind(self) -> None:
        """Leave all hosts and connect anew."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do, as it is configured; the others are not to be called."""

    async def cancel(self, sent: Sent) -> Fault | None:
        """Have the next hop drop a part; None: it has. Why not is a value, too, and so
        is no answer: it ends within seconds."""

    async def query(self, sent: Sequence[Sent]) -> Sequence[ReceiptIn | Fault | None]:
        """Ask the next hop what has become of parts, likewise; `Asking.batch` at most.

        One answer for each, in their order. ``buffered``: it is still on its way. None:
        nothing has become of it yet. A fault that is not of the class ``temporary``:
        asking again is of no use, which ends the message once its ``receipt_timeout``
        is over.
        """

    def operations(self) -> Sequence[Operation]:
        """Tell what else it can do."""
