"""Messages as requests that send, and what was answered to them. Pure.

Several messages go as one ``list``, which has one id for all; a message is known by it
and its number, so two to one number are never in one list (`Provider.apart`). A single
message has its own id, that of ours, which is the same at each attempt.
"""

import re
from collections.abc import Hashable, Sequence
from hashlib import sha256
from typing import Final

from esmed.bridge.base import Answer, Outgoing, Reply
from esmed.bridge.content import refused
from esmed.bridge.replies import judged
from esmed.models import (
    Accepted,
    Deferred,
    Fault,
    FaultClass,
    MessageState,
    Millis,
    Outcome,
    Rejected,
    Request,
    Unknown,
)
from esmed.providers.smsc import tables
from esmed.providers.smsc.answers import OfNumber, Refusal, Taken, read_send

MOST_CHARACTERS: Final = 1000
"""Of ``mes``: what goes beyond may be cut off."""
LONGEST_MINUTES: Final = 24 * 60
"""That ``valid`` takes."""
_MINUTES: Final = [f"{n // 60:02}:{n % 60:02}" for n in range(LONGEST_MINUTES + 1)]
"""As it takes them."""
BLOCK_PAUSE: Final = 600.0
"""Seconds in which nothing is sent once our address is blocked."""
ACCOUNT_PAUSE: Final = 60.0
"""Seconds after an error of the account, since frequent ones get us blocked."""
REPEAT_PAUSE: Final = 61.0
"""Seconds after which the same request may come again."""
CROWD_PAUSE: Final = 5.0
"""Seconds until fewer requests are open."""
_PAUSES: Final = {
    tables.FORBIDDEN: ACCOUNT_PAUSE,
    tables.NO_MONEY: ACCOUNT_PAUSE,
    tables.BLOCKED: BLOCK_PAUSE,
}

_COMMENT: Final = re.compile(r"^~~~", re.MULTILINE)
"""What begins the private part of a text, which is not sent."""
_NOT_IN_A_LIST: Final = re.compile(r"\\n|\r|\|")
"""Within a ``list`` ``\\n`` is a line's end, and ``|`` the end of a sender."""


def refusal(request: Request) -> Fault | None:
    """Tell why a message cannot be expressed."""
    if request.data is not None:
        header = request.udh
        if header and header[0] != len(header) - 1:
            return refused("udh", "its first octet is not the length of the rest")
        return None
    text = request.text or ""
    if not text:
        return refused("text", "is empty")
    if len(text) > MOST_CHARACTERS:
        return refused("text", f"too long: at most {MOST_CHARACTERS} characters")
    if _COMMENT.search(text):
        return refused("text", "~~~ begins a comment, which would not be sent")
    return None


def group(message: Outgoing) -> Hashable:
    """Return what messages of one list have in common."""
    request = message.request
    if request.data is not None or _NOT_IN_A_LIST.search(request.text or ""):
        return message.id
    # Messages that were accepted one after the other end one after the other; in one
    # list they end with the last, late by a hundredth of their time or a minute.
    bucket = max(request.validity * 10, 60_000)
    ends = message.expires_at // bucket
    # Those of a list that may have been processed may so be the same list again.
    doubtful = message.doubtful
    return message.sender, request.flash, request.send_at, bucket, ends, doubtful


def own_id(messages: Sequence[Outgoing]) -> str:
    """Return the id of a request: up to 40 letters, digits, dots and dashes. The same
    messages give the same, in whatever order."""
    if len(messages) == 1:
        return messages[0].id
    ids = sorted(each.id for each in messages)
    return sha256(" ".join(ids).encode()).hexdigest()[:36]


def key(own: str, number: str) -> str:
    """Return what a message is known by."""
    return f"{own}/{number}"


def fields(messages: Sequence[Outgoing], now: Millis) -> dict[str, str | int]:
    """Return the parameters of a request for messages of one group."""
    first = messages[0].request
    found: dict[str, str | int] = {}
    if len(messages) > 1:
        found["list"] = "\n".join(
            f"+{each.to}:{_on_one_line(each.request.text or '')}" for each in messages
        )
    else:
        # With its plus a number is not corrected to something else.
        found["phones"] = f"+{first.to}"
        found["mes"] = _content(first)
    found["id"] = own_id(messages)
    if messages[0].sender:
        found["sender"] = messages[0].sender
    if first.flash:
        found["flash"] = 1
    if first.data is not None:
        found["bin"] = 2
    if first.send_at is not None and first.send_at > now:
        found["time"] = f"0{-(-first.send_at // 1000)}"
    found["valid"] = _valid(max([each.seconds_left(now) for each in messages]))
    return found


def outcomes(messages: Sequence[Outgoing], reply: Reply, now: Millis) -> Answer:
    """Read the answer to it."""
    match read_send(reply.body):
        case Taken() as taken:
            return Answer(outcomes=_taken(messages, taken))
        case Refusal() as refusal:
            return _refused(messages, refusal)
        case _:
            unreadable = "unreadable body" if reply.body.strip() else "empty body"
            return judged(reply, now, len(messages), unreadable)


def _content(request: Request) -> str:
    if request.data is None:
        return request.text or ""
    # The first octet is the header's length: 0 where there is none.
    return ((request.udh or b"\0") + request.data).hex().upper()


def _on_one_line(text: str) -> str:
    return text.replace("\n", "\\n")


def _valid(seconds: int) -> str:
    return _MINUTES[min(-(-seconds // 60), LONGEST_MINUTES)]


def _taken(messages: Sequence[Outgoing], taken: Taken) -> Sequence[Outcome]:
    own = taken.id or own_id(messages)
    told = {each.digits: each for each in taken.numbers}
    if len(messages) == 1 and len(told) == 1:
        # Of one it can only be the one, even if its number was corrected; then that is
        # what it is known by.
        (about,) = told.values()
        return [_failure(about) or Accepted(key(own, about.digits))]
    found: list[Outcome] = []
    for message in messages:
        if told and message.to not in told:
            found.append(Unknown("the answer does not name its number"))
            continue
        failure = _failure(told[message.to]) if told else None
        found.append(failure or Accepted(key(own, message.to)))
    return found


def _failure(about: OfNumber) -> Rejected | Deferred | None:
    """Tell why a number was not taken; None: it was."""
    standing = None
    if about.status is not None:
        standing = tables.STATUSES.get(about.status)
        if standing is None or standing.state in {None, MessageState.DELIVERED}:
            return None
    if about.error is not None and about.error not in tables.HARMLESS:
        unknown = tables.Meaning(FaultClass.MESSAGE, "refused")
        fault = tables.CAUSES.get(about.error, unknown).fault(about.error)
    elif standing is not None:
        cls = tables.STATUS_FAULTS.get(about.status, FaultClass.MESSAGE)
        fault = Fault(cls, about.status, standing.text)
    else:
        return None
    return Deferred(fault) if fault.cls is FaultClass.TEMPORARY else Rejected(fault)


def _refused(messages: Sequence[Outgoing], refusal: Refusal) -> Answer:
    fault = refusal.fault
    if refusal.code == tables.REPEATED:
        return _repeated(messages, refusal)
    if refusal.code in tables.OF_ONE and len(messages) > 1:
        told = {each.digits: _failure(each) for each in refusal.numbers}
        known = [told.get(each.to) for each in messages]
        outcomes = [each for each in known if each is not None]
        if len(outcomes) == len(messages):
            return Answer(outcomes=outcomes)
        later = Deferred(Fault(FaultClass.TEMPORARY, fault.code, fault.detail))
        return Answer(outcomes=[later] * len(messages), singly=True)
    outcome: Outcome = Rejected(fault)
    if fault.cls is FaultClass.TEMPORARY:
        outcome = Deferred(fault)
    return Answer(
        outcomes=[outcome] * len(messages),
        pause=_PAUSES.get(refusal.code, 0.0),
        reason=fault.detail,
    )


def _repeated(messages: Sequence[Outgoing], refusal: Refusal) -> Answer:
    """Error 9: too many at once, or the same as within the last minute; which may mean
    that the attempt before was processed."""
    fault = refusal.fault
    if "concurrent" in refusal.said.lower():
        outcomes: Sequence[Outcome] = [Deferred(fault, CROWD_PAUSE)] * len(messages)
        return Answer(outcomes=outcomes, pause=CROWD_PAUSE, reason=fault.detail)
    return Answer(
        outcomes=[
            Unknown(f"error {refusal.code}: it may be the attempt before")
            if each.doubtful
            else Deferred(fault, REPEAT_PAUSE)
            for each in messages
        ]
    )
