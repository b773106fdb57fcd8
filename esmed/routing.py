"""Which connectors a message may take, and which of them it takes now. Pure.

Two questions at two times. At acceptance: which rule is the message's, that is the
ordered list of connectors stored with it (``Router.route``). Whenever it is about to be
sent: which of them may take it now (``choose``). A connector that answered with class
``account`` is taken off the list by dispatch, so it is not asked again here.

* The first rule whose conditions all hold wins; a message that names its connector
  takes that one.
* The next connector's turn comes only when the one before has not been able to send for
  ``failover_after``; until then the message waits.
* A full connector keeps its messages, unless the rule says ``spill``.
* Where a rule has weights, they say who is the first of the list.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from esmed.connector import Health
from esmed.models import Millis, Priority, Request

FIRST_CHOICE: Final = "first choice"
"""Why a connector takes a message, if nobody of its list was passed over."""


class Rule(Struct, frozen=True, kw_only=True):
    """One entry of ``routes:``; a condition without values always holds."""

    via: tuple[str, ...]
    """Connectors, best first."""
    to: tuple[str, ...] = ()
    """Prefixes of the destination."""
    from_: tuple[str, ...] = ()
    client: tuple[str, ...] = ()
    priority: tuple[Priority, ...] = ()
    failover_after: float = 10.0
    """Seconds."""
    spill: bool = False
    """Whether a full connector lets the next one take the message."""
    weights: tuple[int, ...] = ()
    """How often each of ``via`` is the first choice, in proportion; none: always the
    first one. Whoever is not drawn comes after the one that is, in order."""

    @property
    def orders(self) -> list[tuple[tuple[str, ...], int]]:
        """The lists that messages may be given, and how often each."""
        if not self.weights:
            return [(self.via, 1)]
        return [
            ((name, *(other for other in self.via if other != name)), weight)
            for name, weight in zip(self.via, self.weights, strict=True)
            if weight
        ]


class Route(Struct, frozen=True):
    """What a message was given at acceptance."""

    via: tuple[str, ...]
    reason: str
    """For the trace."""


class Candidate(Struct, frozen=True):
    """A connector that may take the message now."""

    name: str
    reason: str
    """For the trace."""


class Choice(Struct, frozen=True):
    """Who may take a message now, best first, and when to look again if nobody can."""

    candidates: tuple[Candidate, ...]
    again_at: Millis | None = None
    """When the next connector's turn may come by the mere passing of time."""


class _Draw:
    """The routes of one rule in turn: each as often as its weight says, and evenly
    spread (what has waited longest for its due is next)."""

    def __init__(self, rule: Rule, reason: str) -> None:
        self._routes = [Route(via, reason) for via, _ in rule.orders]
        self._weights = [weight for _, weight in rule.orders]
        self._due = [0] * len(self._routes)

    def next(self) -> Route:
        """Return the route of one more message."""
        if len(self._routes) == 1:
            return self._routes[0]
        for index, weight in enumerate(self._weights):
            self._due[index] += weight
        drawn = max(range(len(self._due)), key=self._due.__getitem__)
        self._due[drawn] -= sum(self._weights)
        return self._routes[drawn]


class Router:
    """The rules of a configuration, ready for quick answers."""

    def __init__(self, rules: Iterable[Rule], connectors: Iterable[str]) -> None:
        self._forced = {
            name: Route((name,), f"the message asks for {name}") for name in connectors
        }
        self._rules = [
            (rule, rule.to or ("",), _Draw(rule, f"route {number}: {_told(rule)}"))
            for number, rule in enumerate(rules, 1)
        ]
        self._origins: dict[tuple[str, ...], Rule] = {}

    def route(self, request: Request, client: str | None) -> Route | None:
        """Return the route of a message; None: there is none, or no such connector."""
        if request.connector is not None:
            return self._forced.get(request.connector)
        for rule, prefixes, draw in self._rules:
            if (
                request.to.startswith(prefixes)
                and (not rule.from_ or request.from_ in rule.from_)
                and (not rule.client or client in rule.client)
                and (not rule.priority or request.priority in rule.priority)
            ):
                return draw.next()
        return None

    def failover_after(self, via: tuple[str, ...]) -> float:
        """Return for how long, in seconds, a connector of a stored list must be out."""
        return self._origin(via).failover_after

    def spills(self, via: tuple[str, ...]) -> bool:
        """Tell whether a full connector of a stored list lets the next one start."""
        return self._origin(via).spill

    def _origin(self, via: tuple[str, ...]) -> Rule:
        """Return the first rule with this list, else the first whose rest it is."""
        origin = self._origins.get(via)
        if origin is None:
            lists = [
                (rule, one) for rule, _, _ in self._rules for one, _ in rule.orders
            ]
            fitting = [rule for rule, one in lists if one == via]
            fitting += [rule for rule, one in lists if _is_left(via, one)]
            origin = fitting[0] if fitting else Rule(via=via)
            self._origins[via] = origin
        return origin


def choose(
    via: Sequence[str],
    health: Mapping[str, Health],
    *,
    now: Millis,
    failover_after: float,
    spill: bool = False,
) -> Choice:
    """Return who may take a message now.

    ``health`` lacks connectors that are no longer configured: they are passed over. No
    candidate and no ``again_at``: no connector of the list exists any more.
    """
    patience = round(failover_after * 1000)
    candidates: list[Candidate] = []
    passed: list[str] = []
    again_at: Millis | None = None
    for name in via:
        state = health.get(name)
        if state is None:
            passed.append(f"{name} is not configured any more")
        elif state.sends:
            candidates.append(Candidate(name, "; ".join(passed) or FIRST_CHOICE))
            if not spill:
                break
            passed.append(f"{name} is full")
        elif now - state.since < patience:
            again_at = state.since + patience
            break
        else:
            # When everyone has been out for long, whoever comes back first is next.
            again_at = now + max(patience, 1000)
            passed.append(_why_passed(name, state))
    return Choice(tuple(candidates), None if candidates else again_at)


def _told(rule: Rule) -> str:
    """Say what a rule asks for."""
    conditions = (
        ("to", rule.to),
        ("from", rule.from_),
        ("client", rule.client),
        ("priority", [priority.name.lower() for priority in rule.priority]),
    )
    told = [f"{name} {' or '.join(values)}" for name, values in conditions if values]
    return ", ".join(told) or "any message"


def _is_left(via: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    """Tell whether ``via`` is ``whole`` with some of it taken off."""
    rest = iter(whole)
    return all(name in rest for name in via)


def _why_passed(name: str, health: Health) -> str:
    return f"{name} is {health.state}" + (f": {health.reason}" if health.reason else "")
