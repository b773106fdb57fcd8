"""esmed.destinations: what test_dispatch does not see of it."""

import pytest
from msgspec import structs

from esmed import destinations
from esmed.connector import Job
from esmed.destinations import LOOK_AGAIN, Destinations
from esmed.models import Deferred, Fault, FaultClass, Plan, Queued, Request
from esmed.settlement import Case
from esmed.store import base

FULL = Deferred(Fault(FaultClass.TEMPORARY, 20, "queue full"), destination=True)
PLAN = Plan(connector="c", encoding="gsm7", data_coding=0, udhi=False, parts=(b"",))


def queued(seq: int, to: str = "1", expires_at: int = 1_000_000) -> Queued:
    return Queued(
        seq=seq,
        id=str(seq),
        request=Request(to=to),
        via=("c",),
        due_at=0,
        expires_at=expires_at,
    )


def case(one: Queued, *, refused: bool = False) -> Case:
    return Case(
        job=Job(one, PLAN, [1], ""),
        via=("c",),
        connector="c",
        on_unknown="resend",
        outstanding=0,
        accepted=not refused,
        refusal=FULL if refused else None,
    )


def requeue(one: Queued, due_at: int) -> base.Requeue:
    return base.Requeue(
        seq=one.seq,
        at=0,
        due_at=due_at,
        via=("c",),
        tries=1,
        error=None,
    )


def refuse(known: Destinations, one: Queued, due_at: int) -> int:
    """When the message is due, after its number's queue was full."""
    done = case(one, refused=True)
    delayed = known.after_others(done, requeue(one, due_at))
    known.settled(done)
    return delayed.due_at


def test_what_meets_no_full_queue_is_left_alone():
    known = Destinations()
    one = queued(1)
    assert known.wait("c", one, 0) is None
    assert known.after_others(case(one), None) is None
    untouched = requeue(one, 5)
    assert known.after_others(case(one), untouched) is untouched
    finish = base.Finish(seq=1, state="failed", error=None, at=0)  # type: ignore[arg-type]
    assert known.after_others(case(one, refused=True), finish) is finish
    assert len(known) == 0


def test_all_wait_for_the_same_moment():
    known = Destinations()
    assert refuse(known, queued(1), 5000) == 5000
    assert refuse(known, queued(2), 4000) == 5000
    assert refuse(known, queued(3), 7000) == 5000
    assert known.wait("c", queued(1), 4999) == 5000
    assert known.wait("other", queued(1), 4999) is None
    assert known.wait("c", queued(9, to="2"), 4999) is None


def test_the_one_that_goes_alone_says_how_long_if_it_is_refused():
    known = Destinations()
    refuse(known, queued(1), 5000)
    assert known.wait("c", queued(1), 5000) is None
    assert refuse(known, queued(1), 9000) == 9000
    assert known.wait("c", queued(2), 5001) == 9000


def test_a_refusal_after_the_moment_says_how_long():
    known = Destinations()
    refuse(known, queued(1), 5000)
    late = queued(2)
    operation = structs.replace(requeue(late, 9000), at=6000)
    delayed = known.after_others(case(late, refused=True), operation)
    assert delayed == operation
    assert known.wait("c", queued(1), 6000) == 9000


def test_no_longer_than_it_is_valid():
    known = Destinations()
    refuse(known, queued(1), 50_000)
    assert refuse(known, queued(2, expires_at=9000), 9000) == 9000
    assert known.wait("c", queued(1), 9000) == 50_000


def test_one_goes_alone_and_the_others_look_again():
    known = Destinations()
    refuse(known, queued(1), 5000)
    assert known.wait("c", queued(1), 5000) is None
    assert known.wait("c", queued(2), 5001) == 5001 + LOOK_AGAIN
    known.settled(case(queued(1)))
    # Who comes now comes after the second, and so waits with it.
    assert known.wait("c", queued(3), 5500) == 5001 + LOOK_AGAIN
    assert known.wait("c", queued(2), 5001 + LOOK_AGAIN) is None
    assert known.wait("c", queued(3), 5001 + LOOK_AGAIN) is None
    assert len(known) == 0


def test_what_left_before_says_nothing():
    """An answer to another one, sent before: only that of the probe counts."""
    known = Destinations()
    refuse(known, queued(1), 5000)
    known.settled(case(queued(2)))
    assert known.wait("c", queued(3), 4000) == 5000
    assert known.wait("c", queued(1), 5000) is None
    known.settled(case(queued(2)))
    assert known.wait("c", queued(3), 5000) == 5000 + LOOK_AGAIN


def test_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(destinations, "MOST", 3)
    known = Destinations()
    for number in range(1, 5):
        refuse(known, queued(number, to=str(number)), 5000)
    refuse(known, queued(2, to="2"), 6000)
    refuse(known, queued(5, to="5"), 5000)
    assert len(known) == 3
    waits = [known.wait("c", queued(9, to=str(n)), 0) for n in range(1, 6)]
    assert waits == [None, 5000, None, 5000, 5000]
