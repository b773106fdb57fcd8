"""What a refusal of the SMSC's does to a connector: a pause, then one probe. Pure.

The first refusal stops everything for as long as whoever calls says. Then one PDU goes
alone: if it is refused as well the next pause is twice as long, a second at the least
and ``most`` at the most; any other answer ends the matter. No answer at all says
nothing, and another probe goes. Refusals of what was written before a pause say nothing
new, even if they come after it.
"""

from typing import Final

AGAIN: Final = 1.0
MOST: Final = 30.0
"""Seconds."""


class Throttle:
    """The pauses of one connector.

    What is written is named by any number of its own; times are seconds of a monotonic
    clock.
    """

    __slots__ = ("_again", "_began", "_most", "_pause", "_probe", "_until")

    def __init__(self, again: float = AGAIN, most: float = MOST) -> None:
        self._again = again
        self._most = most
        self._pause = 0.0
        self._began = float("-inf")
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

    def news(self, sent_at: float) -> bool:
        """Whether the refusal of what was written then calls for `begin`."""
        return not self._pause and sent_at > self._began

    def begin(self, pause: float, now: float) -> None:
        """Pause for so long, for a refusal that is news."""
        self._pause = pause
        self._began = now
        self._until = now + pause

    def refused(self, number: int, now: float) -> None:
        """This was refused: if it was the probe, the pause grows."""
        if self._pause and number == self._probe:
            self._probe = None
            self._pause = min(max(self._pause * 2, self._again), self._most)
            self._until = now + self._pause

    def settled(self, number: int) -> bool:
        """This had another answer: whether it was the probe, and all is over."""
        if not self._pause or number != self._probe:
            return False
        self._pause = 0.0
        self._probe = None
        return True

    def lost(self, number: int) -> None:
        """This will have no answer: if it was the probe, another one goes."""
        if self._pause and number == self._probe:
            self._probe = None
