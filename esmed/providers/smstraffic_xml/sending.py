"""Messages to multi.php, and what it says of them. Pure.

One message goes as ``phones`` and ``message``. Several go as individual messages, each
under its id as push id, with a delimiter that is in none of them. Either way each short
message of each gets an id: a long one has several.
"""

from collections.abc import Mapping, Sequence
from itertools import count
from xml.etree.ElementTree import Element

from esmed.bridge import replies as statuses
from esmed.bridge.base import Answer, Outgoing, Reply
from esmed.bridge.xmldoc import text_of
from esmed.models import Accepted, Millis, Outcome, Unknown
from esmed.providers import _smstraffic_v1
from esmed.providers.smstraffic_xml import replies


def fields(messages: Sequence[Outgoing], now: Millis) -> Mapping[str, str | int]:
    """Return the fields of a request for messages of one group, but for the account."""
    first = messages[0]
    found: dict[str, str | int] = {"rus": 5, "want_sms_ids": 1}
    if first.sender is not None:
        found["originator"] = first.sender
    if first.request.flash:
        found["flash"] = 1
    found["timeout"] = _smstraffic_v1.lifetime(messages, now)
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
            return _smstraffic_v1.refused(messages, wrong.code, wrong.description)
        infos = root.findall(".//message_info")
        if infos or text_of(root, "result"):
            return _taken(messages, infos)
    unreadable = replies.nothing_said(reply)
    return statuses.judged(reply, now, len(messages), unreadable)


def _delimiter(entries: Sequence[str]) -> str:
    """Return one that separates these and no others, whatever their texts are."""
    candidates = (f"Z{number}Z" for number in count())
    return next(one for one in candidates if one.join(entries).split(one) == entries)


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
