"""What SMS Traffic answers over SOAP. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.etree.ElementTree import Element

from msgspec import Struct

from esmed.bridge import replies as statuses
from esmed.bridge import soap
from esmed.bridge.base import Answer, Asked, Outgoing, Reply
from esmed.bridge.soap import SoapFault
from esmed.bridge.xmldoc import XmlError, text_of
from esmed.connector import Sent
from esmed.models import Accepted, Fault, FaultClass, Outcome, Rejected, Unknown
from esmed.providers import _smstraffic_v1

_LOCAL_PART: Final = 7
"""Digits of a number that are the same in all its forms: direct ones of Moscow are
answered in their federal form, 7495… as 7985…"""
_LONGEST_CODE: Final = 9


class Refusal(Struct, frozen=True):
    """A ``Status`` that is no success."""

    code: int | None
    """0: it says no, and that there was no error."""
    description: str
    """May hold numbers and texts: it is for looking at, not for showing."""


def read(reply: Reply, name: str) -> Element | Refusal | SoapFault | str:
    """Return the payload of that name of a success, or why there is none; if nothing
    can be read at all, what is wrong with the body."""
    if not reply.body.strip():
        return "an empty body"
    try:
        found = soap.read(reply.body)
    except XmlError:
        return "not the SOAP expected"
    if isinstance(found, SoapFault):
        return found
    if found.tag != name or found.find("Status") is None:
        return "not the answer expected"
    return _refusal(found) or found


def payload(reply: Reply, name: str) -> Element | Fault:
    """Return the payload of an answer to a question, or why there is none."""
    match read(reply, name):
        case str(unreadable):
            return statuses.fault(reply, unreadable)
        case SoapFault() as fault:
            return _fault(fault)
        case Refusal(code=code, description=said):
            return _smstraffic_v1.question_fault(code or None, said)
        case found:
            return found


def faulted(fault: SoapFault, count: int) -> Answer:
    """Return what a fault means for so many messages: unless it says so, nobody knows
    whether they were taken."""
    outcome: Outcome = Unknown(f"SOAP fault {fault.code}".strip())
    if fault.refused:
        outcome = Rejected(_fault(fault))
    return Answer(outcomes=[outcome] * count)


def outcomes(messages: Sequence[Outgoing], payload: Element) -> Sequence[Outcome]:
    """Return what became of messages that were taken together, by their numbers."""
    infos: dict[str, list[Element]] = {}
    for info in payload.iter("MessageInfo"):
        number = "".join(filter(str.isdecimal, text_of(info, "Phone")))
        infos.setdefault(number, []).append(info)
    if not infos:
        # All were queued, only their ids are missing.
        return [Accepted("")] * len(messages)
    lost = [message.to for message in messages if message.to not in infos]
    others = infos.keys() - {message.to for message in messages}
    for number in lost:
        forms = [other for other in others if _alike(number, other)]
        rivals = [other for other in lost if _alike(number, other)]
        if len(forms) == len(rivals) == 1:
            infos[number] = infos[forms[0]]
    return [_outcome(infos.get(message.to, ())) for message in messages]


def asked(sent: Sequence[Sent], reply: Reply) -> Sequence[Asked]:
    """Tell what has become of each, by the answer to a question for their states."""
    found = payload(reply, "StatusResponse")
    if isinstance(found, Fault):
        return [found] * len(sent)
    known = entries(found)
    return [_asked(one.smsc_id, known.get(one.smsc_id)) for one in sent]


def entries(payload: Element) -> Mapping[str, Element]:
    """Return the entries of such an answer by their ids."""
    by_id = {text_of(one, "SmsId"): one for one in payload.iter("SmsInfo")}
    by_id.pop("", None)
    return by_id


def told(sms_id: str, entry: Element) -> Mapping[str, Any]:
    """Return an entry as an operation shows it."""
    if _is_lookup_failure(entry):
        return {"id": sms_id, "error": text_of(entry, "Error")}
    return {
        "id": sms_id,
        "status": text_of(entry, "Status"),
        "submitted_at": _smstraffic_v1.instant(text_of(entry, "SubmissionDate")),
        "sent_at": _smstraffic_v1.instant(text_of(entry, "SendDate")),
        "changed_at": _smstraffic_v1.instant(text_of(entry, "LastStatusChangeDate")),
    }


def _refusal(payload: Element) -> Refusal | None:
    """Return why a request was refused; None: it was not.

    Samples have ``>true`` for ``true``, as if a bracket had been written twice.
    """
    said = text_of(payload, "Status/IsSuccess").lstrip("> ").casefold()
    success = said in {"true", "1"}
    code = text_of(payload, "Status/Code")
    if success and code in {"0", ""}:
        return None
    description = text_of(payload, "Status/Description")
    digits = code.isascii() and code.isdigit() and len(code) <= _LONGEST_CODE
    if success:
        return Refusal(0, description)
    return Refusal(int(code) if digits else None, description)


def _fault(fault: SoapFault) -> Fault:
    cls = FaultClass.PROTOCOL if fault.refused else FaultClass.TEMPORARY
    return Fault(cls, fault.code or None, "SOAP fault")


def _outcome(infos: Sequence[Element]) -> Outcome:
    if not infos:
        return Unknown("the provider says nothing of it")
    results = {text_of(info, "ProcessResult").casefold() for info in infos}
    if results == {"unroutable"}:
        detail = "no route to the subscriber's operator"
        return Rejected(Fault(FaultClass.MESSAGE, "Unroutable", detail))
    ids = [sms_id for info in infos if (sms_id := text_of(info, "SmsId"))]
    if ids or "accepted" in results:
        return Accepted(ids[0] if ids else "", tuple(ids[1:]))
    return Unknown("a result that nobody knows")


def _alike(number: str, other: str) -> bool:
    """Tell whether these may be forms of one number."""
    return (
        len(number) == len(other)
        and number[:1] == other[:1]
        and number[-_LOCAL_PART:] == other[-_LOCAL_PART:]
    )


def _asked(sms_id: str, entry: Element | None) -> Asked:
    if entry is None or _is_lookup_failure(entry):
        return _smstraffic_v1.NO_SUCH
    return _smstraffic_v1.news(
        sms_id,
        text_of(entry, "Status"),
        text_of(entry, "LastStatusChangeDate"),
        text_of(entry, "Error"),
    )


def _is_lookup_failure(entry: Element) -> bool:
    return bool(text_of(entry, "Error")) and not text_of(entry, "Status")
