"""Messages to multi.php, and what it says of them. Pure.

One message goes as ``phones`` and ``message``. Several go as individual messages, each
under its id as push id, with a delimiter that is in none of them. Either way each short
message of each gets an id: a long one has several.

What is wrong with one message refuses the whole request; the answer names the number at
best inside of a sentence, beside texts that may hold numbers, too. So those requests
are taken apart (`Answer.singly`) instead of read.
"""

from collections.abc import Hashable, Mapping, Sequence
from itertools import count
from typing import Final
from xml.etree.ElementTree import Element

from esmed.bridge import replies as statuses
from esmed.bridge.base import Answer, Outgoing, Reply
from esmed.bridge.content import refused
from esmed.bridge.xmldoc import text_of
from esmed.models import (
    Accepted,
    Deferred,
    Fault,
    FaultClass,
    Millis,
    Outcome,
    Rejected,
    Request,
    Unknown,
)
from esmed.providers import _smstraffic
from esmed.providers.smstraffic_xml import replies
from pdu import segment

BATCH: Final = 100
"""Messages in a request. The platform gives ids to 6000 short messages at most; fewer
are less to be in doubt about when no answer comes."""
_MOST_IN_COMPANY: Final = 6000 // BATCH * 67
"""UTF-16 units of a message that surely makes no more than its share of the 6000."""
_MOST_SECONDS: Final = 86_400
_FINEST_SECONDS: Final = 10
_COARSENESS: Final = 24
"""Of messages that go together none lives longer than it should by more than that part
of its validity: the lifetime is one for all."""

_OF_THE_SENDER: Final = frozenset({421, 436})
"""Codes about the sender, which the messages of a request have in common."""


def refusal(request: Request) -> Fault | None:
    """Tell why a message cannot be expressed."""
    if request.data is not None:
        return refused("data", "the provider takes only text")
    if request.encoding in {"latin1", "binary"}:
        return refused("encoding", "the provider chooses between gsm7 and ucs2")
    if not request.text:
        return refused("text", "the provider takes no empty message")
    if request.flash and len(segment.split(request.text).parts) > 1:
        return refused("flash", "the provider shows one short message at once, no more")
    return None


def group(message: Outgoing) -> Hashable:
    """Return what messages have in common that can go in one request."""
    request = message.request
    width = max(request.validity // _COARSENESS, _FINEST_SECONDS) * 1000
    units = len((request.text or "").encode("utf-16-le")) // 2
    return (
        message.sender,
        request.flash,
        width,
        message.expires_at // width,
        message.id if units > _MOST_IN_COMPANY else None,
    )


def fields(messages: Sequence[Outgoing], now: Millis) -> Mapping[str, str | int]:
    """Return the fields of a request for messages of one group, but for the account."""
    first = messages[0]
    found: dict[str, str | int] = {"rus": 5, "want_sms_ids": 1}
    if first.sender is not None:
        found["originator"] = first.sender
    if first.request.flash:
        found["flash"] = 1
    left = max(message.seconds_left(now) for message in messages)
    found["timeout"] = min(left, _MOST_SECONDS)
    if len(messages) == 1:
        return found | {"phones": first.to, "message": first.request.text or ""}
    entries = [f"{one.id}:{one.to} {one.request.text or ''}" for one in messages]
    delimiter = _delimiter(entries)
    return found | {
        "individual_messages": 1,
        "with_push_id": 1,
        "delimiter": delimiter,
        "phones": delimiter.join(entries),
    }


def parse(messages: Sequence[Outgoing], reply: Reply, now: Millis) -> Answer:
    """Read what was answered to such a request."""
    root = replies.read(reply)
    if root is not None:
        wrong = replies.refusal(root)
        if wrong is not None:
            return _refused(messages, wrong)
        infos = root.findall(".//message_info")
        if infos or text_of(root, "result"):
            return _taken(messages, infos)
    unreadable = replies.nothing_said(reply)
    return statuses.judged(reply, now, len(messages), unreadable)


def _delimiter(entries: Sequence[str]) -> str:
    """Return one that separates these and no others, whatever their texts are."""
    for number in count():
        delimiter = f"Z{number}Z"
        if delimiter.join(entries).split(delimiter) == entries:
            return delimiter
    raise AssertionError


def _taken(messages: Sequence[Outgoing], infos: Sequence[Element]) -> Answer:
    ids: dict[str, list[str]] = {message.id: [] for message in messages}
    by_number = {message.to: message.id for message in messages}
    for info in infos:
        # Without a push id the number will do: no two messages here have one.
        number = "".join(filter(str.isdecimal, text_of(info, "phone")))
        known = text_of(info, "push_id")
        if len(messages) == 1:
            known = messages[0].id
        elif known not in ids:
            known = by_number.get(number, "")
        sms_id = text_of(info, "sms_id") or text_of(info, "id")
        if known in ids and sms_id:
            ids[known].append(sms_id)
    return Answer(outcomes=[_outcome(ids[one.id], infos) for one in messages])


def _outcome(ids: Sequence[str], infos: Sequence[Element]) -> Outcome:
    if ids:
        return Accepted(ids[0], tuple(ids[1:]))
    if infos:
        return Unknown("the provider says nothing of it")
    # All were queued, only their ids are missing.
    return Accepted("")


def _refused(messages: Sequence[Outgoing], wrong: replies.Refusal) -> Answer:
    given = messages[0].sender is not None
    fault = _smstraffic.api_fault(wrong.code, wrong.description, sender_given=given)
    temporary = fault.cls is FaultClass.TEMPORARY
    outcome: Outcome = Deferred(fault) if temporary else Rejected(fault)
    return Answer(
        outcomes=[outcome] * len(messages),
        elsewhere=wrong.code in {_smstraffic.TROUBLE, _smstraffic.WRONG_ADDRESS},
        singly=len(messages) > 1
        and fault.cls not in {FaultClass.ACCOUNT, FaultClass.TEMPORARY}
        and wrong.code not in _OF_THE_SENDER,
        reason=fault.detail,
    )
