"""What else svitsms can do: campaigns, the balance, senders. Pure."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from datetime import tzinfo
from typing import Annotated, Any, Final
from xml.etree.ElementTree import Element

from msgspec import Meta, Struct

from esmed.bridge import replies
from esmed.bridge.base import HttpCall, Procedure, Reply, Steps
from esmed.models import Fault, Millis
from esmed.providers.svitsms import documents, states
from esmed.providers.svitsms.documents import Caller

CampaignId = Annotated[
    str,
    Meta(
        pattern="^[0-9]{1,20}$",
        description="The campaign: `smsc_id` in the message object up to its `/`.",
    ),
]
Alfaname = Annotated[
    str,
    Meta(min_length=1, max_length=20, description="The alphanumeric sender."),
]


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """An operation without arguments."""


class OfCampaign(Struct, frozen=True, forbid_unknown_fields=True):
    campaign_id: CampaignId


class OfMessage(Struct, frozen=True, forbid_unknown_fields=True):
    campaign_id: CampaignId
    to: Annotated[
        str,
        Meta(pattern="^[0-9]{5,20}$", description="The recipient, digits only."),
    ]


class OfAlfaname(Struct, frozen=True, forbid_unknown_fields=True):
    alfaname: Alfaname


class Operations:
    """The operations of one account."""

    def __init__(self, caller: Caller, zone: tzinfo | None) -> None:
        self._caller = caller
        self._zone = zone

    def procedures(self) -> tuple[Procedure, ...]:
        """Return them all."""
        return (
            Procedure(
                name="balance",
                summary="The account's balance, in the currency of the account.",
                arguments=Nothing,
                run=self._balance,
            ),
            Procedure(
                name="status",
                summary="What has become of one message (GETMESSAGESTATUS): of its "
                "first part, if it has several.",
                arguments=OfMessage,
                run=self._status,
            ),
            Procedure(
                name="campaign_info",
                summary="How many messages of a campaign are in which status.",
                arguments=OfCampaign,
                run=self._info,
            ),
            Procedure(
                name="campaign_detail",
                summary="The status of each part of each message of a campaign.",
                arguments=OfCampaign,
                run=self._detail,
            ),
            Procedure(
                name="alfanames",
                summary="The senders of the account: ACTIVE, BLOCKED, MODERATE, "
                "LIMITED.",
                arguments=Nothing,
                run=self._alfanames,
            ),
            Procedure(
                name="check_alfaname",
                summary="The status of one sender.",
                arguments=OfAlfaname,
                run=self._check_alfaname,
            ),
            Procedure(
                name="add_alfaname",
                summary="Ask for a sender to be registered; it is moderated first.",
                arguments=OfAlfaname,
                run=self._add_alfaname,
            ),
        )

    def _balance(self, _: Nothing, __: Millis) -> Steps:
        amount = documents.balance((yield self._caller.balance()))
        return amount if isinstance(amount, Fault) else {"balance": amount}

    def _status(self, arguments: OfMessage, _: Millis) -> Steps:
        asked = states.message_status(arguments.campaign_id, arguments.to)
        reply = yield self._caller.call("message_status", "GETMESSAGESTATUS", asked)
        root = documents.answered(reply, "message")
        if isinstance(root, Fault):
            return root
        state = root.find("state")
        if state is None:
            return replies.fault(reply, "no state")
        return {
            "campaign_id": state.get("campaignID", ""),
            "to": documents.number(state.get("recipient", "")),
            "status": state.get("status", ""),
            "changed_at": self._date(state, "date"),
        }

    def _info(self, arguments: OfCampaign, _: Millis) -> Steps:
        campaign = yield from self._campaign("GETCAMPAIGNINFO", arguments)
        if isinstance(campaign, Fault):
            return campaign
        counts = {
            state.get("status", ""): _count(state.get("messages", ""))
            for state in campaign.findall("state")
        }
        return {**self._head(campaign), "messages": counts}

    def _detail(self, arguments: OfCampaign, _: Millis) -> Steps:
        campaign = yield from self._campaign("GETCAMPAIGNDETAIL", arguments)
        if isinstance(campaign, Fault):
            return campaign
        rows = [
            {
                "to": documents.number(row.get("phone", "")),
                "part": _count(row.get("part", "")),
                "parts": _count(row.get("parts", "")),
                "status": row.get("status", ""),
                "sent_at": self._date(row, "startDateTime"),
                "changed_at": self._date(row, "modifyDateTime"),
            }
            for row in campaign.findall("message")
        ]
        return {**self._head(campaign), "messages": rows}

    def _campaign(
        self, operation: str, arguments: OfCampaign
    ) -> Generator[HttpCall, Reply, Element | Fault]:
        asked = states.of_campaign(arguments.campaign_id)
        name = _CALLS[operation]
        reply = yield self._caller.call(name, operation, asked)
        root = documents.answered(reply, "answer")
        if isinstance(root, Fault):
            return root
        campaign = root.find("campaign")
        return replies.fault(reply, "no campaign") if campaign is None else campaign

    def _head(self, campaign: Element) -> dict[str, Any]:
        return {
            "campaign_id": campaign.get("campaignID", ""),
            "status": campaign.get("status", ""),
            "created_at": self._date(campaign, "createDateTime"),
            "starts_at": self._date(campaign, "startDateTime"),
        }

    def _alfanames(self, _: Nothing, __: Millis) -> Steps:
        return (yield from self._managed("alfanames", "GETALFANAMESLIST"))

    def _check_alfaname(self, arguments: OfAlfaname, _: Millis) -> Steps:
        found = yield from self._managed(
            "check_alfaname", "CHECKALFANAME", arguments.alfaname
        )
        return found

    def _add_alfaname(self, arguments: OfAlfaname, _: Millis) -> Steps:
        found = yield from self._managed(
            "add_alfaname", "ADDALFANAME", arguments.alfaname
        )
        return found

    def _managed(self, name: str, command: str, alfaname: str = "") -> Steps:
        asked = Element("command", {"id": command})
        if alfaname:
            asked.set("alfaname", alfaname)
        root = documents.answered(
            (yield self._caller.call(name, "MANAGEALFANAME", asked)), "message"
        )
        if isinstance(root, Fault):
            return root
        names = [
            {"alfaname": state.get("alfaname", ""), "status": state.get("status", "")}
            for state in root.findall("state")
        ]
        return {"alfanames": names}

    def _date(self, element: Element, name: str) -> str:
        return documents.shown(element.get(name, ""), self._zone)


_CALLS: Final[Mapping[str, str]] = {
    "GETCAMPAIGNINFO": "campaign_info",
    "GETCAMPAIGNDETAIL": "campaign_detail",
}


def _count(text: str) -> int | str:
    """A number, as it stands if it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
