"""What waits: until its time, or too long, or until it is cancelled, or too much."""

import asyncio
import re
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from fakes.smsc import FakeSmsc
from integration.client import LIMIT
from integration.site import Site, a_bind, connector, simulator, submits

from esmed.simulator import SmscSimulator
from pdu import EnquireLink, EnquireLinkResp


async def test_send_at(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc))
    await site.bound()
    at = datetime.now(UTC) + timedelta(hours=5)
    later = await site.submit(text="later", send_at=at.isoformat())
    soon = datetime.now(UTC) + timedelta(seconds=1)
    sooner = await site.submit(text="sooner", send_at=soon.isoformat())
    now = await site.submit(text="now")
    assert (await site.message(later))["state"] == "scheduled"
    await site.reaches(now, "submitted")
    await site.reaches(sooner, "submitted")
    assert set(smsc.texts) == {"now", "sooner"}
    await site.restart()
    assert (await site.message(later))["state"] == "scheduled"
    await site.bound()
    site.clock.shift(5 * 3600)
    message = await site.reaches(later, "submitted")
    submitted = datetime.fromisoformat(message["submitted_at"])
    assert submitted >= at - timedelta(milliseconds=1)


async def test_send_at_that_the_smsc_keeps(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc, schedule_format="relative"))
    at = datetime.now(UTC) + timedelta(hours=5, seconds=30)
    id_ = await site.submit(text="later", send_at=at.isoformat(), validity=3600)
    message = await site.reaches(id_, "submitted")
    assert message["state"] == "submitted"
    (pdu,) = smsc.submitted
    assert re.fullmatch(r"0000000500[0-3][0-9]000R", pdu.schedule_delivery_time)
    # It is valid for an hour after that.
    assert re.fullmatch(r"0000000600[0-3][0-9]000R", pdu.validity_period)


async def test_send_at_when_the_smsc_keeps_it_no_more(site: Site, smsc: FakeSmsc):
    await smsc.stop()
    await site.start(carrier=connector(smsc, schedule_format="relative"))
    at = datetime.now(UTC) + timedelta(hours=5)
    later = await site.submit(text="later", send_at=at.isoformat())
    await site.stop()
    await smsc.start()
    await site.start(carrier=connector(smsc))
    await site.reaches(await site.submit(text="now"), "submitted")
    assert smsc.texts == ["now"]
    site.clock.shift(5 * 3600)
    await site.reaches(later, "submitted")
    assert smsc.texts == ["now", "later"]


async def test_cancel_what_is_scheduled(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc))
    at = datetime.now(UTC) + timedelta(hours=5)
    id_ = await site.submit(send_at=at.isoformat())
    status, message = await site.ask("DELETE", f"/v1/messages/{id_}")
    assert (status, message["state"]) == (200, "cancelled")
    # Again is no mistake.
    assert (await site.ask("DELETE", f"/v1/messages/{id_}"))[0] == 200
    site.clock.shift(6 * 3600)
    await site.reaches(await site.submit(text="other"), "submitted")
    assert smsc.texts == ["other"]
    assert "message.cancelled" in [event["type"] for event in await site.told(1)]


async def test_validity_over_in_the_queue(site: Site, smsc: FakeSmsc):
    await smsc.stop()
    await site.start(carrier=connector(smsc))
    short = await site.submit(text="short", validity=60)
    long = await site.submit(text="long", validity=3600)
    site.clock.shift(61)
    message = await site.reaches(short, "expired")
    assert message["error"]["detail"] == "validity over before it was sent"
    await site.stop()
    site.clock.shift(3600)
    await smsc.start()
    await site.start()
    await site.reaches(long, "expired")
    await site.reaches(await site.submit(text="new"), "submitted")
    assert smsc.texts == ["new"]
    assert [event["type"] for event in await site.told(2)] == ["message.expired"] * 2


async def test_validity_on_the_wire_is_what_is_left(site: Site, smsc: FakeSmsc):
    await smsc.stop()
    await site.start(carrier=connector(smsc))
    id_ = await site.submit(validity=7200)
    site.clock.shift(3600)
    await smsc.start()
    await site.reaches(id_, "submitted")
    left = smsc.submitted[0].validity_period
    assert "000000005500000R" < left <= "000000010000000R"


async def test_cancel_and_what_is_under_way(site: Site, smsc: FakeSmsc):
    smsc.answer = smsc.ignore
    await site.start(carrier=connector(smsc, window=1))
    first = await site.submit(text="first")
    second = await site.submit(text="second")
    await submits(smsc, 1)
    status, problem = await site.ask("DELETE", f"/v1/messages/{first}")
    assert status == 409
    assert "being submitted" in problem["detail"]
    status, message = await site.ask("DELETE", f"/v1/messages/{second}")
    assert (status, message["state"]) == (200, "cancelled")
    status, _ = await site.ask("DELETE", "/v1/messages/01a2-none")
    assert status == 404


async def test_cancel_what_the_smsc_throttles(site: Site, smsc: FakeSmsc):
    """It waits in the connector, which has taken it, and nothing of it is submitted."""
    smsc.answer = smsc.throttle
    await site.start(carrier=connector(smsc))
    short = await site.submit(text="short")
    long = await site.submit(text="long" * 100)
    kept = await site.submit(text="kept")
    await submits(smsc, 2)
    for id_ in (short, long):
        async with asyncio.timeout(LIMIT):
            while True:
                status, message = await site.ask("DELETE", f"/v1/messages/{id_}")
                if status == 200:
                    break
                # A probe of it is under way.
                assert "being submitted" in message["detail"]
                await asyncio.sleep(0.05)
        assert message["state"] == "cancelled"
    before = len(smsc.submitted)
    smsc.answer = smsc.accept
    await site.reaches(kept, "submitted")
    assert set(smsc.texts[before:]) == {"kept"}


async def test_cancel_races(site: Site):
    """Each is cancelled and never submitted, or submitted and not cancelled."""
    async with simulator(response_delay=0.005) as smsc:
        await site.start(carrier=connector(smsc, window=5))
        await site.bound()
        cancelled: set[str] = set()

        async def one(number: int) -> None:
            to = f"38050{number:07}"
            id_ = await site.submit(to=to, text="x" * (200 if number % 3 else 20))
            await asyncio.sleep(number % 7 / 200)
            status, answer = await site.ask("DELETE", f"/v1/messages/{id_}")
            assert status in {200, 409}, answer
            if status == 200:
                cancelled.add(to)

        await asyncio.gather(*(one(number) for number in range(300)))
        for message in await site.messages():
            ended = await site.reaches(message["id"], "delivered", "cancelled")
            assert (ended["state"] == "cancelled") == (ended["to"] in cancelled)
        got = {message.to for message in smsc.messages()}
        assert not got & cancelled
        assert len(got) + len(cancelled) == 300
        assert cancelled
        assert got


async def test_too_many(site: Site, smsc: FakeSmsc):
    await smsc.stop()
    site.max_queued = 10
    await site.start(carrier=connector(smsc))
    for number in range(10):
        await site.submit(text=f"{number}")
    body = {"to": "380501234500", "text": "more"}
    async with site.session.post(f"{site.url}/v1/messages", json=body) as answer:
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "too many messages wait" in (await answer.json())["detail"]
    batch = {"messages": [body] * 5}
    assert (await site.ask("POST", "/v1/messages/batch", batch))[0] == 503
    assert len(await site.messages()) == 10
    # What is known of the queue survives a restart.
    await site.restart()
    assert (await site.ask("POST", "/v1/messages", body))[0] == 503
    await smsc.start()
    await submits(smsc, 10)
    deadline = time.monotonic() + LIMIT
    while (await site.ask("POST", "/v1/messages", body))[0] == 503:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    await submits(smsc, 11)


async def test_priorities(site: Site, smsc: FakeSmsc):
    await smsc.stop()
    await site.start(carrier=connector(smsc, window=1))
    for priority in ("bulk", "normal", "high"):
        for number in range(3):
            await site.submit(text=f"{priority} {number}", priority=priority)
    await smsc.start()
    await submits(smsc, 9)
    # 70 : 20 : 10, by which the first of bulk comes with the second of normal.
    assert smsc.texts == [
        *("high 0", "high 1", "high 2", "normal 0", "normal 1"),
        *("bulk 0", "normal 2", "bulk 1", "bulk 2"),
    ]


@pytest.mark.parametrize(
    "count",
    [5_000, pytest.param(50_000, marks=(pytest.mark.slow, pytest.mark.timeout(600)))],
)
async def test_a_backlog(site: Site, count: int):
    """While the connector is down; then all go, in order, and each once."""
    async with simulator(keep=2 * count) as smsc:
        smsc.listener.refuse()
        site.max_queued = count
        site.webhooks = {}
        await site.start(carrier=connector(smsc, window=200))
        for start in range(0, count, 1000):
            messages = [
                {"to": str(380_500_000_000 + start + n), "text": "hello"}
                for n in range(1000)
            ]
            await site.post("/v1/messages/batch", {"messages": messages})
        assert (await site.connector(queued=count))["state"] == "down"
        # A restart must find them all again.
        await site.restart()
        assert (await site.connector(queued=count))["state"] == "down"
        smsc.listener.accept()
        deadline = time.monotonic() + LIMIT + count / 250
        while smsc.stats.receipts.acknowledged < count:
            assert time.monotonic() < deadline, smsc.stats
            await asyncio.sleep(0.05)
        await site.connector(queued=0)
        assert smsc.stats.submits == count
        assert smsc.stats.duplicates == 0
        found = smsc.messages()
        numbers = [int(message.to) for message in found]
        assert sorted(numbers) == list(range(380_500_000_000, 380_500_000_000 + count))
        # Nearly in order: no further apart than the window allows.
        assert max(abs(at - (n - numbers[0])) for at, n in enumerate(numbers)) < 400
        left = await site.get("/v1/messages?state=queued")
        assert left["messages"] == []


async def test_restart_again_and_again(site: Site, simulator: SmscSimulator):
    await site.start(carrier=connector(simulator))
    ids = []
    for number in range(5):
        ids += [
            await site.submit(text="x" * 200, to=f"38050{number}{n:06}10")
            for n in range(10)
        ]
        await site.restart()
    for id_ in ids:
        await site.reaches(id_, "delivered")
    assert simulator.stats.duplicates == 0
    assert len(await site.messages()) == 50
    await site.told(50)
    assert len({hook.id for hook in site.hook.received}) == 50


async def test_no_more_than_a_window_while_nothing_can_be_recorded(
    site: Site, smsc: FakeSmsc
):
    await smsc.stop()
    await site.start(carrier=connector(smsc, window=10))
    ids = [await site.submit(text=f"{number}") for number in range(40)]
    with closing(sqlite3.connect(site.store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await smsc.start()
        # All are answered, but that is not on disk.
        await submits(smsc, 10)
        deadline = time.monotonic() + LIMIT
        while "store" not in (await site.ask("GET", "/readyz"))[1].get("detail", ""):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        assert len(smsc.submitted) == 10
        other.execute("ROLLBACK")
    for id_ in ids:
        await site.reaches(id_, "submitted")
    assert len(smsc.submitted) == 40


async def test_nothing_is_written_while_the_store_is_away(site: Site, smsc: FakeSmsc):
    await smsc.stop()
    await site.start(carrier=connector(smsc))
    ids = [await site.submit(text=f"{number}") for number in range(5)]
    with closing(sqlite3.connect(site.store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        body = {"to": "380501234500", "text": "more"}
        assert (await site.ask("POST", "/v1/messages", body))[0] == 503
        await smsc.start()
        bind = await a_bind(smsc)
        await site.connector("carrier", "up")
        # Its answer comes after whatever was written before.
        bind.send(EnquireLink(sequence=1))
        await smsc.until(lambda: bind.of(EnquireLinkResp))
        assert not smsc.submitted
        other.execute("ROLLBACK")
    for id_ in ids:
        await site.reaches(id_, "submitted")


async def test_the_clock_is_put_back(site: Site, simulator: SmscSimulator):
    await site.start(carrier=connector(simulator))
    ids = [await site.submit(text="before")]
    site.clock.shift(-7200)
    ids += [await site.submit(text=f"{number}") for number in range(5)]
    for id_ in ids:
        await site.reaches(id_, "delivered")
    await site.restart()
    ids.append(await site.submit(text="after"))
    await site.reaches(ids[-1], "delivered")
    assert [message["id"] for message in await site.messages()] == ids[::-1]
    await site.told(7)
