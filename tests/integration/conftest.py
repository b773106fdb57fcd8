"""A daemon, its customer's application and an SMSC for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes import provider
from fakes.provider import Post
from fakes.smsc import FakeSmsc, fake_smsc
from integration import site as sites
from integration.site import Site

from esmed import dispatch
from esmed.bridge import registry, schedule, submission
from esmed.simulator import SmscSimulator
from esmed.simulator.outcomes import STANDARD
from esmed.store import questions


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What time brings by itself is looked for more often, so that nobody waits."""
    monkeypatch.setattr(dispatch, "SWEEP_EVERY", 0.1)
    monkeypatch.setattr(questions, "BUSY_SECONDS", 0.2)


@pytest.fixture
def asked_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Providers are asked for states, and for what may have been taken, at once."""
    monkeypatch.setattr(schedule, "FIRST", 0.1)
    monkeypatch.setattr(schedule, "FACTOR", 1.0)
    monkeypatch.setattr(submission, "RECHECK_AFTER", (0.05, 0.1, 0.2, 0.4))


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
def letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """``kind: letters`` is there, and no other provider."""
    monkeypatch.setattr(registry, "provider_kinds", lambda: ["letters"])
    monkeypatch.setattr(registry, "_module", lambda _: provider)


@pytest.fixture
async def post(letters: None) -> AsyncIterator[Post]:
    """The other end of a connector of that kind."""
    async with provider.post() as made:
        yield made


@pytest.fixture
async def simulator() -> AsyncIterator[SmscSimulator]:
    """Answers and reports at once; destinations end as its standard rules say."""
    async with sites.simulator(outcomes=STANDARD) as made:
        yield made
