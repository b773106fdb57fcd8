"""Simulators and peers that are gone when the test is over."""

import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
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


@pytest.fixture
def certified(tmp_path: Path) -> tuple[Path, Path]:
    """The files of a certificate of localhost and its key."""
    certificate = tmp_path / "certificate.pem"
    key = tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key
