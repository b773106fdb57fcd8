"""The whole daemon in this process, between a customer and SMSCs of ours."""

import base64
import json
import textwrap
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

from fakes.hook import HookSink
from fakes.smsc import FakeSmsc, SmscConnection
from integration.client import Client

from esmed import config
from esmed.app import App
from esmed.clock import SystemClock
from esmed.secret import Surroundings
from esmed.simulator import SmscOptions, SmscSimulator
from pdu import DeliverSm, EsmClass, SubmitSm

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY: Final = base64.b64decode(SECRET.removeprefix("whsec_"))

Peer = FakeSmsc | SmscSimulator

_CONFIG: Final = """
node: test
store: {{url: "sqlite:///{store}", durability: normal, erase_text: {erase_text}}}
http: {{listen: {listen}, max_queued: {max_queued}, clients: {clients}}}
callbacks: {callbacks}
webhooks: {webhooks}
connectors:
{connectors}
routes: {routes}
shutdown_timeout: 1s
"""

_CONNECTOR: Final = {
    "kind": "smpp",
    "system_id": "me",
    "password": "hush",
    "reconnect": {"min": "50ms", "max": "200ms"},
    "retry": {"min": "50ms", "max": "200ms"},
}


def connector(*peers: Peer | str, **keys: Any) -> dict[str, Any]:
    """The configuration of a connector; the first peer is its primary."""
    hosts = [{"address": address_of(peer)} for peer in peers]
    return {**_CONNECTOR, "hosts": hosts, **keys}


def address_of(peer: Peer | str) -> str:
    if isinstance(peer, str):
        return peer
    return f"127.0.0.1:{peer.port}"


class ShiftedClock(SystemClock):
    """The machine's clock, whose wall time a test may put forward."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def shift(self, seconds: float) -> None:
        """Have so much time have passed."""
        self._ahead += seconds

    def now(self) -> float:
        return super().now() + self._ahead

    def now_ms(self) -> int:
        return super().now_ms() + round(self._ahead * 1000)


class Site(Client):
    """The daemon, which may be started again on the same store; `start` it first."""

    def __init__(self, folder: Path, hook: HookSink) -> None:
        super().__init__()
        self.hook = hook
        self.clock = ShiftedClock()
        self.connectors: dict[str, dict[str, Any]] = {}
        self.routes: list[dict[str, Any]] = []
        self.clients: list[dict[str, Any]] = []
        self.webhooks: dict[str, Any] = {"url": hook.url(), "secret": SECRET}
        self.listen = ["127.0.0.1:0"]
        self.callbacks: dict[str, Any] | None = None
        self.max_queued = 1000
        self.erase_text = "never"
        self.store = folder / "esmed.db"
        self.environ: dict[str, str] = {}
        self.app: App | None = None

    @property
    def text(self) -> str:
        """The configuration as it is now."""
        return _CONFIG.format(
            store=self.store,
            erase_text=self.erase_text,
            listen=json.dumps(self.listen),
            max_queued=self.max_queued,
            callbacks=json.dumps(self.callbacks),
            webhooks=json.dumps(self.webhooks),
            connectors=textwrap.indent(
                "\n".join(
                    f"{name}: {json.dumps(one)}"
                    for name, one in self.connectors.items()
                ),
                "  ",
            ),
            clients=json.dumps(self.clients),
            routes=json.dumps(self.routes or [{"via": list(self.connectors)}]),
        )

    def config(self) -> config.Config:
        """What it says; ConfigError."""
        return config.loads(self.text, Surroundings.of_process({}))

    async def start(self, **connectors: dict[str, Any]) -> None:
        """Start it; the ``connectors`` given replace all of before."""
        assert self.app is None
        self.connectors = connectors or self.connectors
        self.app = App(self.config(), clock=self.clock, environ=self.environ)
        await self.app.start()
        self.url = f"http://{self.app.addresses[0]}"

    async def reload(self, **connectors: dict[str, Any]) -> bool:
        """Have it read its configuration again; as for `start`."""
        assert self.app is not None
        self.connectors = connectors or self.connectors
        return await self.app.reload(self.config)

    async def stop(self) -> None:
        """Stop it; again does no harm."""
        app, self.app = self.app, None
        if app is not None:
            await app.stop()

    async def restart(self, **connectors: dict[str, Any]) -> None:
        await self.stop()
        await self.start(**connectors)

    def callback_url(self, connector: str, secret: str, kind: str = "status") -> str:
        """Where a provider pushes to."""
        assert self.app is not None
        (address,) = self.app.callback_addresses
        return f"http://{address}/callbacks/{connector}/{secret}/{kind}"

    async def told(self, count: int, path: str = "/hook") -> list[dict[str, Any]]:
        """Wait for so many webhooks; what they say, in the order of their coming."""
        await self.hook.count(count, path)
        return [json.loads(each.body) for each in self.hook.at(path)]

    def types(self, path: str = "/hook") -> list[str]:
        """Of the webhooks that have come."""
        return [json.loads(each.body)["type"] for each in self.hook.at(path)]


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    """A site that is closed at the end."""
    async with HookSink() as hook:
        made = Site(folder, hook)
        try:
            yield made
        finally:
            await made.stop()
            await made.close()


@asynccontextmanager
async def simulator(**options: Any) -> AsyncIterator[SmscSimulator]:
    """A simulated SMSC that is gone at the end."""
    made = SmscSimulator(SmscOptions(**options))
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


_sequences = count(1)
"""Of what it sends; unlike an SMSC's they are never used again."""

# --- what an SMSC of the tests sends -------------------------------------------------


async def a_bind(smsc: FakeSmsc) -> SmscConnection:
    """Wait for somebody to be bound."""
    await smsc.until(lambda: smsc.bound)
    return smsc.bound[-1]


async def submits(smsc: FakeSmsc, count: int) -> list[SubmitSm]:
    """Wait for so many submit_sm in all."""
    await smsc.until(lambda: len(smsc.submitted) >= count)
    return smsc.submitted


def receipt(
    bind: SmscConnection,
    smsc_id: str,
    *,
    to: str = "380501234500",
    stat: str = "DELIVRD",
    err: str = "000",
) -> DeliverSm:
    """Send a receipt as SMPP 3.4 Appendix B has it."""
    done = time.strftime("%y%m%d%H%M")
    text = (
        f"id:{smsc_id} sub:001 dlvrd:001 submit date:{done} done date:{done}"
        f" stat:{stat} err:{err} text:hello"
    )
    pdu = DeliverSm(
        sequence=next(_sequences),
        source_addr=to,
        destination_addr="Shop",
        esm_class=int(EsmClass.DELIVERY_RECEIPT),
        short_message=text.encode("ascii"),
    )
    bind.deliver(pdu)
    return pdu


def part_of_mo(
    bind: SmscConnection,
    reference: int,
    total: int,
    part: int,
    text: str,
    *,
    sender: str = "380671112233",
) -> DeliverSm:
    """Send one part of a message from a phone: 3GPP TS 23.040 §9.2.3.24.1."""
    header = bytes([5, 0, 3, reference, total, part])
    pdu = DeliverSm(
        sequence=next(_sequences),
        source_addr=sender,
        destination_addr="1234",
        esm_class=int(EsmClass.UDHI),
        short_message=header + text.encode("ascii"),
    )
    bind.deliver(pdu)
    return pdu


def mo(bind: SmscConnection, text: str, *, sender: str = "380671112233") -> DeliverSm:
    """Send a message from a phone."""
    pdu = DeliverSm(
        sequence=next(_sequences),
        source_addr=sender,
        destination_addr="1234",
        short_message=text.encode("ascii"),
    )
    bind.deliver(pdu)
    return pdu


async def acknowledged(smsc: FakeSmsc, *pdus: DeliverSm) -> None:
    """Wait for deliveries to have been answered well, each once."""
    await smsc.until(
        lambda: (
            [
                sum(
                    answer.sequence == pdu.sequence and not answer.status
                    for answer in smsc.acknowledged
                )
                for pdu in pdus
            ]
            == [1] * len(pdus)
        )
    )
