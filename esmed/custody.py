"""Which messages are in memory, and what has happened to them since they were read.

What dispatch has read of a message may be older than what the store has: it may have
been cancelled, or an answer may have come that was not expected any more. As long as
the message is here that is remembered here; once it is let go, the store tells. Pure.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final

from msgspec import Struct, field

from esmed.models import Queued

_NONE: Final[frozenset[int]] = frozenset()


class _Late(Struct):
    """Answers to a message that came after their part was given up."""

    accepted: set[int] = field(default_factory=set)
    unstored: int = 0


class Custody(Container[int]):
    """The messages that are in a queue, in a connector's hands, or about to leave."""

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._late: dict[int, _Late] = {}
        self._leaving: dict[int, Queued | None] = {}
        """Being cancelled; those whose turn came meanwhile."""
        self._cancelled: set[int] = set()

    def __contains__(self, seq: object) -> bool:
        return seq in self._known

    def take(self, seqs: Iterable[int]) -> None:
        """Note messages that are in memory from now on."""
        self._known.update(seqs)

    def drop(self, seq: int) -> None:
        """Let go of a message: what became of it is on disk."""
        self._known.discard(seq)
        self._cancelled.discard(seq)
        if self._late:
            self._forget_late(seq)

    # --- answers that nobody expected any more ---------------------------------------

    def late(self, seq: int, accepted: int | None) -> None:
        """Note a late answer, and the part if that was taken; it is not stored yet."""
        late = self._late.setdefault(seq, _Late())
        late.unstored += 1
        if accepted is not None:
            late.accepted.add(accepted)

    def late_stored(self, seq: int) -> None:
        """Note that one late answer is on disk: what is read from now on has it."""
        self._late[seq].unstored -= 1
        self._forget_late(seq)

    def taken_late(self, seq: int) -> frozenset[int]:
        """Return parts that the next hop has, whatever was read of the message."""
        late = self._late.get(seq)
        return _NONE if late is None else frozenset(late.accepted)

    def _forget_late(self, seq: int) -> None:
        late = self._late.get(seq)
        if late is not None and not late.unstored and seq not in self._known:
            del self._late[seq]

    # --- cancelling ------------------------------------------------------------------

    def withdraw(self, seq: int) -> bool:
        """Begin to cancel a message; False if somebody does already."""
        if seq in self._leaving:
            return False
        self._leaving[seq] = None
        return True

    def may_go(self, queued: Queued) -> bool:
        """Tell whether a message whose turn has come may be sent.

        If not it is cancelled, or set aside until that is decided.
        """
        if queued.seq in self._leaving:
            self._leaving[queued.seq] = queued
            return False
        if queued.seq in self._cancelled:
            self.drop(queued.seq)
            return False
        return True

    def withdrawn(self, seq: int, *, cancelled: bool) -> Queued | None:
        """Take the store's answer; return the message if it has to go on after all."""
        aside = self._leaving.pop(seq)
        if not cancelled:
            return aside
        if aside is not None:
            self.drop(seq)
        elif seq in self._known:
            self._cancelled.add(seq)
        return None
