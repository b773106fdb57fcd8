"""What each operation does to the store, inside the writer's transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from esmed import lifecycle
from esmed.models import Accepted, MessageState, Millis, Queued, ReceiptIn, Record
from esmed.store import base, bulk, inbound
from esmed.store.matching import Candidate, choose
from esmed.store.unit import COLUMNS, Unit

IDEMPOTENCY_MS: Final = 24 * 3600 * 1000

_encode = msgspec.json.Encoder().encode
_decode_candidates = msgspec.json.Decoder(list[Candidate]).decode
_decode_seqs = msgspec.json.Decoder(list[int]).decode


def apply(unit: Unit, operations: Sequence[base.Operation]) -> list[Any]:
    """Do a group of operations; results in their order.

    Receipts go last: the response to their message may be in the same group.
    """
    results: list[Any] = [None] * len(operations)
    receipts: dict[int, base.Receipt] = {}
    unit.preload(seq for op in operations if (seq := _subject(op)) is not None)
    for index, operation in enumerate(operations):
        if isinstance(operation, base.Receipt):
            receipts[index] = operation
        else:
            results[index] = _HANDLERS[type(operation)](unit, operation)
    _unpark(unit, unit.flush_smsc_ids())
    if receipts:
        matches = _receipts(unit, list(receipts.values()))
        for index, result in zip(receipts, matches, strict=True):
            results[index] = result
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
            | base.Resolve()
        ):
            return operation.seq
        case _:
            return None


# --- messages ------------------------------------------------------------------------


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


def _change(unit: Unit, seq: int, at: Millis, change: Callable[[Record], Any]) -> Any:
    """Change one record and have it saved and announced."""
    record = unit.get(seq)
    if record is None:
        return None
    old, waited_for = record.progress.state, lifecycle.waits_for(record)
    result = change(record)
    unit.changed(record, old, waited_for=waited_for, at=at)
    return result


def _mark(unit: Unit, op: base.Mark) -> bool:
    return bool(
        _change(
            unit,
            op.seq,
            op.at,
            lambda record: lifecycle.mark(
                record, op.plan, on_unknown=op.on_unknown, deadline=op.deadline
            ),
        )
    )


def _submitted(unit: Unit, op: base.Submitted) -> None:
    result = op.result
    record = unit.get(result.seq)
    if record is None:
        return
    old, waited_for = record.progress.state, lifecycle.waits_for(record)
    lifecycle.apply_result(
        record,
        result,
        parts=op.parts,
        encoding=op.encoding,
        receipt_asked=op.receipt_asked,
        deadline=op.deadline,
    )
    outcome = result.outcome
    if isinstance(outcome, Accepted) and op.key:
        attempts = record.progress.segments[result.part - 1].attempts
        index = next(i for i, a in enumerate(attempts) if a.smsc_id == outcome.smsc_id)
        unit.add_smsc_id(
            (
                result.connector,
                op.key,
                outcome.smsc_id,
                result.seq,
                result.part,
                index,
                result.host,
                record.request.to,
                result.at,
            )
        )
    unit.changed(record, old, waited_for=waited_for, at=result.answered_at, amended=True)


def _requeue(unit: Unit, op: base.Requeue) -> None:
    _change(
        unit,
        op.seq,
        op.at,
        lambda record: lifecycle.requeue(
            record,
            due_at=op.due_at,
            via=op.via,
            tries=op.tries,
            drop_plan=op.drop_plan,
            error=op.error,
        ),
    )


def _finish(unit: Unit, op: base.Finish) -> None:
    _change(
        unit,
        op.seq,
        op.at,
        lambda record: lifecycle.finish(record, op.state, op.error, op.at, op.deadline),
    )


def _hold(unit: Unit, op: base.Hold) -> None:
    _change(unit, op.seq, op.at, lambda record: lifecycle.hold(record, op.deadline))


def _cancel(unit: Unit, op: base.Cancel) -> bool:
    return bool(
        _change(unit, op.seq, op.at, lambda record: lifecycle.cancel(record, op.at))
    )


def _resolve(unit: Unit, op: base.Resolve) -> bool:
    def resolve(record: Record) -> bool:
        if not record.progress.held:
            return False
        if op.resend:
            lifecycle.requeue(
                record,
                due_at=op.at,
                via=record.via,
                tries=record.progress.tries,
                drop_plan=False,
                error=None,
            )
        else:
            lifecycle.expire(record, op.at)
        return True

    return bool(_change(unit, op.seq, op.at, resolve))


def _page(unit: Unit, op: base.Page) -> base.QueuePage:
    lane = unit.lanes.id(unit.connection, op.via, op.priority)
    rows = unit.connection.execute(
        f"SELECT json_group_array(json_array({COLUMNS})) FROM (SELECT * FROM messages"  # noqa: S608
        " WHERE lane = ? AND due_at <= ? AND (due_at, seq) > (?, ?)"
        " ORDER BY due_at, seq LIMIT ?)",
        (lane, op.now, *op.after, op.limit),
    ).fetchone()
    records = unit.lanes.records(rows[0])
    next_due = None
    if len(records) < op.limit:
        (next_due,) = unit.connection.execute(
            "SELECT min(due_at) FROM messages WHERE lane = ? AND due_at > ?",
            (lane, op.now),
        ).fetchone()
    return base.QueuePage([queued(record) for record in records], next_due)


def queued(record: Record) -> Queued:
    """Show a waiting record to dispatch."""
    progress = record.progress
    return Queued(
        seq=record.seq,
        id=record.id,
        request=record.request,
        via=record.via,
        due_at=record.due_at or 0,
        expires_at=record.expires_at,
        tries=progress.tries,
        plan=progress.plan,
        accepted=tuple(
            segment.part
            for segment in progress.segments
            if segment.state not in {MessageState.QUEUED, MessageState.SCHEDULED}
        ),
    )


# --- receipts ------------------------------------------------------------------------


def _receipts(unit: Unit, operations: Sequence[base.Receipt]) -> list[str]:
    keys = {(op.receipt.connector, key) for op in operations for key in op.receipt.keys}
    found: dict[tuple[str, str], list[Candidate]] = {}
    if keys:
        (rows,) = unit.connection.execute(
            "SELECT json_group_array(json_array(s.connector, s.key, s.smsc_id, s.seq,"
            " s.part, s.attempt, s.host, s.recipient, s.at))"
            " FROM json_each(?) AS wanted JOIN smsc_ids AS s"
            " ON s.key = wanted.value->>1 AND s.connector = wanted.value->>0",
            (_encode(list(keys)).decode(),),
        ).fetchone()
        for connector, *rest in msgspec.json.decode(rows):
            candidate = msgspec.convert(rest, Candidate)
            found.setdefault((connector, candidate.key), []).append(candidate)
    chosen = [_choose(op.receipt, found) for op in operations]
    unit.preload(candidate.seq for candidate in chosen if candidate)
    return [
        _receipt(unit, op, candidate)
        for op, candidate in zip(operations, chosen, strict=True)
    ]


def _choose(
    receipt: ReceiptIn, found: dict[tuple[str, str], list[Candidate]]
) -> Candidate | None:
    candidates = [
        candidate
        for key in receipt.keys
        for candidate in found.get((receipt.connector, key), ())
    ]
    return choose(receipt, candidates) if candidates else None


def _receipt(unit: Unit, op: base.Receipt, candidate: Candidate | None) -> str:
    record = unit.get(candidate.seq) if candidate else None
    if candidate is None or record is None:
        _park(unit, op)
        return "unmatched"
    return _note(unit, record, candidate, op.receipt)


def _note(unit: Unit, record: Record, candidate: Candidate, receipt: ReceiptIn) -> str:
    old, waited_for = record.progress.state, lifecycle.waits_for(record)
    news = lifecycle.apply_receipt(record, candidate.part, candidate.attempt, receipt)
    if news == "duplicate":
        return "duplicate"
    unit.changed(record, old, waited_for=waited_for, at=receipt.at, amended=True)
    return "matched"


def _park(unit: Unit, op: base.Receipt) -> None:
    body = _encode(op.receipt).decode()
    (number,) = unit.connection.execute(
        "SELECT coalesce(max(receipt), 0) + 1 FROM parked"
    ).fetchone()
    bulk.insert(
        unit.connection,
        "parked",
        [
            (op.receipt.connector, key, number, body, op.keep_until)
            for key in op.receipt.keys
        ],
        verb="OR IGNORE",
    )


def _unpark(unit: Unit, new_ids: Iterable[bulk.Row]) -> None:
    """Give receipts that came before their response to the message they are about."""
    fresh = {(row[0], row[1]): row for row in new_ids}
    if not fresh:
        return
    (rows,) = unit.connection.execute(
        "SELECT json_group_array(json_array(p.connector, p.key, p.receipt,"
        " json(p.body))) FROM json_each(?) AS wanted JOIN parked AS p"
        " ON p.key = wanted.value->>1 AND p.connector = wanted.value->>0",
        (_encode(list(fresh)).decode(),),
    ).fetchone()
    for parked in msgspec.json.decode(rows, type=list[_Parked]):
        _, key, smsc_id, *rest = fresh[parked.connector, parked.key]
        candidate = msgspec.convert([key, smsc_id, *rest], Candidate)
        record = unit.get(candidate.seq)
        if choose(parked.receipt, [candidate]) is None or record is None:
            continue
        unit.connection.execute(
            "DELETE FROM parked WHERE receipt = ?", (parked.number,)
        )
        _note(unit, record, candidate, parked.receipt)
        unit.early.append(parked.connector)


class _Parked(Struct, array_like=True):
    connector: str
    key: str
    number: int
    receipt: ReceiptIn


# --- what happens by itself ----------------------------------------------------------


def _sweep(unit: Unit, op: base.Sweep) -> bool:
    (seqs,) = unit.connection.execute(
        "SELECT json_group_array(seq) FROM (SELECT seq FROM messages"
        " WHERE deadline <= ? ORDER BY deadline LIMIT ?)",
        (op.now, op.limit),
    ).fetchone()
    due = _decode_seqs(seqs)
    unit.preload(due)
    for seq in due:
        if seq not in op.busy:
            _change(unit, seq, op.now, lambda record: lifecycle.expire(record, op.now))
    late = inbound.give_up(unit, op.now, op.limit)
    old = _prune(unit, op.now, op.now - int(op.retention * 1000), op.limit)
    return max(len(due), late, old) >= op.limit


def _prune(unit: Unit, now: Millis, before: Millis, limit: int) -> int:
    """Delete what is past retention, a bounded amount of each kind."""
    deleted = 0
    for statement, bound in (
        ("messages WHERE seq IN (SELECT seq FROM messages WHERE final_at < ?", before),
        (
            "outbox WHERE seq IN (SELECT seq FROM outbox WHERE created_at < ?"
            " AND due_at IS NULL",
            before,
        ),
        ("inbound WHERE seq IN (SELECT seq FROM inbound WHERE received_at < ?", before),
        (
            "smsc_ids WHERE at < ? AND id IN (SELECT id FROM smsc_ids ORDER BY id",
            before,
        ),
        (
            "parked WHERE (key, connector, receipt) IN (SELECT key, connector, receipt"
            " FROM parked WHERE keep_until < ?",
            now,
        ),
        (
            "idempotency WHERE (client, key) IN (SELECT client, key FROM idempotency"
            " WHERE at < ?",
            now - IDEMPOTENCY_MS,
        ),
        (
            "inbound_seen WHERE (digest, session) IN (SELECT digest, session"
            " FROM inbound_seen WHERE received_at < ?",
            now - IDEMPOTENCY_MS,
        ),
    ):
        cursor = unit.connection.execute(
            f"DELETE FROM {statement} LIMIT ?)",  # noqa: S608 - the statements above
            (bound, limit),
        )
        deleted = max(deleted, cursor.rowcount)
    return deleted


# --- webhooks ------------------------------------------------------------------------


def _hook_result(unit: Unit, op: base.HookResult) -> None:
    unit.connection.execute(
        "UPDATE outbox SET state = ?, due_at = ?,"
        " attempts = json_insert(attempts, '$[#]', json_array(?, ?)) WHERE seq = ?",
        (
            "pending" if op.outcome == "retry" else op.outcome,
            op.due_at if op.outcome == "retry" else None,
            op.at,
            op.note,
            op.seq,
        ),
    )


def _replay(unit: Unit, op: base.Replay) -> int:
    cursor = unit.connection.execute(
        "UPDATE outbox SET state = 'pending', due_at = ? WHERE due_at IS NULL"
        " AND created_at >= ? AND (state = 'dead' OR ?)",
        (op.now, op.since, not op.dead),
    )
    unit.events += cursor.rowcount
    return cursor.rowcount


_HANDLERS: Final[dict[type, Callable[[Unit, Any], Any]]] = {
    base.Accept: _accept,
    base.Mark: _mark,
    base.Submitted: _submitted,
    base.Requeue: _requeue,
    base.Finish: _finish,
    base.Hold: _hold,
    base.Cancel: _cancel,
    base.Resolve: _resolve,
    base.Page: _page,
    base.ReceiveMo: inbound.receive,
    base.SessionEnded: inbound.session_ended,
    base.Sweep: _sweep,
    base.HookResult: _hook_result,
    base.Replay: _replay,
}
