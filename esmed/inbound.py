"""What connectors receive goes to the store, and only then is acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from esmed.clock import Clock
from esmed.connector import Received
from esmed.metrics import Match, Metrics
from esmed.models import InboundIn, Millis, MoAnswer, ReceiptIn
from esmed.store import base

_MATCHES: Final[Mapping[object, Match]] = {
    "matched": "matched",
    "unmatched": "unmatched",
    "duplicate": "duplicate",
}


class Keeping(Protocol):
    """How long a connector's unfinished business is kept; seconds."""

    @property
    def reassembly_timeout(self) -> float:
        """Until what has come of an MO message in parts is delivered incomplete."""

    @property
    def unmatched_ttl(self) -> float:
        """Until a receipt without a message is forgotten."""


class InboundDesk:
    """The way from connectors into the store, for receipts and MO."""

    def __init__(
        self,
        store: base.Store,
        keeping: Mapping[str, Keeping],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._keeping = dict(keeping)
        self._clock = clock
        self._metrics = metrics

    def configure(self, keeping: Mapping[str, Keeping]) -> None:
        """Keep for other times; connectors that are on their way out keep theirs."""
        self._keeping |= keeping

    def received(
        self, items: Sequence[Received], done: Callable[[Sequence[bool]], None]
    ) -> None:
        """Store receipts and MO; then tell, item by item, which are on disk."""

        def stored(results: list[Any]) -> None:
            for item, result in zip(items, results, strict=True):
                match: Match | None = _MATCHES.get(result)
                if isinstance(item, ReceiptIn) and match is not None:
                    self._metrics.connector(item.connector).receipts[match].inc()
            done([not isinstance(result, Exception) for result in results])

        self._store.duty([self._operation(item) for item in items], stored)

    def answered(
        self,
        item: InboundIn,
        answer: MoAnswer,
        done: Callable[[MoAnswer | None], None],
    ) -> None:
        """Store an MO message with what its sender is answered; then tell which answer
        that is."""

        def stored(results: list[Any]) -> None:
            (found,) = results
            done(None if isinstance(found, Exception) else found)

        operation = base.AnswerMo(
            inbound=item, give_up_at=self._give_up_at(item), answer=answer
        )
        self._store.duty([operation], stored)

    async def answer_on_record(self, connector: str, remote_id: str) -> MoAnswer | None:
        """Return what was answered to an MO message; StoreError."""
        return await self._store.mo_answer(connector, remote_id)

    def refused(self, items: Sequence[Received]) -> None:
        """Expect once more what was refused before it was on disk."""
        expected = [
            base.Expected(inbound=item) for item in items if isinstance(item, InboundIn)
        ]
        if expected:
            self._store.duty(expected, lambda _: None)

    def session_ended(self, session: str) -> None:
        """Expect what a dead bind brought last once more."""
        ended = base.SessionEnded(session=session, at=self._clock.now_ms())
        self._store.duty([ended], lambda _: None)

    def _operation(self, item: Received) -> base.Operation:
        keeping = self._keeping[item.connector]
        if isinstance(item, ReceiptIn):
            return base.Receipt(
                receipt=item, keep_until=item.at + round(keeping.unmatched_ttl * 1000)
            )
        return base.ReceiveMo(inbound=item, give_up_at=self._give_up_at(item))

    def _give_up_at(self, item: InboundIn) -> Millis:
        keeping = self._keeping[item.connector]
        return item.received_at + round(keeping.reassembly_timeout * 1000)
