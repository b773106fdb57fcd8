"""esmed.bridge.workers: tasks that are kept."""

import asyncio

from fakes.wait import eventually

from esmed.bridge.workers import Workers


class Doors:
    """Work that waits until it is let through."""

    def __init__(self) -> None:
        self.workers: Workers[str] = Workers(self.run, self.ended)
        self.doors: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None] | None] = {}
        self.log: list[str] = []
        self.following: list[str] = []
        """Begun when something ends."""

    async def run(self, work: str) -> None:
        self.tasks[work] = asyncio.current_task()
        door = self.doors[work] = asyncio.Event()
        try:
            await door.wait()
        except asyncio.CancelledError:
            self.log.append(f"{work} cancelled")
            raise
        self.log.append(f"{work} done")

    def ended(self) -> None:
        self.log.append(f"{self.workers.busy} busy")
        if self.following:
            self.workers.begin(self.following.pop())

    async def begin(self, *works: str) -> None:
        for work in works:
            self.workers.begin(work)
        await eventually(lambda: self.doors.keys() >= set(works))

    async def let(self, work: str) -> None:
        before = len(self.log)
        self.doors[work].set()
        await eventually(lambda: len(self.log) == before + 2)


async def test_a_task_is_kept_for_what_follows() -> None:
    all_ = Doors()
    await all_.begin("a", "b")
    assert all_.workers.busy == 2
    await all_.let("b")
    await all_.begin("c")
    assert all_.tasks["c"] is all_.tasks["b"] is not all_.tasks["a"]
    assert all_.workers.busy == 2
    assert all_.log == ["b done", "1 busy"]
    all_.doors["a"].set()
    all_.doors["c"].set()
    await all_.workers.stop(60.0)


async def test_what_is_begun_when_something_ends_is_done_by_the_same_task() -> None:
    all_ = Doors()
    all_.following = ["b"]
    await all_.begin("a")
    all_.doors["a"].set()
    await eventually(lambda: "b" in all_.doors)
    assert all_.tasks["b"] is all_.tasks["a"]
    await all_.let("b")
    assert all_.log == ["a done", "0 busy", "b done", "0 busy"]
    await all_.workers.stop(60.0)


async def test_a_stop_waits_for_what_is_begun() -> None:
    all_ = Doors()
    await all_.begin("a", "b")
    await all_.let("b")
    stopped = asyncio.create_task(all_.workers.stop(60.0))
    await asyncio.sleep(0)
    assert not stopped.done()
    await all_.let("a")
    await stopped
    await all_.workers.stop(60.0)
    assert all_.log == ["b done", "1 busy", "a done", "0 busy"]


async def test_a_stop_cancels_what_takes_too_long() -> None:
    """Also what had no time to begin is begun, and hears of it."""
    all_ = Doors()
    await all_.begin("a", "b")
    await all_.let("b")
    for work in ("c", "d"):
        all_.workers.begin(work)
    await all_.workers.stop(0.0)
    assert sorted(all_.log[2:]) == ["a cancelled", "c cancelled", "d cancelled"]
