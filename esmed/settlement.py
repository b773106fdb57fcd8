"""What follows a job, all of whose parts were answered or returned. Pure.

Exactly one thing does: nothing more (every part was taken), wait (again, or for the
next connector), hold, or the end. What a connector has begun it has to end: another one
takes over only while no part is accepted or unknown. With ``on_unknown`` hold or fail a
part that may have been taken is not sent again, whatever became of the other parts.
"""

from __future__ import annotations

from typing import Final, Protocol, assert_never

from msgspec import Struct

from esmed import retry
from esmed.connector import Job
from esmed.models import (
    Deferred,
    Fault,
    FaultClass,
    MessageState,
    Millis,
    OnUnknown,
    Rejected,
    Unknown,
)
from esmed.store import base

EXPIRED: Final = Fault(FaultClass.TEMPORARY, None, "validity over before it was sent")


class Terms(Protocol):
    """What is configured for a connector and matters here; times in seconds."""

    @property
    def on_unknown(self) -> OnUnknown:
        """What follows a part that was written and never answered."""

    @property
    def hold_timeout(self) -> float:
        """How long a held message waits for news."""

    @property
    def receipt_timeout(self) -> float:
        """How long a message taken by the next hop waits for receipts."""

    @property
    def retry(self) -> retry.Policy:
        """How temporary refusals are tried again."""

    def receipt_asked(self, part: int, parts: int) -> bool:
        """Tell whether a receipt is asked for this part, if the message wants any."""


class Case(Struct, gc=False):
    """A job in a connector's hands and what has come back of it so far."""

    job: Job
    via: tuple[str, ...]
    """As the message waited."""
    connector: str
    on_unknown: OnUnknown
    outstanding: int
    """Parts not yet answered or returned."""
    accepted: bool = False
    unknown: Unknown | None = None
    refusal: Rejected | Deferred | None = None
    returned: bool = False

    def note_refusal(self, outcome: Rejected | Deferred) -> None:
        """Keep the gravest refusal; after one for good nothing more is written."""
        if isinstance(outcome, Rejected):
            self.job.stopped = True
            if not isinstance(self.refusal, Rejected):
                self.refusal = outcome
        elif self.refusal is None:
            self.refusal = outcome

    @property
    def begun(self) -> bool:
        """Whether the next hop has, or may have, some of it."""
        return self.accepted or self.unknown is not None


class Verdict(Struct, frozen=True, gc=False):
    """What follows: an operation to store, and where the message waits after it.

    Neither: the message is done with, or with ``give_back`` goes to the queue's head as
    it was, since nothing of it was written.
    """

    operation: base.Requeue | base.Hold | base.Finish | None = None
    give_back: bool = False


_DONE: Final = Verdict()


def settle(case: Case, terms: Terms, now: Millis, jitter: float) -> Verdict:
    """Decide; ``jitter`` is uniform in [0, 1)."""
    if case.refusal is not None:
        return _refused(case, case.refusal, terms, now, jitter)
    if case.unknown is not None:
        return _unanswered(case, case.unknown, terms, now)
    if not case.returned:
        return _DONE
    if case.job.queued.expires_at <= now:
        return _finish(case, MessageState.EXPIRED, EXPIRED, now)
    if case.on_unknown == "resend" and not case.accepted:
        return Verdict(give_back=True)
    return _wait(case, now)


def _refused(
    case: Case,
    refusal: Rejected | Deferred,
    terms: Terms,
    now: Millis,
    jitter: float,
) -> Verdict:
    queued = case.job.queued
    others = tuple(name for name in case.via if name != case.connector)
    decision = retry.decide(
        refusal,
        tries=queued.tries,
        more=bool(others) and not case.begun,
        now=now,
        expires_at=queued.expires_at,
        policy=terms.retry,
        jitter=jitter,
    )
    unsure = None if case.on_unknown == "resend" else case.unknown
    match decision:
        case retry.RetryAt() if unsure is not None:
            return _unanswered(case, unsure, terms, now)
        case retry.RetryAt(due_at):
            return _wait(
                case, now, due_at=due_at, tries=queued.tries + 1, error=refusal.fault
            )
        case retry.NextConnector():
            return _wait(case, now, via=others, error=refusal.fault)
        case retry.GiveUp(state, fault):
            return _finish(case, state, fault, now)
        case _:
            assert_never(decision)


def _unanswered(case: Case, unknown: Unknown, terms: Terms, now: Millis) -> Verdict:
    fault = Fault(FaultClass.TEMPORARY, None, unknown.reason)
    match case.on_unknown:
        case "resend":
            return _wait(case, now, error=fault)
        case "hold":
            deadline = now + round(terms.hold_timeout * 1000)
            hold = base.Hold(seq=case.job.queued.seq, at=now, deadline=deadline)
            return Verdict(hold)
        case "fail":
            return _finish(case, MessageState.UNKNOWN, fault, now)
        case _:
            assert_never(case.on_unknown)


def _wait(
    case: Case,
    now: Millis,
    *,
    due_at: Millis | None = None,
    via: tuple[str, ...] | None = None,
    tries: int | None = None,
    error: Fault | None = None,
) -> Verdict:
    """Have the message wait; at its old place in the queue unless said otherwise."""
    queued = case.job.queued
    return Verdict(
        base.Requeue(
            seq=queued.seq,
            at=now,
            due_at=queued.due_at if due_at is None else due_at,
            via=via or ((case.connector,) if case.begun else case.via),
            tries=queued.tries if tries is None else tries,
            error=error,
        )
    )


def _finish(case: Case, state: MessageState, fault: Fault, now: Millis) -> Verdict:
    return Verdict(
        base.Finish(seq=case.job.queued.seq, state=state, error=fault, at=now)
    )
