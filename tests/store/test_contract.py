"""What every store has to do, asked of it through `esmed.store.base` alone.

``bench`` is the place to bring in another store.
"""

import json
from typing import Any

import pytest
from fakes.records import (
    DAY,
    T0,
    TO,
    accepted,
    attempts_of,
    fault,
    mo,
    part,
    plan,
    receipt_of,
    record,
    request,
    result,
    submitted,
)
from fakes.storebench import StoreBench as Bench
from msgspec import structs

from esmed.announce import Announcer
from esmed.errors import StoreError
from esmed.models import (
    FINAL_STATES,
    Accepted,
    Deferred,
    FaultClass,
    MessageState,
    MoAnswer,
    Priority,
    Record,
    Rejected,
    Unknown,
)
from esmed.store import base

S = MessageState
HOUR = 3_600_000
VIA = ("carrier", "backup")


def mark(seq: int = 1, *, on_unknown: Any = "hold", parts: int = 1) -> base.Mark:
    return base.Mark(
        seq=seq,
        plan=plan(parts),
        at=T0 + 500,
        on_unknown=on_unknown,
        deadline=T0 + 6 * HOUR,
    )


def requeue(seq: int = 1, **fields: Any) -> base.Requeue:
    return base.Requeue(
        **{
            "seq": seq,
            "at": T0 + 2000,
            "due_at": T0 + 7000,
            "via": ("backup",),
            "tries": 1,
            "error": fault(FaultClass.TEMPORARY),
            **fields,
        }
    )


def finish(seq: int = 1, state: MessageState = S.FAILED) -> base.Finish:
    return base.Finish(seq=seq, state=state, error=fault(), at=T0 + 2000)


def hold(seq: int = 1) -> base.Hold:
    return base.Hold(seq=seq, at=T0 + 2000, deadline=T0 + 6 * HOUR)


def sweep(
    now: int, *, limit: int = 100, busy: frozenset[int] = frozenset()
) -> base.Sweep:
    return base.Sweep(now=now, limit=limit, retention=30 * DAY / 1000, busy=busy)


def asking(
    now: int, *, waits: tuple[float, ...] = (60, 240), room: int = 10, **fields: Any
) -> base.Sweep:
    """Where the carrier can be asked."""
    return structs.replace(
        sweep(now, **fields), ask={"carrier": waits}, room={"carrier": room}
    )


def page(
    *,
    now: int = T0,
    after: tuple[int, int] = (-1, -1),
    limit: int = 100,
    via: tuple[str, ...] = VIA,
    priority: Priority = Priority.NORMAL,
) -> base.Page:
    return base.Page(via=via, priority=priority, after=after, now=now, limit=limit)


def seqs(answer: base.QueuePage) -> list[int]:
    return [queued.seq for queued in answer.messages]


class TestAcceptance:
    async def test_a_message_comes_back_as_it_was(self, bench: Bench) -> None:
        one = record(
            5,
            client="shop",
            text="Їжак 🦔 € '\"\\\n",
            data=b"\x00\xff",
            udh=b"\x05\x00\x03\x07\x02\x01",
            priority=Priority.HIGH,
            reference="order 1",
            webhook_url="https://hooks.example.org/",
            due_at=T0 + HOUR,
        )
        await bench.accept(one)
        assert await bench.get(5) == one

    async def test_nobody_by_that_id(self, bench: Bench) -> None:
        assert await bench.store.get("message-1") is None

    async def test_all_or_none(self, bench: Bench) -> None:
        await bench.accept(record(1))
        with pytest.raises(StoreError):
            await bench.accept(record(2), record(1))
        assert await bench.store.get("message-2") is None

    async def test_numbers_go_on_after_a_restart(self, bench: Bench) -> None:
        assert bench.store.next_seq() == 1
        await bench.accept(record(41))
        await bench.crash()
        assert [bench.store.next_seq() for _ in range(2)] == [42, 43]

    async def test_numbers_are_not_used_again_once_all_is_pruned(
        self, bench: Bench
    ) -> None:
        await bench.accept(record(41))
        await bench.do(finish(41), sweep(T0 + 31 * DAY))
        await bench.one(sweep(T0 + 31 * DAY))
        assert bench.count("messages") == 0
        await bench.crash()
        assert bench.store.next_seq() == 42

    async def test_everything_survives(self, bench: Bench) -> None:
        await bench.accept(record(1))
        await bench.do(mark(on_unknown="resend", parts=2), accepted(parts=2))
        before = await bench.get()
        await bench.crash()
        assert await bench.get() == before


class TestOperations:
    """`esmed.lifecycle` decides what they do; here it is that they do it."""

    async def test_what_each_answers(self, bench: Bench) -> None:
        await bench.accept(*(record(seq) for seq in range(1, 10)))
        answers = await bench.do(
            mark(1),
            mark(1),
            accepted(seq=1),
            submitted(result(Rejected(fault()), seq=2)),
            requeue(2),
            finish(3),
            mark(4),
            hold(4),
            base.Resolve(seq=4, resend=True, at=T0 + 3000),
            base.Resolve(seq=4, resend=True, at=T0 + 3000),
            base.Cancel(seq=5, at=T0),
            base.Cancel(seq=5, at=T0),
        )
        assert answers == [
            True, False, False, True, None, None, True, None, True, False, True, False,
        ]  # fmt: skip
        states = [await bench.state(seq) for seq in range(1, 7)]
        assert states == [
            S.SUBMITTED, S.QUEUED, S.FAILED, S.QUEUED, S.CANCELLED, S.QUEUED,
        ]  # fmt: skip

    async def test_of_messages_that_are_gone(self, bench: Bench) -> None:
        """Pruned, while a connector had them."""
        answers = await bench.do(
            mark(9),
            accepted(seq=9),
            requeue(9),
            finish(9),
            hold(9),
            base.Cancel(seq=9, at=T0),
            base.Resolve(seq=9, resend=False, at=T0),
        )
        assert answers == [False, False, None, None, None, False, False]
        assert await bench.store.get("message-9") is None
        # Its receipt has nobody to go to.
        assert await bench.one(receipt_of()) == "unmatched"

    async def test_of_messages_that_have_ended(self, bench: Bench) -> None:
        """Cancelled, or expired, while a connector had them."""
        await bench.accept(record())
        await bench.do(base.Cancel(seq=1, at=T0), accepted())
        assert await bench.state() is S.CANCELLED
        assert attempts_of(await bench.get())[0].smsc_id == "a1"
        assert await bench.one(receipt_of()) == "matched"
        assert await bench.state() is S.CANCELLED

    async def test_requeue_moves_a_message_to_another_lane(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.one(requeue())
        assert seqs(await bench.one(page(now=T0 + 7000))) == []
        answer = await bench.one(page(now=T0 + 7000, via=("backup",)))
        (queued,) = answer.messages
        assert (queued.via, queued.tries, queued.due_at) == (("backup",), 1, T0 + 7000)

    async def test_several_of_one_message_in_one_commit(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.do(
            mark(on_unknown="resend", parts=2),
            accepted("a1", parts=2, part=1),
            accepted("a2", parts=2, part=2),
            receipt_of(S.DELIVERED, "a1"),
            receipt_of(S.DELIVERED, "a2"),
        )
        assert await bench.state() is S.DELIVERED
        states = [change.new for change in bench.changes]
        assert states == [S.QUEUED, S.SUBMITTING, S.SUBMITTED, S.DELIVERED]


class TestTold:
    """What a commit tells is exact: metrics and the queue's size are made of it."""

    async def test_states_and_waiting(self, bench: Bench) -> None:
        await bench.accept(record(1), record(2, due_at=T0 + HOUR))
        await bench.do(accepted(seq=1), requeue(2))
        await bench.one(finish(2))
        told = [
            (one.seq, one.old, one.new, one.waited_for, one.waits_for, one.connector)
            for one in bench.changes
        ]
        assert told == [
            (1, None, S.QUEUED, None, "carrier", "carrier"),
            (2, None, S.SCHEDULED, None, "carrier", "carrier"),
            (1, S.QUEUED, S.SUBMITTED, "carrier", None, "carrier"),
            (2, S.SCHEDULED, S.QUEUED, "carrier", "backup", "backup"),
            (2, S.QUEUED, S.FAILED, "backup", None, "backup"),
        ]
        assert [one.operations for one in bench.told] == [2, 2, 1]

    async def test_what_fails_tells_nothing(self, bench: Bench) -> None:
        await bench.accept(record(1))
        bench.told.clear()
        with pytest.raises(StoreError):
            await bench.accept(record(2), record(1))
        await bench.accept(record(3))
        assert [change.seq for change in bench.changes] == [3]
        assert [one.events for one in bench.told] == [1]

    async def test_a_receipt_before_its_response_has_no_negative_delay(
        self, bench: Bench
    ) -> None:
        await bench.accept(record())
        await bench.one(receipt_of(at=T0 + 1050))
        await bench.one(accepted(at=T0 + 1000, answered_at=T0 + 1100))
        (change,) = [one for one in bench.changes if one.new is S.DELIVERED]
        assert change.submitted_at == change.at == T0 + 1100

    async def test_events_and_mo(self, bench: Bench) -> None:
        await bench.do(mo("one"), part(1, "two"), part(2, "two"))
        (told,) = bench.told
        assert told.events == 2
        assert told.inbound == [("carrier", True), ("carrier", True)]

    async def test_replayed_events_count(self, bench: Bench) -> None:
        await bench.accept(record())
        (item,) = await bench.store.outbox(T0, 10, [])
        await bench.one(
            base.HookResult(seq=item.seq, at=T0, note="200", outcome="delivered")
        )
        bench.told.clear()
        assert await bench.one(base.Replay(since=T0, dead=False, now=T0)) == 1
        assert [one.events for one in bench.told] == [1]


class TestRestart:
    async def test_what_may_have_been_written_and_may_not_be_again(
        self, bench: Bench
    ) -> None:
        await bench.accept(*(record(seq) for seq in range(1, 6)))
        await bench.do(
            mark(1, on_unknown="hold"),
            mark(2, on_unknown="fail"),
            mark(3, on_unknown="resend", parts=2),
            mark(4, on_unknown="hold"),
            hold(4),
        )
        await bench.crash(now=T0 + 9000)
        assert [await bench.state(seq) for seq in range(1, 6)] == [
            S.SUBMITTING, S.UNKNOWN, S.QUEUED, S.SUBMITTING, S.QUEUED,
        ]  # fmt: skip
        assert (await bench.get(1)).progress.held
        assert (await bench.get(2)).progress.final_at == T0 + 9000
        assert seqs(await bench.one(page())) == [3, 5]
        types = [event.type for event in await bench.store.events("message-2")]
        assert types[-1] == "message.unknown"

    async def test_a_crash_between_the_parts_sends_only_the_rest(
        self, bench: Bench
    ) -> None:
        await bench.accept(record())
        await bench.do(mark(on_unknown="resend", parts=3), accepted(parts=3, part=2))
        await bench.crash()
        (queued,) = (await bench.one(page())).messages
        assert queued.accepted == (2,)
        assert queued.plan == plan(3)


class TestPages:
    async def test_in_the_order_of_their_time_then_of_acceptance(
        self, bench: Bench
    ) -> None:
        await bench.accept(
            record(1), record(2, at=T0 - 5), record(3), record(4, due_at=T0 + 5)
        )
        answer = await bench.one(page())
        assert seqs(answer) == [2, 1, 3]
        assert answer.next_due == T0 + 5
        assert seqs(await bench.one(page(after=(T0 - 5, 2)))) == [1, 3]
        assert seqs(await bench.one(page(after=(T0, 1)))) == [3]

    async def test_a_full_page_says_nothing_of_later_ones(self, bench: Bench) -> None:
        await bench.accept(record(1), record(2), record(3, due_at=T0 + 5))
        answer = await bench.one(page(limit=2))
        assert seqs(answer) == [1, 2]
        assert answer.next_due is None

    async def test_the_clock_was_set_back(self, bench: Bench) -> None:
        """What was due is not, but is not forgotten."""
        await bench.accept(record(1), record(2))
        answer = await bench.one(page(now=T0 - 5, after=(T0, 1)))
        assert seqs(answer) == []
        assert answer.next_due == T0

    async def test_each_lane_has_its_own(self, bench: Bench) -> None:
        await bench.accept(
            record(1),
            record(2, priority=Priority.HIGH),
            record(3, via=("backup",)),
        )
        assert seqs(await bench.one(page())) == [1]
        assert seqs(await bench.one(page(priority=Priority.HIGH))) == [2]
        assert seqs(await bench.one(page(via=("backup",)))) == [3]
        assert seqs(await bench.one(page(via=("other",)))) == []
        lanes = {
            (lane.via, lane.priority, lane.count, lane.next_due)
            for lane in await bench.store.lanes()
        }
        assert lanes == {
            (VIA, Priority.NORMAL, 1, T0),
            (VIA, Priority.HIGH, 1, T0),
            (("backup",), Priority.NORMAL, 1, T0),
        }

    async def test_what_dispatch_is_told(self, bench: Bench) -> None:
        one = record(text="long")
        await bench.accept(one)
        await bench.do(
            mark(on_unknown="resend", parts=2),
            accepted(parts=2),
            requeue(due_at=T0, tries=4, via=VIA),
        )
        (queued,) = (await bench.one(page())).messages
        assert queued.id == "message-1"
        assert queued.request == one.request
        assert queued.expires_at == T0 + DAY
        assert queued.tries == 4
        assert queued.plan == plan(2)
        assert queued.accepted == (1,)

    async def test_it_sees_all_of_its_own_commit(self, bench: Bench) -> None:
        """Before and after it: else a message could be sent that has just been."""
        await bench.accept(record(1), record(2), record(3))
        _, answer, _, _ = await bench.do(
            accepted(seq=1),
            page(),
            base.Cancel(seq=2, at=T0),
            base.Accept(records=[record(4)]),
        )
        assert seqs(answer) == [3, 4]

    async def test_ten_thousand_messages_page_by_page(self, bench: Bench) -> None:
        for start in range(1, 10_001, 1000):
            await bench.accept(
                *(record(seq, at=T0 - seq % 7) for seq in range(start, start + 1000))
            )
        found: list[int] = []
        after = (-1, -1)
        while True:
            answer = await bench.one(page(after=after, limit=500))
            if not answer.messages:
                break
            found += seqs(answer)
            after = (answer.messages[-1].due_at, answer.messages[-1].seq)
        assert found == sorted(range(1, 10_001), key=lambda seq: (T0 - seq % 7, seq))
        (lane,) = await bench.store.lanes()
        assert (lane.count, lane.next_due) == (10_000, T0 - 6)


class TestVitals:
    async def test_who_waits_for_whom(self, bench: Bench) -> None:
        await bench.accept(
            record(1, at=T0 + 5),
            record(2, at=T0 + 3, priority=Priority.HIGH),
            record(3, via=("backup", "carrier")),
            record(4, via=("gone",)),
            *(record(seq) for seq in (5, 6, 7)),
        )
        await bench.do(
            finish(4), mark(5), hold(5), mark(6), hold(6), mark(7, on_unknown="fail")
        )
        vitals = await bench.store.vitals()
        assert vitals.oldest == {"carrier": T0 + 3, "backup": T0}
        assert vitals.held == {"carrier": 2}


class TestFind:
    async def find(self, bench: Bench, **wanted: Any) -> list[int]:
        everything: dict[str, Any] = {
            "client": None,
            "state": None,
            "to": None,
            "reference": None,
            "after": None,
            "limit": 100,
        }
        found = await bench.store.find(**{**everything, **wanted})
        return [one.seq for one in found]

    async def test_filters(self, bench: Bench) -> None:
        await bench.accept(
            record(1, client="shop", reference="r1"),
            record(2, client="shop", to="380997654321"),
            record(3, client="other", reference="r1"),
            record(4, reference="r2"),
        )
        await bench.one(finish(3))
        assert await self.find(bench) == [4, 3, 2, 1]
        assert await self.find(bench, client="shop") == [2, 1]
        assert await self.find(bench, to=TO) == [4, 3, 1]
        assert await self.find(bench, reference="r1") == [3, 1]
        assert await self.find(bench, reference="r1", client="shop") == [1]
        assert await self.find(bench, state=S.FAILED) == [3]
        assert await self.find(bench, state=S.FAILED, client="shop") == []
        assert await self.find(bench, state=S.QUEUED, to=TO, after=4) == [1]

    async def test_pages(self, bench: Bench) -> None:
        await bench.accept(*(record(seq) for seq in range(1, 8)))
        assert await self.find(bench, limit=3) == [7, 6, 5]
        assert await self.find(bench, limit=3, after=5) == [4, 3, 2]
        assert await self.find(bench, limit=3, after=2) == [1]
        assert await self.find(bench, limit=3, after=1) == []


class TestSweep:
    async def test_validity_and_receipt_timeout(self, bench: Bench) -> None:
        await bench.accept(record(1), record(2), record(3, due_at=T0 + HOUR))
        await bench.one(accepted(seq=2))
        assert not await bench.one(sweep(T0 + DAY - 1))
        assert await bench.state(1) is S.QUEUED
        await bench.one(sweep(T0 + DAY))
        assert [await bench.state(seq) for seq in (1, 2, 3)] == [
            S.EXPIRED,
            S.SUBMITTED,
            S.SCHEDULED,
        ]
        await bench.one(sweep(T0 + 4 * DAY))
        assert [await bench.state(seq) for seq in (2, 3)] == [S.UNKNOWN, S.EXPIRED]

    async def test_what_is_asked_for_first(self, bench: Bench) -> None:
        """It is told after the commit, and put off by it."""
        await bench.accept(record(1), record(2))
        await bench.do(accepted(seq=1), accepted(seq=2))
        bench.told.clear()
        await bench.one(asking(T0 + 4 * DAY, busy=frozenset({2})))
        (overdue,) = [one for told in bench.told for one in told.overdue]
        assert (overdue.seq, overdue.id) == (1, "message-1")
        assert overdue.request == record().request
        assert [part.connector for part in overdue.parts] == ["carrier"]
        assert await bench.state(1) is S.SUBMITTED
        # Whoever was to ask may have died before.
        await bench.crash(now=T0 + 4 * DAY)
        assert (await bench.get(1)).deadline == T0 + 4 * DAY + 60_000
        await bench.do(base.GiveUp(seq=1, at=T0 + 4 * DAY))
        assert await bench.state(1) is S.UNKNOWN
        await bench.one(sweep(T0 + 4 * DAY))
        assert await bench.state(2) is S.UNKNOWN

    async def test_what_is_asked_for_soon(self, bench: Bench) -> None:
        """The waits are the connector's; the last of them ends the message."""
        await bench.accept(record(), record(2))
        taken = submitted(result(Accepted("a1")), deadline=T0 + HOUR)
        await bench.one(structs.replace(taken, ask_at=T0 + 10_000))
        now = T0 + 10_000
        assert (await bench.get()).deadline == now
        for wait in (17_000, HOUR - 27_000):
            await bench.one(asking(now - 1, waits=(17, 3573)))
            assert not bench.told[-1].overdue
            await bench.one(asking(now, waits=(17, 3573)))
            assert [one.seq for one in bench.told[-1].overdue] == [1]
            await bench.crash(now=now)
            now += wait
            assert (await bench.get()).deadline == now
        assert now == T0 + HOUR
        await bench.one(asking(now, waits=(17, 3573)))
        assert await bench.state() is S.UNKNOWN

    async def test_each_id_of_several_is_asked_for(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.one(submitted(result(Accepted("a1", ("a2",)))))
        await bench.one(receipt_of(smsc_id="a1"))
        await bench.one(asking(T0 + 4 * DAY))
        (overdue,) = bench.told[-1].overdue
        assert [(one.part, one.smsc_id) for one in overdue.parts] == [(2, "a2")]

    async def test_a_connector_that_cannot_be_asked_for_all(self, bench: Bench) -> None:
        """The rest neither ends nor counts, and is in nobody's way."""
        count, limit, room = 1200, 100, 30
        await bench.accept(*(record(seq) for seq in range(1, count + 1)))
        other = count + 1
        await bench.accept(record(other))
        for seq in range(1, count + 1):
            bench.store.duty([accepted(f"a{seq}", seq=seq)], lambda _: None)
        await bench.one(accepted("b1", seq=other, connector="backup", at=T0 + 2000))
        now, sweeps, told = T0 + 3 * DAY + HOUR, 0, len(bench.told)
        while await bench.one(asking(now, limit=limit, room=room if not sweeps else 0)):
            sweeps += 1
        overdue = [len(one.overdue) for one in bench.told[told:]]
        assert sum(overdue) == max(overdue) == room
        assert sweeps == count // limit
        assert await bench.state(other) is S.UNKNOWN
        found = "SELECT count(*), min(deadline), state FROM messages GROUP BY deadline"
        assert bench.ask(found + " ORDER BY deadline") == [
            (1, None, "unknown"),
            (count - room, now + 30_000, "submitted"),
            (room, now + 60_000, "submitted"),
        ]

    async def test_a_connector_that_is_out_is_waited_for_a_day(
        self, bench: Bench
    ) -> None:
        await bench.accept(record())
        await bench.one(submitted(result(Accepted("a1")), deadline=T0 + HOUR))
        last = T0 + HOUR + DAY
        for now in (T0 + HOUR, last - 1000):
            await bench.one(asking(now, room=0))
            assert await bench.state() is S.SUBMITTED
        await bench.one(asking(last + HOUR, room=0))
        assert await bench.state() is S.UNKNOWN

    async def test_what_is_held_too_long(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.do(mark(), hold())
        await bench.one(sweep(T0 + 6 * HOUR - 1))
        assert await bench.state() is S.SUBMITTING
        await bench.one(sweep(T0 + 6 * HOUR))
        assert await bench.state() is S.UNKNOWN

    async def test_busy_messages_are_left_alone_and_hide_nobody(
        self, bench: Bench
    ) -> None:
        await bench.accept(*(record(seq) for seq in range(1, 6)))
        busy = frozenset({1, 2, 3})
        assert await bench.one(sweep(T0 + DAY, limit=3, busy=busy)) is False
        assert [await bench.state(seq) for seq in range(1, 6)] == [
            *[S.QUEUED] * 3,
            *[S.EXPIRED] * 2,
        ]
        await bench.one(sweep(T0 + DAY))
        assert await bench.state(1) is S.EXPIRED

    async def test_it_says_whether_there_may_be_more(self, bench: Bench) -> None:
        await bench.accept(*(record(seq) for seq in range(1, 6)))
        more = [await bench.one(sweep(T0 + DAY, limit=2)) for _ in range(4)]
        assert more == [True, True, False, False]

    async def test_it_heeds_what_its_own_commit_has_decided(self, bench: Bench) -> None:
        """The deadline that has passed is not that of the message any more."""
        await bench.accept(record())
        await bench.do(mark(), hold())
        now = T0 + 6 * HOUR
        resolve = base.Resolve(seq=1, resend=True, at=now)
        assert await bench.do(resolve, sweep(now)) == [True, False]
        assert await bench.state() is S.QUEUED

    async def test_what_was_taken_of_an_expired_message_is_waited_for(
        self, bench: Bench
    ) -> None:
        await bench.accept(record())
        await bench.do(mark(on_unknown="resend", parts=2), accepted(parts=2))
        await bench.one(sweep(T0 + DAY))
        await bench.one(sweep(T0 + DAY + 1000))
        assert await bench.state() is S.SUBMITTED
        await bench.one(receipt_of())
        assert await bench.state() is S.EXPIRED


class TestRetention:
    BEFORE = T0 + 31 * DAY

    async def test_finished_messages(self, bench: Bench) -> None:
        await bench.accept(*(record(seq) for seq in range(1, 8)))
        await bench.do(*(finish(seq) for seq in range(1, 6)), accepted(seq=6))
        busy = frozenset({6, 7})
        assert not await bench.one(sweep(T0 + 30 * DAY, limit=2, busy=busy))
        more = [
            await bench.one(sweep(self.BEFORE, limit=2, busy=busy)) for _ in range(3)
        ]
        assert more == [True, True, False]
        left = await bench.store.find(
            client=None, state=None, to=None, reference=None, after=None, limit=10
        )
        assert [one.seq for one in left] == [7, 6]

    async def test_every_table_in_bounded_steps(self, bench: Bench) -> None:
        records = [record(seq) for seq in range(1, 6)]
        for one in records:
            key = base.IdempotencyKey(
                client="", key=one.id, digest=b"", status=202, answer=b"", at=T0
            )
            await bench.store.intake(base.Accept(records=[one], key=key))
        await bench.do(*(accepted(f"a{seq}", seq=seq) for seq in range(1, 6)))
        await bench.do(*(receipt_of(smsc_id=f"a{seq}") for seq in range(1, 6)))
        await bench.do(
            *(receipt_of(smsc_id=f"b{seq}", keys=("x", "y", "z")) for seq in range(5))
        )
        await bench.do(*(mo(f"text {number}") for number in range(5)))
        await bench.do(*(answer_mo(f"again {number}") for number in range(5)))
        for item in await bench.store.outbox(T0 + HOUR, 100, []):
            await bench.one(delivered(item))
        while items := await bench.store.outbox(T0 + HOUR, 100, []):
            await bench.do(*map(delivered, items))
        tables = (
            *("messages", "outbox", "inbound", "smsc_ids", "idempotency"),
            *("parked", "inbound_seen", "mo_answers"),
        )
        counts = {table: bench.count(table) for table in tables}
        assert min(counts.values()) >= 5
        for _ in range(40):
            more = await bench.one(sweep(self.BEFORE, limit=2))
            left = {table: bench.count(table) for table in tables}
            assert all(0 <= counts[table] - left[table] <= 2 for table in tables)
            counts = left
            if not more:
                break
        assert set(counts.values()) == {0}

    async def test_events_that_wait_are_kept(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.one(finish())
        await bench.one(sweep(self.BEFORE))
        assert await bench.store.get("message-1") is None
        assert len(await bench.store.outbox(self.BEFORE, 10, [])) == 1

    async def test_what_is_younger_is_kept(self, bench: Bench) -> None:
        await bench.do(mo("old"), mo("young", at=T0 + 2 * DAY))
        await bench.one(sweep(self.BEFORE))
        (one,) = await bench.store.inbound(after=None, limit=10)
        assert one.text == "young"


def delivered(item: base.OutboxItem) -> base.HookResult:
    return base.HookResult(seq=item.seq, at=T0, note="200", outcome="delivered")


class TestReceipts:
    async def test_after_the_response(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.one(accepted())
        assert await bench.one(receipt_of(S.BUFFERED)) == "matched"
        assert await bench.state() is S.BUFFERED
        assert await bench.one(receipt_of()) == "matched"
        assert await bench.state() is S.DELIVERED

    async def test_before_the_response(self, bench: Bench) -> None:
        await bench.accept(record())
        answers = await bench.do(receipt_of(S.BUFFERED), receipt_of())
        assert answers == ["unmatched", "unmatched"]
        await bench.one(accepted())
        assert await bench.state() is S.DELIVERED
        assert [one.early for one in bench.told][-1] == ["carrier", "carrier"]
        (attempt,) = attempts_of(await bench.get())
        assert [note.state for note in attempt.receipts] == [S.BUFFERED, S.DELIVERED]
        assert bench.count("parked") == 0

    @pytest.mark.parametrize("first", [0, 1])
    async def test_in_one_commit_with_it(self, bench: Bench, first: int) -> None:
        await bench.accept(record())
        operations: list[base.Operation] = [accepted(), receipt_of()]
        await bench.do(*operations[first:], *operations[:first])
        assert await bench.state() is S.DELIVERED

    async def test_before_the_response_and_a_restart(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.one(receipt_of())
        await bench.crash()
        await bench.one(accepted())
        assert await bench.state() is S.DELIVERED

    async def test_after_a_restart(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.one(accepted())
        await bench.crash()
        assert await bench.one(receipt_of()) == "matched"
        assert await bench.state() is S.DELIVERED

    async def test_twice(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.one(accepted())
        one = receipt_of()
        assert await bench.do(one, one) == ["matched", "duplicate"]
        assert await bench.one(one) == "duplicate"
        types = [event.type for event in await bench.store.events("message-1")]
        assert types == ["message.queued", "message.submitted", "message.delivered"]

    async def test_late_ones_amend(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.one(accepted())
        await bench.one(receipt_of(S.EXPIRED))
        assert await bench.one(receipt_of(S.DELIVERED)) == "matched"
        assert await bench.state() is S.EXPIRED
        types = [event.type for event in await bench.store.events("message-1")]
        assert types[-2:] == ["message.expired", "message.amended"]

    @pytest.mark.parametrize("end", [S.DELIVERED, S.EXPIRED])
    async def test_what_was_on_the_way_to_the_end_amends_nothing(
        self, bench: Bench, end: MessageState
    ) -> None:
        await bench.accept(record())
        await bench.one(accepted())
        await bench.one(receipt_of(end))
        assert await bench.one(receipt_of(S.BUFFERED)) == "matched"
        types = [event.type for event in await bench.store.events("message-1")]
        assert types[-1] == f"message.{end}"
        (segment,) = (await bench.get()).progress.segments
        assert [note.state for note in segment.attempts[0].receipts] == [
            *(end, S.BUFFERED),
        ]

    async def test_over_another_host(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.one(accepted())
        assert await bench.one(receipt_of(host="two:2775")) == "matched"

    async def test_of_another_connector(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.one(accepted())
        assert await bench.one(receipt_of(connector="backup")) == "unmatched"
        await bench.one(accepted(connector="backup"))
        assert await bench.state() is S.DELIVERED

    async def test_case_and_zeros_do_not_matter(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.one(accepted("00aBc1"))
        assert await bench.one(receipt_of(smsc_id="ABC1")) == "matched"

    async def test_hex_here_and_decimal_there(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.one(accepted("ff"))
        one = receipt_of(smsc_id="255", keys=("255", "ff", "597"))
        assert await bench.one(one) == "matched"

    async def test_hex_here_and_decimal_there_before_the_response(
        self, bench: Bench
    ) -> None:
        await bench.accept(record(1), record(2))
        one = receipt_of(smsc_id="255", keys=("255", "ff", "597"))
        await bench.one(one)
        # Both might be meant: the first to come has it, the other one does not.
        await bench.one(accepted("ff", seq=1))
        await bench.one(accepted("597", seq=2))
        assert [await bench.state(seq) for seq in (1, 2)] == [S.DELIVERED, S.SUBMITTED]
        assert bench.count("parked") == 0

    async def test_two_of_one_commit_may_be_meant(self, bench: Bench) -> None:
        await bench.accept(record(1), record(2))
        await bench.one(receipt_of(smsc_id="255", keys=("255", "ff", "597")))
        await bench.do(accepted("597", seq=1), accepted("ff", seq=2))
        # Nobody can say, so nobody gets it, and it is kept.
        assert [await bench.state(seq) for seq in (1, 2)] == [S.SUBMITTED] * 2
        assert bench.count("parked") == 3

    async def test_a_converted_id_of_somebody_else_s_number(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.one(accepted("ff"))
        stranger = receipt_of(
            smsc_id="255", keys=("255", "ff", "597"), source="380990000000"
        )
        assert await bench.one(stranger) == "unmatched"

    async def test_of_two_that_may_be_meant_the_one_that_waits(
        self, bench: Bench
    ) -> None:
        await bench.accept(record(1), record(2))
        await bench.do(accepted("ff", seq=1), accepted("597", seq=2))
        await bench.one(receipt_of(smsc_id="ff"))
        one = receipt_of(smsc_id="255", keys=("255", "ff", "597"))
        assert await bench.one(one) == "matched"
        assert await bench.state(2) is S.DELIVERED

    async def test_one_that_was_meant_is_gone(self, bench: Bench) -> None:
        await bench.accept(record(1), record(2))
        late = T0 + 20 * DAY
        await bench.do(finish(1), accepted("ff", seq=1, at=late))
        await bench.one(accepted("597", seq=2, at=late))
        await bench.one(sweep(T0 + 45 * DAY, busy=frozenset({2})))
        await bench.crash()
        assert await bench.store.get("message-1") is None
        one = receipt_of(smsc_id="255", keys=("255", "ff", "597"), at=late)
        assert await bench.one(one) == "matched"

    async def test_ids_are_used_again(self, bench: Bench) -> None:
        await bench.accept(record(1), record(2))
        await bench.one(accepted("7", seq=1, at=T0))
        await bench.one(receipt_of(smsc_id="7"))
        await bench.one(accepted("7", seq=2, at=T0 + HOUR))
        assert await bench.one(receipt_of(smsc_id="7")) == "matched"
        assert await bench.state(2) is S.DELIVERED

    async def test_without_any_id(self, bench: Bench) -> None:
        assert await bench.one(receipt_of(smsc_id="", keys=())) == "unmatched"
        assert bench.count("parked") == 0

    async def test_unmatched_ones_are_forgotten(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.one(receipt_of(keys=("a1", "b1")))
        assert bench.count("parked") == 2
        await bench.one(sweep(T0 + 5000 + DAY + 1))
        assert bench.count("parked") == 0

    async def test_those_of_a_pruned_message_are_parked(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.do(finish(), accepted(at=T0 + 20 * DAY))
        await bench.one(sweep(T0 + 45 * DAY))
        assert await bench.store.get("message-1") is None
        await bench.crash()
        assert await bench.one(receipt_of()) == "unmatched"

    async def test_the_second_attempt_has_an_id_of_its_own(self, bench: Bench) -> None:
        await bench.accept(record())
        unknown = result(Unknown("lost"))
        await bench.do(submitted(unknown), requeue(due_at=T0, via=VIA))
        await bench.one(accepted("b1", at=T0 + 3000))
        late = submitted(
            result(Accepted("a1"), at=unknown.at, sequence=unknown.sequence), parts=0
        )
        await bench.one(late)
        assert await bench.one(receipt_of(S.UNDELIVERABLE, "b1")) == "matched"
        assert await bench.state() is S.BUFFERED
        assert await bench.one(receipt_of(S.DELIVERED, "a1")) == "matched"
        assert await bench.state() is S.DELIVERED


class TestFurther:
    """The next hop made three short messages of one part."""

    THREE = Accepted("A1", ("A2", "A3"))

    async def test_receipts_of_each_in_any_order_and_over_a_restart(
        self, bench: Bench
    ) -> None:
        await bench.accept(record())
        early = receipt_of(smsc_id="a2")
        assert await bench.one(early) == "unmatched"
        # That of the same commit is looked for when all ids are there.
        last, _ = await bench.do(
            receipt_of(smsc_id="a3"), submitted(result(self.THREE))
        )
        assert last == "matched"
        one = await bench.get()
        assert [segment.state for segment in one.progress.segments] == [
            S.SUBMITTED,
            S.DELIVERED,
            S.DELIVERED,
        ]
        await bench.crash()
        assert await bench.state() is S.SUBMITTED
        assert await bench.one(receipt_of(smsc_id="a3")) == "duplicate"
        assert await bench.one(receipt_of(smsc_id="a1")) == "matched"
        assert await bench.state() is S.DELIVERED
        assert (await bench.get()).progress.parts == 3

    async def test_they_are_known_late(self, bench: Bench) -> None:
        unknown = result(Unknown("lost"))
        answered = structs.replace(unknown, outcome=self.THREE)
        await bench.accept(record())
        await bench.do(mark(), submitted(unknown), hold())
        await bench.one(submitted(answered, parts=0))
        for smsc_id in ("a1", "a2", "a3"):
            assert await bench.state() is S.SUBMITTED
            assert await bench.one(receipt_of(smsc_id=smsc_id)) == "matched"
        assert await bench.state() is S.DELIVERED

    async def test_one_has_no_id(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.one(submitted(result(Accepted("a1", ("",)))))
        assert bench.count("smsc_ids") == 1
        assert len((await bench.get()).progress.segments) == 2


def look(now: int = T0 + 9000, *, busy: frozenset[int] = frozenset()) -> base.Sweep:
    """A sweep of a daemon whose connectors give receipts three days."""
    return base.Sweep(
        now=now,
        limit=100,
        retention=30 * DAY / 1000,
        busy=busy,
        patience=dict.fromkeys(VIA, 3 * DAY / 1000),
    )


class TestLostAnswers:
    """A receipt for a held part whose id only the lost answer told."""

    LOST = submitted(result(Unknown("no answer within 30 s"), sequence=5))

    async def hold(self, bench: Bench, *seqs: int, to: str = TO) -> None:
        await bench.accept(*(record(seq, to=to) for seq in seqs))
        for seq in seqs:
            lost = result(Unknown("no answer within 30 s"), seq=seq)
            await bench.do(mark(seq), submitted(lost), hold(seq))

    async def test_a_receipt_ends_the_holding(self, bench: Bench) -> None:
        await self.hold(bench, 1)
        assert await bench.one(receipt_of()) == "unmatched"
        await bench.one(look())
        one = await bench.get()
        assert one.progress.state is S.DELIVERED
        assert not one.progress.held
        assert bench.count("parked") == 0
        assert [told.early for told in bench.told][-1] == ["carrier"]
        (attempt,) = attempts_of(one)
        assert (attempt.outcome, attempt.code) == ("accepted", "receipt")
        assert (attempt.smsc_id, attempt.at) == ("a1", T0 + 1000)
        assert "can be of no other part" in attempt.detail
        types = [event.type for event in await bench.store.events("message-1")]
        assert types[-1] == "message.delivered"

    async def test_the_next_ones_have_its_id(self, bench: Bench) -> None:
        await self.hold(bench, 1)
        await bench.one(receipt_of(S.BUFFERED))
        await bench.one(look())
        one = await bench.get()
        assert (one.progress.state, one.progress.held) == (S.BUFFERED, False)
        assert one.deadline == T0 + 5000 + 3 * DAY
        # By the id alone: there is another one now that may be meant.
        await self.hold(bench, 2)
        assert await bench.one(receipt_of(host="two:2775")) == "matched"
        assert await bench.state() is S.DELIVERED
        assert (await bench.get(2)).progress.held

    async def test_several_receipts_waited(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.one(mark())
        await bench.do(receipt_of(S.BUFFERED), receipt_of(S.UNDELIVERABLE))
        await bench.one(look(busy=frozenset({1})))
        assert await bench.state() is S.SUBMITTING
        await bench.do(self.LOST, hold())
        await bench.one(look())
        one = await bench.get()
        assert one.progress.state is S.UNDELIVERABLE
        assert len(attempts_of(one)[0].receipts) == 2

    @pytest.mark.parametrize("order", ["held first", "parked first"])
    async def test_over_a_restart(self, bench: Bench, order: str) -> None:
        """It died before it could note that anything was written."""
        await bench.accept(record())
        await bench.one(mark())
        if order == "held first":
            await bench.crash()
            await bench.one(receipt_of())
        else:
            await bench.one(receipt_of())
            await bench.crash()
        assert (await bench.get()).progress.held
        await bench.one(look())
        one = await bench.get()
        assert one.progress.state is S.DELIVERED
        (attempt,) = attempts_of(one)
        assert (attempt.at, attempt.smsc_id) == (T0 + 500, "a1")

    async def test_a_restart_between_holding_and_looking(self, bench: Bench) -> None:
        await self.hold(bench, 1)
        await bench.one(receipt_of())
        await bench.crash()
        await bench.one(look())
        assert await bench.state() is S.DELIVERED

    async def test_two_that_may_be_meant(self, bench: Bench) -> None:
        await self.hold(bench, 1, 2)
        await bench.one(receipt_of())
        await bench.one(look())
        assert [await bench.state(seq) for seq in (1, 2)] == [S.SUBMITTING] * 2
        # An answer at last: the receipt is of the other one.
        found = attempts_of(await bench.get(2))[0]
        late = result(Accepted("b1"), seq=2, at=found.at, sequence=found.sequence)
        await bench.one(submitted(late, parts=0))
        await bench.one(look())
        assert [await bench.state(seq) for seq in (1, 2)] == [S.DELIVERED, S.SUBMITTED]

    async def test_one_that_was_given_up_may_still_be_meant(self, bench: Bench) -> None:
        await self.hold(bench, 1, 2)
        await bench.one(base.Resolve(seq=2, resend=False, at=T0 + 3000))
        await bench.one(receipt_of())
        await bench.one(look())
        assert (await bench.get(1)).progress.held
        # Not after its validity.
        await bench.one(receipt_of(at=T0 + DAY + 1000))
        await bench.do(base.Hold(seq=1, at=T0, deadline=T0 + 3 * DAY))
        await bench.one(look(T0 + DAY + 2000))
        assert await bench.state(1) is S.DELIVERED

    async def test_a_part_in_flight_may_be_meant(self, bench: Bench) -> None:
        await self.hold(bench, 1)
        await bench.accept(record(2))
        await bench.one(receipt_of())
        await bench.one(look(busy=frozenset({2})))
        assert (await bench.get(1)).progress.held
        # It is looked at again without news.
        await bench.one(look())
        assert await bench.state(1) is S.DELIVERED
        assert await bench.state(2) is S.QUEUED

    async def test_it_was_of_the_part_in_flight(self, bench: Bench) -> None:
        await self.hold(bench, 1)
        await bench.accept(record(2))
        await bench.one(receipt_of())
        await bench.one(look(busy=frozenset({2})))
        await bench.one(accepted(seq=2))
        await bench.one(look())
        assert [await bench.state(seq) for seq in (1, 2)] == [S.SUBMITTING, S.DELIVERED]

    async def test_what_came_after_the_look_was_asked_for(self, bench: Bench) -> None:
        """``busy`` may not know what was written since."""
        await self.hold(bench, 1)
        await bench.one(receipt_of(at=T0 + 9000))
        await bench.one(look(T0 + 9000))
        assert (await bench.get()).progress.held
        await bench.one(look(T0 + 9001))
        assert await bench.state() is S.DELIVERED

    async def test_an_attempt_without_answer_or_id_may_be_meant(
        self, bench: Bench
    ) -> None:
        await self.hold(bench, 1)
        await bench.accept(record(2), record(3))
        again = submitted(result(Unknown("lost"), seq=2))
        await bench.do(again, requeue(2, due_at=T0, via=VIA))
        await bench.one(accepted("b1", seq=2, at=T0 + 3000))
        await bench.one(receipt_of())
        await bench.one(look())
        assert (await bench.get(1)).progress.held
        await self.hold(bench, 5, to="380990000000")
        await bench.accept(record(6, to="380990000000"))
        await bench.one(accepted("", seq=6))
        await bench.one(receipt_of(smsc_id="c1", source="380990000000"))
        await bench.one(look())
        assert (await bench.get(5)).progress.held

    async def test_one_part_of_a_long_message(self, bench: Bench) -> None:
        await bench.accept(record())
        lost = submitted(result(Unknown("lost"), part=2), parts=2)
        await bench.do(mark(parts=2), accepted(parts=2), lost, hold())
        await bench.do(receipt_of(), receipt_of(smsc_id="a2"))
        await bench.one(look())
        assert await bench.state() is S.DELIVERED

    async def test_several_parts_of_a_long_message(self, bench: Bench) -> None:
        await bench.accept(record())
        lost = [
            submitted(result(Unknown("lost"), part=part), parts=2) for part in (1, 2)
        ]
        await bench.do(mark(parts=2), *lost, hold())
        await bench.do(receipt_of(), receipt_of(smsc_id="a2"))
        await bench.one(look())
        assert (await bench.get()).progress.held
        assert bench.count("parked") == 2

    async def test_what_is_left_goes_again(self, bench: Bench) -> None:
        """A part that was refused waited for what is heard of the other."""
        await bench.accept(record())
        refused = Deferred(fault(FaultClass.TEMPORARY))
        await bench.do(
            mark(parts=2),
            submitted(result(Unknown("lost"), part=1), parts=2),
            submitted(result(refused, part=2), parts=2),
            hold(),
        )
        await bench.one(receipt_of())
        await bench.one(look())
        assert bench.told[-1].requeued
        (queued,) = (await bench.one(page(now=T0 + 9000))).messages
        assert queued.accepted == (1,)

    async def test_an_answer_even_later(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.do(mark(), self.LOST, hold())
        await bench.one(receipt_of(S.BUFFERED))
        await bench.one(look())
        late = result(Accepted("A1"), sequence=5, answered_at=T0 + 9000)
        await bench.one(submitted(late, parts=0))
        (attempt,) = attempts_of(await bench.get())
        assert (attempt.smsc_id, attempt.code) == ("A1", None)
        assert await bench.one(receipt_of()) == "matched"
        assert await bench.state() is S.DELIVERED

    async def test_from_before_it_was_written(self, bench: Bench) -> None:
        await bench.one(receipt_of(at=T0 + 999))
        await self.hold(bench, 1)
        await bench.one(look())
        assert (await bench.get()).progress.held

    async def test_of_another_connector(self, bench: Bench) -> None:
        await self.hold(bench, 1)
        await bench.one(receipt_of(connector="backup"))
        await bench.one(look())
        assert (await bench.get()).progress.held

    async def test_of_a_connector_that_is_gone(self, bench: Bench) -> None:
        """Nobody says how long its receipts are waited for."""
        await self.hold(bench, 1)
        await bench.one(receipt_of())
        await bench.one(sweep(T0 + 9000))
        assert (await bench.get()).progress.held

    async def test_more_numbers_than_one_sweep_looks_for(self, bench: Bench) -> None:
        for seq in range(1, 8):
            await self.hold(bench, seq, to=f"38050000000{seq}")
            await bench.one(receipt_of(smsc_id=f"a{seq}", source=f"38050000000{seq}"))
        while await bench.one(structs.replace(look(), limit=3)):
            pass
        assert {await bench.state(seq) for seq in range(1, 8)} == {S.DELIVERED}

    async def test_a_number_that_is_written_to_without_end(self, bench: Bench) -> None:
        await self.hold(bench, 1)
        await bench.accept(*(record(seq) for seq in range(2, 2003)))
        await bench.one(receipt_of())
        await bench.one(look())
        assert (await bench.get()).progress.held

    async def test_receipts_without_end(self, bench: Bench) -> None:
        await self.hold(bench, 1)
        await bench.do(
            receipt_of(at=T0 + 1500),
            *(receipt_of(smsc_id=f"x{each}", at=T0) for each in range(100)),
        )
        await bench.one(look())
        assert (await bench.get()).progress.held


class TestIdempotency:
    def key(self, at: int = T0, answer: bytes = b"{}") -> base.IdempotencyKey:
        return base.IdempotencyKey(
            client="shop",
            key="k1",
            digest=b"\x00\xff",
            status=202,
            answer=answer,
            at=at,
        )

    async def test_it_is_committed_with_the_message(self, bench: Bench) -> None:
        await bench.store.intake(base.Accept(records=[record()], key=self.key()))
        await bench.crash()
        assert await bench.store.answer("shop", "k1") == self.key()
        assert await bench.store.answer("other", "k1") is None
        assert await bench.store.answer("shop", "k2") is None

    async def test_and_only_with_it(self, bench: Bench) -> None:
        await bench.accept(record())
        with pytest.raises(StoreError):
            await bench.store.intake(base.Accept(records=[record()], key=self.key()))
        assert await bench.store.answer("shop", "k1") is None

    async def test_it_is_kept_for_a_day(self, bench: Bench) -> None:
        await bench.store.intake(base.Accept(records=[record()], key=self.key()))
        await bench.one(sweep(T0 + DAY))
        assert await bench.store.answer("shop", "k1") is not None
        await bench.one(sweep(T0 + DAY + 1))
        assert await bench.store.answer("shop", "k1") is None

    async def test_it_may_be_used_again_then(self, bench: Bench) -> None:
        await bench.store.intake(base.Accept(records=[record(1)], key=self.key()))
        again = self.key(T0 + 2 * DAY, b"[]")
        await bench.store.intake(base.Accept(records=[record(2)], key=again))
        assert await bench.store.answer("shop", "k1") == again


def answer_mo(said: str, remote_id: str | None = None, **fields: Any) -> base.AnswerMo:
    came = mo("hello", remote_id=said if remote_id is None else remote_id, **fields)
    return base.AnswerMo(
        inbound=came.inbound, give_up_at=came.give_up_at, answer=spoken(said)
    )


def spoken(said: str) -> MoAnswer:
    return MoAnswer(content_type="text/plain; charset=utf-8", body=said.encode())


class TestAnsweredMo:
    async def test_a_repetition_is_answered_the_same(self, bench: Bench) -> None:
        assert await bench.one(answer_mo("first", "5")) == spoken("first")
        assert await bench.one(answer_mo("second", "5")) == spoken("first")
        assert await bench.store.mo_answer("carrier", "5") == spoken("first")
        assert len(await bench.store.inbound(after=None, limit=10)) == 1

    async def test_also_within_one_commit(self, bench: Bench) -> None:
        answers = await bench.do(answer_mo("first", "5"), answer_mo("second", "5"))
        assert answers == [spoken("first")] * 2

    async def test_also_after_a_restart(self, bench: Bench) -> None:
        await bench.one(answer_mo("first", "5"))
        await bench.crash()
        assert await bench.one(answer_mo("second", "5")) == spoken("first")

    async def test_others_are_not_meant(self, bench: Bench) -> None:
        await bench.one(answer_mo("first", "5"))
        assert await bench.store.mo_answer("carrier", "6") is None
        assert await bench.store.mo_answer("other", "5") is None
        assert await bench.one(answer_mo("second", "6")) == spoken("second")
        other = answer_mo("third", "5", connector="other")
        assert await bench.one(other) == spoken("third")

    async def test_without_an_id_nothing_is_a_repetition(self, bench: Bench) -> None:
        assert await bench.one(answer_mo("first", "")) == spoken("first")
        assert await bench.one(answer_mo("second", "")) == spoken("second")
        assert bench.count("mo_answers") == 0
        assert len(await bench.store.inbound(after=None, limit=10)) == 2

    async def test_what_was_pulled_already_is_answered(self, bench: Bench) -> None:
        await bench.one(mo("hello", remote_id="5"))
        assert await bench.one(answer_mo("first", "5")) == spoken("first")
        assert len(await bench.store.inbound(after=None, limit=10)) == 1


class TestMo:
    async def inbound(self, bench: Bench) -> list[tuple[str | None, bool]]:
        """Texts, oldest first, and whether they are complete."""
        found = await bench.store.inbound(after=None, limit=100)
        return [(one.text, one.complete) for one in reversed(found)]

    async def test_a_whole_one(self, bench: Bench) -> None:
        assert await bench.one(mo("hello")) == "whole"
        (one,) = await bench.store.inbound(after=None, limit=10)
        assert (one.from_, one.to, one.text) == (TO, "4444", "hello")
        assert (one.connector, one.parts, one.complete) == ("carrier", 1, True)
        (event,) = await bench.store.outbox(T0, 10, [])
        assert event.type == "inbound.received"
        assert event.stream == one.id
        data = json.loads(event.body)["data"]
        assert (data["from"], data["text"]) == (TO, "hello")

    async def test_pages(self, bench: Bench) -> None:
        await bench.do(*(mo(f"text {number}") for number in range(5)))
        first = await bench.store.inbound(after=None, limit=3)
        second = await bench.store.inbound(after=first[-1].seq, limit=3)
        assert [one.text for one in (*first, *second)] == [
            f"text {number}" for number in (4, 3, 2, 1, 0)
        ]

    async def test_parts_in_any_order(self, bench: Bench) -> None:
        answers = [
            await bench.one(part(number, text, total=3))
            for number, text in ((3, "!"), (1, "hello "), (2, "world"))
        ]
        assert answers == ["part", "part", "whole"]
        assert await self.inbound(bench) == [("hello world!", True)]
        assert bench.count("inbound_parts") == 0

    async def test_parts_over_a_restart(self, bench: Bench) -> None:
        await bench.one(part(2, "world"))
        await bench.crash()
        assert await bench.one(part(1, "hello ", session="bind-2")) == "whole"
        assert await self.inbound(bench) == [("hello world", True)]

    async def test_parts_of_several_messages(self, bench: Bench) -> None:
        await bench.do(
            part(1, "a"),
            part(1, "b", reference=8),
            part(1, "c", source="380990000000"),
            part(1, "d", connector="backup"),
            part(1, "e", total=3),
            part(2, "a"),
            part(2, "b", reference=8),
        )
        assert await self.inbound(bench) == [("aa", True), ("bb", True)]
        assert bench.count("inbound_parts") == 3

    async def test_a_part_twice(self, bench: Bench) -> None:
        await bench.one(part(1, "hello "))
        assert await bench.one(part(1, "hello ")) == "duplicate"
        assert await bench.one(part(2, "world")) == "whole"

    async def test_a_part_again_after_the_whole(self, bench: Bench) -> None:
        """Its response was late, and the SMSC impatient."""
        await bench.do(part(1, "hello "), part(2, "world"))
        again = part(1, "hello ", at=T0 + 60_000, session="bind-2")
        assert await bench.one(again) == "duplicate"
        await bench.one(sweep(T0 + HOUR))
        assert await self.inbound(bench) == [("hello world", True)]

    async def test_the_reference_comes_round_again(self, bench: Bench) -> None:
        """What was there is not lost, and what comes does not take its place."""
        await bench.one(part(1, "old "))
        assert await bench.one(part(1, "new ")) == "part"
        assert await bench.one(part(2, "world")) == "whole"
        assert await self.inbound(bench) == [("old ", False), ("new world", True)]

    async def test_parts_that_never_come(self, bench: Bench) -> None:
        await bench.do(part(1, "hello "), part(3, "!", total=3, reference=8))
        await bench.one(sweep(T0 + 899_999))
        assert await self.inbound(bench) == []
        await bench.one(sweep(T0 + 900_000))
        assert await self.inbound(bench) == [("hello ", False), ("!", False)]
        assert bench.told[-1].inbound == [("carrier", False)] * 2
        assert bench.count("inbound_parts") == 0

    async def test_many_are_given_up_step_by_step(self, bench: Bench) -> None:
        await bench.do(*(part(1, "a", reference=number) for number in range(5)))
        later = T0 + HOUR
        more = [await bench.one(sweep(later, limit=2)) for _ in range(4)]
        assert more[:3] == [True, True, True] or more[:3] == [True, True, False]
        assert len(await self.inbound(bench)) == 5

    async def test_binary(self, bench: Bench) -> None:
        await bench.one(mo(None, data=b"\x00\xff", encoding="binary"))
        (one,) = await bench.store.inbound(after=None, limit=10)
        assert (one.text, one.data, one.encoding) == (None, "00ff", "binary")


class TestRedelivery:
    """Equal content is a redelivery if the first came 60 s before its bind died."""

    def ended(
        self, session: str = "bind-1", at: int = T0 + 60_000
    ) -> base.SessionEnded:
        return base.SessionEnded(session=session, at=at)

    async def test_people_say_the_same_twice(self, bench: Bench) -> None:
        assert await bench.do(mo("yes"), mo("yes")) == ["whole", "whole"]
        assert await bench.one(mo("yes", session="bind-2")) == "whole"

    async def test_after_the_link_died(self, bench: Bench) -> None:
        await bench.do(mo("yes"), self.ended())
        again = mo("yes", at=T0 + 8 * HOUR, session="bind-2")
        assert await bench.one(again) == "duplicate"
        # Once: the next one is somebody saying it again.
        assert await bench.one(again) == "whole"

    async def test_what_came_long_before(self, bench: Bench) -> None:
        await bench.do(mo("yes"), self.ended(at=T0 + 60_001))
        assert await bench.one(mo("yes", session="bind-2")) == "whole"

    async def test_another_bind_died(self, bench: Bench) -> None:
        await bench.do(mo("yes"), self.ended("bind-2"))
        assert await bench.one(mo("yes", session="bind-3")) == "whole"

    async def test_the_redelivery_s_bind_dies_too(self, bench: Bench) -> None:
        await bench.do(mo("yes"), self.ended())
        await bench.do(
            mo("yes", at=T0 + HOUR, session="bind-2"),
            self.ended("bind-2", T0 + HOUR + 5),
        )
        again = mo("yes", at=T0 + 2 * HOUR, session="bind-3")
        assert await bench.one(again) == "duplicate"

    async def test_after_the_process_died(self, bench: Bench) -> None:
        await bench.do(mo("long before", at=T0 - 60_001), mo("yes"))
        await bench.crash(now=T0 + HOUR)
        assert await bench.one(mo("yes", session="bind-2")) == "duplicate"
        again = mo("long before", session="bind-2")
        assert await bench.one(again) == "whole"

    async def test_it_is_expected_for_a_day(self, bench: Bench) -> None:
        await bench.do(mo("yes"), self.ended())
        await bench.one(sweep(T0 + DAY))
        assert await bench.one(mo("yes", at=T0 + DAY + 1)) == "whole"

    async def test_of_a_part(self, bench: Bench) -> None:
        await bench.do(part(1, "hello "), part(2, "world"), self.ended())
        again = part(2, "world", at=T0 + 8 * HOUR, session="bind-2")
        assert await bench.one(again) == "duplicate"

    async def test_what_was_refused_before_it_was_on_disk(self, bench: Bench) -> None:
        first = mo("yes")
        refused = base.Expected(inbound=first.inbound)
        assert await bench.do(first, refused) == ["whole", None]
        again = mo("yes", at=T0 + 8 * HOUR)
        assert await bench.one(again) == "duplicate"
        assert await bench.one(again) == "whole"

    async def test_what_was_refused_and_is_not_on_disk(self, bench: Bench) -> None:
        assert await bench.one(base.Expected(inbound=mo("yes").inbound)) is None
        assert await bench.one(mo("yes")) == "whole"

    async def test_a_part_that_was_refused(self, bench: Bench) -> None:
        first = part(1, "hello ")
        await bench.do(first, base.Expected(inbound=first.inbound), part(2, "world"))
        again = part(1, "hello ", at=T0 + 8 * HOUR)
        assert await bench.one(again) == "duplicate"

    async def test_what_needs_no_memory_is_forgotten(self, bench: Bench) -> None:
        await bench.do(mo("yes"), part(1, "hello "))
        assert bench.count("inbound_seen") == 2
        await bench.one(sweep(T0 + 121_000))
        assert bench.count("inbound_seen") == 1
        await bench.one(sweep(T0 + 901_000))
        assert bench.count("inbound_seen") == 0

    @pytest.mark.parametrize(
        "other",
        [
            {"source": "380990000000"},
            {"destination": "5555"},
            {"connector": "backup"},
            {"data_coding": 8},
            {"udh": b"\x00"},
            {"text": "no"},
            {"data": b"no"},
        ],
    )
    async def test_other_content(self, bench: Bench, other: dict[str, Any]) -> None:
        await bench.do(mo("yes"), self.ended())
        one = mo(other.pop("text", "yes"), session="bind-2", **other)
        assert await bench.one(one) == "whole"

    async def test_parts_of_equal_content_are_not_each_other(
        self, bench: Bench
    ) -> None:
        """Their place may be in a TLV, not among the octets."""
        assert await bench.do(part(1, "ha"), part(2, "ha")) == ["part", "whole"]


class TestMoWithAnId:
    """The next hop's id says whether it came before, for seven days."""

    async def test_it_comes_again(self, bench: Bench) -> None:
        first = mo("yes", remote_id="7", session="")
        assert await bench.do(first, first) == ["whole", "duplicate"]
        other = mo("no", remote_id="7", session="bind-2", source="380990000000")
        assert await bench.one(other) == "duplicate"
        (kept,) = await bench.store.inbound(after=None, limit=10)
        assert kept.text == "yes"

    async def test_equal_content_with_another_id(self, bench: Bench) -> None:
        """Or from another connector, whose ids are its own."""
        messages = [
            mo("yes", remote_id="7"),
            mo("yes", remote_id="8"),
            mo("yes", remote_id="7", connector="backup"),
            mo("yes"),
        ]
        assert await bench.do(*messages) == ["whole"] * 4

    async def test_whatever_becomes_of_its_session(self, bench: Bench) -> None:
        first = mo("yes", remote_id="7", session="")
        await bench.do(
            first,
            base.SessionEnded(session="", at=T0 + 1000),
            base.Expected(inbound=first.inbound),
        )
        await bench.crash(now=T0 + HOUR)
        await bench.one(sweep(T0 + 2 * DAY))
        for _ in range(2):
            again = mo("yes", remote_id="7", at=T0 + 2 * DAY, session="")
            assert await bench.one(again) == "duplicate"

    async def test_for_seven_days(self, bench: Bench) -> None:
        await bench.one(mo("yes", remote_id="7"))
        last = T0 + 7 * DAY
        assert await bench.one(mo("yes", remote_id="7", at=last)) == "duplicate"
        assert await bench.one(mo("yes", remote_id="7", at=last + 1)) == "whole"
        assert await bench.one(mo("yes", remote_id="7", at=last + 2)) == "duplicate"
        await bench.one(sweep(last + 7 * DAY + 2))
        assert bench.count("inbound_seen") == 0

    async def test_parts_with_ids_of_their_own(self, bench: Bench) -> None:
        one, two = (part(n, "ha", remote_id=f"7-{n}") for n in (1, 2))
        results = await bench.do(one, one, two, two)
        assert results == ["part", "duplicate", "whole", "duplicate"]


class TestOutbox:
    async def types(
        self, bench: Bench, now: int = T0 + HOUR, **options: Any
    ) -> list[str]:
        found = await bench.store.outbox(
            now, **{"limit": 10, "skip_urls": [], **options}
        )
        return [f"{item.stream}: {item.type}" for item in found]

    async def test_an_event_is_the_message_as_it_was(self, bench: Bench) -> None:
        await bench.accept(record(text="Їжак", webhook_url="https://a.example/"))
        await bench.one(finish())
        (item,) = await bench.store.outbox(T0, 10, [])
        body = json.loads(item.body)
        assert body["type"] == item.type == "message.queued"
        assert body["data"]["state"] == "queued"
        assert body["data"]["text"] == "Їжак"
        assert item.url == "https://a.example/"
        assert (item.begun_at, item.due_at, item.tries) == (T0, T0, 0)

    async def test_one_stream_one_at_a_time_in_order(self, bench: Bench) -> None:
        await bench.accept(record(1), record(2))
        await bench.do(accepted(seq=1), finish(2))
        await bench.one(receipt_of())
        seen = []
        while items := await bench.store.outbox(T0 + HOUR, 10, []):
            seen.append([f"{item.stream}: {item.type}" for item in items])
            await bench.do(*map(delivered, items))
        assert seen == [
            ["message-1: message.queued", "message-2: message.queued"],
            ["message-1: message.submitted", "message-2: message.failed"],
            ["message-1: message.delivered"],
        ]

    async def test_one_that_is_tried_again_holds_up_its_own_stream_only(
        self, bench: Bench
    ) -> None:
        await bench.accept(record(1), record(2))
        await bench.do(finish(1), finish(2))
        first, second = await bench.store.outbox(T0 + HOUR, 10, [])
        retry = base.HookResult(
            seq=first.seq, at=T0, note="500", outcome="retry", due_at=T0 + 2 * HOUR
        )
        await bench.do(retry, delivered(second))
        assert await self.types(bench) == ["message-2: message.failed"]
        assert await self.types(bench, T0 + 2 * HOUR) == [
            "message-2: message.failed",
            "message-1: message.queued",
        ]
        assert (await bench.store.outbox(T0 + 2 * HOUR, 10, []))[1].tries == 1

    async def test_nothing_is_due_before_what_is_ahead_of_it(
        self, bench: Bench
    ) -> None:
        """So that looking for what may go does not pass over what may not."""
        await bench.accept(record())
        await bench.one(accepted())
        first, _ = await self.both(bench)
        later = T0 + 2 * HOUR
        retry = base.HookResult(
            seq=first, at=T0, note="500", outcome="retry", due_at=later
        )
        await bench.one(retry)
        await bench.one(receipt_of())
        dues = bench.ask("SELECT due_at FROM outbox ORDER BY seq")
        assert dues == [(later,)] * 3
        other = record(2)
        await bench.accept(other)
        assert bench.ask("SELECT due_at FROM outbox WHERE stream = ?", (other.id,)) == [
            (T0,)
        ]

    async def both(self, bench: Bench) -> list[int]:
        return [seq for (seq,) in bench.ask("SELECT seq FROM outbox ORDER BY seq")]

    async def test_a_dead_one_lets_the_next_go(self, bench: Bench) -> None:
        await bench.accept(record())
        await bench.one(finish())
        (item,) = await bench.store.outbox(T0 + HOUR, 10, [])
        dead = base.HookResult(seq=item.seq, at=T0, note="gone", outcome="dead")
        await bench.one(dead)
        assert await self.types(bench) == ["message-1: message.failed"]
        trace = await bench.store.events("message-1")
        assert [(one.state, one.attempts) for one in trace] == [
            ("dead", [(T0, "gone")]),
            ("pending", []),
        ]

    async def test_in_the_order_they_are_due(self, bench: Bench) -> None:
        await bench.accept(record(1, at=T0 + 5), record(2, at=T0), record(3, at=T0 + 1))
        assert [name[:9] for name in await self.types(bench)] == [
            "message-2",
            "message-3",
            "message-1",
        ]
        assert await self.types(bench, T0) == ["message-2: message.queued"]
        assert len(await self.types(bench, limit=2)) == 2

    async def test_urls_to_skip(self, bench: Bench) -> None:
        a, b = "https://a.example/", "https://b.example/"
        await bench.accept(
            record(1), record(2, webhook_url=a), record(3, webhook_url=b)
        )
        for skip, found in (
            ([], "123"),
            ([None], "23"),
            ([a], "13"),
            ([None, b], "2"),
            ([None, a, b], ""),
        ):
            names = await self.types(bench, skip_urls=skip)
            assert [name[8] for name in names] == list(found)

    async def test_urls_take_turns_where_there_are_many(self, bench: Bench) -> None:
        count = 500
        urls = [f"https://{number:04}.example/" for number in range(count)]
        await bench.accept(
            *(record(n, webhook_url=url) for n, url in enumerate(urls, 1))
        )
        seen: set[str] = set()
        looks = 0
        while len(seen) < count and looks < 30:
            looks += 1
            for item in await bench.store.outbox(T0, 1000, []):
                seen.add(item.url or "")
        assert seen == set(urls)

    async def test_the_turns_come_round(self, bench: Bench) -> None:
        """Nothing may go where this look begins: so it begins at the start."""
        urls = [f"https://{number:04}.example/" for number in range(70)]
        await bench.accept(
            *(record(n, webhook_url=url) for n, url in enumerate(urls, 1))
        )
        first = await bench.store.outbox(T0, 1000, [])
        left = set(urls) - {item.url for item in first}
        assert 0 < len(left) < 10
        again = await bench.store.outbox(T0, 1000, sorted(left))
        assert {item.seq for item in again} == {item.seq for item in first}

    async def test_a_due_one_behind_many_urls_that_rest(self, bench: Bench) -> None:
        count = 3000
        await bench.accept(
            *(record(n, at=T0 + HOUR, webhook_url=f"https://{n:04}.example/")
              for n in range(1, count))
        )  # fmt: skip
        await bench.accept(record(count, webhook_url="https://z.example/"))
        found = [item for _ in range(3) for item in await bench.store.outbox(T0, 9, [])]
        assert "https://z.example/" in {item.url for item in found}

    async def test_backlog(self, bench: Bench) -> None:
        assert await bench.store.backlog() == (0, None)
        await bench.accept(record(1), record(2, at=T0 + 5))
        assert await bench.store.backlog() == (2, T0)
        (first, _) = await bench.store.outbox(T0 + HOUR, 10, [])
        await bench.one(delivered(first))
        assert await bench.store.backlog() == (1, T0 + 5)

    async def test_replay(self, bench: Bench) -> None:
        await bench.accept(record(1), record(2, at=T0 + 5), record(3, at=T0 + 9))
        first, second, third = await bench.store.outbox(T0 + HOUR, 10, [])
        dead = base.HookResult(seq=second.seq, at=T0, note="gone", outcome="dead")
        await bench.do(delivered(first), dead)
        now = T0 + DAY
        assert await bench.one(base.Replay(since=T0 + 6, dead=False, now=now)) == 0
        assert await bench.one(base.Replay(since=T0, dead=True, now=now)) == 1
        assert await bench.one(base.Replay(since=T0, dead=True, now=now)) == 0
        assert await bench.one(base.Replay(since=T0, dead=False, now=now)) == 1
        again = await bench.store.outbox(now, 10, [])
        assert [(item.id, item.begun_at, item.tries) for item in again] == [
            (third.id, T0 + 9, 0),
            (first.id, now, 0),
            (second.id, now, 0),
        ]
        assert [one.attempts for one in await bench.store.events("message-2")] == [
            [(T0, "gone")]
        ]

    async def test_one_event_for_the_end_and_ids_of_their_own(
        self, bench: Bench
    ) -> None:
        await bench.accept(record())
        await bench.do(requeue(due_at=T0), requeue(due_at=T0))
        await bench.one(accepted())
        for _ in range(3):
            await bench.one(receipt_of(S.EXPIRED))
        for state in (S.UNKNOWN, S.DELETED, S.DELIVERED):
            await bench.one(receipt_of(state))
        events = await bench.store.events("message-1")
        assert [event.type for event in events] == [
            "message.queued",
            "message.submitted",
            "message.expired",
            *["message.amended"] * 3,
        ]
        assert len({event.id for event in events}) == len(events)

    async def test_what_nobody_wants_is_not_written(self, bench: Bench) -> None:
        await bench.open(announcer=Announcer(["message.final"], default=True))
        await bench.accept(record())
        await bench.do(mo("hello"), finish())
        events = await bench.store.outbox(T0 + HOUR, 10, [])
        assert [event.type for event in events] == ["message.failed"]


class TestEraseText:
    async def test_the_end_erases_what_was_said(self, bench: Bench) -> None:
        await bench.open(erase_final=True)
        secret: dict[str, Any] = {"text": "4711", "data": b"4711", "udh": b"\x00"}
        secret["reference"] = "r"
        await bench.accept(record(1, **secret), record(2, **secret))
        await bench.do(mark(1, on_unknown="resend", parts=2), finish(1))
        for _ in range(2):
            ended, open_ = await bench.get(1), await bench.get(2)
            assert (ended.request.text, ended.request.data) == (None, None)
            assert ended.request.udh is None
            assert (ended.request.reference, ended.request.to) == ("r", TO)
            assert ended.progress.plan is None
            assert open_.request.text == "4711"
            await bench.crash()
        body = [item.body for item in await bench.store.outbox(T0 + HOUR, 10, [])]
        assert all(b"4711" in one for one in body)
        for item in await bench.store.outbox(T0 + HOUR, 10, []):
            await bench.one(delivered(item))
        (last,) = await bench.store.outbox(T0 + HOUR, 10, [])
        assert json.loads(last.body)["data"]["text"] is None

    async def test_another_rule_counts_from_the_next_end_on(self, bench: Bench) -> None:
        await bench.accept(record(1, text="4711"), record(2, text="4712"))
        await bench.one(finish(1))
        final = Announcer(["message.final"], default=True)
        bench.store.configure(final, erase_final=True)
        await bench.one(finish(2))
        texts = [(await bench.get(seq)).request.text for seq in (1, 2)]
        assert texts == ["4711", None]

    async def test_what_amends_it_does_not_know_it_any_more(self, bench: Bench) -> None:
        await bench.open(erase_final=True)
        await bench.accept(record(text="4711"))
        await bench.do(accepted(), receipt_of(S.EXPIRED), receipt_of(S.DELIVERED))
        assert (await bench.get()).request == request(text=None)

    async def test_never_is_never(self, bench: Bench) -> None:
        await bench.accept(record(text="4711"))
        await bench.one(finish())
        assert (await bench.get()).request.text == "4711"


async def test_who_is_paused_stays_so(bench: Bench) -> None:
    assert await bench.store.paused() == frozenset()
    for name in ("a", "b", "b"):
        await bench.one(base.Pause(connector=name, paused=True))
    await bench.crash()
    assert await bench.store.paused() == {"a", "b"}
    for name in ("a", "c"):
        await bench.one(base.Pause(connector=name, paused=False))
    await bench.crash()
    assert await bench.store.paused() == {"b"}


async def test_every_state_can_be_stored_and_found(bench: Bench) -> None:
    def in_state(seq: int, state: MessageState) -> Record:
        one = record(seq)
        one.progress.state = state
        return one

    states = list(MessageState)
    await bench.accept(*(in_state(seq, state) for seq, state in enumerate(states, 1)))
    for seq, state in enumerate(states, 1):
        (found,) = await bench.store.find(
            client=None, state=state, to=None, reference=None, after=None, limit=10
        )
        assert found.seq == seq
        assert (found.progress.state in FINAL_STATES) is (state in FINAL_STATES)
