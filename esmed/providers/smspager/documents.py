"""What SMS-Pager.COM is sent and answers: documents, codes, groups, ids. Pure."""

import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final
from uuid import UUID
from xml.etree.ElementTree import Element, SubElement

from esmed.bridge import replies
from esmed.bridge.base import HttpCall, Outgoing, Reply
from esmed.bridge.xmldoc import XmlError, document, parse_mended, text_of
from esmed.models import Fault, FaultClass, MessageState

SMSID_MOST: Final = 21

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHARED: Final = "b"
"""What the smsid of several messages begins with; that of one begins with a digit."""
_CLOSING: Final = re.compile(r"</\s*(\w+)\s*>")

CODES: Final[Mapping[str, tuple[FaultClass, str]]] = {
    "500": (FaultClass.PROTOCOL, "not enough parameters, or no number to send to"),
    "501": (FaultClass.ACCOUNT, "wrong login or password"),
    "502": (FaultClass.PROTOCOL, "the smsid is too long"),
    "503": (FaultClass.PROTOCOL, "wrong form of a date"),
    "504": (FaultClass.ACCOUNT, "the account may not use this sender"),
}
"""What a ``code`` other than 1 means; those that begin with 70 are the XML parser's."""

STATES: Final[Mapping[str, MessageState | None]] = {
    "delivered": MessageState.DELIVERED,
    "notDelivered": MessageState.UNDELIVERABLE,
    "waiting": None,
    "enqueued": None,
    "cancel": MessageState.DELETED,
    "onModer": None,
}
"""The groups of a detailed report; None: nothing has become of it yet."""

# --- ids -----------------------------------------------------------------------------


def smsid_of(messages: Sequence[Outgoing]) -> str:
    """Return the smsid of a request: 21 letters and digits, whatever the order of its
    messages.

    Of one message it is its UUID but for the six bits that all have, which no two
    messages share; of several it is a digest.
    """
    if len(messages) > 1:
        ids = "".join(sorted(message.id for message in messages))
        digest = int.from_bytes(blake2b(ids.encode(), digest_size=14).digest())
        return _SHARED + _base62(digest, SMSID_MOST - 1)
    number = UUID(messages[0].id).int
    # Version and variant, RFC 9562 §4, are bits 76 to 79, and 62 and 63.
    high, middle, low = number >> 80, number >> 64 & 0xFFF, number & (1 << 62) - 1
    return _base62(high << 74 | middle << 62 | low, SMSID_MOST)


def is_shared(smsid: str) -> bool:
    """Tell whether an smsid of ours is that of several messages."""
    return smsid.startswith(_SHARED)


def _base62(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits


# --- what is sent --------------------------------------------------------------------


def document_of(**values: str) -> Element:
    """Make a document with these elements."""
    root = Element("data")
    for name, value in values.items():
        add(root, name, value)
    return root


def add(parent: Element, name: str, value: str) -> None:
    """Put a text below an element."""
    SubElement(parent, name).text = value


def call(operation: str, root: Element, path: str = "") -> HttpCall:
    """Make the request of a document; its path is that of the operation."""
    return HttpCall(
        operation=operation,
        path=path or f"/{operation}.xml",
        body=document(root),
        headers={"Content-Type": "text/xml; charset=utf-8"},
    )


# --- what is answered ----------------------------------------------------------------


def read(reply: Reply) -> Element | None:
    """Read an answer, with closing tags as the manual has them too; None: it is no such
    document."""
    try:
        root = parse_mended(reply.body, _mend_descr, _mend_closing)
    except XmlError:
        return None
    return root if root.tag == "data" else None


def refusal(reply: Reply) -> Fault | None:
    """Return why a question was not answered."""
    root = read(reply)
    code = "" if root is None else text_of(root, "code")
    if not code:
        return replies.fault(reply, "no result code")
    return None if code == "1" else fault_of(code)


def fault_of(code: str) -> Fault:
    """Return what a result code other than 1 means; none is of something temporary."""
    if code.startswith("70"):
        return Fault(FaultClass.PROTOCOL, code, "the provider cannot read our XML")
    cls, detail = CODES.get(code, (FaultClass.MESSAGE, "a code that is not documented"))
    return Fault(cls, code[:20], detail)


def groups_of(reply: Reply) -> dict[str, list[str]] | Fault:
    """Return the numbers, digits only, in each group of a detailed report."""
    root = read(reply)
    fault = refusal(reply)
    if root is None or fault is not None:
        return fault or replies.fault(reply)
    found: dict[str, list[str]] = {}
    for group in root.iterfind("detail/*"):
        numbers = found.setdefault(group.tag, [])
        numbers += (digits(one.text or "") for one in group.iterfind("number"))
    return found


def group_of(groups: Mapping[str, Sequence[str]], number: str) -> str | None:
    """Return the group of a number; None: it is in none.

    One that was sent to twice under an smsid may be in several: it has failed only once
    nothing of it is on its way any more.
    """
    found = [name for name, numbers in groups.items() if number in numbers]
    return min(found, key=_gravity, default=None)


def state_of(group: str) -> MessageState | None:
    """Return what has become of those in a group; in an unknown one they are kept."""
    return STATES.get(group, MessageState.BUFFERED)


def number_in(root: Element, name: str) -> int | None:
    """Return a count; None: there is none."""
    text = text_of(root, name)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def digits(number: str) -> str:
    """Return a number without what it is made readable with."""
    return re.sub("[^0-9]", "", number)


def _gravity(group: str) -> int:
    match state_of(group):
        case MessageState.DELIVERED:
            return 0
        case None | MessageState.BUFFERED:
            return 1
        case _:
            return 2


def _mend_descr(text: str) -> str:
    """``<descr>DESCR</descry>``, in every table of the manual."""
    return text.replace("</descry>", "</descr>")


def _mend_closing(text: str) -> str:
    """``</ cancelCol >``, in the answer to cancel.xml."""
    return _CLOSING.sub(r"</\1>", text)
