"""What goes wrong in the chaos test, and when: faults of links, deaths, a deaf sink."""

import asyncio
import itertools
import json
import random
import re
import shlex
import signal
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from fakes.hook import Behaviour, Drop, Hang, Hook, HookSink
from system.processes import Daemon, Smsc, until
from system.set_up import SECRET, WINDOW

from esmed.simulator.faults import parse
from esmed.simulator.kinds import KINDS

ENQUIRE_LINK: Final = 2
"""Seconds of silence, and again as long for the answer: then a link is lost."""
RESPONSE_TIMEOUT: Final = 12
SILENT: Final = 8
"""Seconds: longer than it takes to lose a silent link, so no lost response is without
a break, and shorter than RESPONSE_TIMEOUT."""

SETTLES: Final = 600
"""Seconds for all to end once nothing goes wrong any more: pauses have grown."""

_CONFIG: Final = f"""
store: {{{{url: "sqlite:///chaos.db"}}}}
http: {{{{listen: ["127.0.0.1:0"], max_queued: {{max_queued}}}}}}
webhooks: {{{{url: "{{hook}}", secret: {SECRET}, timeout: 2s}}}}
connectors:
  carrier:
    kind: smpp
    hosts: [{{{{address: "{{primary}}"}}}}, {{{{address: "{{backup}}"}}}}]
    system_id: me
    password: hush
    window: {WINDOW}
    reconnect: {{{{min: 50ms, max: 1s}}}}
    failback_after: 3s
    connect_timeout: 3s
    bind_timeout: 3s
    enquire_link: {ENQUIRE_LINK}s
    enquire_link_timeout: {ENQUIRE_LINK}s
    response_timeout: {RESPONSE_TIMEOUT}s
    hold_timeout: 20s
    receipt_timeout: 30s
    reassembly_timeout: 30s
    unmatched_ttl: 1m
    system_type: "{{system_type}}"
    retry: {{{{attempts: 20, min: 200ms, max: 5s}}}}
routes: [{{{{via: [carrier]}}}}]
"""

FAULTS: Final = (
    "refuse_connect for=4",
    "hang_up for=4",
    "stall_connect for=6",
    "drop",
    "fin",
    "unbind",
    "half_open",
    "forgets_binds",
    "split_writes size=1 for=6",
    "split_writes size=7 for=6",
    "glued for=10",
    "garbage",
    "garbage data=00000000000000040000000000000000",
    "truncated",
    "bad_length length=4",
    "bad_length length=0x7FFFFFFF",
    "unknown_command",
    "unknown_tlvs for=6",
    "unknown_tlvs cut=true for=6",
    "wrong_password for=3",
    "already_bound for=5",
    f"silence for={SILENT}",
    f"enquire_link_unanswered for={SILENT}",
    "slow_responses delay=800ms for=6",
    f"late_response delay={RESPONSE_TIMEOUT + 6} p=0.1 for=3",
    "no_response p=0.1 for=3",
    "duplicate_response for=6",
    "odd_response body=none p=0.3 for=3",
    "odd_response body=empty p=0.3 for=3",
    "unsupported for=6",
    "throttle for=3",
    "throttle limit=5/s for=8",
    "queue_full for=2",
    "queue_full p=0.5 for=6",
    "queue_full to=38050000 for=6",
    "status code=ESME_RSYSERR p=0.5 for=4",
    "status code=0x455 p=0.3 for=4",
    "status code=ESME_RSUBMITFAIL p=0.3 for=4",
    "generic_nack p=0.1 for=2",
    "outcome steps=ENROUTE,EXPIRED p=0.3 for=5",
    "outcome steps=UNDELIV:00B p=0.3 for=5",
    "receipt_before_response for=8",
    "receipt_twice for=8",
    "receipt_on_other_bind for=8",
    "receipt_lost p=0.2 for=5",
    "receipt_unasked for=8",
    'receipt_odd text="id:{id} stat:{stat}" for=6',
    "receipt_odd tlvs=false for=6",
    "receipt_odd data_sm=true for=6",
    "receipt_odd swapped=false for=6",
    "receipt_odd esm_class=0 for=6",
    'mo text="x" concat=udh16 count=3',
)
"""At least one of each kind of the simulator."""


def config(
    hook: HookSink,
    primary: str,
    backup: str,
    *,
    max_queued: int = 1_000_000,
    system_type: str = "",
) -> str:
    """One account at two hosts, and little patience; a reload changes the last two."""
    return _CONFIG.format(
        hook=hook.url(),
        primary=primary,
        backup=backup,
        max_queued=max_queued,
        system_type=system_type,
    )


@dataclass(slots=True)
class Host:
    """An SMSC that may be dead for a while. ``lives`` tells its deaths apart."""

    process: Smsc
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while it is not to be asked anything."""
    killed: list[int] = field(default_factory=list)
    """The lives that ended by SIGKILL."""
    life: int = 0

    async def fall(self, draw: random.Random) -> str:
        """Die or stand still, and come back; what it was."""
        async with self.lock:
            how = draw.choice(("killed", "killed", "stopped", "stood still"))
            if how == "stood still":
                self.process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(draw.uniform(1, SILENT))
                self.process.send_signal(signal.SIGCONT)
                return how
            self.killed.append(self.life)
            if how == "killed":
                self.process.kill()
            else:
                await self.process.stop()
            await asyncio.sleep(draw.uniform(0, 6))
            await self.process.start()
            self.life += 1
            return how


@dataclass(frozen=True, slots=True)
class Reply:
    """An MO message as its phone sent it."""

    from_: str
    text: str
    host: Host
    life: int

    @property
    def may_be_lost(self) -> bool:
        """It waited, perhaps, in an SMSC that was killed."""
        return self.life in self.host.killed


class Phones:
    """Subscribers who write all the time, over any SMSC that is alive."""

    def __init__(self, hosts: Iterable[Host], draw: random.Random) -> None:
        self.sent: list[Reply] = []
        self._hosts = list(hosts)
        self._random = draw

    async def work(self) -> None:
        """Until it is cancelled."""
        for number in range(10_000_000):
            host = self._random.choice(self._hosts)
            long = self._random.random() < 0.4
            from_ = f"38067{number:07}"
            text = f"{number:05} answer " * (40 if long else 1)
            body: dict[str, Any] = {"from": from_, "text": text, "system_id": "me"}
            if long:
                body["parts_order"] = self._random.sample((1, 2, 3, 4), 4)
            async with host.lock:
                reply = Reply(from_, text, host, host.life)
                await host.process.do("POST", "/mo", body)
                self.sent.append(reply)
            await asyncio.sleep(0.4 * self._random.random())

    def check(
        self, inbound: Iterable[Mapping[str, Any]], hooks: Iterable[Hook]
    ) -> tuple[int, int]:
        """Fail unless each that was not lost with its SMSC came once and whole; how
        many came, and how many were lost, wholly or in part, with their SMSC."""
        texts: dict[str, list[str]] = {}
        for each in inbound:
            texts.setdefault(each["from"], []).append(each["text"])
        lost = 0
        for reply in self.sent:
            found = texts.pop(reply.from_, [])
            if reply.may_be_lost and found != [reply.text]:
                lost += 1
                assert len(found) <= 1, (reply, found)
            else:
                assert found == [reply.text], (reply, found)
        of_receipts = [text for found in texts.values() for text in found]
        assert not [text for text in of_receipts if "stat:" in text], of_receipts
        return len(self.sent) - lost, lost


@dataclass(slots=True)
class Sample:
    at: float
    resident: float
    descriptors: int


@dataclass(slots=True)
class Chaos:
    """All that goes wrong, until it is over."""

    daemon: Daemon
    hosts: list[Host]
    sink: HookSink
    seconds: float
    draw: random.Random
    began: float = field(default_factory=time.monotonic)
    counts: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    """Of the daemon's last life."""
    is_up: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the daemon may not be told anything."""

    @property
    def works(self) -> list[Callable[[], Coroutine[None, None, None]]]:
        """Each goes on until it is cancelled."""
        return [
            *(self.faults, self.deaths, self.deafness),
            *(self.daemon_deaths, self.reloads),
        ]

    async def faults(self) -> None:
        """Every fault in turn, each time in another order, most on the primary."""
        pause = max(0.8, min(8.0, self.seconds / len(FAULTS) / 1.2))
        while True:
            for fault in self.draw.sample(FAULTS, len(FAULTS)):
                host = self.hosts[self.draw.random() < 0.3]
                async with host.lock:
                    await host.process.do("POST", "/fault", _fields(fault))
                self.counts[parse(fault, KINDS).kind] += 1
                await asyncio.sleep(pause * self.draw.uniform(0.5, 1.5))

    async def deaths(self) -> None:
        """An SMSC falls; at times both."""
        while True:
            await asyncio.sleep(self.draw.uniform(0.5, 1.5) * min(30, self.seconds / 8))
            fallen = [self.hosts[self.draw.random() < 0.4]]
            if self.draw.random() < 0.15:
                fallen = self.hosts
            for how in await asyncio.gather(*(host.fall(self.draw) for host in fallen)):
                self.counts[f"SMSC {how}"] += 1

    async def deafness(self) -> None:
        """The application fails, hangs, hangs up, and recovers."""
        bad: tuple[Behaviour, ...] = (500, 429, Drop(), Hang())
        while True:
            await asyncio.sleep(self.draw.uniform(0.5, 1.5) * min(40, self.seconds / 6))
            self.sink.behave("/hook", self.draw.choice(bad))
            await asyncio.sleep(self.draw.uniform(1, 8))
            self.sink.behave("/hook", 200)
            self.counts["application failed"] += 1

    async def daemon_deaths(self) -> None:
        """In the first third the daemon is killed and stopped; what lives then lives
        on, so that its memory can be watched."""
        while time.monotonic() - self.began < self.seconds / 3:
            await asyncio.sleep(
                self.draw.uniform(0.5, 1.5) * min(25, self.seconds / 15)
            )
            how = self.draw.choice(("killed", "killed", "stopped", "killed at start"))
            async with self.is_up:
                if how == "stopped":
                    assert await self.daemon.stop(limit=120) == 0
                else:
                    self.daemon.kill()
                if how == "killed at start":
                    self.daemon.spawn()
                    await asyncio.sleep(self.draw.uniform(0, 1.5))
                    self.daemon.kill()
                await self.daemon.start()
            self.counts[f"daemon {how}"] += 1
        while True:
            self.samples.append(
                Sample(
                    time.monotonic(), self.daemon.resident_mib, self.daemon.descriptors
                )
            )
            await asyncio.sleep(0.5)

    async def reloads(self) -> None:
        """The operator changes something: what needs no new binds, what does, and what
        cannot be."""
        primary, backup = (host.process.address for host in self.hosts)
        for number in itertools.count(1):
            await asyncio.sleep(self.draw.uniform(0.5, 1.5) * min(40, self.seconds / 8))
            how = self.draw.choice(("adjusted", "changed", "refused"))
            text = config(
                self.sink,
                primary,
                backup,
                max_queued=1_000_000 + number,
                system_type=f"type{number}" if how == "changed" else "",
            )
            async with self.is_up:
                told = self._told()
                self.daemon.config_path.write_text(
                    text + "nonsense: 1\n" if how == "refused" else text
                )
                self.daemon.send_signal(signal.SIGHUP)
                await until(lambda: self._told() > told, self.daemon.log, limit=120)  # noqa: B023
            self.counts[f"reload {how}"] += 1

    def _told(self) -> int:
        return len(re.findall(r"config\.(?:reloaded|refused)", self.daemon.log))

    async def end(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        """Stop it, and mend what is broken."""
        for lock in (self.is_up, *(host.lock for host in self.hosts)):
            await lock.acquire()
        for task in tasks:
            task.cancel()
        self.sink.behave("/hook", 200)
        for host in self.hosts:
            await host.process.heal()

    def growth(self) -> tuple[Sample, Sample]:
        """The daemon's last life: the medians of its second quarter and of its last."""
        quarter = len(self.samples) // 4
        second, last = self.samples[quarter : 2 * quarter], self.samples[3 * quarter :]
        return _middle(second), _middle(last)


def _middle(samples: list[Sample]) -> Sample:
    return Sample(
        median(each.at for each in samples),
        median(each.resident for each in samples),
        int(median(each.descriptors for each in samples)),
    )


def _fields(fault: str) -> dict[str, str]:
    kind, *fields = shlex.split(fault)
    return {"kind": kind, **dict(field.split("=", 1) for field in fields)}


async def settled(daemon: Daemon, hook: HookSink) -> list[dict[str, Any]]:
    """Wait for every message to have ended, and for its webhook; all messages."""
    deadline = time.monotonic() + SETTLES
    waiting = ("scheduled", "queued", "submitting", "submitted", "buffered")
    for state in waiting:
        while page := await daemon.get(f"/v1/messages?state={state}&limit=3"):
            if not page["messages"] and page["next"] is None:
                break
            assert time.monotonic() < deadline, page
            await asyncio.sleep(1)
    messages = await daemon.messages()
    wanted = {message["id"] for message in messages}
    while True:
        told = {json.loads(each.body)["data"]["id"] for each in hook.received}
        if wanted <= told:
            return messages
        assert time.monotonic() < deadline, len(wanted - told)
        await asyncio.sleep(3)


async def inbound(daemon: Daemon) -> list[dict[str, Any]]:
    """All MO messages."""
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        page = await daemon.get(f"/v1/inbound?limit=1000{after}")
        found += page["messages"]
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"
