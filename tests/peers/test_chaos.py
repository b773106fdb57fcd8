"""SMSCs of other people's making that die, come back, are cut off and slow, under load.

node-smpp is the primary and Net::SMPP the backup of one account, each behind a relay
that does to the bytes what networks do. It is reckoned up like the chaos of the
simulator. ESMED_CHAOS_MINUTES says for how long (5).
"""

import asyncio
import contextlib
import json
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
from fakes.hook import HookSink
from peers.peer import COMMANDS, Script, Seen, missing
from system.accounts import Book, Load, Part, reckon
from system.chaos import RESPONSE_TIMEOUT, SETTLES, config, inbound, settled
from system.processes import Daemon, bench
from system.set_up import KEY, WINDOW

MINUTES: Final = float(os.environ.get("ESMED_CHAOS_MINUTES", "5"))
_RECEIPT_AFTER: Final = 0.2
_STALL: Final = 8.0
"""Seconds: a silent link is lost before (system.chaos.ENQUIRE_LINK, twice)."""


class Relay:
    """What lies between the daemon and an SMSC; it keeps its port."""

    def __init__(self) -> None:
        self.port = 0
        self.target: int | None = None
        """None: nobody is there."""
        self.delay = 0.0
        self.flows = asyncio.Event()
        self.flows.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def stop(self) -> None:
        self._server.close()
        self.cut()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writers.add(writer)
        try:
            if self.target is None:
                return
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            self._writers.add(back)
            try:
                await asyncio.gather(
                    self._pump(reader, back), self._pump(there, writer)
                )
            finally:
                self._writers.discard(back)
                back.transport.abort()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(1 << 16):
            await asyncio.sleep(self.delay)
            await self.flows.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError  # so that the other way ends too


class Life(Script):
    """One process of a host; every submit_sm is noted as it comes."""

    host: "Host"

    def note(self, event: dict[str, Any]) -> None:
        count = len(self.seen)
        super().note(event)
        for seen in self.seen[count:]:
            if seen.command == "submit_sm" and seen.id is not None:
                self.host.took(self, seen)


class Host:
    """An SMSC of that make, with a life after each death."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.relay = Relay()
        self.parts: list[Part] = []
        self.lives = 0
        self.life: Life | None = None
        self._number = number
        self._process: asyncio.subprocess.Process
        self._reading: asyncio.Task[None]

    async def start(self) -> None:
        """Begin a life, with ids of its own."""
        self.lives += 1
        first_id = (self._number * 1000 + self.lives) * 1_000_000
        options = {"role": "smsc", "ids": "decimal", "first_id": first_id}
        self._process = await asyncio.create_subprocess_exec(
            *COMMANDS[self.name],
            json.dumps(options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=1 << 20,
        )
        life = Life(self.name, self._process)
        life.host = self
        self._reading = asyncio.create_task(life.read())
        await life.until(lambda: life.port)
        self.life, self.relay.target = life, life.port

    async def kill(self) -> None:
        """End it; what it has said is heard to the end."""
        self.life, self.relay.target = None, None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        with contextlib.suppress(json.JSONDecodeError):  # its last words, cut off
            await self._reading

    def took(self, life: Life, seen: Seen) -> None:
        """Note a part, and report on it soon."""
        place = ""
        if seen.concat is not None:
            place = "050003{:02x}{:02x}{:02x}".format(*seen.concat)
        session = (self._number * 1000 + self.lives) * 1_000_000 + seen.session
        content = f"{place}{seen.text}"
        self.parts.append(Part(seen.at, seen.to, content, session, 0.0, seen.id or ""))
        asyncio.get_running_loop().call_later(
            _RECEIPT_AFTER, lambda: asyncio.ensure_future(self._report(life, seen))
        )

    async def _report(self, life: Life, seen: Seen) -> None:
        if life is self.life:
            with contextlib.suppress(OSError):
                await life.receipt(seen, seen.id or "")


class Disorder:
    """What goes wrong, until it is cancelled."""

    def __init__(self, daemon: Daemon, hosts: list[Host], draw: random.Random) -> None:
        self.counts: Counter[str] = Counter()
        self.replies: list[str] = []
        self._daemon = daemon
        self._hosts = hosts
        self._draw = draw

    async def of_hosts(self) -> None:
        """A host falls, or the way to it."""
        while True:
            await asyncio.sleep(self._draw.uniform(1, 6))
            host = self._hosts[self._draw.random() < 0.35]
            how = self._draw.choice(("killed", "cut", "slow", "stalled", "unbound"))
            await getattr(self, f"_{how}")(host)
            self.counts[f"{host.name} {how}"] += 1

    async def _killed(self, host: Host) -> None:
        await host.kill()
        await asyncio.sleep(self._draw.uniform(0, 4))
        await host.start()

    async def _cut(self, host: Host) -> None:
        host.relay.cut()

    async def _slow(self, host: Host) -> None:
        host.relay.delay = self._draw.uniform(0.05, 0.6)
        await asyncio.sleep(self._draw.uniform(2, 6))
        host.relay.delay = 0.0

    async def _stalled(self, host: Host) -> None:
        host.relay.flows.clear()
        await asyncio.sleep(_STALL)
        host.relay.flows.set()

    async def _unbound(self, host: Host) -> None:
        if host.life is not None:
            await host.life.tell("unbind")

    async def of_the_daemon(self, seconds: float) -> None:
        """In the first half it is killed."""
        began = time.monotonic()
        while time.monotonic() - began < seconds / 2:
            await asyncio.sleep(self._draw.uniform(0.1, 0.2) * seconds)
            self._daemon.kill()
            await self._daemon.start()
            self.counts["daemon killed"] += 1

    async def of_phones(self) -> None:
        """MO messages, which these peers send once only."""
        while True:
            await asyncio.sleep(self._draw.uniform(0.1, 0.6))
            life = self._draw.choice(self._hosts).life
            text = f"answer {len(self.replies)} " * self._draw.choice((1, 1, 20))
            if life is not None:
                fields = {
                    "source_addr": f"38067{len(self.replies):07}",
                    "destination_addr": "1234",
                }
                self.replies.append(text)
                more = {"concat": "udh8"} if len(text) > 100 else {}
                with contextlib.suppress(OSError):
                    await life.send("deliver_sm", text, **fields, **more)


@pytest.mark.slow
@pytest.mark.timeout(MINUTES * 60 + SETTLES + 300)
async def test_chaos(tmp_path: Path):
    for name in COMMANDS:
        if why := missing(name):
            pytest.skip(why)
    seed = random.randrange(1 << 32)
    hosts = [Host(name, number) for number, name in enumerate(COMMANDS, 1)]
    async with bench(tmp_path) as processes, HookSink() as hook:
        try:
            await run(seed, hosts, processes.daemon(""), hook)
        finally:
            for host in hosts:
                await host.relay.stop()
                await host.kill()


async def run(seed: int, hosts: list[Host], daemon: Daemon, hook: HookSink) -> None:
    for host in hosts:
        await host.relay.start()
        await host.start()
    primary, backup = (f"127.0.0.1:{host.relay.port}" for host in hosts)
    daemon.config = config(hook, primary, backup)
    await daemon.start()
    await daemon.bound()
    book, draw = Book(), random.Random(seed)
    load = Load(daemon, book, pause=0.25, seed=seed, ends=(10, 11), cancels=0.05)
    disorder = Disorder(daemon, hosts, draw)
    load.start(5)
    works = (
        disorder.of_hosts(),
        disorder.of_the_daemon(MINUTES * 60),
        disorder.of_phones(),
    )
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.sleep(MINUTES * 60)
        await stop(tasks)
        await load.stop()
    finally:
        load.cancel()
        for task in tasks:
            task.cancel()
    for host in hosts:
        host.relay.delay = 0.0
        host.relay.flows.set()
        if host.life is None:
            await host.start()
    messages = await settled(daemon, hook)
    heard = await inbound(daemon)
    assert await daemon.stop() == 0
    parts = sorted((p for host in hosts for p in host.parts), key=lambda part: part.at)
    reckoning = reckon(
        book, messages, parts, hook.received, response_timeout=RESPONSE_TIMEOUT
    )
    texts = Counter(each["text"] for each in heard if each["complete"])
    sys.stdout.write(
        f"\n{MINUTES:g} minutes (seed {seed}) with {' and '.join(COMMANDS)}:"
        f" {reckoning}\n{book}\nwhat went wrong:"
        f" {dict(sorted(disorder.counts.items()))}\n{len(disorder.replies)} MO messages"
        f" sent once, {len(texts)} arrived\n"
    )
    reckoning.check()
    states = {message["id"]: message["state"] for message in messages}
    assert {states[id_] for id_ in book.cancelled} <= {"cancelled"}
    assert max(reckoning.per_break, default=0) <= WINDOW
    assert set(texts) <= set(disorder.replies)
    assert set(texts.values()) == {1}
    assert all(each.is_signed_by(KEY) for each in hook.received)


async def stop(tasks: list[asyncio.Task[None]]) -> None:
    """End what goes on; none has failed."""
    for task in tasks:
        assert not task.done() or task.exception() is None, task.exception()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
