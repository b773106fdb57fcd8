"""Whether the daemon makes progress, so that the service manager may be told so.

A process can be alive and do nothing: a thread that hangs in a dying disk, a task that
has ended. So each part that the daemon cannot do without shows its `Pulse`, and while
one of them owes a step and does not make it the watchdog is not fed, until the service
manager ends and restarts the process. That the event loop turns is shown by being asked
at all.

Progress is counted by looks, not by the clock: when the whole machine has stood still
nobody is to blame.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

LOOKS: Final = 8
"""Looks in the time that the service manager waits for a sign of life."""
PATIENCE: Final = LOOKS // 2
"""Looks without the step that is owed."""


class Pulse(Struct, frozen=True, gc=False):
    """How a part is: the steps it has made so far, and whether another one is owed.

    The number of steps may begin anywhere; only that it changes matters.
    """

    beats: int
    busy: bool


class Watchdog:
    """Remembers how everybody was at the last looks."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}
        """The beats of a part, and at how many looks it has owed the next."""

    def look(self, pulses: Mapping[str, Pulse]) -> tuple[str, ...]:
        """Return who is stuck; nobody: feed."""
        self._seen = {
            name: (pulse.beats, self._owed(name, pulse))
            for name, pulse in pulses.items()
        }
        return tuple(n for n, (_, owed) in self._seen.items() if owed >= PATIENCE)

    def _owed(self, name: str, pulse: Pulse) -> int:
        beats, owed = self._seen.get(name, (None, 0))
        return owed + 1 if pulse.busy and pulse.beats == beats else 0
