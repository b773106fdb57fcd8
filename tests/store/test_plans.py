"""How SQLite goes about each hot statement: never by reading a table through.

What is asked is what really runs: every statement of these scenarios is recorded, and
explained.
"""

import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes.records import (
    DAY,
    T0,
    TO,
    accepted,
    fault,
    mo,
    part,
    plan,
    receipt_of,
    record,
    result,
    submitted,
)
from fakes.storebench import StoreBench as Bench

from esmed.models import MessageState, Priority, Unknown
from esmed.store import base, questions, sqlite

SMALL = ("lanes", "wanted", "v", "json_each", "urls", "head", "meta")
"""What may be read through: few rows, ever, or those that were asked for."""


class Recorder:
    """The statements that all connections of a store execute."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def connect(self, path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False
        )
        connection.set_trace_callback(self.statements.append)
        return connection

    @contextmanager
    def all_search(self, bench: Bench, *sorts: str) -> Iterator[None]:
        """Fail if anything executed meanwhile reads a table through, or sorts one.

        ``sorts`` are words of statements that may sort: what they have chosen already.
        """
        self.statements.clear()
        yield
        seen = [one for one in dict.fromkeys(self.statements) if _HAS_PLAN(one)]
        assert seen
        for statement in seen:
            rows = bench.ask(f"EXPLAIN QUERY PLAN {statement}")
            steps = [str(row[3]) for row in rows]
            if any(word in statement for word in sorts):
                steps = [one for one in steps if not one.startswith("USE TEMP B-TREE")]
            if statement.startswith("DELETE") and "ORDER BY" in statement:
                # The oldest, in the order of their numbers.
                steps = [one for one in steps if not one.startswith("SCAN")]
            assert not [step for step in steps if _is_bad(step)], (statement, steps)


_HAS_PLAN = re.compile(r"\s*(SELECT|WITH|UPDATE|DELETE|INSERT)\b").match


def _is_bad(step: str) -> bool:
    if step.startswith("USE TEMP B-TREE"):
        return True
    scanned = re.match(r"SCAN (\w+)(.*)", step)
    if scanned is None:
        return False
    table, how = scanned.groups()
    # In the order of an index, of which the head is taken: LIMIT.
    return table not in SMALL and "INDEX" not in how and "CONSTANT" not in step


@pytest.fixture
async def recorder(shut: Bench, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """All of what the store executes; a few rows are in every table."""
    recorder = Recorder()
    monkeypatch.setattr(questions, "connect", recorder.connect)
    monkeypatch.setattr(sqlite, "connect", recorder.connect)
    await shut.open()
    await shut.accept(
        *(record(seq, reference=f"r{seq}", client="shop") for seq in range(1, 30)),
        record(30, due_at=T0 + DAY),
    )
    await shut.do(*(accepted(f"a{seq}", seq=seq) for seq in range(1, 9)))
    await shut.do(receipt_of(smsc_id="a1"), receipt_of(smsc_id="b1"))
    await shut.do(mo(), part(1, "a"))
    return recorder


async def test_queue(shut: Bench, recorder: Recorder) -> None:
    via = ("carrier", "backup")
    with recorder.all_search(shut, "GROUP BY 1"):
        for after in ((-1, -1), (T0, 12)):
            page = base.Page(
                via=via, priority=Priority.NORMAL, after=after, now=T0, limit=500
            )
            await shut.one(page)
            asked = [one for one in recorder.statements if "UNION ALL" in one][-1]
            steps = [row[3] for row in shut.ask(f"EXPLAIN QUERY PLAN {asked}")]
            assert any("due_at=? AND seq>?" in step for step in steps)
        await shut.store.lanes()
        await shut.store.vitals()


async def test_messages(shut: Bench, recorder: Recorder) -> None:
    mark = base.Mark(seq=20, plan=plan(2), at=T0, on_unknown="hold", deadline=T0 + DAY)
    requeue = base.Requeue(seq=21, at=T0, due_at=T0, via=("new",), tries=1, error=None)
    finish = base.Finish(seq=22, state=MessageState.FAILED, error=fault(), at=T0)
    with recorder.all_search(shut):
        await shut.accept(record(40), record(41))
        await shut.do(
            mark,
            accepted("c1", seq=19),
            requeue,
            finish,
            base.Hold(seq=20, at=T0, deadline=T0 + DAY),
            base.Resolve(seq=20, resend=True, at=T0),
            base.Cancel(seq=23, at=T0),
        )
        await shut.store.get("message-1")


async def test_receipts(shut: Bench, recorder: Recorder) -> None:
    await shut.accept(record(50))
    with recorder.all_search(shut):
        await shut.do(
            receipt_of(smsc_id="a2"),
            receipt_of(smsc_id="a3", keys=("a3", "x", "y")),
            receipt_of(smsc_id="b2", keys=("b2", "x", "y")),
        )
        await shut.one(accepted("b2", seq=50))


async def test_sweep_and_retention(shut: Bench, recorder: Recorder) -> None:
    def sweep(now: int) -> base.Sweep:
        return base.Sweep(now=now, limit=500, retention=60.0, busy=frozenset({1, 2}))

    with recorder.all_search(shut):
        await shut.one(sweep(T0))
        await shut.one(sweep(T0 + 5 * DAY))
        await shut.one(sweep(T0 + 50 * DAY))


async def test_lost_answers(shut: Bench, recorder: Recorder) -> None:
    lost = submitted(result(Unknown("lost"), seq=50))
    mark = base.Mark(seq=50, plan=plan(), at=T0, on_unknown="hold", deadline=T0 + DAY)
    await shut.accept(record(50, to="380990000000"))
    with recorder.all_search(shut):
        await shut.do(
            mark,
            lost,
            base.Hold(seq=50, at=T0, deadline=T0 + DAY),
            receipt_of(smsc_id="lost", source="380990000000"),
        )
        await shut.one(
            base.Sweep(
                now=T0 + 9000,
                limit=500,
                retention=60.0,
                busy=frozenset(),
                patience={"carrier": 60.0},
            )
        )
    assert await shut.state(50) is MessageState.DELIVERED


async def test_mo(shut: Bench, recorder: Recorder) -> None:
    with recorder.all_search(shut):
        await shut.do(mo("x"), part(1, "b", reference=9), part(2, "b", reference=9))
        await shut.store.inbound(after=None, limit=10)
        await shut.store.inbound(after=2, limit=10)


async def test_outbox(shut: Bench, recorder: Recorder) -> None:
    with recorder.all_search(shut, "AS head"):
        items = await shut.store.outbox(T0 + DAY, 10, ["https://dead.example/"])
        await shut.do(
            *(
                base.HookResult(seq=item.seq, at=T0, note="200", outcome="delivered")
                for item in items
            )
        )
        await shut.store.backlog()
        await shut.store.events("message-1")
        await shut.one(base.Replay(since=T0, dead=True, now=T0))


async def test_find(shut: Bench, recorder: Recorder) -> None:
    with recorder.all_search(shut):
        for to, reference in ((TO, None), (None, "r5"), (TO, "r5")):
            for after in (None, 20):
                found = await shut.store.find(
                    client="shop",
                    state=None,
                    to=to,
                    reference=reference,
                    after=after,
                    limit=10,
                )
                assert found or after
        for state in MessageState:
            if state not in {MessageState.DELIVERED, MessageState.SENT}:
                await shut.store.find(
                    client="shop",
                    state=state,
                    to=None,
                    reference=None,
                    after=7,
                    limit=10,
                )
        await shut.store.answer("shop", "key")


async def test_recovery(shut: Bench, recorder: Recorder) -> None:
    await shut.do(
        base.Mark(seq=20, plan=plan(2), at=T0, on_unknown="hold", deadline=T0 + DAY)
    )
    await shut.crash()
    asked = [one for one in recorder.statements if "_array(seq) FROM messages" in one]
    ((_, _, _, step),) = shut.ask(f"EXPLAIN QUERY PLAN {asked[-1]}")
    assert step == "SCAN messages USING INDEX messages_marked"


class TestCost:
    """In steps of SQLite's machine: the same however much waits."""

    @pytest.fixture(name="bench")
    async def one_reader(self, shut: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
        """So that it is known which connection reads."""
        monkeypatch.setattr(questions, "_THREADS", 1)
        await shut.open()
        return shut

    async def steps(self, bench: Bench, ask: Callable[[], Awaitable[object]]) -> int:
        count = 0

        def step() -> int:
            nonlocal count
            count += 1
            return 0

        unit = bench.store.unit
        assert unit is not None
        await ask()  # makes the connection that reads
        connections = [unit.connection, *bench.store._opened]
        for connection in connections:
            connection.set_progress_handler(step, 10)
        await ask()
        for connection in connections:
            connection.set_progress_handler(None, 0)
        return count

    async def grows(self, bench: Bench, ask: Callable[[], Awaitable[object]]) -> float:
        """By how much, when ten times as many messages (and events) wait."""
        await bench.accept(*(record(seq) for seq in range(1, 1001)))
        few = await self.steps(bench, ask)
        await bench.accept(*(record(seq) for seq in range(1001, 10_001)))
        return await self.steps(bench, ask) / few

    async def test_a_page_amid_messages_all_due_at_once(self, bench: Bench) -> None:
        async def page() -> None:
            answer = await bench.one(
                base.Page(
                    via=("carrier", "backup"),
                    priority=Priority.NORMAL,
                    after=(T0, bench.count("messages") - 100),
                    now=T0,
                    limit=50,
                )
            )
            assert len(answer.messages) == 50

        assert await self.grows(bench, page) < 1.3

    async def test_a_look_past_the_backlog_of_a_dead_url(self, bench: Bench) -> None:
        await bench.accept(record(20_000, webhook_url="https://well.example/"))

        async def look() -> None:
            (item,) = await bench.store.outbox(T0, 200, [None])
            assert item.stream == "message-20000"

        assert await self.grows(bench, look) < 1.3

    async def test_a_sweep_with_nothing_to_do(self, bench: Bench) -> None:
        sweep = base.Sweep(now=T0, limit=50, retention=DAY, busy=frozenset())
        assert await self.grows(bench, lambda: bench.one(sweep)) < 1.3


def test_what_counts_as_reading_a_table_through() -> None:
    assert _is_bad("SCAN messages")
    assert _is_bad("USE TEMP B-TREE FOR ORDER BY")
    assert not _is_bad("SEARCH messages USING INTEGER PRIMARY KEY (rowid=?)")
    assert not _is_bad("SCAN lanes")
    assert not _is_bad("SCAN messages USING COVERING INDEX messages_final")
