"""Which of a provider's nodes is sent to, and when a failed one is tried again. Pure.

A node works or it does not; one that does not is probed, after pauses that grow, until
it does again. Messages go to the first that works, in the order of the configuration.
"""

from collections.abc import Sequence
from typing import Final, Literal

from esmed.models import Millis

SHORTEST: Final = 1.0
LONGEST: Final = 60.0
"""Seconds between two probes of a node."""
ACCOUNT: Final = 60.0
"""The same where it refused our account: at least that."""
PATIENCE: Final = 3
"""Requests in a row without a usable answer after which a node counts as failed."""


class Node:
    """One of them, in the configuration's order."""

    def __init__(self, name: str, role: Literal["primary", "backup"], now: Millis):
        self.name = name
        self.role: Literal["primary", "backup"] = role
        self.works = False
        self.reason = "not tried yet"
        self.since = now
        self._failures = 0
        self._unanswered = 0
        self._unread = 0

    def worked(self, now: Millis) -> bool:
        """Note that a probe succeeded; return whether that is news.

        So is another reason not to work.
        """
        self._unanswered = 0
        return self._change(True, "", now)

    def answered(self) -> None:
        """Note an answer that had nothing to do with the node."""
        self._unanswered = 0

    def served(self) -> None:
        """Note that it has done what it is there for: what failed before is over."""
        self._failures = 0
        self._unread = 0

    def failed(self, reason: str, now: Millis) -> bool:
        """Note that it cannot be sent to; return whether that is news."""
        self._unanswered = 0
        return self._change(False, reason, now)

    def unanswered(self, reason: str, now: Millis) -> bool:
        """Note a request without an answer; return whether the node has failed now."""
        self._unanswered += 1
        return self._unanswered >= PATIENCE and self.failed(reason, now)

    def unread(self, reason: str, now: Millis) -> bool:
        """Note messages of which its answer says nothing; return whether the node has
        failed now. Only what was `served` makes up for that: a probe may well succeed.
        """
        self._unread += 1
        return self._unread >= PATIENCE and self.failed(reason, now)

    def pause(self, *, account: bool, jitter: float) -> float:
        """Return the seconds until the next probe, after one that failed; ``jitter``
        is uniform in [0, 1)."""
        shortest = ACCOUNT if account else SHORTEST
        grown = SHORTEST * 2.0 ** min(self._failures, 10)
        self._failures += 1
        return max(shortest, min(grown, LONGEST)) * (1 - jitter / 4)

    def _change(self, works: bool, reason: str, now: Millis) -> bool:
        before = self.works, self.reason
        if works is not self.works:
            self.since = now
        self.works, self.reason = works, reason
        return before != (works, reason)


def of(names: Sequence[str], now: Millis) -> list[Node]:
    """Return the nodes of a configuration, the primary first."""
    return [
        Node(name, "backup" if index else "primary", now)
        for index, name in enumerate(names)
    ]
