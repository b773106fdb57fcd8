"""Fixtures of the HTTP interface."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.httprig import Builder, Rig


@pytest.fixture
async def build(tmp_path: Path) -> AsyncIterator[Builder]:
    builder = Builder(tmp_path)
    yield builder
    await builder.close()


@pytest.fixture
async def rig(build: Builder) -> Rig:
    """No clients: everybody on this machine may do everything."""
    return await build()
