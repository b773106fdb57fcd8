"""What has become of messages, asked for and pushed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import Final
from xml.etree.ElementTree import Element

from msgspec import Struct

from esmed.bridge import replies, xmldoc
from esmed.bridge.base import Asked, CallbackReply, CallbackRequest, News, Pushed, Reply
from esmed.connector import Sent
from esmed.models import Fault, FaultClass, MessageState, Millis
from esmed.providers.svitsms import documents
from pdu import EncodeError, segment

ASK_EVERY: Final = 0.1
"""Seconds; no limit is documented, and without pushes each campaign is asked for."""
RETENTION: Final = 3 * 86_400.0
"""Seconds; the document says nothing, and no message lives for longer than one day."""

_FINAL: Final[Mapping[str, tuple[MessageState, str]]] = {
    "DELIVERED": (MessageState.DELIVERED, ""),
    "STOPED": (MessageState.REJECTED, "stopped by the system: not enough money"),
    "ALFANAMELIMITED": (MessageState.REJECTED, "the sender is limited"),
    "UNDELIV": (MessageState.UNDELIVERABLE, "not delivered"),
    "ERROR": (MessageState.UNDELIVERABLE, "error while sending"),
    "EXPIRED": (MessageState.EXPIRED, "not delivered in time"),
    "USERSTOPED": (MessageState.DELETED, "stopped by a user"),
}
"""NEW, STOPFLAG, PENDING and SENT, and whatever else there is, are not."""
_STOPPED: Final[Mapping[str, str]] = {
    "SYSSTOPED": "STOPED",
    "USERSTOPED": "USERSTOPED",
    "ERROR": "ERROR",
}
"""What the status of a campaign means for what was not handed to an operator."""
_HANDED_OVER: Final = "SENT"
_WORST: Final = (
    *(MessageState.REJECTED, MessageState.UNDELIVERABLE, MessageState.EXPIRED),
    *(MessageState.DELETED, MessageState.DELIVERED),
)

_CURLY: Final = "“”„«»\N{REPLACEMENT CHARACTER}"
"""Quotes as the document's sample has them; the last is one in windows-1251."""
_CURLY_VALUE: Final = re.compile(f'=\\s*[{_CURLY}"]([^{_CURLY}"<>]*)[{_CURLY}"]')
_STATE: Final = re.compile(r"<state\b([^<>]{0,1000})>")
_ATTRIBUTE: Final = re.compile(r"\b(\w{1,20})\s{0,9}=\s{0,9}\W?([\w+]{1,40})")
"""These two find what is in a push that no mending makes XML; bounded, so that no
length of it takes long."""


class Row(Struct, frozen=True, kw_only=True):
    """What a provider says of one part."""

    status: str
    parts: int = 1
    changed: str = ""


def message_status(campaign: str, to: str) -> Element:
    """Write the ``message`` element of GETMESSAGESTATUS."""
    return Element("message", {"campaignID": campaign, "recipient": to})


def of_campaign(campaign: str) -> Element:
    """Write that of GETCAMPAIGNINFO and GETCAMPAIGNDETAIL."""
    return Element("message", {"campaignID": campaign})


def campaign_of(smsc_id: str) -> str:
    """Return the first half of a message's id."""
    return smsc_id.partition("/")[0]


def is_one_part(sent: Sent) -> bool:
    """Whether GETMESSAGESTATUS says all: it is about the first part."""
    try:
        return len(segment.split(sent.request.text or "").parts) == 1
    except EncodeError:
        return False


def parse_ask(
    sent: Sequence[Sent], reply: Reply, zone: tzinfo | None
) -> Sequence[Asked]:
    """Read the answer to either question: what a message has no row in is open."""
    root = documents.read(reply)
    if isinstance(root, str):
        return [replies.fault(reply, root)] * len(sent)
    refused = documents.refusal(root)
    if refused is not None:
        # Nobody has said how a campaign that is not known is answered.
        fault = Fault(
            FaultClass.TEMPORARY, refused.code[:40], "no such campaign, or no"
        )
        return [fault] * len(sent)
    campaign = root.find("campaign")
    if campaign is None and root.find("state") is None:
        return [replies.fault(reply, "no state")] * len(sent)
    rows = _rows(root)
    stopped = "" if campaign is None else campaign.get("status", "")
    return [
        _news(one.smsc_id, rows.get(one.request.to, ()), stopped, zone) for one in sent
    ]


def parse_push(request: CallbackRequest, zone: tzinfo | None) -> Pushed:
    """Read a status push; what is not final is none."""
    if not request.body.strip():
        return Pushed()
    states = _pushed(request.body)
    if not states:
        return Pushed(reply=CallbackReply(status=400), broken=1)
    items = []
    broken = 0
    for state in states:
        campaign = state.get("campaignID", "").strip()
        to = documents.number(state.get("recipient", ""))
        row = Row(status=state.get("status", ""), changed=state.get("date", ""))
        if not (campaign and to and row.status):
            broken += 1
        elif (news := _news(f"{campaign}/{to}", (row,), "", zone)) is not None:
            items.append(news)
    return Pushed(items=items, broken=broken)


def _rows(root: Element) -> dict[str, list[Row]]:
    """The parts of each number."""
    rows: dict[str, list[Row]] = {}
    for element in root.iter("message"):
        if element.get("phone"):
            row = Row(
                status=element.get("status", ""),
                parts=_count(element.get("parts", "")),
                changed=element.get("modifyDateTime", ""),
            )
            rows.setdefault(documents.number(element.get("phone", "")), []).append(row)
    for element in root.findall("state"):
        row = Row(status=element.get("status", ""), changed=element.get("date", ""))
        rows.setdefault(documents.number(element.get("recipient", "")), []).append(row)
    return rows


def _news(
    smsc_id: str, rows: Sequence[Row], stopped: str, zone: tzinfo | None
) -> News | None:
    """Put the parts of a message together: delivered when all are, else the worst once
    all are final."""
    known = [(_FINAL.get(row.status), row) for row in rows]
    whole = len(rows) >= max((row.parts for row in rows), default=1)
    if not whole or any(final is None for final, _ in known):
        handed_over = any(row.status == _HANDED_OVER for row in rows)
        word = "" if handed_over else _STOPPED.get(stopped, "")
        if not word:
            return None
        state, reason = _FINAL[word]
        return News(ids=(smsc_id,), state=state, stat=stopped, reason=reason)
    found = [(final, row) for final, row in known if final is not None]
    (state, reason), row = min(found, key=lambda each: _WORST.index(each[0][0]))
    return News(
        ids=(smsc_id,),
        state=state,
        stat=row.status,
        reason=reason,
        done_at=_latest((row.changed for row in rows), zone),
    )


def _latest(changed: Iterable[str], zone: tzinfo | None) -> Millis | None:
    moments = [documents.moment(text, zone) for text in changed]
    return max((at for at in moments if at is not None), default=None)


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 1


def _pushed(body: bytes) -> Sequence[Mapping[str, str]]:
    """The attributes of each state in a push; none if there is none to be found."""
    try:
        root = xmldoc.parse_mended(body, _straight)
    except xmldoc.XmlError:
        text = body[: 2**20].decode("utf-8", "replace")
        return [dict(_ATTRIBUTE.findall(each)) for each in _STATE.findall(text)]
    return [element.attrib for element in root.iter("state")]


def _straight(text: str) -> str:
    """Replace typographic quotes where they stand around a value."""
    return _CURLY_VALUE.sub(r'="\1"', text)
