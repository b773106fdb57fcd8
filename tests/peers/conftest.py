"""Peers and daemons that are gone when the test is over."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from peers import rust
from peers.daemon import Daemon, daemon
from peers.peer import COMMANDS, Peer, missing, script

StartSmsc = Callable[..., Awaitable[Peer]]
StartDaemon = Callable[..., Awaitable[Daemon]]

FIRST_ID = 0x1_0000_0000
"""Ids whose hexadecimal digits are decimal ones to begin with: nothing tells which."""


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def start_smsc(stack: AsyncExitStack) -> StartSmsc:
    """Start an SMSC of that make."""

    async def start(
        name: str, ids: str = "hex", first_id: int = FIRST_ID, **options: Any
    ) -> Peer:
        why = missing(name)
        if why is not None:
            pytest.skip(why)
        if name == "smpp34":
            return await stack.enter_async_context(
                rust.running(rust.Smsc(first_id, ids))
            )
        return await stack.enter_async_context(
            script(
                name,
                COMMANDS[name],
                role="smsc",
                ids=ids,
                first_id=first_id,
                **options,
            )
        )

    return start


@pytest.fixture
def start_daemon(stack: AsyncExitStack, tmp_path: Path) -> StartDaemon:
    """Start the daemon with that SMSC; `keys` are of its connector."""

    async def start(smsc: Peer, **keys: Any) -> Daemon:
        return await stack.enter_async_context(daemon(tmp_path, smsc.port, **keys))

    return start
