import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.connector import Health, HealthState
from esmed.models import Priority, Request
from esmed.routing import Candidate, Choice, Router, Rule, choose

UP = Health(HealthState.UP, 0)
DEGRADED = Health(HealthState.DEGRADED, 0, "slow")
NOW = 100_000


def down(for_ms: int, reason: str = "no bind") -> Health:
    return Health(HealthState.DOWN, NOW - for_ms, reason)


def to(number: str, **fields: object) -> Request:
    return Request(**{"to": number, "text": "hi", **fields})  # type: ignore[arg-type]


class TestRouter:
    router = Router(
        [
            Rule(to=("38050", "38066"), via=("a", "b")),
            Rule(from_=("Bank",), via=("bank",)),
            Rule(client=("shop",), priority=(Priority.BULK,), via=("cheap",)),
            Rule(to=("380",), via=("b",)),
        ],
        ["a", "b", "bank", "cheap"],
    )

    @pytest.mark.parametrize(
        ("request_", "client", "via", "reason"),
        [
            (to("380501"), None, ("a", "b"), "route 1: to 38050 or 38066"),
            (to("380661"), None, ("a", "b"), "route 1: to 38050 or 38066"),
            (to("7", from_="Bank"), None, ("bank",), "route 2: from Bank"),
            (
                to("7", priority=Priority.BULK),
                "shop",
                ("cheap",),
                "route 3: client shop, priority bulk",
            ),
            (to("380", priority=Priority.HIGH), "shop", ("b",), "route 4: to 380"),
            (to("380", priority=Priority.BULK), "other", ("b",), "route 4: to 380"),
            (
                to("7", connector="cheap"),
                None,
                ("cheap",),
                "the message asks for cheap",
            ),
        ],
    )
    def test_the_first_rule_that_fits(
        self, request_: Request, client: str | None, via: tuple[str, ...], reason: str
    ) -> None:
        route = self.router.route(request_, client)
        assert route is not None
        assert (route.via, route.reason) == (via, reason)

    def test_none_fits(self) -> None:
        assert self.router.route(to("7"), "shop") is None

    def test_an_unknown_connector_has_no_route(self) -> None:
        assert self.router.route(to("38050", connector="c"), None) is None

    def test_a_rule_without_conditions_fits_everything(self) -> None:
        route = Router([Rule(via=("a",))], ["a"]).route(to("7"), None)
        assert route is not None
        assert route.reason == "route 1: any message"


class TestWeights:
    router = Router(
        [Rule(via=("a", "b", "c"), weights=(3, 1, 0), spill=True), Rule(via=("b",))],
        ["a", "b", "c"],
    )

    def test_each_is_first_as_often_as_it_weighs_and_evenly(self) -> None:
        drawn = [self.router.route(to("7"), None) for _ in range(8)]
        assert [route and "".join(route.via) for route in drawn] == [
            "abc", "abc", "bac", "abc", "abc", "abc", "bac", "abc",
        ]  # fmt: skip

    @pytest.mark.parametrize("via", [("a", "b", "c"), ("b", "a", "c"), ("a", "c")])
    def test_a_list_drawn_is_that_of_its_rule(self, via: tuple[str, ...]) -> None:
        assert self.router.spills(via)

    @given(st.lists(st.integers(0, 50), min_size=1, max_size=5).filter(any))
    def test_the_proportion_is_exact_over_one_round(self, weights: list[int]) -> None:
        names = tuple("abcde"[: len(weights)])
        router = Router([Rule(via=names, weights=tuple(weights))], names)
        drawn = [router.route(to("7"), None) for _ in range(sum(weights))]
        first = [route.via[0] for route in drawn if route]
        assert [first.count(name) for name in names] == weights


class TestTurns:
    router = Router(
        [
            Rule(to=("1",), via=("a", "b", "c"), failover_after=3, spill=True),
            Rule(to=("2",), via=("a", "c"), failover_after=5),
            Rule(to=("3",), via=("a", "c"), failover_after=7, spill=True),
        ],
        ["a", "b", "c"],
    )

    @pytest.mark.parametrize(
        ("via", "failover_after", "spills"),
        [
            (("a", "b", "c"), 3, True),
            (("a", "c"), 5, False),
            (("b", "c"), 3, True),
            (("c",), 3, True),
            (("c", "a"), 10.0, False),
            (("gone",), 10.0, False),
        ],
    )
    def test_of_a_stored_list(
        self, via: tuple[str, ...], failover_after: float, spills: bool
    ) -> None:
        for _ in range(2):
            assert self.router.failover_after(via) == failover_after
            assert self.router.spills(via) is spills


class TestChoose:
    def choose(self, spill: bool = False, **health: Health) -> Choice:
        return choose(("a", "b", "c"), health, now=NOW, failover_after=10, spill=spill)

    def test_the_first_one_up(self) -> None:
        assert self.choose(a=UP, b=UP, c=UP) == Choice(
            (Candidate("a", "first choice"),)
        )

    def test_degraded_still_sends(self) -> None:
        assert self.choose(a=DEGRADED, b=UP, c=UP).candidates[0].name == "a"

    def test_one_that_is_out_for_a_moment_is_waited_for(self) -> None:
        assert self.choose(a=down(4000), b=UP, c=UP) == Choice((), NOW + 6000)

    def test_one_that_is_out_for_long_is_passed_over(self) -> None:
        choice = self.choose(a=down(10_000), b=UP, c=UP)
        assert choice == Choice((Candidate("b", "a is down: no bind"),))

    def test_paused_is_out(self) -> None:
        paused = Health(HealthState.PAUSED, NOW - 10_000)
        assert self.choose(a=paused, b=UP, c=UP).candidates[0].reason == "a is paused"

    def test_each_waits_for_its_own_turn(self) -> None:
        choice = self.choose(a=down(60_000), b=down(1000), c=UP)
        assert choice == Choice((), NOW + 9000)

    def test_all_are_out(self) -> None:
        out = down(60_000)
        assert self.choose(a=out, b=out, c=out) == Choice((), NOW + 10_000)

    def test_what_is_not_configured_is_passed_over(self) -> None:
        choice = self.choose(b=UP)
        assert choice == Choice((Candidate("b", "a is not configured any more"),))

    def test_nothing_is_left(self) -> None:
        assert self.choose() == Choice((), None)

    def test_with_spill_the_next_ones_help(self) -> None:
        assert self.choose(a=UP, b=down(60_000), c=UP, spill=True) == Choice(
            (
                Candidate("a", "first choice"),
                Candidate("c", "a is full; b is down: no bind"),
            )
        )

    def test_with_spill_too_one_that_is_out_for_a_moment_is_waited_for(self) -> None:
        choice = self.choose(a=UP, b=down(1000), c=UP, spill=True)
        assert choice == Choice((Candidate("a", "first choice"),))

    def test_no_patience_at_all(self) -> None:
        choice = choose(("a", "b"), {"a": down(0), "b": UP}, now=NOW, failover_after=0)
        assert choice.candidates == (Candidate("b", "a is down: no bind"),)


@given(
    st.lists(
        st.sampled_from([None, UP, DEGRADED, down(0), down(9999), down(10_000)]),
        max_size=6,
    ),
    st.booleans(),
)
def test_what_is_chosen_can_send_and_something_always_follows(
    states: list[Health | None], spill: bool
) -> None:
    via = [f"c{number}" for number in range(len(states))]
    health = {
        name: state
        for name, state in zip(via, states, strict=True)
        if state is not None
    }
    choice = choose(via, health, now=NOW, failover_after=10, spill=spill)
    assert all(health[one.name].sends for one in choice.candidates)
    assert spill or len(choice.candidates) <= 1
    assert bool(choice.candidates) or (choice.again_at is not None) == bool(health)
    assert choice.again_at is None or choice.again_at > NOW
