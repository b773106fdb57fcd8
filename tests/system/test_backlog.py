"""A connector that is down for long: what waits is on disk, not in memory."""

import asyncio
import sys
import time

import pytest
from integration.client import LIMIT
from system.accounts import journal
from system.processes import Bench, Daemon
from system.set_up import config

WAITING = 50_000
MIB_MORE = 40
"""How much a daemon may grow for all of them; in memory they would take 100 MiB."""


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_fifty_thousand(processes: Bench):
    smsc = processes.smsc("--keep", str(2 * WAITING), "--outcome", "none")
    daemon = processes.daemon(config(smsc, window=100))
    await daemon.start()
    await some(daemon, 1000, first=0)
    idle = daemon.resident_mib
    for first in range(1000, WAITING, 1000):
        await some(daemon, 1000, first=first)
    await daemon.connector(queued=WAITING)
    waiting = daemon.resident_mib
    daemon.kill()
    await daemon.start()
    await daemon.connector(queued=WAITING)
    again = daemon.resident_mib
    began = time.monotonic()
    await smsc.start()
    most = 0.0
    while True:
        stats = await smsc.stats()
        most = max(most, daemon.resident_mib)
        if stats["receipts"]["acknowledged"] >= WAITING:
            break
        assert time.monotonic() - began < 5 * LIMIT, stats
        await asyncio.sleep(0.2)
    seconds = time.monotonic() - began
    await daemon.connector(queued=0)
    assert await daemon.stop() == 0
    await smsc.stop()
    sys.stdout.write(
        f"\n{WAITING} messages in {seconds:.0f} s; MiB resident: {idle:.0f} with the"
        f" first 1000, {waiting:.0f} with all, {again:.0f} after kill -9,"
        f" {most:.0f} at most while they went\n"
    )
    assert max(waiting, again, most) < idle + MIB_MORE
    assert stats["submits"] == WAITING
    sent = [part.to for part in journal(smsc.journal_path)]
    assert sorted(sent) == [str(380_500_000_000 + n) for n in range(WAITING)]


async def some(daemon: Daemon, count: int, *, first: int) -> None:
    messages = [
        {"to": str(380_500_000_000 + first + n), "text": "hello"} for n in range(count)
    ]
    await daemon.post("/v1/messages/batch", {"messages": messages})
