"""Numbers whose queue is full at the next hop: what goes there waits its turn. Pure.

A number is delayed until the retry of the message that was refused is due; whatever
else comes for it meanwhile waits for the same moment, so that the order of acceptance
is the order there. Then one message goes alone. If that is taken the number is free
again; if it is refused as well, the retry policy has a longer pause for it, and that
holds for all. Other numbers overtake.

What waits is on disk with its time. Here are only the numbers, at most `MOST` of them:
one that is forgotten costs a refusal.
"""

from collections.abc import Iterable
from typing import Final, TypeVar

from msgspec import Struct, structs

from esmed.models import Deferred, Millis, Queued, Rejected
from esmed.settlement import Case
from esmed.store import base

T = TypeVar("T")

MOST: Final = 10_000
LOOK_AGAIN: Final = 1000
"""Milliseconds after which to ask again whether the message ahead was taken."""


class _Delay(Struct, gc=False):
    until: Millis
    probe: int | None = None
    """The message that goes alone."""
    free: bool = False
    """Whether one was taken since: what waits until then goes, in order."""


class Destinations:
    """The delayed numbers, each at one connector."""

    def __init__(self) -> None:
        self._delays: dict[tuple[str, str], _Delay] = {}

    def __len__(self) -> int:
        return len(self._delays)

    def wait(self, connector: str, queued: Queued, now: Millis) -> Millis | None:
        """Tell until when a message has to wait; None: it goes now."""
        key = (connector, queued.request.to)
        delay = self._delays.get(key)
        if delay is None:
            return None
        if now >= delay.until:
            if delay.free:
                del self._delays[key]
                return None
            if delay.probe is None:
                delay.probe = queued.seq
                return None
            delay.until = now + LOOK_AGAIN
        return delay.until

    def after_others(self, case: Case, operation: T) -> T | base.Requeue:
        """Delay the number of a message that met a full queue until its retry is due.

        Of several that were on their way at once the first says when: were each due at
        a moment of its own, they would not go in their order.
        """
        refusal, queued = case.refusal, case.job.queued
        if (
            not isinstance(operation, base.Requeue)
            or not isinstance(refusal, Deferred)
            or not refusal.destination
        ):
            return operation
        key = _key(case)
        delay = self._delays.pop(key, None) or _Delay(operation.due_at)
        while len(self._delays) >= MOST:
            del self._delays[next(iter(self._delays))]
        self._delays[key] = delay
        if delay.probe == queued.seq or delay.until <= operation.at:
            delay.until = max(delay.until, operation.due_at)
        delay.free = False
        return structs.replace(operation, due_at=min(delay.until, queued.expires_at))

    def settled(self, case: Case) -> None:
        """Note that a message is in nobody's hands any more."""
        if not self._delays:
            return
        delay = self._delays.get(_key(case))
        if delay is None or delay.probe != case.job.queued.seq:
            return
        delay.probe = None
        refusal = case.refusal
        taken = case.accepted and refusal is None and not case.returned
        delay.free = taken or isinstance(refusal, Rejected)


def hold_back(cases: Iterable[Case], refused: Case, refusal: object) -> None:
    """Have nothing more written to the number of a message that met a full queue."""
    if isinstance(refusal, Deferred) and refusal.destination:
        key = _key(refused)
        for case in cases:
            if _key(case) == key:
                case.job.stopped = True


def _key(case: Case) -> tuple[str, str]:
    return case.connector, case.job.queued.request.to
