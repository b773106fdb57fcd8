"""Events reach the customer, or wait for him, or lie dead until they are asked for."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from fakes.hook import Hang
from fakes.smsc import FakeSmsc
from integration.client import LIMIT
from integration.site import KEY, Site, a_bind, connector, receipt

from esmed import hooks
from esmed.simulator import SmscSimulator


async def test_own_url_and_own_secret(site: Site, smsc: FakeSmsc):
    site.webhooks["allow"] = ["127.0.0.1"]
    url = site.hook.url("/mine")
    await site.start(carrier=connector(smsc))
    mine = await site.submit(text="mine", webhook_url=url)
    other = await site.submit(text="other")
    await site.reaches(mine, "submitted")
    await site.reaches(other, "submitted")
    bind = await a_bind(smsc)
    receipt(bind, "m1")
    receipt(bind, "m2")
    [event] = await site.told(1, "/mine")
    assert event["data"]["id"] == mine
    [event] = await site.told(1)
    assert event["data"]["id"] == other
    [hook] = site.hook.at("/mine")
    assert not hook.is_signed_by(KEY)
    assert hook.is_signed_by(hooks.own_key(KEY, url))


async def test_foreign_url_is_refused(site: Site, smsc: FakeSmsc):
    site.webhooks["allow"] = ["hooks.example.org"]
    await site.start(carrier=connector(smsc))
    status, problem = await site.ask(
        "POST",
        "/v1/messages",
        {"to": "380501234500", "text": "x", "webhook_url": site.hook.url("/mine")},
    )
    assert status == 400
    assert problem["errors"][0]["field"] == "webhook_url"


async def test_dead_letters_and_replay(site: Site, simulator: SmscSimulator):
    site.hook.behave("/hook", 500)
    began = datetime.now(UTC) - timedelta(minutes=1)
    await site.start(carrier=connector(simulator))
    ids = [await site.submit(text=f"{number}") for number in range(3)]
    for id_ in ids:
        await site.reaches(id_, "delivered")
    await site.hook.count(1)
    assert (await site.post("/v1/replay", replay(began)))["replayed"] == 0
    # A day of failures, in the course of which the daemon is started again.
    site.clock.shift(25 * 3600)
    await site.hook.count(2)
    await site.restart()
    deadline = time.monotonic() + LIMIT
    while not await is_dead(site, ids):
        assert time.monotonic() < deadline, [await deliveries(site, i) for i in ids]
        site.clock.shift(600)
        await asyncio.sleep(0.2)
    for id_ in ids:
        entries = await deliveries(site, id_)
        assert entries[-1]["state"] == "dead", entries
        assert {entry.get("result") for entry in entries} <= {"500", None, *_NOTES}
    first_ids = {hook.id for hook in site.hook.received}
    site.hook.behave("/hook", 204)
    before = len(site.hook.received)
    answer = await site.post("/v1/replay", replay(began))
    assert answer["replayed"] == 3
    await site.hook.count(before + 3)
    assert {hook.id for hook in site.hook.received[before:]} == {
        f"{id_}-delivered" for id_ in ids
    }
    assert first_ids <= {f"{id_}-delivered" for id_ in ids}
    # Those are not dead any more; all may be asked for again.
    for id_ in ids:
        await delivered(site, id_)
    assert (await site.post("/v1/replay", replay(began)))["replayed"] == 0
    everything = {"since": began.isoformat()}
    assert (await site.post("/v1/replay", everything))["replayed"] == 3
    await site.hook.count(before + 6)


_NOTES = ("its URL has failed for too long",)


def replay(since: datetime) -> dict[str, object]:
    return {"since": since.isoformat(), "dead": True}


async def deliveries(site: Site, id_: str) -> list[dict[str, str]]:
    timeline = (await site.get(f"/v1/messages/{id_}/trace"))["timeline"]
    return [entry for entry in timeline if entry["event"] == "webhook"]


async def is_dead(site: Site, ids: list[str]) -> bool:
    entries = [await deliveries(site, id_) for id_ in ids]
    return all(entry[-1].get("state") == "dead" for entry in entries)


async def delivered(site: Site, id_: str) -> None:
    """Wait for an event to have been recorded as delivered."""
    deadline = time.monotonic() + LIMIT
    while (await deliveries(site, id_))[-1].get("state") != "delivered":
        assert time.monotonic() < deadline, await deliveries(site, id_)
        await asyncio.sleep(0.02)


async def test_receiver_away_over_a_restart(site: Site, simulator: SmscSimulator):
    site.hook.behave("/hook", Hang())
    site.webhooks |= {"events": ["message.*"], "timeout": "200ms"}
    await site.start(carrier=connector(simulator))
    ids = [await site.submit(text=f"{number}") for number in range(20)]
    for id_ in ids:
        await site.reaches(id_, "delivered")
    await site.hook.count(1)
    await site.stop()
    lost = len(site.hook.received)
    site.hook.behave("/hook", 200)
    site.clock.shift(600)
    await site.start()
    events = await site.told(lost + 60)
    assert await site.metric("esmed_webhook_backlog") >= 0
    # In order for each message, however often.
    seen: dict[str, list[str]] = {}
    for event, hook in zip(events, site.hook.received, strict=True):
        types = seen.setdefault(event["data"]["id"], [])
        if event["type"] not in types:
            types.append(event["type"])
        assert hook.is_signed_by(KEY)
    assert set(seen) == set(ids)
    for types in seen.values():
        assert types == ["message.queued", "message.submitted", "message.delivered"]
    assert len({hook.id for hook in site.hook.received}) == 60


@pytest.mark.parametrize("erase", [False, True])
async def test_what_is_told_of_the_text(site: Site, smsc: FakeSmsc, erase: bool):
    site.erase_text = "final" if erase else "never"
    await site.start(carrier=connector(smsc))
    id_ = await site.submit(text="secret words")
    await site.reaches(id_, "submitted")
    receipt(await a_bind(smsc), "m1")
    message = await site.reaches(id_, "delivered")
    [event] = await site.told(1)
    expected = None if erase else "secret words"
    assert message["text"] == event["data"]["text"] == expected
    await site.stop()
    files = site.store.parent.glob(f"{site.store.name}*")
    found = any(b"secret words" in file.read_bytes() for file in files)
    assert found is not erase
