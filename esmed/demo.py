"""`esmed demo`: the whole way, with two simulated SMSCs and a simulated provider.

The daemon is the real one, with a store on disk, HTTP and webhooks on loopback ports;
only the network is played, and no account is needed. Half-way the primary SMSC goes
down.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import tempfile
import time
from collections.abc import Sequence
from typing import Any, Final

from aiohttp import ClientSession, ClientTimeout, web
from msgspec import Struct

from esmed import config as configuration
from esmed.app import App
from esmed.secret import Surroundings
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.mo import MoMessage
from esmed.simulator.options import SmscOptions
from esmed.simulator.outcomes import STANDARD
from esmed.simulator.providers.svitsms import Simulator as SvitSms
from esmed.simulator.smsc import SmscSimulator

PATIENCE: Final = 35.0
"""Seconds in all until what has not ended is called a failure."""

_CONFIG: Final = """
node: demo
store: {{url: "sqlite:///{folder}/esmed.db"}}
http: {{listen: ["127.0.0.1:{port}"]}}
callbacks: {{listen: ["127.0.0.1:{callbacks}"]}}
webhooks:
  url: http://127.0.0.1:{hook}/sms
  secret: whsec_ZGVtby1vbmx5LWRlbW8tb25seS1kZW1vLW9ubHk=
connectors:
  carrier:
    kind: smpp
    hosts:
      - {{address: "127.0.0.1:{primary}"}}
      - {{address: "127.0.0.1:{backup}"}}
    system_id: demo
    password: demo
    failback_after: 2s
    reconnect: {{min: 200ms, max: 1s}}
    receipt_timeout: 20s
    retry: {{min: 500ms, max: 1s}}
  svit:
    kind: svitsms
    base_urls: ["{provider}"]
    login: "380501234567"
    password: demo
    callback_secret: demo
routes:
  - {{to: "{number}", via: [svit, carrier]}}
  - {{via: [carrier]}}
"""
_PROVIDED: Final = "38067"
"""The numbers that go by way of the provider; all others go to the SMSCs."""
_CARRIED: Final = "38050"


class Sample(Struct, frozen=True):
    """A message of the demo and how it should end."""

    what: str
    text: str
    suffix: str
    """Last two digits of the destination: what the simulated network does with it."""
    expected: str


SAMPLES: Final = (
    Sample("one part", "Your code is 4711", "10", "delivered"),
    Sample(
        "long, Cyrillic",
        "Шановний клієнте! Ваше замовлення № 20417 вже в дорозі: кур'єр приїде"
        " сьогодні з 14:00 до 16:00. Якщо плани змінилися, просто дайте відповідь"
        " на це повідомлення. Дякуємо, що ви з нами!",
        "11",
        "delivered",
    ),
    Sample("emoji", "Happy birthday! 🎂🎉 10 % off today", "12", "delivered"),
    Sample("euro, brackets", "Total: 12.50 € [incl. VAT] ~ {4711}", "13", "delivered"),
    Sample("no such phone", "Anybody there?", "01", "undeliverable"),
    Sample("validity over", "Too late", "02", "expired"),
    Sample("refused later", "Not for you", "03", "rejected"),
    Sample("phone was off", "Call me back", "04", "delivered"),
    Sample("refused at once", "Wrong number", "05", "rejected"),
    Sample("busy twice", "Patience", "07", "delivered"),
)


BY_PROVIDER: Final = (
    Sample("one part", "Your code is 4711", "20", "delivered"),
    Sample("Cyrillic", "Ваше замовлення вже в дорозі", "21", "delivered"),
    Sample("no such phone", "Anybody there?", "01", "undeliverable"),
    Sample("refused at once", "Wrong number", "05", "rejected"),
)
"""The same for the simulated provider, by its own rules."""


class _Hook:
    """The customer's application: hears how messages ended and what phones wrote."""

    def __init__(self) -> None:
        self.ended: dict[str, dict[str, Any]] = {}
        self.inbound: list[dict[str, Any]] = []
        self.news = asyncio.Event()
        app = web.Application()
        app.router.add_post("/sms", self._hear)
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self) -> int:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _hear(self, request: web.Request) -> web.Response:
        event = await request.json()
        if event["type"] == "inbound.received":
            self.inbound.append(event["data"])
        else:
            self.ended[event["data"]["id"]] = event["data"]
        self.news.set()
        return web.Response(status=204)


class _Demo:
    """One run; prints as it goes."""

    def __init__(
        self, url: str, hook: _Hook, smscs: list[SmscSimulator], provider: str
    ) -> None:
        self._url = url
        self._hook = hook
        self._primary, self._backup = smscs
        self._deadline = asyncio.get_running_loop().time() + PATIENCE
        self._sent: dict[str, tuple[Sample, float]] = {}
        self._shown: set[str] = set()
        self._good = 0
        self._hosts = {
            f"127.0.0.1:{self._primary.port}": "primary",
            f"127.0.0.1:{self._backup.port}": "backup",
            provider: "provider",
        }

    async def run(self, messages: int) -> bool:
        """Send, break, mend; tell whether everything ended as it should."""
        samples = [SAMPLES[i % len(SAMPLES)] for i in range(messages)]
        half = (messages + 1) // 2
        async with ClientSession(timeout=ClientTimeout(total=10)) as session:
            await self._ready(session)
            print(f"\n-- {half} messages over the primary SMSC")
            await self._send(session, samples[:half], _CARRIED)
            await self._ended(half)
            print(f"\n-- the primary goes down; {messages - half} more over the backup")
            await self._primary.stop()
            await self._send(session, samples[half:], _CARRIED)
            await self._ended(messages)
            print(f"\n-- {len(BY_PROVIDER)} over a provider: XML over HTTP")
            await self._send(session, BY_PROVIDER, _PROVIDED)
            messages += len(BY_PROVIDER)
            await self._ended(messages)
            print("\n-- a phone answers, its three parts in the wrong order")
            answer = "".join(f"{n:03} дякую! " for n in range(16))
            self._backup.inject_mo(
                MoMessage(
                    from_="380501234510", to="Demo", text=answer, parts_order=(3, 1, 2)
                )
            )
            heard = await self._heard(answer)
        ended = len(self._shown)
        print(
            f"\n{messages} messages sent, {ended} ended, {self._good} as they should;"
            f" {int(heard)} of 1 answers received"
        )
        return heard and ended == messages == self._good

    async def _ready(self, session: ClientSession) -> None:
        async with asyncio.timeout_at(self._deadline):
            while True:
                async with session.get(f"{self._url}/v1/connectors") as reply:
                    connectors = (await reply.json())["connectors"]
                hosts = [host for one in connectors for host in one["hosts"]]
                if all(host["state"] == "bound" for host in hosts):
                    break
                await asyncio.sleep(0.05)
        for host in hosts:
            print(f"   connected to {host['address']} ({host['role']})")

    async def _send(
        self, session: ClientSession, samples: Sequence[Sample], prefix: str
    ) -> None:
        for number, sample in enumerate(samples, len(self._sent)):
            body = {
                "to": f"+{prefix}{number:05}{sample.suffix}",
                "from": "Demo",
                "text": sample.text,
            }
            async with session.post(f"{self._url}/v1/messages", json=body) as reply:
                answer = await reply.json()
                reply.raise_for_status()
            self._sent[answer["id"]] = (sample, time.monotonic())
            self._print_ended()

    async def _ended(self, count: int) -> None:
        """Wait for ``count`` webhooks in all, or until patience ends."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._deadline):
                while len(self._shown) < count:
                    await self._hook.news.wait()
                    self._hook.news.clear()
                    self._print_ended()

    async def _heard(self, answer: str) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._deadline):
                while not self._hook.inbound:
                    await self._hook.news.wait()
                    self._hook.news.clear()
        for inbound in self._hook.inbound:
            print(
                f"   from {inbound['from']} to {inbound['to']}:"
                f" {inbound['parts']} parts, {len(inbound['text'])} characters"
            )
        return [inbound["text"] for inbound in self._hook.inbound] == [answer]

    def _print_ended(self) -> None:
        for id_, message in self._hook.ended.items():
            if id_ in self._shown or id_ not in self._sent:
                continue
            self._shown.add(id_)
            sample, since = self._sent[id_]
            good = message["state"] == sample.expected
            self._good += good
            host = self._hosts.get(message["host"] or "", "-")
            parts = f"{message['parts']} part{'s' * (message['parts'] > 1)}"
            print(
                f"   {sample.what:15} {message['encoding']:5} {parts:8}"
                f" {_way(message):34} {host:8}"
                f" {time.monotonic() - since:4.1f} s{'' if good else '   UNEXPECTED'}"
            )


def _way(message: dict[str, Any]) -> str:
    """Show the states that a message went through."""
    steps = ["queued"]
    if message["submitted_at"]:
        steps.append("submitted")
    steps.append(message["state"])
    return " > ".join(steps)


_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


async def run(arguments: argparse.Namespace) -> int:
    """Run the demo with ``messages`` and ``keep``; 0 if all ended as it should.

    SIGINT and SIGTERM end it, and nothing is left behind.
    """
    loop = asyncio.get_running_loop()
    demo = loop.create_task(_run(arguments.messages, keep=arguments.keep))
    for number in _SIGNALS:
        loop.add_signal_handler(number, demo.cancel)
    try:
        await asyncio.wait([demo])
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        demo.cancel()
        await asyncio.wait([demo])
    if demo.cancelled():
        return 1
    good = demo.result()
    print("all is as it should be" if good else "something is not as it should be")
    return 0 if good else 1


def _free_port() -> int:
    """Return a port that nobody listens on now: whoever pushes has to know it first."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _run(messages: int, *, keep: bool) -> bool:
    hook = _Hook()
    options = SmscOptions(outcomes=STANDARD, receipt_delay=0.3)
    smscs = [SmscSimulator(options), SmscSimulator(options)]
    callbacks = _free_port()
    provider = SvitSms(
        ProviderOptions(
            deliver_after=0.3,
            callback_url=f"http://127.0.0.1:{callbacks}/callbacks/svit/demo/status",
        )
    )
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="esmed-demo-"))
        hook_port = await hook.start()
        stack.push_async_callback(hook.stop)
        for smsc in smscs:
            await smsc.start()
            stack.push_async_callback(smsc.stop)
        await stack.enter_async_context(provider)
        app = App(
            configuration.loads(
                _CONFIG.format(
                    folder=folder,
                    port=0,
                    hook=hook_port,
                    primary=smscs[0].port,
                    backup=smscs[1].port,
                    callbacks=callbacks,
                    provider=provider.url,
                    number=_PROVIDED,
                ),
                Surroundings.of_process({}),
            )
        )
        await app.start()
        stack.push_async_callback(app.stop)
        url = f"http://{app.addresses[0]}"
        print(f"the daemon serves {url}, its store is {folder}/esmed.db")
        good = await _Demo(url, hook, smscs, provider.url).run(messages)
        if keep:
            print(f"\nstill serving {url}; press Ctrl-C to end", flush=True)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
    return good
