"""SMPP and every provider at once, all of them failing again and again.

ESMED_MIXED_MESSAGES says how many messages (20,000): 1,000 will do while something is
changed. Every message has a destination of its own, by which it is looked for at the
stand-ins: how often it was taken, and that none is missing.
"""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from system.accounts import journal
from system.processes import Bench, Daemon, Smsc, free_ports

from esmed.simulator.bridge.faults import ProviderFault
from esmed.simulator.bridge.frame import ProviderSimulator
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.bridge.registry import kinds, simulator
from esmed.simulator.faults import parse

MESSAGES: Final = int(os.environ.get("ESMED_MIXED_MESSAGES", "20000"))
SETTLES: Final = 600.0
"""Seconds that what is left may take after the last failure."""
VECTORS: Final = Path(__file__).parents[1] / "providers" / "vectors"
WISHES: Final = ("resend", "fail", "hold")

FAULTS: Final = (
    "refuse_connect at=5s every=23s for=3s",
    "status code=503 at=9s every=31s for=2s",
    "status code=500 processed=true p=0.05 on=send",
    "close p=0.05 on=send",
    "close processed=true p=0.05 on=send",
    "html p=0.01",
    "garbage processed=true p=0.03 on=send",
    "truncated p=0.01",
    "delay seconds=3s p=0.01",
    "drip p=0.002",
    "push_lost p=0.2",
    "push_twice p=0.2",
)
SMSC_FAULTS: Final = (
    {"kind": "drop", "at": "7s", "every": "17s"},
    {"kind": "refuse_connect", "at": "20s", "every": "40s", "for": "3s"},
    {"kind": "throttle", "at": "13s", "every": "29s", "for": "2s"},
    {"kind": "no_response", "at": "11s", "every": "37s", "for": "300ms"},
)


@dataclass
class Party:
    """A connector and who is at its other end."""

    kind: str
    simulator: ProviderSimulator
    keys: dict[str, Any]


@asynccontextmanager
async def parties(port: int) -> AsyncIterator[list[Party]]:
    """Every kind's stand-in, started, and the connector to it."""
    async with AsyncExitStack() as stack:
        found = []
        for kind in kinds():
            example = yaml.safe_load((VECTORS / kind / "config.yaml").read_text())
            keys = example["connectors"][kind]
            push = None
            # Its stand-in does not know what the real one would hash.
            keys.pop("callback_word", None)
            if "callback_secret" in keys:
                keys["callback_secret"] = "hush"
                push = f"http://127.0.0.1:{port}/callbacks/{kind}/hush/status"
            options = ProviderOptions(
                deliver_after=1.0,
                callback_url=push,
                outcomes=("none",),
                push_attempts=3,
            )
            other_end = await stack.enter_async_context(simulator(kind)(options))
            if "base_urls" in keys:
                keys["base_urls"] = [other_end.url]
            else:
                keys |= {"server": other_end.url, "tls": "none", "rate": "1000/s"}
            keys |= {
                "default_from": "Shop",
                "connect_timeout": "2s",
                "response_timeout": "2s",
                "hold_timeout": "20s",
                "retry": {"attempts": 1000, "min": "200ms", "max": "2s"},
            }
            found.append(Party(kind, other_end, keys))
        yield found


def config(found: list[Party], smsc: Smsc, port: int) -> str:
    """Each party has numbers of its own, and the next one behind it."""
    names = ["carrier", *(party.kind for party in found)]
    carrier = {
        "kind": "smpp",
        "hosts": [{"address": smsc.address}],
        "system_id": "me",
        "password": "hush",
        "response_timeout": "3s",
        "hold_timeout": "20s",
        "reconnect": {"min": "50ms", "max": "1s"},
        "retry": {"attempts": 1000, "min": "200ms", "max": "2s"},
    }
    return yaml.safe_dump(
        {
            "store": {"url": "sqlite:///esmed.db", "durability": "normal"},
            "http": {"listen": ["127.0.0.1:0"]},
            "callbacks": {"listen": [f"127.0.0.1:{port}"]},
            "connectors": {
                "carrier": carrier,
                **{party.kind: party.keys for party in found},
            },
            "routes": [
                {
                    "to": f"3805{number}",
                    "via": [name, names[(number + 1) % len(names)]],
                    "failover_after": "5s",
                }
                for number, name in enumerate(names)
            ],
        }
    )


def batch(first: int, count: int, routes: int) -> dict[str, Any]:
    """Messages over all routes, of all wishes, in two alphabets."""
    messages = []
    for number in range(first, first + count):
        text = f"{'Ваш код' if number % 5 == 0 else 'Your code is'} {number:06}"
        messages.append(
            {
                "to": f"3805{number % routes}{number:07}",
                "from": "Shop",
                "text": text,
                "reference": str(number),
                "on_unknown": WISHES[number // routes % len(WISHES)],
            }
        )
    return {"defaults": {}, "messages": messages}


async def settled(daemon: Daemon) -> list[dict[str, Any]]:
    """Wait until every message has ended; all of them."""
    deadline = time.monotonic() + SETTLES
    while True:
        messages = await daemon.messages()
        left = [message for message in messages if not message["final"]]
        if not left:
            return messages
        if time.monotonic() > deadline:
            states = Counter((one["connector"], one["state"]) for one in left)
            raise AssertionError(f"{states}: {left[0]}")
        await asyncio.sleep(2.0)


def taken(found: list[Party], smsc: Smsc) -> Counter[int]:
    """How often each message was taken, over all stand-ins: by its destination, which
    ends with its number."""
    numbers = [part.to for part in journal(smsc.journal_path)]
    for party in found:
        numbers += [one.to for one in party.simulator.messages()]
    return Counter(int(number[-7:]) for number in numbers)


@pytest.mark.slow
@pytest.mark.timeout(2 * SETTLES + 600)
async def test_mixed(processes: Bench):
    (port,) = free_ports(1)
    draw = random.Random(7)
    smsc = processes.smsc(
        *("--response-delay", "5ms", "--receipt-delay", "300ms", "--outcome", "none"),
        *("--keep", str(MESSAGES + 1000)),
    )
    await smsc.start()
    async with parties(port) as found:
        daemon = processes.daemon(config(found, smsc, port))
        await daemon.start()
        for party in found:
            for fault in FAULTS:
                with_kind = kinds_of(party.simulator)
                if fault.split()[0] in with_kind:
                    party.simulator.add_fault(parse(fault, with_kind))
        for smsc_fault in SMSC_FAULTS:
            await smsc.fault(**smsc_fault)
        began = time.monotonic()
        step = min(500, MESSAGES)
        for first in range(0, MESSAGES, step):
            count = min(step, MESSAGES - first)
            body = batch(first, count, len(found) + 1)
            answer = await daemon.post("/v1/messages/batch", body)
            assert answer["accepted"] == count, answer
            await asyncio.sleep(draw.uniform(0.2, 1.5))
        await asyncio.sleep(max(0.0, began + 30 - time.monotonic()))
        for party in found:
            party.simulator.clear_faults()
        await smsc.heal()
        messages = await settled(daemon)
        counts = taken(found, smsc)
        assert await daemon.stop() == 0
        assert await smsc.stop() == 0
    sys.stdout.write(f"\n{report(messages, counts, time.monotonic() - began)}\n")
    check(messages, counts)


def kinds_of(simulator: ProviderSimulator) -> dict[str, type[ProviderFault]]:
    """The faults that a stand-in can have."""
    return dict(simulator.faults)


def report(messages: list[dict[str, Any]], counts: Counter[int], took: float) -> str:
    """The figures."""
    ends = Counter((one["connector"] or "-", one["state"]) for one in messages)
    twice = Counter(
        WISHES[int(one["reference"]) // routes_of(messages) % len(WISHES)]
        for one in messages
        if counts[int(one["reference"])] > 1
    )
    told = ", ".join(f"{name} {state} {n}" for (name, state), n in sorted(ends.items()))
    return (
        f"{len(messages)} messages in {took:.0f} s: {told};"
        f" taken twice or more: {dict(twice)}"
    )


def routes_of(messages: list[dict[str, Any]]) -> int:
    return len({one["to"][:5] for one in messages})


def check(messages: list[dict[str, Any]], counts: Counter[int]) -> None:
    """Hold the promise: all there, none lost, none twice unless it may be."""
    assert len(messages) == MESSAGES
    assert all(one["final"] for one in messages)
    routes = routes_of(messages)
    for one in messages:
        number = int(one["reference"])
        wish = WISHES[number // routes % len(WISHES)]
        if one["state"] in {"delivered", "sent"}:
            assert counts[number] >= 1, one
        else:
            # Nobody can know of it: that is what `fail` and `hold` are for.
            assert (one["state"], wish != "resend") == ("unknown", True), one
        if wish != "resend":
            assert counts[number] <= 1, one
