"""What waits for connectors none of which is configured any more.

After a change of configuration it is routed as if it came now: who renames a connector
expects its queue to move. What has no route ends, and so does what the connector that
is gone has begun, since the rest of it may go no other way.
"""

from __future__ import annotations

from esmed.lanes import Lane
from esmed.models import Fault, FaultClass, MessageState, Millis, Queued
from esmed.queue import Queue
from esmed.routing import Route, Router


class Orphans:
    """Empties the lanes that nobody serves."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def part(self, router: Router, now: Millis) -> None:
        """Send each message on its way, or end it."""
        for lane in self._queue.orphans:
            self._empty(lane, router, now)

    def _empty(self, lane: Lane, router: Router, now: Millis) -> None:
        names = ", ".join(lane.via)
        fault = Fault(
            FaultClass.ACCOUNT, None, f"connector {names} is not configured any more"
        )
        while lane.queue:
            queued = lane.queue.popleft()
            if not self._queue.custody.may_go(queued):
                continue
            route = self._route(queued, router)
            if route is None:
                self._queue.end(queued, MessageState.FAILED, fault, now)
            else:
                note = f"{names} gone; {route.reason}"
                self._queue.requeue(queued, route.via, now, note=note)
        self._queue.refill(lane)

    def _route(self, queued: Queued, router: Router) -> Route | None:
        if queued.accepted or self._queue.custody.taken_late(queued.seq):
            return None
        return router.route(queued.request, queued.client)
