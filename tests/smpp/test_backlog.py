"""esmed.smpp.backlog."""

import pytest

from esmed.connector import Job
from esmed.models import Plan, Queued, Request
from esmed.smpp.backlog import Backlog, by_job


def job(seq: int, parts: int = 1) -> Job:
    queued = Queued(
        seq=seq,
        id=str(seq),
        request=Request(to="1"),
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
    backlog = Backlog()
    backlog.add([job(1, 2), job(2)])
    backlog.add([job(3)])
    assert len(backlog) == 4
    assert names(backlog, 4) == [(1, 1), (1, 2), (2, 1), (3, 1)]
    assert not backlog


def test_nothing_to_take():
    with pytest.raises(IndexError):
        Backlog().take()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_what_comes_back_goes_to_its_own_place(order):
    backlog = Backlog()
    backlog.add([job(number) for number in range(1, 6)])
    taken = [backlog.take() for _ in range(3)]
    for index in order:
        backlog.put_back(taken[index])
    backlog.add([job(6)])
    assert names(backlog, 6) == [(number, 1) for number in range(1, 7)]


def test_drain_takes_all_in_order():
    backlog = Backlog()
    one, two = job(1, 3), job(2)
    backlog.add([one, two])
    backlog.put_back(backlog.take())
    pieces = backlog.drain()
    assert by_job(pieces) == {one: [1, 2, 3], two: [1]}
    assert not backlog
    assert backlog.drain() == []
