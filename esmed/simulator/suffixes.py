"""What the end of a destination stands for, and how often it was refused. Pure."""

from collections.abc import Mapping
from typing import Final, Generic, Protocol, TypeVar

_COUNTED: Final = 100_000
"""Destinations whose refusals are counted; beyond, the count starts anew."""


class Refusing(Protocol):
    """What becomes of a message: refused so often first, 0 for always."""

    @property
    def refusals(self) -> int:
        """How often a destination is refused."""
        ...


T = TypeVar("T", bound=Refusing)


class Suffixes(Generic[T]):
    """The longest suffix wins; the empty one, else `other`, is every other end."""

    def __init__(self, known: Mapping[str, T], other: T) -> None:
        self._other = known.get("", other)
        self._rules = {suffix.encode(): it for suffix, it in known.items() if suffix}
        self._lengths = sorted({len(suffix) for suffix in self._rules}, reverse=True)
        self._refused: dict[bytes, int] = {}

    def of(self, destination: bytes) -> T:
        """What this destination stands for."""
        for length in self._lengths:
            found = self._rules.get(destination[-length:])
            if found is not None:
                return found
        return self._other

    def refuses(self, outcome: T, destination: bytes) -> bool:
        """Whether to refuse once more; counts it. Only of outcomes that refuse."""
        if outcome.refusals == 0:
            return True
        times = self._refused.pop(destination, 0)
        if times >= outcome.refusals:
            return False
        if len(self._refused) >= _COUNTED:
            self._refused.clear()
        self._refused[destination] = times + 1
        return True
