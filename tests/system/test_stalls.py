"""Processes that stand still for a while, or have nothing left to work with."""

import asyncio
import resource
import signal

import pytest
from fakes.hook import HookSink
from system.accounts import TAKEN_AT_ONCE, Book, Load, journal, reckon
from system.processes import Bench, Smsc
from system.set_up import WINDOW, config, finished


@pytest.mark.slow
async def test_smsc_stands_still(processes: Bench, hook: HookSink):
    """Nobody says that the link is dead: silence does."""
    smsc = processes.smsc("--response-delay", "20ms")
    await smsc.start()
    text = config(smsc, hook).replace(
        "retry:", "enquire_link: 500ms\n    enquire_link_timeout: 500ms\n    retry:"
    )
    daemon = processes.daemon(text)
    await daemon.start()
    await daemon.bound()
    book = Book()
    load = Load(daemon, book, pause=0.1, seed=9, at_most_once=0.5, ends=TAKEN_AT_ONCE)
    load.start(4)
    try:
        await smsc.reaches(lambda stats: stats["submits"] > 20)
        smsc.send_signal(signal.SIGSTOP)
        await daemon.find("link.failed .*no answer to enquire_link")
        assert (await daemon.connector("carrier", "down"))["reason"]
        smsc.send_signal(signal.SIGCONT)
        await daemon.bound()
        await load.stop()
    finally:
        smsc.send_signal(signal.SIGCONT)
        load.cancel()
    messages = await finished(daemon, hook)
    losses = (await smsc.stats())["binds"] - 1
    assert await daemon.stop() == 0
    await smsc.stop()
    reckoning = reckon(book, messages, journal(smsc.journal_path), hook.received)
    reckoning.check()
    assert reckoning.duplicates <= WINDOW * losses


@pytest.mark.slow
async def test_daemon_stands_still(processes: Bench, hook: HookSink):
    """The answers that came meanwhile are read before anything has timed out."""
    smsc = processes.smsc("--response-delay", "50ms")
    await smsc.start()
    text = config(smsc, hook, response_timeout="10s").replace(
        "retry:", "enquire_link: 1s\n    enquire_link_timeout: 10s\n    retry:"
    )
    daemon = processes.daemon(text)
    await daemon.start()
    await daemon.bound()
    book = Book()
    load = Load(daemon, book, pause=0.1, seed=9, at_most_once=0.5, ends=TAKEN_AT_ONCE)
    load.start(4)
    try:
        await smsc.reaches(lambda stats: stats["submits"] > 20)
        daemon.send_signal(signal.SIGSTOP)
        await asyncio.sleep(15)
        daemon.send_signal(signal.SIGCONT)
        await load.stop()
    finally:
        daemon.send_signal(signal.SIGCONT)
        load.cancel()
    messages = await finished(daemon, hook)
    assert (await smsc.stats())["binds"] == 1
    assert await daemon.stop() == 0
    await smsc.stop()
    reckoning = reckon(book, messages, journal(smsc.journal_path), hook.received)
    reckoning.check()
    assert not reckoning.duplicates
    assert "unknown" not in reckoning.states


async def test_no_file_descriptors_left(processes: Bench, smsc: Smsc):
    """Callers have to wait; as soon as there are some all goes on."""
    processes.tolerates_complaints = True  # asyncio's, with tracebacks
    daemon = processes.daemon(config(smsc))
    await daemon.start()
    await daemon.reaches(await daemon.submit(), "delivered")
    limit = daemon.descriptors + 5
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (limit, 4096))
    host, port = daemon.url.removeprefix("http://").split(":")
    writers = []
    for _ in range(30):
        _, writer = await asyncio.open_connection(host, int(port))
        writers.append(writer)
    await daemon.find("out of system resource")
    await smsc.do("POST", "/drop")
    for writer in writers:
        writer.close()
    await daemon.reaches(await daemon.submit(), "delivered")
    # Once a second, and not once for each who waits.
    assert daemon.log.count("out of system resource") < 30
    assert await daemon.stop() == 0
