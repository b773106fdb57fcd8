"""Ending on request: intake closes, the window empties, the SMSC is left, exit 0."""

import asyncio
import json
import signal
import sqlite3
import time
from contextlib import closing

import pytest
from fakes.hook import HookSink
from integration.client import LIMIT
from system.accounts import (
    LOST_LINK,
    TAKEN_AT_ONCE,
    Book,
    Load,
    journal,
    reckon,
)
from system.processes import Bench, Smsc
from system.set_up import config, finished


async def test_drains_under_load(processes: Bench, hook: HookSink):
    smsc = processes.smsc("--response-delay", "100ms")
    await smsc.start()
    daemon = processes.daemon(config(smsc, hook))
    await daemon.start()
    await daemon.bound()
    book = Book()
    # Holding and failing ones would show what was marked and never written.
    load = Load(daemon, book, pause=0.05, seed=3, at_most_once=0.7, ends=TAKEN_AT_ONCE)
    load.start(3)
    try:
        await smsc.reaches(lambda stats: stats["submits"] > 30)
        began = time.monotonic()
        assert await daemon.stop() == 0
        # All that was written was answered, long before the timeout.
        assert time.monotonic() - began < 25
        log = daemon.log
        stats = await smsc.stats()
        assert stats["connections"] == 0
        assert "left: stopping" in log
        # At once, beside the same port and the same store.
        daemon.spawn()
        await daemon.ready()
        await load.stop()
    finally:
        load.cancel()
    messages = await finished(daemon, hook)
    assert await daemon.stop() == 0
    await smsc.stop()
    reckoning = reckon(book, messages, journal(smsc.journal_path), hook.received)
    reckoning.check()
    assert not reckoning.duplicates
    assert set(reckoning.states) <= {"delivered", "undeliverable"}


async def test_intake_closes_before_the_window_empties(processes: Bench, smsc: Smsc):
    daemon = processes.daemon(config(smsc, shutdown_timeout="15s"))
    await daemon.start()
    await daemon.bound()
    await smsc.fault(kind="silence")
    id_ = await daemon.submit()
    await daemon.reaches(id_, "submitting")
    host, _, port = daemon.url.removeprefix("http://").partition(":")
    leaving = asyncio.create_task(daemon.stop())
    async with asyncio.timeout(LIMIT):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except ConnectionRefusedError:
                break
            writer.close()
            await asyncio.sleep(0.05)
    assert not leaving.done()
    smsc.kill()
    assert await leaving == 0


async def test_silent_smsc(processes: Bench, hook: HookSink):
    smsc = processes.smsc()
    await smsc.start()
    daemon = processes.daemon(config(smsc, hook, shutdown_timeout="1s"))
    await daemon.start()
    await daemon.bound()
    await smsc.fault(kind="silence")
    ids = {
        policy: await daemon.submit(text=policy, on_unknown=policy)
        for policy in ("resend", "hold", "fail")
    }
    for id_ in ids.values():
        await daemon.reaches(id_, "submitting")
    await daemon.connector(window_used=3)
    began = time.monotonic()
    assert await daemon.stop() == 0
    assert 1 <= time.monotonic() - began < 1 + LIMIT / 3
    await smsc.heal()
    await daemon.start()
    await daemon.reaches(ids["resend"], "delivered")
    held = await daemon.message(ids["hold"])
    assert held["held"] or held["state"] == "unknown"
    await daemon.reaches(ids["hold"], "unknown")  # after hold_timeout
    await daemon.reaches(ids["fail"], "unknown")
    # Before it has but a second to end: what is not told then waits for the next start.
    await hook.count(3)
    assert await daemon.stop() == 0
    stats = await smsc.stats()
    assert stats["submits"] == 1
    states = {
        json.loads(each.body)["data"]["text"]: json.loads(each.body)["type"]
        for each in hook.received
    }
    assert states == {
        "resend": "message.delivered",
        "hold": "message.unknown",
        "fail": "message.unknown",
    }


@pytest.mark.parametrize(
    "times",
    [
        pytest.param([0.4], id="once"),
        pytest.param([n / 40 for n in range(50)], id="often", marks=pytest.mark.slow),
    ],
)
async def test_as_it_starts(processes: Bench, smsc: Smsc, times: list[float]):
    """Whenever it is told to end, it ends, and the next start finds all well."""
    daemon = processes.daemon(config(smsc))
    for seconds in times:
        daemon.spawn()
        await asyncio.sleep(seconds)
        # Before it listens for signals, the default action ends it.
        assert await daemon.stop() in {0, -signal.SIGTERM}
    await daemon.start()
    await daemon.bound()
    await daemon.reaches(await daemon.submit(), "delivered")
    assert await daemon.stop() == 0


async def test_a_second_signal_does_not_wait(processes: Bench, smsc: Smsc):
    daemon = processes.daemon(config(smsc, shutdown_timeout="10m"))
    await daemon.start()
    await daemon.bound()
    await smsc.fault(kind="silence")
    await daemon.submit()
    await daemon.connector(window_used=1)
    daemon.send_signal(signal.SIGTERM)
    await daemon.find("reason=stopping")
    assert await daemon.stop() == -signal.SIGTERM
    await smsc.heal()
    await daemon.start()
    [message] = await daemon.messages()
    await daemon.reaches(message["id"], "delivered")
    assert await daemon.stop() == 0


async def test_requests_under_way(processes: Bench, smsc: Smsc):
    """Whoever is slow does not hold up the end; who is answered was heard."""
    daemon = processes.daemon(config(smsc, shutdown_timeout="1s"))
    await daemon.start()
    host, port = daemon.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
        b"Content-Type: application/json\r\n\r\n{"
    )
    await daemon.submit()
    began = time.monotonic()
    assert await daemon.stop() == 0
    assert time.monotonic() - began < 1 + LIMIT / 3
    writer.close()
    with pytest.raises(LOST_LINK):
        await daemon.submit()


async def test_receipts_of_the_last_messages(processes: Bench, hook: HookSink):
    """A receipt that comes while the daemon is away waits at the SMSC."""
    smsc = processes.smsc("--receipt-delay", "700ms")
    await smsc.start()
    daemon = processes.daemon(config(smsc, hook))
    await daemon.start()
    await daemon.bound()
    id_ = await daemon.submit(text="x" * 400)
    await daemon.reaches(id_, "submitted")
    assert await daemon.stop() == 0
    assert (await smsc.stats())["receipts"]["acknowledged"] == 0
    await smsc.reaches(lambda stats: stats["waiting"] == 3)
    await daemon.start()
    await daemon.reaches(id_, "delivered")
    await hook.count(1)
    assert await daemon.stop() == 0


async def test_what_was_marked_and_never_written(processes: Bench):
    """The mark says that a message may have been written: it must not stay."""
    smsc = processes.smsc()
    daemon = processes.daemon(config(smsc))
    await daemon.start()
    ids = [
        await daemon.submit(text=f"{policy} {number}", on_unknown=policy)
        for policy in ("hold", "fail")
        for number in range(3)
    ]
    with closing(
        sqlite3.connect(processes.folder / "esmed.db", isolation_level=None)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        await smsc.start()
        await daemon.find("link.bound")
        daemon.send_signal(signal.SIGTERM)
        await daemon.find("left: stopping")
        other.execute("ROLLBACK")
    assert await daemon.exited() == 0
    assert (await smsc.stats())["submits"] == 0
    await daemon.start()
    for id_ in ids:
        await daemon.reaches(id_, "delivered")
    assert await daemon.stop() == 0


@pytest.mark.slow
async def test_while_the_store_cannot_be_written(processes: Bench, hook: HookSink):
    """It ends all the same; what it could not record is unknown to the next one."""
    smsc = processes.smsc()
    await smsc.start()
    daemon = processes.daemon(config(smsc, hook, shutdown_timeout="3s"))
    await daemon.start()
    await daemon.bound()
    await smsc.fault(kind="late_response", delay="1s")
    ids = {
        policy: await daemon.submit(text=policy, on_unknown=policy)
        for policy in ("resend", "hold", "fail")
    }
    await smsc.reaches(lambda stats: stats["submits"] == 3)
    with closing(
        sqlite3.connect(processes.folder / "esmed.db", isolation_level=None)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert await daemon.stop() == 0
        assert time.monotonic() - began < 3 + LIMIT / 3
        assert "store.not_on_disk" in daemon.log
        other.execute("ROLLBACK")
    await smsc.heal()
    await daemon.start()
    await daemon.reaches(ids["resend"], "delivered")
    await daemon.reaches(ids["hold"], "unknown")
    await daemon.reaches(ids["fail"], "unknown")
    assert (await smsc.stats())["submits"] == 4
    assert await daemon.stop() == 0
