"""Taking back what the next hop has: every part of a message, at whoever has it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, field

from esmed import log, parts
from esmed.clock import Clock
from esmed.connector import Connector, Sent
from esmed.models import FINAL_STATES, Attempt, Fault, FaultClass, MessageState, Record
from esmed.store import base

RECALLABLE: Final = frozenset({MessageState.SUBMITTED, MessageState.BUFFERED})
"""All of the message is somewhere else, and may not have ended there."""

_log: Final = log.get("recall")


class _Submission(Struct):
    """What the next hop knows under one id."""

    attempt: Attempt
    part: int
    places: list[tuple[int, int]] = field(default_factory=list)
    """(part, attempt): an SMSC that knows its duplicates gives them one id."""


async def recall(
    record: Record,
    connectors: Mapping[str, Connector],
    store: base.Store,
    clock: Clock,
) -> list[str]:
    """Ask for every part that has not ended to be dropped, and record which are.

    Returns why the others are not.
    """
    submissions = _open(record)
    answers = await asyncio.gather(
        *(_ask(record, one, connectors) for one in submissions)
    )
    dropped = [
        place
        for one, answer in zip(submissions, answers, strict=True)
        if answer is None
        for place in one.places
    ]
    if dropped:
        operation = base.Recalled(
            seq=record.seq, attempts=tuple(dropped), at=clock.now_ms()
        )
        await _stored(operation, store)
    refusals = [
        f"part {one.part}: {answer.detail}"
        for one, answer in zip(submissions, answers, strict=True)
        if answer is not None
    ]
    _log.info(
        "recall.done", id=record.id, asked=len(submissions), refused=len(refusals)
    )
    return refusals


async def _stored(operation: base.Recalled, store: base.Store) -> None:
    """Have on disk what has happened, however long that takes."""
    stored = asyncio.get_running_loop().create_future()

    def done(_: list[Any]) -> None:
        if not stored.done():
            stored.set_result(None)

    store.duty([operation], done)
    await stored


def _cannot(detail: str) -> Fault:
    return Fault(FaultClass.MESSAGE, None, detail)


def _open(record: Record) -> list[_Submission]:
    """Return what may still be on its way."""
    found: dict[tuple[str, str | int, int], _Submission] = {}
    for segment in record.progress.segments:
        if segment.state in FINAL_STATES:
            continue
        for index, attempt in enumerate(segment.attempts):
            if attempt.outcome == "accepted" and not parts.ended(attempt):
                key = (attempt.connector, attempt.smsc_id or index, segment.part)
                one = found.setdefault(key, _Submission(attempt, segment.part))
                one.places.append((segment.part, index))
    return list(found.values())


async def _ask(
    record: Record, one: _Submission, connectors: Mapping[str, Connector]
) -> Fault | None:
    attempt = one.attempt
    connector = connectors.get(attempt.connector)
    if connector is None:
        return _cannot(f"{attempt.connector} is not configured any more")
    if not connector.capabilities.cancel:
        return _cannot(f"{attempt.connector} cannot cancel what it has sent")
    if not attempt.smsc_id:
        return _cannot("it was taken without an id")
    sent = Sent(request=record.request, host=attempt.host, smsc_id=attempt.smsc_id)
    return await connector.cancel(sent)
