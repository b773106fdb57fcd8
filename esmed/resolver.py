"""What has become of messages of which nothing more was heard: the next hop is asked.

Where it can be asked, a message whose ``receipt_timeout`` is over comes here instead of
ending as unknown. What it is said to have become goes to the store like a receipt. Says
the next hop that it is still on its way, or nothing, it is asked again, after pauses
that grow (`lifecycle.put_off`); says it that it cannot tell, the message is unknown.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from esmed import log
from esmed.clock import Clock
from esmed.connector import Connector, Sent
from esmed.models import Fault, FaultClass, ReceiptIn
from esmed.store import base

EVERY: Final = 1.0
"""Seconds between two questions to a connector: they are for what is late anyway, and
must not be in the way of what is not."""
MOST: Final = 1000
"""Messages that wait to be asked for; what is more ends as unknown at once."""

_log: Final = log.get("resolver")


class Resolver:
    """Asks in the background, one after the other at each connector."""

    def __init__(
        self,
        store: base.Store,
        clock: Clock,
        connectors: Callable[[], Mapping[str, Connector]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._connectors = connectors
        self._pending: set[int] = set()
        self._waiting: dict[str, deque[base.Overdue]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def pending(self) -> frozenset[int]:
        """Messages that are here."""
        return frozenset(self._pending)

    @property
    def askable(self) -> frozenset[str]:
        """The connectors that can be asked for one more."""
        if len(self._pending) >= MOST:
            return frozenset()
        return frozenset(
            name for name, one in self._connectors().items() if one.capabilities.query
        )

    def ask(self, messages: Iterable[base.Overdue]) -> None:
        """Ask for these in their turn."""
        for message in messages:
            name = message.parts[0].connector
            self._pending.add(message.seq)
            self._waiting.setdefault(name, deque()).append(message)
            if name not in self._tasks:
                loop = asyncio.get_running_loop()
                self._tasks[name] = loop.create_task(self._work(name))

    async def stop(self) -> None:
        """Ask nothing more; who was not asked for yet will be after the next start."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, name: str) -> None:
        waiting = self._waiting[name]
        try:
            while waiting:
                message = waiting.popleft()
                operations = await self._resolve(message)
                forget = partial(self._forget, message.seq)
                if operations:
                    self._store.duty(operations, forget)
                else:
                    forget()
        finally:
            del self._tasks[name]

    def _forget(self, seq: int, _: object = None) -> None:
        """What was said of the message is on disk."""
        self._pending.discard(seq)

    async def _resolve(self, message: base.Overdue) -> list[base.Operation]:
        """Ask for every part; return what follows from the answers."""
        told: list[base.Operation] = []
        hope = False
        for part in message.parts:
            answer = await self._query(message, part)
            if isinstance(answer, ReceiptIn):
                told.append(base.Receipt(receipt=answer, keep_until=answer.at))
                hope = True
            else:
                _log.info(
                    "resolver.unanswered",
                    id=message.id,
                    part=part.part,
                    connector=part.connector,
                    reason=answer.detail,
                )
                hope = hope or answer.cls is FaultClass.TEMPORARY
            await self._clock.sleep(EVERY)
        if not hope:
            told.append(base.GiveUp(seq=message.seq, at=self._clock.now_ms()))
        return told

    async def _query(
        self, message: base.Overdue, part: base.Taken
    ) -> ReceiptIn | Fault:
        connector = self._connectors().get(part.connector)
        if connector is None or not connector.capabilities.query:
            return Fault(FaultClass.PROTOCOL, None, "it cannot be asked any more")
        return await connector.query(
            Sent(request=message.request, host=part.host, smsc_id=part.smsc_id)
        )
