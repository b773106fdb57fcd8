"""Parts that a connector has taken and not written yet. Pure."""

from bisect import insort
from collections import deque
from collections.abc import Sequence
from typing import Final

from esmed.connector import Job
from esmed.models import Priority
from esmed.stride import Stride

Piece = tuple[int, Job, int]
"""Its place in the order, which no other piece has; the job; the part, from 1."""


class _Line:
    """The pieces of one priority."""

    __slots__ = ("again", "waiting")

    def __init__(self) -> None:
        self.again: list[Piece] = []
        self.waiting: deque[Piece] = deque()


class Backlog:
    """Each priority in its order, first in, first out; the shares say which of them is
    next. What was refused for now goes back to its own place.

    ``shares`` are those of `Stride`.
    """

    def __init__(self, shares: Sequence[int]) -> None:
        self._lines: Final = tuple(_Line() for _ in Priority)
        self._sizes: Final = [0 for _ in Priority]
        self._stride = Stride(shares)
        self._count = 0

    def __len__(self) -> int:
        return sum(self._sizes)

    def share(self, shares: Sequence[int]) -> None:
        """Go by other shares from now on."""
        self._stride = Stride(shares)

    def add(self, jobs: Sequence[Job]) -> None:
        """Take the parts of new jobs."""
        count = self._count
        for job in jobs:
            priority = job.queued.request.priority
            self._sizes[priority] += len(job.parts)
            waiting = self._lines[priority].waiting
            for part in job.parts:
                count += 1
                waiting.append((count, job, part))
        self._count = count

    def put_back(self, piece: Piece) -> None:
        """Take a piece again: before all of its priority that had not been taken out
        with it."""
        priority = piece[1].queued.request.priority
        self._sizes[priority] += 1
        insort(self._lines[priority].again, piece)

    def take(self) -> Piece:
        """Take out the next one; ValueError if there is none."""
        priority = self._stride.turn(self._sizes)
        self._sizes[priority] -= 1
        line = self._lines[priority]
        return line.again.pop(0) if line.again else line.waiting.popleft()

    def portions(self, room: int, waiting: Sequence[int]) -> list[int]:
        """Tell how much of each priority to add, if there is ``room`` for so many
        pieces and so many wait to be added."""
        here = self._sizes
        both = [one + other for one, other in zip(here, waiting, strict=True)]
        self._stride.note(both)
        turns = self._stride.portions(room, both)
        return [max(turn - have, 0) for turn, have in zip(turns, here, strict=True)]

    def withdraw(self, job: Job) -> list[Piece]:
        """Take out a job of which nothing was taken out yet; nothing otherwise."""
        line = self._lines[job.queued.request.priority]
        pieces = [piece for piece in (*line.again, *line.waiting) if piece[1] is job]
        if len(pieces) < len(job.parts):
            return []
        line.again = [piece for piece in line.again if piece[1] is not job]
        line.waiting = deque(piece for piece in line.waiting if piece[1] is not job)
        self._sizes[job.queued.request.priority] -= len(pieces)
        return pieces

    def withdraw_unbegun(self) -> list[Piece]:
        """Take out what belongs to messages of which no next hop has, or is about to
        have, a part."""
        pieces = self.drain()
        new = {
            job
            for job, parts in by_job(pieces).items()
            if len(parts) == len(job.parts) and not job.queued.accepted
        }
        for piece in pieces:
            if piece[1] not in new:
                self.put_back(piece)
        return [piece for piece in pieces if piece[1] in new]

    def drain(self) -> list[Piece]:
        """Take out all, the most urgent first."""
        pieces: list[Piece] = []
        for priority, line in enumerate(self._lines):
            pieces += [*line.again, *line.waiting]
            line.again.clear()
            line.waiting.clear()
            self._sizes[priority] = 0
        return pieces


def by_job(pieces: Sequence[Piece]) -> dict[Job, list[int]]:
    """The parts of each job, in order."""
    parts: dict[Job, list[int]] = {}
    for _, job, part in pieces:
        parts.setdefault(job, []).append(part)
    return parts
