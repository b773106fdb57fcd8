"""SMS Traffic, HTTP API v1 (technical description 2.3): forms in, XML out.

Each short message of a message is one here, with an id and states of its own; a word
such as ``Delivered+Expired`` gives those of the parts.

Where the description is silent: 404 for limits and operations that nobody knows, 413
for lists that nobody has, phones of 7 to 15 digits.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar, Final
from xml.etree.ElementTree import Element, SubElement

from aiohttp import web

from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.bridge.outcomes import Outcome, Step
from esmed.simulator.bridge.pushes import Push
from esmed.simulator.bridge.register import Message
from esmed.simulator.providers._smstraffic import (
    FORM,
    KEPT,
    SENDER,
    ZONE,
    Refused,
    SmsTraffic,
    date,
    now,
)
from esmed.simulator.providers.smstraffic_xml import answers, forms
from esmed.simulator.providers.smstraffic_xml.forms import Entry

_MOST_TEXT: Final = {"0": 39_015, "1": 17_085, "5": 17_085}
_MOST_WITH_IDS: Final = 6000
_MOST_CHECKED: Final = 5000
_IDS_UNTIL: Final = timedelta(minutes=5)
_MOST_DEFERRED: Final = timedelta(days=3)


class Simulator(SmsTraffic):
    usual = "Buffered SMSC,Delivered"
    rules = (
        *("01=Buffered SMSC,Non Delivered:3", "02=Buffered SMSC,Expired:1"),
        *("03=Rejected:16", "04=Deleted", "05=Unknown status", "06=none"),
        *("07=Delivered,Clicked", "08=Delivered,Read", "09=Delivered+Expired:4"),
        *("10=refuse:432", "11=refuse:429", "12=Something New,Delivered"),
        *("13=refuse:424", "14=Delivered,Buffered SMSC"),
    )
    defaults: ClassVar[Mapping[str, str]] = {
        **SmsTraffic.defaults,
        "balance": "10025",
        "price": "0",
        "forbidden": "",
        "lists": "59353:hello world,59355:клиенты",
    }

    def __init__(self, options: ProviderOptions | None = None) -> None:
        super().__init__(options)
        self._balance = Decimal(self.settings["balance"])
        self._price = Decimal(self.settings["price"])
        self.lists: dict[str, set[str]] = {}
        """The numbers of each contact list, by its id."""
        self._names: dict[str, str] = {}
        for entry in filter(None, self.settings["lists"].split(",")):
            ident, _, name = entry.partition(":")
            self.lists[ident] = set()
            self._names[ident] = name

    def routes(self) -> Sequence[web.RouteDef]:
        return [
            web.route(method, path, self._answer)
            for method in ("GET", "POST")
            for path in ("/multi.php", "/list.php")
        ]

    async def operation(self, request: web.Request) -> str:
        name = (await forms.read(request)).get("operation", "")
        if request.path == "/list.php":
            return f"list_{name or 'status_all'}"
        return name or "send"

    async def refusal(self, request: web.Request, code: str) -> web.Response:
        return answers.refusal(Refused(int(code)))

    # What it tells by itself

    def status_push(self, message: Message, step: Step) -> Push | None:
        body = f"sms_id={message.id}&status={step.word}&delivery_date={now()}"
        if step.err:
            body += f"&error_code={step.err}"
        return Push(body=body.encode(), content_type=FORM, headers=SENDER)

    # What it is asked

    async def _answer(self, request: web.Request) -> web.Response:
        fields = await forms.read(request)
        try:
            self._admit(fields)
            if request.path == "/list.php":
                return answers.xml(self._list(fields))
            return answers.xml(self._multi(fields))
        except Refused as refused:
            return answers.refusal(refused)

    def _admit(self, fields: Mapping[str, str]) -> None:
        for name, code in (("login", 401), ("password", 402)):
            if not fields.get(name):
                raise Refused(code)
        if not self.knows(fields["login"], fields["password"]):
            raise Refused(411)

    def _multi(self, fields: Mapping[str, str]) -> Element:
        match fields.get("operation", ""):
            case "":
                return self._send(fields)
            case "status":
                return self._status(forms.ids_of(fields))
            case "set_checked":
                return self._check(forms.ids_of(fields))
            case "account":
                answer = Element("reply")
                SubElement(answer, "account").text = str(self._balance)
                return answer
            case "incoming":
                return self._incoming(fields)
            case _:
                raise Refused(404)

    # Sending

    def _send(self, fields: Mapping[str, str]) -> Element:
        start = self._checked(fields)
        entries = list(forms.entries(fields))
        parts = [forms.parts_of(entry.text, fields) for entry in entries]
        self._check_entries(entries, fields)
        with_ids = fields.get("want_sms_ids") == "1"
        if with_ids and sum(parts) > _MOST_WITH_IDS:
            raise Refused(404)
        outcomes = [self.outcome(entry.phone) for entry in entries]
        for entry, outcome in zip(entries, outcomes, strict=True):
            if outcome.refusal:
                raise Refused(int(outcome.refusal), entry.phone)
        if self._price * sum(parts) > self._balance:
            raise Refused(415)
        self._balance -= self._price * sum(parts)
        infos = Element("message_infos")
        for entry, outcome, count in zip(entries, outcomes, parts, strict=True):
            for message in self._take(entry, outcome, count, fields, start):
                info = SubElement(infos, "message_info")
                SubElement(info, "phone").text = entry.phone
                SubElement(info, "sms_id").text = message.id
                if entry.push_id:
                    SubElement(info, "push_id").text = entry.push_id
        answer = answers.done(f"queued {sum(parts)} messages")
        if with_ids:
            answer.append(infos)
        return answer

    def _take(
        self,
        entry: Entry,
        outcome: Outcome,
        count: int,
        fields: Mapping[str, str],
        start: datetime | None,
    ) -> Iterator[Message]:
        told = ("rus", "flash", "timeout", "start_date", "max_parts", "delimiter")
        for part in range(count):
            ident = str(self.new_id())
            yield self.take(
                message_id=ident,
                to=entry.phone,
                outcome=Outcome(steps=tuple(_of_part(outcome.steps, part))),
                from_=fields.get("originator", ""),
                text=None if part else entry.text,
                data=ident.encode().hex() if part else None,
                parts=count,
                reference=entry.push_id,
                fields={name: fields[name] for name in told if name in fields},
                start_at=None if start is None else start.timestamp(),
            )

    def _checked(self, fields: Mapping[str, str]) -> datetime | None:
        """What holds for the whole request; gives the start, None for now."""
        sender = fields.get("originator", "")
        if len(sender) > (15 if sender.isdecimal() else 11):
            raise Refused(421)
        if sender and sender in self.settings["forbidden"].split(","):
            raise Refused(436, sender)
        timeout = fields.get("timeout", "1")
        parts = fields.get("max_parts", "1")
        if not timeout.isdecimal() or not 1 <= int(timeout) <= 86_400:
            raise Refused(404)
        if not parts.isdecimal() or not 1 <= int(parts) <= 255:
            raise Refused(404)
        if not fields.get("start_date"):
            return None
        start = forms.moment(fields["start_date"])
        ahead = start - datetime.now(ZONE)
        if ahead < timedelta(minutes=-1):
            raise Refused(417, fields["start_date"])
        if ahead > _MOST_DEFERRED:
            raise Refused(504)
        if ahead > _IDS_UNTIL and fields.get("want_sms_ids") == "1":
            raise Refused(418)
        return start

    def _check_entries(
        self, entries: Sequence[Entry], fields: Mapping[str, str]
    ) -> None:
        most = _MOST_TEXT.get(fields.get("rus", "0"))
        if most is None:
            raise Refused(404)
        individual = fields.get("individual_messages") == "1"
        for entry in entries:
            if len(entry.text) > most:
                raise Refused(424, entry.phone) if individual else Refused(420)
            if fields.get("ignore_phone_format") == "1":
                continue
            if not re.fullmatch("[0-9]+", entry.phone):
                raise Refused(428, entry.phone)
            if len(entry.phone) < 7:
                raise Refused(425, entry.phone)
            if len(entry.phone) > 15:
                raise Refused(426, entry.phone)

    # What has become of messages

    def _status(self, ids: Sequence[str]) -> Element:
        answer = Element("reply")
        if len(ids) == 1:
            answer.extend(self._states_of(ids[0]))
            return answer
        for ident in ids:
            SubElement(answer, "sms").extend(self._states_of(ident))
        return answer

    def _states_of(self, ident: str) -> list[Element]:
        found = self._known(ident)
        values = {"error": "", "sms_id": ident}
        if found is None:
            words = "no such message or this message does not belong to you"
            values["error"] = f"\n    {words}\n  "
        else:
            step = self.state(found)
            values |= {
                "submission_date": date(found.at),
                "send_date": date(found.at),
                "last_status_change_date": now()[:-2] + "00" if step else "",
                "status": step.word if step else "",
            }
        elements = [Element(name) for name in values]
        for element in elements:
            element.text = values[element.tag]
        return elements

    def _known(self, ident: str) -> Message | None:
        found = self.register.with_id(ident)
        oldest = (datetime.now(ZONE) - KEPT).timestamp()
        return found[0] if found and found[0].at >= oldest else None

    def _check(self, ids: Sequence[str]) -> Element:
        if len(ids) > _MOST_CHECKED:
            raise Refused(404)
        if any(self._known(ident) is None for ident in ids):
            raise Refused(434, ",".join(ids))
        answer = answers.done("")
        checked = SubElement(answer, "sms_ids")
        for ident in ids:
            self.cancel(self.register.with_id(ident)[0], Step("Checked"))
            SubElement(checked, "sms_id").text = ident
        return answer

    def _incoming(self, fields: Mapping[str, str]) -> Element:
        start = datetime.now(ZONE) - KEPT
        if fields.get("from_date"):
            start = max(start, forms.moment(fields["from_date"]))
        known = [
            one
            for one in self.inbound
            if one.at >= start.timestamp()
            and fields.get("from_phone") in {None, "", one.mo.from_}
            and one.mo.to != self.settings["shortcode"]
        ]
        answer = Element("reply")
        SubElement(answer, "count").text = str(len(known))
        messages = SubElement(answer, "messages")
        for one in known[: int(fields.get("count") or len(known))]:
            message = SubElement(messages, "message")
            SubElement(message, "from_phone").text = one.mo.from_
            SubElement(message, "text").text = one.mo.text
            SubElement(message, "send_date").text = date(one.at)
            SubElement(message, "delivery_date").text = date(one.at)
            if fields.get("want_sms_ids") == "1":
                SubElement(message, "sms_id").text = str(one.id)
        return answer

    # Contact lists

    def _list(self, fields: Mapping[str, str]) -> Element:
        operation = fields.get("operation") or "status_all"
        ident = fields.get("group_id", "")
        if operation != "status_all" and ident not in self.lists:
            raise Refused(413, ident)
        members = [one for one in fields.get("member", "").split(",") if one]
        match operation:
            case "status_all":
                return self._groups(list(self.lists))
            case "status":
                return self._groups([ident])
            case "add_member" if members:
                self.lists[ident].update(members)
            case "remove_member" if members:
                self.lists[ident].difference_update(members)
            case _:
                raise Refused(404)
        return answers.done(f"added or updated members: {len(members)}")

    def _groups(self, idents: Sequence[str]) -> Element:
        answer = answers.done(f"total groups: {len(idents)}")
        groups = SubElement(answer, "groups")
        for ident in idents:
            group = SubElement(groups, "group")
            SubElement(group, "id").text = ident
            SubElement(group, "name").text = self._names[ident]
            SubElement(group, "created").text = "2020-05-09 11:46:06"
            SubElement(group, "congratulate").text = "0"
        return answer


def _of_part(steps: Sequence[Step], part: int) -> Iterator[Step]:
    for step in steps:
        words = step.word.split("+")
        last = part >= len(words) - 1
        yield Step(words[-1] if last else words[part], step.err if last else "")
