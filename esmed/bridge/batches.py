"""Jobs to batches: what goes to a provider in one call. Pure."""

from collections.abc import Hashable, Iterable, Sequence

from esmed.bridge.base import Outgoing
from esmed.connector import Job
from esmed.models import Millis


class Item:
    """A job with its message as the provider sees it."""

    __slots__ = ("apart", "at", "group", "job", "message", "node", "pending")

    def __init__(self, job: Job, message: Outgoing, at: Millis) -> None:
        self.job = job
        self.message = message
        self.group: Hashable = None
        """What those of a call have in common: `Provider.group`."""
        self.apart: Hashable = None
        """What no two of them may: `Provider.apart`."""
        self.node: str | None = None
        """Which may have it."""
        self.at = at
        """When it was handed over; once it is written, when that was."""
        self.pending = True
        """Neither reported nor returned yet."""


Batch = list[Item]


def gather(items: Iterable[Item], most: int) -> list[Batch]:
    """Put items together that may share a call, in their order, ``most`` in each."""
    batches: list[Batch] = []
    open_: dict[Hashable, tuple[Batch, set[Hashable]]] = {}
    for item in items:
        batch, taken = open_.get(item.group, ([], set()))
        if not batch or len(batch) >= most or item.apart in taken:
            batch, taken = [], set()
            batches.append(batch)
            open_[item.group] = batch, taken
        batch.append(item)
        if item.apart is not None:
            taken.add(item.apart)
    return batches


def halves(batch: Sequence[Item]) -> list[Batch]:
    """Cut a batch in two, to find what is wrong with it."""
    middle = len(batch) // 2
    return [list(batch[:middle]), list(batch[middle:])]
