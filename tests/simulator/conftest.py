"""Simulators and peers that are gone when the test is over."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from simulator.peer import Peer, bound, connect

from esmed.simulator import SmscOptions, SmscSimulator

Simulate = Callable[..., Awaitable[SmscSimulator]]
Connect = Callable[..., Awaitable[Peer]]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def simulate(stack: AsyncExitStack) -> Simulate:
    """Start a simulator with these options; stopped at the end."""

    async def start(**options: Any) -> SmscSimulator:
        simulator = SmscSimulator(SmscOptions(**options))
        await simulator.start()
        stack.push_async_callback(simulator.stop)
        return simulator

    return start


@pytest.fixture
def open_peer(stack: AsyncExitStack) -> Connect:
    """Connect to a simulator without binding."""

    async def start(simulator: SmscSimulator) -> Peer:
        peer = await connect(simulator.port)
        stack.callback(peer.close)
        return peer

    return start


@pytest.fixture
def bound_peer(stack: AsyncExitStack) -> Connect:
    """Bind a transceiver to a simulator."""

    async def start(simulator: SmscSimulator, **fields: Any) -> Peer:
        peer = await bound(simulator.port, **fields)
        stack.callback(peer.close)
        return peer

    return start
