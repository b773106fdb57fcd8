"""`esmed.store.writer`: group commit, and what a fault costs."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from fakes.records import T0, accepted, mo, receipt_of, record
from fakes.storebench import StoreBench as Bench
from fakes.wait import eventually

from esmed.errors import StoreError, StoreUnavailableError
from esmed.models import MessageState
from esmed.store import base, writer
from esmed.store.sqlite import SqliteStore
from esmed.store.unit import Unit
from esmed.store.writer import GROUP

LONE = "\ud800"
"""Half a surrogate pair: no text that can be stored."""


def accept(seq: int, text: str = "hi") -> base.Accept:
    return base.Accept(records=[record(seq, text=text)])


T = TypeVar("T")


def noting(notes: list[T], note: T) -> Callable[[list[Any]], None]:
    """Listen for results by taking a note."""
    return lambda _: notes.append(note)


class Full:
    """A disk that is full until it is told otherwise."""

    def __init__(self, bench: Bench) -> None:
        self._pragma = bench.pragma

    def fill(self) -> None:
        (pages,) = self._pragma("page_count")
        self._pragma(f"max_page_count = {pages}")

    def empty(self) -> None:
        self._pragma("max_page_count = 1000000")


@pytest.fixture
def disk(bench: Bench) -> Full:
    return Full(bench)


def big(seq: int) -> base.Accept:
    """What does not fit into the pages there are."""
    return accept(seq, "x" * 100_000)


class TestGroups:
    async def test_what_comes_at_once_is_committed_at_once(self, bench: Bench) -> None:
        count = 400
        await asyncio.gather(
            *(bench.store.intake(accept(seq)) for seq in range(1, count + 1))
        )
        assert len(bench.told) <= count // 4
        assert sum(told.operations for told in bench.told) == count
        assert bench.count("messages") == count

    async def test_groups_are_bounded(self, bench: Bench) -> None:
        seqs = iter(range(1, 10_000))
        work = [
            base.Accept(records=[record(next(seqs)) for _ in range(200)])
            for _ in range(20)
        ]
        await asyncio.gather(*map(bench.store.intake, work))
        assert max(told.operations for told in bench.told) < GROUP + 200

    async def test_duties_are_told_in_the_order_they_were_given(
        self, bench: Bench
    ) -> None:
        told: list[int] = []
        for number in range(2000):
            operation = base.Cancel(seq=number, at=T0)
            bench.store.duty([operation], noting(told, number))
        await bench.idle()
        assert told == list(range(2000))

    async def test_results_belong_to_whom_they_belong(self, bench: Bench) -> None:
        answers: list[list[Any]] = []
        for operation in (accept(1), accepted(), receipt_of(), mo(), receipt_of()):
            nobody = base.Cancel(seq=99, at=T0)
            bench.store.duty([operation, nobody], answers.append)
        await bench.idle()
        assert answers == [
            [None, False],
            [False, False],
            ["matched", False],
            ["whole", False],
            ["duplicate", False],
        ]

    async def test_the_loop_goes_on(self, bench: Bench) -> None:
        """While the writer is busy, or waits for somebody else's lock."""
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        task = asyncio.create_task(turn())
        await asyncio.gather(*(bench.store.intake(accept(seq)) for seq in range(200)))
        before = turns
        await bench.idle()
        task.cancel()
        assert turns > before


class TestPoison:
    """One operation that can never be stored costs only itself."""

    async def test_among_many(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        work = [accept(seq, LONE if seq == 77 else "hi") for seq in range(1, 201)]
        answers = await asyncio.gather(
            *map(bench.store.intake, work), return_exceptions=True
        )
        (error,) = [answer for answer in answers if answer is not None]
        assert answers[76] is error
        assert isinstance(error, StoreError)
        assert not isinstance(error, StoreUnavailableError)
        assert "can never be stored" in str(error)
        assert bench.count("messages") == 199
        assert bench.store.available
        assert bench.failures == []
        assert [one.getMessage() for one in caplog.records] == ["store.impossible"]
        # Found by halving: the group is not taken apart for it.
        assert len(bench.told) < 60
        assert sum(told.operations for told in bench.told) == 199

    async def test_in_one_duty(self, bench: Bench) -> None:
        results = await bench.do(
            accept(1),
            accept(2, LONE),
            accept(1),
            accept(3),
            mo(LONE, data=b""),
            receipt_of(smsc_id="a1", keys=(LONE,)),
            base.Cancel(seq=3, at=T0),
        )
        assert [isinstance(result, StoreError) for result in results] == [
            False, True, True, False, True, True, False,
        ]  # fmt: skip
        assert results[6] is True
        assert await bench.state(1) is MessageState.QUEUED
        assert await bench.state(3) is MessageState.CANCELLED

    async def test_it_leaves_no_trace_in_memory(self, bench: Bench) -> None:
        await bench.one(accept(1))
        poison = accepted(LONE)
        (result,) = await bench.do(poison)
        assert isinstance(result, StoreError)
        await bench.one(base.Cancel(seq=1, at=T0))
        assert await bench.state() is MessageState.CANCELLED

    async def test_new_lanes_are_not_lost_with_it(self, bench: Bench) -> None:
        """A number given to a lane in vain is given to the next one again."""

        def via(seq: int, name: str, text: str) -> base.Accept:
            return base.Accept(records=[record(seq, via=(name,), text=text)])

        await bench.do(via(1, "one", "hi"), via(2, "two", LONE), via(3, "three", "hi"))
        await bench.do(via(4, "two", "hi"))
        vias = [(await bench.get(seq)).via for seq in (1, 3, 4)]
        assert vias == [("one",), ("three",), ("two",)]
        assert bench.ask("SELECT count(*) FROM lanes") == [(3,)]

    @pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
    async def test_numbers_that_are_too_large(self, bench: Bench, value: int) -> None:
        (result,) = await bench.do(base.Accept(records=[record(1, expires_at=value)]))
        assert isinstance(result, StoreError)


class TestUnavailable:
    async def test_intake_fails_and_duties_wait(self, bench: Bench, disk: Full) -> None:
        disk.fill()
        told: list[str] = []
        for seq in (1, 2, 3):
            bench.store.duty([big(seq)], noting(told, f"duty {seq}"))
        with pytest.raises(StoreUnavailableError, match="make room on its disk"):
            await bench.store.intake(big(4))
        assert not bench.store.available
        # At once, and without asking the disk.
        with pytest.raises(StoreUnavailableError, match=r"esmed\.db is unavailable"):
            await bench.store.intake(accept(5))
        assert told == []
        await eventually(lambda: bench.failures)
        disk.empty()
        await eventually(lambda: len(told) == 3)
        assert told == ["duty 1", "duty 2", "duty 3"]
        await bench.store.intake(accept(6))
        found = [number for (number,) in bench.ask("SELECT seq FROM messages")]
        assert found == [1, 2, 3, 6]

    async def test_it_comes_back_by_itself(self, bench: Bench, disk: Full) -> None:
        disk.fill()
        with pytest.raises(StoreUnavailableError):
            await bench.store.intake(big(1))
        bench.told.clear()
        disk.empty()
        await eventually(lambda: bench.told)
        assert bench.store.available
        assert [(one.operations, one.changes) for one in bench.told] == [(0, [])]

    async def test_what_came_meanwhile_is_refused_too(
        self, bench: Bench, disk: Full
    ) -> None:
        """Even what was given before anybody knew."""
        disk.fill()
        answers = await asyncio.gather(
            bench.store.intake(big(1)),
            bench.store.intake(accept(2)),
            bench.store.intake(big(3)),
            return_exceptions=True,
        )
        assert all(isinstance(answer, StoreUnavailableError) for answer in answers)
        assert bench.count("messages") == 0

    async def test_and_what_came_too_late_to_be_told_so(
        self, bench: Bench, disk: Full
    ) -> None:
        disk.fill()
        bench.store.duty([big(1)], lambda _: None)
        await eventually(lambda: bench.failures)
        thread = bench.store._writer
        assert thread is not None
        thread.available = True
        with pytest.raises(StoreUnavailableError):
            await bench.store.intake(accept(2))
        disk.empty()

    async def test_nothing_is_told_twice_or_half(
        self, bench: Bench, disk: Full
    ) -> None:
        """A duty of which a part is on disk is told as one, later."""
        disk.fill()
        told: list[list[Any]] = []
        operations = [accept(1), accept(2, LONE), big(3), accept(4)]
        bench.store.duty(operations, told.append)
        bench.store.duty([base.Cancel(seq=1, at=T0)], told.append)
        await eventually(lambda: bench.failures)
        assert told == []
        assert bench.count("messages") == 1
        disk.empty()
        await eventually(lambda: len(told) == 2)
        first, second = told
        assert [isinstance(one, StoreError) for one in first] == [
            False,
            True,
            False,
            False,
        ]
        assert second == [True]
        seqs = sorted(change.seq for change in bench.changes)
        assert seqs == [1, 1, 3, 4]

    async def test_pauses_grow(
        self, bench: Bench, disk: Full, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(writer, "_RETRY_FIRST", 0.001)
        monkeypatch.setattr(writer, "_RETRY_MOST", 0.004)
        disk.fill()
        bench.store.duty([big(1)], lambda _: None)
        await eventually(lambda: len(bench.failures) > 5)
        disk.empty()
        await eventually(lambda: bench.store.available)

    async def test_a_lack_of_memory_is_no_fault_of_the_operation(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_: Unit) -> None:
            raise MemoryError

        monkeypatch.setattr(writer, "_RETRY_FIRST", 0.01)
        with monkeypatch.context() as patch:
            patch.setattr(Unit, "flush", fail)
            with pytest.raises(StoreUnavailableError, match="MemoryError"):
                await bench.store.intake(accept(1))
        await eventually(lambda: bench.store.available)


class TestTelling:
    async def test_one_who_fails_to_listen_does_not_keep_it_from_others(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        def stumble(_: list[Any]) -> None:
            raise ValueError("a bug")

        told: list[list[Any]] = []
        for listener in (stumble, told.append):
            bench.store.duty([base.Cancel(seq=1, at=T0)], listener)
        await bench.idle()
        assert told == [[False]]
        assert [one.getMessage() for one in caplog.records] == ["store.bug"]

    async def test_who_has_gone_is_not_told(self, bench: Bench) -> None:
        task = asyncio.create_task(bench.store.intake(accept(1)))
        refused = asyncio.create_task(bench.store.intake(accept(2, LONE)))
        await asyncio.sleep(0)
        task.cancel()
        refused.cancel()
        await bench.idle()
        assert bench.count("messages") == 1


class TestCuttingTheLog:
    """Between two commits, in the writer's thread: nobody has to wait for its lock."""

    def size(self, bench: Bench) -> int:
        return bench.path.with_name("esmed.db-wal").stat().st_size

    async def cut(self, bench: Bench) -> None:
        thread = bench.store._writer
        assert thread is not None
        await thread.cut_log()

    async def test_with_nothing_else_to_do(self, bench: Bench) -> None:
        await bench.one(accept(1))
        bench.told.clear()
        await self.cut(bench)
        assert self.size(bench) == 0
        assert bench.told == []

    async def test_amid_commits(self, bench: Bench) -> None:
        work = [asyncio.create_task(bench.store.intake(accept(n))) for n in range(500)]
        await asyncio.gather(*(self.cut(bench) for _ in range(10)), *work)
        assert bench.count("messages") == 500

    async def test_the_disk_is_full(self, bench: Bench, disk: Full) -> None:
        disk.fill()
        bench.store.duty([big(1)], lambda _: None)
        await eventually(lambda: bench.failures)
        await self.cut(bench)
        disk.empty()
        await eventually(lambda: bench.store.available)

    async def test_it_cannot_be(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_: Unit) -> None:
            raise sqlite3.OperationalError("disk I/O error")

        monkeypatch.setattr(Unit, "cut_log", fail)
        await self.cut(bench)
        await bench.one(accept(1))
        assert bench.failures == []

    async def test_at_the_end(self, bench: Bench) -> None:
        store = bench.store
        thread = store._writer
        assert thread is not None
        closing = asyncio.create_task(store.close())
        late = asyncio.create_task(thread.cut_log())
        await asyncio.gather(closing, late)
        await thread.cut_log()


class TestTheEnd:
    async def test_what_waits_is_committed_first(self, bench: Bench) -> None:
        told: list[int] = []
        for seq in range(1, 3 * GROUP):
            bench.store.duty([accept(seq)], noting(told, seq))
        store = bench.store
        await store.close()
        assert told == list(range(1, 3 * GROUP))
        await bench.open()
        assert bench.count("messages") == 3 * GROUP - 1

    async def test_then_there_is_no_more(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        store = bench.store
        await bench.close()
        with pytest.raises(StoreUnavailableError, match="closed"):
            await store.intake(accept(1))
        with pytest.raises(StoreUnavailableError, match="closed"):
            await store.get("message-1")
        store.duty([accept(1)], lambda _: pytest.fail("told"))
        assert [one.getMessage() for one in caplog.records] == ["store.closed"]
        await store.close()

    async def test_it_does_not_wait_for_a_disk_for_ever(
        self, bench: Bench, disk: Full, caplog: pytest.LogCaptureFixture
    ) -> None:
        disk.fill()
        bench.store.duty([big(1)], lambda _: pytest.fail("told"))
        await eventually(lambda: bench.failures)
        await bench.close()
        messages = [one.getMessage() for one in caplog.records]
        assert messages[-1] == "store.not_on_disk"

    async def test_the_writer_dies_of_a_bug(
        self,
        bench: Bench,
        disk: Full,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def stumble(_: Unit) -> None:
            raise ValueError("a bug")

        monkeypatch.setattr(Unit, "probe", stumble)
        disk.fill()
        with pytest.raises(StoreUnavailableError):
            await bench.store.intake(big(1))
        await eventually(
            lambda: "store.bug" in [one.getMessage() for one in caplog.records]
        )
        await eventually(lambda: "died" in str(bench.failures[-1]))
        assert not bench.store.available
        with pytest.raises(StoreUnavailableError, match="died"):
            await bench.store.intake(accept(1))


def test_a_loop_that_has_gone(shut_path: Callable[[], SqliteStore]) -> None:
    """The process comes to its end without anybody closing the store."""
    store = shut_path()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(store.open(T0))
    thread = store._writer
    assert thread is not None
    loop.close()
    store.duty([accept(1)], lambda _: None)
    asyncio.run(thread.end())
    assert not thread.is_alive()
    asyncio.run(store.close())


@pytest.fixture
def shut_path(tmp_path: Any) -> Callable[[], SqliteStore]:
    return lambda: SqliteStore(tmp_path / "esmed.db")


async def test_nobody_waits_for_it_to_open_any_more(shut: Bench) -> None:
    opening = asyncio.create_task(shut.open())
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await shut.open()
