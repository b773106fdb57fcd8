"""The queue in memory: a bounded window over what waits in the store.

A lane holds what waits for the same connectors with the same priority, in the order
(due_at, seq). Its head is in memory; the rest is on disk behind ``cursor`` and is paged
in when a connector has room. What is in memory or in a connector's hands is `known`, so
reading a row twice does no harm and the cursor may always be set back. Pure.

Every message that is due, and not known, lies behind the cursor while ``more`` is set;
one that is due later lies behind ``wake_at``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Sequence
from typing import Final

from esmed.models import Millis, Priority, Queued

MOST: Final = 8000
"""Messages of a lane in memory."""

PAGE: Final = 500
LOW: Final = 250
"""With fewer in memory the next page is fetched."""

_START: Final = (-1, -1)


class Lane:
    """One lane; see the module."""

    __slots__ = (
        "_rewound",
        "cursor",
        "loading",
        "more",
        "priority",
        "queue",
        "via",
        "wake_at",
    )

    def __init__(self, via: tuple[str, ...], priority: Priority) -> None:
        self.via = via
        self.priority = priority
        self.queue: deque[Queued] = deque()
        self.cursor: tuple[Millis, int] = _START
        self.more = False
        """Whether the store may have due messages behind the cursor."""
        self.loading = False
        self.wake_at: Millis | None = None
        """When the next message not in memory is due."""
        self._rewound: tuple[Millis, int] | None = None
        """Where the page being read may lack something."""

    def turn(self) -> tuple[int, Millis, int]:
        """Tell which of several lanes is the first: the most urgent, then that with
        the message that waits longest."""
        place = _place(self.queue[0]) if self.queue else self.cursor
        return (self.priority, *place)

    def offer(self, queued: Queued, now: Millis) -> bool:
        """Take a message that has just begun to wait; False leaves it on disk."""
        if queued.due_at > now:
            self.due(queued.due_at)
            return False
        if self.more or self.loading or len(self.queue) >= MOST:
            self.rewind(queued.due_at, queued.seq)
            return False
        self.queue.append(queued)
        self.cursor = max(self.cursor, _place(queued))
        return True

    def rewind(self, due_at: Millis, seq: int) -> None:
        """Have the store asked (again) for this message and what follows it."""
        before = (due_at, seq - 1)
        self.more = True
        self.cursor = min(self.cursor, before)
        if self.loading:
            self._rewound = min(self._rewound or before, before)

    def due(self, at: Millis) -> None:
        """Note that something on disk is due later."""
        self.wake_at = at if self.wake_at is None else min(self.wake_at, at)

    def wake(self, now: Millis) -> bool:
        """Have the store asked when something has become due meanwhile."""
        if self.wake_at is None or self.wake_at > now:
            return False
        self.rewind(self.wake_at, 0)
        self.wake_at = None
        return True

    def wants_page(self) -> bool:
        """Whether it is time to ask the store for more: few are left, or it has some
        that come before them."""
        if not self.more or self.loading:
            return False
        size = len(self.queue)
        return size < LOW or (size <= MOST and self.cursor < _place(self.queue[0]))

    def begin_page(self) -> None:
        """Note that the store is being asked for what lies behind the cursor."""
        self.loading = True
        self._rewound = None

    def end_page(
        self, found: Sequence[Queued], known: Container[int], next_due: Millis | None
    ) -> list[Queued]:
        """Take the store's answer; return what of it was not known already."""
        self.loading = False
        new = [queued for queued in found if queued.seq not in known]
        if new and self.queue and _place(new[0]) < _place(self.queue[-1]):
            self.queue = deque(sorted((*self.queue, *new), key=_place))
        else:
            self.queue.extend(new)
        if found:
            self.cursor = _place(found[-1])
        if self._rewound is not None:
            self.cursor = min(self.cursor, self._rewound)
        self.more = self._rewound is not None or len(found) >= PAGE
        if next_due is not None:
            self.due(next_due)
        return new

    def no_page(self) -> None:
        """Note that the store could not answer."""
        self.loading = False


def _place(queued: Queued) -> tuple[Millis, int]:
    """Return where a message has its place in the order of its lane."""
    return queued.due_at, queued.seq
