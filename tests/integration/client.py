"""A program that uses the daemon's HTTP interface, and waits with patience."""

import asyncio
import time
from typing import Any, Final

import aiohttp

LIMIT: Final = 60.0
"""Seconds for anything that is sure to happen: machines stall."""


class Client:
    """Talks to one daemon, wherever it serves after its latest start."""

    def __init__(self) -> None:
        self.session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=LIMIT),
            connector=aiohttp.TCPConnector(limit=100),
        )
        self.url = ""

    async def ask(
        self, method: str, path: str, body: object = None, **options: Any
    ) -> tuple[int, Any]:
        """Send a request; the status and what the JSON of the answer says."""
        if body is not None:
            options["json"] = body
        async with self.session.request(
            method, f"{self.url}{path}", **options
        ) as answer:
            if "json" in answer.content_type:
                return answer.status, await answer.json(content_type=None)
            return answer.status, await answer.text()

    async def get(self, path: str) -> Any:
        """The body of what must be there."""
        status, answer = await self.ask("GET", path)
        assert status == 200, answer
        return answer

    async def post(self, path: str, body: object = None) -> Any:
        """The body of the answer to what must be possible."""
        status, answer = await self.ask("POST", path, body)
        assert status in {200, 202}, answer
        return answer

    async def submit(self, **fields: Any) -> str:
        """Send a message that must be accepted; its id."""
        body = {"to": "380501234500", "from": "Shop", "text": "hello", **fields}
        answer = await self.post("/v1/messages", body)
        return str(answer["id"])

    async def message(self, id_: str) -> dict[str, Any]:
        """One message."""
        message: dict[str, Any] = await self.get(f"/v1/messages/{id_}")
        return message

    async def reaches(self, id_: str, *states: str) -> dict[str, Any]:
        """Wait for a message to be in one of the states."""
        deadline = time.monotonic() + LIMIT
        while True:
            message = await self.message(id_)
            if message["state"] in states:
                return message
            assert not message["final"], message
            assert time.monotonic() < deadline, message
            await asyncio.sleep(0.02)

    async def is_held(self, id_: str) -> dict[str, Any]:
        """Wait for a message to be held."""
        deadline = time.monotonic() + LIMIT
        while True:
            message = await self.message(id_)
            if message["held"]:
                return message
            assert not message["final"], message
            assert time.monotonic() < deadline, message
            await asyncio.sleep(0.02)

    async def messages(self) -> list[dict[str, Any]]:
        """All messages, newest first."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = await self.get(f"/v1/messages?limit=1000{after}")
            found += page["messages"]
            if page["next"] is None:
                return found
            after = f"&after={page['next']}"

    async def trace(self, id_: str) -> list[dict[str, Any]]:
        """The timeline of a message."""
        trace = await self.get(f"/v1/messages/{id_}/trace")
        timeline: list[dict[str, Any]] = trace["timeline"]
        return timeline

    async def connector(
        self, name: str = "carrier", *states: str, **wanted: object
    ) -> dict[str, Any]:
        """Wait for a connector to be in one of the states, its fields as wanted."""
        deadline = time.monotonic() + LIMIT
        while True:
            found: dict[str, Any] = await self.get(f"/v1/connectors/{name}")
            fits = all(found[key] == value for key, value in wanted.items())
            if fits and (not states or found["state"] in states):
                return found
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.02)

    async def bound(self, name: str = "carrier") -> None:
        """Wait for a connector that can send."""
        await self.connector(name, "up", "degraded")

    async def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        text: str = await self.get("/metrics")
        [line] = [line for line in text.splitlines() if line.startswith(f"{name} ")]
        return float(line.split()[1])

    async def close(self) -> None:
        await self.session.close()
