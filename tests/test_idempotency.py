"""esmed.idempotency: one request, however often it comes, with the real store."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from fakes.records import T0, record

from esmed.caller import Caller
from esmed.idempotency import Answer, Claim, Idempotency, key_for
from esmed.models import Record
from esmed.refusals import InvalidError, KeyReusedError
from esmed.store.base import Accept
from esmed.store.sqlite import SqliteStore

CLAIM = Claim("k1", b"digest")
SHOP = Caller(name="shop")
OTHER = Caller(name="other")


class Rig:
    """``records`` are those accepted."""

    def __init__(self, store: SqliteStore) -> None:
        self.keys = Idempotency(store)
        self.records: list[Record] = []
        self._store = store

    async def work(self, caller: Caller = SHOP) -> Answer:
        one = record(self._store.next_seq())
        answer = Answer(202, one.id.encode())
        key = key_for(caller, CLAIM, answer, T0)
        await self._store.intake(Accept(records=[one], key=key))
        self.records.append(one)
        return answer


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    store = SqliteStore(tmp_path / "esmed.db", durability="normal")
    await store.open(T0)
    yield Rig(store)
    await store.close()


async def test_a_repeat_has_the_first_answer(rig: Rig) -> None:
    first = await rig.keys.once(SHOP, CLAIM, rig.work)
    again = await rig.keys.once(SHOP, CLAIM, rig.work)
    assert again == first
    assert len(rig.records) == 1


async def test_concurrent_repeats_wait(rig: Rig) -> None:
    answers = await asyncio.gather(
        *(rig.keys.once(SHOP, CLAIM, rig.work) for _ in "123")
    )
    assert len(set(answers)) == 1
    assert len(rig.records) == 1


async def test_another_body(rig: Rig) -> None:
    await rig.keys.once(SHOP, CLAIM, rig.work)
    with pytest.raises(KeyReusedError):
        await rig.keys.once(SHOP, Claim("k1", b"other"), rig.work)


async def test_each_client_has_keys_of_its_own(rig: Rig) -> None:
    await rig.keys.once(SHOP, CLAIM, rig.work)
    await rig.keys.once(OTHER, CLAIM, partial(rig.work, OTHER))
    assert len(rig.records) == 2


async def test_a_refusal_is_not_kept_and_frees_who_waits(rig: Rig) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def refuse() -> Answer:
        began.set()
        await go_on.wait()
        raise InvalidError([])

    first = asyncio.create_task(rig.keys.once(SHOP, CLAIM, refuse))
    await began.wait()
    second = asyncio.create_task(rig.keys.once(SHOP, CLAIM, rig.work))
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(InvalidError):
        await first
    assert (await second).status == 202


def test_without_a_claim_nothing_is_kept(rig: Rig) -> None:
    assert key_for(SHOP, None, Answer(202, b""), 0) is None
