"""svitsms ("SMS-HTTP", protocol document v1.2): XML over HTTP POST, to one URL.

Where the document is silent: 401 for wrong credentials, `XMLERROR` for campaigns and
operations that nobody knows, a status push when the last part has its final state.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Final
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring
from zoneinfo import ZoneInfo

from aiohttp import web

from esmed.simulator.bridge.http import HttpSimulator
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.bridge.outcomes import Outcome, Step
from esmed.simulator.bridge.pushes import Push
from esmed.simulator.bridge.register import Message
from pdu import segment

_DECLARATION: Final = b'<?xml version="1.0" encoding="utf-8"?>\n'
_DATE: Final = "%Y-%m-%d %H:%M:%S"
_NUMBER: Final = re.compile(r"\+?[1-9]\d{8,14}")
_ALFANAME: Final = re.compile(r"[\w .-]{1,11}", re.ASCII)
_LATE: Final = 300
"""Seconds that a start may lie in the past."""
_STOPED: Final = Step("STOPED")
_TEMPORARY: Final = frozenset({"NEW", "STOPFLAG", "PENDING", "SENT"})
_STATUSES: Final = (
    *("STOPFLAG", "ALFANAMELIMITED", "ERROR", "USERSTOPED", "STOPED", "UNDELIV"),
    *("EXPIRED", "DELIVERED", "SENT", "PENDING", "NEW"),
)
_WORDS: Final = {
    "XMLERROR": "Incorrect XML",
    "ERRPHONES": "Incorrect recipient",
    "ERRSTARTTIME": "Incorrect start time",
    "ERRENDTIME": "Incorrect end time",
    "ERRLIFETIME": "Incorrect lifetime",
    "ERRSPEED": "Incorrect rate",
    "ERRALFANAME": "This alphanumeric name is forbidden",
    "ERRTEXT": "Incorrect text",
    "INSUFFICIENTFUNDS": "Insufficient funds",
    "ALFANAMEERROR": "Incorrect alphanumeric name",
}


class Refused(Exception):  # noqa: N818 - an answer of the protocol
    """The request is answered with this code."""

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.text = text or _WORDS.get(code, code)


class Campaign:
    """One request that was taken."""

    def __init__(self, created: datetime, starts: datetime) -> None:
        self.created = created
        self.starts = starts


class Simulator(HttpSimulator):
    """A word such as ``DELIVERED+UNDELIV`` gives the states of a message's parts."""

    path = "/api/api.php"
    usual = "SENT,DELIVERED"
    rules = (
        *("01=SENT,UNDELIV", "02=SENT,EXPIRED", "03=STOPED", "05=refuse:ERRPHONES"),
        *("04=NEW,PENDING,SENT,DELIVERED", "06=none", "07=USERSTOPED"),
        *("08=ALFANAMELIMITED", "09=ERROR", "10=refuse:ERROR", "11=SENT,FOO"),
        *("12=SENT,DELIVERED+UNDELIV", "13=refuse:ERRTEXT"),
    )
    defaults: ClassVar[Mapping[str, str]] = {
        "alfanames": "Test,SMS,SMSka:MODERATE",
        "any_alfaname": "yes",
        "balance": "123.156",
        "one_for_all": "no",
        "price": "0",
        "quotes": "typographic",
        "timezone": "Europe/Kyiv",
    }

    def __init__(self, options: ProviderOptions | None = None) -> None:
        super().__init__(options)
        self._zone = ZoneInfo(self.settings["timezone"])
        self._balance = Decimal(self.settings["balance"])
        self._price = Decimal(self.settings["price"])
        self._alfanames: dict[str, str] = {}
        for entry in self.settings["alfanames"].split(","):
            name, _, status = entry.partition(":")
            self._alfanames[name] = status or "ACTIVE"
        self._campaigns: dict[str, Campaign] = {}

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.post(self.path, self._answer)]

    async def operation(self, request: web.Request) -> str:
        name = _operation(await request.read())
        return "send" if name == "SENDSMS" else name.lower()

    async def refusal(self, request: web.Request, code: str) -> web.Response:
        return self._refused(Refused(code))

    def status_push(self, message: Message, step: Step) -> Push | None:
        if step.word in _TEMPORARY:
            return None
        # Nobody knows which part's it is, should they differ: that of the last.
        status = step.word.rpartition("+")[2]
        left, right = "””" if self.settings["quotes"] == "typographic" else '""'
        text = (
            f'<status>\n <state campaignID="{message.id}" recipient="{message.to}" '
            f'status="{status}" date={left}{self._since(message)}{right} />\n</status>'
        )
        return Push(body=_DECLARATION + text.encode(), content_type="text/xml")

    async def _answer(self, request: web.Request) -> web.Response:
        if not self.knows_basic(request):
            headers = {"WWW-Authenticate": 'Basic realm="SMS-HTTP"'}
            return web.Response(status=401, text="Unauthorized", headers=headers)
        try:
            return _xml(self._done(await request.read()))
        except Refused as refused:
            return self._refused(refused)

    def _done(self, body: bytes) -> Element:
        try:
            root = fromstring(body.decode("utf-8"))  # noqa: S314 - a test's own
        except (ParseError, UnicodeDecodeError) as exc:
            raise Refused("XMLERROR") from exc
        message, command = root.find("message"), root.find("command")
        match root.findtext("operation", "").strip():
            case "SENDSMS" if message is not None:
                return self._send(message)
            case "GETCAMPAIGNINFO" if message is not None:
                return self._campaign_info(message)
            case "GETCAMPAIGNDETAIL" if message is not None:
                return self._campaign_detail(message)
            case "GETMESSAGESTATUS" if message is not None:
                return self._message_status(message)
            case "MANAGEALFANAME" if command is not None:
                return self._alfaname(command)
            case "GETBALANCE":
                answer = Element("message")
                SubElement(answer, "balance").text = str(self._balance)
                return answer
            case _:
                raise Refused("XMLERROR")

    # SENDSMS

    def _send(self, request: Element) -> Element:
        start = self._checked(request)
        pairs = _pairs(request)
        codes = [self._code(number, text) for number, text in pairs]
        if len(pairs) == 1:
            outcome, code = codes[0]
            if code and code != "ERROR":
                raise Refused(code)
            if self._balance < self._price:
                raise Refused("INSUFFICIENTFUNDS")
        else:
            self._check_all([code for _, code in codes])
        campaign = str(self.new_id())
        now = datetime.now(self._zone)
        self._campaigns[campaign] = Campaign(now, start or now)
        if len(self._campaigns) > self.options.keep:
            del self._campaigns[next(iter(self._campaigns))]
        answer = Element("message")
        state = SubElement(answer, "state", code="ACCEPT", campaignID=campaign)
        state.set("date", self._now())
        state.text = (
            "The campaign has been successfully processed and added to the queue "
            "for delivery"
        )
        fields = {
            name: request.get(name, "")
            for name in ("start_time", "end_time", "lifetime", "rate", "desc", "type")
        }
        for (number, text), (outcome, code) in zip(pairs, codes, strict=True):
            if not code:
                self.take(
                    message_id=campaign,
                    to=number.lstrip("+"),
                    outcome=self._paid(outcome),
                    from_=request.get("source", ""),
                    text=text,
                    parts=len(segment.split(text).parts),
                    fields=fields,
                    start_at=None if start is None else start.timestamp(),
                )
            status = "ERROR" if code else "ACCEPTED"
            SubElement(answer, "to", recipient=number.lstrip("+"), status=status)
        return answer

    def _check_all(self, codes: Sequence[str]) -> None:
        """Refuse a request to several: the document does not say when."""
        wrong = [code for code in codes if code not in {"", "ERROR"}]
        if len(wrong) == len(codes) or (
            wrong and self.settings["one_for_all"] == "yes"
        ):
            raise Refused(wrong[0])

    def _paid(self, outcome: Outcome) -> Outcome:
        """What becomes of a message that was taken: nothing without money."""
        if self._balance < self._price:
            return Outcome(steps=(_STOPED,))
        self._balance -= self._price
        return outcome

    def _checked(self, request: Element) -> datetime | None:
        """What holds for all recipients; gives the start, None for AUTO."""
        now = datetime.now(self._zone)
        start = self._moment(request.get("start_time"), "ERRSTARTTIME")
        if start is not None and (now - start).total_seconds() > _LATE:
            raise Refused("ERRSTARTTIME")
        end = self._moment(request.get("end_time"), "ERRENDTIME")
        if end is not None and end < (start or now):
            raise Refused("ERRENDTIME")
        if not _within(request.get("lifetime"), 24):
            raise Refused("ERRLIFETIME")
        if not _within(request.get("rate"), 120):
            raise Refused("ERRSPEED")
        source = request.get("source", "")
        usual = "ACTIVE" if self.settings["any_alfaname"] == "yes" else ""
        known = self._alfanames.get(source, usual)
        if not _ALFANAME.fullmatch(source) or known != "ACTIVE":
            raise Refused("ERRALFANAME")
        return start

    def _code(self, number: str, text: str) -> tuple[Outcome, str]:
        """What becomes of one message, and why it does not go."""
        if not _NUMBER.fullmatch(number):
            return Outcome(), "ERRPHONES"
        if not text:
            return Outcome(), "ERRTEXT"
        outcome = self.outcome(number.lstrip("+"))
        return outcome, outcome.refusal

    # The other operations

    def _campaign(self, request: Element) -> tuple[Element, list[Message]]:
        number = request.get("campaignID", "")
        campaign = self._campaigns.get(number)
        if campaign is None:
            raise Refused("XMLERROR", "The campaign is not found")
        messages = self.register.with_id(number)
        states = [word for message in messages for word in self._words(message)]
        going = any(state in _TEMPORARY for state in states)
        answer = Element("answer")
        shown = SubElement(
            answer,
            "campaign",
            campaignID=number,
            createDateTime=campaign.created.strftime(_DATE),
            startDateTime=campaign.starts.strftime(_DATE),
            status="INPROGRESS" if going else "COMPLETE",
        )
        if campaign.starts > datetime.now(self._zone):
            shown.set("status", "PENDING")
        return answer, messages

    def _campaign_info(self, request: Element) -> Element:
        answer, messages = self._campaign(request)
        words = [word for message in messages for word in self._words(message)]
        for status in dict.fromkeys((*_STATUSES, *words)):
            count = str(words.count(status))
            SubElement(answer[0], "state", status=status, messages=count)
        return answer

    def _campaign_detail(self, request: Element) -> Element:
        answer, messages = self._campaign(request)
        for message in messages:
            for part, word in enumerate(self._words(message), start=1):
                SubElement(
                    answer[0],
                    "message",
                    phone=message.to,
                    part=str(part),
                    parts=str(message.parts),
                    status=word,
                    startDateTime=self._date(message.at),
                    modifyDateTime=self._since(message),
                )
        return answer

    def _message_status(self, request: Element) -> Element:
        campaign = request.get("campaignID", "")
        number = request.get("recipient", "").lstrip("+")
        message = self.register.find(campaign, number)
        if message is None:
            raise Refused("XMLERROR", "The message is not found")
        answer = Element("message")
        state = SubElement(answer, "state", campaignID=campaign, recipient=number)
        state.set("status", self._words(message)[0])
        state.set("date", self._since(message))
        return answer

    def _alfaname(self, command: Element) -> Element:
        name = command.get("alfaname", "")
        match command.get("id"):
            case "GETALFANAMESLIST":
                names = list(self._alfanames)
            case "CHECKALFANAME" if name in self._alfanames:
                names = [name]
            case "ADDALFANAME" if _ALFANAME.fullmatch(name):
                self._alfanames.setdefault(name, "MODERATE")
                names = [name]
            case _:
                raise Refused("ALFANAMEERROR")
        answer = Element("message")
        for name in names:
            SubElement(answer, "state", alfaname=name, status=self._alfanames[name])
        return answer

    # What is written and read

    def _words(self, message: Message) -> list[str]:
        """The state of each part."""
        step = self.state(message)
        words = (step.word if step is not None else "PENDING").split("+")
        return [words[min(part, len(words) - 1)] for part in range(message.parts)]

    def _refused(self, refused: Refused) -> web.Response:
        answer = Element("message")
        state = SubElement(answer, "state", code=refused.code, date=self._now())
        state.text = refused.text
        return _xml(answer)

    def _moment(self, text: str | None, code: str) -> datetime | None:
        if text == "AUTO":
            return None
        try:
            return datetime.strptime(text or "", _DATE).replace(tzinfo=self._zone)
        except ValueError as exc:
            raise Refused(code) from exc

    def _date(self, at: float) -> str:
        return datetime.fromtimestamp(at, self._zone).strftime(_DATE)

    def _since(self, message: Message) -> str:
        """The date of its state."""
        return self._date(self.changed(message))

    def _now(self) -> str:
        return datetime.now(self._zone).strftime(_DATE)


def _pairs(request: Element) -> list[tuple[str, str]]:
    """Each recipient with its text."""
    numbers = [(each.text or "").strip() for each in request.findall("recipient")]
    texts = [each.text or "" for each in request.findall("body")]
    if not numbers:
        raise Refused("ERRPHONES")
    if request.get("type") != "individual":
        if len(texts) != 1:
            raise Refused("ERRTEXT")
        return [(number, texts[0]) for number in numbers]
    if len(texts) != len(numbers):
        raise Refused("ERRTEXT")
    return list(zip(numbers, texts, strict=True))


def _operation(body: bytes) -> str:
    found = re.search(rb"<operation>\s*(\w+)\s*</operation>", body)
    return found[1].decode() if found else ""


def _within(text: str | None, most: int) -> bool:
    return text is not None and text.isdecimal() and 1 <= int(text) <= most


def _xml(root: Element) -> web.Response:
    body = _DECLARATION + tostring(root, encoding="unicode").encode()
    return web.Response(body=body, content_type="text/xml", charset="utf-8")
