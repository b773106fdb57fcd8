"""Two nodes of a provider, and no patience."""

from collections.abc import AsyncIterator

import pytest
from fakes.provider import Post, post
from hypothesis import settings

from esmed.bridge import submission

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "RECHECK_AFTER", (0.01, 0.01))


@pytest.fixture
async def primary() -> AsyncIterator[Post]:
    async with post() as made:
        yield made


@pytest.fixture
async def backup() -> AsyncIterator[Post]:
    async with post() as made:
        yield made
