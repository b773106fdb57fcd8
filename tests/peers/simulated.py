"""`esmed simulate smsc` in a process of its own, and what it says of what it got."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
from peers.peer import PATIENCE, eventually

ROOT = Path(__file__).parents[2]


class Simulated:
    """A running one."""

    def __init__(self, port: int, control: str) -> None:
        self.port = port
        self._control = control

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask its control interface."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method, f"http://{self._control}{path}", json=body
            ) as answer,
        ):
            found = await answer.json()
            assert answer.status == 200, found
            return found

    async def mo(self, system_id: str, **fields: Any) -> int:
        """Have an MO message sent to that ESME; how many parts it has."""
        body = {"system_id": system_id, **fields}
        return int((await self.ask("POST", "/mo", body))["parts"])

    async def messages(self, system_id: str, number: int) -> list[dict[str, Any]]:
        """Wait for that many whole messages from one ESME."""
        found: list[dict[str, Any]] = []

        async def are_there() -> bool:
            everybodys = (await self.ask("GET", "/messages"))["messages"]
            found[:] = (one for one in everybodys if one["system_id"] == system_id)
            return len(found) >= number

        await eventually(are_there)
        return found

    async def until(self, condition: Callable[[dict[str, Any]], object]) -> None:
        """Wait for its figures to be so."""

        async def holds() -> object:
            return condition(await self.ask("GET", "/stats"))

        await eventually(holds)


@contextlib.contextmanager
def simulated(*arguments: str) -> Iterator[Simulated]:
    """Run one with these arguments; it must end well when told to."""
    command = [sys.executable, "-m", "esmed", "simulate", "smsc", "--port=0"]
    process = subprocess.Popen(
        [*command, "--control=127.0.0.1:0", "--quiet", *arguments],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    try:
        started = json.loads(process.stdout.readline())
        port = int(started["listening"].rpartition(":")[2])
        yield Simulated(port, started["control"])
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
