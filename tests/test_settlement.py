"""`esmed.settlement`: what follows a job, by what became of its parts."""

from typing import Any

import pytest
from fakes.records import DAY, T0, plan, request
from fakes.terms import Terms

from esmed.connector import Job
from esmed.models import (
    Deferred,
    Fault,
    FaultClass,
    MessageState,
    OnUnknown,
    Queued,
    Rejected,
    Unknown,
)
from esmed.settlement import EXPIRED, Case, Verdict, settle
from esmed.store import base

NOW = T0 + 60_000
REFUSED = Rejected(Fault(FaultClass.MESSAGE, 11, "invalid destination"))
NO_BALANCE = Rejected(Fault(FaultClass.ACCOUNT, 401, "no balance"))
BUSY = Deferred(Fault(FaultClass.TEMPORARY, 20, "queue full"))
LOST = Unknown("link lost")


def case(*, tries: int = 0, expires_at: int = T0 + DAY, **fields: Any) -> Case:
    queued = Queued(
        seq=7,
        id="message-7",
        request=request(),
        via=("carrier", "backup"),
        due_at=T0,
        expires_at=expires_at,
        tries=tries,
    )
    return Case(
        **{
            "job": Job(queued, plan(2), [1, 2], "first choice"),
            "via": ("carrier", "backup"),
            "connector": "carrier",
            "on_unknown": "resend",
            "outstanding": 0,
            **fields,
        }
    )


def verdict(one: Case, **terms: Any) -> Verdict:
    return settle(one, Terms(**terms), NOW, jitter=0.0)


def requeue(
    *,
    due_at: int = T0,
    via: tuple[str, ...] = ("carrier", "backup"),
    tries: int = 0,
    error: Fault | None = None,
) -> Verdict:
    return Verdict(
        base.Requeue(
            seq=7,
            at=NOW,
            due_at=due_at,
            via=via,
            tries=tries,
            error=error,
        )
    )


def finish(state: MessageState, error: Fault) -> Verdict:
    return Verdict(base.Finish(seq=7, state=state, error=error, at=NOW))


HELD = Verdict(base.Hold(seq=7, at=NOW, deadline=NOW + 3_600_000))
UNANSWERED = Fault(FaultClass.TEMPORARY, None, "link lost")


def test_every_part_was_taken() -> None:
    assert verdict(case(accepted=True)) == Verdict()


class TestReturned:
    """Nothing more was written: the link went, or a refusal stopped the rest."""

    def test_nothing_was_written(self) -> None:
        assert verdict(case(returned=True)) == Verdict(give_back=True)

    @pytest.mark.parametrize("on_unknown", ["hold", "fail"])
    def test_what_was_marked_goes_back_to_the_queue_on_disk(
        self, on_unknown: OnUnknown
    ) -> None:
        assert verdict(case(returned=True, on_unknown=on_unknown)) == requeue()

    def test_a_part_was_taken(self) -> None:
        one = case(returned=True, accepted=True)
        assert verdict(one) == requeue(via=("carrier",))

    def test_the_validity_has_ended(self) -> None:
        one = case(returned=True, expires_at=NOW)
        assert verdict(one) == finish(MessageState.EXPIRED, EXPIRED)


class TestRefusals:
    def test_for_good(self) -> None:
        assert verdict(case(refusal=REFUSED)) == finish(
            MessageState.REJECTED, REFUSED.fault
        )

    def test_by_this_connector(self) -> None:
        assert verdict(case(refusal=NO_BALANCE)) == requeue(
            via=("backup",), error=NO_BALANCE.fault
        )

    def test_by_the_last_connector(self) -> None:
        one = case(refusal=NO_BALANCE, via=("carrier",))
        assert verdict(one) == finish(MessageState.FAILED, NO_BALANCE.fault)

    def test_by_a_connector_that_has_begun_it(self) -> None:
        one = case(refusal=NO_BALANCE, accepted=True)
        assert verdict(one) == finish(MessageState.FAILED, NO_BALANCE.fault)

    def test_for_now(self) -> None:
        assert verdict(case(refusal=BUSY, tries=2)) == requeue(
            due_at=NOW + 20_000, tries=3, error=BUSY.fault
        )

    def test_for_now_with_a_part_taken(self) -> None:
        assert verdict(case(refusal=BUSY, accepted=True)) == requeue(
            due_at=NOW + 5000,
            via=("carrier",),
            tries=1,
            error=BUSY.fault,
        )

    def test_too_often(self) -> None:
        one = case(refusal=BUSY, tries=9)
        assert verdict(one) == finish(MessageState.FAILED, BUSY.fault)

    def test_of_one_part_while_another_was_not_answered(self) -> None:
        """It may be sent again: so it waits, for the connector that may have it."""
        one = case(refusal=BUSY, unknown=LOST)
        assert verdict(one) == requeue(
            due_at=NOW + 5000,
            via=("carrier",),
            tries=1,
            error=BUSY.fault,
        )


class TestUnanswered:
    def test_resend(self) -> None:
        assert verdict(case(unknown=LOST)) == requeue(
            via=("carrier",), error=UNANSWERED
        )

    def test_hold(self) -> None:
        assert verdict(case(unknown=LOST, on_unknown="hold")) == HELD

    def test_fail(self) -> None:
        assert verdict(case(unknown=LOST, on_unknown="fail")) == finish(
            MessageState.UNKNOWN, UNANSWERED
        )

    def test_what_may_not_be_sent_twice_is_not_because_another_part_must(self) -> None:
        held = case(unknown=LOST, refusal=BUSY, on_unknown="hold")
        assert verdict(held) == HELD
        failed = case(unknown=LOST, refusal=BUSY, on_unknown="fail")
        assert verdict(failed) == finish(MessageState.UNKNOWN, UNANSWERED)

    def test_a_refusal_for_good_ends_it_all_the_same(self) -> None:
        one = case(unknown=LOST, refusal=REFUSED, on_unknown="hold")
        assert verdict(one) == finish(MessageState.REJECTED, REFUSED.fault)


class TestTheGravestRefusalCounts:
    def test_one_for_good_stops_the_rest(self) -> None:
        one = case()
        stopped = []
        for refusal in (BUSY, REFUSED, NO_BALANCE):
            one.note_refusal(refusal)
            stopped.append(one.job.stopped)
        assert stopped == [False, True, True]
        assert one.refusal == REFUSED

    def test_the_first_of_its_kind(self) -> None:
        one = case()
        one.note_refusal(BUSY)
        one.note_refusal(Deferred(UNANSWERED))
        assert one.refusal == BUSY

    def test_what_is_begun(self) -> None:
        assert not case(returned=True).begun
        assert case(accepted=True).begun
        assert case(unknown=LOST).begun
