"""The watchdog is fed by progress, and by nothing else."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.manager import NotifySocket
from fakes.smsc import FakeSmsc
from fakes.wait import eventually
from integration.site import Site, connector

from esmed.log import EventFormatter
from esmed.store.unit import Unit

WATCHDOG = 4.0
"""Seconds. A part is stuck after half of it, so this is twice what SQLite may wait."""
LONG = WATCHDOG / 2
"""Seconds without food that no healthy daemon comes to."""


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[NotifySocket]:
    with NotifySocket(tmp_path, watchdog=WATCHDOG) as made:
        yield made


@pytest.fixture
async def watched(site: Site, smsc: FakeSmsc, manager: NotifySocket) -> Site:
    site.environ = manager.environ
    await site.start(carrier=connector(smsc))
    await site.bound()
    return site


async def fed_again(manager: NotifySocket) -> None:
    before = manager.fed
    await eventually(lambda: manager.fed > before + 2)


def logged(caplog: pytest.LogCaptureFixture) -> str:
    formatter = EventFormatter("text")
    return "\n".join(map(formatter.format, caplog.records))


async def test_a_healthy_daemon_feeds_it(watched: Site, manager: NotifySocket):
    await fed_again(manager)
    await watched.reaches(await watched.submit(), "submitted")
    await fed_again(manager)
    await watched.stop()
    assert manager.states[-2:] == ["STOPPING=1", "EXTEND_TIMEOUT_USEC=16000000"]


async def test_a_stuck_writer(
    watched: Site,
    manager: NotifySocket,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    release = threading.Event()
    begin = Unit.begin

    def hang(unit: Unit) -> None:
        release.wait(120)
        begin(unit)

    monkeypatch.setattr(Unit, "begin", hang)
    submission = asyncio.create_task(watched.submit())
    try:
        # The loop turns all the while.
        await eventually(lambda: manager.hungry > LONG)
        assert "watchdog.withheld stuck=store" in logged(caplog)
    finally:
        release.set()
    await watched.reaches(await submission, "submitted")
    await fed_again(manager)
    assert "watchdog.fed was_stuck=store" in logged(caplog)


async def test_a_stuck_loop(watched: Site, manager: NotifySocket):
    await fed_again(manager)
    stuck = threading.Event()
    starved: list[float] = []

    def watch() -> None:
        while manager.hungry < LONG and not stuck.wait(0.05):
            pass
        starved.append(manager.hungry)
        stuck.set()

    watching = threading.Thread(target=watch)
    watching.start()
    assert stuck.wait(120), "nobody fed it, and nobody saw that"
    watching.join()
    assert starved[0] >= LONG
    await fed_again(manager)


async def test_a_link_that_nobody_looks_after(
    watched: Site, manager: NotifySocket, caplog: pytest.LogCaptureFixture
):
    await fed_again(manager)
    [task] = [one for one in asyncio.all_tasks() if one.get_name().startswith("link ")]
    task.cancel()
    await eventually(lambda: manager.hungry > LONG)
    assert "watchdog.withheld stuck=carrier" in logged(caplog)


async def test_a_full_disk_is_no_reason_to_starve(
    watched: Site, manager: NotifySocket, monkeypatch: pytest.MonkeyPatch
):
    """It is tried again and again: a restart would make nothing better."""

    def fail(_: Unit) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Unit, "begin", fail)
        status, _ = await watched.ask(
            "POST", "/v1/messages", {"to": "380501234500", "from": "S", "text": "x"}
        )
        assert status == 503
        for _ in range(4):
            await fed_again(manager)
    await watched.reaches(await _accepted(watched), "submitted")


async def _accepted(site: Site) -> str:
    while True:
        status, answer = await site.ask(
            "POST", "/v1/messages", {"to": "380501234500", "from": "S", "text": "x"}
        )
        if status == 202:
            return str(answer["id"])
        await asyncio.sleep(0.1)
