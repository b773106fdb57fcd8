"""Parked receipts are given to the held parts that they can only be about.

A held part's answer is lost, and with it the id by which receipts would know it. What
such a receipt and the part have in common is the connector and the number;
`esmed.store.matching` says whether that is enough. Once it is, the receipt's id is the
part's, and all goes on as if the answer had come late.

Looked for are only numbers about which there is news: a receipt was parked, or a
message became held or is not any more; after a start, those of all that is held.
"""

from __future__ import annotations

from typing import Final

import msgspec

from esmed import lifecycle
from esmed.models import ReceiptIn, Record
from esmed.store import base, matching, receipts
from esmed.store.matching import Nameless
from esmed.store.rows import text
from esmed.store.unit import Unit

_RECEIPTS_MOST: Final = 100
_MESSAGES_MOST: Final = 2000
"""Of one number. Where there are more a look would take long, and decide nothing: they
are a test's."""

_decode_numbers = msgspec.json.Decoder(list[str]).decode
_decode_receipts = msgspec.json.Decoder(list[ReceiptIn]).decode
_decode_seqs = msgspec.json.Decoder(list[int]).decode


def attribute(unit: Unit, op: base.Sweep) -> bool:
    """Look for the next numbers; return whether there are more.

    What is undecided only because something is in flight is looked for again by the
    next sweep.
    """
    if not _any(unit):
        unit.seek_nothing()
        return False
    wanted = unit.take_sought(op.limit)
    again = [number for number in _held(unit, wanted) if not _number(unit, op, number)]
    more = unit.seeks
    unit.seek(*again)
    return more


def _number(unit: Unit, op: base.Sweep, number: str) -> bool:
    """Attribute the receipts of one number; False: it is too early to tell for all."""
    parked = _parked(unit, number)
    records = _messages(unit, number) if parked else []
    if not parked or not records:
        return True
    parts: list[Nameless] = []
    settled = True
    for record in records:
        in_flight = record.seq in op.busy
        settled = settled and not in_flight
        parts += matching.nameless(record, op.now, in_flight=in_flight)
    # What came since then may be about what ``busy`` does not know.
    known = [one for one in parked if one.at < op.now]
    for receipt, part in matching.attribute(known, parts):
        patience = op.patience.get(receipt.connector)
        if patience is not None:
            _take(unit, receipt, part, round(patience * 1000))
            receipts.unpark(unit, unit.flush_smsc_ids())
    return settled and len(known) == len(parked)


def _take(unit: Unit, receipt: ReceiptIn, part: Nameless, patience: int) -> None:
    """Let a receipt tell the id of a part; it is noted when it is unparked."""

    def take(record: Record) -> None:
        attempt = lifecycle.taken(
            record, part.part, receipt, deadline=receipt.at + patience
        )
        unit.requeued |= lifecycle.waits(record)
        unit.add_smsc_id(
            (
                receipt.connector,
                receipt.keys[0],
                receipt.smsc_id,
                part.seq,
                part.part,
                attempt,
                receipt.host,
                part.recipient,
                receipt.at,
            )
        )

    unit.change(part.seq, receipt.at, take)


def _any(unit: Unit) -> bool:
    """Tell whether there may be something to do; hardly ever there is."""
    parked, marked = unit.connection.execute(
        "SELECT EXISTS (SELECT 1 FROM parked), EXISTS (SELECT 1 FROM messages"
        " WHERE state = 'submitting' AND due_at IS NULL)"
    ).fetchone()
    return bool(parked and marked)


def _held(unit: Unit, wanted: set[str]) -> list[str]:
    """Return those of these numbers to which something is held."""
    (found,) = unit.connection.execute(
        "SELECT json_group_array(value) FROM json_each(?) AS wanted"
        " WHERE EXISTS (SELECT 1 FROM messages"
        " WHERE substr(recipient, -7) = wanted.value"
        " AND state = 'submitting' AND due_at IS NULL"
        " AND json_extract(progress, '$[1]'))",
        (text(sorted(wanted)),),
    ).fetchone()
    return _decode_numbers(found)


def _parked(unit: Unit, number: str) -> list[ReceiptIn]:
    """Return what is parked of a number; nothing if that is too much."""
    (found,) = unit.connection.execute(
        "SELECT json_group_array(json(body)) FROM ("
        "SELECT body FROM parked"
        " WHERE substr(json_extract(body, '$.source'), -7) = :number"
        " UNION ALL SELECT body FROM parked"
        " WHERE substr(json_extract(body, '$.destination'), -7) = :number"
        " LIMIT :limit)",
        {"number": number, "limit": _RECEIPTS_MOST + 1},
    ).fetchone()
    some = _decode_receipts(found)
    return some if len(some) <= _RECEIPTS_MOST else []


def _messages(unit: Unit, number: str) -> list[Record]:
    """Return all to a number of which a receipt may be; nothing if that is too much."""
    count, found = unit.connection.execute(
        "SELECT count(*), json_group_array(seq)"
        """ FILTER (WHERE final_at IS NULL OR instr(progress, '"unknown"'))"""
        " FROM (SELECT seq, final_at, progress FROM messages"
        " WHERE substr(recipient, -7) = ? LIMIT ?)",
        (number, _MESSAGES_MOST + 1),
    ).fetchone()
    if count > _MESSAGES_MOST:
        return []
    seqs = _decode_seqs(found)
    unit.preload(seqs)
    return [record for seq in seqs if (record := unit.get(seq)) is not None]
