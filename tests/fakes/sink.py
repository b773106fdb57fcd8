"""A `Sink` that keeps what it is given, and the jobs to give to a connector."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from esmed.connector import Connector, Job, Received
from esmed.models import (
    Accepted,
    InboundIn,
    MoAnswer,
    PartResult,
    Plan,
    Queued,
    ReceiptIn,
    Request,
)

LIMIT = 30.0
"""Seconds for anything that is sure to happen: machines stall."""

Done = Callable[[Sequence[bool]], None]


class RecordingSink:
    """Answers at once: outcomes are released, deliveries stored, unless told not to."""

    def __init__(self) -> None:
        self.outcomes: list[PartResult] = []
        self.late_ones: list[PartResult] = []
        self.given_back: list[tuple[Job, list[int]]] = []
        self.receipts: list[ReceiptIn] = []
        self.inbound: list[InboundIn] = []
        self.answers: dict[tuple[str, str], MoAnswer] = {}
        self.batches: list[list[Received]] = []
        self.ended: list[str] = []
        self.turned_away: list[list[Received]] = []
        self.wakes = 0
        self.releases = True
        """Whether outcomes are on disk at once."""
        self.more = False
        """Whether messages wait that the connector could not take yet."""
        self.stores: bool | None = True
        """What becomes of deliveries; None: nothing yet, see ``waiting``."""
        self.waiting: list[tuple[int, Done]] = []
        self.connector: Connector | None = None
        self._change = asyncio.Event()

    def results(self, results: Sequence[PartResult]) -> None:
        assert results
        self.outcomes.extend(results)
        if self.releases and self.connector is not None:
            self.connector.release(len(results))
        self._change.set()

    def late(self, result: PartResult) -> None:
        self.late_ones.append(result)
        self._change.set()

    def returned(self, job: Job, parts: Sequence[int]) -> None:
        self.given_back.append((job, list(parts)))
        self._change.set()

    def received(self, items: Sequence[Received], done: Done) -> None:
        self.batches.append(list(items))
        for item in items:
            if isinstance(item, ReceiptIn):
                self.receipts.append(item)
            else:
                self.inbound.append(item)
        if self.stores is None:
            self.waiting.append((len(items), done))
        else:
            done([self.stores] * len(items))
        self._change.set()

    def answered(
        self,
        item: InboundIn,
        answer: MoAnswer,
        done: Callable[[MoAnswer | None], None],
    ) -> None:
        self.inbound.append(item)
        self.answers.setdefault((item.connector, item.remote_id), answer)
        if self.stores is not None:
            done(answer if self.stores else None)
        self._change.set()

    async def answer_on_record(self, connector: str, remote_id: str) -> MoAnswer | None:
        return self.answers.get((connector, remote_id))

    def refused(self, items: Sequence[Received]) -> None:
        self.turned_away.append(list(items))
        self._change.set()

    def session_ended(self, session: str) -> None:
        self.ended.append(session)
        self._change.set()

    def more_for(self, _: str) -> bool:
        return self.more

    def wake(self, _: str) -> None:
        self.wakes += 1
        if self.connector is not None:
            asyncio.get_running_loop().call_soon(self.connector.submit, ())
        self._change.set()

    # --- for tests -------------------------------------------------------------------

    def store(self) -> None:
        """Say that all that waits is on disk now."""
        waiting, self.waiting = self.waiting, []
        for number, done in waiting:
            done([True] * number)

    @property
    def accepted(self) -> list[str]:
        """The SMSC's ids, in the order of the responses."""
        return [
            result.outcome.smsc_id
            for result in self.outcomes
            if isinstance(result.outcome, Accepted)
        ]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that shows in a connector or here."""
        async with asyncio.timeout(LIMIT):
            while not condition():
                self._change.clear()
                await self._change.wait()


_seqs = count(1)


def request(text: str | None = "hello", **fields: Any) -> Request:
    """A message as the gateway accepts it."""
    return Request(**{"to": "380501234567", "from_": "Shop", "text": text, **fields})


def job_for(
    connector: Connector,
    text: str | None = "hello",
    *,
    expires_at: int = 4_000_000_000_000,
    **fields: Any,
) -> Job:
    """A message as dispatch hands it over, with its plan made by the connector."""
    message = request(text, **fields)
    plan = connector.plan(message)
    assert isinstance(plan, Plan), plan
    seq = next(_seqs)
    queued = Queued(
        seq=seq,
        id=f"id-{seq}",
        request=message,
        via=(connector.name,),
        due_at=0,
        expires_at=expires_at,
    )
    return Job(queued, plan, range(1, len(plan.parts) + 1), "first choice")
