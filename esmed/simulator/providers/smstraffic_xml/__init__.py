"""SMS Traffic, HTTP API v1 (technical description 2.3): forms in, XML out.

Where the description is silent: 404 for operations that nobody knows, 413 for lists
that nobody has.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Final
from xml.etree.ElementTree import Element, SubElement

from aiohttp import web

from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.bridge.outcomes import Step
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
)
from esmed.simulator.providers._smstraffic_v1 import (
    DEFAULTS,
    RULES,
    USUAL,
    Version1,
    entries_of,
    ids_of,
    moment,
)
from esmed.simulator.providers.smstraffic_xml import answers, forms

_MOST_CHECKED: Final = 5000


class Simulator(SmsTraffic):
    usual = USUAL
    rules = RULES
    defaults: ClassVar[Mapping[str, str]] = {
        **SmsTraffic.defaults,
        **DEFAULTS,
        "lists": "59353:hello world,59355:клиенты",
    }

    def __init__(self, options: ProviderOptions | None = None) -> None:
        super().__init__(options)
        self._desk = Version1(self)
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
        at = date(self.changed(message))
        body = f"sms_id={message.id}&status={step.word}&delivery_date={at}"
        if step.err:
            body += f"&error_code={step.err}"
        return Push(body=body.encode(), content_type=FORM, headers=SENDER)

    # What it is asked

    async def _answer(self, request: web.Request) -> web.Response:
        fields = await forms.read(request)
        try:
            self._desk.admit(fields)
            if request.path == "/list.php":
                return answers.xml(self._list(fields))
            return answers.xml(self._multi(fields))
        except Refused as refused:
            return answers.refusal(refused)

    def _multi(self, fields: Mapping[str, str]) -> Element:
        match fields.get("operation", ""):
            case "":
                return self._send(fields)
            case "status":
                return self._status(ids_of(fields))
            case "set_checked":
                return self._check(ids_of(fields))
            case "account":
                answer = Element("reply")
                SubElement(answer, "account").text = str(self._desk.balance)
                return answer
            case "incoming":
                return self._incoming(fields)
            case _:
                raise Refused(404)

    # Sending

    def _send(self, fields: Mapping[str, str]) -> Element:
        queued = self._desk.send(fields, list(entries_of(fields)))
        answer = answers.done(f"queued {queued.parts} messages")
        if fields.get("want_sms_ids") == "1":
            infos = SubElement(answer, "message_infos")
            for entry, ident in queued.infos:
                info = SubElement(infos, "message_info")
                SubElement(info, "phone").text = entry.phone
                SubElement(info, "sms_id").text = ident
                if entry.push_id:
                    SubElement(info, "push_id").text = entry.push_id
        return answer

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
        found = self._desk.known(ident)
        values = {"error": "", "sms_id": ident}
        if found is None:
            words = "no such message or this message does not belong to you"
            values["error"] = f"\n    {words}\n  "
        else:
            step = self.state(found)
            values |= {
                "submission_date": date(found.at),
                "send_date": date(found.at),
                "last_status_change_date": (
                    date(self.changed(found))[:-2] + "00" if step else ""
                ),
                "status": step.word if step else "",
            }
        elements = [Element(name) for name in values]
        for element in elements:
            element.text = values[element.tag]
        return elements

    def _check(self, ids: Sequence[str]) -> Element:
        if len(ids) > _MOST_CHECKED:
            raise Refused(404)
        if any(self._desk.known(ident) is None for ident in ids):
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
            start = max(start, moment(fields["from_date"]))
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
