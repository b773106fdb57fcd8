"""Links dropped and SMSCs killed under load: what was written may have been taken."""

import asyncio
import random
import sys

import pytest
from fakes.hook import HookSink
from system.accounts import TAKEN_AT_ONCE, Book, Load, journal, reckon
from system.processes import Bench
from system.set_up import WINDOW, config, finished


async def drop_again_and_again(
    processes: Bench, hook: HookSink, drops: int, at_most_once: float, on_unknown: str
) -> None:
    smsc = processes.smsc("--response-delay", "40ms", "--receipt-delay", "200ms")
    await smsc.start()
    daemon = processes.daemon(config(smsc, hook, on_unknown=on_unknown))
    await daemon.start()
    draw, book = random.Random(11), Book()
    load = Load(
        daemon,
        book,
        pause=0.1,
        seed=11,
        at_most_once=at_most_once,
        ends=TAKEN_AT_ONCE,
    )
    load.start(4)
    try:
        for number in range(drops):
            await asyncio.sleep(draw.uniform(0.1, 0.8))
            await daemon.bound()
            await smsc.do("POST", "/drop", {"how": ("rst", "rst", "fin")[number % 3]})
        await daemon.bound()
        await load.stop()
    finally:
        load.cancel()
    messages = await finished(daemon, hook)
    assert await daemon.stop() == 0
    assert await smsc.stop() == 0
    assert not book.doubtful
    assert not book.refused
    reckoning = reckon(book, messages, journal(smsc.journal_path), hook.received)
    sys.stdout.write(f"\n{drops} drops ({on_unknown}): {reckoning}\n")
    if on_unknown != "resend":
        assert not reckoning.duplicates
    reckoning.check()
    assert max(reckoning.per_break, default=0) <= WINDOW


async def test_drops_with_all_three_policies(processes: Bench, hook: HookSink):
    await drop_again_and_again(processes, hook, 3, 0.6, "resend")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("on_unknown", ["resend", "hold", "fail"])
async def test_many_drops(processes: Bench, hook: HookSink, on_unknown: str):
    await drop_again_and_again(processes, hook, 20, 0, on_unknown)


async def kill_smsc_again_and_again(
    processes: Bench, hook: HookSink, kills: int
) -> None:
    smsc = processes.smsc("--response-delay", "40ms", "--receipt-delay", "100ms")
    await smsc.start()
    # Receipts die with the SMSC: after their time such messages are `unknown`.
    daemon = processes.daemon(config(smsc, hook, receipt_timeout="2s"))
    await daemon.start()
    draw, book = random.Random(5), Book()
    load = Load(daemon, book, pause=0.1, seed=5, at_most_once=0.6, ends=TAKEN_AT_ONCE)
    load.start(4)
    try:
        for _ in range(kills):
            await daemon.bound()
            await asyncio.sleep(draw.uniform(0.2, 0.8))
            smsc.kill()
            await smsc.start()
        await daemon.bound()
        await load.stop()
    finally:
        load.cancel()
    messages = await finished(daemon, hook)
    assert await daemon.stop() == 0
    assert await smsc.stop() == 0
    assert not book.doubtful
    reckoning = reckon(book, messages, journal(smsc.journal_path), hook.received)
    reckoning.check()
    sys.stdout.write(f"\n{kills} kills of the SMSC: {reckoning}\n")
    assert max(reckoning.per_break, default=0) <= WINDOW


async def test_smsc_killed(processes: Bench, hook: HookSink):
    await kill_smsc_again_and_again(processes, hook, 1)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_smsc_killed_many_times(processes: Bench, hook: HookSink):
    await kill_smsc_again_and_again(processes, hook, 20)
