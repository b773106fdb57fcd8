"""`esmed.lifecycle`: every state meets every event, and the rules in its header."""

from collections.abc import Callable

import pytest
from fakes.records import (
    DAY,
    T0,
    attempts_of,
    fault,
    plan,
    receipt,
    record,
    result,
)

from esmed import lifecycle
from esmed.models import (
    FINAL_STATES,
    Accepted,
    Deferred,
    Fault,
    FaultClass,
    MessageState,
    OnUnknown,
    PartResult,
    Record,
    Rejected,
    Unknown,
)

S = MessageState
HOUR = 3_600_000
HOLD_UNTIL = T0 + 6 * HOUR
RECEIPTS_UNTIL = T0 + 3 * DAY
BUSY = fault(FaultClass.TEMPORARY, 20, "queue full")


def state_of(one: Record) -> MessageState:
    """Not narrowed by the type checker, which does not know that records change."""
    return one.progress.state


def answer(
    one: Record,
    outcome: PartResult | Accepted | Rejected | Deferred | Unknown,
    *,
    part: int = 1,
    parts: int = 1,
    receipt_asked: bool = True,
    ask_at: int | None = None,
) -> PartResult:
    """Record an outcome as dispatch has it recorded; ``parts`` 0: late."""
    if not isinstance(outcome, PartResult):
        outcome = result(outcome, part=part)
    lifecycle.apply_result(
        one,
        outcome,
        parts=parts,
        encoding="gsm7",
        receipt_asked=receipt_asked,
        deadline=RECEIPTS_UNTIL,
        ask_at=ask_at,
    )
    return outcome


def late(
    one: Record, unknown: PartResult, outcome: Accepted | Rejected | Deferred
) -> None:
    """Answer, late, what was given up."""
    answered = result(
        outcome,
        part=unknown.part,
        at=unknown.at,
        answered_at=unknown.at + 60_000,
        sequence=unknown.sequence,
    )
    answer(one, answered, parts=0)


def report(one: Record, state: MessageState, *, part: int = 1, attempt: int = 0) -> str:
    return lifecycle.apply_receipt(one, part, attempt, receipt(state))


def mark(one: Record, on_unknown: OnUnknown = "hold", *, parts: int = 1) -> bool:
    return lifecycle.mark(
        one, plan(parts), at=T0, on_unknown=on_unknown, deadline=HOLD_UNTIL
    )


def requeue(
    one: Record, *, via: tuple[str, ...] = ("backup",), error: Fault | None = None
) -> None:
    lifecycle.requeue(
        one,
        due_at=T0 + 9000,
        via=via,
        tries=3,
        error=error,
    )


# --- records in each state -----------------------------------------------------------


def scheduled() -> Record:
    return record(due_at=T0 + HOUR)


def begun() -> Record:
    """One of two parts is taken, the other waits."""
    one = record()
    mark(one, "resend", parts=2)
    answer(one, Accepted("a2"), part=2, parts=2)
    return one


def marked() -> Record:
    one = record()
    assert mark(one)
    return one


def held() -> Record:
    one = marked()
    answer(one, GIVEN_UP)
    lifecycle.hold(one, HOLD_UNTIL)
    return one


GIVEN_UP = result(Unknown("no answer within 30 s"))


def submitted() -> Record:
    one = record()
    answer(one, Accepted("a1"))
    return one


def buffered() -> Record:
    one = submitted()
    report(one, S.BUFFERED)
    return one


def ended(state: MessageState) -> Record:
    """A message that ended in each of the ways there are."""
    one = record()
    match state:
        case S.SENT:
            answer(one, Accepted("a1"), receipt_asked=False)
        case S.FAILED:
            answer(one, Rejected(fault(FaultClass.ACCOUNT)))
            lifecycle.finish(one, S.FAILED, fault(FaultClass.ACCOUNT), T0 + 2000)
        case S.CANCELLED:
            assert lifecycle.cancel(one, T0 + 2000)
        case _:
            one = submitted()
            report(one, state)
    assert state_of(one) is state
    return one


# --- events --------------------------------------------------------------------------


def expire(one: Record) -> None:
    lifecycle.expire(one, T0 + 9 * DAY)


EVENTS: dict[str, Callable[[Record], object]] = {
    "mark, may be sent again": lambda one: mark(
        one, "resend", parts=max(one.progress.parts, 1)
    ),
    "mark, may not": lambda one: mark(one, parts=max(one.progress.parts, 1)),
    "accepted": lambda one: answer(one, Accepted("b1"), parts=one.progress.parts),
    "accepted, no receipt": lambda one: answer(
        one, Accepted("b1"), parts=one.progress.parts, receipt_asked=False
    ),
    "rejected": lambda one: answer(one, Rejected(fault()), parts=one.progress.parts),
    "deferred": lambda one: answer(one, Deferred(BUSY), parts=one.progress.parts),
    "unanswered": lambda one: answer(one, Unknown("lost"), parts=one.progress.parts),
    "wait again": requeue,
    "end": lambda one: lifecycle.finish(one, S.REJECTED, fault(), T0 + 2000),
    "hold": lambda one: lifecycle.hold(one, HOLD_UNTIL),
    "resolve: resend": lambda one: lifecycle.resolve(one, T0 + 9000, resend=True),
    "resolve: fail": lambda one: lifecycle.resolve(one, T0 + 9000, resend=False),
    "cancel": lambda one: lifecycle.cancel(one, T0 + 2000),
    "expire": expire,
    "recover": lambda one: lifecycle.recover(one, T0 + 9000),
}

WAITING = (S.SCHEDULED, S.QUEUED, S.SUBMITTING)

# What each event makes of: scheduled, queued, begun, marked, held, submitted, buffered.
TABLE: dict[str, tuple[MessageState, ...]] = {
    "mark, may be sent again": (
        *WAITING, S.SUBMITTING, S.SUBMITTING, S.SUBMITTED, S.BUFFERED,
    ),
    "mark, may not": (
        S.SUBMITTING, S.SUBMITTING, S.SUBMITTING,
        S.SUBMITTING, S.SUBMITTING, S.SUBMITTED, S.BUFFERED,
    ),
    "accepted": (
        S.SUBMITTED, S.SUBMITTED, S.SUBMITTED,
        S.SUBMITTED, S.SUBMITTED, S.SUBMITTED, S.BUFFERED,
    ),
    "accepted, no receipt": (
        S.SENT, S.SENT, S.SUBMITTED, S.SENT, S.SENT, S.SENT, S.BUFFERED,
    ),
    "rejected": (*WAITING, S.SUBMITTING, S.QUEUED, S.SUBMITTED, S.BUFFERED),
    "deferred": (*WAITING, S.SUBMITTING, S.QUEUED, S.SUBMITTED, S.BUFFERED),
    "unanswered": (*WAITING, S.SUBMITTING, S.SUBMITTING, S.SUBMITTED, S.BUFFERED),
    "wait again": (
        S.QUEUED, S.QUEUED, S.SUBMITTING, S.QUEUED, S.QUEUED, S.SUBMITTED, S.BUFFERED,
    ),
    "end": (
        S.REJECTED, S.REJECTED, S.SUBMITTED,
        S.REJECTED, S.REJECTED, S.SUBMITTED, S.BUFFERED,
    ),
    "hold": (
        S.SUBMITTING, S.SUBMITTING, S.SUBMITTING,
        S.SUBMITTING, S.SUBMITTING, S.SUBMITTED, S.BUFFERED,
    ),
    "resolve: resend": (*WAITING, S.SUBMITTING, S.QUEUED, S.SUBMITTED, S.BUFFERED),
    "resolve: fail": (*WAITING, S.SUBMITTING, S.UNKNOWN, S.SUBMITTED, S.BUFFERED),
    "cancel": (
        S.CANCELLED, S.CANCELLED, S.SUBMITTING,
        S.SUBMITTING, S.SUBMITTING, S.SUBMITTED, S.BUFFERED,
    ),
    "expire": (
        S.EXPIRED, S.EXPIRED, S.SUBMITTED,
        S.UNKNOWN, S.UNKNOWN, S.UNKNOWN, S.UNKNOWN,
    ),
}  # fmt: skip

MAKERS = (scheduled, record, begun, marked, held, submitted, buffered)


@pytest.mark.parametrize(
    ("event", "number"), [(event, n) for event in TABLE for n in range(len(MAKERS))]
)
def test_what_each_event_makes_of_each_open_state(event: str, number: int) -> None:
    one = MAKERS[number]()
    EVENTS[event](one)
    assert state_of(one) is TABLE[event][number]
    is_final = one.progress.state in FINAL_STATES
    assert (one.progress.final_at is not None) is is_final
    # A message that has not ended waits to be sent, or for its deadline, or for both.
    assert (one.deadline is None) is is_final
    assert not (is_final and lifecycle.waits(one))
    assert not (is_final and one.progress.held)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", sorted(FINAL_STATES))
def test_no_event_unmakes_a_final_state(state: MessageState, event: str) -> None:
    one = ended(state)
    before = (one.progress.final_at, one.progress.error)
    EVENTS[event](one)
    assert state_of(one) is state
    assert (one.progress.final_at, one.progress.error) == before
    assert one.due_at is None
    assert one.deadline is None
    assert not one.progress.held


RECEIPTED = (S.DELIVERED, S.UNDELIVERABLE, S.DELETED, S.UNKNOWN, S.EXPIRED, S.REJECTED)


@pytest.mark.parametrize("state", RECEIPTED)
def test_a_receipt_ends_a_message(state: MessageState) -> None:
    for one in (submitted(), buffered()):
        assert report(one, state) == "news"
        assert state_of(one) is state
        assert one.progress.final_at == T0 + 5000
        error = one.progress.error
        if state is S.DELIVERED:
            assert error is None
        else:
            assert error is not None
            assert (error.cls, error.code) == (FaultClass.MESSAGE, "000")


@pytest.mark.parametrize("state", RECEIPTED)
def test_a_late_receipt_changes_the_part_and_not_the_end(state: MessageState) -> None:
    one = ended(S.UNKNOWN)
    news = report(one, state)
    assert news == ("duplicate" if state is S.UNKNOWN else "news")
    assert state_of(one) is S.UNKNOWN
    assert one.progress.segments[0].state is state
    assert one.deadline is None


def test_what_mark_says() -> None:
    assert [mark(maker(), "resend") for maker in (scheduled, record)] == [True, True]
    assert mark(begun(), "resend", parts=2)
    assert not any(mark(maker()) for maker in (marked, held, submitted, buffered))
    assert not any(mark(ended(state)) for state in FINAL_STATES)


class TestMark:
    def test_the_split_is_kept_and_the_message_still_waits(self) -> None:
        one = record()
        mark(one, "resend", parts=3)
        assert one.progress.plan == plan(3)
        assert one.progress.parts == 3
        assert [segment.part for segment in one.progress.segments] == [1, 2, 3]
        assert one.due_at == T0
        assert one.deadline == T0 + DAY

    def test_what_may_not_be_sent_twice_leaves_the_queue(self) -> None:
        one = record()
        mark(one, "fail")
        assert one.due_at is None
        assert one.deadline == HOLD_UNTIL
        assert one.progress.connector == "carrier"
        assert lifecycle.waits_for(one) is None

    def test_waiting_for_the_same_connector_it_stays_split_as_it_was(self) -> None:
        """A part of it may have been taken by an SMSC that never said so."""
        one = record()
        mark(one, "resend", parts=3)
        requeue(one, via=("backup", "carrier"))
        assert one.progress.plan == plan(3)

    def test_another_connector_may_need_fewer_parts(self) -> None:
        one = record()
        mark(one, "resend", parts=3)
        requeue(one)
        assert one.progress.plan is None
        mark(one, "resend", parts=2)
        assert len(one.progress.segments) == 2
        assert lifecycle.waits_for(one) == "backup"


class TestRecovery:
    """After a crash: what was marked may have been written."""

    def test_hold(self) -> None:
        one = marked()
        lifecycle.recover(one, T0 + 9000)
        assert one.progress.held
        assert state_of(one) is S.SUBMITTING
        assert one.deadline == HOLD_UNTIL
        assert one.due_at is None

    def test_fail(self) -> None:
        one = record()
        mark(one, "fail")
        lifecycle.recover(one, T0 + 9000)
        assert state_of(one) is S.UNKNOWN
        assert one.progress.final_at == T0 + 9000

    def test_held_stays_held(self) -> None:
        one = held()
        lifecycle.recover(one, T0 + 9000)
        assert one.progress.held
        assert one.deadline == HOLD_UNTIL

    def test_fail_keeps_what_was_taken(self) -> None:
        one = record()
        mark(one, "fail", parts=2)
        answer(one, Accepted("a1"), parts=2)
        lifecycle.recover(one, T0 + 9000)
        assert state_of(one) is S.SUBMITTED
        assert one.deadline == RECEIPTS_UNTIL
        report(one, S.DELIVERED)
        assert state_of(one) is S.UNKNOWN


class TestHeld:
    def test_a_late_response_ends_the_waiting(self) -> None:
        one = held()
        late(one, GIVEN_UP, Accepted("a1"))
        assert state_of(one) is S.SUBMITTED
        assert not one.progress.held
        assert one.deadline == RECEIPTS_UNTIL
        (attempt,) = attempts_of(one)
        assert attempt.outcome == "accepted"
        assert attempt.smsc_id == "a1"
        assert attempt.answered_at == GIVEN_UP.at + 60_000

    @pytest.mark.parametrize("outcome", [Rejected(fault()), Deferred(BUSY)])
    def test_a_late_refusal_says_that_it_may_be_sent_again(
        self, outcome: Rejected | Deferred
    ) -> None:
        one = held()
        late(one, GIVEN_UP, outcome)
        assert state_of(one) is S.QUEUED
        assert not one.progress.held
        assert one.due_at == GIVEN_UP.at + 60_000
        assert one.deadline == one.expires_at

    def test_what_is_left_goes_once_nothing_is_unanswered(self) -> None:
        one = record()
        mark(one, parts=3)
        first = answer(one, Unknown("lost"), part=1, parts=3)
        second = answer(one, Unknown("lost"), part=2, parts=3)
        lifecycle.hold(one, HOLD_UNTIL)
        late(one, first, Accepted("a1"))
        assert not lifecycle.waits(one)
        assert one.deadline == HOLD_UNTIL
        assert state_of(one) is S.SUBMITTING
        late(one, second, Deferred(BUSY))
        assert not one.progress.held
        assert state_of(one) is S.SUBMITTING
        assert lifecycle.waits(one)

    def test_it_is_given_up_after_its_time(self) -> None:
        one = held()
        expire(one)
        assert state_of(one) is S.UNKNOWN
        assert one.progress.error is not None
        assert one.progress.error.cls is FaultClass.TEMPORARY

    def test_resend_goes_back_to_the_connector_that_may_have_it(self) -> None:
        one = held()
        assert lifecycle.resolve(one, T0 + 9000, resend=True)
        assert one.via == ("carrier",)
        assert one.due_at == T0 + 9000
        assert one.progress.plan == plan()

    def test_only_what_is_held_can_be_resolved(self) -> None:
        for maker in (scheduled, record, begun, marked, submitted):
            assert not lifecycle.resolve(maker(), T0, resend=True)
            assert not lifecycle.resolve(maker(), T0, resend=False)

    def test_resend_of_a_message_held_without_a_split(self) -> None:
        one = record()
        lifecycle.hold(one, HOLD_UNTIL)
        assert lifecycle.resolve(one, T0 + 9000, resend=True)
        assert one.via == ("carrier", "backup")


class TestLateResponses:
    def test_to_a_message_that_waits_again(self) -> None:
        one = record()
        unknown = answer(one, Unknown("lost"))
        requeue(one)
        late(one, unknown, Accepted("a1"))
        assert state_of(one) is S.SUBMITTED
        assert not lifecycle.waits(one)
        assert len(attempts_of(one)) == 1

    def test_a_refusal_leaves_it_waiting(self) -> None:
        one = record()
        unknown = answer(one, Unknown("lost"))
        requeue(one)
        late(one, unknown, Rejected(fault()))
        assert state_of(one) is S.QUEUED
        assert attempts_of(one)[0].outcome == "rejected"

    def test_nothing_is_left_to_send_or_to_hold_then(self) -> None:
        one = record()
        unknown = answer(one, Unknown("lost"))
        late(one, unknown, Accepted("a1"))
        requeue(one)
        lifecycle.hold(one, HOLD_UNTIL)
        assert state_of(one) is S.SUBMITTED
        assert not lifecycle.waits(one)
        assert not one.progress.held
        assert one.deadline == RECEIPTS_UNTIL

    def test_to_a_message_that_was_given_up(self) -> None:
        one = marked()
        unknown = answer(one, GIVEN_UP)
        lifecycle.finish(one, S.UNKNOWN, fault(), T0 + 9000)
        late(one, unknown, Accepted("a1"))
        assert state_of(one) is S.UNKNOWN
        report(one, S.DELIVERED)
        assert state_of(one) is S.UNKNOWN
        assert one.progress.segments[0].state is S.DELIVERED
        assert one.progress.segments[0].error is None

    def test_another_host_or_sequence_is_another_attempt(self) -> None:
        one = record()
        unknown = answer(one, Unknown("lost"))
        answer(one, result(Accepted("b1"), at=unknown.at, sequence=4711))
        assert [a.outcome for a in attempts_of(one)] == ["unknown", "accepted"]


class TestLongMessages:
    def test_it_is_submitted_when_every_part_is_taken(self) -> None:
        one = record()
        mark(one, "resend", parts=3)
        for part, state in ((2, S.SUBMITTING), (1, S.SUBMITTING), (3, S.SUBMITTED)):
            answer(one, Accepted(f"a{part}"), part=part, parts=3)
            assert state_of(one) is state
        assert one.progress.submitted_at == T0 + 1100
        assert one.progress.plan is None

    def test_it_is_delivered_when_every_part_is(self) -> None:
        one = record()
        for part in (1, 2):
            answer(one, Accepted(f"a{part}"), part=part, parts=2)
        report(one, S.DELIVERED, part=2)
        assert state_of(one) is S.SUBMITTED
        report(one, S.BUFFERED, part=1)
        assert state_of(one) is S.BUFFERED
        report(one, S.DELIVERED, part=1)
        assert state_of(one) is S.DELIVERED

    @pytest.mark.parametrize(
        ("states", "whole"),
        [
            ((S.DELIVERED, S.UNKNOWN), S.UNKNOWN),
            ((S.UNKNOWN, S.DELETED), S.DELETED),
            ((S.DELETED, S.EXPIRED), S.EXPIRED),
            ((S.EXPIRED, S.UNDELIVERABLE), S.UNDELIVERABLE),
            ((S.UNDELIVERABLE, S.REJECTED), S.REJECTED),
            ((S.DELIVERED, S.CANCELLED), S.CANCELLED),
        ],
    )
    def test_else_it_gets_the_worst(
        self, states: tuple[MessageState, MessageState], whole: MessageState
    ) -> None:
        for first, second in ((1, 2), (2, 1)):
            one = record()
            answer(one, Accepted("a1"), part=1, parts=2)
            answer(one, Accepted("a2"), part=2, parts=2)
            report(one, states[0], part=first)
            assert state_of(one) is S.SUBMITTED
            report(one, states[1], part=second)
            assert state_of(one) is whole
            assert (one.progress.error is None) == (whole is S.CANCELLED)

    def test_receipts_asked_of_the_last_part_only(self) -> None:
        one = record()
        answer(one, Accepted("a1"), part=1, parts=2, receipt_asked=False)
        answer(one, Accepted("a2"), part=2, parts=2)
        assert [s.state for s in one.progress.segments] == [S.SENT, S.SUBMITTED]
        assert state_of(one) is S.SUBMITTED
        report(one, S.DELIVERED, part=2)
        assert state_of(one) is S.DELIVERED

    def test_that_receipt_never_came(self) -> None:
        one = record()
        answer(one, Accepted("a1"), part=1, parts=2, receipt_asked=False)
        answer(one, Accepted("a2"), part=2, parts=2)
        lifecycle.expire(one, RECEIPTS_UNTIL)
        assert [s.state for s in one.progress.segments] == [S.SENT, S.UNKNOWN]
        assert state_of(one) is S.UNKNOWN

    def test_a_receipt_of_a_part_that_was_not_asked_for_one(self) -> None:
        one = record()
        answer(one, Accepted("a1"), part=1, parts=2, receipt_asked=False)
        answer(one, Accepted("a2"), part=2, parts=2)
        report(one, S.UNDELIVERABLE, part=1)
        report(one, S.DELIVERED, part=2)
        assert state_of(one) is S.UNDELIVERABLE

    def test_a_part_is_taken_and_another_refused_for_good(self) -> None:
        one = record()
        mark(one, "resend", parts=3)
        answer(one, Accepted("a1"), part=1, parts=3)
        answer(one, Rejected(fault()), part=2, parts=3)
        lifecycle.finish(one, S.REJECTED, fault(), T0 + 2000)
        assert state_of(one) is S.SUBMITTED
        assert [s.state for s in one.progress.segments] == [
            S.SUBMITTED,
            S.REJECTED,
            S.REJECTED,
        ]
        assert one.due_at is None
        assert one.deadline == RECEIPTS_UNTIL
        report(one, S.DELIVERED)
        assert state_of(one) is S.REJECTED
        assert one.progress.error == fault()

    def test_a_part_is_taken_and_the_validity_ends(self) -> None:
        """The receipt of the part that went is still waited for."""
        one = begun()
        lifecycle.expire(one, one.expires_at)
        assert state_of(one) is S.SUBMITTED
        assert one.deadline == RECEIPTS_UNTIL
        lifecycle.expire(one, RECEIPTS_UNTIL)
        assert state_of(one) is S.EXPIRED

    def test_what_is_left_waits_and_is_still_submitting(self) -> None:
        one = begun()
        report(one, S.DELIVERED, part=2)
        requeue(one)
        assert state_of(one) is S.SUBMITTING
        assert one.progress.plan == plan(2)
        assert not lifecycle.cancel(one, T0)

    def test_receipts_are_waited_for_as_long_as_the_last_part_may_take(self) -> None:
        one = record()
        for part, deadline in ((1, T0 + 5 * DAY), (2, T0 + 4 * DAY)):
            lifecycle.apply_result(
                one,
                result(Accepted(f"a{part}"), part=part),
                parts=2,
                encoding="gsm7",
                receipt_asked=True,
                deadline=deadline,
                ask_at=None,
            )
        assert one.deadline == T0 + 5 * DAY


class TestTwoAttempts:
    """The first was taken without our knowing, and sent again."""

    def taken_twice(self, *ids: str) -> Record:
        one = record()
        unknown = answer(one, Unknown("lost"))
        requeue(one)
        answer(one, result(Accepted(ids[1]), at=T0 + 9000))
        late(one, unknown, Accepted(ids[0]))
        assert [a.smsc_id for a in attempts_of(one)] == list(ids)
        return one

    def test_any_delivered_attempt_delivers(self) -> None:
        one = self.taken_twice("a1", "b1")
        report(one, S.UNDELIVERABLE, attempt=1)
        assert state_of(one) is S.BUFFERED
        report(one, S.DELIVERED, attempt=0)
        assert state_of(one) is S.DELIVERED

    def test_it_ends_otherwise_when_both_have(self) -> None:
        one = self.taken_twice("a1", "b1")
        report(one, S.REJECTED, attempt=0)
        report(one, S.EXPIRED, attempt=1)
        assert state_of(one) is S.REJECTED

    def test_an_smsc_that_knows_its_duplicates_reports_once(self) -> None:
        one = self.taken_twice("a1", "a1")
        report(one, S.UNDELIVERABLE, attempt=0)
        assert state_of(one) is S.UNDELIVERABLE

    def test_attempts_without_an_id_are_not_the_same(self) -> None:
        one = self.taken_twice("", "")
        report(one, S.UNDELIVERABLE, attempt=0)
        assert state_of(one) is S.BUFFERED

    def test_a_receipt_counts_though_its_attempt_is_refused_after_all(self) -> None:
        one = record()
        answer(one, Deferred(BUSY))
        requeue(one)
        unknown = answer(one, result(Unknown("lost"), at=T0 + 9000))
        heard = receipt(S.BUFFERED, at=T0 + 9500)
        assert lifecycle.taken(one, 1, heard, deadline=RECEIPTS_UNTIL) == 1
        late(one, unknown, Rejected(BUSY))
        report(one, S.DELIVERED, attempt=1)
        assert state_of(one) is S.DELIVERED

    def test_it_has_ended_before_the_first_is_heard_of(self) -> None:
        one = record()
        unknown = answer(one, Unknown("lost"), parts=2)
        answer(one, Accepted("b2"), part=2, parts=2)
        answer(one, result(Accepted("b1"), at=T0 + 9000), parts=2)
        report(one, S.UNDELIVERABLE, attempt=1)
        late(one, unknown, Accepted("a1"))
        assert one.progress.segments[0].state is S.UNDELIVERABLE


class TestReceipts:
    def test_the_same_twice(self) -> None:
        one = submitted()
        assert report(one, S.BUFFERED) == "news"
        assert report(one, S.BUFFERED) == "duplicate"
        assert report(one, S.DELIVERED) == "news"
        assert report(one, S.DELIVERED) == "duplicate"
        (attempt,) = attempts_of(one)
        assert [note.state for note in attempt.receipts] == [S.BUFFERED, S.DELIVERED]

    def test_out_of_order(self) -> None:
        """What is on its way does not open again what has ended."""
        one = record()
        answer(one, Accepted("a1"), part=1, parts=2)
        answer(one, Accepted("a2"), part=2, parts=2)
        report(one, S.UNDELIVERABLE, part=1)
        assert report(one, S.BUFFERED, part=1) == "overtaken"
        assert one.progress.segments[0].state is S.UNDELIVERABLE
        report(one, S.DELIVERED, part=2)
        assert state_of(one) is S.UNDELIVERABLE

    def test_delivered_after_all(self) -> None:
        one = record()
        answer(one, Accepted("a1"), part=1, parts=2)
        answer(one, Accepted("a2"), part=2, parts=2)
        report(one, S.EXPIRED, part=1)
        report(one, S.DELIVERED, part=1)
        report(one, S.DELIVERED, part=2)
        assert state_of(one) is S.DELIVERED

    def test_older_than_its_response(self) -> None:
        one = record()
        answer(one, result(Accepted("a1"), at=T0 + 1000, answered_at=T0 + 8000))
        report(one, S.DELIVERED)
        assert one.progress.final_at == T0 + 8000

    def test_none_came(self) -> None:
        one = buffered()
        lifecycle.expire(one, RECEIPTS_UNTIL)
        assert state_of(one) is S.UNKNOWN
        assert one.progress.error is not None
        assert "receipt_timeout" in one.progress.error.detail

    def test_none_was_asked_for(self) -> None:
        one = ended(S.SENT)
        assert one.progress.final_at == T0 + 1100
        report(one, S.UNDELIVERABLE)
        assert state_of(one) is S.SENT
        assert one.progress.segments[0].state is S.UNDELIVERABLE


class TestCancel:
    @pytest.mark.parametrize("outcome", [Rejected(fault()), Deferred(BUSY)])
    def test_what_was_only_refused(self, outcome: Rejected | Deferred) -> None:
        one = record()
        answer(one, outcome)
        requeue(one)
        assert lifecycle.cancel(one, T0 + 9500)
        assert state_of(one) is S.CANCELLED
        assert one.progress.segments[0].state is S.CANCELLED
        assert one.progress.final_at == T0 + 9500

    def test_not_what_may_have_been_taken(self) -> None:
        one = record()
        answer(one, Unknown("lost"))
        requeue(one)
        assert not lifecycle.cancel(one, T0 + 9500)
        assert state_of(one) is S.QUEUED

    def test_not_twice(self) -> None:
        assert not lifecycle.cancel(ended(S.CANCELLED), T0 + 9500)


class TestRecall:
    """What the next hop had taken, and has dropped."""

    @staticmethod
    def taken(parts: int = 1) -> Record:
        one = record()
        for part in range(1, parts + 1):
            answer(one, Accepted(f"id{part}"), part=part, parts=parts)
        return one

    def test_all_of_it(self) -> None:
        one = self.taken(2)
        lifecycle.recalled(one, [(1, 0)], T0 + 9000)
        assert state_of(one) is S.SUBMITTED
        lifecycle.recalled(one, [(2, 0)], T0 + 9500)
        assert state_of(one) is S.CANCELLED
        assert one.progress.error is None
        assert one.progress.final_at == T0 + 9500

    def test_reported_as_deleted_later(self) -> None:
        one = self.taken()
        lifecycle.recalled(one, [(1, 0)], T0 + 9000)
        report(one, S.DELETED)
        assert state_of(one) is S.CANCELLED
        assert one.progress.segments[0].state is S.CANCELLED

    def test_delivered_after_all(self) -> None:
        one = self.taken()
        lifecycle.recalled(one, [(1, 0)], T0 + 9000)
        report(one, S.DELIVERED)
        assert state_of(one) is S.CANCELLED
        assert one.progress.segments[0].state is S.DELIVERED

    def test_not_what_has_ended(self) -> None:
        one = self.taken(2)
        report(one, S.UNDELIVERABLE)
        lifecycle.recalled(one, [(1, 0), (2, 0)], T0 + 9000)
        assert one.progress.segments[0].state is S.UNDELIVERABLE
        assert state_of(one) is S.UNDELIVERABLE


class TestAsking:
    """What the next hop is asked for before it is unknown."""

    WAITS = (60, 240, 960)

    @staticmethod
    def parts(one: Record, *names: str) -> list[int]:
        waits = dict.fromkeys(names, TestAsking.WAITS)
        return [part for part, _ in lifecycle.unheard(one, waits)]

    def test_what_has_not_ended_of_whom_can_be_asked(self) -> None:
        one = TestRecall.taken(3)
        assert self.parts(one, "carrier") == [1, 2, 3]
        assert self.parts(one, "other") == []
        report(one, S.DELIVERED, part=2)
        report(one, S.BUFFERED, part=3)
        assert self.parts(one, "carrier") == [1, 3]

    def test_not_without_an_id(self) -> None:
        one = record()
        answer(one, Accepted(""))
        assert self.parts(one, "carrier") == []

    def test_not_what_is_not_taken_or_has_ended(self) -> None:
        one = record()
        answer(one, Accepted("a1"), part=1, parts=2)
        assert self.parts(one, "carrier") == []
        assert self.parts(ended(S.DELIVERED), "carrier") == []

    def test_after_each_pause_and_not_for_ever(self) -> None:
        one, now, pauses = TestRecall.taken(), RECEIPTS_UNTIL, []
        while self.parts(one, "carrier"):
            lifecycle.put_off(one, now, self.WAITS[one.progress.asked])
            assert one.deadline is not None
            pauses.append((one.deadline - now) // 1000)
            now = one.deadline
            # News of its being on the way asks for nothing sooner.
            report(one, S.BUFFERED)
            assert one.deadline == now
        assert pauses == [60, 240, 960]
        lifecycle.expire(one, now)
        assert state_of(one) is S.UNKNOWN
        assert one.progress.error is not None
        assert one.progress.error.detail == "no receipt within receipt_timeout"

    def test_from_when_it_was_taken(self) -> None:
        """In several parts: the last of them."""
        one = record()
        for part, ask_at in ((1, T0 + 30_000), (2, T0 + 20_000)):
            answer(one, Accepted(f"a{part}"), part=part, parts=2, ask_at=ask_at)
        assert one.deadline == T0 + 30_000
        lifecycle.put_off(one, T0 + 30_000, 17)
        assert one.deadline == T0 + 47_000

    def test_news_ends_the_asking_or_changes_nothing_about_it(self) -> None:
        one = record()
        answer(one, Accepted("a1"), ask_at=T0 + 10_000)
        report(one, S.BUFFERED)
        assert one.deadline == T0 + 10_000
        report(one, S.DELIVERED)
        assert one.deadline is None

    def test_what_cannot_be_asked_now_is_asked_later(self) -> None:
        """Later and later, without counting, whatever else it hears of."""
        one, now = record(), T0 + 10_000
        answer(one, Accepted("a1"), ask_at=now)
        pauses = []
        for _ in range(20):
            lifecycle.postpone(one, now)
            assert one.deadline is not None
            pauses.append((one.deadline - now) // 1000)
            now = one.deadline
        assert pauses[:7] == [30, 30, 30, 30, 30, 37, 46]
        assert pauses == sorted(pauses)
        assert pauses[-1] == 600
        assert one.progress.asked == 0
        assert self.parts(one, "carrier") == [1]

    def test_it_is_not_left_for_later_than_its_end(self) -> None:
        one = TestRecall.taken()
        lifecycle.postpone(one, RECEIPTS_UNTIL - 1000)
        assert one.deadline == RECEIPTS_UNTIL
        lifecycle.postpone(one, RECEIPTS_UNTIL)
        assert one.deadline == RECEIPTS_UNTIL + 30_000

    def test_who_was_to_be_asked_is_gone(self) -> None:
        """It waits for receipts as long as it would have without any question."""
        one, now = record(), T0 + 10_000
        answer(one, Accepted("a1"), ask_at=now)
        while state_of(one) is S.SUBMITTED:
            lifecycle.expire(one, now)
            assert one.deadline is None or one.deadline > now
            now = one.deadline or now
        assert (state_of(one), now) == (S.UNKNOWN, RECEIPTS_UNTIL)

    def test_given_up(self) -> None:
        """But not while a receipt may come of itself."""
        one = TestRecall.taken()
        assert not lifecycle.give_up(one, RECEIPTS_UNTIL - 1)
        assert state_of(one) is S.SUBMITTED
        assert lifecycle.give_up(one, RECEIPTS_UNTIL)
        assert state_of(one) is S.UNKNOWN
        assert not lifecycle.give_up(one, RECEIPTS_UNTIL)

    def test_not_what_is_sent_again_meanwhile(self) -> None:
        one = record()
        lifecycle.give_up(one, RECEIPTS_UNTIL)
        assert state_of(one) is S.QUEUED


class TestFurther:
    """The next hop makes several short messages of one part, with an id each."""

    THREE = Accepted("a1", ("a2", "a3"))

    def ids(self, one: Record) -> list[list[str | None]]:
        return [
            [attempt.smsc_id for attempt in segment.attempts]
            for segment in one.progress.segments
        ]

    def test_each_is_a_part(self) -> None:
        one = record()
        unanswered = result(self.THREE)
        attempts = lifecycle.apply_result(
            one,
            unanswered,
            parts=1,
            encoding="ucs2",
            receipt_asked=True,
            deadline=RECEIPTS_UNTIL,
            ask_at=None,
        )
        assert attempts == [0, 0, 0]
        assert (state_of(one), one.progress.parts) == (S.SUBMITTED, 3)
        assert [segment.part for segment in one.progress.segments] == [1, 2, 3]
        assert self.ids(one) == [["a1"], ["a2"], ["a3"]]
        assert {attempts_of(one, part)[0].at for part in (1, 2, 3)} == {unanswered.at}

    def test_it_ends_when_all_have(self) -> None:
        one = record()
        answer(one, self.THREE)
        report(one, S.DELIVERED, part=3)
        report(one, S.UNDELIVERABLE, part=1)
        assert state_of(one) is S.SUBMITTED
        report(one, S.DELIVERED, part=2)
        assert state_of(one) is S.UNDELIVERABLE

    def test_without_receipts(self) -> None:
        one = record()
        answer(one, self.THREE, receipt_asked=False)
        assert state_of(one) is S.SENT
        assert {segment.state for segment in one.progress.segments} == {S.SENT}

    def test_it_is_answered_late(self) -> None:
        one = record()
        mark(one)
        unknown = answer(one, GIVEN_UP)
        lifecycle.hold(one, HOLD_UNTIL)
        late(one, unknown, self.THREE)
        assert (state_of(one), one.progress.held) == (S.SUBMITTED, False)
        assert self.ids(one) == [["a1"], ["a2"], ["a3"]]

    def test_it_is_answered_after_its_end(self) -> None:
        """The end is kept, and what is heard of the parts is kept as well."""
        one = record()
        unknown = answer(one, Unknown("lost"))
        lifecycle.finish(one, S.FAILED, BUSY, T0 + 9000)
        late(one, unknown, self.THREE)
        assert state_of(one) is S.FAILED
        assert [segment.state for segment in one.progress.segments] == [S.FAILED] * 3
        report(one, S.DELIVERED, part=2)
        assert one.progress.segments[1].state is S.DELIVERED
        assert state_of(one) is S.FAILED

    @pytest.mark.parametrize(
        "second", [Accepted("b1"), Rejected(BUSY), Unknown("lost")]
    )
    def test_a_second_attempt_takes_nothing_away(
        self, second: Accepted | Rejected | Unknown
    ) -> None:
        one = record()
        unknown = answer(one, Unknown("lost"))
        late(one, unknown, self.THREE)
        answer(one, second)
        assert (len(one.progress.segments), one.progress.parts) == (3, 3)
        assert state_of(one) is S.SUBMITTED

    def test_two_attempts_were_taken(self) -> None:
        """Delivered is what one of them delivers, part by part."""
        one = record()
        unknown = answer(one, Unknown("lost"))
        answer(one, self.THREE)
        late(one, unknown, Accepted("b1", ("b2",)))
        assert self.ids(one) == [["b1", "a1"], ["a2", "b2"], ["a3"]]
        for part, attempt in ((1, 1), (2, 1), (3, 0)):
            assert state_of(one) is S.SUBMITTED
            report(one, S.DELIVERED, part=part, attempt=attempt)
        assert state_of(one) is S.DELIVERED


class TestErrors:
    def test_the_last_refusal_is_told_when_the_validity_ends(self) -> None:
        one = record()
        answer(one, Deferred(BUSY))
        requeue(one, error=BUSY)
        requeue(one)
        assert one.progress.error == BUSY
        expire(one)
        assert state_of(one) is S.EXPIRED
        assert one.progress.error == BUSY
        assert one.progress.segments[0].error == BUSY

    def test_without_any(self) -> None:
        one = record()
        expire(one)
        assert one.progress.error is not None
        assert "validity" in one.progress.error.detail
        assert len(one.progress.segments) == 1

    def test_success_forgets_it(self) -> None:
        one = record()
        answer(one, Deferred(BUSY))
        requeue(one, error=BUSY)
        answer(one, result(Accepted("a1"), at=T0 + 9500))
        assert one.progress.error is None
        assert one.progress.segments[0].error is None

    def test_a_refusal_does_not_blame_a_part_that_was_taken(self) -> None:
        one = submitted()
        answer(one, Rejected(fault()))
        assert one.progress.segments[0].error is None

    def test_an_end_without_a_reason_keeps_the_part_s_own(self) -> None:
        one = record()
        answer(one, Rejected(fault()))
        lifecycle.finish(one, S.REJECTED, None, T0 + 2000)
        assert one.progress.error == fault()


def test_what_is_left_of_an_answer_to_a_message_that_has_ended() -> None:
    """It was ended while a connector was writing it, in more parts than was thought."""
    one = record()
    lifecycle.finish(one, S.EXPIRED, fault(), T0 + 2000)
    answer(one, Accepted("a2"), part=2, parts=2)
    assert state_of(one) is S.EXPIRED
    assert [s.state for s in one.progress.segments] == [S.EXPIRED, S.SUBMITTED]
    answer(one, Accepted("a1"), part=1, parts=1)
    assert len(one.progress.segments) == 2
