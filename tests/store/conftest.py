"""Stores to test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.storebench import StoreBench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[StoreBench]:
    """An open store."""
    one = StoreBench(tmp_path / "var" / "esmed.db")
    await one.open()
    yield one
    await one.close()


@pytest.fixture
async def shut(tmp_path: Path) -> AsyncIterator[StoreBench]:
    """A store that is not open yet."""
    one = StoreBench(tmp_path / "esmed.db")
    yield one
    await one.close()
