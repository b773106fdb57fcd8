"""Certificates, SMSCs, and connectors to them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from fakes.ca import Authority
from fakes.connectorrig import Rig
from fakes.smsc import FakeSmsc, fake_smsc

from esmed.tlsconfig import Tls

Make = Callable[..., Any]


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that nobody trusts."""
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture
async def smsc() -> AsyncIterator[FakeSmsc]:
    async with fake_smsc() as smsc:
        yield smsc


@pytest.fixture
async def backup() -> AsyncIterator[FakeSmsc]:
    async with fake_smsc() as smsc:
        yield smsc


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Make and start connectors to these SMSCs; they are stopped at the end."""
    async with AsyncExitStack() as stack:

        async def start(
            *smscs: FakeSmsc, up: bool = True, tls: Tls | None = None, **settings: Any
        ) -> Rig:
            rig = Rig([smsc.port for smsc in smscs], tls, **settings)
            stack.push_async_callback(rig.connector.stop, 0.0)
            await rig.connector.start()
            if up:
                await rig.up()
            return rig

        yield start
