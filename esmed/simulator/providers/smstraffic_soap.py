"""SMS Traffic, SOAP (technical description 2.3): the fields of its HTTP API v1 in an
envelope of SOAP 1.2.

The schema is not published: elements have to come in the order of the description's
table, unknown ones and other envelopes get a fault.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Final
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring

from aiohttp import web

from esmed.simulator.bridge.http import HttpSimulator
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.bridge.register import Message
from esmed.simulator.providers._smstraffic import Refused, date
from esmed.simulator.providers._smstraffic_v1 import (
    DEFAULTS,
    RULES,
    UNROUTABLE,
    USUAL,
    Entry,
    Version1,
)

ENVELOPE: Final = "http://www.w3.org/2003/05/soap-envelope"
NAMESPACE: Final = "http://soap.smstraffic.ru/soap.wsdl"

_OPERATIONS: Final = {
    "BulkSms": "send",
    "IndividualSms": "send",
    "StatusRequest": "status",
    "BalanceRequest": "balance",
}
_ANSWERS: Final = {
    "send": "SmsResponse",
    "status": "StatusResponse",
    "balance": "BalanceResponse",
}
_OPTIONS: Final = {
    "Login": "login",
    "Password": "password",
    "Originator": "originator",
    "WantSmsIds": "want_sms_ids",
    "IgnorePhoneFormat": "ignore_phone_format",
    "LatinEncoding": "rus",
    "Timeout": "timeout",
    "Flash": "flash",
    "StartDate": "start_date",
    "MaxParts": "max_parts",
    "TwoByteConcat": "two_byte_concat",
}
_BOOLEANS: Final = frozenset(
    {"WantSmsIds", "IgnorePhoneFormat", "LatinEncoding", "Flash", "TwoByteConcat"}
)
_VALUES: Final = {"true": "1", "1": "1", "false": "0", "0": "0"}
_UNKNOWN_ID: Final = "no such message or this message does not belong to you"


class _Fault(Exception):  # noqa: N818 - an answer of the protocol
    """The envelope is answered with a fault of SOAP."""


class Simulator(HttpSimulator):
    path = "/soap.php"
    usual = USUAL
    rules = (*RULES, f"15=refuse:{UNROUTABLE}")
    defaults: ClassVar[Mapping[str, str]] = {**DEFAULTS, "success": ">true"}

    def __init__(self, options: ProviderOptions | None = None) -> None:
        super().__init__(options)
        self._desk = Version1(self)

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.post(self.path, self._answer)]

    async def operation(self, request: web.Request) -> str:
        try:
            return _OPERATIONS[_name((await _payload(request)).tag)]
        except _Fault:
            return ""

    async def refusal(self, request: web.Request, code: str) -> web.Response:
        name = _ANSWERS.get(await self.operation(request), "SmsResponse")
        return _response(self._status(name, Refused(int(code))))

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            payload = await _payload(request)
            return _response(self._done(_name(payload.tag), payload))
        except _Fault as fault:
            return _faulted(str(fault))

    def _done(self, name: str, payload: Element) -> Element:
        answer = _ANSWERS[_OPERATIONS[name]]
        try:
            match _OPERATIONS[name]:
                case "send":
                    return self._send(name, payload)
                case "status":
                    self._desk.admit(_credentials(payload, "SmsId"))
                    return self._states([_text(one) for one in list(payload)[2:]])
                case _:
                    self._desk.admit(_credentials(payload))
                    done = self._status(answer)
                    SubElement(done, "Amount").text = str(self._desk.balance)
                    return done
        except Refused as refused:
            return self._status(answer, refused)

    def _send(self, name: str, payload: Element) -> Element:
        _expect(list(payload)[:1], "Options")
        options, *rest = payload
        fields = _fields(options)
        self._desk.admit(fields)
        entries = list(_bulk(rest) if name == "BulkSms" else _individual(rest))
        fields["individual_messages"] = str(int(name == "IndividualSms"))
        queued = self._desk.send(fields, entries)
        answer = self._status("SmsResponse", said=f"queued {queued.parts} messages")
        if fields.get("want_sms_ids") == "1":
            for entry, ident in queued.infos:
                info = SubElement(answer, "MessageInfo")
                SubElement(info, "Phone").text = entry.phone
                result = "Accepted" if ident else "Unroutable"
                SubElement(info, "ProcessResult").text = result
                if ident:
                    SubElement(info, "SmsId").text = ident
        return answer

    def _states(self, idents: Sequence[str]) -> Element:
        answer = self._status("StatusResponse")
        for ident in idents:
            info = SubElement(answer, "SmsInfo")
            SubElement(info, "SmsId").text = ident
            found = self._desk.known(ident)
            SubElement(info, "Error").text = "" if found else _UNKNOWN_ID
            if found is not None:
                self._tell_of(info, found)
        return answer

    def _tell_of(self, info: Element, message: Message) -> None:
        step = self.state(message)
        for name, at in (
            ("SubmissionDate", message.at),
            ("SendDate", message.starts),
            ("LastStatusChangeDate", self.changed(message)),
        ):
            SubElement(info, name).text = date(at).replace(" ", "T")
        SubElement(info, "Status").text = step.word if step else ""

    def _status(
        self, name: str, refused: Refused | None = None, said: str = ""
    ) -> Element:
        answer = Element(name)
        status = SubElement(answer, "Status")
        success = self.settings["success"] if refused is None else "false"
        SubElement(status, "IsSuccess").text = success
        SubElement(status, "Code").text = str(refused.code if refused else 0)
        SubElement(status, "Description").text = refused.text if refused else said
        return answer


# --- what comes ----------------------------------------------------------------------


async def _payload(request: web.Request) -> Element:
    if request.content_type != "application/soap+xml":
        raise _Fault(f"Content-Type is {request.content_type}")
    try:
        envelope = fromstring(await request.read())  # noqa: S314 - a test's own
    except ParseError as error:
        raise _Fault("Bad Request") from error
    payload = envelope.find(f"{{{ENVELOPE}}}Body/*")
    if envelope.tag != f"{{{ENVELOPE}}}Envelope" or payload is None:
        raise _Fault("no envelope of SOAP 1.2")
    if _name(payload.tag) not in _OPERATIONS:
        raise _Fault(f"Procedure '{_name(payload.tag)}' not present")
    return payload


def _name(tag: str) -> str:
    """The name of an element of the provider's; others are ``""``."""
    namespace, _, name = tag.rpartition("}")
    return name if namespace == f"{{{NAMESPACE}" else ""


def _text(element: Element) -> str:
    return element.text or ""


def _expect(elements: Sequence[Element], *names: str) -> None:
    found = [_name(element.tag) for element in elements]
    if found != list(names):
        raise _Fault(f"{', '.join(names)} expected")


def _credentials(payload: Element, *more: str) -> dict[str, str]:
    first, rest = list(payload)[:2], list(payload)[2:]
    _expect(first, "Login", "Password")
    if any(_name(element.tag) not in more for element in rest) or bool(rest) != bool(
        more
    ):
        raise _Fault("unexpected elements")
    return {"login": _text(first[0]), "password": _text(first[1])}


def _fields(options: Element) -> dict[str, str]:
    """The options as the fields of version 1."""
    order = list(_OPTIONS)
    names = [_name(option.tag) for option in options]
    if [name for name in order if name in names] != names:
        raise _Fault("Options are unknown, twice there, or in another order")
    fields = {"rus": "5"}
    for name, option in zip(names, options, strict=True):
        value = _text(option)
        if name in _BOOLEANS:
            if value not in _VALUES:
                raise _Fault(f"{name} is no boolean")
            value = _VALUES[value]
        if name == "LatinEncoding":
            value = "0" if value == "1" else "5"
        if name == "StartDate":
            value = value.replace("T", " ")
        fields[_OPTIONS[name]] = value
    return fields


def _bulk(rest: Sequence[Element]) -> Iterator[Entry]:
    _expect(rest, "Message", *["Phone"] * (len(rest) - 1))
    if len(rest) == 1:
        raise Refused(407)
    for phone in rest[1:]:
        if not _text(rest[0]):
            raise Refused(405)
        yield Entry(phone=_text(phone), text=_text(rest[0]))


def _individual(rest: Sequence[Element]) -> Iterator[Entry]:
    _expect(rest, *["Pairs"] * len(rest))
    if not rest:
        raise Refused(407)
    for pair in rest:
        _expect(list(pair), "Phone", "Message")
        phone, text = map(_text, pair)
        if not text:
            raise Refused(423, phone)
        yield Entry(phone=phone, text=text)


# --- what goes -----------------------------------------------------------------------


def _faulted(reason: str) -> web.Response:
    fault = Element("env:Fault")
    SubElement(SubElement(fault, "env:Code"), "env:Value").text = "env:Sender"
    text = SubElement(SubElement(fault, "env:Reason"), "env:Text", {"xml:lang": "en"})
    text.text = reason
    return _response(fault, status=400)


def _response(payload: Element, status: int = 200) -> web.Response:
    envelope = Element("env:Envelope", {"xmlns:env": ENVELOPE, "xmlns": NAMESPACE})
    SubElement(envelope, "env:Body").append(payload)
    return web.Response(
        status=status,
        body=tostring(envelope, encoding="utf-8", xml_declaration=True),
        headers={"Content-Type": "application/soap+xml; charset=utf-8"},
    )
