"""What happens to a message: every change of state there is, as plain functions.

A record changes only here, its parts only in `esmed.parts`. The rules, from the
contract:

* Parts are recorded one by one. A message is ``submitted`` when every part is taken,
  ``sent`` at once if no receipt was asked for.
* When all parts have ended and not all are delivered, the message gets the worst of
  them: rejected, failed, undeliverable, expired, deleted, unknown, cancelled.
* The first final state is frozen. Later news changes segments, never the state.
* What is not taken waits, is held, or ends; what is taken waits for its receipts until
  ``receipts_until``, whatever becomes of the rest. Whoever can be asked what has become
  of it is asked at ``ask_at``, and the message ends no sooner than that is over.

Each function changes the record in place; the caller compares ``progress.state`` before
and after to learn what to announce, and ``apply_receipt`` says whether it was news.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from msgspec import structs

from esmed import parts as segments
from esmed.models import (
    FINAL_STATES,
    Accepted,
    Attempt,
    Fault,
    FaultClass,
    MessageState,
    Millis,
    OnUnknown,
    PartResult,
    Plan,
    ReceiptIn,
    Record,
    Segment,
)

_WELL: Final = frozenset({MessageState.DELIVERED, MessageState.SENT})
_TAKEN_OR_FINAL: Final = FINAL_STATES | segments.TAKEN
_POSTPONED_MS: Final = (30_000, 600_000)
"""For how long a question is put off at a time, at least and at most."""
_PATIENCE_MS: Final = 24 * 3600 * 1000
"""For how long after the receipts should have come a connector that is out is waited
for, to be asked."""


def is_final(record: Record) -> bool:
    """Tell whether the message has ended."""
    return record.progress.state in FINAL_STATES


def waits(record: Record) -> bool:
    """Tell whether the message is (still, or again) to be sent by dispatch."""
    return record.due_at is not None


def waits_for(record: Record) -> str | None:
    """Return the first choice of a message that waits."""
    return record.via[0] if record.due_at is not None else None


def mark(
    record: Record,
    plan: Plan,
    *,
    at: Millis,
    on_unknown: OnUnknown,
    deadline: Millis,
) -> bool:
    """Fix the split before the first write; for hold and fail, leave the queue too.

    Returns whether the message still waits: a cancelled or expired one is not sent.
    """
    if not waits(record) or is_final(record):
        return False
    progress = record.progress
    progress.plan = plan
    progress.on_unknown = on_unknown
    _reserve(record, len(plan.parts), plan.encoding, plan.short_messages)
    if on_unknown != "resend":
        progress.state = MessageState.SUBMITTING
        progress.connector = plan.connector
        progress.marked_at = at
        record.due_at = None
        record.deadline = deadline
    return True


def recover(record: Record, now: Millis) -> None:
    """Decide over a message that a dead process may have been writing."""
    if record.progress.held:
        return
    if record.progress.on_unknown == "hold":
        hold(record, now if record.deadline is None else record.deadline)
    else:
        expire(record, now)


def apply_result(
    record: Record,
    result: PartResult,
    *,
    parts: int,
    encoding: str,
    receipt_asked: bool,
    deadline: Millis,
    ask_at: Millis | None,
    short_messages: int = 0,
) -> list[int]:
    """Record what became of one submitted part; return which of its attempts it was.

    A late response has ``parts`` 0: how it was split is on record already. There are
    more ``short_messages`` where the next hop splits a part further. ``deadline``
    is for the receipts of a part that was taken, ``ask_at`` is when to ask for them.
    What the next hop made of it further is parts of their own behind it, whose attempts
    follow in the answer.
    """
    progress = record.progress
    if parts:
        _reserve(record, parts, encoding, short_messages)
    segment = progress.segments[result.part - 1]
    if parts:
        segment.receipt_asked = receipt_asked
    further = _further(record, result, segment)
    attempts = [segments.answered(segment, result), *further]
    if isinstance(result.outcome, Accepted) and not is_final(record):
        progress.connector = result.connector
        progress.host = result.host
        if progress.submitted_at is None:
            progress.submitted_at = result.answered_at
        progress.receipts_until = max(deadline, progress.receipts_until or deadline)
        if ask_at is not None:
            progress.ask_at = max(ask_at, progress.ask_at or ask_at)
        _settle(record, result.answered_at)
    if progress.held:
        _heard(record, result.answered_at)
    return attempts


def taken(record: Record, part: int, receipt: ReceiptIn, *, deadline: Millis) -> int:
    """Have a receipt stand for the lost answer to a part of a held message.

    Returns which of its attempts was taken: the last that can be meant, or a new one,
    since of what a dead process wrote there is none. The receipt itself is not noted.
    """
    segment = record.progress.segments[part - 1]
    meant = [
        attempt
        for attempt in segment.attempts
        if attempt.outcome == "unknown"
        and attempt.connector == receipt.connector
        and attempt.at <= receipt.at
    ]
    last = meant[-1] if meant else None
    result = PartResult(
        seq=record.seq,
        part=part,
        connector=receipt.connector,
        host=last.host if last else receipt.host,
        sequence=last.sequence if last else None,
        at=last.at if last else record.progress.marked_at or record.created_at,
        answered_at=receipt.at,
        outcome=Accepted(receipt.smsc_id),
    )
    (index,) = apply_result(
        record,
        result,
        parts=0,
        encoding="",
        receipt_asked=True,
        deadline=deadline,
        ask_at=None,
    )
    segments.taken(segment, index)
    return index


def requeue(
    record: Record,
    *,
    due_at: Millis,
    via: tuple[str, ...],
    tries: int,
    error: Fault | None,
    note: str | None = None,
) -> None:
    """Send the message, or what is left of it, again at ``due_at``.

    Nothing happens if nothing is left: an answer may have come late.
    """
    if is_final(record) or not _left(record):
        return
    progress = record.progress
    begun = not all(map(segments.is_open, progress.segments))
    progress.state = MessageState.SUBMITTING if begun else MessageState.QUEUED
    progress.held = False
    progress.tries = tries
    progress.error = error or progress.error
    progress.note = note or progress.note
    if progress.plan is not None and not begun and progress.plan.connector not in via:
        # Where it is split as it was, all copies of a part are alike on the phone: any
        # of them may have been taken although nobody has told us.
        progress.plan = None
    record.via = via
    record.due_at = due_at
    record.deadline = record.expires_at


def finish(
    record: Record, state: MessageState, error: Fault | None, at: Millis
) -> None:
    """End every part that no next hop has taken; the last part ends the message."""
    if is_final(record):
        return
    progress = record.progress
    if not progress.segments:
        _reserve(record, progress.parts, progress.encoding)
    for segment in progress.segments:
        segments.end(segment, state, error)
    _settle(record, at)


def hold(record: Record, deadline: Millis) -> None:
    """Wait for news of a part that was written and never answered."""
    if not is_final(record) and _left(record):
        record.progress.state = MessageState.SUBMITTING
        record.progress.held = True
        record.due_at = None
        record.deadline = deadline


def resolve(record: Record, at: Millis, *, resend: bool) -> bool:
    """End the waiting of a held message; False if it is not held.

    Whoever may have a part of it already is the one to send it again.
    """
    progress = record.progress
    if not progress.held:
        return False
    if resend:
        requeue(
            record,
            due_at=at,
            via=record.via if progress.plan is None else (progress.plan.connector,),
            tries=progress.tries,
            error=None,
        )
    else:
        expire(record, at)
    return True


def cancel(record: Record, at: Millis) -> bool:
    """Cancel a message of which nothing has been submitted."""
    untouched = all(
        attempt.outcome in {"rejected", "deferred"}
        for segment in record.progress.segments
        for attempt in segment.attempts
    )
    if not waits(record) or not untouched:
        return False
    for segment in record.progress.segments:
        segment.state = MessageState.CANCELLED
    _end(record, MessageState.CANCELLED, at)
    return True


def recalled(record: Record, attempts: Sequence[tuple[int, int]], at: Millis) -> None:
    """Note that the next hop has dropped what it had taken: (part, attempt) each."""
    for part, attempt in attempts:
        segments.cancelled(record.progress.segments[part - 1], attempt, at)
    if not is_final(record):
        _settle(record, at)


def expire(record: Record, now: Millis) -> None:
    """Do what the passing of the record's deadline means in its present state."""
    if is_final(record):
        return
    if waits(record):
        finish(
            record,
            MessageState.EXPIRED,
            record.progress.error
            or Fault(FaultClass.TEMPORARY, None, "validity over before it was sent"),
            now,
        )
    elif record.progress.state is MessageState.SUBMITTING:
        finish(
            record,
            MessageState.UNKNOWN,
            Fault(FaultClass.TEMPORARY, None, "written and never answered"),
            now,
        )
    elif not give_up(record, now):
        # Whoever was to be asked is gone, for now or for good.
        postpone(record, now)


def waited_out(record: Record, now: Millis) -> bool:
    """Tell whether whoever is to be asked has been out for so long that it is not
    waited for any more."""
    until = record.progress.receipts_until
    return until is not None and now >= until + _PATIENCE_MS


def unheard(
    record: Record, waits: Mapping[str, Sequence[float]]
) -> list[tuple[int, Attempt]]:
    """Return what these connectors are to be asked for, now that its deadline has come:
    parts and attempts that were taken and have not ended. As often as they wait."""
    progress = record.progress
    if progress.state not in segments.TAKEN:
        return []
    return [
        (segment.part, attempt)
        for segment in progress.segments
        if segment.state not in FINAL_STATES
        for attempt in segment.attempts
        if attempt.outcome == "accepted"
        and attempt.smsc_id
        and progress.asked < len(waits.get(attempt.connector, ()))
        and not segments.ended(attempt)
    ]


def put_off(record: Record, now: Millis, wait: float) -> None:
    """Wait so many seconds for the answer to a question, and for news after it."""
    progress = record.progress
    progress.asked += 1
    progress.ask_at = record.deadline = now + round(wait * 1000)


def postpone(record: Record, now: Millis) -> None:
    """Leave a question that cannot be put now for later, the later the longer it has
    waited already. It does not count: the message ends no sooner for it."""
    progress = record.progress
    progress.ask_at = progress.ask_at or now
    least, most = _POSTPONED_MS
    later = now + min(max((now - progress.ask_at) // 4, least), most)
    until = progress.receipts_until or now
    record.deadline = min(later, until) if until > now else later


def give_up(record: Record, at: Millis) -> bool:
    """End a message of whose parts nothing will be heard by asking; False while it
    still waits for receipts, or has not got as far."""
    progress = record.progress
    if progress.state not in segments.TAKEN or is_final(record):
        return False
    if at < (progress.receipts_until or at):
        return False
    for segment in progress.segments:
        if segment.state not in FINAL_STATES:
            segment.state = MessageState.UNKNOWN
            segment.error = Fault(
                FaultClass.TEMPORARY, None, "no receipt within receipt_timeout"
            )
    _settle(record, at)
    return True


def apply_receipt(
    record: Record, part: int, attempt: int, receipt: ReceiptIn
) -> Literal["news", "overtaken", "duplicate"]:
    """Note a receipt for one attempt; it moves the message unless that has ended.
    Overtaken: it says nothing that is not known better."""
    news = segments.receipt_came(record.progress.segments[part - 1], attempt, receipt)
    if news == "news" and not is_final(record):
        _settle(record, receipt.at)
    return news


def _left(record: Record) -> bool:
    """Tell whether a part is still to be taken."""
    known = record.progress.segments
    return not known or any(map(segments.is_open, known))


def _heard(record: Record, at: Millis) -> None:
    """Send what is left of a held message once all of its parts were answered.

    A part refused late goes again too: the ordinary rules are for the answer to that.
    """
    if not any(map(segments.is_unanswered, record.progress.segments)):
        requeue(
            record,
            due_at=at,
            via=record.via,
            tries=record.progress.tries,
            error=None,
        )


def _further(record: Record, result: PartResult, segment: Segment) -> list[int]:
    """Record the short messages beside the first that the next hop made of a part.

    New ones begin as the part stands, so if that has ended they have as well.
    """
    attempts: list[int] = []
    if not isinstance(result.outcome, Accepted):
        return attempts
    known = record.progress.segments
    for number, smsc_id in enumerate(result.outcome.further, result.part + 1):
        if number > len(known):
            known.append(structs.replace(segment, part=number, attempts=[]))
        one = structs.replace(result, part=number, outcome=Accepted(smsc_id))
        attempts.append(segments.answered(known[number - 1], one))
    if attempts:
        record.progress.parts = len(known)
    return attempts


def _reserve(
    record: Record, parts: int, encoding: str | None, short_messages: int = 0
) -> None:
    """Give every part its segment; fewer than before only while none is taken."""
    progress = record.progress
    known = progress.segments
    if len(known) > parts:
        taken = (one.part for one in known if not segments.is_open(one))
        parts = max([parts, *taken])
        del known[parts:]
    for number in range(len(known) + 1, parts + 1):
        known.append(Segment(part=number))
    progress.parts = max(parts, short_messages)
    progress.encoding = encoding


def _settle(record: Record, at: Millis) -> None:
    """Derive a message's state from its parts."""
    progress = record.progress
    states = {segment.state for segment in progress.segments}
    if states <= _WELL:
        delivered = MessageState.DELIVERED in states
        _end(record, MessageState.DELIVERED if delivered else MessageState.SENT, at)
    elif states <= FINAL_STATES:
        worst = min(progress.segments, key=lambda one: segments.rank(one.state))
        progress.error = worst.error
        _end(record, worst.state, at)
    elif states <= _TAKEN_OR_FINAL:
        buffered = MessageState.BUFFERED in states
        progress.state = MessageState.BUFFERED if buffered else MessageState.SUBMITTED
        progress.error = None
        progress.held = False
        progress.plan = None
        record.due_at = None
        record.deadline = progress.ask_at or progress.receipts_until
    else:
        progress.state = MessageState.SUBMITTING


def _end(record: Record, state: MessageState, at: Millis) -> None:
    """End the message; a receipt may be older than the response it waited for."""
    progress = record.progress
    progress.state = state
    progress.final_at = max(at, progress.submitted_at or at)
    progress.held = False
    progress.plan = None
    if state in _WELL:
        progress.error = None
    record.due_at = None
    record.deadline = None
