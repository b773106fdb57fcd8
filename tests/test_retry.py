"""`esmed.retry`: what follows which refusal, as a table; and the pauses."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.connectorconfig import Retry
from esmed.models import Deferred, Fault, FaultClass, MessageState, Rejected
from esmed.retry import Decision, GiveUp, NextConnector, RetryAt, decide, pause

MESSAGE = Fault(FaultClass.MESSAGE, 11, "ESME_RINVDSTADR")
ACCOUNT = Fault(FaultClass.ACCOUNT, 14, "ESME_RINVPASWD")
TEMPORARY = Fault(FaultClass.TEMPORARY, 88, "ESME_RTHROTTLED")
PROTOCOL = Fault(FaultClass.PROTOCOL, 2, "ESME_RINVCMDLEN")

NOW = 1_767_225_600_000
LATER = NOW + 3_600_000
POLICY = Retry(attempts=4, min=5.0, max=60.0)


@dataclass(frozen=True, kw_only=True)
class Case:
    outcome: Rejected | Deferred
    follows: Decision
    tries: int = 0
    more: bool = False
    expires_at: int = LATER


CASES = {
    "rejected for good": Case(
        outcome=Rejected(MESSAGE), follows=GiveUp(MessageState.REJECTED, MESSAGE)
    ),
    "rejected for good, whatever else there is": Case(
        outcome=Rejected(MESSAGE),
        more=True,
        expires_at=NOW,
        follows=GiveUp(MessageState.REJECTED, MESSAGE),
    ),
    "account, another connector": Case(
        outcome=Rejected(ACCOUNT), more=True, follows=NextConnector()
    ),
    "account, no other connector": Case(
        outcome=Rejected(ACCOUNT), follows=GiveUp(MessageState.FAILED, ACCOUNT)
    ),
    "account, attempts used up but another connector": Case(
        outcome=Rejected(ACCOUNT), more=True, tries=99, follows=NextConnector()
    ),
    "account, another connector but too late": Case(
        outcome=Rejected(ACCOUNT),
        more=True,
        expires_at=NOW,
        follows=GiveUp(MessageState.EXPIRED, ACCOUNT),
    ),
    "protocol, another connector": Case(
        outcome=Rejected(PROTOCOL), more=True, follows=NextConnector()
    ),
    "protocol, no other connector": Case(
        outcome=Rejected(PROTOCOL), follows=GiveUp(MessageState.FAILED, PROTOCOL)
    ),
    "deferred for the account, another connector": Case(
        outcome=Deferred(ACCOUNT), more=True, follows=NextConnector()
    ),
    "deferred for the account, no other connector": Case(
        outcome=Deferred(ACCOUNT), follows=RetryAt(NOW + 5_000)
    ),
    "deferred for the message": Case(
        outcome=Deferred(MESSAGE), follows=RetryAt(NOW + 5_000)
    ),
    "rejected and yet temporary": Case(
        outcome=Rejected(TEMPORARY), follows=RetryAt(NOW + 5_000)
    ),
    "temporary, first": Case(outcome=Deferred(TEMPORARY), follows=RetryAt(NOW + 5_000)),
    "temporary stays where it is": Case(
        outcome=Deferred(TEMPORARY), more=True, follows=RetryAt(NOW + 5_000)
    ),
    "temporary, second": Case(
        outcome=Deferred(TEMPORARY), tries=1, follows=RetryAt(NOW + 10_000)
    ),
    "temporary, last but one": Case(
        outcome=Deferred(TEMPORARY), tries=2, follows=RetryAt(NOW + 20_000)
    ),
    "temporary, last": Case(
        outcome=Deferred(TEMPORARY),
        tries=3,
        follows=GiveUp(MessageState.FAILED, TEMPORARY),
    ),
    "temporary, last, with another connector": Case(
        outcome=Deferred(TEMPORARY),
        tries=3,
        more=True,
        follows=GiveUp(MessageState.FAILED, TEMPORARY),
    ),
    "the next hop asks for more": Case(
        outcome=Deferred(TEMPORARY, 30.5), follows=RetryAt(NOW + 30_500)
    ),
    "the next hop asks for less": Case(
        outcome=Deferred(TEMPORARY, 0.1), follows=RetryAt(NOW + 5_000)
    ),
    "the next hop asks for more than max": Case(
        outcome=Deferred(TEMPORARY, 600.0), follows=RetryAt(NOW + 600_000)
    ),
    "never after the end": Case(
        outcome=Deferred(TEMPORARY),
        expires_at=NOW + 4_999,
        follows=RetryAt(NOW + 4_999),
    ),
    "never after the end, whoever asks": Case(
        outcome=Deferred(TEMPORARY, 7200.0), follows=RetryAt(LATER)
    ),
    "too late already": Case(
        outcome=Deferred(TEMPORARY),
        expires_at=NOW,
        follows=GiveUp(MessageState.EXPIRED, TEMPORARY),
    ),
    "too late and used up": Case(
        outcome=Deferred(TEMPORARY),
        tries=3,
        expires_at=NOW - 1,
        follows=GiveUp(MessageState.FAILED, TEMPORARY),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_follows(case: Case) -> None:
    decision = decide(
        case.outcome,
        tries=case.tries,
        more=case.more,
        now=NOW,
        expires_at=case.expires_at,
        policy=POLICY,
        jitter=0.0,
    )

    assert decision == case.follows


def test_every_class_and_outcome_is_decided() -> None:
    for cls in FaultClass:
        for outcome in (Rejected(Fault(cls)), Deferred(Fault(cls))):
            for more in (True, False):
                assert isinstance(
                    decide(
                        outcome,
                        tries=0,
                        more=more,
                        now=NOW,
                        expires_at=LATER,
                        policy=POLICY,
                        jitter=0.5,
                    ),
                    RetryAt | NextConnector | GiveUp,
                )


def test_pauses_double_up_to_the_longest() -> None:
    assert [pause(tries, 5.0, 600.0, 0.0) for tries in range(9)] == [
        5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0,
    ]  # fmt: skip


def test_jitter_spreads_a_pause_up_to_the_next() -> None:
    assert pause(0, 5.0, 600.0, 0.5) == 7.5
    assert pause(1, 5.0, 600.0, 0.25) == 12.5
    assert pause(8, 5.0, 600.0, 0.5) == 450.0


def test_equal_bounds_leave_no_choice() -> None:
    assert pause(0, 30.0, 30.0, 0.0) == pause(7, 30.0, 30.0, 0.9) == 30.0


@given(
    tries=st.integers(0, 10_000),
    shortest=st.floats(0.001, 1e6),
    factor=st.floats(1, 1e6),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_pauses_stay_within_the_bounds_and_never_shrink(
    tries: int, shortest: float, factor: float, jitter: float
) -> None:
    longest = shortest * factor

    first = pause(tries, shortest, longest, jitter)
    second = pause(tries + 1, shortest, longest, jitter)

    assert shortest <= first <= second <= longest
