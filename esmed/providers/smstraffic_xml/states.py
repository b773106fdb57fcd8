"""What has become of messages: operation=status, and pushes of the same. Pure.

Statuses are kept for two days; then, and on a node that has not heard of a message yet,
there is "no such message", which says nothing about its delivery.
"""

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from esmed.bridge import forms
from esmed.bridge import replies as statuses
from esmed.bridge.base import Asked, CallbackRequest, Pushed, Reply
from esmed.bridge.xmldoc import text_of
from esmed.connector import Sent
from esmed.providers import _smstraffic_v1
from esmed.providers.smstraffic_xml import replies


def found(root: Element) -> Mapping[str, Element]:
    """Return the entries of an answer by their ids: one stands flat, several each in
    an element, whose name differs between the platforms."""
    entries = [root, *root.iterfind("sms"), *root.iter("msg-info")]
    by_id = {text_of(one, "sms_id") or text_of(one, "id"): one for one in entries}
    by_id.pop("", None)
    return by_id


def is_lookup_failure(entry: Element) -> bool:
    """Tell whether an entry says only that there is no such message."""
    return bool(text_of(entry, "error")) and not text_of(entry, "status")


def parse_ask(sent: Sequence[Sent], reply: Reply) -> Sequence[Asked]:
    """Read the answer to operation=status."""
    root = replies.read(reply)
    if root is None:
        fault = statuses.fault(reply, replies.nothing_said(reply))
        return [fault] * len(sent)
    wrong = replies.refusal(root)
    if wrong is not None:
        fault = _smstraffic_v1.question_fault(wrong.code, wrong.description)
        return [fault] * len(sent)
    entries = found(root)
    return [_asked(one.smsc_id, entries.get(one.smsc_id)) for one in sent]


def push(request: CallbackRequest) -> Pushed:
    """Read a status that was pushed as a form. It is answered well whatever it is: else
    the platform slows down."""
    fields = {name: one.strip() for name, one in forms.of_request(request).items()}
    sms_id = fields.get("sms_id", "")
    if not sms_id:
        return Pushed(broken=1)
    news = _smstraffic_v1.news(
        sms_id,
        fields.get("status", ""),
        fields.get("delivery_date", ""),
        fields.get("error_code", ""),
    )
    return Pushed(items=() if news is None else (news,))


def _asked(sms_id: str, entry: Element | None) -> Asked:
    if entry is None or is_lookup_failure(entry):
        return _smstraffic_v1.NO_SUCH
    changed = text_of(entry, "last_status_change_date")
    return _smstraffic_v1.news(
        sms_id,
        text_of(entry, "status"),
        changed or text_of(entry, "last_update_status"),
        text_of(entry, "error"),
    )
