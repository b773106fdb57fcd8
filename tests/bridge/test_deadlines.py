"""esmed.bridge.deadlines: many tasks, one timer."""

import asyncio
import time

import pytest
from fakes.wait import eventually

from esmed.bridge.deadlines import Deadlines


@pytest.fixture
def all_() -> Deadlines:
    return Deadlines()


async def waits(all_: Deadlines, seconds: float, *, starts: bool = True) -> str:
    """Wait for ever, in a block."""
    try:
        with all_.after(seconds):
            if starts:
                all_.start()
            await asyncio.Event().wait()
    except TimeoutError:
        return "missed"
    raise AssertionError("it waits for ever")


async def ended(*tasks: asyncio.Task[str]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks)


async def test_whoever_is_late_is_told_and_nobody_else(all_: Deadlines) -> None:
    patient = asyncio.create_task(waits(all_, 1000.0))
    await asyncio.sleep(0)
    late = [asyncio.create_task(waits(all_, 0.01 * n)) for n in (2, 1, 1)]
    assert await asyncio.gather(*late) == ["missed"] * 3
    assert not patient.done()
    await ended(patient)


async def test_who_has_not_started_has_time(all_: Deadlines) -> None:
    waiting = asyncio.create_task(waits(all_, 0.0, starts=False))
    assert await waits(all_, 0.01) == "missed"
    assert not waiting.done()
    await ended(waiting)


async def test_who_starts_again_has_all_the_time_again(all_: Deadlines) -> None:
    one = all_.after(1000.0)
    with one:
        all_.start()
        first = one.at
        await eventually(lambda: asyncio.get_running_loop().time() > first - 1000.0)
        all_.start()
        assert one.at > first


async def test_who_is_done_in_time_hears_of_nothing(all_: Deadlines) -> None:
    with all_.after(0.0):
        all_.start()
    with all_.after(1000.0):
        all_.start()
        assert await asyncio.create_task(waits(all_, 0.01)) == "missed"
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_who_is_cancelled_by_others_as_well_ends(all_: Deadlines) -> None:
    begun = asyncio.Event()

    async def waiting() -> str:
        with all_.after(0.0):
            all_.start()
            try:
                await begun.wait()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                raise
        return "it went on"

    task = asyncio.create_task(waiting())
    await eventually(task.done)
    assert task.cancelled()


async def test_another_error_is_not_hidden(all_: Deadlines) -> None:
    async def fails() -> None:
        with all_.after(0.0):
            all_.start()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise KeyError("a bug") from None

    with pytest.raises(KeyError):
        await fails()
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_an_answer_that_came_while_the_machine_stalled_counts(
    all_: Deadlines,
) -> None:
    loop = asyncio.get_running_loop()
    answer = loop.create_future()
    with all_.after(0.01):
        all_.start()
        loop.call_soon(answer.set_result, "it came")
        time.sleep(0.05)  # noqa: ASYNC251 - that is the stall
        assert await answer == "it came"
