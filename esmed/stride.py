"""Whose turn it is, among the priorities that share a connector. Pure.

Stride scheduling (Waldspurger and Weihl, 1995): a turn costs a priority the inverse of
its share, and the next turn is that of the one which will have paid least by it; of two
alike, the more urgent. So among those that always have something to send each gets its
share, within one turn. Who has nothing to send leaves its turns to the others, and
comes back as if it had paid as much as that one of them which has paid least: nothing
is saved up by waiting, and nothing owed for having been alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm
from typing import Final

from esmed.models import Priority

_PRIORITIES: Final = tuple(Priority)


class Stride:
    """The turns of one connector.

    ``shares`` and whatever else is said of each priority are in the order of
    `Priority`; shares are 1 or more, and mean something by their proportion only.
    """

    __slots__ = ("_busy", "_least", "_paid", "_strides")

    def __init__(self, shares: Sequence[int]) -> None:
        whole = lcm(*shares)
        self._strides = tuple(whole // share for share in shares)
        self._paid = [0] * len(shares)
        self._busy: list[int] = []
        """Who had something to send when that was said last."""
        self._least = 0
        """What the least of them had paid by the time it was said again."""

    def note(self, waiting: Sequence[int]) -> None:
        """Hear how much there is to send, be it ready for its turn or not."""
        paid = self._paid
        if self._busy:
            self._least = max(self._least, min(paid[index] for index in self._busy))
        self._busy = [index for index, count in enumerate(waiting) if count]
        for index in self._busy:
            paid[index] = max(paid[index], self._least)

    def turn(self, ready: Sequence[int]) -> Priority:
        """Give a turn to one of those that have something ready; ValueError if none
        has."""
        paid, strides = self._paid, self._strides
        first, least = -1, 0
        for index, count in enumerate(ready):
            if count:
                then = paid[index] + strides[index]
                if first < 0 or then < least:
                    first, least = index, then
        if first < 0:
            raise ValueError("nothing is ready")
        paid[first] = least
        return _PRIORITIES[first]

    def portions(self, count: int, ready: Sequence[int]) -> list[int]:
        """Tell how many of the next ``count`` turns each will have, if so much of it
        is ready and nothing else comes."""
        if sum(ready) <= count:
            return list(ready)
        if ready.count(0) == len(ready) - 1:
            return [min(one, count) for one in ready]
        left, paid = list(ready), self._paid.copy()
        for _ in range(count):
            left[self.turn(left)] -= 1
        self._paid = paid
        return [before - after for before, after in zip(ready, left, strict=True)]
