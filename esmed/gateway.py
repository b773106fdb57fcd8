"""What clients can ask for: the use cases behind the HTTP interface.

`Gateway.drafts` decides about a message, ``commit`` puts records on disk and hands them
to dispatch. The caller renders its answer in between: once committed, records belong to
the store's writer.

Reading shows each caller its own messages only, unless it is an administrator; what is
somebody else's does not exist for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from msgspec import Struct

from esmed import hooks, timeline, views
from esmed.caller import Caller
from esmed.clock import Clock
from esmed.connector import Connector
from esmed.drafts import Drafts
from esmed.idempotency import Idempotency
from esmed.models import FINAL_STATES, Inbound, MessageState, Millis, Record
from esmed.recall import RECALLABLE, recall
from esmed.refusals import (
    BusyError,
    ConflictError,
    FieldError,
    InvalidError,
    NotFoundError,
)
from esmed.routing import Router
from esmed.store.base import Accept, IdempotencyKey, Pause, Replay, Store

RETRY_AFTER: Final = 5  # seconds; a full queue or disk rarely mends sooner
_SCAN: Final = 20  # pages read for one answer when the filter is not the store's

_STORED_AS: Final[Mapping[MessageState, tuple[MessageState, ...]]] = {
    MessageState.SCHEDULED: (MessageState.SCHEDULED,),
    MessageState.QUEUED: (MessageState.QUEUED, MessageState.SCHEDULED),
    MessageState.SUBMITTING: (
        MessageState.SUBMITTING,
        MessageState.QUEUED,
        MessageState.SCHEDULED,
    ),
}
"""Where messages shown in a state are found; all others are stored as shown."""


class Dispatch(Protocol):
    """What the gateway needs of dispatch."""

    @property
    def waiting(self) -> int:
        """How many messages wait to be sent."""

    @property
    def connectors(self) -> Mapping[str, Connector]:
        """All connectors, by name, in the order of the configuration."""

    def offer(self, records: Sequence[Record]) -> None:
        """Take messages that are on disk now."""

    def in_flight(self, seq: int) -> bool:
        """Tell whether a waiting message is in a connector's hands."""

    async def withdraw(self, seq: int) -> bool:
        """Cancel a waiting message; False when it is in flight or has ended."""

    async def resolve(self, seq: int, *, resend: bool) -> bool:
        """Decide over a held message; False when it is not held."""


class Listed(Struct, frozen=True):
    """A page of messages and the position of the next one."""

    records: list[Record]
    next: int | None


class Gateway:
    """The use cases. ``max_queued`` bounds what waits, ``webhook_hosts`` where
    messages may have their own events sent."""

    def __init__(
        self,
        *,
        store: Store,
        dispatch: Dispatch,
        router: Router,
        clock: Clock,
        max_queued: int,
        webhook_hosts: Iterable[str] = (),
        webhook_key: bytes | None = None,
    ) -> None:
        self.drafts: Final = Drafts(store, dispatch, router, webhook_hosts)
        self.idempotency: Final = Idempotency(store)
        self._store = store
        self._dispatch = dispatch
        self._clock = clock
        self._max_queued = max_queued
        self._webhook_key = webhook_key
        self._leaving = False

    def configure(
        self,
        *,
        router: Router,
        max_queued: int,
        webhook_hosts: Iterable[str] = (),
        webhook_key: bytes | None = None,
    ) -> None:
        """Have other settings from the next request on."""
        self.drafts.configure(router, webhook_hosts)
        self._max_queued = max_queued
        self._webhook_key = webhook_key

    # --- submitting ------------------------------------------------------------------

    def leave(self) -> None:
        """Say that the daemon is on its way out: what it accepts waits for the next."""
        self._leaving = True

    def now(self) -> Millis:
        """Return the present, as records will have it."""
        return self._clock.now_ms()

    def admit(self, count: int) -> None:
        """Raise BusyError unless ``count`` more messages may wait."""
        if self._dispatch.waiting + count > self._max_queued:
            raise BusyError("too many messages wait to be sent", RETRY_AFTER)

    async def commit(
        self, records: Sequence[Record], key: IdempotencyKey | None = None
    ) -> None:
        """Put all or none on disk; then they are on their way.

        BusyError, StoreError.
        """
        self.admit(len(records))
        await self._store.intake(Accept(records=records, key=key))
        self._dispatch.offer(records)

    # --- asking ----------------------------------------------------------------------

    async def get(self, id_: str, caller: Caller) -> Record:
        """Return one of the caller's messages; NotFoundError."""
        record = await self._store.get(id_)
        if record is None or not (caller.admin or record.client == caller.name):
            raise NotFoundError("there is no message of this id")
        return record

    def show(self, record: Record) -> views.MessageView:
        """Return the message object as of now."""
        return views.message(
            record, self.now(), in_flight=self._dispatch.in_flight(record.seq)
        )

    async def find(
        self,
        caller: Caller,
        *,
        state: MessageState | None,
        to: str | None,
        reference: str | None,
        after: int | None,
        limit: int,
    ) -> Listed:
        """Return the caller's messages, newest first.

        ``state`` is the one that is shown, ``after`` the ``next`` of the page before.
        A page may be short of ``limit`` although there are more.
        """
        stored = (None,) if state is None else _STORED_AS.get(state, (state,))
        found: list[Record] = []
        for _ in range(_SCAN):
            pages = [
                await self._store.find(
                    client=None if caller.admin else caller.name,
                    state=one,
                    to=to,
                    reference=reference,
                    after=after,
                    limit=limit + 1,
                )
                for one in stored
            ]
            merged = [record for page in pages for record in page]
            merged.sort(key=lambda record: record.seq, reverse=True)
            for record in merged[:limit]:
                if len(found) == limit:
                    return Listed(found, after)
                after = record.seq
                if state is None or self.show(record).state is state:
                    found.append(record)
            if len(merged) <= limit:
                return Listed(found, None)
            if len(found) == limit:
                break
        return Listed(found, after)

    async def position(self, id_: str, caller: Caller) -> int:
        """Return the position of a message for ``after``; InvalidError."""
        try:
            return (await self.get(id_, caller)).seq
        except NotFoundError as exc:
            raise InvalidError([FieldError("after", str(exc))]) from exc

    async def trace(self, id_: str, caller: Caller) -> timeline.TraceView:
        """Return a message's timeline; NotFoundError."""
        record = await self.get(id_, caller)
        events = await self._store.events(record.id)
        in_flight = self._dispatch.in_flight(record.seq)
        return timeline.trace(record, events, self.now(), in_flight=in_flight)

    async def inbound(self, *, after: int | None, limit: int) -> list[Inbound]:
        """Return MO messages, newest first."""
        return await self._store.inbound(after=after, limit=limit)

    # --- deciding --------------------------------------------------------------------

    async def cancel(self, id_: str, caller: Caller) -> Record:
        """Cancel a message: here, or at whoever has it; again is no mistake.

        NotFoundError, ConflictError.
        """
        record = await self.get(id_, caller)
        state = record.progress.state
        if state is MessageState.CANCELLED:
            return record
        if state in FINAL_STATES:
            raise ConflictError(f"the message is {state} already")
        if state in RECALLABLE:
            return await self._recall(record, caller)
        if not await self._dispatch.withdraw(record.seq):
            raise ConflictError("the message is being submitted")
        return await self.get(id_, caller)

    async def _recall(self, record: Record, caller: Caller) -> Record:
        connectors = self._dispatch.connectors
        refusals = await recall(record, connectors, self._store, self._clock)
        record = await self.get(record.id, caller)
        refusals += [
            f"part {segment.part} is {segment.state} already"
            for segment in record.progress.segments
            if segment.state in FINAL_STATES - {MessageState.CANCELLED}
        ]
        if refusals:
            raise ConflictError("; ".join(refusals))
        return record

    async def resolve(self, id_: str, caller: Caller, *, resend: bool) -> Record:
        """Decide over a held message; NotFoundError, ConflictError."""
        record = await self.get(id_, caller)
        if not await self._dispatch.resolve(record.seq, resend=resend):
            raise ConflictError("the message is not held")
        return await self.get(id_, caller)

    async def replay(self, *, since: Millis, dead: bool) -> int:
        """Send the events since then again, dead letters only if ``dead``; how many."""
        operation = Replay(since=since, dead=dead, now=self.now())
        count: int = await self._store.intake(operation)
        return count

    def webhook_secret(self, url: str) -> str:
        """Return what signs events sent to a message's own ``webhook_url``.

        NotFoundError without a configured secret; InvalidError for a host that no
        message may name.
        """
        if self._webhook_key is None:
            raise NotFoundError("webhooks.secret is not configured")
        self.drafts.check_webhook(url, "url")
        return hooks.own_secret(self._webhook_key, url)

    # --- connectors ------------------------------------------------------------------

    def connector(self, name: str) -> Connector:
        """Return a connector; NotFoundError."""
        connector = self._dispatch.connectors.get(name)
        if connector is None:
            raise NotFoundError("there is no connector of this name")
        return connector

    async def pause(self, name: str) -> None:
        """Have a connector send nothing until `resume`, over restarts too.

        NotFoundError. At a StoreError it is paused, but only until the next start.
        """
        self.connector(name).pause()
        await self._store.intake(Pause(connector=name, paused=True))

    async def resume(self, name: str) -> None:
        """Undo `pause`; NotFoundError, StoreError likewise."""
        self.connector(name).resume()
        await self._store.intake(Pause(connector=name, paused=False))

    async def connectors(self) -> list[views.ConnectorView]:
        """Return how all connectors are, and what waits for each."""
        depth: dict[str, int] = {}
        oldest: dict[str, Millis] = {}
        for lane in await self._store.lanes():
            first = lane.via[0]
            depth[first] = depth.get(first, 0) + lane.count
            oldest[first] = min(oldest.get(first, lane.next_due), lane.next_due)
        now = self.now()
        return [
            views.connector(
                one, queued=depth.get(name, 0), oldest=oldest.get(name), now=now
            )
            for name, one in self._dispatch.connectors.items()
        ]

    def not_ready(self) -> str | None:
        """Return why messages cannot leave now, None if they can."""
        if self._leaving:
            return "the daemon is shutting down"
        if not self._store.available:
            return "the store cannot commit"
        healths = [c.health() for c in self._dispatch.connectors.values()]
        if not any(health.sends for health in healths):
            return "no connector can take messages"
        return None
