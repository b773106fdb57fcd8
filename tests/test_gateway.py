"""The use cases, with the real store; what HTTP makes of them is in tests/api."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fakes.clock import ManualClock
from fakes.gateway import IdleDispatch, PlanningConnector

from esmed.caller import Caller
from esmed.connector import Health, HealthState
from esmed.gateway import Gateway
from esmed.models import Fault, MessageState, Record, Request
from esmed.refusals import (
    BusyError,
    ConflictError,
    InvalidError,
    NotFoundError,
)
from esmed.routing import Router, Rule
from esmed.store.base import Hold, Mark
from esmed.store.sqlite import SqliteStore

ADMIN = Caller(name=None, admin=True)
SHOP = Caller(name="shop")
OTHER = Caller(name="other")
DAY = 86_400_000


@dataclass
class Rig:
    gateway: Gateway
    store: SqliteStore
    dispatch: IdleDispatch
    carrier: PlanningConnector
    backup: PlanningConnector
    clock: ManualClock

    def draft(self, caller: Caller = ADMIN, **fields: Any) -> Record:
        return self.gateway.drafts.draft(request(**fields), caller, self.gateway.now())

    async def accept(self, caller: Caller = ADMIN, **fields: Any) -> Record:
        record = self.draft(caller, **fields)
        await self.gateway.commit([record])
        return record

    async def list(self, **asked: Any) -> tuple[list[int], int | None]:
        """Positions found, newest first, and that of the next page."""
        query: dict[str, Any] = {
            "caller": ADMIN,
            "state": None,
            "to": None,
            "reference": None,
            "after": None,
            "limit": 100,
            **asked,
        }
        found = await self.gateway.find(query.pop("caller"), **query)
        return [record.seq for record in found.records], found.next


def request(**fields: Any) -> Request:
    return Request(**{"to": "380501234567", "text": "hi", **fields})


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    clock = ManualClock()
    store = SqliteStore(tmp_path / "esmed.db", durability="normal")
    await store.open(clock.now_ms())
    carrier, backup = PlanningConnector("carrier"), PlanningConnector("backup")
    dispatch = IdleDispatch(store, (carrier, backup))
    gateway = Gateway(
        store=store,
        dispatch=dispatch,
        router=Router([Rule(to=("380",), via=("carrier", "backup"))], ("backup",)),
        clock=clock,
        max_queued=5,
        webhook_hosts=("Hooks.example.org",),
    )
    yield Rig(gateway, store, dispatch, carrier, backup, clock)
    await store.close()


def fields_of(info: pytest.ExceptionInfo[InvalidError]) -> list[str]:
    return [error.field for error in info.value.errors]


async def test_without_a_secret_nothing_is_signed(rig: Rig) -> None:
    with pytest.raises(NotFoundError, match="secret is not configured"):
        rig.gateway.webhook_secret("https://hooks.example.org/a")


class TestCommit:
    async def test_it_is_on_disk_and_offered(self, rig: Rig) -> None:
        record = await rig.accept()
        assert rig.dispatch.offered == [record]
        assert (await rig.gateway.get(record.id, ADMIN)).request == record.request

    async def test_all_or_none_within_the_bound(self, rig: Rig) -> None:
        rig.dispatch.waiting = 4
        await rig.accept()
        records = [rig.draft(), rig.draft()]
        with pytest.raises(BusyError) as info:
            await rig.gateway.commit(records)
        assert info.value.retry_after > 0
        with pytest.raises(NotFoundError):
            await rig.gateway.get(records[0].id, ADMIN)

    async def test_while_shutting_down_too(self, rig: Rig) -> None:
        rig.gateway.leave()
        assert rig.dispatch.offered == [await rig.accept()]
        assert rig.gateway.not_ready() == "the daemon is shutting down"


class TestAsking:
    async def test_clients_see_their_own_only(self, rig: Rig) -> None:
        record = await rig.accept(SHOP)
        assert (await rig.gateway.get(record.id, SHOP)).seq == record.seq
        assert (await rig.gateway.get(record.id, ADMIN)).seq == record.seq
        with pytest.raises(NotFoundError):
            await rig.gateway.get(record.id, OTHER)
        assert await rig.list(caller=OTHER) == ([], None)
        assert await rig.list(caller=SHOP) == ([record.seq], None)
        assert await rig.list() == ([record.seq], None)

    async def test_pages(self, rig: Rig) -> None:
        seqs = [(await rig.accept()).seq for _ in range(5)]
        newest_first = seqs[::-1]
        page, after = await rig.list(limit=2)
        assert (page, after) == (newest_first[:2], newest_first[1])
        page, after = await rig.list(limit=2, after=after)
        assert (page, after) == (newest_first[2:4], newest_first[3])
        assert await rig.list(limit=2, after=after) == (newest_first[4:], None)
        assert await rig.list(limit=5) == (newest_first, None)

    async def test_the_state_that_is_shown_is_the_one_looked_for(
        self, rig: Rig
    ) -> None:
        soon = rig.gateway.now() + 1000
        queued = (await rig.accept()).seq
        due = (await rig.accept(send_at=soon)).seq
        later = (await rig.accept(send_at=soon + DAY)).seq
        flying = (await rig.accept()).seq
        gone = await rig.accept()
        await rig.gateway.cancel(gone.id, ADMIN)
        rig.dispatch.flying.add(flying)
        rig.clock.advance(2)
        state = MessageState
        assert await rig.list(state=state.QUEUED) == ([due, queued], None)
        assert await rig.list(state=state.SCHEDULED) == ([later], None)
        assert await rig.list(state=state.SUBMITTING) == ([flying], None)
        assert await rig.list(state=state.CANCELLED) == ([gone.seq], None)
        assert await rig.list(state=state.DELIVERED) == ([], None)
        # One that does not fit the filter does not end the search.
        assert await rig.list(state=state.QUEUED, limit=1) == ([due], due)
        assert await rig.list(state=state.QUEUED, limit=1, after=due) == (
            [queued],
            None,
        )
        assert await rig.list(state=state.SUBMITTING, limit=1) == ([flying], flying)

    async def test_a_search_has_an_end(self, rig: Rig) -> None:
        rig.gateway._max_queued = 1000
        records = [rig.draft() for _ in range(30)]
        await rig.gateway.commit(records)
        found, after = await rig.list(state=MessageState.SUBMITTING, limit=1)
        assert found == []
        assert after == records[-20].seq

    async def test_a_page_is_filled_from_several_reads(self, rig: Rig) -> None:
        seqs = [(await rig.accept()).seq for _ in range(4)]
        rig.dispatch.flying.add(seqs[3])
        found, after = await rig.list(state=MessageState.QUEUED, limit=2)
        assert found == [seqs[2], seqs[1]]
        assert after == seqs[1]

    async def test_to_and_reference(self, rig: Rig) -> None:
        first = await rig.accept(to="380501111111", reference="a")
        second = await rig.accept(to="380502222222", reference="b")
        assert await rig.list(to="380501111111") == ([first.seq], None)
        assert await rig.list(reference="b") == ([second.seq], None)

    async def test_position(self, rig: Rig) -> None:
        record = await rig.accept(SHOP)
        assert await rig.gateway.position(record.id, SHOP) == record.seq
        with pytest.raises(InvalidError) as info:
            await rig.gateway.position(record.id, OTHER)
        assert fields_of(info) == ["after"]

    async def test_trace(self, rig: Rig) -> None:
        record = await rig.accept()
        rig.dispatch.flying.add(record.seq)
        trace = await rig.gateway.trace(record.id, ADMIN)
        assert trace.state == "submitting"
        assert [entry.event for entry in trace.timeline] == ["accepted", "routed"]

    async def test_inbound(self, rig: Rig) -> None:
        assert await rig.gateway.inbound(after=None, limit=10) == []


class TestDeciding:
    async def test_cancel(self, rig: Rig) -> None:
        record = await rig.accept()
        cancelled = await rig.gateway.cancel(record.id, ADMIN)
        assert cancelled.progress.state is MessageState.CANCELLED
        again = await rig.gateway.cancel(record.id, ADMIN)
        assert again.progress.state is MessageState.CANCELLED

    async def test_too_late(self, rig: Rig) -> None:
        record = await rig.accept()
        rig.dispatch.flying.add(record.seq)
        with pytest.raises(ConflictError):
            await rig.gateway.cancel(record.id, ADMIN)

    async def test_not_somebody_elses(self, rig: Rig) -> None:
        record = await rig.accept(SHOP)
        with pytest.raises(NotFoundError):
            await rig.gateway.cancel(record.id, OTHER)
        with pytest.raises(NotFoundError):
            await rig.gateway.resolve(record.id, OTHER, resend=True)

    async def held(self, rig: Rig) -> str:
        """A message whose outcome is not known."""
        record = await rig.accept()
        plan = rig.carrier.plan(record.request)
        assert not isinstance(plan, Fault)
        now = rig.gateway.now()
        await rig.store.intake(
            Mark(seq=record.seq, plan=plan, at=now, on_unknown="hold", deadline=now)
        )
        await rig.store.intake(Hold(seq=record.seq, at=now, deadline=now + DAY))
        return record.id

    async def test_resolve(self, rig: Rig) -> None:
        id_ = await self.held(rig)
        resolved = await rig.gateway.resolve(id_, ADMIN, resend=True)
        assert resolved.progress.held is False
        with pytest.raises(ConflictError, match="not held"):
            await rig.gateway.resolve(id_, ADMIN, resend=True)

    async def test_what_was_resolved_to_fail_cannot_be_cancelled(
        self, rig: Rig
    ) -> None:
        id_ = await self.held(rig)
        resolved = await rig.gateway.resolve(id_, ADMIN, resend=False)
        assert resolved.progress.state is MessageState.UNKNOWN
        with pytest.raises(ConflictError, match="unknown already"):
            await rig.gateway.cancel(id_, ADMIN)

    async def test_replay(self, rig: Rig) -> None:
        assert await rig.gateway.replay(since=0, dead=True) == 0


class TestConnectors:
    async def test_what_waits_counts_for_the_first_choice(self, rig: Rig) -> None:
        await rig.accept()
        rig.clock.advance(2)
        await rig.accept(priority=2)
        await rig.accept(connector="backup")
        rig.clock.advance(1)
        carrier, backup = await rig.gateway.connectors()
        assert (carrier.queued, carrier.oldest_queued_seconds) == (2, 3.0)
        assert (backup.queued, backup.oldest_queued_seconds) == (1, 1.0)

    def test_by_name(self, rig: Rig) -> None:
        assert rig.gateway.connector("backup") is rig.backup
        with pytest.raises(NotFoundError):
            rig.gateway.connector("nobody")

    async def test_ready(self, rig: Rig) -> None:
        assert rig.gateway.not_ready() is None
        rig.carrier.state = Health(HealthState.PAUSED, 0)
        assert rig.gateway.not_ready() is None
        rig.backup.state = Health(HealthState.DOWN, 0)
        assert rig.gateway.not_ready() == "no connector can take messages"

    async def test_not_ready_without_a_store(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(SqliteStore, "available", False)
        assert rig.gateway.not_ready() == "the store cannot commit"
