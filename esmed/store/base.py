"""The store as the rest of esmed sees it: operations that change it, and questions.

Two ways in. ``intake`` is for callers who can be told to come back: it fails at once
with `StoreUnavailableError` while the store cannot commit. ``duty`` is for what has
already happened (answers, receipts, MO): it is tried until it is on disk, in order, and
only then reported. Both are one operation = all or nothing; many share one commit.

The ``done`` of duties are called in the order the duties were given. What `Page` and
`Sweep` see is what the disk has after all else of their commit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, Literal, Protocol

from msgspec import Struct

from esmed.models import (
    Fault,
    Inbound,
    InboundIn,
    MessageState,
    Millis,
    MoAnswer,
    OnUnknown,
    PartResult,
    Plan,
    Priority,
    Queued,
    ReceiptIn,
    Record,
    Request,
)

# --- operations ----------------------------------------------------------------------


class IdempotencyKey(Struct, frozen=True, kw_only=True, gc=False):
    """The key of a request, and the answer to give when it comes again."""

    client: str
    key: str
    digest: bytes
    """Of the request's body."""
    status: int
    answer: bytes
    at: Millis


class Accept(Struct, frozen=True, kw_only=True, gc=False):
    """New messages, all or none. Result: None."""

    records: Sequence[Record]
    key: IdempotencyKey | None = None


class Mark(Struct, frozen=True, kw_only=True, gc=False):
    """Before the first write of a message: its split, and unless it may be resent that
    from now on its outcome is unknown until told. Result: bool, whether the message
    still waits and may be written."""

    seq: int
    plan: Plan
    at: Millis
    on_unknown: OnUnknown
    deadline: Millis
    """When a held message is given up."""


class Submitted(Struct, frozen=True, kw_only=True, gc=False):
    """The outcome of one part. Result: bool, whether the message waits to be sent."""

    result: PartResult
    parts: int
    """0 for a late response: how it was split is on record."""
    encoding: str
    receipt_asked: bool
    deadline: Millis
    """When the state becomes ``unknown`` by itself if nothing more is heard."""
    ask_at: Millis | None = None
    """When the next hop is first asked what has become of it."""
    keys: tuple[str, ...] = ()
    """Canonical forms of the ids of `Accepted`, for receipts; "" without one."""
    short_messages: int = 0
    """How many the phone gets, if they are more than the parts."""


class Requeue(Struct, frozen=True, kw_only=True, gc=False):
    """A message goes back to wait. Result: None."""

    seq: int
    at: Millis
    due_at: Millis
    via: tuple[str, ...]
    tries: int
    error: Fault | None
    note: str | None = None
    """Why it goes this way, if that is another than before."""


class Finish(Struct, frozen=True, kw_only=True, gc=False):
    """Parts that no next hop has taken end in ``state``. Result: None."""

    seq: int
    state: MessageState
    error: Fault | None
    at: Millis


class Hold(Struct, frozen=True, kw_only=True, gc=False):
    """A part's outcome is unknown and the message waits for news. Result: None."""

    seq: int
    at: Millis
    deadline: Millis


class Cancel(Struct, frozen=True, kw_only=True, gc=False):
    """DELETE: Result: True when it was waiting, untouched, and is cancelled now."""

    seq: int
    at: Millis


class Recalled(Struct, frozen=True, kw_only=True, gc=False):
    """The next hop has dropped parts that it had taken. Result: None."""

    seq: int
    attempts: tuple[tuple[int, int], ...]
    """(part, attempt), from 1 and from 0."""
    at: Millis


class Resolve(Struct, frozen=True, kw_only=True, gc=False):
    """An operator decides over a held message. Result: bool, whether it was held."""

    seq: int
    resend: bool
    at: Millis


class Receipt(Struct, frozen=True, kw_only=True, gc=False):
    """A receipt. Result: ``matched``, ``duplicate`` or ``unmatched`` (parked)."""

    receipt: ReceiptIn
    keep_until: Millis


class ReceiveMo(Struct, frozen=True, kw_only=True, gc=False):
    """An MO PDU. Result: ``whole``, ``part`` or ``duplicate``."""

    inbound: InboundIn
    give_up_at: Millis
    """When what has come of a message in parts is delivered incomplete."""


class AnswerMo(Struct, frozen=True, kw_only=True, gc=False):
    """A whole MO message that is answered at once. Result: the `MoAnswer` to give,
    which for a repetition is that of the first copy."""

    inbound: InboundIn
    give_up_at: Millis
    answer: MoAnswer


class SessionEnded(Struct, frozen=True, kw_only=True, gc=False):
    """A bind is gone: what it brought in its last minute may come again.

    Result: None.
    """

    session: str
    at: Millis


class Expected(Struct, frozen=True, kw_only=True, gc=False):
    """An MO PDU was refused, though it may be on disk: it will come again.

    Result: None.
    """

    inbound: InboundIn


class Sweep(Struct, frozen=True, kw_only=True, gc=False):
    """Do what is due by itself: expiry, receipt and reassembly timeouts, retention.
    Result: bool, whether there may be more."""

    now: Millis
    limit: int
    retention: float
    """Seconds; of finished messages and all that belongs to them."""
    busy: Set[int]
    """Messages in a connector's hands, left alone."""
    ask: Mapping[str, Sequence[float]] = {}
    """Connectors that are asked, first, what has become of what they took: see
    `Committed.overdue`. How many seconds each message waits after each question."""
    room: Mapping[str, int] = {}
    """For how many parts they can be asked now: what is more, is asked for later."""
    patience: Mapping[str, float] = {}
    """Connectors whose parked receipts may end the holding of a part, and how many
    seconds it then waits for more of them."""


class GiveUp(Struct, frozen=True, kw_only=True, gc=False):
    """Nothing more will be heard of a message. Result: None."""

    seq: int
    at: Millis


class HookResult(Struct, frozen=True, kw_only=True, gc=False):
    """What became of one delivery attempt of an outbox row. Result: None."""

    seq: int
    at: Millis
    note: str
    """``200``, or why not."""
    outcome: Literal["delivered", "retry", "dead"]
    due_at: Millis | None = None


class Replay(Struct, frozen=True, kw_only=True, gc=False):
    """Send events again. Result: int, how many."""

    since: Millis
    dead: bool
    now: Millis


class Pause(Struct, frozen=True, kw_only=True, gc=False):
    """An operator's order about a connector, until the next one. Result: None."""

    connector: str
    paused: bool


class Page(Struct, frozen=True, kw_only=True, gc=False):
    """The next waiting messages of a lane, in order. Result: `QueuePage`."""

    via: tuple[str, ...]
    priority: Priority
    after: tuple[Millis, int]
    """(due_at, seq) of the last one taken."""
    now: Millis
    limit: int


Operation = (
    Accept
    | Mark
    | Submitted
    | Requeue
    | Finish
    | Hold
    | Cancel
    | Recalled
    | Resolve
    | Receipt
    | ReceiveMo
    | AnswerMo
    | SessionEnded
    | Expected
    | Sweep
    | GiveUp
    | HookResult
    | Replay
    | Pause
    | Page
)

# --- answers -------------------------------------------------------------------------


class QueuePage(Struct, frozen=True, gc=False):
    """Waiting messages; ``next_due`` is when the first one after them is due."""

    messages: list[Queued]
    next_due: Millis | None


class Lane(Struct, frozen=True, gc=False):
    """What waits for the same connectors with the same priority."""

    via: tuple[str, ...]
    priority: Priority
    count: int
    next_due: Millis


class Vitals(Struct, frozen=True):
    """What a look at the whole store tells, by connector."""

    oldest: dict[str, Millis]
    """Since when the first of those waiting for it (by first choice) is due."""
    held: dict[str, int]
    """Messages whose outcome is unknown and waits for news."""


class Change(Struct, frozen=True, gc=False):
    """A message's state changed, told after the commit."""

    seq: int
    connector: str
    """The one it is at, or its first choice."""
    old: MessageState | None
    new: MessageState
    waited_for: str | None
    """The first choice of a message that waited to be sent before."""
    waits_for: str | None
    """The first choice of a message that waits now."""
    submitted_at: Millis | None
    at: Millis


class Taken(Struct, frozen=True, gc=False):
    """A part of which nothing was heard since a connector took it."""

    part: int
    connector: str
    host: str
    smsc_id: str


class Overdue(Struct, frozen=True, gc=False):
    """A message whose receipts have not come in time; it waits for what is heard now,
    for some more time."""

    seq: int
    id: str
    request: Request
    parts: list[Taken]


class Committed(Struct, frozen=True, gc=False):
    """What one commit did, for metrics and for those who wait for work."""

    changes: list[Change]
    events: int
    """New outbox rows."""
    inbound: list[tuple[str, bool]]
    """(connector, complete) of MO messages now whole or given up."""
    early: list[str]
    """Connectors whose parked receipts found their message."""
    overdue: list[Overdue]
    """To be asked for."""
    requeued: bool
    """Whether a message waits to be sent again by the store's own decision."""
    operations: int
    seconds: float


class OutboxItem(Struct, frozen=True, kw_only=True, gc=False):
    """One event to deliver."""

    seq: int
    id: str
    """The webhook-id: the same at each retry."""
    stream: str
    """Events of one stream are delivered in order."""
    type: str
    url: str | None
    """None: the configured one."""
    body: bytes
    begun_at: Millis
    """When it was made, or an operator had it sent again."""
    due_at: Millis
    tries: int
    """Since then."""


class OutboxEntry(Struct, frozen=True, kw_only=True, gc=False):
    """An event in a message's trace."""

    id: str
    type: str
    state: str
    created_at: Millis
    attempts: list[tuple[Millis, str]]


class Store(Protocol):
    """One store, one process. All coroutines raise `StoreError`."""

    def next_seq(self) -> int:
        """Return the next acceptance number."""

    async def intake(self, operation: Operation) -> Any:
        """Commit and give the result; StoreUnavailableError if that cannot be now."""

    def duty(
        self, operations: Sequence[Operation], done: Callable[[list[Any]], None]
    ) -> None:
        """Commit however long it takes; then ``done(results)`` in the loop.

        An operation that can never be stored gives its exception as its result.
        """

    @property
    def available(self) -> bool:
        """Whether the last commit succeeded."""

    async def get(self, id_: str) -> Record | None:
        """Return a message by its public id."""

    async def find(
        self,
        *,
        client: str | None,
        state: MessageState | None,
        to: str | None,
        reference: str | None,
        after: int | None,
        limit: int,
    ) -> list[Record]:
        """Return messages newest first; ``after`` is the seq of the last one seen."""

    async def inbound(self, *, after: int | None, limit: int) -> list[Inbound]:
        """Return MO messages, newest first."""

    async def mo_answer(self, connector: str, remote_id: str) -> MoAnswer | None:
        """Return what the sender of an MO message was answered, by the next hop's id
        of it."""

    async def answer(self, client: str, key: str) -> IdempotencyKey | None:
        """Return what was answered to this Idempotency-Key within 24 h."""

    async def events(self, stream: str) -> list[OutboxEntry]:
        """Return the events of a message (by its id), for its trace."""

    async def lanes(self) -> list[Lane]:
        """Return what waits, at start."""

    async def paused(self) -> frozenset[str]:
        """Return the connectors that an operator has paused."""

    async def vitals(self) -> Vitals:
        """Return what the metrics show and only the store knows."""

    async def outbox(
        self, now: Millis, limit: int, skip_urls: Sequence[str | None]
    ) -> list[OutboxItem]:
        """Return due events, none of them behind an undelivered one of its stream."""

    async def backlog(self) -> tuple[int, Millis | None]:
        """Return how many events wait and when the oldest was made."""
