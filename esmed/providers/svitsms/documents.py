"""Requests as XML, and what every answer has in common. Pure."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element, SubElement

from esmed.bridge import dates, replies, xmldoc
from esmed.bridge.base import HttpCall, Reply
from esmed.models import Fault, FaultClass, Millis
from esmed.providers.svitsms.config import Config

ACCEPT: Final = "ACCEPT"

BAD_PHONES: Final = "ERRPHONES"
BAD_TEXT: Final = "ERRTEXT"
"""This and that refuse a whole request because of one recipient or one text in it."""

_ERRORS: Final[Mapping[str, tuple[FaultClass, str]]] = {
    "XMLERROR": (FaultClass.PROTOCOL, "malformed XML"),
    BAD_PHONES: (FaultClass.MESSAGE, "wrong recipient"),
    "ERRSTARTTIME": (FaultClass.MESSAGE, "wrong start time"),
    "ERRENDTIME": (FaultClass.MESSAGE, "wrong end time"),
    "ERRLIFETIME": (FaultClass.PROTOCOL, "wrong lifetime"),
    "ERRSPEED": (FaultClass.PROTOCOL, "wrong rate"),
    "ERRALFANAME": (FaultClass.ACCOUNT, "this sender is not allowed"),
    BAD_TEXT: (FaultClass.MESSAGE, "the text is not acceptable"),
    "INSUFFICIENTFUNDS": (FaultClass.ACCOUNT, "not enough money"),
    "ALFANAMEERROR": (FaultClass.MESSAGE, "this sender cannot be managed"),
}
_STOP_WORDS: Final = "STOPWORDS"
_AMOUNT: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
_NOT_A_DIGIT: Final = re.compile(r"\D")


class Refusal(NamedTuple):
    """What an answer says instead of what was asked for."""

    code: str
    description: str

    @property
    def fault(self) -> Fault:
        """The description is not in it: it may quote the text that was refused."""
        cls, detail = _ERRORS.get(self.code, (FaultClass.PROTOCOL, "unknown code"))
        if self.code == BAD_TEXT and self.description.startswith(_STOP_WORDS):
            detail = "the text has a forbidden word"
        return Fault(cls, self.code[:40], detail)


class Caller:
    """Makes the requests of one account."""

    def __init__(self, config: Config) -> None:
        credentials = f"{config.login}:{config.password.reveal()}".encode()
        self._headers = {
            "Authorization": f"Basic {b64encode(credentials).decode('ascii')}",
            "Content-Type": "text/xml",
            "Accept": "text/xml",
        }

    def call(self, name: str, operation: str, child: Element | None = None) -> HttpCall:
        """Ask for an operation, its arguments in that element."""
        root = Element("request")
        SubElement(root, "operation").text = operation
        if child is not None:
            root.append(child)
        body = xmldoc.document(root)
        return HttpCall(operation=name, body=body, headers=self._headers)

    def balance(self) -> HttpCall:
        """Ask for the balance: what changes nothing, and needs the credentials."""
        return self.call("balance", "GETBALANCE")


def read(reply: Reply) -> Element | str:
    """Read an answer, whatever its status; a string says why that cannot be done."""
    if not reply.body.strip():
        return "empty"
    try:
        return xmldoc.parse(reply.body)
    except xmldoc.XmlError as error:
        return str(error)


def answered(reply: Reply, root: str) -> Element | Fault:
    """Return the answer to a question if that is its root, else what is wrong."""
    found = read(reply)
    if isinstance(found, str):
        return replies.fault(reply, found)
    refused = refusal(found)
    if refused is not None:
        return refused.fault
    return found if found.tag == root else replies.fault(reply, f"no {root}")


def balance(reply: Reply) -> str | Fault:
    """Read the answer to GETBALANCE: a decimal number."""
    root = answered(reply, "message")
    if isinstance(root, Fault):
        return root
    amount = xmldoc.text_of(root, "balance").replace(",", ".")
    return amount if _AMOUNT.fullmatch(amount) else replies.fault(reply, "no balance")


def refusal(root: Element) -> Refusal | None:
    """Return what an answer refuses with; None: it does not."""
    state = root.find("state")
    code = "" if state is None else state.get("code", "")
    if state is None or not code or code == ACCEPT:
        return None
    return Refusal(code, (state.text or "").strip())


def number(text: str) -> str:
    """Return a number's digits: some forms have a ``+``."""
    return _NOT_A_DIGIT.sub("", text)


def moment(text: str, zone: tzinfo | None) -> Millis | None:
    """Read a date; None: it is none, or nobody knows of which zone."""
    return None if zone is None else dates.read(text, zone)


def shown(text: str, zone: tzinfo | None) -> str:
    """Return a date as RFC 3339 in UTC; as it is, where that cannot be told."""
    at = moment(text, zone)
    if at is None:
        return text
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
