"""When faults strike: integer time, no event loop."""

from typing import Any

import pytest

from esmed.simulator.faults import NEVER, Armed, Fault, Schedule, parse


class Lasting(Fault, frozen=True, kw_only=True):
    kind = "lasting"

    text: str = ""


class Instant(Fault, frozen=True, kw_only=True):
    kind = "instant"
    instant = True


KINDS: dict[str, type[Fault]] = {"lasting": Lasting, "instant": Instant}


def schedule(*specs: str, seed: int = 0, now: float = 100) -> Schedule[Fault]:
    """A schedule of these faults, which starts at 100."""
    made: Schedule[Fault] = Schedule(seed)
    for spec in specs:
        made.add(parse(spec, KINDS), now)
    return made


def history(
    made: Schedule[Fault], until: int, messages: dict[int, int] | None = None
) -> list[tuple[int, bool]]:
    """What opens (True) and ends (False) at which second after the start."""
    count = 0
    changes = []
    for second in range(until + 1):
        count = (messages or {}).get(second, count)
        changes += [
            (second, opening) for _, opening in made.advance(100 + second, count)
        ]
    return changes


class TestByTime:
    @pytest.mark.parametrize(
        ("spec", "changes"),
        [
            ("lasting", [(0, True)]),
            ("lasting at=3", [(3, True)]),
            ("lasting at=3 for=4", [(3, True), (7, False)]),
            (
                "lasting at=2 every=5 for=1",
                [(2, True), (3, False), (7, True), (8, False), (12, True)],
            ),
            ("instant", [(0, True)]),
            ("instant at=5", [(5, True)]),
            ("instant every=5", [(0, True), (5, True), (10, True)]),
            ("instant at=1 every=3 for=7", [(1, True), (4, True), (7, True)]),
            ("instant every=2 times=3", [(0, True), (2, True), (4, True)]),
            ("instant every=2 p=0", []),
        ],
    )
    def test_history(self, spec: str, changes: list[tuple[int, bool]]):
        assert history(schedule(spec), 12) == changes

    def test_the_first_bind_starts_the_clock(self):
        made = schedule("lasting since=bind at=3", "instant since=bind")
        assert made.deadline() is None
        assert made.advance(105, 0) == []
        made.bound(110)
        made.bound(112)
        assert made.deadline() == 110
        assert [armed.fault.kind for armed, _ in made.advance(110, 0)] == ["instant"]
        assert made.deadline() == 113
        # One that comes later starts at once.
        made.add(parse("instant since=bind at=1", KINDS), 120)
        assert made.deadline() == 113
        assert len(made.advance(121, 0)) == 2

    def test_what_was_slept_through_happens_once(self):
        made = schedule("instant every=5")
        assert len(made.advance(133, 0)) == 1
        assert made.deadline() == 135

    def test_what_would_be_over_does_not_begin(self):
        made = schedule("lasting at=2 for=3")
        assert made.advance(106, 0) == []
        assert made.open() == []
        assert made.deadline() is None

    def test_the_end_and_the_next_beginning_in_one_look(self):
        made = schedule("lasting every=10 for=2")
        assert [opening for _, opening in made.advance(100, 0)] == [True]
        assert [opening for _, opening in made.advance(111, 0)] == [False, True]
        assert made.deadline() == 112

    def test_deadlines(self):
        made = schedule("lasting at=10 for=5", "instant at=12")
        assert made.deadline() == 110
        made.advance(110, 0)
        assert made.deadline() == 112
        made.advance(112, 0)
        assert made.deadline() == 115


class TestByCount:
    @pytest.mark.parametrize(
        ("spec", "changes"),
        [
            ("instant after=10", [(2, True)]),
            ("instant each=10", [(2, True), (3, True), (6, True)]),
            ("instant after=25 each=10", [(3, True), (6, True)]),
            ("lasting after=10 for=1", [(2, True), (3, False)]),
            (
                "lasting each=20 for=1",
                [(3, True), (4, False), (6, True), (7, False)],
            ),
        ],
    )
    def test_history(self, spec: str, changes: list[tuple[int, bool]]):
        messages = {1: 9, 2: 10, 3: 27, 6: 40}
        assert history(schedule(spec), 8, messages) == changes

    def test_the_next_count(self):
        made = schedule("instant after=10", "instant each=7")
        assert made.threshold() == 7
        made.advance(100, 30)
        assert made.threshold() == 35
        assert schedule("lasting").threshold() == NEVER

    def test_it_counts_from_when_it_was_added(self):
        made: Schedule[Fault] = Schedule()
        made.add(parse("instant after=5", KINDS), 100, 1000)
        assert made.threshold() == 1005


class TestStriking:
    def armed(self, spec: str, seed: int = 0) -> Armed[Fault]:
        made = schedule(spec, seed=seed)
        made.advance(100, 0)
        (armed,) = made.open()
        return armed

    def test_always_unless_told_otherwise(self):
        assert all(self.armed("lasting").strikes(100) for _ in range(100))

    def test_a_share(self):
        struck = [self.armed("lasting p=0.3", seed).strikes(100) for seed in range(500)]
        assert 100 < sum(struck) < 200

    def test_so_many_times(self):
        armed = self.armed("lasting times=2")
        assert [armed.strikes(100) for _ in range(4)] == [True, True, False, False]

    def test_so_many_times_at_each_opening(self):
        made = schedule("lasting each=10 times=1")
        made.advance(100, 10)
        (armed,) = made.open()
        assert [armed.strikes(100) for _ in range(2)] == [True, False]
        # It has not ended, so there is nothing to tell; but it counts anew.
        assert made.advance(105, 20) == []
        assert [armed.strikes(105) for _ in range(2)] == [True, False]

    def test_only_beyond_the_limit(self):
        armed = self.armed("lasting limit=2/s")
        assert [armed.strikes(100) for _ in range(4)] == [False, False, True, True]
        assert [armed.strikes(100.5) for _ in range(2)] == [False, True]
        assert [armed.strikes(200) for _ in range(3)] == [False, False, True]

    def test_a_slow_limit_lets_one_pass(self):
        armed = self.armed("lasting limit=60/h")
        assert [armed.strikes(100) for _ in range(2)] == [False, True]
        assert [armed.strikes(second) for second in (130, 160)] == [True, False]

    def test_one_fault_s_draws_are_its_own(self):
        alone = self.armed("lasting p=0.5", seed=7)
        made = schedule("lasting p=0.5", "lasting p=0.5", seed=7)
        made.advance(100, 0)
        first, second = made.open()
        draws = [(first.strikes(100), second.strikes(100)) for _ in range(50)]
        assert [one for one, _ in draws] == [alone.strikes(100) for _ in range(50)]
        assert [one for one, _ in draws] != [two for _, two in draws]


class TestRemoving:
    def test_it_is_gone(self):
        made = schedule("lasting")
        (key,) = made.keys
        made.advance(100, 0)
        armed = made.remove(key)
        assert armed is not None
        assert armed.open
        assert (made.open(), made.keys, made.remove(key)) == ([], [], None)


class TestParsing:
    def test_text_and_mapping_say_the_same(self):
        text = parse('lasting at=250ms every=1m for=10s p=0.5 text="a b"', KINDS)
        mapping = parse(
            {
                "kind": "lasting",
                "at": 0.25,
                "every": "60s",
                "for": 10,
                "p": 0.5,
                "text": "a b",
            },
            KINDS,
        )
        assert text == mapping
        assert isinstance(text, Lasting)
        assert text.text == "a b"

    @pytest.mark.parametrize(
        ("spec", "complaint"),
        [
            ("", "kind '' is none of: instant, lasting"),
            ("nonsense", "kind 'nonsense' is none of"),
            ({"at": 1}, "kind None is none of"),
            ("lasting at", "'at' is not name=value"),
            ("lasting colour=red", "unknown field `colour`"),
            ("lasting at=soon", "'soon' is not a duration"),
            ("lasting p=2", "p is a probability"),
            ("lasting every=5", "every needs a for"),
            ("lasting every=5 for=5", "every needs a for"),
            ("lasting every=0", "every must be above 0"),
            ("lasting for=0", "for must be above 0"),
            ("lasting times=0", "times must be above 0"),
            ("lasting after=5 at=1", "not with at"),
            ("lasting each=5 since=bind", "not with at"),
            ("instant limit=5/s", "limit is for faults that last"),
            ("lasting since=yesterday", "since"),
        ],
    )
    def test_nonsense(self, spec: str | dict[str, Any], complaint: str):
        with pytest.raises(ValueError, match=complaint):
            parse(spec, KINDS)
