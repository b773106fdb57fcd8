"""One part of a message: its attempts, what was answered, what receipts said. Pure.

* Any delivered attempt delivers the part.
* It ends otherwise when every attempt that was taken has ended, with the worst of their
  ends. What has ended never opens again, in whatever order receipts come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, assert_never

from esmed.models import (
    FINAL_STATES,
    Accepted,
    Attempt,
    Deferred,
    Fault,
    FaultClass,
    MessageState,
    Millis,
    PartResult,
    ReceiptIn,
    ReceiptNote,
    Rejected,
    Segment,
    Unknown,
)

WORST_FIRST: Final = (
    MessageState.REJECTED,
    MessageState.FAILED,
    MessageState.UNDELIVERABLE,
    MessageState.EXPIRED,
    MessageState.DELETED,
    MessageState.UNKNOWN,
    MessageState.CANCELLED,
)

TAKEN: Final = frozenset(
    {MessageState.SUBMITTED, MessageState.BUFFERED, MessageState.SENT}
)


BY_RECEIPT: Final = "receipt"
"""The code of an attempt that was taken as a receipt says, its answer being lost."""


def is_open(segment: Segment) -> bool:
    """Tell whether the part is still to be taken by a next hop."""
    return segment.state not in TAKEN and segment.state not in FINAL_STATES


def is_unanswered(segment: Segment) -> bool:
    """Tell whether a next hop may have the part without our knowing."""
    return (
        is_open(segment)
        and bool(segment.attempts)
        and segment.attempts[-1].outcome == "unknown"
    )


def may_be_written(segment: Segment, marked_at: Millis) -> bool:
    """Tell whether, of a message marked then, a next hop may have this part.

    Of what was written when the process died there is no attempt.
    """
    last = segment.attempts[-1] if segment.attempts else None
    return is_open(segment) and (
        last is None or last.outcome == "unknown" or last.at < marked_at
    )


def is_nameless(segment: Segment, attempt: Attempt) -> bool:
    """Tell whether receipts may come for an attempt whose id nobody knows."""
    if attempt.outcome == "accepted":
        return not attempt.smsc_id and segment.state not in FINAL_STATES
    return attempt.outcome == "unknown"


def end(segment: Segment, state: MessageState, error: Fault | None) -> None:
    """End a part that no next hop has taken; others stay as they are."""
    if is_open(segment):
        segment.state = state
        segment.error = error or segment.error


def answered(segment: Segment, result: PartResult) -> int:
    """Record an answer, or that there was none; return which attempt it belongs to."""
    index = _attempt(segment, result)
    attempt = segment.attempts[index]
    match result.outcome:
        case Accepted(smsc_id):
            attempt.outcome = "accepted"
            attempt.code = None
            attempt.smsc_id = smsc_id
            segment.error = None
            _settle(segment)
        case Rejected(fault):
            attempt.outcome = "rejected"
            _refused(segment, attempt, fault)
        case Deferred(fault):
            attempt.outcome = "deferred"
            _refused(segment, attempt, fault)
        case Unknown(reason):
            attempt.outcome = "unknown"
            attempt.detail = reason
        case _:
            assert_never(result.outcome)
    return index


def taken(segment: Segment, index: int) -> None:
    """Note of an attempt that it was taken, as a receipt says instead of an answer."""
    attempt = segment.attempts[index]
    attempt.code = BY_RECEIPT
    lost = attempt.detail or "the answer is lost"
    attempt.detail = f"{lost}, but a receipt came that can be of no other part"


def receipt_came(
    segment: Segment, index: int, receipt: ReceiptIn
) -> Literal["news", "overtaken", "duplicate"]:
    """Record a receipt for an attempt that was taken. Overtaken: a later one was here
    first, and this one says only what was on the way there."""
    attempt = segment.attempts[index]
    note = ReceiptNote(
        receipt.at,
        receipt.state,
        receipt.stat,
        receipt.err,
        receipt.host,
        receipt.reason,
        receipt.done_at,
        receipt.text,
        receipt.tlvs,
    )
    if attempt.receipts and any(_same(note, known) for known in attempt.receipts):
        return "duplicate"
    overtaken = note.state not in FINAL_STATES and ended(attempt)
    attempt.receipts.append(note)
    segment.receipt_asked = True
    _settle(segment)
    return "overtaken" if overtaken else "news"


def cancelled(segment: Segment, index: int, at: Millis) -> None:
    """Record that the next hop has dropped an attempt, unless that has ended."""
    attempt = segment.attempts[index]
    if not _ends(attempt.receipts):
        note = ReceiptNote(at, MessageState.CANCELLED, "", "", attempt.host)
        attempt.receipts.append(note)
        _settle(segment)


def ended(attempt: Attempt) -> bool:
    """Tell whether an attempt that was taken has come to its end."""
    return bool(_ends(attempt.receipts))


def rank(state: MessageState) -> int:
    """Order final states, the worst first."""
    return WORST_FIRST.index(state) if state in WORST_FIRST else len(WORST_FIRST)


def _same(one: ReceiptNote, other: ReceiptNote) -> bool:
    return (one.state, one.stat, one.err) == (other.state, other.stat, other.err)


def _attempt(segment: Segment, result: PartResult) -> int:
    """Find the attempt whose late answer this is, or add one."""
    for index, attempt in enumerate(segment.attempts):
        if (
            (attempt.outcome == "unknown" or attempt.code == BY_RECEIPT)
            and attempt.at == result.at
            and attempt.sequence == result.sequence
            and attempt.host == result.host
        ):
            attempt.answered_at = result.answered_at
            return index
    segment.attempts.append(
        Attempt(
            connector=result.connector,
            host=result.host,
            at=result.at,
            outcome="unknown",
            answered_at=result.answered_at,
            sequence=result.sequence,
            reason=result.reason,
        )
    )
    return len(segment.attempts) - 1


def _refused(segment: Segment, attempt: Attempt, fault: Fault) -> None:
    attempt.code = fault.code
    attempt.detail = fault.detail
    if is_open(segment):
        segment.error = fault


def _settle(segment: Segment) -> None:
    """Derive a taken part's state from its attempts' receipts."""
    heard = _receipts(segment)
    noted = False
    for notes in heard:
        for note in notes:
            if note.state is MessageState.DELIVERED:
                segment.state = MessageState.DELIVERED
                segment.error = None
                return
            noted = True
    if not noted:
        if segment.state not in FINAL_STATES:
            asked = segment.receipt_asked
            segment.state = MessageState.SUBMITTED if asked else MessageState.SENT
        return
    ends = [_ends(each) for each in heard]
    if all(ends):
        worst = min((end[-1] for end in ends), key=lambda note: rank(note.state))
        segment.state = worst.state
        if worst.state is MessageState.CANCELLED:
            segment.error = None
            return
        said = f"{worst.stat}: {worst.reason}" if worst.reason else worst.stat
        segment.error = Fault(FaultClass.MESSAGE, worst.err or None, said)
    elif segment.state not in FINAL_STATES:
        segment.state = MessageState.BUFFERED


def _ends(notes: Sequence[ReceiptNote]) -> list[ReceiptNote]:
    """Return the ends that an attempt is said to have come to.

    What was cancelled is often reported as deleted later: that is the same end.
    """
    ends = [note for note in notes if note.state in FINAL_STATES]
    if any(note.state is MessageState.CANCELLED for note in ends):
        return [note for note in ends if note.state is not MessageState.DELETED]
    return ends


def _receipts(segment: Segment) -> list[list[ReceiptNote]]:
    """Return what was heard of each attempt that was taken.

    An SMSC that knows its duplicates answers a second attempt with the id of the first:
    what it says of one is said of both.
    """
    if len(segment.attempts) == 1:
        return [segment.attempts[0].receipts]
    heard: dict[tuple[str, str | int], list[ReceiptNote]] = {}
    for index, attempt in enumerate(segment.attempts):
        # What a receipt spoke of was taken, even if the SMSC refuses it later.
        if attempt.outcome == "accepted" or attempt.receipts:
            key = (attempt.connector, attempt.smsc_id or index)
            heard.setdefault(key, []).extend(attempt.receipts)
    return list(heard.values())
