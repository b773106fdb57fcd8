"""`esmed demo`, as the README has it."""

import signal
from pathlib import Path

import aiohttp
import pytest
from system.processes import Bench, Process


def check(process: Process) -> None:
    """Fail unless it showed what it should, and left nothing behind."""
    log = process.log
    assert "14 messages sent, 14 ended, 14 as they should; 1 of 1 answers" in log
    assert log.endswith("all is as it should be\n")
    for way in (
        "long, Cyrillic  ucs2  3 parts",
        "> undeliverable",
        "> expired",
        "> rejected",
        "backup",
        "provider",
    ):
        assert way in log
    assert "UNEXPECTED" not in log
    folder = log.partition("its store is ")[2].partition("/esmed.db")[0]
    assert folder
    assert not is_there(folder)


def is_there(folder: str) -> bool:
    return Path(folder).exists()


async def test_kept(processes: Bench):
    process = processes.process("demo", "demo", "--keep")
    process.spawn()
    found = await process.find(r"still serving (http://\S+);")
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{found[1]}/readyz") as answer,
    ):
        assert answer.status == 200
    assert await process.stop(signal.SIGINT) == 0
    check(process)


@pytest.mark.slow
async def test_by_itself(processes: Bench):
    process = processes.process("demo", "demo")
    process.spawn()
    assert await process.exited(limit=40) == 0
    check(process)


async def test_ended_before_its_end(processes: Bench):
    process = processes.process("demo", "demo")
    process.spawn()
    found = await process.find(r"its store is (\S+)/esmed.db")
    assert await process.stop() == 1
    assert not is_there(found[1])
