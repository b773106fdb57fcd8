"""Messages from subscribers: asked for, or brought by the platform. Pure."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from xml.etree.ElementTree import Element

from esmed.bridge import dates, forms
from esmed.bridge import replies as statuses
from esmed.bridge.base import (
    AutoReply,
    CallbackReply,
    CallbackRequest,
    Mo,
    Pushed,
    Reply,
)
from esmed.bridge.xmldoc import text_of
from esmed.models import Fault, Millis
from esmed.providers import _smstraffic
from esmed.providers.smstraffic_xml import replies
from esmed.providers.smstraffic_xml.config import ShortReply
from esmed.secret import Secret

_KEPT: Final = 2 * 86_400_000
"""Milliseconds for which the platform has them."""

_OK: Final = CallbackReply(body=b"OK")
_NO_MESSAGE: Final = CallbackReply(status=400, body=b"phone is missing")


def pull_fields(since: Millis, now: Millis) -> Mapping[str, str | int]:
    """Return the fields of operation=incoming for all since then that there is."""
    start = dates.write(max(since, now - _KEPT), dates.MOSCOW)
    return {"operation": "incoming", "from_date": start, "want_sms_ids": 1}


def parse_pull(reply: Reply) -> Sequence[Mo] | Fault:
    """Read its answer."""
    root = replies.read(reply)
    if root is None:
        return statuses.fault(reply, replies.nothing_said(reply))
    wrong = replies.refusal(root)
    if wrong is not None:
        return _smstraffic.api_fault(wrong.code, wrong.description)
    return list(_messages(root))


def push(request: CallbackRequest) -> Pushed:
    """Read a message to the incoming number."""
    mo = _smstraffic.read_mo(request)
    return Pushed(reply=_NO_MESSAGE) if mo is None else Pushed(items=(mo,), reply=_OK)


def push_short(request: CallbackRequest, answered: ShortReply | None) -> Pushed:
    """Read a message to the short number: whatever is in the body of the reply goes
    back to its sender."""
    wanted = None if answered is None else answered.password
    if wanted is not None and not _is_password(wanted, request):
        return Pushed(reply=CallbackReply(status=403))
    mo = _smstraffic.read_mo(request)
    if mo is None:
        return Pushed(reply=CallbackReply(status=400))
    if answered is None:
        return Pushed(items=(mo,))
    auto = AutoReply(
        text=answered.text,
        url=answered.url,
        timeout=answered.timeout,
        charset=answered.charset,
    )
    return Pushed(items=(mo,), auto=auto)


def _is_password(wanted: Secret, request: CallbackRequest) -> bool:
    given = forms.of_request(request).get("password", "")
    return hmac.compare_digest(given.encode(), wanted.reveal().encode())


def _messages(root: Element) -> Iterator[Mo]:
    for entry in root.iterfind(".//message"):
        source = "".join(filter(str.isdecimal, text_of(entry, "from_phone")))
        if source:
            yield Mo(
                id=text_of(entry, "sms_id") or _digest(entry),
                source=source,
                destination="",
                text=entry.findtext("text") or "",
            )


def _digest(entry: Element) -> str:
    """Return what a message without an id will be known by when it is read again."""
    values = [f"{one.tag}={one.text}" for one in sorted(entry, key=lambda one: one.tag)]
    text = "\n".join(values).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:32]
