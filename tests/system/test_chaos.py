"""Everything that can go wrong goes wrong, again and again, under load.

ESMED_CHAOS_MINUTES says for how long (30): 1.5 will do while something is changed.
"""

import asyncio
import os
import random
import sys
from typing import Final

import pytest
from fakes.hook import HookSink
from system.accounts import Book, Load, journal, reckon
from system.chaos import (
    FAULTS,
    RESPONSE_TIMEOUT,
    SETTLES,
    Chaos,
    Host,
    Phones,
    config,
    inbound,
    settled,
)
from system.processes import Bench
from system.set_up import KEY, WINDOW

from esmed.simulator.faults import parse
from esmed.simulator.kinds import KINDS

MINUTES: Final = float(os.environ.get("ESMED_CHAOS_MINUTES", "30"))
GROWTH: Final = 1.1, 6.0
"""How much larger the daemon may be in the last quarter of its life than in the second,
and by how many MiB beside: caches that were not full yet, and a heap with holes."""
DESCRIPTORS: Final = 4
"""A connection that was closed a moment ago, a reader of the store."""

_SMSC: Final = (
    *("--response-delay", "20ms", "--receipt-delay", "300ms", "--keep", "5000"),
    # A link that is lost says enough; an answer may be late because of a stall.
    *("--redeliver-after", "10m", "--attempts", "100000"),
)


def test_every_kind_of_fault_is_played():
    assert {parse(fault, KINDS).kind for fault in FAULTS} == set(KINDS)


@pytest.mark.slow
@pytest.mark.timeout(MINUTES * 60 + SETTLES + 300)
async def test_chaos(processes: Bench, hook: HookSink):
    seed = random.randrange(1 << 32)
    hosts = [Host(processes.smsc(*_SMSC, name=name)) for name in ("primary", "backup")]
    for host in hosts:
        await host.process.start()
    primary, backup = (host.process.address for host in hosts)
    daemon = processes.daemon(config(hook, primary, backup))
    await daemon.start()
    await daemon.bound()
    book = Book()
    load = Load(daemon, book, pause=0.25, seed=seed, cancels=0.05)
    phones = Phones(hosts, random.Random(seed))
    chaos = Chaos(daemon, hosts, hook, MINUTES * 60, random.Random(seed))
    load.start(5)
    tasks = [asyncio.create_task(work()) for work in (*chaos.works, phones.work)]
    try:
        done, _ = await asyncio.wait(
            tasks, timeout=MINUTES * 60, return_when=asyncio.FIRST_COMPLETED
        )
        assert not done, [task.exception() for task in done]
        await chaos.end(tasks)
        await load.stop()
    finally:
        load.cancel()
        for task in tasks:
            task.cancel()
    messages = await settled(daemon, hook)
    heard = await inbound(daemon)
    for host in hosts:
        await host.process.reaches(lambda stats: not stats["waiting"])
    assert await daemon.stop() == 0
    for host in hosts:
        await host.process.stop()
    parts = journal(*(host.process.journal_path for host in hosts))
    reckoning = reckon(
        book, messages, parts, hook.received, response_timeout=RESPONSE_TIMEOUT
    )
    second, last = chaos.growth()
    sys.stdout.write(
        f"\n{MINUTES:g} minutes (seed {seed}): {reckoning}\n{book}, of them"
        f" {len(book.cancelled)} cancelled\n"
        f"what went wrong: {dict(sorted(chaos.counts.items()))}\n"
        f"daemon: {second.resident:.1f} MiB and {second.descriptors} descriptors in the"
        f" second quarter of its last life ({last.at - second.at:.0f} s before), then"
        f" {last.resident:.1f} MiB and {last.descriptors}\n"
    )
    reckoning.check()
    states = {message["id"]: message["state"] for message in messages}
    assert {states[id_] for id_ in book.cancelled} <= {"cancelled"}
    assert max(reckoning.per_break, default=0) <= WINDOW
    arrived, lost = phones.check(heard, hook.received)
    sys.stdout.write(f"{arrived} MO messages, {lost} lost with their SMSC\n")
    assert all(each.is_signed_by(KEY) for each in hook.received)
    assert last.resident <= second.resident * GROWTH[0] + GROWTH[1]
    assert last.descriptors <= second.descriptors + DESCRIPTORS
