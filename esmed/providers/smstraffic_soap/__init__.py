"""SMS Traffic over SOAP (technical description 2.3 of 2025-12-18). Pure.

The parameters behave as those of the same names of the HTTP API v1. Answers name the
messages by their numbers; a long one has several ids.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final
from xml.etree.ElementTree import Element, SubElement

from esmed.bridge import replies as statuses
from esmed.bridge import soap
from esmed.bridge.base import (
    Answer,
    Asked,
    HttpCall,
    Outgoing,
    Procedure,
    Provider,
    Reply,
    Steps,
    Traits,
)
from esmed.bridge.config import HttpProviderConfig
from esmed.bridge.content import refused
from esmed.bridge.soap import SoapFault
from esmed.bridge.xmldoc import illegal, text_of
from esmed.connector import Sent
from esmed.fieldtypes import SecretField, Text
from esmed.models import Fault, Millis, Request, Unknown
from esmed.providers import _smstraffic_v1
from esmed.providers._smstraffic_v1 import Nothing, OfMessages
from esmed.providers.smstraffic_soap import answers
from esmed.providers.smstraffic_soap.answers import Refusal
from pdu import segment

NAMESPACE: Final = "http://soap.smstraffic.ru/soap.wsdl"
"""Of the payload; it is a name, and stays http."""
_HEADERS: Final = {"Content-Type": soap.CONTENT_TYPE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(HttpProviderConfig):
    """SMS Traffic, SOAP 1.2."""

    kind: str = "smstraffic-soap"
    login: Annotated[str, Text(least=1, most=64)]
    password: SecretField


class SmsTrafficSoap(Provider):
    """One account, as `Provider` has it.

    It cannot be asked whether a request without an answer was processed, nothing can be
    cancelled, and there are no ids for what is scheduled: that waits here.
    """

    traits: ClassVar[Traits] = Traits(
        batch=_smstraffic_v1.BATCH,
        asks=_smstraffic_v1.MOST_IDS,
        retention=_smstraffic_v1.RETENTION,
    )

    def __init__(self, config: Config) -> None:
        self._login = config.login
        self._password = config.password

    # --- sending

    def refusal(self, request: Request) -> Fault | None:
        if request.from_ is not None and illegal(request.from_):
            return refused("from", "has control characters")
        return _smstraffic_v1.refusal(request)

    def group(self, message: Outgoing) -> Hashable:
        return _smstraffic_v1.group(message), _latin(message.request)

    def build(self, messages: Sequence[Outgoing], now: Millis) -> HttpCall:
        first, *others = messages
        text = first.request.text or ""
        bulk = all(other.request.text == text for other in others)
        payload = Element("BulkSms" if bulk else "IndividualSms")
        options = SubElement(payload, "Options")
        self._sign(options)
        # In the order of the description; the schema is not published.
        if first.sender is not None:
            _add(options, "Originator", first.sender)
        _add(options, "WantSmsIds", "true")
        if _latin(first.request):
            _add(options, "LatinEncoding", "true")
        _add(options, "Timeout", str(_smstraffic_v1.lifetime(messages, now)))
        if first.request.flash:
            _add(options, "Flash", "true")
        if bulk:
            _add(payload, "Message", text)
            for message in messages:
                _add(payload, "Phone", message.to)
        else:
            for message in messages:
                pair = SubElement(payload, "Pairs")
                _add(pair, "Phone", message.to)
                _add(pair, "Message", message.request.text or "")
        return _call("submit", payload)

    def parse(self, messages: Sequence[Outgoing], reply: Reply, now: Millis) -> Answer:
        match answers.read(reply, "SmsResponse"):
            case str(unreadable):
                return statuses.judged(reply, now, len(messages), unreadable)
            case SoapFault() as fault:
                return answers.faulted(fault, len(messages))
            case Refusal(code=0):
                outcome = Unknown("the provider contradicts itself")
                return Answer(outcomes=[outcome] * len(messages))
            case Refusal(code=code, description=said):
                return _smstraffic_v1.refused(messages, code, said)
            case payload:
                return Answer(outcomes=answers.outcomes(messages, payload))

    def build_probe(self) -> HttpCall:
        payload = Element("BalanceRequest")
        self._sign(payload)
        return _call("balance", payload)

    def parse_probe(self, reply: Reply) -> Fault | None:
        found = answers.payload(reply, "BalanceResponse")
        return found if isinstance(found, Fault) else None

    # --- asking

    def build_ask(self, sent: Sequence[Sent]) -> HttpCall:
        return self._question([one.smsc_id for one in sent])

    def parse_ask(self, sent: Sequence[Sent], reply: Reply) -> Sequence[Asked]:
        return answers.asked(sent, reply)

    def procedures(self) -> Sequence[Procedure]:
        return (
            Procedure(
                name="balance",
                summary="What is left on the account, in its currency.",
                arguments=Nothing,
                run=self._balance,
            ),
            Procedure(
                name="statuses",
                summary="What has become of messages of the last two days.",
                arguments=OfMessages,
                run=self._statuses,
                seconds=600.0,
            ),
        )

    def _balance(self, _: Nothing, now: Millis) -> Steps:
        found = answers.payload((yield self.build_probe()), "BalanceResponse")
        if isinstance(found, Fault):
            return found
        return {"balance": text_of(found, "Amount")}

    def _statuses(self, arguments: OfMessages, now: Millis) -> Steps:
        told: list[Mapping[str, Any]] = []
        for start in range(0, len(arguments.ids), _smstraffic_v1.MOST_IDS):
            ids = arguments.ids[start : start + _smstraffic_v1.MOST_IDS]
            found = answers.payload((yield self._question(ids)), "StatusResponse")
            if isinstance(found, Fault):
                return found
            entries = answers.entries(found)
            told += (answers.told(one, entries[one]) for one in ids if one in entries)
        return {"statuses": told}

    def _question(self, ids: Sequence[str]) -> HttpCall:
        payload = Element("StatusRequest")
        self._sign(payload)
        for sms_id in ids:
            _add(payload, "SmsId", sms_id)
        return _call("status", payload)

    def _sign(self, parent: Element) -> None:
        _add(parent, "Login", self._login)
        _add(parent, "Password", self._password.reveal())


def create(config: Config) -> Provider:
    """Make the provider of a connector."""
    return SmsTrafficSoap(config)


# --- requests ------------------------------------------------------------------------


def _call(operation: str, payload: Element) -> HttpCall:
    body = soap.write(payload, NAMESPACE)
    return HttpCall(operation=operation, body=body, headers=_HEADERS)


def _add(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _latin(request: Request) -> bool:
    """Tell whether a text is to go as letters of seven bits.

    Without ``LatinEncoding`` all goes as UCS-2, 70 characters at a time; with it what
    is Cyrillic is transliterated. So only what has nothing to lose has it.
    """
    if request.encoding != "auto":
        return request.encoding == "gsm7"
    text = request.text or ""
    return text.isascii() and segment.split(text).encoding == "gsm7"
