"""`esmed.dispatch` with the real store, connectors that do as they are told, and a
clock that stands still."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes.clock import ManualClock
from fakes.connector import FakeConnector
from fakes.records import DAY, T0, receipt, receipt_of, record
from fakes.storebench import StoreBench
from fakes.terms import Retry, Terms
from fakes.wait import eventually, settle

from esmed import lanes
from esmed.connector import Asking, HealthState, Job
from esmed.dispatch import SWEEP_EVERY, Dispatch
from esmed.errors import StoreUnavailableError
from esmed.models import (
    FINAL_STATES,
    Accepted,
    Deferred,
    Fault,
    FaultClass,
    MessageState,
    Outcome,
    Priority,
    Record,
    Rejected,
    Unknown,
)
from esmed.routing import Router, Rule
from esmed.store import base, questions

S = MessageState
BUSY = Deferred(Fault(FaultClass.TEMPORARY, 20, "queue full"))
FULL = Deferred(Fault(FaultClass.TEMPORARY, 20, "queue full"), destination=True)
REFUSED = Rejected(Fault(FaultClass.MESSAGE, 11, "invalid destination"))
NO_BALANCE = Rejected(Fault(FaultClass.ACCOUNT, 401, "no balance"))
LOST = Unknown("link lost")
LONG = "one part. " * 3
"""Three parts of a `FakeConnector`."""


class Rig:
    """A dispatch with all around it; ``start`` it again as often as a process may."""

    def __init__(self, path: Path) -> None:
        self.bench = StoreBench(path)
        self.clock = ManualClock()
        self.connectors: dict[str, FakeConnector] = {}
        self.terms: dict[str, Terms] = {}
        self._dispatch: Dispatch | None = None

    @property
    def dispatch(self) -> Dispatch:
        assert self._dispatch is not None, "not started"
        return self._dispatch

    @property
    def carrier(self) -> FakeConnector:
        return self.connectors["carrier"]

    @property
    def backup(self) -> FakeConnector:
        return self.connectors["backup"]

    @property
    def now(self) -> int:
        return self.clock.now_ms()

    async def start(
        self,
        *names: str,
        rules: tuple[Rule, ...] = (),
        terms: Mapping[str, Terms] | None = None,
    ) -> Dispatch:
        """Start, after the crash of what runs if something does."""
        await self.crash()
        await self.bench.open(
            now=self.now, committed=self.committed, failed=self.failed
        )
        names = names or ("carrier", "backup")
        self.connectors = {name: FakeConnector(name, self.clock) for name in names}
        self.terms = {name: Terms() for name in names} | dict(terms or {})
        self._dispatch = Dispatch(
            self.bench.store,
            self.connectors,
            self.terms,
            Router(rules, names),
            self.clock,
            retention=30 * 86_400.0,
        )
        for connector in self.connectors.values():
            connector.sink = self._dispatch
        await self.dispatch.start()
        await self.rest()
        return self.dispatch

    async def crash(self) -> None:
        """End without asking anybody."""
        dispatch, self._dispatch = self._dispatch, None
        if dispatch is not None:
            await dispatch.stop()
            await self.bench.close()

    def committed(self, told: base.Committed) -> None:
        self.bench.told.append(told)
        if self._dispatch is not None:
            self._dispatch.committed(told)

    def failed(self, error: Exception) -> None:
        self.bench.failures.append(error)
        if self._dispatch is not None:
            self._dispatch.failed(error)

    # --- what a test does ------------------------------------------------------------

    def record(self, seq: int | None = None, **fields: Any) -> Record:
        number = self.bench.store.next_seq() if seq is None else seq
        return record(number, at=self.now, **fields)

    async def submit(self, count: int = 1, **fields: Any) -> list[int]:
        """Accept messages and have all that follows from it happen; their numbers."""
        records = [self.record(**fields) for _ in range(count)]
        await self.bench.accept(*records)
        self.dispatch.offer(records)
        await self.rest()
        return [one.seq for one in records]

    async def rest(self) -> None:
        """Wait until nothing happens by itself any more."""
        for _ in range(8):
            await settle()
            await self.idle()
            # One thread reads, in order: what was asked before is answered by then.
            await self.bench.store.get("")

    async def idle(self) -> None:
        """Wait until the store has done what it was given, or cannot."""
        idle = asyncio.create_task(self.bench.idle())
        await eventually(lambda: idle.done() or not self.bench.store.available)
        idle.cancel()

    async def pass_(self, seconds: float) -> None:
        """Let time pass, and what comes of it happen."""
        while seconds > 0:
            step = min(seconds, SWEEP_EVERY)
            await eventually(lambda: self.clock.sleeping)
            self.clock.advance(step)
            seconds -= step
            await self.rest()

    def lanes(self) -> list[lanes.Lane]:
        return list(self.dispatch._queue._lanes.values())

    async def leap(self, seconds: float) -> None:
        """Let much time pass at once."""
        self.clock.advance(seconds - SWEEP_EVERY)
        await self.pass_(SWEEP_EVERY)

    async def states(self, *seqs: int) -> list[MessageState]:
        return [await self.bench.state(seq) for seq in seqs]

    def fill_disk(self, *, full: bool) -> None:
        (pages,) = self.bench.pragma("page_count")
        self.bench.pragma(f"max_page_count = {pages if full else 1_000_000}")


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(questions, "_THREADS", 1)
    one = Rig(tmp_path / "esmed.db")
    await one.start()
    yield one
    await one.crash()


class TestSending:
    async def test_one_message(self, rig: Rig) -> None:
        (seq,) = await rig.submit()
        assert rig.carrier.written == [(1, 1)]
        assert rig.dispatch.in_flight(seq)
        assert rig.dispatch.waiting == 1
        rig.carrier.accept()
        await rig.rest()
        one = await rig.bench.get(seq)
        assert one.progress.state is S.SUBMITTED
        (attempt,) = one.progress.segments[0].attempts
        assert (attempt.connector, attempt.host) == ("carrier", "carrier:2775")
        assert attempt.reason == "first choice"
        assert one.deadline == T0 + 259_200_000
        assert not rig.dispatch.in_flight(seq)
        assert rig.dispatch.waiting == 0

    async def test_where_nothing_is_heard_afterwards_it_is_sent(self, rig: Rig) -> None:
        rig.carrier.receipts = False
        await rig.submit()
        rig.carrier.accept()
        await rig.rest()
        assert await rig.states(1) == [S.SENT]

    async def test_its_receipt_finds_it(self, rig: Rig) -> None:
        await rig.submit(text=LONG)
        await rig.submit(receipt="none")
        rig.carrier.accept()
        await rig.rest()
        assert await rig.states(1, 2) == [S.SUBMITTED, S.SENT]
        assert rig.bench.count("smsc_ids") == 4

    async def test_the_next_hop_makes_several_of_one(self, rig: Rig) -> None:
        await rig.submit()
        rig.carrier.answer(Accepted("00A1", ("00A2", "")))
        await rig.rest()
        found = "SELECT key, smsc_id, part, attempt FROM smsc_ids ORDER BY part"
        assert rig.bench.ask(found) == [("a1", "00A1", 1, 0), ("a2", "00A2", 2, 0)]
        assert len((await rig.bench.get(1)).progress.segments) == 3
        assert rig.carrier.capacity() == rig.carrier.window

    async def test_no_more_than_there_is_room_for(self, rig: Rig) -> None:
        await rig.submit(25)
        assert len(rig.carrier.jobs) == 10
        rig.carrier.accept(3)
        # A slot is free once the outcome is on disk, not before.
        assert rig.carrier.capacity() == 0
        await rig.rest()
        assert len(rig.carrier.jobs) == 13
        while rig.carrier.unanswered:
            rig.carrier.accept()
            await rig.rest()
        assert [seq for seq, _ in rig.carrier.written] == list(range(1, 26))

    async def test_whether_there_is_more(self, rig: Rig) -> None:
        assert not rig.dispatch.more_for("carrier")
        assert not rig.dispatch.more_for("unheard of")
        await rig.submit(11)
        assert rig.dispatch.more_for("carrier")
        assert rig.dispatch.more_for("backup")
        rig.carrier.accept()
        await rig.rest()
        assert not rig.dispatch.more_for("carrier")

    async def test_the_urgent_first(self, rig: Rig) -> None:
        rig.carrier.turn(HealthState.PAUSED)
        for priority in (Priority.BULK, Priority.NORMAL, Priority.HIGH):
            await rig.submit(2, priority=priority)
        rig.carrier.turn(HealthState.UP)
        await rig.rest()
        assert [seq for seq, _ in rig.carrier.written] == [5, 6, 3, 4, 1, 2]

    async def test_a_time_to_send_at(self, rig: Rig) -> None:
        await rig.submit(due_at=rig.now + 3000)
        await rig.pass_(2)
        assert rig.carrier.jobs == []
        await rig.pass_(2)
        assert rig.carrier.written == [(1, 1)]

    async def test_a_time_that_the_next_hop_keeps(self, rig: Rig) -> None:
        rig.carrier.schedules = True
        await rig.submit(send_at=rig.now + 3_600_000)
        assert rig.carrier.written == [(1, 1)]
        rig.carrier.accept()
        await rig.rest()
        one = await rig.bench.get()
        # Its receipt is waited for from then on.
        assert one.deadline == T0 + 3_600_000 + 259_200_000

    async def test_a_time_that_the_next_hop_keeps_no_more(self, rig: Rig) -> None:
        """The configuration has changed since it was accepted."""
        await rig.submit(send_at=rig.now + 3000)
        await rig.pass_(2)
        assert rig.carrier.jobs == []
        await rig.pass_(2)
        assert rig.carrier.written == [(1, 1)]

    async def test_what_cannot_be_expressed(self, rig: Rig) -> None:
        fault = Fault(FaultClass.MESSAGE, "text", "no such character")
        rig.carrier.refusal = fault
        await rig.submit()
        one = await rig.bench.get()
        assert (one.progress.state, one.progress.error) == (S.REJECTED, fault)
        assert rig.dispatch.waiting == 0

    async def test_the_split_made_at_acceptance_serves(self, rig: Rig) -> None:
        draft = rig.carrier.plan(record(text=LONG).request)
        assert not isinstance(draft, Fault)
        rig.carrier.refusal = Fault(FaultClass.MESSAGE, None, "not asked again")
        await rig.submit(text=LONG, draft=draft)
        assert rig.carrier.written == [(1, 1), (1, 2), (1, 3)]

    async def test_it_is_offered_twice(self, rig: Rig) -> None:
        """By whoever accepted it, and by a page that was quicker."""
        one = rig.record()
        await rig.bench.accept(one)
        rig.dispatch.offer([one])
        rig.dispatch.offer([one])
        await rig.rest()
        assert rig.carrier.written == [(1, 1)]

    async def test_a_queue_longer_than_memory(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lanes, "MOST", 20)
        monkeypatch.setattr(lanes, "LOW", 5)
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(300)
        rig.carrier.auto = lambda job, _: Accepted(f"id{job.queued.seq}")
        rig.carrier.turn(HealthState.UP)
        await eventually(lambda: len(rig.carrier.jobs) == 300)
        await rig.rest()
        assert [seq for seq, _ in rig.carrier.written] == list(range(1, 301))
        assert rig.dispatch.waiting == 0


class TestPriorities:
    """They share a connector, whatever the messages' routes and outcomes."""

    async def contend(
        self, rig: Rig, count: int, **fields: Any
    ) -> Callable[[int], Awaitable[list[int]]]:
        """Have each priority wait with many messages at a window of ten; then let so
        many be answered, and tell how many of each were written by then."""
        rig.carrier.turn(HealthState.PAUSED)
        for priority in reversed(Priority):
            await rig.submit(count, priority=priority, **fields)
        rig.carrier.turn(HealthState.UP)

        async def written(answers: int) -> list[int]:
            for _ in range(answers):
                await rig.rest()
                rig.carrier.accept(1)
            await rig.rest()
            priorities = Counter(
                job.queued.request.priority
                for job in rig.carrier.jobs
                for _ in job.parts
            )
            return [priorities[priority] for priority in Priority]

        return written

    async def test_each_has_its_share_of_a_full_window(self, rig: Rig) -> None:
        written = await self.contend(rig, 60)
        assert await written(0) == [7, 2, 1]
        assert await written(40) == [35, 10, 5]

    async def test_what_must_be_marked_first_loses_nothing_by_it(
        self, rig: Rig
    ) -> None:
        await rig.start(terms={"carrier": Terms(on_unknown="hold")})
        written = await self.contend(rig, 60)
        counts = await written(40)
        # Each mark comes from the disk by itself.
        assert sum(counts) == 50
        assert all(abs(a - b) <= 1 for a, b in zip(counts, [35, 10, 5], strict=True))

    async def test_marks_made_together_are_handed_over_together(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Or a provider would get each in a request of its own."""
        handed: list[int] = []
        submit = rig.carrier.submit

        def counted(jobs: Sequence[Job]) -> None:
            handed.append(len(jobs))
            submit(jobs)

        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(5, on_unknown="fail")
        monkeypatch.setattr(rig.carrier, "submit", counted)
        rig.carrier.turn(HealthState.UP)
        await rig.rest()
        assert [count for count in handed if count] == [5]

    async def test_only_the_urgent_are_marked(self, rig: Rig) -> None:
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(60, priority=Priority.BULK)
        await rig.submit(30, priority=Priority.HIGH, on_unknown="fail")
        rig.carrier.turn(HealthState.UP)
        for _ in range(20):
            await rig.rest()
            rig.carrier.accept(1)
        await rig.rest()
        urgent = sum(job.queued.seq > 60 for job in rig.carrier.jobs)
        assert abs(urgent - 30 * 7 / 8) <= 2

    async def test_over_several_routes(self, rig: Rig) -> None:
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(40, priority=Priority.BULK, via=("carrier",))
        await rig.submit(40, priority=Priority.BULK)
        await rig.submit(20, priority=Priority.HIGH, via=("carrier",))
        rig.carrier.turn(HealthState.UP)
        await rig.rest()
        await rig.submit(20, priority=Priority.HIGH)
        for _ in range(20):
            rig.carrier.accept(1)
            await rig.rest()
        bulk = [seq for seq, _ in rig.carrier.written if seq <= 80]
        assert bulk == [1, 2, 3]

    async def test_long_messages_are_counted_by_their_parts(self, rig: Rig) -> None:
        written = await self.contend(rig, 25, text=LONG)
        await written(45)
        parts = await written(0)
        for count, share in zip(parts, (70, 20, 10), strict=True):
            # Within one message of each priority.
            assert abs(count - sum(parts) * share / 100) <= 3

    async def test_none_waits_for_a_page_of_another(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lanes, "MOST", 20)
        monkeypatch.setattr(lanes, "PAGE", 15)
        monkeypatch.setattr("esmed.queue.PAGE", 15)
        monkeypatch.setattr(lanes, "LOW", 5)
        await rig.submit(300, priority=Priority.BULK)
        (otp,) = await rig.submit(priority=Priority.HIGH)
        assert len(rig.carrier.jobs) == 10
        rig.carrier.accept(1)
        await rig.rest()
        assert rig.carrier.jobs[-1].queued.seq == otp
        written = await self.contend(rig, 100)
        await rig.start()
        assert await written(0) == [7, 2, 1]
        assert await written(60) == [49, 14, 7]

    async def test_what_has_expired_takes_nobody_s_place(self, rig: Rig) -> None:
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(30, priority=Priority.HIGH, expires_at=rig.now + 500)
        await rig.submit(30, priority=Priority.BULK)
        rig.clock.advance(0.6)
        rig.carrier.turn(HealthState.UP)
        await rig.rest()
        assert [seq for seq, _ in rig.carrier.written] == list(range(31, 41))


class TestRoutes:
    async def test_the_next_when_the_first_has_been_out_for_long(
        self, rig: Rig
    ) -> None:
        rig.carrier.turn(HealthState.DOWN, "connection refused")
        await rig.submit()
        await rig.pass_(9)
        assert rig.backup.jobs == []
        await rig.pass_(2)
        assert rig.backup.written == [(1, 1)]
        assert rig.backup.jobs[0].reason == "carrier is down: connection refused"
        assert rig.carrier.jobs == []

    async def test_the_first_came_back_in_time(self, rig: Rig) -> None:
        rig.carrier.turn(HealthState.DOWN)
        await rig.submit()
        await rig.pass_(5)
        rig.carrier.turn(HealthState.DEGRADED)
        await rig.rest()
        assert rig.carrier.written == [(1, 1)]

    async def test_a_full_one_keeps_its_messages(self, rig: Rig) -> None:
        await rig.submit(12)
        await rig.pass_(30)
        assert rig.backup.jobs == []

    async def test_unless_they_may_spill(self, rig: Rig) -> None:
        await rig.start(rules=(Rule(via=("carrier", "backup"), spill=True),))
        await rig.submit(12)
        assert len(rig.carrier.jobs) == 10
        assert [seq for seq, _ in rig.backup.written] == [11, 12]
        assert rig.backup.jobs[0].reason == "carrier is full"

    async def test_one_connector_s_backlog_does_not_stop_another(
        self, rig: Rig
    ) -> None:
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(50, via=("carrier",))
        await rig.submit(1, via=("backup",))
        assert rig.backup.written == [(51, 1)]

    async def test_no_lane_waits_for_another_to_be_empty(self, rig: Rig) -> None:
        """Of one priority those go first that wait longest, whatever their route."""
        rig.carrier.turn(HealthState.PAUSED)
        for via in (("carrier", "backup"), ("carrier",), ("carrier", "backup")):
            await rig.submit(10, via=via)
            rig.clock.advance(1)
        rig.carrier.turn(HealthState.UP)
        for _ in range(3):
            await rig.rest()
            rig.carrier.accept()
        assert [seq for seq, _ in rig.carrier.written] == [*range(1, 31)]

    async def test_what_is_sent_again_is_not_last(self, rig: Rig) -> None:
        """It is in a lane of its own: that of the connector which may have it."""
        await rig.submit(40)
        rig.carrier.answer(LOST)
        for _ in range(3):
            await rig.rest()
            rig.carrier.accept(2)
        assert [seq for seq, _ in rig.carrier.written].index(1, 1) < 15


class TestLongMessages:
    async def test_the_split_is_on_disk_before_the_first_write(self, rig: Rig) -> None:
        disk: list[Any] = []
        submit = rig.carrier.submit

        def look(jobs: list[Job]) -> None:
            if jobs:
                disk.extend(rig.bench.ask("SELECT json_extract(progress, '$[11]')"
                                          " FROM messages"))  # fmt: skip
            submit(jobs)

        rig.carrier.submit = look  # type: ignore[assignment,method-assign]
        await rig.submit(text=LONG)
        ((plan,),) = disk
        assert plan is not None

    async def test_a_crash_in_the_middle(self, rig: Rig) -> None:
        await rig.submit(text=LONG)
        rig.carrier.accept(1)
        await rig.rest()
        assert await rig.bench.state() is S.SUBMITTING
        await rig.start()
        assert rig.carrier.written == [(1, 2), (1, 3)]
        rig.carrier.accept()
        await rig.rest()
        assert await rig.bench.state() is S.SUBMITTED

    async def test_what_one_has_begun_another_does_not_end(self, rig: Rig) -> None:
        await rig.submit(text=LONG)
        rig.carrier.accept(1)
        await rig.rest()
        await rig.start()
        rig.carrier.give_back()
        rig.carrier.turn(HealthState.DOWN)
        await rig.pass_(60)
        assert rig.backup.jobs == []
        rig.carrier.turn(HealthState.UP)
        await rig.rest()
        assert rig.carrier.written[-2:] == [(1, 2), (1, 3)]

    async def test_even_if_nobody_said_so_before_the_crash(self, rig: Rig) -> None:
        """Its route still has all connectors then, and its plan is that of one."""
        await rig.submit(text=LONG)
        rig.carrier.accept(1)
        await rig.rest()
        await rig.crash()
        await rig.start()
        rig.carrier.turn(HealthState.DOWN)
        await rig.crash()
        await rig.start("backup", "carrier")
        first = rig.connectors["carrier"]
        assert first.written == [(1, 2), (1, 3)]
        assert rig.backup.jobs == []

    async def test_refused_for_good_in_the_middle(self, rig: Rig) -> None:
        await rig.submit(text=LONG)
        rig.carrier.accept(1)
        rig.carrier.answer(REFUSED)
        assert rig.carrier.jobs[0].stopped
        rig.carrier.give_back()
        await rig.rest()
        one = await rig.bench.get()
        assert [segment.state for segment in one.progress.segments] == [
            S.SUBMITTED,
            S.REJECTED,
            S.REJECTED,
        ]
        assert one.progress.state is S.SUBMITTED
        assert one.deadline == T0 + 259_200_000

    async def test_parts_answered_in_one_read(self, rig: Rig) -> None:
        await rig.submit(text=LONG)
        rig.carrier.answer(Accepted("a"), BUSY, LOST)
        await rig.rest()
        await rig.pass_(20)
        assert rig.carrier.written == [(1, 1), (1, 2), (1, 3), (1, 2), (1, 3)]

    async def test_the_rest_of_one_that_expires(self, rig: Rig) -> None:
        await rig.submit(text=LONG, expires_at=rig.now + 3000)
        rig.carrier.accept(1)
        rig.carrier.give_back()
        rig.carrier.turn(HealthState.DOWN)
        await rig.pass_(4)
        one = await rig.bench.get()
        assert one.progress.state is S.SUBMITTED
        assert one.progress.segments[1].state is S.EXPIRED


class TestRefusals:
    async def test_for_good(self, rig: Rig) -> None:
        await rig.submit()
        rig.carrier.answer(REFUSED)
        await rig.rest()
        one = await rig.bench.get()
        assert (one.progress.state, one.progress.error) == (S.REJECTED, REFUSED.fault)
        assert rig.carrier.capacity() == 10

    async def test_by_each_connector_of_the_route(self, rig: Rig) -> None:
        await rig.submit()
        rig.carrier.answer(NO_BALANCE)
        await rig.rest()
        assert rig.backup.written == [(1, 1)]
        assert rig.dispatch.waiting_for == {"carrier": 0, "backup": 1}
        rig.backup.answer(NO_BALANCE)
        await rig.rest()
        assert await rig.bench.state() is S.FAILED
        assert rig.dispatch.waiting == 0

    async def test_for_now(self, rig: Rig) -> None:
        await rig.submit()
        rig.carrier.answer(BUSY)
        await rig.pass_(4)
        assert len(rig.carrier.jobs) == 1
        await rig.pass_(7)
        assert rig.carrier.written == [(1, 1), (1, 1)]
        assert rig.carrier.jobs[1].queued.tries == 1

    async def test_for_now_too_often(self, rig: Rig) -> None:
        await rig.start(terms={"carrier": Terms(retry=Retry(attempts=2))})
        await rig.submit()
        rig.carrier.answer(BUSY)
        await rig.pass_(12)
        rig.carrier.answer(BUSY)
        await rig.rest()
        assert await rig.bench.state() is S.FAILED

    async def test_a_restart_does_not_forget_the_pause(self, rig: Rig) -> None:
        await rig.submit()
        rig.carrier.answer(BUSY)
        await rig.rest()
        await rig.start()
        assert rig.carrier.jobs == []
        await rig.pass_(12)
        assert rig.carrier.written == [(1, 1)]


class TestAFullQueue:
    """ESME_RMSGQFUL: one phone takes no more for now."""

    async def test_delays_the_number_in_order_while_others_overtake(
        self, rig: Rig
    ) -> None:
        await rig.submit(to="1")
        rig.carrier.answer(FULL)
        await rig.rest()
        await rig.submit(2, to="1")
        await rig.submit(to="2")
        assert rig.carrier.written == [(1, 1), (4, 1)]
        assert rig.carrier.capacity() == 9
        rig.carrier.accept()
        await rig.pass_(4)
        assert len(rig.carrier.written) == 2
        assert rig.dispatch.waiting == 3
        # One goes alone when its retry is due, and if that is taken the others.
        await rig.pass_(8)
        assert rig.carrier.written[2:] == [(1, 1)]
        rig.carrier.accept()
        await rig.pass_(2)
        assert rig.carrier.written[3:] == [(2, 1), (3, 1)]
        rig.carrier.accept()
        await rig.rest()
        assert await rig.states(1, 2, 3, 4) == [S.SUBMITTED] * 4
        assert rig.dispatch.waiting == 0
        # What had to wait was not tried, and is free of the delay now.
        assert [(await rig.bench.get(n)).progress.tries for n in (1, 2)] == [1, 0]
        await rig.submit(to="1")
        assert rig.carrier.written[5:] == [(5, 1)]

    async def test_the_delay_grows_for_all(self, rig: Rig) -> None:
        await rig.submit(to="1")
        rig.carrier.answer(FULL)
        await rig.rest()
        await rig.submit(to="1")
        times = []
        for _ in range(4):
            before = rig.now
            while not rig.carrier.unanswered:
                await rig.pass_(1)
            times.append(rig.now - before)
            assert rig.carrier.written[-1] == (1, 1)
            rig.carrier.answer(FULL)
            await rig.rest()
        # Twice as long each time, but for a jitter that may be as long again.
        assert all(b > 1.2 * a for a, b in zip(times, times[2:], strict=False))
        while not rig.carrier.unanswered:
            await rig.pass_(1)
        rig.carrier.accept()
        await rig.pass_(2)
        assert rig.carrier.written[-2:] == [(1, 1), (2, 1)]

    async def test_nothing_more_is_written_of_what_is_on_its_way(
        self, rig: Rig
    ) -> None:
        await rig.submit(to="1", text=LONG)
        await rig.submit(to="1", text=LONG)
        await rig.submit(to="2")
        first, second, other = rig.carrier.jobs
        rig.carrier.answer(Accepted("a"), FULL)
        assert first.stopped
        assert second.stopped
        assert not other.stopped
        rig.carrier.give_back()
        await rig.rest()
        assert rig.carrier.written[7:] == [(3, 1)]
        rig.carrier.accept()
        await rig.pass_(12)
        assert rig.carrier.written[8:] == [(1, 2), (1, 3)]
        rig.carrier.accept()
        await rig.pass_(2)
        assert rig.carrier.written[10:] == [(2, 1), (2, 2), (2, 3)]
        rig.carrier.accept()
        await rig.rest()
        assert await rig.states(1, 2, 3) == [S.SUBMITTED] * 3

    async def test_several_refused_at_once_go_in_their_order(self, rig: Rig) -> None:
        await rig.submit(3, to="1")
        rig.carrier.answer(FULL, FULL, FULL)
        while not rig.carrier.unanswered:
            await rig.pass_(1)
        assert rig.carrier.written[3:] == [(1, 1)]
        rig.carrier.accept()
        await rig.pass_(2)
        assert rig.carrier.written[3:] == [(1, 1), (2, 1), (3, 1)]

    async def test_what_waits_can_expire_and_be_cancelled(self, rig: Rig) -> None:
        await rig.submit(to="1")
        rig.carrier.answer(FULL)
        await rig.rest()
        await rig.submit(to="1", expires_at=rig.now + 2000)
        await rig.submit(to="1")
        assert await rig.dispatch.withdraw(3)
        await rig.pass_(4)
        assert await rig.states(2, 3) == [S.EXPIRED, S.CANCELLED]
        await rig.pass_(10)
        rig.carrier.accept()
        await rig.pass_(2)
        assert rig.carrier.written == [(1, 1), (1, 1)]
        assert rig.dispatch.waiting == 0

    async def test_one_that_ends_makes_way(self, rig: Rig) -> None:
        """A probe that is refused for good, or for too long, is no probe any more."""
        await rig.start(terms={"carrier": Terms(retry=Retry(attempts=2))})
        await rig.submit(to="1")
        rig.carrier.answer(FULL)
        await rig.rest()
        await rig.submit(2, to="1")
        await rig.pass_(12)
        rig.carrier.answer(FULL)
        await rig.pass_(2)
        assert await rig.states(1, 2) == [S.FAILED, S.QUEUED]
        assert rig.carrier.written[2:] == [(2, 1)]
        rig.carrier.answer(REFUSED)
        await rig.pass_(2)
        assert rig.carrier.written[3:] == [(3, 1)]

    async def test_a_probe_that_is_never_answered(self, rig: Rig) -> None:
        await rig.submit(to="1")
        rig.carrier.answer(FULL)
        await rig.rest()
        await rig.submit(to="1")
        await rig.pass_(12)
        rig.carrier.answer(LOST)
        await rig.pass_(2)
        assert rig.carrier.written == [(1, 1), (1, 1), (1, 1)]
        rig.carrier.accept()
        await rig.pass_(2)
        assert rig.carrier.written[3:] == [(2, 1)]

    async def test_another_connector_is_another_way_to_it(self, rig: Rig) -> None:
        await rig.submit(to="1")
        rig.carrier.answer(FULL)
        await rig.rest()
        await rig.submit(to="1", via=("backup",))
        assert rig.backup.written == [(2, 1)]

    async def test_a_restart_does_not_lose_it(self, rig: Rig) -> None:
        await rig.submit(to="1")
        rig.carrier.answer(FULL)
        await rig.rest()
        await rig.submit(2, to="1")
        await rig.start()
        assert rig.carrier.written == []
        await rig.pass_(12)
        assert rig.carrier.written == [(1, 1), (2, 1), (3, 1)]


class TestGivenBack:
    async def test_to_the_head_of_the_queue_in_order(self, rig: Rig) -> None:
        await rig.submit(15)
        rig.carrier.turn(HealthState.PAUSED)
        rig.carrier.give_back()
        await rig.rest()
        rig.carrier.turn(HealthState.UP)
        await rig.rest()
        rig.carrier.accept()
        await rig.rest()
        assert [seq for seq, _ in rig.carrier.written] == [
            *range(1, 11),
            *range(1, 16),
        ]
        # Nothing was said of it to the disk.
        assert next(told.operations for told in rig.bench.told if told.changes) == 15

    async def test_the_next_connector_s_turn_comes(self, rig: Rig) -> None:
        await rig.submit(3)
        rig.carrier.turn(HealthState.DOWN)
        rig.carrier.give_back()
        await rig.pass_(12)
        assert [seq for seq, _ in rig.backup.written] == [1, 2, 3]

    async def test_a_marked_one(self, rig: Rig) -> None:
        """It must not look as if it might have been written."""
        await rig.submit(on_unknown="hold")
        assert await rig.bench.state() is S.SUBMITTING
        rig.carrier.turn(HealthState.DOWN)
        rig.carrier.give_back()
        await rig.rest()
        assert await rig.bench.state() is S.QUEUED
        await rig.pass_(12)
        assert rig.backup.written == [(1, 1)]

    async def test_a_long_one_of_which_nothing_was_written(self, rig: Rig) -> None:
        await rig.submit(text=LONG)
        rig.carrier.turn(HealthState.DOWN)
        rig.carrier.give_back()
        await rig.pass_(12)
        assert rig.backup.jobs[0].plan.connector == "backup"
        rig.backup.accept()
        await rig.rest()
        assert await rig.bench.state() is S.SUBMITTED

    async def test_once_it_has_expired(self, rig: Rig) -> None:
        await rig.submit(expires_at=rig.now + 5000)
        rig.clock.advance(6)
        rig.carrier.give_back()
        await rig.rest()
        assert await rig.bench.state() is S.EXPIRED


class TestUnanswered:
    async def test_resend(self, rig: Rig) -> None:
        await rig.submit()
        rig.carrier.answer(LOST)
        await rig.rest()
        assert rig.carrier.written == [(1, 1), (1, 1)]
        rig.carrier.accept()
        await rig.rest()
        one = await rig.bench.get()
        assert one.progress.state is S.SUBMITTED
        attempts = one.progress.segments[0].attempts
        assert [attempt.outcome for attempt in attempts] == ["unknown", "accepted"]

    async def test_it_is_sent_again_where_it_may_be_already(self, rig: Rig) -> None:
        await rig.submit()
        rig.carrier.turn(HealthState.DOWN)
        rig.carrier.answer(LOST)
        await rig.pass_(60)
        assert rig.backup.jobs == []

    async def test_fail(self, rig: Rig) -> None:
        await rig.submit(on_unknown="fail")
        rig.carrier.answer(LOST)
        await rig.pass_(60)
        assert await rig.bench.state() is S.UNKNOWN
        assert len(rig.carrier.jobs) == 1

    async def test_hold_and_a_late_answer(self, rig: Rig) -> None:
        await rig.submit(on_unknown="hold")
        (result,) = rig.carrier.answer(LOST)
        await rig.rest()
        assert (await rig.bench.get()).progress.held
        rig.carrier.late(result, Accepted("a1"))
        await rig.rest()
        assert await rig.bench.state() is S.SUBMITTED

    async def test_hold_and_a_late_refusal(self, rig: Rig) -> None:
        """It was not taken, so it can be sent again, and at once."""
        await rig.submit(on_unknown="hold")
        (result,) = rig.carrier.answer(LOST)
        await rig.rest()
        rig.carrier.late(result, BUSY)
        await rig.pass_(2)
        assert rig.carrier.written == [(1, 1), (1, 1)]

    async def test_hold_for_too_long(self, rig: Rig) -> None:
        await rig.submit(on_unknown="hold")
        rig.carrier.answer(LOST)
        await rig.rest()
        await rig.leap(3601)
        assert await rig.bench.state() is S.UNKNOWN

    async def test_nothing_is_written_before_the_mark_is_on_disk(
        self, rig: Rig
    ) -> None:
        await rig.start(terms={"carrier": Terms(on_unknown="hold")})
        one = rig.record()
        await rig.bench.accept(one)
        rig.dispatch.offer([one])
        await asyncio.sleep(0)
        rig.dispatch._pump()
        assert rig.carrier.jobs == []
        assert rig.dispatch.in_flight(1)
        await rig.rest()
        assert rig.carrier.written == [(1, 1)]
        assert await rig.bench.state() is S.SUBMITTING

    async def test_what_may_not_be_sent_twice_is_not_after_a_crash(
        self, rig: Rig
    ) -> None:
        await rig.submit(on_unknown="hold")
        await rig.submit(on_unknown="fail")
        await rig.submit(on_unknown="resend")
        await rig.start()
        assert rig.carrier.written == [(3, 1)]
        assert await rig.states(1, 2) == [S.SUBMITTING, S.UNKNOWN]

    async def test_an_operator_has_it_sent_again(self, rig: Rig) -> None:
        """After a restart: nothing else waits where it will."""
        await rig.submit(on_unknown="hold")
        await rig.start()
        assert not await rig.dispatch.resolve(99, resend=True)
        assert await rig.dispatch.resolve(1, resend=True)
        await rig.pass_(2)
        assert rig.carrier.written == [(1, 1)]
        assert not await rig.dispatch.resolve(1, resend=True)

    async def test_an_operator_gives_it_up(self, rig: Rig) -> None:
        await rig.submit(on_unknown="hold")
        rig.carrier.answer(LOST)
        await rig.rest()
        assert await rig.dispatch.resolve(1, resend=False)
        assert await rig.bench.state() is S.UNKNOWN

    async def test_a_late_answer_while_it_waits_again(self, rig: Rig) -> None:
        await rig.submit()
        rig.carrier.turn(HealthState.PAUSED)
        (result,) = rig.carrier.answer(LOST)
        await rig.rest()
        rig.carrier.late(result, Accepted("a1"))
        rig.carrier.turn(HealthState.UP)
        await rig.rest()
        await rig.pass_(3)
        assert rig.carrier.written == [(1, 1)]
        assert await rig.bench.state() is S.SUBMITTED

    @pytest.mark.parametrize("stored", [True, False])
    async def test_a_late_answer_while_it_waits_in_memory(
        self, rig: Rig, *, stored: bool
    ) -> None:
        """What is in memory is older than the answer, on disk or on its way there."""
        rig.carrier.window = 2
        await rig.submit(4, via=("carrier",))
        (result,) = rig.carrier.answer(LOST)
        await rig.rest()
        assert [seq for seq, _ in rig.carrier.written] == [1, 2, 3]
        assert [one.seq for lane in rig.lanes() for one in lane.queue] == [1, 4]
        rig.carrier.late(result, Accepted("a1"))
        if stored:
            await rig.rest()
        rig.carrier.accept()
        await rig.rest()
        await rig.pass_(2)
        assert [seq for seq, _ in rig.carrier.written] == [1, 2, 3, 4]
        assert await rig.states(1, 2, 3) == [S.SUBMITTED] * 3

    async def test_a_late_answer_long_before_its_turn(self, rig: Rig) -> None:
        await rig.submit()
        (result,) = rig.carrier.answer(LOST)
        rig.carrier.turn(HealthState.PAUSED)
        await rig.rest()
        rig.carrier.late(result, Accepted("a1"))
        await rig.pass_(3)
        rig.carrier.turn(HealthState.UP)
        await rig.pass_(3)
        assert rig.carrier.written == [(1, 1)]

    async def test_a_late_answer_to_one_part_of_many(self, rig: Rig) -> None:
        await rig.submit(text=LONG)
        rig.carrier.turn(HealthState.PAUSED)
        results = rig.carrier.answer(LOST, LOST, LOST)
        await rig.rest()
        rig.carrier.late(results[1], Accepted("a2"))
        rig.carrier.turn(HealthState.UP)
        await rig.rest()
        assert rig.carrier.written[3:] == [(1, 1), (1, 3)]
        rig.carrier.accept()
        await rig.rest()
        assert await rig.bench.state() is S.SUBMITTED

    async def test_a_late_answer_while_the_rest_is_written(self, rig: Rig) -> None:
        await rig.submit(text=LONG, on_unknown="hold")
        (first,) = rig.carrier.answer(LOST)
        rig.carrier.late(first, Accepted("a1"))
        rig.carrier.accept()
        await rig.rest()
        one = await rig.bench.get()
        assert one.progress.state is S.SUBMITTED
        assert not one.progress.held


class TestCancelling:
    async def test_what_waits_in_memory(self, rig: Rig) -> None:
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(3)
        assert await rig.dispatch.withdraw(2)
        rig.carrier.turn(HealthState.UP)
        await rig.rest()
        assert [seq for seq, _ in rig.carrier.written] == [1, 3]
        assert await rig.bench.state(2) is S.CANCELLED
        assert rig.dispatch.waiting == 2

    async def test_what_waits_on_disk(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lanes, "MOST", 2)
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(5)
        assert await rig.dispatch.withdraw(4)
        rig.carrier.turn(HealthState.UP)
        await rig.rest()
        assert [seq for seq, _ in rig.carrier.written] == [1, 2, 3, 5]

    async def test_not_what_a_connector_has(self, rig: Rig) -> None:
        await rig.submit()
        assert not await rig.dispatch.withdraw(1)
        rig.carrier.accept()
        await rig.rest()
        assert not await rig.dispatch.withdraw(1)
        assert await rig.bench.state() is S.SUBMITTED

    async def test_its_turn_comes_meanwhile(self, rig: Rig) -> None:
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(2)
        cancelling = asyncio.create_task(rig.dispatch.withdraw(1))
        await asyncio.sleep(0)
        rig.carrier.turn(HealthState.UP)
        rig.dispatch._pump()
        assert not await rig.dispatch.withdraw(1)
        assert await cancelling
        await rig.rest()
        assert [seq for seq, _ in rig.carrier.written] == [2]
        assert await rig.bench.state() is S.CANCELLED

    async def test_the_store_cannot_say(self, rig: Rig) -> None:
        """Then it goes on, and is not forgotten."""
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(2)
        rig.bench.pragma("query_only = ON")
        cancelling = asyncio.create_task(rig.dispatch.withdraw(1))
        await asyncio.sleep(0)
        rig.carrier.turn(HealthState.UP)
        rig.dispatch._pump()
        with pytest.raises(StoreUnavailableError):
            await cancelling
        rig.bench.pragma("query_only = OFF")
        await eventually(lambda: rig.bench.store.available)
        await rig.rest()
        assert sorted(rig.carrier.written) == [(1, 1), (2, 1)]

    async def test_what_was_only_refused_so_far(self, rig: Rig) -> None:
        await rig.submit()
        rig.carrier.answer(BUSY)
        await rig.rest()
        assert await rig.dispatch.withdraw(1)
        await rig.pass_(20)
        assert len(rig.carrier.jobs) == 1


class TestExpiry:
    async def test_in_the_queue(self, rig: Rig) -> None:
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(expires_at=rig.now + 3000)
        await rig.submit()
        await rig.pass_(4)
        assert await rig.states(1, 2) == [S.EXPIRED, S.QUEUED]
        rig.carrier.turn(HealthState.UP)
        await rig.rest()
        assert rig.carrier.written == [(2, 1)]

    async def test_when_its_turn_comes(self, rig: Rig) -> None:
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(expires_at=rig.now + 500)
        rig.clock.advance(0.5)
        rig.carrier.turn(HealthState.UP)
        await rig.rest()
        assert rig.carrier.jobs == []
        assert await rig.bench.state() is S.EXPIRED

    async def test_not_while_a_connector_has_it(self, rig: Rig) -> None:
        await rig.submit(expires_at=rig.now + 3000)
        await rig.pass_(5)
        assert await rig.bench.state() is S.QUEUED
        rig.carrier.accept()
        await rig.rest()
        assert await rig.bench.state() is S.SUBMITTED

    async def test_while_it_is_marked(self, rig: Rig) -> None:
        await rig.submit(on_unknown="hold", expires_at=rig.now + 3000)
        await rig.pass_(5)
        assert await rig.bench.state() is S.SUBMITTING
        rig.carrier.accept()
        await rig.rest()
        assert await rig.bench.state() is S.SUBMITTED

    async def test_it_ended_before_the_mark(self, rig: Rig) -> None:
        """Somebody else was quicker: it is not written."""
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(text=LONG)
        await rig.bench.one(base.Finish(seq=1, state=S.FAILED, error=None, at=rig.now))
        rig.carrier.turn(HealthState.UP)
        await rig.rest()
        assert rig.carrier.jobs == []
        assert not rig.dispatch.in_flight(1)


class TestConnectorsThatAreGone:
    async def test_their_messages_fail(self, rig: Rig) -> None:
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(3, via=("carrier",))
        await rig.submit(via=("carrier",), due_at=rig.now + 20_000)
        await rig.start("backup")
        assert await rig.states(1, 2, 3, 4) == [*[S.FAILED] * 3, S.SCHEDULED]
        error = (await rig.bench.get()).progress.error
        assert error is not None
        assert error.cls is FaultClass.ACCOUNT
        assert error.detail == "connector carrier is not configured any more"
        await rig.pass_(21)
        assert await rig.bench.state(4) is S.FAILED
        assert rig.dispatch.waiting == 0

    async def test_many_of_them(self, rig: Rig) -> None:
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(1200, via=("carrier",))
        await rig.start("backup")
        await eventually(lambda: not rig.dispatch.waiting)
        (found,) = rig.bench.ask("SELECT count(*) FROM messages WHERE state = 'failed'")
        assert found == (1200,)

    async def test_another_of_the_route_takes_over(self, rig: Rig) -> None:
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(2)
        await rig.start("backup")
        assert [seq for seq, _ in rig.backup.written] == [1, 2]
        assert rig.backup.jobs[0].reason == "carrier is not configured any more"

    async def test_not_what_they_have_begun(self, rig: Rig) -> None:
        await rig.submit(text=LONG)
        rig.carrier.accept(1)
        await rig.rest()
        await rig.start("backup")
        assert rig.backup.jobs == []
        one = await rig.bench.get()
        assert one.progress.state is S.SUBMITTED
        assert [segment.state for segment in one.progress.segments] == [
            S.SUBMITTED,
            S.FAILED,
            S.FAILED,
        ]


class TestOtherConnectors:
    """`Dispatch.connect` and `configure`: what waits, and what is under way."""

    def connect(self, rig: Rig, *names: str, rules: tuple[Rule, ...] = ()) -> None:
        """Have these: those of before, or new ones."""
        rig.terms = {name: rig.terms.get(name) or Terms() for name in names}
        rig.dispatch.configure(rig.terms, Router(rules, names), retention=DAY)
        kept = {
            name: rig.connectors.get(name) or FakeConnector(name, rig.clock)
            for name in names
        }
        rig.connectors = kept
        for connector in kept.values():
            connector.sink = rig.dispatch
        rig.dispatch.connect(kept)

    async def test_what_waits_is_routed_anew(self, rig: Rig) -> None:
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(3, via=("carrier",))
        await rig.submit(via=("carrier",), due_at=rig.now + 20_000)
        self.connect(rig, "backup", "new", rules=(Rule(via=("new", "backup")),))
        await rig.rest()
        new = rig.connectors["new"]
        assert [seq for seq, _ in new.written] == [1, 2, 3]
        assert rig.backup.jobs == []
        one = await rig.bench.get()
        assert one.progress.note == "carrier gone; route 1: any message"
        assert rig.dispatch.waiting_for["carrier"] == 1
        await rig.pass_(21)
        assert [seq for seq, _ in new.written] == [1, 2, 3, 4]
        new.accept()
        await rig.rest()
        assert rig.dispatch.waiting == 0
        assert await rig.states(1, 2, 3, 4) == [S.SUBMITTED] * 4

    async def test_by_the_client_they_are_of(self, rig: Rig) -> None:
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(via=("carrier",), client="shop")
        await rig.submit(via=("carrier",), client="ops")
        rules = (Rule(via=("new",), client=("shop",)), Rule(via=("backup",)))
        self.connect(rig, "backup", "new", rules=rules)
        await rig.rest()
        assert [seq for seq, _ in rig.connectors["new"].written] == [1]
        assert [seq for seq, _ in rig.backup.written] == [2]

    async def test_the_same_at_a_start(self, rig: Rig) -> None:
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(2, via=("carrier",), client="shop")
        await rig.start("backup", rules=(Rule(via=("backup",), client=("shop",)),))
        assert [seq for seq, _ in rig.backup.written] == [1, 2]

    async def test_more_than_a_page(self, rig: Rig) -> None:
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(lanes.PAGE * 2 + 100, via=("carrier",))
        self.connect(rig, "backup", "new", rules=(Rule(via=("new",)),))
        new = rig.connectors["new"]
        new.auto = lambda job, part: Accepted(f"{job.queued.seq}-{part}")
        rig.dispatch.wake("new")
        await eventually(lambda: not rig.dispatch.waiting)
        seqs = [seq for seq, _ in new.written]
        assert sorted(seqs) == list(range(1, lanes.PAGE * 2 + 101))

    async def test_cancelled_meanwhile(self, rig: Rig) -> None:
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(2, via=("carrier",))
        self.connect(rig, "backup", "new", rules=(Rule(via=("new",)),))
        assert await rig.dispatch.withdraw(1)
        await rig.rest()
        assert [seq for seq, _ in rig.connectors["new"].written] == [2]
        assert await rig.states(1) == [S.CANCELLED]

    async def test_what_is_under_way_is_settled(self, rig: Rig) -> None:
        """By the terms of the one that has gone; what it returns is routed anew."""
        await rig.submit(3, via=("carrier",))
        leaving = rig.carrier
        self.connect(rig, "backup", "new", rules=(Rule(via=("new",)),))
        await rig.rest()
        leaving.accept(1)
        leaving.answer(BUSY)
        leaving.give_back()
        await rig.rest()
        assert [seq for seq, _ in rig.connectors["new"].written] == [3]
        await rig.pass_(20)
        assert [seq for seq, _ in rig.connectors["new"].written] == [3, 2]
        assert await rig.states(1) == [S.SUBMITTED]

    async def test_a_mark_on_its_way(self, rig: Rig) -> None:
        """Whoever was to write it has gone when it is on disk."""
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(via=("carrier",), text=LONG, on_unknown="hold")
        rig.carrier.turn(HealthState.UP)
        for _ in range(100):
            if rig.dispatch.in_flight(1):
                break
            await asyncio.sleep(0)
        leaving = rig.carrier
        self.connect(rig, "backup", "new", rules=(Rule(via=("new",)),))
        await rig.rest()
        assert leaving.jobs == []
        assert [seq for seq, _ in rig.connectors["new"].written] == [1, 1, 1]

    async def test_not_what_was_begun(self, rig: Rig) -> None:
        await rig.submit(via=("carrier",), text=LONG)
        leaving = rig.carrier
        leaving.accept(1)
        await rig.rest()
        self.connect(rig, "backup", "new", rules=(Rule(via=("new",)),))
        leaving.give_back()
        await rig.rest()
        assert rig.connectors["new"].jobs == []
        one = await rig.bench.get()
        states = [segment.state for segment in one.progress.segments]
        assert states == [S.SUBMITTED, S.FAILED, S.FAILED]

    async def test_another_in_its_place_splits_anew(self, rig: Rig) -> None:
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(via=("carrier",), text="1234567890")
        other = FakeConnector("carrier", rig.clock)
        other.size = 5
        other.sink = rig.dispatch
        rig.connectors = {**rig.connectors, "carrier": other}
        rig.dispatch.connect(rig.connectors)
        await rig.rest()
        assert other.written == [(1, 1), (1, 2)]

    async def test_added_while_the_store_cannot_commit(self, rig: Rig) -> None:
        rig.dispatch.failed(StoreUnavailableError("disk full"))
        self.connect(rig, "carrier", "backup", "new")
        assert rig.connectors["new"].frozen


class TestTrouble:
    async def test_nothing_is_written_while_the_store_cannot_commit(
        self, rig: Rig
    ) -> None:
        await rig.submit(15)
        rig.bench.pragma("query_only = ON")
        rig.carrier.accept(4)
        await eventually(lambda: rig.carrier.frozen)
        assert rig.backup.frozen
        await settle()
        assert len(rig.carrier.jobs) == 10
        assert rig.carrier.capacity() == 0
        rig.bench.pragma("query_only = OFF")
        await eventually(lambda: not rig.carrier.frozen)
        await rig.rest()
        assert len(rig.carrier.jobs) == 14
        rig.carrier.accept()
        await rig.rest()
        rig.carrier.accept()
        await rig.rest()
        assert set(await rig.states(*range(1, 16))) == {S.SUBMITTED}

    async def test_what_is_due_by_itself_is_done_later(self, rig: Rig) -> None:
        await rig.submit(due_at=rig.now + 2000)
        rig.bench.pragma("query_only = ON")
        await rig.pass_(3)
        rig.bench.pragma("query_only = OFF")
        await eventually(lambda: rig.bench.store.available)
        await rig.pass_(2)
        assert rig.carrier.written == [(1, 1)]

    async def test_a_page_that_can_never_be_read(
        self, rig: Rig, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A damaged row: the lane waits, the others do not."""
        rig.carrier.turn(HealthState.PAUSED)
        await rig.submit(due_at=rig.now + 2000)
        rig.bench.ask("UPDATE messages SET progress = '[]'")
        rig.carrier.turn(HealthState.UP)
        await rig.pass_(3)
        assert "store.impossible" in [one.getMessage() for one in caplog.records]
        await rig.submit(priority=Priority.BULK)
        assert rig.carrier.written == [(2, 1)]

    async def test_stopping(self, rig: Rig) -> None:
        await rig.submit(11, on_unknown="hold")
        await rig.dispatch.stop()
        rig.carrier.give_back()
        await rig.dispatch.settled(5.0)
        assert len(rig.carrier.jobs) == 10
        assert not any(rig.dispatch.in_flight(seq) for seq in range(1, 12))
        assert set(await rig.states(*range(1, 12))) == {S.QUEUED}

    async def test_settling_has_its_bounds(self, rig: Rig) -> None:
        await rig.submit()
        await rig.dispatch.settled(0.01)
        assert rig.dispatch.in_flight(1)


class Chance:
    """A next hop of many moods, which counts what it takes."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.taken: Counter[tuple[int, int]] = Counter()
        self.late: list[Any] = []

    def __call__(self, job: Job, part: int) -> Outcome:
        mood = self.random.random()
        if mood < 0.1:
            return Deferred(BUSY.fault, 0.0)
        if mood < 0.2:
            return LOST
        if mood < 0.22:
            return NO_BALANCE
        self.taken[job.queued.seq, part] += 1
        return Accepted(f"id-{job.queued.seq}-{part}-{mood}")


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_forgotten_and_nothing_sent_twice(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Hundreds of messages, small bounds, and every kind of answer."""
    monkeypatch.setattr(lanes, "MOST", 40)
    monkeypatch.setattr(lanes, "PAGE", 15)
    monkeypatch.setattr("esmed.queue.PAGE", 15)
    monkeypatch.setattr(lanes, "LOW", 8)
    await rig.start(
        terms={
            name: Terms(retry=Retry(attempts=100, min=1.0, max=2.0))
            for name in ("carrier", "backup")
        }
    )
    chance = Chance(seed)
    chooser = random.Random(seed)
    for connector in rig.connectors.values():
        connector.auto = chance
    total = 0
    for _ in range(12):
        total += len(
            await rig.submit(
                chooser.randrange(10, 50),
                text=chooser.choice(["short", LONG]),
                priority=chooser.choice(list(Priority)),
                via=chooser.choice([("carrier",), ("carrier", "backup")]),
            )
        )
        down = chooser.choice([HealthState.UP, HealthState.DOWN, HealthState.PAUSED])
        rig.carrier.turn(down)
        await rig.pass_(chooser.choice([0.0, 1.0, 3.0]))
        if chooser.random() < 0.2:
            rig.bench.pragma("query_only = ON")
            await rig.pass_(1.0)
            rig.bench.pragma("query_only = OFF")
            await eventually(lambda: rig.bench.store.available)
    rig.carrier.turn(HealthState.UP)
    for _ in range(60):
        await rig.pass_(2.0)
        if not rig.dispatch.waiting:
            break
    assert rig.dispatch.waiting == 0
    assert set(rig.dispatch.waiting_for.values()) == {0}
    states = Counter(await rig.states(*range(1, total + 1)))
    assert set(states) <= {S.SUBMITTED, S.FAILED} | FINAL_STATES
    assert states[S.SUBMITTED] > total * 0.8
    for seq in range(1, total + 1):
        one = await rig.bench.get(seq)
        for segment in one.progress.segments:
            taken = chance.taken[seq, segment.part]
            accepted = [a for a in segment.attempts if a.outcome == "accepted"]
            assert taken == len(accepted) <= 1
    assert rig.carrier.capacity() == rig.backup.capacity() == 10


async def test_messages_that_ended_long_ago_go(rig: Rig) -> None:
    await rig.submit()
    rig.carrier.answer(REFUSED)
    await rig.rest()
    await rig.leap(31 * DAY / 1000)
    await rig.pass_(2)
    assert await rig.bench.store.get("message-1") is None


class TestAsking:
    """What has become of messages is asked for as the connector says."""

    ASKING = Asking(first=10, again=(17, 30, 43), batch=2, every=3)

    async def taken(self, rig: Rig, count: int = 1, **fields: Any) -> None:
        rig.carrier.asking = self.ASKING
        await rig.submit(count, **fields)
        rig.carrier.accept()
        await rig.rest()

    async def test_until_it_has_ended(self, rig: Rig) -> None:
        await self.taken(rig)
        assert (await rig.bench.get(1)).deadline == T0 + 10_000
        await rig.pass_(9)
        assert not rig.carrier.questions
        await rig.pass_(1)
        assert rig.carrier.questions == [["carrier-1"]]
        rig.carrier.known["carrier-1"] = receipt(
            smsc_id="carrier-1", at=rig.now, host=rig.carrier.host
        )
        await rig.leap(17)
        assert rig.carrier.questions == [["carrier-1"]] * 2
        assert await rig.bench.state(1) is S.DELIVERED
        await rig.leap(DAY // 1000)
        assert len(rig.carrier.questions) == 2

    async def test_not_for_ever_and_not_anew_after_a_restart(self, rig: Rig) -> None:
        terms = {"carrier": Terms(receipt_timeout=100)}
        await rig.start(terms=terms)
        await self.taken(rig)
        for count, wait in enumerate((10, 17, 30), 1):
            await rig.leap(wait)
            assert rig.carrier.questions == [["carrier-1"]]
            assert (await rig.bench.get(1)).progress.asked == count
            await rig.start(terms=terms)
            rig.carrier.asking = self.ASKING
        await rig.leap(43 - 1)
        assert await rig.bench.state(1) is S.SUBMITTED
        await rig.pass_(1)
        one = await rig.bench.get(1)
        assert one.progress.state is S.UNKNOWN
        assert one.progress.error is not None
        assert one.progress.error.detail == "no receipt within receipt_timeout"
        assert one.progress.final_at == T0 + 100_000
        assert not rig.carrier.questions

    async def test_a_receipt_comes_of_itself(self, rig: Rig) -> None:
        await self.taken(rig)
        await rig.pass_(10)
        await rig.bench.one(receipt_of(smsc_id="carrier-1", host=rig.carrier.host))
        await rig.leap(17)
        assert await rig.bench.state(1) is S.DELIVERED
        assert len(rig.carrier.questions) == 1

    async def test_several_in_a_question_and_pauses_between(self, rig: Rig) -> None:
        await self.taken(rig, 5)
        await rig.pass_(10)
        assert rig.carrier.questions == [["carrier-1", "carrier-2"]]
        await rig.pass_(2)
        assert len(rig.carrier.questions) == 1
        await rig.pass_(4)
        assert rig.carrier.questions[1:] == [["carrier-3", "carrier-4"], ["carrier-5"]]

    async def test_who_is_down_is_asked_when_that_is_over(self, rig: Rig) -> None:
        await self.taken(rig)
        rig.carrier.turn(HealthState.DOWN)
        await rig.pass_(10)
        for _ in range(10):
            await rig.leap(50)
        one = await rig.bench.get(1)
        assert (one.progress.state, one.progress.asked) == (S.SUBMITTED, 0)
        rig.carrier.turn(HealthState.UP)
        await rig.leap(600)
        assert rig.carrier.questions == [["carrier-1"]]
        assert (await rig.bench.get(1)).progress.asked == 1

    async def test_no_receipt_was_asked_for(self, rig: Rig) -> None:
        await self.taken(rig, receipt="none")
        await rig.leap(60)
        assert await rig.bench.state(1) is S.SENT
        assert not rig.carrier.questions

    async def test_no_later_than_receipts_are_waited_for(self, rig: Rig) -> None:
        await rig.start(terms={"carrier": Terms(receipt_timeout=5)})
        await self.taken(rig)
        assert (await rig.bench.get(1)).deadline == T0 + 5000

    async def test_it_is_answered_late(self, rig: Rig) -> None:
        rig.carrier.asking = self.ASKING
        await rig.submit(on_unknown="hold")
        (lost,) = rig.carrier.answer(LOST)
        await rig.rest()
        await rig.pass_(3)
        rig.carrier.late(lost, Accepted("a1"))
        await rig.rest()
        assert (await rig.bench.get(1)).deadline == T0 + 13_000
