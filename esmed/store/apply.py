"""What each operation does to the store, inside the writer's transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from esmed import lifecycle
from esmed.models import Accepted, Record
from esmed.store import (
    answers,
    attribution,
    base,
    bulk,
    inbound,
    outbox,
    receipts,
    rows,
    upkeep,
)
from esmed.store.unit import Unit


def apply(unit: Unit, operations: Sequence[base.Operation]) -> list[Any]:
    """Do a group of operations; results in their order.

    Receipts come after the rest: the response to their message may be in the same
    group. What asks the tables comes last, to see all that the group changes.
    """
    results: list[Any] = [None] * len(operations)
    reports: dict[int, base.Receipt] = {}
    sweeps: dict[int, base.Sweep] = {}
    pages: dict[int, base.Page] = {}
    unit.preload(seq for op in operations if (seq := _subject(op)) is not None)
    for index, operation in enumerate(operations):
        match operation:
            case base.Receipt():
                reports[index] = operation
            case base.Sweep():
                sweeps[index] = operation
            case base.Page():
                pages[index] = operation
            case _:
                results[index] = _HANDLERS[type(operation)](unit, operation)
    receipts.unpark(unit, unit.flush_smsc_ids())
    if reports:
        found = receipts.match(unit, list(reports.values()))
        for index, result in zip(reports, found, strict=True):
            results[index] = result
    for index, sweep in sweeps.items():
        unit.flush()
        more = attribution.attribute(unit, sweep)
        unit.flush()
        results[index] = upkeep.sweep(unit, sweep) or more
    if pages:
        unit.flush()
    for index, page in pages.items():
        results[index] = _page(unit, page)
    return results


def _subject(operation: base.Operation) -> int | None:
    """Return the message that an operation will ask for."""
    match operation:
        case base.Submitted():
            return operation.result.seq
        case (
            base.Mark()
            | base.Requeue()
            | base.Finish()
            | base.Hold()
            | base.Cancel()
            | base.Recalled()
            | base.GiveUp()
            | base.Resolve()
        ):
            return operation.seq
        case _:
            return None


def _accept(unit: Unit, op: base.Accept) -> None:
    for record in op.records:
        unit.add(record)
    if op.key is not None:
        key = op.key
        bulk.insert(
            unit.connection,
            "idempotency",
            [(key.client, key.key, key.digest, key.status, key.answer, key.at)],
            verb="OR REPLACE",
        )


def _mark(unit: Unit, op: base.Mark) -> bool:
    def mark(record: Record) -> bool:
        return lifecycle.mark(
            record,
            op.plan,
            at=op.at,
            on_unknown=op.on_unknown,
            deadline=op.deadline,
        )

    return bool(unit.change(op.seq, op.at, mark))


def _submitted(unit: Unit, op: base.Submitted) -> bool:
    result = op.result

    def submitted(record: Record) -> bool:
        attempts = lifecycle.apply_result(
            record,
            result,
            parts=op.parts,
            encoding=op.encoding,
            receipt_asked=op.receipt_asked,
            deadline=op.deadline,
            ask_at=op.ask_at,
            short_messages=op.short_messages,
        )
        if isinstance(result.outcome, Accepted):
            ids = (result.outcome.smsc_id, *result.outcome.further)
            named = zip(op.keys, ids, attempts, strict=True)
            for part, (key, smsc_id, attempt) in enumerate(named, result.part):
                if key:
                    unit.add_smsc_id(
                        (
                            result.connector,
                            key,
                            smsc_id,
                            result.seq,
                            part,
                            attempt,
                            result.host,
                            record.request.to,
                            result.at,
                        )
                    )
        return lifecycle.waits(record)

    return bool(unit.change(result.seq, result.answered_at, submitted, amends=True))


def _requeue(unit: Unit, op: base.Requeue) -> None:
    unit.change(
        op.seq,
        op.at,
        lambda record: lifecycle.requeue(
            record,
            due_at=op.due_at,
            via=op.via,
            tries=op.tries,
            error=op.error,
            note=op.note,
        ),
    )


def _finish(unit: Unit, op: base.Finish) -> None:
    unit.change(
        op.seq,
        op.at,
        lambda record: lifecycle.finish(record, op.state, op.error, op.at),
    )


def _hold(unit: Unit, op: base.Hold) -> None:
    unit.change(op.seq, op.at, lambda record: lifecycle.hold(record, op.deadline))


def _cancel(unit: Unit, op: base.Cancel) -> bool:
    return bool(
        unit.change(op.seq, op.at, lambda record: lifecycle.cancel(record, op.at))
    )


def _recalled(unit: Unit, op: base.Recalled) -> None:
    unit.change(
        op.seq,
        op.at,
        lambda record: lifecycle.recalled(record, op.attempts, op.at),
        amends=True,
    )


def _give_up(unit: Unit, op: base.GiveUp) -> None:
    unit.change(op.seq, op.at, lambda record: lifecycle.give_up(record, op.at))


def _resolve(unit: Unit, op: base.Resolve) -> bool:
    return bool(
        unit.change(
            op.seq,
            op.at,
            lambda record: lifecycle.resolve(record, op.at, resend=op.resend),
        )
    )


# Not as a comparison of pairs: for that SQLite would read all that are due at once.
_BEHIND: Final = (
    "SELECT * FROM messages WHERE lane = :lane AND due_at = :due AND seq > :seq"
    " AND :due <= :now"
    " UNION ALL"
    " SELECT * FROM messages WHERE lane = :lane AND due_at > :due AND due_at <= :now"
    " ORDER BY due_at, seq LIMIT :limit"
)


def _page(unit: Unit, op: base.Page) -> base.QueuePage:
    lane = unit.lanes.id(unit.connection, op.via, op.priority)
    due_at, seq = op.after
    (found,) = unit.connection.execute(
        f"SELECT json_group_array(json_array({rows.COLUMNS})) FROM ({_BEHIND})",  # noqa: S608 - ours
        {"lane": lane, "now": op.now, "due": due_at, "seq": seq, "limit": op.limit},
    ).fetchone()
    records = unit.lanes.records(found)
    next_due = None
    if len(records) < op.limit:
        (next_due,) = unit.connection.execute(
            "SELECT min(due_at) FROM messages WHERE lane = ? AND due_at > ?",
            (lane, op.now),
        ).fetchone()
    return base.QueuePage([rows.queued(record) for record in records], next_due)


def _hook_result(unit: Unit, op: base.HookResult) -> None:
    outbox.note(unit.connection, op)


def _replay(unit: Unit, op: base.Replay) -> int:
    count = outbox.replay(unit.connection, op)
    unit.events += count
    return count


def _pause(unit: Unit, op: base.Pause) -> None:
    key = f"{rows.PAUSED}{op.connector}"
    if op.paused:
        bulk.insert(unit.connection, "meta", [(key, "")], verb="OR REPLACE")
    else:
        unit.connection.execute("DELETE FROM meta WHERE key = ?", (key,))


_HANDLERS: Final[dict[type, Callable[[Unit, Any], Any]]] = {
    base.Accept: _accept,
    base.Mark: _mark,
    base.Submitted: _submitted,
    base.Requeue: _requeue,
    base.Finish: _finish,
    base.Hold: _hold,
    base.Cancel: _cancel,
    base.Recalled: _recalled,
    base.GiveUp: _give_up,
    base.Resolve: _resolve,
    base.ReceiveMo: inbound.receive,
    base.AnswerMo: answers.answer,
    base.SessionEnded: inbound.session_ended,
    base.Expected: inbound.expected,
    base.HookResult: _hook_result,
    base.Replay: _replay,
    base.Pause: _pause,
}
