"""Receipts meet their messages, whichever of response and receipt comes first.

Accepted attempts are on record by the canonical form of their SMSC id, receipts that
fit none are parked and looked through when new ids come.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from esmed import lifecycle
from esmed.models import FINAL_STATES, ReceiptIn, Record
from esmed.store import base, bulk
from esmed.store.matching import Candidate, choose, numbers, sure
from esmed.store.rows import text
from esmed.store.unit import Unit

Match = Literal["matched", "duplicate", "unmatched"]
_Key = tuple[str, str]
"""A connector and a canonical id."""


def match(unit: Unit, operations: Sequence[base.Receipt]) -> list[Match]:
    """Note receipts for the attempts they are about; park the others.

    Most are settled by the id as it stands; only for the rest is it converted.
    """
    receipts = [op.receipt for op in operations]
    found = _candidates(
        unit, {(one.connector, one.keys[0]) for one in receipts if one.keys}
    )
    chosen = [
        sure(one, found.get((one.connector, one.keys[0]), ())) if one.keys else None
        for one in receipts
    ]
    left = [
        one for one, candidate in zip(receipts, chosen, strict=True) if not candidate
    ]
    found |= _candidates(
        unit, {(one.connector, key) for one in left for key in one.keys[1:]}
    )
    chosen = [
        candidate or _choose(unit, one, found)
        for one, candidate in zip(receipts, chosen, strict=True)
    ]
    unit.preload(candidate.seq for candidate in chosen if candidate)
    return [
        _receipt(unit, op, candidate)
        for op, candidate in zip(operations, chosen, strict=True)
    ]


def unpark(unit: Unit, new_ids: Iterable[bulk.Row]) -> None:
    """Give receipts that came before their response to the message they are about."""
    fresh: dict[_Key, list[Candidate]] = defaultdict(list)
    (parked_any,) = unit.connection.execute(
        "SELECT EXISTS (SELECT 1 FROM parked)"
    ).fetchone()
    if not parked_any:
        return
    for row in new_ids:
        candidate = msgspec.convert(row, Candidate)
        fresh[candidate.connector, candidate.key].append(candidate)
    if not fresh:
        return
    (rows,) = unit.connection.execute(
        "SELECT json_group_array(json_array(p.receipt, json(p.body)))"
        " FROM json_each(?) AS wanted CROSS JOIN parked AS p"
        " ON p.key = json_extract(wanted.value, '$[1]')"
        " AND p.connector = json_extract(wanted.value, '$[0]')",
        (text(list(fresh)),),
    ).fetchone()
    parked = {one.number: one.receipt for one in _decode_parked(rows)}
    for number in sorted(parked):
        receipt = parked[number]
        chosen = _choose(unit, receipt, fresh)
        record = unit.get(chosen.seq) if chosen else None
        if chosen is not None and record is not None:
            unit.connection.execute(
                "DELETE FROM parked WHERE connector = ? AND receipt = ?"
                " AND key IN (SELECT value FROM json_each(?))",
                (receipt.connector, number, text(receipt.keys)),
            )
            _note(unit, record, chosen, receipt)
            unit.early.append(receipt.connector)


class _Parked(Struct, array_like=True):
    number: int
    receipt: ReceiptIn


_decode_candidates = msgspec.json.Decoder(list[Candidate]).decode
_decode_parked = msgspec.json.Decoder(list[_Parked]).decode


def _candidates(unit: Unit, wanted: Collection[_Key]) -> dict[_Key, list[Candidate]]:
    found: dict[_Key, list[Candidate]] = defaultdict(list)
    if not wanted:
        return found
    (rows,) = unit.connection.execute(
        "SELECT json_group_array(json_array(s.connector, s.key, s.smsc_id, s.seq,"
        " s.part, s.attempt, s.host, s.recipient, s.at))"
        " FROM json_each(?) AS wanted CROSS JOIN smsc_ids AS s"
        " ON s.key = json_extract(wanted.value, '$[1]')"
        " AND s.connector = json_extract(wanted.value, '$[0]')",
        (text(list(wanted)),),
    ).fetchone()
    for candidate in _decode_candidates(rows):
        found[candidate.connector, candidate.key].append(candidate)
    return found


def _choose(
    unit: Unit, receipt: ReceiptIn, found: dict[_Key, list[Candidate]]
) -> Candidate | None:
    candidates = [
        candidate
        for key in receipt.keys
        for candidate in found.get((receipt.connector, key), ())
    ]
    return choose(receipt, candidates, lambda one: _is_open(unit, one))


def _is_open(unit: Unit, candidate: Candidate) -> bool:
    record = unit.get(candidate.seq)
    if record is None:
        return False
    return record.progress.segments[candidate.part - 1].state not in FINAL_STATES


def _receipt(unit: Unit, op: base.Receipt, candidate: Candidate | None) -> Match:
    record = unit.get(candidate.seq) if candidate else None
    if candidate is None or record is None:
        _park(unit, op)
        return "unmatched"
    return _note(unit, record, candidate, op.receipt)


def _note(
    unit: Unit, record: Record, candidate: Candidate, receipt: ReceiptIn
) -> Match:
    old, waited_for = record.progress.state, lifecycle.waits_for(record)
    news = lifecycle.apply_receipt(record, candidate.part, candidate.attempt, receipt)
    if news == "duplicate":
        return "duplicate"
    at = max(receipt.at, record.progress.submitted_at or receipt.at)
    unit.changed(record, old, waited_for=waited_for, at=at, amended=news == "news")
    return "matched"


def _park(unit: Unit, op: base.Receipt) -> None:
    receipt, body = op.receipt, text(op.receipt)
    number = unit.next_parked()
    unit.seek(*numbers(receipt))
    bulk.insert(
        unit.connection,
        "parked",
        [
            (receipt.connector, key, number, body, op.keep_until)
            for key in dict.fromkeys(receipt.keys)
        ],
    )
