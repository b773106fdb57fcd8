"""SENDSMS in its three forms, and what is answered. Pure.

A request is a campaign: one id for all its recipients, so that a message goes by
``CAMPAIGN/NUMBER``.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from esmed.bridge import content, dates, replies, xmldoc
from esmed.bridge.base import Answer, Outgoing, Reply
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
from esmed.providers.svitsms import documents
from esmed.providers.svitsms.config import Config

BATCH: Final = 100
"""The document names no limit; at 120 messages a minute this takes a minute."""
_HOUR: Final = 3_600_000
_LONGEST: Final = 24
"""Hours of ``lifetime``."""


def refusal(request: Request, default_from: str | None) -> Fault | None:
    """Tell what SENDSMS cannot express."""
    sender = request.from_ or default_from
    if request.data is not None:
        return content.refused("data", "svitsms takes texts only")
    if request.flash:
        return content.refused("flash", "svitsms has no flash messages")
    if request.tlvs:
        return content.refused("tlvs", "are for SMPP")
    if not sender:
        return content.refused("from", "svitsms needs a sender registered there")
    if xmldoc.illegal(sender):
        return content.refused("from", "has control characters")
    return None


def group(message: Outgoing) -> Hashable:
    """Messages of one campaign have the sender, the start and the lifetime in common;
    texts may differ."""
    return message.sender, message.request.send_at, message.expires_at // _HOUR


def request(messages: Sequence[Outgoing], config: Config, now: Millis) -> Element:
    """Write the ``message`` element."""
    first = messages[0]
    texts = [message.request.text or "" for message in messages]
    seconds = min(message.seconds_left(now) for message in messages)
    start = first.request.send_at
    element = Element(
        "message",
        {
            "start_time": "AUTO"
            if start is None or start <= now or config.timezone is None
            else dates.write(start, config.timezone),
            "end_time": "AUTO",
            "lifetime": str(min(-(-seconds // 3600), _LONGEST)),
            "rate": str(config.campaign_rate),
            "desc": config.description,
            "source": first.sender or "",
        },
    )
    if len(set(texts)) == 1:
        SubElement(element, "body").text = texts[0]
        for message in messages:
            SubElement(element, "recipient").text = message.to
        return element
    element.set("type", "individual")
    for message, text in zip(messages, texts, strict=True):
        SubElement(element, "recipient").text = message.to
        SubElement(element, "body").text = text
    return element


def parse(messages: Sequence[Outgoing], reply: Reply, now: Millis) -> Answer:
    """Read what was answered, whatever the HTTP status."""
    root = documents.read(reply)
    if isinstance(root, str):
        return replies.judged(reply, now, len(messages), root)
    refused = documents.refusal(root)
    if refused is not None:
        return _refused(messages, refused)
    state = root.find("state")
    if state is None or not state.get("code"):
        return replies.judged(reply, now, len(messages), "no state")
    campaign = state.get("campaignID", "").strip()
    if not campaign:
        outcome = Unknown("accepted without a campaignID")
        return Answer(outcomes=replies.all_alike(outcome, len(messages)))
    taken = {
        documents.number(to.get("recipient", "")): to.get("status", "")
        for to in root.findall("to")
    }
    if not taken and len(messages) == 1:
        taken = {messages[0].to: "ACCEPTED"}
    return Answer(
        outcomes=[_outcome(campaign, message.to, taken) for message in messages]
    )


def _outcome(campaign: str, to: str, taken: dict[str, str]) -> Outcome:
    match taken.get(to):
        case "ACCEPTED":
            return Accepted(f"{campaign}/{to}")
        case "ERROR":
            fault = Fault(FaultClass.MESSAGE, "ERROR", "this recipient is refused")
            return Rejected(fault)
        case None:
            return Unknown("the answer has no such recipient")
        case _:
            return Unknown("the recipient has a status that nobody knows")


def _refused(messages: Sequence[Outgoing], refused: documents.Refusal) -> Answer:
    count = len(messages)
    fault = refused.fault
    if not _is_about_one(messages, refused.code):
        outcomes = replies.all_alike(Rejected(fault), count)
        return Answer(outcomes=outcomes, reason=f"{fault.code}: {fault.detail}")
    again = Deferred(Fault(FaultClass.TEMPORARY, fault.code, "refused with others"))
    return Answer(
        outcomes=replies.all_alike(again, count),
        singly=True,
        reason=f"{fault.code} for one of {count}",
    )


def _is_about_one(messages: Sequence[Outgoing], code: str) -> bool:
    """Whether one of several recipients, or one of several texts, is at fault."""
    if code == documents.BAD_TEXT:
        return len({message.request.text for message in messages}) > 1
    return code == documents.BAD_PHONES and len(messages) > 1
