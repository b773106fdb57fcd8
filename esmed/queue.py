"""What waits to be sent, as dispatch serves it: lanes over the store, and who is known.

Messages are offered when they are on disk, paged in when a connector has room for them,
put back, withdrawn, or looked for again where the store has them. Nothing here decides
which connector takes what. All of it runs in the event loop's thread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any

from msgspec import structs

from esmed.clock import Clock
from esmed.custody import Custody
from esmed.lanes import PAGE, Lane
from esmed.models import Fault, MessageState, Millis, Priority, Queued, Record
from esmed.store import base


class Queue:
    """The lanes of all routes.

    ``served`` are the connectors there are; ``wake`` is told a lane's connectors,
    configured or not, when there may be something new for them.
    """

    def __init__(
        self,
        store: base.Store,
        clock: Clock,
        served: Iterable[str],
        wake: Callable[[Iterable[str]], None],
    ) -> None:
        self.waiting_for: dict[str, int] = defaultdict(int)
        """Messages waiting, by their first choice."""
        self.custody = Custody()
        self.lanes_of: dict[str, list[Lane]]
        """Each connector's lanes, in no order."""
        self.orphans: list[Lane]
        """Lanes none of whose connectors is configured any more."""
        self.unsure = False
        """Whether messages may wait in the store that nobody here knows of."""
        self._store = store
        self._clock = clock
        self._wake = wake
        self._lanes: dict[tuple[tuple[str, ...], Priority], Lane] = {}
        self.serve(served)

    def serve(self, names: Iterable[str]) -> None:
        """Have these connectors, and no other."""
        self.lanes_of = {name: [] for name in names}
        self.orphans = []
        for lane in self._lanes.values():
            self._assign(lane)

    def replan(self, names: Container[str]) -> None:
        """Forget how messages were split for these connectors at acceptance."""
        for lane in self._lanes.values():
            for place, queued in enumerate(lane.queue):
                if queued.draft is not None and queued.draft.connector in names:
                    lane.queue[place] = structs.replace(queued, draft=None)

    # --- from the store --------------------------------------------------------------

    async def start(self) -> None:
        """Learn what waits in the store; StoreError."""
        for lane in await self._learn():
            self.waiting_for[lane.via[0]] += lane.count

    async def refresh(self) -> None:
        """Look again, if something may have been missed; StoreError."""
        if self.unsure:
            self.unsure = False
            await self._learn()

    def wake(self, now: Millis) -> None:
        """Have the store asked for what has become due."""
        for lane in self._lanes.values():
            lane.wake(now)

    def refill(self, lane: Lane) -> None:
        """Fetch the next page of a lane, if it wants one."""
        if not lane.wants_page():
            return
        lane.begin_page()
        page = base.Page(
            via=lane.via,
            priority=lane.priority,
            after=lane.cursor,
            now=self._clock.now_ms(),
            limit=PAGE,
        )
        # A duty, for these are answered in order: what is known to have left before
        # the answer is not in it.
        self._store.duty([page], lambda results: self._fetched(lane, results[0]))

    def count(self, changes: Iterable[base.Change]) -> None:
        """Count what waits after a commit."""
        for change in changes:
            if change.waited_for is not None:
                self.waiting_for[change.waited_for] -= 1
            if change.waits_for is not None:
                self.waiting_for[change.waits_for] += 1

    # --- coming and going ------------------------------------------------------------

    def offer(self, records: Iterable[Record]) -> None:
        """Take messages that are on disk now."""
        now = self._clock.now_ms()
        taken: list[int] = []
        offered: set[tuple[str, ...]] = set()
        for record in records:
            due_at = record.due_at
            # A page of the queue may have brought it here already.
            if due_at is None or record.seq in self.custody:
                continue
            queued = Queued(
                seq=record.seq,
                id=record.id,
                request=record.request,
                via=record.via,
                due_at=due_at,
                expires_at=record.expires_at,
                draft=record.draft,
                client=record.client,
            )
            if self._lane(queued.via, queued.request.priority).offer(queued, now):
                taken.append(queued.seq)
            offered.add(queued.via)
        self.custody.take(taken)
        for via in offered:
            self._wake(via)

    def put_back(self, via: tuple[str, ...], queued: Queued) -> None:
        """Have a message be the next one of its lane."""
        self._lane(via, queued.request.priority).queue.appendleft(queued)

    def leave_to(self, name: str, queued: Queued) -> None:
        """Have a message wait for one connector only."""
        self._lane((name,), queued.request.priority).queue.append(queued)
        self._wake((name,))

    def requeue(
        self,
        queued: Queued,
        via: tuple[str, ...],
        now: Millis,
        *,
        due_at: Millis | None = None,
        note: str | None = None,
    ) -> None:
        """Have what was not handed over wait elsewhere, or longer."""
        requeue = base.Requeue(
            seq=queued.seq,
            at=now,
            due_at=queued.due_at if due_at is None else due_at,
            via=via,
            tries=queued.tries,
            error=None,
            note=note,
        )

        def done(_: list[Any]) -> None:
            self.custody.drop(queued.seq)
            self.look_for(requeue, queued.request.priority)

        self._store.duty([requeue], done)

    def end(
        self, queued: Queued, state: MessageState, fault: Fault, now: Millis
    ) -> None:
        """Have what was not handed over come to an end."""
        finish = base.Finish(seq=queued.seq, state=state, error=fault, at=now)
        self._store.duty([finish], lambda _: self.custody.drop(queued.seq))

    def look_for(self, requeue: base.Requeue, priority: Priority) -> None:
        """Find a message on disk, where it waits again."""
        lane = self._lane(requeue.via, priority)
        if requeue.due_at > self._clock.now_ms():
            lane.due(requeue.due_at)
            return
        lane.rewind(requeue.due_at, requeue.seq)
        self._wake(lane.via)

    async def withdraw(self, seq: int) -> bool:
        """Cancel a message that is in nobody's hands; False when it has ended.

        StoreError.
        """
        if not self.custody.withdraw(seq):
            return False
        cancelled = False
        try:
            cancel = base.Cancel(seq=seq, at=self._clock.now_ms())
            cancelled = bool(await self._store.intake(cancel))
        finally:
            queued = self.custody.withdrawn(seq, cancelled=cancelled)
            if queued is not None:
                self.put_back(queued.via, queued)
                self._wake(queued.via)
        return cancelled

    def late(self, submitted: base.Submitted, *, accepted: bool) -> None:
        """Store an answer that nobody expected any more."""
        custody, result = self.custody, submitted.result
        custody.late(result.seq, result.part if accepted else None)

        def done(results: list[Any]) -> None:
            custody.late_stored(result.seq)
            if results[0] is True and result.seq not in custody:
                self.unsure = True

        self._store.duty([submitted], done)

    # --- inside ----------------------------------------------------------------------

    def _lane(self, via: tuple[str, ...], priority: Priority) -> Lane:
        lane = self._lanes.get((via, priority))
        if lane is None:
            lane = self._lanes[via, priority] = Lane(via, priority)
            self._assign(lane)
        return lane

    def _assign(self, lane: Lane) -> None:
        served = [name for name in lane.via if name in self.lanes_of]
        for name in served:
            self.lanes_of[name].append(lane)
        if not served:
            self.orphans.append(lane)

    async def _learn(self) -> Sequence[base.Lane]:
        """Ask the store what waits, and look for all of it that is not known."""
        lanes = await self._store.lanes()
        for lane in lanes:
            self._lane(lane.via, lane.priority).rewind(lane.next_due, 0)
        return lanes

    def _fetched(self, lane: Lane, answer: base.QueuePage | Exception) -> None:
        if isinstance(answer, Exception):
            lane.no_page()
            return
        found = lane.end_page(answer.messages, self.custody, answer.next_due)
        self.custody.take(queued.seq for queued in found)
        self._wake(lane.via)
