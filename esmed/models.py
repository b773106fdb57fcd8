"""What the layers hand to each other: messages, their parts, outcomes, receipts, MO.

Times are integers: milliseconds since the epoch, UTC. Structs with ``array_like`` are
stored in the database in that compact form; their field order is a storage format, so
new fields go to the end and carry a default.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final, Literal

from msgspec import Struct, field

Millis = int
"""Milliseconds since the epoch, UTC."""


class MessageState(StrEnum):
    """Where a message is; contract: "HTTP, version 1"."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    BUFFERED = "buffered"
    DELIVERED = "delivered"
    UNDELIVERABLE = "undeliverable"
    DELETED = "deleted"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    REJECTED = "rejected"
    FAILED = "failed"
    SENT = "sent"
    CANCELLED = "cancelled"


FINAL_STATES: Final = frozenset(
    {
        MessageState.DELIVERED,
        MessageState.UNDELIVERABLE,
        MessageState.DELETED,
        MessageState.UNKNOWN,
        MessageState.EXPIRED,
        MessageState.REJECTED,
        MessageState.FAILED,
        MessageState.SENT,
        MessageState.CANCELLED,
    }
)

WAITING_STATES: Final = frozenset({MessageState.SCHEDULED, MessageState.QUEUED})


class Priority(IntEnum):
    """Lanes of a connector, lowest value first."""

    HIGH = 0
    NORMAL = 1
    BULK = 2


OnUnknown = Literal["resend", "hold", "fail"]
ReceiptWish = Literal["final", "all", "none"]
Encoding = Literal["auto", "gsm7", "ucs2", "latin1", "binary"]


class FaultClass(StrEnum):
    """Whose fault a refusal is, which decides what helps against it."""

    MESSAGE = "message"
    ACCOUNT = "account"
    TEMPORARY = "temporary"
    PROTOCOL = "protocol"


class Fault(Struct, frozen=True, array_like=True, gc=False):
    """Why a message or part did not go: shown as ``error`` in the message object."""

    cls: FaultClass
    code: int | str | None = None
    detail: str = ""


TlvValues = dict[str, int | str]
"""Optional parameters by name, or by tag as 0x1403; octets in hex."""


class Request(Struct, frozen=True, array_like=True, kw_only=True, gc=False):
    """What the customer submitted, validated and normalised; never changes."""

    to: str
    from_: str | None = None
    text: str | None = None
    data: bytes | None = None
    udh: bytes | None = None
    encoding: Encoding = "auto"
    flash: bool = False
    max_parts: int | None = None
    validity: int = 86_400
    """Seconds, from ``send_at`` or acceptance."""
    send_at: Millis | None = None
    priority: Priority = Priority.NORMAL
    receipt: ReceiptWish = "final"
    connector: str | None = None
    reference: str | None = None
    webhook_url: str | None = None
    on_unknown: OnUnknown | None = None
    """None: as the connector is configured."""
    tlvs: TlvValues | None = None


class Count(Struct, frozen=True, array_like=True, gc=False):
    """What a message takes on the air."""

    parts: int = 1
    """Short messages: those of a message_payload are made by the SMSC."""
    units: int = 0
    """Septets, UTF-16 units or octets of the whole."""
    units_per_part: int = 0
    forcing_characters: str = ""
    """Those for which ``auto`` took ``ucs2``, each once."""


class Plan(Struct, frozen=True, array_like=True, kw_only=True, gc=False):
    """How one connector splits a message; on disk before the first part is written."""

    connector: str
    encoding: str
    """``gsm7``, ``ucs2``, ``latin1`` or ``binary``."""
    data_coding: int
    udhi: bool
    """Whether each payload starts with a user data header."""
    parts: tuple[bytes, ...]
    """What goes into ``short_message`` (or ``message_payload``), part by part."""
    reference: int | None = None
    """The concatenation reference, where the parts carry one."""
    concatenation: str = "udh8"
    count: Count = Count()

    @property
    def short_messages(self) -> int:
        """How many the phone gets: the parts, or what the next hop makes of one."""
        return max(self.count.parts, len(self.parts))


class ReceiptNote(Struct, frozen=True, array_like=True, gc=False):
    """One receipt as it came for an attempt; ``cancelled``: its next hop has dropped
    it as we wished."""

    at: Millis
    state: MessageState
    stat: str
    err: str
    host: str
    reason: str = ""
    """What ``err`` means, where the connector knows."""
    done_at: Millis | None = None
    """When it came to be so, by the SMSC's clock."""
    text: str = ""
    """As it was written, up to where it repeats the message."""
    tlvs: TlvValues | None = None


AttemptOutcome = Literal["accepted", "rejected", "deferred", "unknown"]


class Attempt(Struct, array_like=True, kw_only=True, gc=False):
    """One submission of one part to one host, and all that came back."""

    connector: str
    host: str
    at: Millis
    outcome: AttemptOutcome
    answered_at: Millis | None = None
    sequence: int | None = None
    smsc_id: str | None = None
    code: int | str | None = None
    detail: str = ""
    reason: str = ""
    """Why the message went this way (routing)."""
    receipts: list[ReceiptNote] = field(default_factory=list)


class Segment(Struct, array_like=True, kw_only=True, gc=False):
    """One part of a message."""

    part: int
    """From 1."""
    state: MessageState = MessageState.QUEUED
    error: Fault | None = None
    attempts: list[Attempt] = field(default_factory=list)
    receipt_asked: bool = True


class Progress(Struct, array_like=True, kw_only=True, gc=False):
    """What has become of a message so far: the part of a record that changes."""

    state: MessageState
    held: bool = False
    connector: str | None = None
    host: str | None = None
    encoding: str | None = None
    parts: int = 1
    error: Fault | None = None
    submitted_at: Millis | None = None
    final_at: Millis | None = None
    segments: list[Segment] = field(default_factory=list)
    plan: Plan | None = None
    tries: int = 0
    """Temporary refusals so far: what the retry policy counts."""
    note: str = ""
    """Why it was routed as it was."""
    on_unknown: OnUnknown = "resend"
    """What a restart does about parts that may have been written (set by the mark)."""
    receipts_until: Millis | None = None
    """When the wait for the receipts of the parts that were taken ends."""
    asked: int = 0
    """How often the next hop was asked what became of them."""
    marked_at: Millis | None = None
    """When it was marked: no part whose answer is not on record is older."""
    ask_at: Millis | None = None
    """When it is to be asked, if it can be."""


class Record(Struct, kw_only=True, gc=False):
    """One message with all that has happened to it: the aggregate that is stored."""

    seq: int
    """Order of acceptance; the store's key."""
    id: str
    client: str | None
    created_at: Millis
    request: Request
    progress: Progress
    via: tuple[str, ...]
    """Names of the connectors it may still take, best first."""
    due_at: Millis | None
    """When it may be sent; None while it is not waiting."""
    deadline: Millis | None
    """When something must happen by itself: expiry in the queue, receipt timeout."""
    expires_at: Millis
    draft: Plan | None = None
    """The split made at acceptance, which may serve for sending; not stored."""


class Queued(Struct, frozen=True, kw_only=True, gc=False):
    """A waiting message as dispatch needs it."""

    seq: int
    id: str
    request: Request
    via: tuple[str, ...]
    due_at: Millis
    expires_at: Millis
    tries: int = 0
    plan: Plan | None = None
    """The split that is on disk."""
    accepted: tuple[int, ...] = ()
    """Parts, from 1, that a next hop has already taken."""
    draft: Plan | None = None
    """As in `Record`."""
    client: str | None = None
    doubtful: bool = False
    """Whether an attempt before may have been taken without our knowing."""


# --- outcomes of one submitted part (style: closed union, matched exhaustively) ------


class Accepted(Struct, frozen=True, tag=True, gc=False):
    """The next hop has taken responsibility; ``smsc_id`` may be empty."""

    smsc_id: str
    further: tuple[str, ...] = ()
    """Where it made several short messages of one: the ids of the others, in order.
    Only for a message that was handed over in one part."""


class Rejected(Struct, frozen=True, tag=True, gc=False):
    """Refused for good (by this connector: class account lets the next one try)."""

    fault: Fault


class Deferred(Struct, frozen=True, tag=True, gc=False):
    """Not taken, try again later; an attempt of the retry policy is used up."""

    fault: Fault
    retry_after: float | None = None
    """Seconds, where the next hop said so."""
    destination: bool = False
    """Whether it holds for all that goes to that number: its queue is full."""


class Unknown(Struct, frozen=True, tag=True, gc=False):
    """Written and never answered: only ``on_unknown`` decides what follows."""

    reason: str


Outcome = Accepted | Rejected | Deferred | Unknown


class PartResult(Struct, frozen=True, kw_only=True, gc=False):
    """What became of one part at one host."""

    seq: int
    part: int
    connector: str
    host: str
    sequence: int | None
    at: Millis
    """When it was written."""
    answered_at: Millis
    outcome: Outcome
    reason: str = ""


class ReceiptIn(Struct, frozen=True, kw_only=True, gc=False):
    """A receipt as a connector understood it."""

    connector: str
    host: str
    smsc_id: str
    keys: tuple[str, ...]
    """Canonical ids to look for, best first (pdu.receipt.canonical_id and, where the
    connector's ``id_form`` allows, the same id with its base converted)."""
    state: MessageState
    """``buffered`` or a final state."""
    stat: str
    err: str
    at: Millis
    source: str = ""
    """Addresses as the receipt has them: source is usually the handset."""
    destination: str = ""
    reason: str = ""
    """This and the rest as in `ReceiptNote`."""
    done_at: Millis | None = None
    text: str = ""
    tlvs: TlvValues | None = None


class InboundIn(Struct, frozen=True, kw_only=True, gc=False):
    """One MO PDU, or one MO message of a provider, before reassembly."""

    connector: str
    host: str
    source: str
    destination: str
    data_coding: int
    encoding: str
    """``gsm7``, ``ucs2``, ``latin1`` or ``binary``."""
    text: str | None
    """None for binary, whose bytes are in ``data``."""
    data: bytes
    """The payload without its user data header."""
    udh: bytes | None
    received_at: Millis
    reference: int | None = None
    total: int = 1
    part: int = 1
    session: str = ""
    """Identifies the bind that brought it; over another one it may come again."""
    tlvs: TlvValues | None = None
    remote_id: str = ""
    """The next hop's own, which no other of its messages or parts has: "" if it gives
    none. By it a repetition is known, whatever else it says and however it comes."""


class MoAnswer(Struct, frozen=True, kw_only=True, gc=False):
    """What the sender of an MO message is answered, in the answer to its push."""

    content_type: str
    body: bytes


class Inbound(Struct, frozen=True, kw_only=True, gc=False):
    """An MO message, whole or given up on: the ``data`` of ``inbound.received``."""

    seq: int
    id: str
    connector: str
    from_: str = field(name="from")
    to: str
    text: str | None
    data: str | None
    """Hex, for binary."""
    encoding: str
    parts: int
    complete: bool
    received_at: Millis
    tlvs: TlvValues | None = None
