"""Messages, outcomes, receipts and MO as the store and dispatch are given them."""

from itertools import count
from typing import Any

from esmed.models import (
    Accepted,
    Attempt,
    Fault,
    FaultClass,
    InboundIn,
    MessageState,
    Outcome,
    PartResult,
    Plan,
    Progress,
    ReceiptIn,
    Record,
    Request,
)
from esmed.store import base
from pdu.receipt import canonical_id

T0 = 1_767_225_600_000
"""Where `fakes.clock.ManualClock` begins, in milliseconds."""

DAY = 86_400_000
TO = "380501234567"

_sequences = count(1)


def request(**fields: Any) -> Request:
    return Request(**{"to": TO, "text": "hi", **fields})


def record(seq: int = 1, *, at: int = T0, **fields: Any) -> Record:
    """A message accepted at ``at``; ``to``, ``text`` … are those of its request."""
    asked = {
        name: fields.pop(name) for name in tuple(fields) if name in _REQUEST_FIELDS
    }
    due_at = fields.pop("due_at", at)
    expires_at = fields.pop("expires_at", max(due_at, at) + DAY)
    waiting = MessageState.QUEUED if due_at <= at else MessageState.SCHEDULED
    return Record(
        **{
            "seq": seq,
            "id": f"message-{seq}",
            "client": None,
            "created_at": at,
            "request": request(**asked),
            "progress": Progress(state=waiting),
            "via": ("carrier", "backup"),
            "due_at": due_at,
            "deadline": expires_at,
            "expires_at": expires_at,
            **fields,
        }
    )


_REQUEST_FIELDS = frozenset(Request.__struct_fields__)


def plan(parts: int = 1, *, connector: str = "carrier") -> Plan:
    return Plan(
        connector=connector,
        encoding="gsm7",
        data_coding=0,
        udhi=parts > 1,
        parts=tuple(b"part %d" % number for number in range(1, parts + 1)),
        reference=7 if parts > 1 else None,
    )


def fault(
    cls: FaultClass = FaultClass.MESSAGE, code: int = 11, detail: str = "no"
) -> Fault:
    return Fault(cls, code, detail)


def result(
    outcome: Outcome,
    *,
    seq: int = 1,
    part: int = 1,
    at: int = T0 + 1000,
    answered_at: int | None = None,
    connector: str = "carrier",
    host: str = "one:2775",
    sequence: int | None = None,
) -> PartResult:
    return PartResult(
        seq=seq,
        part=part,
        connector=connector,
        host=host,
        sequence=next(_sequences) if sequence is None else sequence,
        at=at,
        answered_at=at + 100 if answered_at is None else answered_at,
        outcome=outcome,
        reason="first choice",
    )


def submitted(
    result: PartResult,
    *,
    parts: int = 1,
    receipt_asked: bool = True,
    deadline: int | None = None,
) -> base.Submitted:
    """What dispatch has stored of an outcome; ``parts`` 0: it came late."""
    outcome = result.outcome
    ids = (outcome.smsc_id, *outcome.further) if isinstance(outcome, Accepted) else ()
    return base.Submitted(
        result=result,
        parts=parts,
        encoding="gsm7" if parts else "",
        receipt_asked=receipt_asked,
        deadline=result.answered_at + 3 * DAY if deadline is None else deadline,
        keys=tuple(map(canonical_id, ids)),
    )


def accepted(smsc_id: str = "a1", *, parts: int = 1, **fields: Any) -> base.Submitted:
    return submitted(result(Accepted(smsc_id), **fields), parts=parts)


STATS = {
    MessageState.DELIVERED: "DELIVRD",
    MessageState.UNDELIVERABLE: "UNDELIV",
    MessageState.EXPIRED: "EXPIRED",
    MessageState.DELETED: "DELETED",
    MessageState.UNKNOWN: "UNKNOWN",
    MessageState.REJECTED: "REJECTD",
    MessageState.BUFFERED: "ENROUTE",
}


def receipt(
    state: MessageState = MessageState.DELIVERED,
    smsc_id: str = "a1",
    *,
    keys: tuple[str, ...] | None = None,
    connector: str = "carrier",
    host: str = "one:2775",
    at: int = T0 + 5000,
    err: str = "000",
    source: str = TO,
    destination: str = "MyCompany",
) -> ReceiptIn:
    return ReceiptIn(
        connector=connector,
        host=host,
        smsc_id=smsc_id,
        keys=(canonical_id(smsc_id),) if keys is None else keys,
        state=state,
        stat=STATS.get(state, str(state)),
        err=err,
        at=at,
        source=source,
        destination=destination,
    )


def receipt_of(
    state: MessageState = MessageState.DELIVERED, smsc_id: str = "a1", **fields: Any
) -> base.Receipt:
    """The operation; kept for a day if there is no message."""
    one = receipt(state, smsc_id, **fields)
    return base.Receipt(receipt=one, keep_until=one.at + DAY)


def mo(
    text: str | None = "hello",
    *,
    at: int = T0,
    give_up_at: int | None = None,
    **fields: Any,
) -> base.ReceiveMo:
    """The operation that stores an MO PDU."""
    one = InboundIn(
        **{
            "connector": "carrier",
            "host": "one:2775",
            "source": TO,
            "destination": "4444",
            "data_coding": 3,
            "encoding": "latin1",
            "text": text,
            "data": (text or "").encode("latin-1", "replace"),
            "udh": None,
            "received_at": at,
            "session": "bind-1",
            **fields,
        }
    )
    return base.ReceiveMo(
        inbound=one, give_up_at=at + 900_000 if give_up_at is None else give_up_at
    )


def part(
    number: int, text: str, *, total: int = 2, reference: int = 7, **fields: Any
) -> base.ReceiveMo:
    """One part of an MO message."""
    return mo(text, part=number, total=total, reference=reference, **fields)


def attempts_of(record: Record, part: int = 1) -> list[Attempt]:
    return record.progress.segments[part - 1].attempts
