"""The trace of a message: all that is known of its way, in the order of time. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from esmed.models import Attempt, MessageState, Millis, Record, Segment, TlvValues
from esmed.routing import FIRST_CHOICE
from esmed.store.base import OutboxEntry
from esmed.views import maybe, state, timestamp
from pdu.vocabulary import status_name


class TraceEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened; only what applies to it is present."""

    at: str
    event: str
    """``accepted``, ``routed``, ``attempt``, ``answer``, ``receipt``, ``cancelled``,
    ``final``, ``webhook``."""
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
    done_at: str | None = None
    """When it came to be so, by the SMSC's clock."""
    text: str | None = None
    """A receipt as it was written, up to where it repeats the message."""
    tlvs: TlvValues | None = None
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
            at=at, event="routed", via=_route(record), reason=progress.note or None
        ),
    )


def _route(record: Record) -> list[str]:
    """Return its connectors in order: first those that it has left, since they refused
    it for good."""
    attempts = _attempts(record.progress.segments)
    tried = dict.fromkeys(attempt.connector for attempt in attempts)
    return [*(name for name in tried if name not in record.via), *record.via]


def _attempts(segments: Iterable[Segment]) -> list[Attempt]:
    """Return those of all parts in the order of time."""
    attempts = [each for part in segments for each in part.attempts]
    return sorted(attempts, key=lambda attempt: attempt.at)


def _why(attempt: Attempt, attempts: Sequence[Attempt]) -> str | None:
    """Return why an attempt was made there. Routing saw only what was left of the
    route: not who has refused the message before, nor anybody else once somebody may
    have some of it."""
    before = [one for one in attempts if one.at < attempt.at]
    reasons = dict.fromkeys(
        f"{one.connector} has refused it"
        for one in before
        if one.outcome == "rejected" and one.connector != attempt.connector
    )
    if any(
        one.outcome == "unknown" and one.connector == attempt.connector
        for one in before
    ):
        reasons["it may have some of it already"] = None
    if attempt.reason and (not reasons or attempt.reason != FIRST_CHOICE):
        reasons[attempt.reason] = None
    return "; ".join(reasons) or None


def _submissions(segments: Sequence[Segment]) -> Iterator[_Dated]:
    attempts = _attempts(segments)
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
                    reason=_why(attempt, attempts),
                ),
            )
            yield _answer(part.part, attempt)
            for note in attempt.receipts:
                if note.state is MessageState.CANCELLED:
                    yield (
                        note.at,
                        TraceEntry(
                            at=timestamp(note.at),
                            event="cancelled",
                            part=part.part,
                            connector=attempt.connector,
                            host=note.host,
                            smsc_id=attempt.smsc_id or None,
                        ),
                    )
                    continue
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
                        detail=note.reason or None,
                        done_at=maybe(note.done_at),
                        text=note.text or None,
                        tlvs=note.tlvs,
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
