"""esmed.smpp.backlog."""

import pytest

from esmed.connector import Job
from esmed.models import Plan, Priority, Queued, Request
from esmed.smpp.backlog import Backlog, by_job

EQUAL = (1, 1, 1)
HIGH, NORMAL, BULK = Priority


def job(seq: int, parts: int = 1, priority: Priority = NORMAL) -> Job:
    queued = Queued(
        seq=seq,
        id=str(seq),
        request=Request(to="1", priority=priority),
        via=("c",),
        due_at=0,
        expires_at=1,
    )
    plan = Plan(
        connector="c", encoding="gsm7", data_coding=0, udhi=False, parts=(b"",) * parts
    )
    return Job(queued, plan, range(1, parts + 1), "")


def names(backlog: Backlog, count: int) -> list[tuple[int, int]]:
    pieces = [backlog.take() for _ in range(count)]
    return [(job.queued.seq, part) for _, job, part in pieces]


def test_parts_leave_in_order():
    backlog = Backlog(EQUAL)
    backlog.add([job(1, 2), job(2)])
    backlog.add([job(3)])
    assert len(backlog) == 4
    assert names(backlog, 4) == [(1, 1), (1, 2), (2, 1), (3, 1)]
    assert not backlog


def test_nothing_to_take():
    with pytest.raises(ValueError, match="nothing is ready"):
        Backlog(EQUAL).take()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_what_comes_back_goes_to_its_own_place(order):
    backlog = Backlog(EQUAL)
    backlog.add([job(number) for number in range(1, 6)])
    taken = [backlog.take() for _ in range(3)]
    for index in order:
        backlog.put_back(taken[index])
    backlog.add([job(6)])
    assert names(backlog, 6) == [(number, 1) for number in range(1, 7)]


def test_the_shares_say_who_is_next():
    backlog = Backlog((2, 1, 1))
    backlog.add([job(1, 4, BULK), job(2, 4), job(3, 4, HIGH)])
    turns = [seq for seq, _ in names(backlog, 12)]
    assert turns == [3, 3, 2, 1, 3, 3, 2, 1, 2, 1, 2, 1]


def test_other_shares_from_now_on():
    backlog = Backlog((1, 1, 1))
    backlog.add([job(1, 20, BULK), job(2, 20, HIGH)])
    backlog.take()
    backlog.share((9, 1, 1))
    turns = [seq for seq, _ in names(backlog, 10)]
    assert turns.count(2) == 9


def test_what_is_urgent_overtakes_what_came_back():
    backlog = Backlog((7, 2, 1))
    backlog.add([job(number, priority=BULK) for number in range(1, 6)])
    taken = [backlog.take() for _ in range(5)]
    for piece in reversed(taken):
        backlog.put_back(piece)
    # No room for what is as urgent, but for what is more.
    assert backlog.portions(1, [9, 0, 9]) == [1, 0, 0]
    assert backlog.portions(1, [0, 0, 9]) == [0, 0, 0]
    backlog.add([job(6, priority=HIGH)])
    assert names(backlog, 6) == [(6, 1), *((number, 1) for number in range(1, 6))]


def test_what_is_added_for_a_portion_is_written_by_it():
    backlog = Backlog((70, 20, 10))
    backlog.add([job(1, 5, BULK)])
    portions = backlog.portions(20, [100, 100, 100])
    assert portions == [14, 4, 0]
    backlog.add([job(2, portions[0], HIGH), job(3, portions[1])])
    taken = [backlog.take()[1].queued.seq for _ in range(20)]
    assert [taken.count(seq) for seq in (2, 3, 1)] == [14, 4, 2]


def test_withdraw_takes_out_one_job_whole():
    backlog = Backlog(EQUAL)
    one, two, three = job(1, 3), job(2), job(3)
    backlog.add([one, two, three])
    backlog.put_back(backlog.take())
    assert by_job(backlog.withdraw(one)) == {one: [1, 2, 3]}
    assert by_job(backlog.withdraw(two)) == {two: [1]}
    assert backlog.withdraw(two) == []
    assert len(backlog) == 1
    assert names(backlog, 1) == [(3, 1)]


def test_withdraw_leaves_a_job_that_was_begun():
    backlog = Backlog(EQUAL)
    begun = job(1, 3)
    backlog.add([begun])
    backlog.take()
    assert backlog.withdraw(begun) == []
    assert names(backlog, 2) == [(1, 2), (1, 3)]


def test_drain_takes_all_in_order():
    backlog = Backlog(EQUAL)
    one, two = job(1, 3), job(2)
    backlog.add([one, two])
    backlog.put_back(backlog.take())
    pieces = backlog.drain()
    assert by_job(pieces) == {one: [1, 2, 3], two: [1]}
    assert not backlog
    assert backlog.drain() == []
