"""Processes and a customer's application for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.hook import HookSink
from system.processes import Bench, Smsc, bench


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


@pytest.fixture
async def hook() -> AsyncIterator[HookSink]:
    async with HookSink() as sink:
        yield sink


@pytest.fixture
async def smsc(processes: Bench) -> Smsc:
    """A simulated SMSC that is running."""
    made = processes.smsc()
    await made.start()
    return made
