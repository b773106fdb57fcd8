"""A daemon, its customer's application and an SMSC for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.smsc import FakeSmsc, fake_smsc
from integration import site as sites
from integration.site import Site

from esmed import dispatch
from esmed.simulator import SmscSimulator
from esmed.simulator.outcomes import STANDARD
from esmed.store import questions


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What time brings by itself is looked for more often, so that nobody waits."""
    monkeypatch.setattr(dispatch, "SWEEP_EVERY", 0.1)
    monkeypatch.setattr(questions, "BUSY_SECONDS", 0.2)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with sites.site(tmp_path) as made:
        yield made


@pytest.fixture
async def smsc() -> AsyncIterator[FakeSmsc]:
    async with fake_smsc() as made:
        yield made


@pytest.fixture
async def backup() -> AsyncIterator[FakeSmsc]:
    async with fake_smsc() as made:
        yield made


@pytest.fixture
async def simulator() -> AsyncIterator[SmscSimulator]:
    """Answers and reports at once; destinations end as its standard rules say."""
    async with sites.simulator(outcomes=STANDARD) as made:
        yield made
