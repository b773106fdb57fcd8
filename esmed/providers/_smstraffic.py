"""What SMS Traffic says in the same words over each of its interfaces. Pure.

Technical description 2.3 of 2025-12-18: error codes of the API (those of 1XX only in
version 2), reasons of a failed delivery, statuses, and messages from subscribers.
"""

import re
from collections.abc import Mapping
from typing import Final

from esmed.bridge import forms
from esmed.bridge.base import CallbackRequest, Mo
from esmed.models import Fault, FaultClass, MessageState
from esmed.smpp.profiles import SMSTRAFFIC_ERRORS

_MESSAGE: Final = FaultClass.MESSAGE
_ACCOUNT: Final = FaultClass.ACCOUNT
_PROTOCOL: Final = FaultClass.PROTOCOL
_TEMPORARY: Final = FaultClass.TEMPORARY

DUPLICATE: Final = 105
"""On sending: this ``restrictiveId`` was seen within the hour. Elsewhere the samples
have it say "Invalid request format"."""
NO_SUCH_MESSAGE: Final = 434
WRONG_ADDRESS: Final = 412
"""Each node may know other addresses of ours."""
TROUBLE: Final = 1000
"""For a while; the other node may do better."""

API_ERRORS: Final[Mapping[int, tuple[FaultClass, str]]] = {
    103: (_PROTOCOL, "no destinations"),
    104: (_PROTOCOL, "trackingData too long"),
    DUPLICATE: (_PROTOCOL, "duplicate or invalid request"),
    106: (_PROTOCOL, "restrictiveId too long"),
    401: (_ACCOUNT, "login missing"),
    402: (_ACCOUNT, "password missing"),
    403: (_PROTOCOL, "phones missing"),
    404: (_PROTOCOL, "incompatible parameters"),
    405: (_MESSAGE, "text missing"),
    406: (_MESSAGE, "WAP push too long"),
    407: (_MESSAGE, "no phone given"),
    408: (_PROTOCOL, "unsupported type of message"),
    409: (_PROTOCOL, "udh missing"),
    410: (_PROTOCOL, "max_parts does not go with binary messages"),
    411: (_ACCOUNT, "wrong login or password"),
    WRONG_ADDRESS: (_ACCOUNT, "our IP address is not allowed"),
    413: (_MESSAGE, "no such group"),
    414: (_MESSAGE, "the group is empty"),
    415: (_ACCOUNT, "not enough money"),
    416: (_PROTOCOL, "start date not understood"),
    417: (_MESSAGE, "start date in the past"),
    418: (_PROTOCOL, "no ids for deferred messages"),
    419: (_ACCOUNT, "route not allowed"),
    420: (_MESSAGE, "message too long"),
    421: (_MESSAGE, "sender too long"),
    422: (_MESSAGE, "phone missing in a line"),
    423: (_MESSAGE, "empty message"),
    424: (_MESSAGE, "message too long"),
    425: (_MESSAGE, "phone too short"),
    426: (_MESSAGE, "phone too long"),
    427: (_MESSAGE, "phone of a wrong length"),
    428: (_MESSAGE, "phone not understood"),
    429: (_MESSAGE, "operator not supported"),
    430: (_MESSAGE, "invalid phone"),
    431: (_MESSAGE, "phone not subscribed"),
    432: (_MESSAGE, "phone blocked"),
    433: (_PROTOCOL, "sms_id missing"),
    NO_SUCH_MESSAGE: (_MESSAGE, "no such message, or not ours"),
    435: (_MESSAGE, "the message cannot be cancelled any more"),
    436: (_MESSAGE, "sender forbidden"),
    437: (_MESSAGE, "longer than 160 characters after transliteration"),
    438: (_PROTOCOL, "a template in the text, and no group"),
    439: (_ACCOUNT, "the account may not send over HTTP"),
    440: (_PROTOCOL, "phones missing or not understood"),
    441: (_PROTOCOL, "parameter file not understood"),
    442: (_PROTOCOL, "wrong number of parameters"),
    501: (_MESSAGE, "the campaign would have ended already"),
    502: (_MESSAGE, "the campaign would start after its end"),
    503: (_MESSAGE, "the campaign would go on before its pause"),
    504: (_MESSAGE, "deferred by more than 30 days"),
    TROUBLE: (_TEMPORARY, "temporary trouble of the server"),
}

_STATES: Final[Mapping[str, MessageState | None]] = {
    "": None,
    "acceptd": None,  # of older interfaces, as is "lost notification"
    "buffered smsc": MessageState.BUFFERED,
    "delivered": MessageState.DELIVERED,
    "non delivered": MessageState.UNDELIVERABLE,
    "undelivered": MessageState.UNDELIVERABLE,
    "failed": MessageState.UNDELIVERABLE,
    "rejected": MessageState.REJECTED,
    "expired": MessageState.EXPIRED,
    "deleted": MessageState.DELETED,
    "unknown status": MessageState.UNKNOWN,
    "lost notification": MessageState.UNKNOWN,
    # The subscriber has done something about what arrived.
    "clicked": MessageState.DELIVERED,
    "read": MessageState.DELIVERED,
    "checked": MessageState.DELIVERED,
}

_ABOUT_IDS: Final = re.compile(r"\bids?\b|deferred|scheduled|отложен|идентификатор")


def api_fault(code: int | None, said: str = "", *, sender_given: bool = True) -> Fault:
    """Return what an error of the API means; None: there was one without a code.

    ``said`` is the provider's description, which decides where one code has two
    meanings; it is not repeated, since numbers and texts stand in it.
    ``sender_given`` is false for a message under the account's own sender.
    """
    if code is None:
        return Fault(_PROTOCOL, None, "refused without a code")
    said = said.casefold()
    match code:
        case 403 if "access" in said or "denied" in said:
            return Fault(_ACCOUNT, code, "access denied")
        case 418 if said and not _ABOUT_IDS.search(said):
            # What the description of ignore_phone_format calls 418.
            return Fault(_MESSAGE, code, "invalid phone")
        case 436 if not sender_given:
            return Fault(_ACCOUNT, code, "the account's sender is forbidden")
        case _ if code in API_ERRORS:
            cls, meaning = API_ERRORS[code]
            return Fault(cls, code, meaning)
        case _:
            cls = _TEMPORARY if code >= TROUBLE else _MESSAGE
            return Fault(cls, code, "undocumented code")


def state_of(status: str) -> MessageState | None:
    """Return what a status means; None: nothing has become of the message yet.

    An undocumented one ends nothing, and shows: ``buffered``.
    """
    words = " ".join(status.replace("_", " ").casefold().split())
    return _STATES.get(words, MessageState.BUFFERED)


def delivery_reason(code: int) -> str:
    """Return what the error of a delivery means, "" if nothing is known about it.

    The description calls it an error of the API in one place and of the delivery in
    another; the numbers do not overlap.
    """
    _, meaning = API_ERRORS.get(code, (None, ""))
    return SMSTRAFFIC_ERRORS.get(code, meaning)


def read_mo(request: CallbackRequest) -> Mo | None:
    """Read a message from a subscriber, from an incoming or a short number; None: it
    has no ``phone``, so it is none.

    Undeclared, it is windows-1251, unless it is valid as UTF-8: Russian text in the
    former hardly ever is. An incoming number does not say which it is.
    """
    fields = forms.of_request(request, "utf-8")
    if "\ufffd" in "".join(fields.values()):
        fields = forms.of_request(request, "cp1251")
    source = re.sub(r"[^0-9]", "", fields.get("phone", ""))
    if not source:
        return None
    return Mo(
        id=fields.get("sms_id", "").strip(),
        source=source,
        destination=fields.get("shortcode", "").strip(),
        text=fields.get("message", ""),
    )
