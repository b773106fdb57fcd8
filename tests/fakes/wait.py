"""Waiting for what has no event of its own."""

import asyncio
from collections.abc import Callable

LIMIT = 30.0
"""Seconds for anything that is sure to happen: machines stall."""


async def eventually(condition: Callable[[], object]) -> None:
    """Return when the condition holds; TimeoutError if it never does."""
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.001)


async def settle() -> None:
    """Let everything run that is ready to, and what that makes ready."""
    for _ in range(20):
        await asyncio.sleep(0)
