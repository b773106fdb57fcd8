"""`esmed.roster`: who leaves, who comes, and in which order."""

import asyncio
from collections.abc import Mapping
from typing import Any

from fakes.clock import ManualClock
from fakes.connector import FakeConnector
from fakes.wait import settle

from esmed.connector import Connector
from esmed.connectorconfig import ConnectorConfig
from esmed.reload import Changes
from esmed.roster import Roster

CLOCK = ManualClock()


class Member(FakeConnector):
    """Leaves when the test says so, or when it is told a second time."""

    def __init__(self, name: str, told: list[str]) -> None:
        super().__init__(name, CLOCK)
        self.left = asyncio.Event()
        self.is_paused = False
        self._heard = told

    @property
    def paused(self) -> bool:
        return self.is_paused

    def pause(self) -> None:
        self.is_paused = True

    async def start(self) -> None:
        self._heard.append(f"{self.name} starts")

    async def stop(self, timeout: float) -> None:  # noqa: ASYNC109
        self._heard.append(f"{self.name} leaves within {timeout:g}")
        await self.left.wait()
        self._heard.append(f"{self.name} is gone")


class Rig:
    def __init__(self, *names: str) -> None:
        self.told: list[str] = []
        self.seen: list[Mapping[str, Connector]] = []
        self.made: list[Member] = []
        self.roster = Roster(self.configs(*names), self.make, self.adjust)
        self.roster.changed = self.seen.append

    def configs(self, *names: str) -> dict[str, ConnectorConfig]:
        return {name: ConnectorConfig(kind="fake") for name in names}

    def make(self, name: str, _: ConnectorConfig) -> Connector:
        self.made.append(Member(name, self.told))
        return self.made[-1]

    def adjust(self, connector: Connector, _: ConnectorConfig) -> None:
        self.told.append(f"{connector.name} is adjusted")

    def begin(self, *names: str, **changes: Any) -> asyncio.Task[None]:
        configs = self.configs(*names)
        told = Changes(**changes)
        self.roster.begin(told, configs, 5)
        return asyncio.create_task(self.roster.finish(told, configs))


async def test_nobody_starts_before_all_that_leave_are_gone():
    rig = Rig("a", "b", "c", "d")
    a, b, c, d = rig.made
    finish = rig.begin(
        "e", "b", "a", "d", kept=("a",), adjusted=("d",), changed=("b",),
        added=("e",), removed=("c",),
    )  # fmt: skip
    e = rig.made[4]
    # At once: what is gone is out of use, what is new can be asked.
    assert list(rig.roster.connectors.items()) == [
        ("e", e), ("b", b), ("a", a), ("d", d)
    ]  # fmt: skip
    await settle()
    assert rig.told == ["d is adjusted", "c leaves within 5", "b leaves within 5"]
    c.left.set()
    await settle()
    assert len(rig.made) == 5
    b.left.set()
    await finish
    assert rig.told[3:] == ["c is gone", "b is gone", "b starts", "e starts"]
    assert rig.roster.connectors["b"] is rig.made[5]
    assert list(rig.roster.connectors) == ["e", "b", "a", "d"]
    assert rig.seen[-1] is rig.roster.connectors


async def test_nothing_to_wait_for():
    rig = Rig("a")
    await rig.begin("a", "b", kept=("a",), added=("b",))
    assert rig.told == ["b starts"]


async def test_a_pause_is_handed_on():
    rig = Rig("a", "b")
    rig.made[0].pause()
    for member in rig.made:
        member.left.set()
    await rig.begin("a", "b", changed=("a", "b"))
    a, b = rig.made[2:]
    assert (a.paused, b.paused) == (True, False)


async def test_a_stop_meanwhile():
    """Those on their way out are told the nearer end; nobody starts."""
    rig = Rig("a", "b")
    finish = rig.begin("b", "c", kept=("b",), added=("c",), removed=("a",))
    await settle()
    finish.cancel()
    await asyncio.gather(finish, return_exceptions=True)
    stop = asyncio.create_task(rig.roster.stop(1))
    await settle()
    assert "a leaves within 1" in rig.told
    for member in rig.made:
        member.left.set()
    await stop
    assert rig.told.count("a is gone") == 2
    assert not [word for word in rig.told if "starts" in word]
