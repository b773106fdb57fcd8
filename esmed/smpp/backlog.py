"""Parts that a connector has taken and not written yet, in their order. Pure."""

from bisect import insort
from collections import deque
from collections.abc import Sequence

from esmed.connector import Job

Piece = tuple[int, Job, int]
"""Its place in the order, which no other piece has; the job; the part, from 1."""


class Backlog:
    """First in, first out; what was refused for now goes back to its own place."""

    def __init__(self) -> None:
        self._again: list[Piece] = []
        self._waiting: deque[Piece] = deque()
        self._count = 0

    def __len__(self) -> int:
        return len(self._again) + len(self._waiting)

    def add(self, jobs: Sequence[Job]) -> None:
        """Take the parts of new jobs."""
        count = self._count
        for job in jobs:
            for part in job.parts:
                count += 1
                self._waiting.append((count, job, part))
        self._count = count

    def put_back(self, piece: Piece) -> None:
        """Take a piece again: before all that had not been taken out with it."""
        insort(self._again, piece)

    def take(self) -> Piece:
        """Take out the first; IndexError if there is none."""
        return self._again.pop(0) if self._again else self._waiting.popleft()

    def drain(self) -> list[Piece]:
        """Take out all."""
        pieces = [*self._again, *self._waiting]
        self._again.clear()
        self._waiting.clear()
        return pieces


def by_job(pieces: Sequence[Piece]) -> dict[Job, list[int]]:
    """The parts of each job, in order."""
    parts: dict[Job, list[int]] = {}
    for _, job, part in pieces:
        parts.setdefault(job, []).append(part)
    return parts
