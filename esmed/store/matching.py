"""Which of the messages on record a receipt is about. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from esmed.models import Millis, ReceiptIn

_AGREEING_DIGITS = 7
"""Numbers agree when this many last digits do: formats differ by prefix."""


class Candidate(Struct, frozen=True, array_like=True):
    """An accepted attempt whose SMSC id has one of the receipt's keys."""

    connector: str
    key: str
    smsc_id: str
    seq: int
    part: int
    attempt: int
    host: str
    recipient: str
    at: Millis


def choose(
    receipt: ReceiptIn,
    candidates: Sequence[Candidate],
    is_open: Callable[[Candidate], bool],
) -> Candidate | None:
    """Choose by exact id, then canonical id, then the id in another base.

    A converted id counts only when the destination agrees and no other candidate, or
    only one that ``is_open`` (still waits for receipts), does; then it is better than
    an equal id with another destination. Among several with an equal id: the same
    destination, the same host, the newest (ids are used again).
    """
    certain = sure(receipt, candidates)
    if certain is not None:
        return certain
    same = _same(receipt, candidates)
    converted = [
        c for c in candidates if c.key != receipt.keys[0] and _agrees(receipt, c)
    ]
    if len(converted) > 1:
        converted = [c for c in converted if is_open(c)]
    if len(converted) == 1:
        return converted[0]
    return _latest(receipt, same) if same else None


def sure(receipt: ReceiptIn, candidates: Sequence[Candidate]) -> Candidate | None:
    """Choose where no converted id could change the choice, else None."""
    agreeing = [c for c in _same(receipt, candidates) if _agrees(receipt, c)]
    return _latest(receipt, agreeing) if agreeing else None


def _same(receipt: ReceiptIn, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return those with the very id, else those with its canonical form."""
    same = [c for c in candidates if c.smsc_id == receipt.smsc_id]
    return same or [c for c in candidates if c.key == receipt.keys[0]]


def _latest(receipt: ReceiptIn, candidates: Sequence[Candidate]) -> Candidate:
    return max(candidates, key=lambda c: (c.host == receipt.host, c.at))


def _agrees(receipt: ReceiptIn, candidate: Candidate) -> bool:
    """Compare numbers by their end; SMSCs swap a receipt's addresses or do not."""
    wanted = candidate.recipient[-_AGREEING_DIGITS:]
    return receipt.source.endswith(wanted) or receipt.destination.endswith(wanted)
