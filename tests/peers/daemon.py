"""The whole daemon, in this process, with a store on disk and an application behind it.

What it says is only what everybody hears: the HTTP interface and webhooks.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
from fakes.hook import HookSink
from peers.peer import eventually

from esmed import config
from esmed.app import App
from esmed.secret import Surroundings

SECRET = "whsec_cGVlcnMtcGVlcnMtcGVlcnMtcGVlcnM="


class Daemon:
    """One daemon, and what it told its application."""

    def __init__(self, app: App, hook: HookSink, client: aiohttp.ClientSession) -> None:
        self._app = app
        self._hook = hook
        self._client = client

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """A question over HTTP; the answer must be a good one."""
        url = f"http://{self._app.addresses[0]}{path}"
        async with self._client.request(method, url, json=body) as answer:
            content = await answer.read()
            assert answer.status < 300, content
            return json.loads(content) if "json" in answer.content_type else content

    async def submit(self, to: str, text: str, **fields: Any) -> str:
        """Submit a message; its id."""
        body = {"to": to, "from": "Shop", "text": text, **fields}
        return str((await self.ask("POST", "/v1/messages", body))["id"])

    async def message(self, id_: str) -> dict[str, Any]:
        """The message object."""
        found: dict[str, Any] = await self.ask("GET", f"/v1/messages/{id_}")
        return found

    async def submitted(self, id_: str) -> None:
        """Wait until the SMSC's answers to all its parts are on disk."""

        async def holds() -> bool:
            return bool((await self.message(id_))["state"] == "submitted")

        await eventually(holds)

    async def final(self, id_: str) -> dict[str, Any]:
        """The message as its webhook told its end, and as HTTP shows it too."""
        await self._hook.until(lambda: id_ in self.ended())
        told = self.ended()[id_]
        assert await self.message(id_) == told
        return told

    def ended(self) -> dict[str, dict[str, Any]]:
        """The messages whose end was told, by id."""
        return {
            event["data"]["id"]: event["data"]
            for event in self._events()
            if event["type"].startswith("message.")
        }

    async def inbound(self, number: int) -> list[dict[str, Any]]:
        """Wait for that many MO messages, as webhooks told them and HTTP lists them."""

        def told() -> list[dict[str, Any]]:
            events = self._events()
            return [e["data"] for e in events if e["type"] == "inbound.received"]

        await self._hook.until(lambda: len(told()) >= number)
        listed = (await self.ask("GET", "/v1/inbound"))["messages"]
        by_id = sorted(listed, key=lambda one: str(one["id"]))
        assert by_id == sorted(told(), key=lambda one: str(one["id"]))
        return told()

    async def connector(self) -> dict[str, Any]:
        """The one connector."""
        found: dict[str, Any] = await self.ask("GET", "/v1/connectors/carrier")
        return found

    async def until(self, condition: Callable[[dict[str, Any]], object]) -> None:
        """Wait for the connector to be so."""

        async def holds() -> object:
            return condition(await self.connector())

        await eventually(holds)

    async def pdus(self, direction: str, command: str) -> int:
        """How many PDUs of a kind it says it sent (`out`) or got (`in`)."""
        content = (await self.ask("GET", "/metrics")).decode()
        for line in content.splitlines():
            if (
                line.startswith("esmed_pdus_total{")
                and f'direction="{direction}"' in line
                and f'command="{command}"' in line
            ):
                return int(float(line.rpartition(" ")[2]))
        raise AssertionError(f"no count of {command}")

    async def enquired(self, times: int) -> None:
        """Wait until that many of its enquire_link have been answered."""

        async def holds() -> bool:
            return await self.pdus("in", "enquire_link_resp") >= times

        await eventually(holds)

    def _events(self) -> list[dict[str, Any]]:
        key = b"peers-peers-peers-peers"
        assert all(hook.is_signed_by(key) for hook in self._hook.received)
        return [json.loads(hook.body) for hook in self._hook.received]


@contextlib.asynccontextmanager
async def daemon(folder: Path, port: int, **keys: Any) -> AsyncIterator[Daemon]:
    """Run one against the SMSC at that port; `keys` are of its connector."""
    host = {"address": f"127.0.0.1:{port}", **keys.pop("host", {})}
    carrier = {
        "kind": "smpp",
        "hosts": [host],
        "system_id": "esmed",
        "password": "secret",
        "reconnect": {"min": "50ms", "max": "200ms"},
        "retry": {"min": "50ms", "max": "200ms"},
        **keys,
    }
    async with HookSink() as hook, aiohttp.ClientSession() as client:
        settings = {
            "node": "peers",
            "store": {"url": f"sqlite:///{folder}/esmed.db"},
            "http": {"listen": ["127.0.0.1:0"]},
            "webhooks": {"url": hook.url(), "secret": SECRET},
            "connectors": {"carrier": carrier},
            "routes": [{"via": ["carrier"]}],
            "shutdown_timeout": "30s",
        }
        surroundings = Surroundings(environ={}, directory=folder)
        app = App(config.loads(json.dumps(settings), surroundings), environ={})
        await app.start()
        try:
            yield Daemon(app, hook, client)
        finally:
            await app.stop()
