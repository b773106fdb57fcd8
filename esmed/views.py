"""What the world sees of a message, an MO message and a connector. Pure.

The same objects are answers of the HTTP interface and the ``data`` of webhooks, and
they are rendered in the store's writer thread too: nothing here keeps state but caches
of text.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from esmed import parts
from esmed.connector import Connector, HealthState, HostView
from esmed.models import (
    FINAL_STATES,
    WAITING_STATES,
    Fault,
    Inbound,
    MessageState,
    Millis,
    Record,
    Segment,
    TlvValues,
)

encode = msgspec.json.Encoder().encode


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def timestamp(at: Millis) -> str:
    """Return a time as RFC 3339 shows it: UTC, milliseconds, ``Z``."""
    return f"{_second(at // 1000)}.{at % 1000:03d}Z"


def maybe(at: Millis | None) -> str | None:
    """Return a time likewise, if there is one."""
    return None if at is None else timestamp(at)


# --- the message object --------------------------------------------------------------


class ErrorView(Struct, frozen=True, kw_only=True):
    """Why a message or part did not go."""

    class_: str = field(name="class")
    """``message``, ``account``, ``temporary`` or ``protocol``."""
    code: int | str | None
    """As the next hop gave it."""
    detail: str


class AttemptView(Struct, frozen=True, kw_only=True):
    """One submission of a part."""

    connector: str
    host: str
    smsc_id: str | None
    """The id that the next hop gave; null until, or unless, it answered with one."""
    at: str


class ReceiptView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A receipt; what it lacks is left out."""

    at: str
    """When it came."""
    state: MessageState
    stat: str = ""
    err: str = ""
    reason: str = ""
    """What ``err`` means, where the connector knows."""
    done_at: str | None = None
    """When it came to be so, by the SMSC's clock."""
    text: str = ""
    """As the SMSC wrote it, up to where it repeats the message."""
    tlvs: TlvValues | None = None


class SegmentView(Struct, frozen=True, kw_only=True):
    """One part of a message; the list is empty until the message is split for good."""

    part: int
    state: MessageState
    error: ErrorView | None
    attempts: list[AttemptView]
    receipt: ReceiptView | UnsetType = UNSET
    """What was said of it last, if anything was."""


class MessageView(Struct, frozen=True, kw_only=True):
    """The message object: an answer, and the ``data`` of a ``message.*`` webhook."""

    id: str
    reference: str | None
    client: str | None
    to: str
    from_: str | None = field(name="from")
    text: str | None
    encoding: str
    parts: int
    state: MessageState
    final: bool
    held: bool
    connector: str | None
    host: str | None
    error: ErrorView | None
    created_at: str
    submitted_at: str | None
    final_at: str | None
    segments: list[SegmentView]


def state(record: Record, now: Millis, *, in_flight: bool = False) -> MessageState:
    """Return the state to show.

    What time and dispatch alone change is not written to the store: a scheduled message
    whose time has come is queued, one in a connector's hands is submitting.
    """
    stored = record.progress.state
    if stored in WAITING_STATES:
        if in_flight:
            return MessageState.SUBMITTING
        if stored is MessageState.SCHEDULED and (record.due_at or 0) <= now:
            return MessageState.QUEUED
    return stored


def message(record: Record, now: Millis, *, in_flight: bool = False) -> MessageView:
    """Return the message object as of ``now``."""
    request, progress = record.request, record.progress
    shown = state(record, now, in_flight=in_flight)
    return MessageView(
        id=record.id,
        reference=request.reference,
        client=record.client,
        to=request.to,
        from_=request.from_,
        text=request.text,
        encoding=progress.encoding or request.encoding,
        parts=progress.parts,
        state=shown,
        final=shown in FINAL_STATES,
        held=progress.held,
        connector=progress.connector,
        host=progress.host,
        error=_error(progress.error),
        created_at=timestamp(record.created_at),
        submitted_at=maybe(progress.submitted_at),
        final_at=maybe(progress.final_at),
        segments=[
            _segment(part, _part_state(part, held=progress.held))
            for part in progress.segments
        ],
    )


def _part_state(part: Segment, *, held: bool) -> MessageState:
    """Return the state to show: what a next hop may have does not wait for one."""
    if held and parts.is_unanswered(part):
        return MessageState.SUBMITTING
    return part.state


def _error(fault: Fault | None) -> ErrorView | None:
    if fault is None:
        return None
    return ErrorView(class_=fault.cls, code=fault.code, detail=fault.detail)


def _receipt(part: Segment) -> ReceiptView | UnsetType:
    notes = [
        note
        for attempt in part.attempts
        for note in attempt.receipts
        if note.state is not MessageState.CANCELLED
    ]
    if not notes:
        return UNSET
    ends = [note for note in notes if note.state == part.state]
    note = max(ends or notes, key=lambda note: note.at)
    return ReceiptView(
        at=timestamp(note.at),
        state=note.state,
        stat=note.stat,
        err=note.err,
        reason=note.reason,
        done_at=maybe(note.done_at),
        text=note.text,
        tlvs=note.tlvs,
    )


def _segment(part: Segment, shown: MessageState) -> SegmentView:
    return SegmentView(
        part=part.part,
        state=shown,
        error=_error(part.error),
        attempts=[
            AttemptView(
                connector=attempt.connector,
                host=attempt.host,
                smsc_id=attempt.smsc_id or None,
                at=timestamp(attempt.at),
            )
            for attempt in part.attempts
        ],
        receipt=_receipt(part),
    )


# --- MO and events -------------------------------------------------------------------


class InboundView(Struct, frozen=True, kw_only=True):
    """An MO message: the ``data`` of ``inbound.received``."""

    id: str
    connector: str
    from_: str = field(name="from")
    to: str
    text: str | None
    data: str | None
    encoding: str
    parts: int
    complete: bool
    received_at: str
    tlvs: TlvValues | UnsetType = UNSET
    """What came beside the text, if anything did."""


def inbound(item: Inbound) -> InboundView:
    """Return an MO message as the world sees it."""
    return InboundView(
        id=item.id,
        connector=item.connector,
        from_=item.from_,
        to=item.to,
        text=item.text,
        data=item.data,
        encoding=item.encoding,
        parts=item.parts,
        complete=item.complete,
        received_at=timestamp(item.received_at),
        tlvs=item.tlvs or UNSET,
    )


class _Event(Struct, frozen=True):
    type: str
    timestamp: str
    data: MessageView | InboundView


def event(type_: str, at: Millis, data: MessageView | InboundView) -> bytes:
    """Return the body of a webhook."""
    return encode(_Event(type_, timestamp(at), data))


# --- connectors ----------------------------------------------------------------------


class BindStateView(Struct, frozen=True, kw_only=True):
    """One bind at a host: ``transceiver``, ``receiver``, ``transmitter-2``, …"""

    bind: str
    state: Literal["closed", "connecting", "binding", "bound", "unbinding"]
    reason: str
    since: str


class HostStateView(Struct, frozen=True, kw_only=True):
    """One host of a connector."""

    address: str
    role: Literal["primary", "backup"]
    state: Literal["closed", "connecting", "binding", "bound", "unbinding"]
    reason: str
    since: str
    binds: list[BindStateView]


class ConnectorView(Struct, frozen=True, kw_only=True):
    """How a connector is."""

    name: str
    kind: str
    state: HealthState
    reason: str
    since: str
    hosts: list[HostStateView]
    window_used: int
    """Parts unanswered, or whose answer is not on disk yet."""
    window_size: int
    rate: float | None
    """PDU a second that may leave now; null: as many as there are."""
    rate_ceiling: float | None
    queued: int
    """Messages that wait and have this connector as their first choice."""
    oldest_queued_seconds: float | None
    """For how long the one due first has been due."""


def connector(
    one: Connector, *, queued: int, oldest: Millis | None, now: Millis
) -> ConnectorView:
    """Return a connector as the world sees it; ``oldest`` is the first due time."""
    health, usage = one.health(), one.usage()
    return ConnectorView(
        name=one.name,
        kind=one.kind,
        state=health.state,
        reason=health.reason,
        since=timestamp(health.since),
        hosts=[_host(host) for host in one.hosts()],
        window_used=usage.window_used,
        window_size=usage.window_size,
        rate=usage.rate,
        rate_ceiling=usage.rate_ceiling,
        queued=queued,
        oldest_queued_seconds=(None if oldest is None else max(0, now - oldest) / 1000),
    )


def _host(host: HostView) -> HostStateView:
    return HostStateView(
        address=host.address,
        role=host.role,
        state=host.state,
        reason=host.reason,
        since=timestamp(host.since),
        binds=[
            BindStateView(
                bind=bind.bind,
                state=bind.state,
                reason=bind.reason,
                since=timestamp(bind.since),
            )
            for bind in host.binds
        ],
    )
