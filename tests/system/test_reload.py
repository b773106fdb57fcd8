"""SIGHUP to the real process, under load."""

import contextlib
import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import TextIO

import pytest
from fakes.hook import HookSink
from system.accounts import TAKEN_AT_ONCE, Book, Load, journal, reckon
from system.processes import Bench, Daemon, Process, Smsc, until
from system.set_up import config, finished
from system.test_service import Manager

SECOND = """
  second:
    kind: smpp
    hosts: [{{address: "{address}"}}]
    system_id: me
    password: {{file: {password}}}
    reconnect: {{min: 50ms, max: 200ms}}
    response_timeout: 30s
routes: [{{to: ["38050"], via: [{via}]}}, {{via: [carrier]}}]
"""


def with_second(first: str, smsc: Smsc, password: Path, *via: str) -> str:
    """A configuration with another connector, and a route over these."""
    second = SECOND.format(
        address=smsc.address, password=password, via=", ".join(via or ("second",))
    )
    assert first.count("routes: [{via: [carrier]}]") == 1
    return first.replace("routes: [{via: [carrier]}]", second.strip("\n"))


def put(path: Path, text: str) -> None:
    """Have a file say this, from one moment to the next."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def reloads(daemon: Daemon) -> int:
    """How many it has done."""
    return daemon.log.count(" config.reloaded ")


def heard_of(service: Manager, count: int) -> bool:
    """Whether it was told so much."""
    return len(service.hear()) >= count


async def hang_up(daemon: Daemon, text: str) -> None:
    """Have it read this, and wait for that."""
    before = reloads(daemon)
    put(daemon.config_path, text)
    daemon.send_signal(signal.SIGHUP)
    await until(lambda: reloads(daemon) > before, lambda: daemon.log)


async def test_while_it_starts(processes: Bench, hook: HookSink, smsc: Smsc):
    """Before there is anybody to hear it: once it runs it reads its file again."""
    daemon = processes.daemon(config(smsc, hook))
    os.mkfifo(daemon.config_path)
    Process.spawn(daemon)
    pipe = await writer(daemon.config_path)
    daemon.send_signal(signal.SIGHUP)
    pipe.write(daemon.config)
    pipe.close()
    await daemon.ready()
    with await writer(daemon.config_path) as pipe:
        pipe.write(daemon.config)
    await until(lambda: reloads(daemon) == 1, lambda: daemon.log)


async def writer(fifo: Path) -> TextIO:
    """Open it once somebody reads it."""
    opened: list[int] = []

    def tried() -> bool:
        with contextlib.suppress(OSError):
            opened.append(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        return bool(opened)

    await until(tried)
    return os.fdopen(opened[0], "w")


@pytest.mark.parametrize(
    "count", [20, pytest.param(400, id="many", marks=pytest.mark.slow)]
)
async def test_under_load(processes: Bench, hook: HookSink, smsc: Smsc, count: int):
    """Many in quick succession, each with something else: one connector stays, the
    other comes, changes and goes; nothing is lost, nothing is sent twice."""
    other = processes.smsc("--response-delay", "20ms", "--max-binds", "1", name="other")
    await other.start()
    password = processes.folder / "password"
    put(password, "hush")
    base = config(smsc, hook)
    daemon = processes.daemon(base)
    await daemon.start()
    await daemon.bound()
    book = Book()
    load = Load(daemon, book, pause=0.05, seed=7, at_most_once=0.5, ends=TAKEN_AT_ONCE)
    load.start(3)
    try:
        await smsc.reaches(lambda stats: stats["submits"] > 10)
        descriptors, memory = daemon.descriptors, daemon.resident_mib
        for number in range(count):
            put(password, f"hush{number // 2}")
            match number % 4:
                case 0 | 1:
                    text = with_second(base, other, password)
                case 2:
                    text = with_second(base, other, password, "second", "carrier")
                    text = text.replace("window: 10", f"window: {11 + number % 9}")
                case _:
                    text = base
            if number % 3:
                # Nobody waits for it: some are done together.
                put(daemon.config_path, text)
                daemon.send_signal(signal.SIGHUP)
            else:
                await hang_up(daemon, text)
        await hang_up(daemon, with_second(base, other, password))
        before = (await other.stats())["submits"]
        await other.reaches(lambda stats: stats["submits"] > before + 10)
        await load.stop()
    finally:
        load.cancel()
    messages = await finished(daemon, hook)
    assert daemon.descriptors < descriptors + 20
    assert daemon.resident_mib < memory + 40
    assert (await smsc.stats())["binds"] == 1
    stats = await other.stats()
    assert stats["binds"] >= 3
    assert not stats["bind_refusals"]
    assert await daemon.metric("esmed_config_reload_success") == 1
    assert await daemon.stop() == 0
    assert "config.refused" not in daemon.log
    reckoning = reckon(
        book, messages, journal(smsc.journal_path, other.journal_path), hook.received
    )
    reckoning.check()
    assert not reckoning.duplicates
    assert set(reckoning.states) <= {"delivered", "undeliverable"}


async def test_a_bad_file_and_a_good_one(processes: Bench, smsc: Smsc):
    good = config(smsc)
    daemon = processes.daemon(good)
    await daemon.start()
    await daemon.bound()
    for text, told in (
        ("connectors: {", r"config\.refused path=\S+ reason=.*line 1"),
        (
            good.replace("window: 10", "windw: 10"),
            r"config\.refused path=connectors\.carrier\.windw reason=.*did you mean",
        ),
        (
            good.replace(
                smsc.address + '"',
                f'{smsc.address}", tls: {{certificate: {daemon.config_path}}}',
            ),
            r"config\.refused path=connectors\.carrier\.hosts\[0\]\.tls",
        ),
        (
            good.replace("esmed.db", "other.db"),
            r"config\.refused path=store\.url reason=.*needs a restart",
        ),
    ):
        put(daemon.config_path, text)
        daemon.send_signal(signal.SIGHUP)
        await daemon.find(told)
        assert await daemon.metric("esmed_config_reload_success") == 0
    daemon.config_path.unlink()
    daemon.send_signal(signal.SIGHUP)
    await daemon.find(r"config\.refused .*cannot read")
    await daemon.reaches(await daemon.submit(), "delivered")
    await hang_up(daemon, good)
    assert await daemon.metric("esmed_config_reload_success") == 1
    assert (await smsc.stats())["binds"] == 1
    assert await daemon.stop() == 0


async def test_what_the_service_manager_hears(processes: Bench, smsc: Smsc):
    """That it is ready again, whatever came of a reload, with the time of its begin."""
    service = Manager(str(processes.folder / "notify"))
    daemon = processes.daemon(config(smsc))
    daemon.environ["NOTIFY_SOCKET"] = str(processes.folder / "notify")
    await daemon.start()
    for text, states in ((daemon.config, 4), ("connectors: {", 7)):
        put(daemon.config_path, text)
        daemon.send_signal(signal.SIGHUP)
        await until(partial(heard_of, service, states), lambda: str(service.states))
    heard = service.hear()
    times = [state for state in heard if state.startswith("MONOTONIC_USEC=")]
    reload = ["RELOADING=1", "MONOTONIC_USEC=…", "READY=1"]
    assert ["MONOTONIC_USEC=…" if state in times else state for state in heard] == [
        "READY=1",
        *reload,
        *reload,
    ]
    first, second = (int(state.partition("=")[2]) for state in times)
    assert first < second < time.monotonic() * 1e6
    assert await daemon.stop() == 0
    service.close()


async def test_a_stop_during_a_reload_wins(processes: Bench):
    smsc = processes.smsc()
    await smsc.start()
    daemon = processes.daemon(config(smsc, response_timeout="2s"))
    await daemon.start()
    await daemon.bound()
    await smsc.fault(kind="silence")
    id_ = await daemon.submit()
    await daemon.reaches(id_, "submitting")
    # It waits for the answer.
    changed = daemon.config.replace("system_id: me", "system_id: you")
    put(daemon.config_path, changed)
    daemon.send_signal(signal.SIGHUP)
    await daemon.connector("carrier", "down", reason="stopping")
    await smsc.heal()
    assert await daemon.stop() == 0
    assert (await smsc.stats())["binds"] == 1
    assert reloads(daemon) == 0


async def test_a_file_that_never_comes(processes: Bench, smsc: Smsc):
    """Somebody's file system hangs: neither messages nor a stop wait for it."""
    daemon = processes.daemon(config(smsc))
    await daemon.start()
    fifo = processes.folder / "fifo"
    os.mkfifo(fifo)
    text = daemon.config.replace("password: hush", f"password: {{file: {fifo}}}")
    put(daemon.config_path, text)
    daemon.send_signal(signal.SIGHUP)
    await daemon.reaches(await daemon.submit(), "delivered")
    assert await daemon.stop() == 0
