"""Who is stuck, look by look."""

from esmed.watchdog import PATIENCE, Pulse, Watchdog


def looks(watchdog: Watchdog, *pulses: Pulse) -> list[bool]:
    """Whether each look found it stuck."""
    return [watchdog.look({"store": pulse}) == ("store",) for pulse in pulses]


def test_steps_are_progress_however_busy():
    pulses = [Pulse(beats, busy=True) for beats in range(20)]
    assert not any(looks(Watchdog(), *pulses))


def test_without_work_no_step_is_owed():
    assert not any(looks(Watchdog(), *[Pulse(7, busy=False)] * 20))


def test_a_step_that_is_owed_too_long():
    same = [Pulse(7, busy=True)] * (PATIENCE + 2)
    # The first look sees it for the first time, and so knows nothing yet.
    assert looks(Watchdog(), *same) == [False] * PATIENCE + [True] * 2


def test_a_step_ends_it():
    watchdog = Watchdog()
    assert looks(watchdog, *[Pulse(7, busy=True)] * 9)[-1]
    assert looks(watchdog, Pulse(8, busy=True)) == [False]
    again = looks(watchdog, *[Pulse(8, busy=True)] * PATIENCE)
    assert again == [False] * (PATIENCE - 1) + [True]


def test_work_that_comes_late_has_its_time():
    watchdog = Watchdog()
    looks(watchdog, *[Pulse(7, busy=False)] * 9)
    assert not any(looks(watchdog, *[Pulse(7, busy=True)] * (PATIENCE - 1)))


def test_one_does_not_answer_for_another():
    watchdog = Watchdog()
    for beats in range(PATIENCE + 1):
        stuck = watchdog.look(
            {
                "store": Pulse(beats, busy=True),
                "carrier": Pulse(0, busy=True),
                "other": Pulse(0, busy=False),
            }
        )
    assert stuck == ("carrier",)


def test_who_is_not_there_any_more_owes_nothing():
    watchdog = Watchdog()
    looks(watchdog, *[Pulse(7, busy=True)] * 9)
    assert watchdog.look({}) == ()
    assert looks(watchdog, Pulse(7, busy=True)) == [False]
