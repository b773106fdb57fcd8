"""A program that uses the daemon's HTTP interface, and waits with patience."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
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

    async def submit_all(self, messages: Iterable[Mapping[str, object]]) -> list[str]:
        """Send messages at once that must be accepted; their ids."""
        answer = await self.post("/v1/messages/batch", {"messages": list(messages)})
        return [one["id"] for one in answer["messages"]]

    async def submit_to(
        self, numbers: Iterable[str], text: str = "for {}", **fields: object
    ) -> dict[str, str]:
        """Send each number a text, at once; the ids by number."""
        texts = {to: text.format(to) for to in numbers}
        ids = await self.submit_all(
            {"to": to, "from": "Shop", "text": text, **fields}
            for to, text in texts.items()
        )
        return dict(zip(texts, ids, strict=True))

    async def until(self, path: str, fits: Callable[[Any], object]) -> Any:
        """Wait for what is got there to be as wanted; what it then is."""
        deadline = time.monotonic() + LIMIT
        while True:
            found = await self.get(path)
            if fits(found):
                return found
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.02)

    async def message(self, id_: str) -> dict[str, Any]:
        """One message."""
        message: dict[str, Any] = await self.get(f"/v1/messages/{id_}")
        return message

    async def reaches(self, id_: str, *states: str) -> dict[str, Any]:
        """Wait for a message to be in one of the states."""
        return await self._message(id_, lambda message: message["state"] in states)

    async def is_held(self, id_: str) -> dict[str, Any]:
        """Wait for a message to be held."""
        return await self._message(id_, lambda message: message["held"])

    async def _message(
        self, id_: str, fits: Callable[[dict[str, Any]], object]
    ) -> dict[str, Any]:
        """Wait for a message to be as wanted, which a final one never becomes."""

        def there(message: dict[str, Any]) -> bool:
            found = bool(fits(message))
            assert found or not message["final"], message
            return found

        message: dict[str, Any] = await self.until(f"/v1/messages/{id_}", there)
        return message

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

        def fits(found: dict[str, Any]) -> bool:
            return (not states or found["state"] in states) and all(
                found[key] == value for key, value in wanted.items()
            )

        found: dict[str, Any] = await self.until(f"/v1/connectors/{name}", fits)
        return found

    async def down(self, name: str, *because: str) -> dict[str, Any]:
        """Wait for a connector to be down for a reason that says one of these."""

        def fits(found: dict[str, Any]) -> bool:
            return found["state"] == "down" and any(
                words in found["reason"] for words in because
            )

        found: dict[str, Any] = await self.until(f"/v1/connectors/{name}", fits)
        return found

    async def inbound(self, count: int) -> list[dict[str, Any]]:
        """Wait for so many messages from subscribers, the oldest first."""
        found = await self.until(
            "/v1/inbound", lambda page: len(page["messages"]) >= count
        )
        return list(reversed(found["messages"]))

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
