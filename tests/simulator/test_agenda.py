"""Many deadlines on one timer."""

import asyncio
from collections.abc import Callable

from simulator.peer import until

from esmed.simulator.agenda import Agenda


async def test_in_order_of_time_then_of_asking():
    agenda = Agenda()
    called: list[str] = []

    def note(name: str) -> Callable[[], None]:
        return lambda: called.append(name)

    now = agenda.now()
    agenda.call_at(now + 0.02, note("late"))
    agenda.call_at(now + 0.01, note("early"))
    agenda.call_at(now + 0.01, note("early too"))
    agenda.call_at(now - 1, note("past"))
    assert called == []
    await until(lambda: len(called) == 4)
    assert called == ["past", "early", "early too", "late"]


async def test_what_a_call_asks_for_waits_for_the_next_turn():
    agenda = Agenda()
    turns = 0

    def again() -> None:
        nonlocal turns
        turns += 1
        if turns < 3:
            agenda.call_later(0, again)

    agenda.call_later(0, again)
    await asyncio.sleep(0)
    assert turns <= 1
    await until(lambda: turns == 3)


async def test_cleared_it_calls_nothing():
    agenda = Agenda()
    called: list[int] = []
    agenda.clear()
    agenda.call_later(0, lambda: called.append(1))
    agenda.clear()
    agenda.call_later(0.001, lambda: called.append(2))
    await until(lambda: bool(called))
    assert called == [2]
