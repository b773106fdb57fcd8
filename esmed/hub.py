"""What connectors and the store tell, passed on to whom it concerns, and counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from esmed.connector import Job, Received
from esmed.dispatch import Dispatch
from esmed.inbound import InboundDesk
from esmed.metrics import Metrics
from esmed.models import InboundIn, MessageState, MoAnswer, PartResult
from esmed.store.base import Committed
from esmed.webhooks import Webhooks

_RECEIPTED: Final = frozenset(
    {
        MessageState.DELIVERED,
        MessageState.UNDELIVERABLE,
        MessageState.EXPIRED,
        MessageState.DELETED,
        MessageState.REJECTED,
    }
)


class Hub:
    """Implements `esmed.connector.Sink`; its parts are set before anything is told."""

    dispatch: Dispatch
    desk: InboundDesk
    webhooks: Webhooks

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    # --- for connectors ---------------------------------------------------------------

    def results(self, results: Sequence[PartResult]) -> None:
        self.dispatch.results(results)

    def late(self, result: PartResult) -> None:
        self.dispatch.late(result)

    def returned(self, job: Job, parts: Sequence[int]) -> None:
        self.dispatch.returned(job, parts)

    def received(
        self, items: Sequence[Received], done: Callable[[Sequence[bool]], None]
    ) -> None:
        self.desk.received(items, done)

    def answered(
        self,
        item: InboundIn,
        answer: MoAnswer,
        done: Callable[[MoAnswer | None], None],
    ) -> None:
        self.desk.answered(item, answer, done)

    async def answer_on_record(self, connector: str, remote_id: str) -> MoAnswer | None:
        return await self.desk.answer_on_record(connector, remote_id)

    def refused(self, items: Sequence[Received]) -> None:
        self.desk.refused(items)

    def session_ended(self, session: str) -> None:
        self.desk.session_ended(session)

    def more_for(self, connector: str) -> bool:
        return self.dispatch.more_for(connector)

    def wake(self, connector: str) -> None:
        self.dispatch.wake(connector)

    # --- for the store ----------------------------------------------------------------

    def committed(self, told: Committed) -> None:
        metrics = self._metrics
        metrics.store_commit_seconds.observe(told.seconds)
        metrics.store_batch_operations.observe(told.operations)
        for change in told.changes:
            meters = metrics.connector(change.connector)
            if change.new is not change.old:
                meters.messages[change.new].inc()
                if change.new in _RECEIPTED and change.submitted_at is not None:
                    meters.delivery_seconds.observe(
                        (change.at - change.submitted_at) / 1000
                    )
        for name, complete in told.inbound:
            metrics.connector(name).inbound[complete].inc()
        for name in told.early:
            metrics.connector(name).receipts["early"].inc()
        self.dispatch.committed(told)
        if told.events:
            self.webhooks.wake()

    def failed(self, error: Exception) -> None:
        self._metrics.store_errors.inc()
        self.dispatch.failed(error)
