"""The machine's clocks, and the tests' own."""

import asyncio
import time

from fakes.clock import ManualClock

from esmed.clock import Clock, SystemClock


async def test_system_clock() -> None:
    clock: Clock = SystemClock()
    before = time.time()
    now, now_ms = clock.now(), clock.now_ms()
    assert before <= now <= time.time()
    assert int(before * 1000) <= now_ms <= time.time() * 1000
    assert clock.monotonic() <= asyncio.get_running_loop().time()
    start = clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() - start >= 0.009


async def test_manual_clock_stands_still() -> None:
    clock: Clock = ManualClock(start=5.25)
    assert (clock.now(), clock.now_ms(), clock.monotonic()) == (5.25, 5250, 1000)
    await clock.sleep(0)
    await clock.sleep(-1)
    assert clock.now() == 5.25


async def test_manual_clock_wakes_what_is_due_in_order() -> None:
    clock = ManualClock(start=0)
    woken: list[str] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("late", 5), ("b", 2), ("a", 1), ("b2", 2)):
            group.create_task(sleeper(name, seconds))
        cancelled = group.create_task(sleeper("cancelled", 1))
        await asyncio.sleep(0)
        assert clock.sleeping == 5
        cancelled.cancel()
        await asyncio.sleep(0)
        assert clock.sleeping == 4
        clock.advance(2)
        await asyncio.sleep(0)
        assert (woken, clock.sleeping) == (["a", "b", "b2"], 1)
        clock.advance(3)
    assert woken == ["a", "b", "b2", "late"]
    assert (clock.now(), clock.monotonic()) == (5, 1005)
