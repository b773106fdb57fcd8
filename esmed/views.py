"""What the world sees of a message, an MO message and a trace. Pure.

The same objects are answers of the HTTP interface and the ``data`` of webhooks, and
they are rendered in the store's writer thread too: nothing here keeps state but caches
of text.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

import msgspec
from msgspec import Struct, field

from esmed.connector import Connector, HealthState
from esmed.models import (
    FINAL_STATES,
    WAITING_STATES,
    Attempt,
    Fault,
    Inbound,
    MessageState,
    Millis,
    Plan,
    Record,
    Request,
    Segment,
)
from esmed.store.base import OutboxEntry
from pdu import gsm0338, segment
from pdu.errors import EncodeError
from pdu.vocabulary import status_name

encode = msgspec.json.Encoder().encode


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def timestamp(at: Millis) -> str:
    """Return a time as RFC 3339 shows it: UTC, milliseconds, ``Z``."""
    return f"{_second(at // 1000)}.{at % 1000:03d}Z"


def _maybe(at: Millis | None) -> str | None:
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


class SegmentView(Struct, frozen=True, kw_only=True):
    """One part of a message; the list is empty until the message is split for good."""

    part: int
    state: MessageState
    error: ErrorView | None
    attempts: list[AttemptView]


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
        submitted_at=_maybe(progress.submitted_at),
        final_at=_maybe(progress.final_at),
        segments=[_segment(part) for part in progress.segments],
    )


def _error(fault: Fault | None) -> ErrorView | None:
    if fault is None:
        return None
    return ErrorView(class_=fault.cls, code=fault.code, detail=fault.detail)


def _segment(part: Segment) -> SegmentView:
    return SegmentView(
        part=part.part,
        state=part.state,
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
    )


class _Event(Struct, frozen=True):
    type: str
    timestamp: str
    data: MessageView | InboundView


def event(type_: str, at: Millis, data: MessageView | InboundView) -> bytes:
    """Return the body of a webhook."""
    return encode(_Event(type_, timestamp(at), data))


# --- connectors ----------------------------------------------------------------------


class HostStateView(Struct, frozen=True, kw_only=True):
    """One host of a connector."""

    address: str
    role: Literal["primary", "backup"]
    state: Literal["closed", "connecting", "binding", "bound", "unbinding"]
    reason: str
    since: str


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
        hosts=[
            HostStateView(
                address=host.address,
                role=host.role,
                state=host.state,
                reason=host.reason,
                since=timestamp(host.since),
            )
            for host in one.hosts()
        ],
        window_used=usage.window_used,
        window_size=usage.window_size,
        rate=usage.rate,
        rate_ceiling=usage.rate_ceiling,
        queued=queued,
        oldest_queued_seconds=(None if oldest is None else max(0, now - oldest) / 1000),
    )


# --- estimates -----------------------------------------------------------------------


class EstimateView(Struct, frozen=True, kw_only=True):
    """What a message takes."""

    encoding: str
    parts: int
    units: int
    """Septets, UTF-16 units or octets of the whole."""
    units_per_part: int
    forcing_characters: list[str]
    """Those for which the whole goes as UCS-2."""


def estimate(request: Request, plan: Plan) -> EstimateView:
    """Return what a message takes if it is split as planned."""
    octets: Literal[1, 2] = 2 if plan.concatenation == "udh16" else 1
    if request.text is None:
        data = request.data or b""
        split = segment.split_binary(data, octets)
        per_part = split.units_per_part - len(request.udh or b"")
        return EstimateView(
            encoding=plan.encoding,
            parts=len(plan.parts),
            units=len(data),
            units_per_part=per_part,
            forcing_characters=[],
        )
    try:
        split = segment.split(
            request.text, encoding=plan.encoding, reference_octets=octets
        )
    except EncodeError:
        # Characters of an alphabet of the connector's own, an octet each.
        split = segment.split_binary(request.text.encode("latin-1", "replace"), octets)
    forcing = ""
    if plan.encoding == "ucs2" and request.encoding == "auto":
        text = request.text
        forcing = gsm0338.unencodable(text) or _of_extension_table(text)
    return EstimateView(
        encoding=plan.encoding,
        # Of a message_payload the SMSC makes the parts.
        parts=max(len(plan.parts), len(split.parts)),
        units=split.units,
        units_per_part=split.units_per_part,
        forcing_characters=list(forcing),
    )


def _of_extension_table(text: str) -> str:
    """Return what is spoilt by an SMSC without GSM extension table."""
    return "".join(c for c in dict.fromkeys(text) if gsm0338.septets(c) == 2)


# --- the trace -----------------------------------------------------------------------


class TraceEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened; only what applies to it is present."""

    at: str
    event: str
    """``accepted``, ``routed``, ``attempt``, ``answer``, ``receipt``, ``final``,
    ``webhook``."""
    part: int | None = None
    connector: str | None = None
    host: str | None = None
    via: list[str] | None = None
    reason: str | None = None
    """Why it went this way."""
    sequence_number: int | None = None
    outcome: str | None = None
    """``accepted``, ``rejected``, ``deferred`` or ``unknown``."""
    command_status: int | None = None
    status: str | None = None
    """The name of the command_status."""
    code: int | str | None = None
    """What a provider, or this daemon, said instead of a command_status."""
    smsc_id: str | None = None
    state: str | None = None
    stat: str | None = None
    err: str | None = None
    detail: str | None = None
    type: str | None = None
    webhook_id: str | None = None
    result: str | None = None


class TraceView(Struct, frozen=True, kw_only=True):
    """The way of a message, oldest first."""

    id: str
    state: MessageState
    timeline: list[TraceEntry]


def trace(
    record: Record,
    events: Sequence[OutboxEntry],
    now: Millis,
    *,
    in_flight: bool = False,
) -> TraceView:
    """Return everything known about a message's way in the order of time."""
    entries = [
        *_beginning(record),
        *_submissions(record.progress.segments),
        *_end(record),
        *_webhooks(events),
    ]
    entries.sort(key=lambda entry: entry[0])
    return TraceView(
        id=record.id,
        state=state(record, now, in_flight=in_flight),
        timeline=[entry for _, entry in entries],
    )


_Dated = tuple[Millis, TraceEntry]


def _beginning(record: Record) -> Iterator[_Dated]:
    at = timestamp(record.created_at)
    request, progress = record.request, record.progress
    later = request.send_at
    yield (
        record.created_at,
        TraceEntry(
            at=at,
            event="accepted",
            detail=None if later is None else f"to be sent at {timestamp(later)}",
        ),
    )
    yield (
        record.created_at,
        TraceEntry(
            at=at, event="routed", via=list(record.via), reason=progress.note or None
        ),
    )


def _submissions(segments: Iterable[Segment]) -> Iterator[_Dated]:
    for part in segments:
        for attempt in part.attempts:
            yield (
                attempt.at,
                TraceEntry(
                    at=timestamp(attempt.at),
                    event="attempt",
                    part=part.part,
                    connector=attempt.connector,
                    host=attempt.host,
                    sequence_number=attempt.sequence,
                    reason=attempt.reason or None,
                ),
            )
            yield _answer(part.part, attempt)
            for note in attempt.receipts:
                yield (
                    note.at,
                    TraceEntry(
                        at=timestamp(note.at),
                        event="receipt",
                        part=part.part,
                        connector=attempt.connector,
                        host=note.host,
                        smsc_id=attempt.smsc_id or None,
                        state=note.state,
                        stat=note.stat,
                        err=note.err,
                    ),
                )


def _answer(part: int, attempt: Attempt) -> _Dated:
    at = attempt.at if attempt.answered_at is None else attempt.answered_at
    code = attempt.code
    command_status: int | None = None
    if attempt.sequence is not None and attempt.outcome != "unknown":
        # A sequence number means SMPP, where every answer has a command_status.
        if code is None:
            command_status = 0 if attempt.outcome == "accepted" else None
        elif isinstance(code, int):
            command_status, code = code, None
    return (
        at,
        TraceEntry(
            at=timestamp(at),
            event="answer",
            part=part,
            connector=attempt.connector,
            host=attempt.host,
            sequence_number=attempt.sequence,
            outcome=attempt.outcome,
            command_status=command_status,
            status=None if command_status is None else status_name(command_status),
            code=code,
            smsc_id=attempt.smsc_id or None,
            detail=attempt.detail or None,
        ),
    )


def _end(record: Record) -> Iterator[_Dated]:
    progress = record.progress
    if progress.final_at is not None:
        error = progress.error
        yield (
            progress.final_at,
            TraceEntry(
                at=timestamp(progress.final_at),
                event="final",
                state=progress.state,
                code=None if error is None else error.code,
                detail=None if error is None else error.detail or None,
            ),
        )


def _webhooks(events: Iterable[OutboxEntry]) -> Iterator[_Dated]:
    for item in events:
        if not item.attempts:
            yield item.created_at, _webhook(item, item.created_at, None, item.state)
        for number, (at, result) in enumerate(item.attempts, 1):
            last = number == len(item.attempts)
            yield at, _webhook(item, at, result, item.state if last else "retry")


def _webhook(
    item: OutboxEntry, at: Millis, result: str | None, state: str
) -> TraceEntry:
    return TraceEntry(
        at=timestamp(at),
        event="webhook",
        type=item.type,
        webhook_id=item.id,
        result=result,
        state=state,
    )
