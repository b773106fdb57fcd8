"""status.php: what has become of messages, and dropping them. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Struct

from esmed.bridge.base import Asked, News, Reply
from esmed.connector import Sent
from esmed.models import Accepted, Fault, FaultClass, MessageState, Millis, Outcome
from esmed.providers.smsc import tables
from esmed.providers.smsc.answers import (
    Refusal,
    Unpacked,
    digits,
    fault_of,
    integer,
    read_refusal,
    string,
    unpack,
)

_FIELD: Final = re.compile(r"\s*(\w+) = ((?:(?!, \w+ = ).)*)(?:, |\Z)", re.DOTALL)
_NUMBERS: Final = re.compile(r"(-?\d{1,4}),(\d{0,12})(?:,(\d{0,4}))?(?:,|\Z)")


class Status(Struct, frozen=True, kw_only=True):
    """What status.php says of one message; a number that it says nothing of is None."""

    id: str = ""
    """"" where only one was asked for, and for ``digits`` likewise."""
    digits: str = ""
    code: int | None = None
    cause: int | None = None
    changed_at: Millis | None = None
    refusal: Refusal | None = None
    """Why nothing can be said of this one."""


def question(pairs: Sequence[tuple[str, str]]) -> dict[str, str | int]:
    """Return the parameters to ask for messages by id and number.

    Several are asked for in lists of the same order, which are sooner refused for being
    asked too often than a single one.
    """
    return {
        "phone": ",".join(number for _, number in pairs),
        "id": ",".join(own for own, _ in pairs),
    }


def pair(smsc_id: str) -> tuple[str, str]:
    """Return the id and number that a message is known by."""
    own, _, number = smsc_id.rpartition("/")
    return own, number


def read(body: bytes) -> Sequence[Status] | Refusal | None:
    """Read an answer, of one message or of several; None: it is none."""
    answer = unpack(body)
    if isinstance(answer, list):
        return [_status(each) for each in answer if isinstance(each, dict)]
    if refusal := read_refusal(answer):
        return refusal
    found = fields_of(answer)
    return [_status(found)] if "status" in found else None


def fields_of(answer: Unpacked) -> dict[str, Any]:
    """Return what an answer about one message says, by name."""
    if isinstance(answer, dict):
        return answer
    if not isinstance(answer, str):
        return {}
    if found := _NUMBERS.match(answer):
        names = ("status", "last_timestamp", "err")
        return dict(zip(names, found.groups(), strict=True))
    return {name.lower(): value for name, value in _FIELD.findall(answer)}


def asked(sent: Sequence[Sent], reply: Reply) -> Sequence[Asked]:
    """Tell what has become of each."""
    pairs = [pair(each.smsc_id) for each in sent]
    found = read(reply.body)
    if found is None or isinstance(found, Refusal):
        fault = fault_of(found, reply)
        return [fault] * len(sent)
    told = _by_pair(pairs, found)
    return [
        news(about, one) if (about := told.get(one)) is not None else None
        for one in pairs
    ]


def rechecked(
    candidates: Sequence[Sequence[tuple[str, str]]], reply: Reply
) -> Sequence[Outcome | None]:
    """Tell which messages were taken, for each the pairs by which it may be known. That
    it is not known says nothing: it may only not be known *yet*."""
    found = read(reply.body)
    if found is None or isinstance(found, Refusal):
        return [None] * len(candidates)
    told = _by_pair([pair for pairs in candidates for pair in pairs], found)
    known = [
        [one for one in pairs if one in told and _is_known(told[one])]
        for pairs in candidates
    ]
    return [Accepted("/".join(pairs[0])) if pairs else None for pairs in known]


def cancelled(reply: Reply) -> Fault | None:
    """Tell why a message was not dropped; None: it was."""
    answer = unpack(reply.body)
    refusal = read_refusal(answer)
    if refusal is not None and refusal.code == tables.NOT_DELETED:
        text = "it cannot be deleted any more"
        return Fault(FaultClass.MESSAGE, refusal.code, text)
    if refusal is None and reply.status < 300 and _says_done(answer):
        return None
    return fault_of(refusal, reply)


def news(about: Status, one: tuple[str, str]) -> Asked:
    """Return what a status means for a message; None: it is still on its way."""
    if about.refusal is not None:
        return about.refusal.fault
    standing = tables.STATUSES.get(about.code)
    state = standing.state if standing is not None else None
    if about.code == 0 and about.cause in tables.STILL_TRYING:
        state = MessageState.BUFFERED
    if standing is None or state is None:
        return None
    told = (standing.text, tables.cause(about.cause))
    return News(
        ids=("/".join(one),),
        state=state,
        stat=str(about.code),
        err="" if about.cause is None else str(about.cause),
        reason=": ".join(text for text in told if text),
        done_at=about.changed_at,
        recipient=one[1],
    )


def instant(seconds: object) -> Millis | None:
    """Return the time of a Unix timestamp; None: it is none."""
    number = integer(seconds)
    return number * 1000 if number is not None and 0 < number < 2**33 else None


def written(at: Millis | None) -> str | None:
    """Return a time as operations show it."""
    if at is None:
        return None
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _says_done(answer: Unpacked) -> bool:
    """Whether something was done: by the word OK, wherever it stands."""
    said = answer.values() if isinstance(answer, dict) else (answer,)
    return any(string(word).upper().startswith("OK") for word in said)


def _is_known(about: Status) -> bool:
    return about.refusal is None and about.code not in {None, tables.NOT_FOUND}


def _status(found: dict[str, Any]) -> Status:
    return Status(
        id=string(found.get("id")),
        digits=digits(found.get("phone")),
        code=integer(found.get("status")),
        cause=integer(found.get("err")),
        changed_at=instant(found.get("last_timestamp")),
        refusal=read_refusal(found),
    )


def _by_pair(
    pairs: Sequence[tuple[str, str]], found: Sequence[Status]
) -> Mapping[tuple[str, str], Status]:
    if len(pairs) == 1 and len(found) == 1:
        (about,) = found
        if _fits(about, pairs[0]):
            return {pairs[0]: about}
    return dict(_pairs_of(pairs, found))


def _pairs_of(
    pairs: Sequence[tuple[str, str]], found: Sequence[Status]
) -> Iterator[tuple[tuple[str, str], Status]]:
    by_number: dict[str, list[tuple[str, str]]] = {}
    for one in pairs:
        by_number.setdefault(one[1], []).append(one)
    for about in found:
        if about.id:
            yield (about.id, about.digits), about
        elif len(same := by_number.get(about.digits, [])) == 1:
            yield same[0], about


def _fits(about: Status, one: tuple[str, str]) -> bool:
    """Whether an answer about one message is about that; it need not name it."""
    return about.id in {"", one[0]} and about.digits in {"", one[1]}
