"""What ESME_RTHROTTLED does to a connector: pauses that grow, then one probe. Pure.

The first refusal stops everything for a second. Then one PDU goes alone: if it is
refused as well the pause doubles, up to ``most``; any other answer ends the matter, and
the next refusal begins with a second again. Refusals of what was written before a
pause say nothing new.
"""

from typing import Final

FIRST: Final = 1.0
MOST: Final = 30.0
"""Seconds."""


class Throttle:
    """The pauses of one connector.

    What is written is named by any number of its own; times are seconds of a monotonic
    clock.
    """

    __slots__ = ("_first", "_most", "_pause", "_probe", "_until")

    def __init__(self, first: float = FIRST, most: float = MOST) -> None:
        self._first = first
        self._most = most
        self._pause = 0.0
        self._until = 0.0
        self._probe: int | None = None

    @property
    def active(self) -> bool:
        """Whether there is a pause, or the probe after it."""
        return self._pause > 0

    def room(self, now: float) -> int | None:
        """How much may be written: None is as much as one likes."""
        if not self._pause:
            return None
        return 1 if self._probe is None and now >= self._until else 0

    def next_at(self) -> float | None:
        """When a pause will be over; None without one, or while the probe is out."""
        return self._until if self._pause and self._probe is None else None

    def written(self, number: int) -> None:
        """This was written; while `active` it is the probe."""
        if self._pause:
            self._probe = number

    def refused(self, number: int, now: float) -> None:
        """This was answered with ESME_RTHROTTLED."""
        if not self._pause:
            self._pause = self._first
        elif number == self._probe:
            self._pause = min(self._pause * 2, self._most)
            self._probe = None
        else:
            return
        self._until = now + self._pause

    def settled(self, number: int) -> None:
        """This had another answer, or none."""
        if self._pause and number == self._probe:
            self._pause = 0.0
            self._probe = None
