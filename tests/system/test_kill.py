"""kill -9 at random moments under load: contract, "The promise", 1 to 4."""

import asyncio
import random
import sys
from collections.abc import Sequence

import pytest
from fakes.hook import HookSink
from system.accounts import (
    ENDS,
    TAKEN_AT_ONCE,
    Book,
    Load,
    Phones,
    Reckoning,
    journal,
    reckon,
)
from system.processes import Bench
from system.set_up import KEY, WINDOW, config, finished


async def kill_again_and_again(
    processes: Bench,
    hook: HookSink,
    kills: int,
    seed: int,
    *,
    longest: float,
    ends: Sequence[int] = ENDS,
) -> Reckoning:
    smsc = processes.smsc("--response-delay", "30ms", "--receipt-delay", "200ms")
    await smsc.start()
    daemon = processes.daemon(config(smsc, hook))
    await daemon.start()
    draw = random.Random(seed)
    book = Book()
    load = Load(daemon, book, pause=0.08, seed=seed, ends=ends)
    phones = Phones(smsc, seed)
    load.start(5)
    phones.start()
    try:
        for number in range(kills):
            if number % 4 == 3:
                # As it comes up: recovery must survive it too.
                await asyncio.sleep(draw.uniform(0.0, 1.0))
            else:
                await daemon.ready()
                await asyncio.sleep(draw.uniform(0.2, longest))
            daemon.kill()
            daemon.spawn()
        await daemon.ready()
        await load.stop()
        await phones.stop()
    finally:
        load.cancel()
        phones.cancel()
    messages = await finished(daemon, hook)
    stats = await smsc.reaches(lambda stats: not stats["waiting"])
    assert not stats["receipts"]["abandoned"]
    heard = await daemon.get("/v1/inbound?limit=1000")
    assert await daemon.stop() == 0
    assert await smsc.stop() == 0
    reckoning = reckon(book, messages, journal(smsc.journal_path), hook.received)
    sys.stdout.write(
        f"\n{kills} kills (seed {seed}): {reckoning}\n"
        f"{book}; {len(phones.sent)} MO messages\n"
    )
    reckoning.check()
    assert max(reckoning.per_break, default=0) <= WINDOW
    phones.check(heard["messages"], hook.received)
    assert all(each.is_signed_by(KEY) for each in hook.received)
    return reckoning


async def test_three_kills(processes: Bench, hook: HookSink):
    reckoning = await kill_again_and_again(
        processes, hook, 3, 7, longest=1.2, ends=TAKEN_AT_ONCE
    )
    assert reckoning.messages > 100


@pytest.mark.parametrize(
    "receipt_first",
    [
        pytest.param(True, id="killed with the receipt parked"),
        pytest.param(False, id="killed before the receipt"),
    ],
)
async def test_a_receipt_for_what_is_held(
    processes: Bench, hook: HookSink, receipt_first: bool
):
    """The answer was lost with the process, and with it the id."""
    smsc = processes.smsc("--receipt-delay", "0s" if receipt_first else "2s")
    await smsc.start()
    daemon = processes.daemon(config(smsc, hook, on_unknown="hold", hold_timeout="24h"))
    await daemon.start()
    await daemon.bound()
    await smsc.fault(kind="no_response")
    # First ENROUTE, then DELIVRD: the second is known by the id that the first told.
    id_ = await daemon.submit(to="380501234504")
    await smsc.reaches(lambda stats: stats["submits"] == 1)
    if receipt_first:
        await smsc.reaches(lambda stats: stats["receipts"]["acknowledged"] == 2)
    daemon.kill()
    await daemon.start()
    message = await daemon.reaches(id_, "delivered")
    assert not message["held"]
    await hook.count(1)
    assert await daemon.stop() == 0
    assert (await smsc.stats())["submits"] == 1


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_twenty_kills(processes: Bench, hook: HookSink):
    seed = random.randrange(1 << 32)
    reckoning = await kill_again_and_again(processes, hook, 20, seed, longest=2.5)
    assert reckoning.messages > 1000
