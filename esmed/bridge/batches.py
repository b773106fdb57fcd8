"""Jobs to batches: what goes to a provider in one call. Pure."""

from collections.abc import Hashable, Iterable, Sequence

from esmed.bridge.base import Outgoing, Provider
from esmed.connector import Job
from esmed.models import Millis


class Item:
    """A job with its message as the provider sees it."""

    __slots__ = ("at", "job", "message", "node", "pending")

    def __init__(self, job: Job, message: Outgoing) -> None:
        self.job = job
        self.message = message
        self.node: str | None = None
        """Which may have it."""
        self.at: Millis = 0
        """When it was written."""
        self.pending = True
        """Neither reported nor returned yet."""


Batch = list[Item]


def gather(items: Iterable[Item], provider: Provider, most: int) -> list[Batch]:
    """Put items together that may share a call, in their order, ``most`` in each."""
    batches: list[Batch] = []
    open_: dict[Hashable, tuple[Batch, set[Hashable]]] = {}
    for item in items:
        group, apart = provider.group(item.message), provider.apart(item.message)
        batch, taken = open_.get(group, ([], set()))
        if not batch or len(batch) >= most or apart in taken:
            batch, taken = [], set()
            batches.append(batch)
            open_[group] = batch, taken
        batch.append(item)
        if apart is not None:
            taken.add(apart)
    return batches


def halves(batch: Sequence[Item]) -> list[Batch]:
    """Cut a batch in two, to find what is wrong with it."""
    middle = len(batch) // 2
    return [list(batch[:middle]), list(batch[middle:])]
