"""SMS-Pager.COM ("HTTPS::XML"): an XML document for each request, one path each.

Where the manual is silent: 700 for what is no XML, 500 for an action that nobody knows,
an empty report for an smsid that nobody has, periods of days (``2010-05-01``) or times.
A number of Russia or Kazakhstan is a mobile phone's if it begins with 79 or 77; all
others are.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Final
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring
from zoneinfo import ZoneInfo

from aiohttp import web
from msgspec import Struct

from esmed.simulator.bridge.http import HttpSimulator
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.bridge.outcomes import Outcome, Step
from esmed.simulator.bridge.register import Message
from pdu import segment

_DECLARATION: Final = b"<?xml version='1.0' encoding='UTF-8'?>\n"
_DATE: Final = "%Y-%m-%d %H:%M:%S"
_DAY: Final = len("2010-05-01")
_LONGEST_SMSID: Final = 21
_CANCELLED: Final = Step("cancel")
_HERE: Final = frozenset({"waiting", "onModer"})
"""Groups of messages that have not gone to an operator."""
_GROUPS: Final = ("delivered", "notDelivered", "waiting", "enqueued")
"""Those that a report always has."""
_MEANINGS: Final = {
    "1": "Успешно завершенная операция",
    "500": "Недостаточно переданных параметров",
    "501": "Неверная пара логин/пароль",
    "502": "Превышен размер smsid. Максимальный размер 21 символ",
    "503": "Неверный формат datetime. Верный: yyyy-mm-dd HH:MM:SS",
    "504": "Недопустимое значение Адреса отправителя",
}
_NO_NUMBER: Final = "allRecivers"
_LEFT_OUT: Final = "colNonSendAbonent"


class Refused(Exception):  # noqa: N818 - an answer of the protocol
    """The request is answered with this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Sending(Struct, frozen=True, kw_only=True):
    """A request of send.xml, checked."""

    action: str
    smsid: str
    begins: datetime
    text: str
    source: str
    lifetime: str
    numbers: Sequence[tuple[str, str, Outcome]]
    """Number, text and what becomes of it, for numbers that can be."""


class Campaign:
    """All that was sent under one smsid."""

    def __init__(self, smsid: str, system: str, request: Sending) -> None:
        self.smsid = smsid
        self.system = system
        self.begins = request.begins
        self.text = request.text
        self.source = request.source
        self.payment = Decimal(0)


class Simulator(HttpSimulator):
    """A number may be refused as no mobile phone's (``allRecivers``) or left out
    (``colNonSendAbonent``), beside the codes for the whole request."""

    usual = "waiting,enqueued,delivered"
    rules = (
        *("01=waiting,enqueued,notDelivered", "02=cancel", "03=onModer"),
        *("04=onModer,waiting,enqueued,delivered", "05=refuse:colNonSendAbonent"),
        *("06=none", "07=refuse:500", "08=refuse:7012", "09=waiting"),
        *("10=postponed,delivered", "11=refuse:allRecivers", "12=refuse:999"),
    )
    defaults: ClassVar[Mapping[str, str]] = {
        "balance": "10000.94",
        "price": "0.38",
        "senders": "Magazin",
        "any_sender": "yes",
        "tags": "good",
        "timezone": "Europe/Moscow",
    }

    def __init__(self, options: ProviderOptions | None = None) -> None:
        super().__init__(options)
        self._zone = ZoneInfo(self.settings["timezone"])
        self._balance = Decimal(self.settings["balance"])
        self._price = Decimal(self.settings["price"])
        self._senders = self.settings["senders"].split(",")
        self._campaigns: dict[str, Campaign] = {}

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.post(f"/{name}.xml", self._answer) for name in _HANDLERS]

    async def operation(self, request: web.Request) -> str:
        name = request.path.strip("/").removesuffix(".xml")
        checks = b"<action>check</action>" in await request.read()
        return "check" if name == "send" and checks else name

    async def refusal(self, request: web.Request, code: str) -> web.Response:
        return self._xml(_coded(code))

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            asked = self._read(await request.read())
            answer = _HANDLERS[request.path.strip("/").removesuffix(".xml")](
                self, asked
            )
        except Refused as refused:
            answer = _coded(refused.code)
        return self._xml(answer)

    def _read(self, body: bytes) -> Element:
        """The document of somebody who may ask."""
        try:
            asked = fromstring(body.decode("utf-8"))  # noqa: S314 - a test's own
        except (ParseError, UnicodeDecodeError) as exc:
            raise Refused("700") from exc
        login, password = _value(asked, "login"), _value(asked, "password")
        if asked.tag != "data" or not login or not password:
            raise Refused("500")
        if not self.knows(login, password):
            raise Refused("501")
        return asked

    # send.xml

    def _send(self, asked: Element) -> Element:
        request = self._checked(asked)
        campaign = None
        if request.action == "send":
            campaign = self._campaigns.get(request.smsid)
            if campaign is None:
                campaign = Campaign(request.smsid, str(self.new_id()), request)
                self._campaigns[request.smsid] = campaign
                if len(self._campaigns) > self.options.keep:
                    del self._campaigns[next(iter(self._campaigns))]
        money, sent, parts = self._balance, 0, 0
        for number, text, outcome in request.numbers:
            count = len(segment.split(text).parts)
            cost = self._price * count
            if outcome.refusal == _LEFT_OUT or cost > money:
                continue
            money, sent, parts = money - cost, sent + 1, parts + count
            if campaign is not None:
                campaign.payment += cost
                self._balance = money
                self._take(request, number, text, outcome, count)
        told = {
            "smsid": request.smsid,
            "datetime": request.begins.strftime(_DATE),
            "action": request.action,
            "allRecivers": str(len(request.numbers)),
            "colSendAbonent": str(sent),
            "colNonSendAbonent": f" {len(request.numbers) - sent} ",
            "priceOfSending": str(self._price * parts),
            "colsmsOfSending": str(parts),
            "price": str(self._price),
        }
        return _coded("1", told)

    def _take(
        self, request: Sending, number: str, text: str, outcome: Outcome, parts: int
    ) -> None:
        self.take(
            message_id=request.smsid,
            to=number,
            outcome=outcome,
            from_=request.source,
            text=text,
            parts=parts,
            fields={"vp": request.lifetime},
            start_at=request.begins.timestamp(),
        )

    def _checked(self, asked: Element) -> Sending:
        action = _value(asked, "action") or "send"
        text = asked.findtext("text", "")
        if action not in {"send", "check"} or not text.strip():
            raise Refused("500")
        smsid = _value(asked, "smsid") or str(self.new_id())
        if len(smsid) > _LONGEST_SMSID:
            raise Refused("502")
        begins = self._moment(_value(asked, "datetime"))
        source = _value(asked, "source") or self._senders[0]
        if source not in self._senders and self.settings["any_sender"] != "yes":
            raise Refused("504")
        lifetime = _value(asked, "vp")
        if lifetime and not (lifetime.isdecimal() and int(lifetime)):
            raise Refused("500")
        return Sending(
            action=action,
            smsid=smsid,
            begins=begins or datetime.now(self._zone),
            text=text,
            source=source,
            lifetime=lifetime,
            numbers=list(self._numbers(asked.findall("to"), text)),
        )

    def _numbers(
        self, recipients: Sequence[Element], text: str
    ) -> Sequence[tuple[str, str, Outcome]]:
        """Those that can be sent to, by their form."""
        if not recipients:
            raise Refused("500")
        found: list[tuple[str, str, Outcome]] = []
        for recipient in recipients:
            number = _normal(recipient.get("number", ""))
            if number is None:
                continue
            outcome = self.outcome(number)
            if outcome.refusal not in {"", _NO_NUMBER, _LEFT_OUT}:
                raise Refused(outcome.refusal)
            if outcome.refusal != _NO_NUMBER:
                own = recipient.text or ""
                found.append((number, own if own.strip() else text, outcome))
        return found

    # report.xml, balance.xml, cancel.xml

    def _report(self, asked: Element) -> Element:
        smsid = _value(asked, "smsid")
        if smsid:
            return self._detail(smsid)
        start = self._bound(_value(asked, "start"), "00:00:00")
        stop = self._bound(_value(asked, "stop"), "23:59:59")
        answer = _coded("1")
        for campaign in self._campaigns.values():
            if (start is None or campaign.begins >= start) and (
                stop is None or campaign.begins <= stop
            ):
                answer.append(self._campaign(campaign))
        return answer

    def _detail(self, smsid: str) -> Element:
        answer = _coded("1")
        campaign = self._found(smsid)
        if campaign is not None and smsid == campaign.system:
            answer.append(self._campaign(campaign))
        groups = {name: Element(name) for name in _GROUPS}
        for message in self._messages(campaign):
            name = self._group(message)
            if name:
                group = groups.setdefault(name, Element(name))
                SubElement(group, "number").text = message.to
        SubElement(answer, "detail").extend(groups.values())
        return answer

    def _campaign(self, campaign: Campaign) -> Element:
        messages = self._messages(campaign)
        states = [self._group(message) for message in messages]
        entry = Element("sms")
        for name, value in {
            "smsid": campaign.system,
            "datetime": campaign.begins.strftime(_DATE),
            "text": campaign.text,
            "source": campaign.source,
            "allCol": str(len(messages)),
            **{f"{name}Col": str(states.count(name)) for name in _GROUPS},
            "payment": str(campaign.payment),
        }.items():
            SubElement(entry, name).text = value
        return entry

    def _account(self, asked: Element) -> Element:
        return _coded("1", {"account": str(self._balance)})

    def _cancel(self, asked: Element) -> Element:
        action = _value(asked, "action") or "make"
        smsid = _value(asked, "smsid")
        if action not in {"make", "check"} or not smsid:
            raise Refused("500")
        waiting = [
            message
            for message in self._messages(self._found(smsid))
            if self._group(message) in _HERE
        ]
        if action == "make":
            for message in waiting:
                self.cancel(message, _CANCELLED)
        return _coded("1", {"action": action, "cancelCol": str(len(waiting))})

    # What is known

    def _found(self, smsid: str) -> Campaign | None:
        """The campaign that its sender, or we, call so."""
        return self._campaigns.get(smsid) or next(
            (each for each in self._campaigns.values() if each.system == smsid), None
        )

    def _messages(self, campaign: Campaign | None) -> list[Message]:
        return [] if campaign is None else self.register.with_id(campaign.smsid)

    def _group(self, message: Message) -> str:
        """Where a report has it; "" nowhere."""
        step = self.state(message)
        if step is not None:
            return step.word
        return "waiting" if message.steps else ""

    # What is written and read

    def _bound(self, text: str, time: str) -> datetime | None:
        """A day, whose bound is that time, or a time."""
        return self._moment(f"{text} {time}" if len(text) == _DAY else text)

    def _moment(self, text: str) -> datetime | None:
        if not text:
            return None
        try:
            return datetime.strptime(text, _DATE).replace(tzinfo=self._zone)
        except ValueError as exc:
            raise Refused("503") from exc

    def _xml(self, root: Element) -> web.Response:
        text = tostring(root, encoding="unicode")
        if self.settings["tags"] == "manual":
            text = text.replace("</descr>", "</descry>")
            text = text.replace("</cancelCol>", "</ cancelCol >")
        body = _DECLARATION + text.encode()
        return web.Response(body=body, content_type="text/xml", charset="utf-8")


_HANDLERS: Final = {
    "send": Simulator._send,
    "report": Simulator._report,
    "balance": Simulator._account,
    "cancel": Simulator._cancel,
}


def _coded(code: str, told: Mapping[str, str] | None = None) -> Element:
    root = Element("data")
    meaning = _MEANINGS.get(code, "Ошибка парсера XML документа")
    for name, value in {"code": code, "descr": meaning, **(told or {})}.items():
        SubElement(root, name).text = value
    return root


def _value(asked: Element, name: str) -> str:
    return asked.findtext(name, "").strip()


def _normal(written: str) -> str | None:
    """The international form of a number in any notation; None: no mobile phone's."""
    number = re.sub("[^0-9]", "", written)
    if len(number) == 10:
        number = f"7{number}"
    elif len(number) == 11 and number[0] == "8" and "+" not in written:
        number = f"7{number[1:]}"
    if number.startswith("7") and not re.fullmatch("7[79][0-9]{9}", number):
        return None
    return number if 10 <= len(number) <= 15 else None
