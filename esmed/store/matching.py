"""Which of the messages on record a receipt is about. Pure.

By its id; and where an answer is lost, so that nobody knows the id, by its number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from esmed import lifecycle
from esmed import parts as segments
from esmed.models import MessageState, Millis, ReceiptIn, Record

_AGREEING_DIGITS: Final = 7
"""Numbers agree when this many last digits do: formats differ by prefix."""

_WRONG_CLOCKS_MS: Final = 24 * 3600 * 1000
"""How far a receipt's dates may be off: they have no zone, and seldom a good clock."""


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


class Nameless(Struct, frozen=True):
    """A part that a next hop has, or may have, under an id that nobody knows."""

    connector: str
    recipient: str
    seq: int
    part: int
    since: Millis
    """Before this it was not written."""
    held: bool
    """Whether its message waits for what is heard of it; else it only may explain a
    receipt as well."""


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
    if len(agreeing) == 1:
        return agreeing[0]
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


def nameless(record: Record, now: Millis, *, in_flight: bool) -> list[Nameless]:
    """List the parts of a message that some next hop may have under an unknown id.

    ``in_flight``: it is in a connector's hands, of which its record tells nothing where
    it may be sent again. What has ended is listed until its validity is over: until
    then a receipt may come for an attempt that was never answered.
    """
    progress = record.progress
    if lifecycle.is_final(record) and record.expires_at <= now:
        return []
    marked = progress.state is MessageState.SUBMITTING and not lifecycle.waits(record)
    marked_at = progress.marked_at or record.created_at
    plan = progress.plan
    # What a provider splits has several ids, and one of them says little of the rest.
    splits = plan and plan.concatenation == "provider" and plan.count.parts > 1
    held = progress.held and not splits
    found: list[Nameless] = []

    def add(connector: str, part: int, since: Millis, *, held: bool) -> None:
        found.append(
            Nameless(connector, record.request.to, record.seq, part, since, held)
        )

    for segment in progress.segments:
        since: dict[str, Millis] = {}
        for attempt in segment.attempts:
            if segments.is_nameless(segment, attempt):
                since.setdefault(attempt.connector, attempt.at)
        here = progress.connector
        if marked and here and segments.may_be_written(segment, marked_at):
            add(here, segment.part, since.pop(here, marked_at), held=held)
        for name, at in since.items():
            add(name, segment.part, at, held=False)
    if in_flight and not marked:
        for name in record.via:
            add(name, 0, record.created_at, held=False)
    return found


def number(address: str) -> str:
    """Return that by which numbers are compared."""
    return address[-_AGREEING_DIGITS:]


def numbers(receipt: ReceiptIn) -> tuple[str, str]:
    """Return those of a receipt: SMSCs swap its addresses or do not."""
    return number(receipt.source), number(receipt.destination)


def attribute(
    receipts: Iterable[ReceiptIn], parts: Sequence[Nameless]
) -> list[tuple[ReceiptIn, Nameless]]:
    """Find receipts without a message that can only be about one part, which is held.

    Given are all of both that have a number in common. Of each id its first receipt is
    returned; ``parts`` are those of whole messages, so one in several parts of which
    several are held gets none. Two ids that fit one part exclude each other.
    """
    firsts: dict[tuple[str, str], ReceiptIn] = {}
    for receipt in sorted(receipts, key=lambda one: one.at):
        firsts.setdefault((receipt.connector, receipt.keys[0]), receipt)
    claims: dict[tuple[int, int], list[tuple[ReceiptIn, Nameless]]] = defaultdict(list)
    for receipt in firsts.values():
        fitting = [part for part in parts if _fits(receipt, part)]
        if len(fitting) == 1 and fitting[0].held:
            claims[fitting[0].seq, fitting[0].part].append((receipt, fitting[0]))
    return [claim for (claim, *others) in claims.values() if not others]


def _fits(receipt: ReceiptIn, part: Nameless) -> bool:
    """Tell whether it came from there, from that number, and not before the part.

    It may have been on its way for long: its own date has to be of that time as well.
    """
    done_at = receipt.at if receipt.done_at is None else receipt.done_at
    return (
        receipt.connector == part.connector
        and receipt.at >= part.since
        and done_at + _WRONG_CLOCKS_MS >= part.since
        and number(part.recipient) in numbers(receipt)
    )
