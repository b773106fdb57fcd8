"""What SMS-Pager.COM can do beside sending. Pure."""

from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import tzinfo
from typing import Annotated, Any, Final
from xml.etree.ElementTree import Element, SubElement

from msgspec import Meta, Struct

from esmed.bridge import dates, replies
from esmed.bridge.base import HttpCall, Procedure, Reply, Steps, Wait
from esmed.bridge.content import refused
from esmed.bridge.xmldoc import illegal, text_of
from esmed.models import Fault, Millis
from esmed.providers.smspager.documents import (
    STATES,
    add,
    call,
    groups_of,
    number_in,
    read,
    refusal,
)
from esmed.views import timestamp

MOST_NUMBERS: Final = 500

_Date = Annotated[
    str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2})?$")
]
_Number = Annotated[str, Meta(pattern="^[0-9+() -]{5,30}$")]
_Smsid = Annotated[
    str,
    Meta(
        pattern="^[!-~]{1,64}$",
        description="`smsc_id` in the message object, up to its `/`; or the"
        " provider's own, of `report`.",
    ),
]


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """An operation without arguments."""


class Period(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments of ``report``."""

    start: Annotated[
        _Date | None,
        Meta(
            description="First day, as 2026-05-01, or time, as 2026-05-01 12:00:00, of"
            " the account's city; null: that of its registration."
        ),
    ] = None
    stop: Annotated[_Date | None, Meta(description="The last; null: today.")] = None


class OneCampaign(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments of ``report_detail``."""

    smsid: _Smsid


class Cancelling(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments of ``cancel``."""

    smsid: _Smsid
    check: Annotated[bool, Meta(description="Only count what could be cancelled.")] = (
        False
    )


class Draft(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments of ``check``."""

    to: Annotated[
        list[_Number],
        Meta(min_length=1, max_length=MOST_NUMBERS, description="Numbers."),
    ]
    text: Annotated[
        str, Meta(min_length=1, max_length=10_000, description="For all of them.")
    ]
    sender: Annotated[
        Annotated[str, Meta(min_length=1, max_length=20)] | None,
        Meta(description="Null: the first one of the account."),
    ] = None


Answered = Generator[HttpCall | Wait, Reply, Element | Fault]


class Procedures:
    """Those of one account; ``request`` makes its documents, ``zone`` is that of the
    dates, if it is known."""

    def __init__(self, request: Callable[..., Element], zone: tzinfo | None) -> None:
        self._request = request
        self._zone = zone

    def all(self) -> Sequence[Procedure]:
        """Tell them all."""
        return (
            Procedure(
                name="balance",
                summary="What is left on the account.",
                arguments=Nothing,
                run=self._balance,
            ),
            Procedure(
                name="report",
                summary="The campaigns of some days, with their counts.",
                arguments=Period,
                run=self._campaigns,
            ),
            Procedure(
                name="report_detail",
                summary="The numbers of one campaign, by what has become of them.",
                arguments=OneCampaign,
                run=self._detail,
            ),
            Procedure(
                name="cancel",
                summary="Cancel what has not gone to the operator, or count it.",
                arguments=Cancelling,
                run=self._cancel,
            ),
            Procedure(
                name="check",
                summary="What a text to some numbers would cost; sends nothing.",
                arguments=Draft,
                run=self._check,
            ),
        )

    def _balance(self, _: Nothing, now: Millis) -> Steps:
        root = yield from _asked(call("balance", self._request()))
        return root if isinstance(root, Fault) else {"balance": _text(root, "account")}

    def _campaigns(self, wanted: Period, now: Millis) -> Steps:
        period = {"start": wanted.start, "stop": wanted.stop}
        given = {name: date for name, date in period.items() if date is not None}
        root = yield from _asked(call("report", self._request(**given)))
        if isinstance(root, Fault):
            return root
        return {"campaigns": [self._campaign(one) for one in root.iterfind("sms")]}

    def _detail(self, wanted: OneCampaign, now: Millis) -> Steps:
        reply = yield call("report", self._request(smsid=wanted.smsid))
        groups = groups_of(reply)
        root = read(reply)
        if isinstance(groups, Fault) or root is None:
            return groups if isinstance(groups, Fault) else replies.fault(reply)
        campaign = root.find("sms")
        return {
            "campaign": None if campaign is None else self._campaign(campaign),
            "numbers": {name: groups.get(name, []) for name in (*STATES, *groups)},
        }

    def _cancel(self, wanted: Cancelling, now: Millis) -> Steps:
        action = "check" if wanted.check else "make"
        request = self._request(action=action, smsid=wanted.smsid)
        root = yield from _asked(call("cancel", request))
        if isinstance(root, Fault):
            return root
        return {
            "action": _text(root, "action"),
            "cancelled": number_in(root, "cancelCol"),
        }

    def _check(self, wanted: Draft, now: Millis) -> Steps:
        wrong = illegal(wanted.text + (wanted.sender or ""))
        if wrong:
            return refused("text", f"has control characters: {wrong!a}")
        root = self._request(action="check", text=wanted.text)
        if wanted.sender is not None:
            add(root, "source", wanted.sender)
        for number in wanted.to:
            SubElement(root, "to", number=number)
        answer = yield from _asked(call("check", root, path="/send.xml"))
        if isinstance(answer, Fault):
            return answer
        return {
            "recipients": number_in(answer, "allRecivers"),
            "sendable": number_in(answer, "colSendAbonent"),
            "not_sendable": number_in(answer, "colNonSendAbonent"),
            "parts": number_in(answer, "colsmsOfSending"),
            "cost": _text(answer, "priceOfSending"),
            "price": _text(answer, "price"),
        }

    def _campaign(self, entry: Element) -> Mapping[str, Any]:
        """Return what is said of a campaign: counts as numbers, money as it stands."""
        told: dict[str, Any] = {one.tag: (one.text or "").strip() for one in entry}
        counts = {name: number_in(entry, name) for name in told if name[-3:] == "Col"}
        at = None
        if self._zone is not None:
            at = dates.read(text_of(entry, "datetime"), self._zone)
        return told | counts | ({} if at is None else {"at": timestamp(at)})


def _asked(question: HttpCall) -> Answered:
    """Put a question; the answer's document, or why there is none."""
    reply = yield question
    fault = refusal(reply)
    root = read(reply)
    if root is None or fault is not None:
        return fault or replies.fault(reply)
    return root


def _text(root: Element, name: str) -> str | None:
    return text_of(root, name) or None
