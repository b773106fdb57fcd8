"""SMS Traffic, HTTP API v2 (technical description 2.3): JSON, and an API key.

A refusal by the end of a recipient is that recipient's, in an answer that says success;
`refuse` as a fault is that of the whole request. Where the description is silent: HTTP
401 for a wrong key and 415 without the Content-Type, 105 "Invalid request format" for
what cannot be read, numbers of 7 to 15 digits, unknown ids are left out of an answer.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Final

import msgspec
from aiohttp import web

from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.bridge.outcomes import Outcome, Step
from esmed.simulator.bridge.pushes import Push
from esmed.simulator.bridge.register import Message
from esmed.simulator.providers._smstraffic import (
    KEPT,
    SENDER,
    ZONE,
    Refused,
    SmsTraffic,
    date,
)
from esmed.simulator.providers.smstraffic.reports import Report, of_json
from esmed.simulator.providers.smstraffic.sending import Campaign, Entry, malformed
from pdu import segment

_HOUR: Final = 3600.0
_CHECKED: Final = Step("Checked")
_REASONS: Final = {
    "1": "The subscriber is absent or out of a coverage",
    "2": "Call barred service activated",
    "3": "Unknown subscriber",
    "4": "Memory capacity exceeded",
    "5": "Equipment protocol error",
    "9": "Roaming restrictions",
    "10": "Timeout",
    "16": "Invalid source address",
    "17": "Unroutable direction",
}

Handler = Callable[[Any], Any]


class Simulator(SmsTraffic):
    usual = "Buffered SMSC,Delivered"
    rules = (
        *("01=Buffered SMSC,Non Delivered:3", "02=Buffered SMSC,Expired:1"),
        *("03=Rejected:16", "04=Deleted", "05=Unknown status", "06=none"),
        *("07=Delivered,Clicked", "08=Delivered,Read", "10=refuse:432"),
        *("11=refuse:429", "12=Something New,Delivered", "13=refuse:424"),
        "14=Delivered,Buffered SMSC",
    )
    defaults: ClassVar[Mapping[str, str]] = {
        **SmsTraffic.defaults,
        "balance": "12520.35",
        "price": "0",
        "forbidden": "",
        "permissions": "send,statuses,checked,account,report",
        "poll": "300",
        "report_after": "0",
        "report_json": "valid",
        "spelling": "sample",
        "start_field": "startDateTime",
    }

    def __init__(self, options: ProviderOptions | None = None) -> None:
        super().__init__(options)
        self._balance = Decimal(self.settings["balance"])
        self._price = Decimal(self.settings["price"])
        self._permissions = set(self.settings["permissions"].split(","))
        self._restricted: dict[str, float] = {}
        """Until when a restrictiveId is refused, by the event loop's clock."""
        self._reports: dict[str, Report] = {}

    def routes(self) -> Sequence[web.RouteDef]:
        return [
            web.post("/v2/send", self._handler("send", self._send)),
            web.post("/v2/statuses/list", self._handler("statuses", self._statuses)),
            web.post("/v2/statuses/checked", self._handler("checked", self._check)),
            web.get("/v2/account", self._handler("account", self._account)),
            web.post("/v2/report", self._handler("report", self._create)),
            web.get("/v2/report/{id}", self._download),
        ]

    async def operation(self, request: web.Request) -> str:
        path = request.path.removeprefix("/v2/")
        if path.startswith("report/"):
            return "report_download"
        return path.removeprefix("statuses/").replace("list", "statuses")

    async def refusal(self, request: web.Request, code: str) -> web.Response:
        return web.json_response(_refused(Refused(int(code))))

    # What it tells by itself

    def status_push(self, message: Message, step: Step) -> Push | None:
        table = self.settings["spelling"] == "table"
        element = {
            "login": self.options.login or "login",
            "sms_id": message.id,
            "phone_number": message.to,
            "status": step.word,
            "delivery_date": date(self.changed(message)),
            "channel": "sms",
            "parts_count": message.parts,
            "error_code" if table else "err_code": int(step.err or 0),
            "operator_id" if table else "operatorId": 1971,
            "mcc": 250,
            "mnc": 99,
        }
        if message.reference:
            element["tracking_data"] = message.reference
        body = msgspec.json.encode([element])
        return Push(body=body, content_type="application/json", headers=SENDER)

    # What it is asked

    def _handler(
        self, name: str, answer: Handler
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            refused = self._admitted(request, name)
            if refused is not None:
                return refused
            try:
                return web.json_response(answer(await _body(request)))
            except Refused as error:
                return web.json_response(_refused(error))

        return handle

    def _admitted(self, request: web.Request, name: str) -> web.Response | None:
        if not self.knows_bearer(request):
            return web.Response(status=401)
        if name not in self._permissions:
            return web.Response(status=403)
        if request.method == "POST" and request.content_type != "application/json":
            return web.Response(status=415)
        return None

    # Sending

    def _send(self, body: Any) -> dict[str, Any]:
        start_field = self.settings["start_field"]
        campaign = Campaign.read(body, start_field, datetime.now(ZONE))
        forbidden = self.settings["forbidden"].split(",")
        if campaign.originator and campaign.originator in forbidden:
            raise Refused(436, campaign.originator)
        moment = self.agenda.now()
        if self._restricted.get(campaign.restrictive_id, 0.0) > moment:
            raise Refused(105)
        outcomes = [self._outcome(entry) for entry in campaign.entries]
        parts = [_parts(entry, campaign) for entry in campaign.entries]
        price = self._price * sum(parts)
        if price > self._balance:
            raise Refused(415)
        self._balance -= price
        if campaign.restrictive_id:
            self._restricted[campaign.restrictive_id] = moment + _HOUR
        answers = [
            self._take(entry, outcome, count, campaign)
            for entry, outcome, count in zip(
                campaign.entries, outcomes, parts, strict=True
            )
        ]
        return {"success": True, "destinations": answers}

    def _outcome(self, entry: Entry) -> Outcome:
        if not 7 <= len(entry.phone) <= 15:
            code = "425" if len(entry.phone) < 7 else "426"
            return Outcome(refusal=code)
        return self.outcome(entry.phone)

    def _take(
        self, entry: Entry, outcome: Outcome, count: int, campaign: Campaign
    ) -> dict[str, Any]:
        # The direct numbers of one operator in Moscow, in their federal form.
        phone = re.sub("^7495", "7985", entry.phone)
        ident = str(self.new_id())
        answer: dict[str, Any] = {"phone": int(phone), "id": ident}
        if entry.tracking_data:
            answer["trackingData"] = entry.tracking_data
        if outcome.refusal:
            refused = Refused(int(outcome.refusal), phone)
            answer["error"] = {"code": refused.code, "message": refused.text}
            return answer
        self.take(
            message_id=ident,
            to=phone,
            outcome=outcome,
            from_=campaign.originator,
            text=entry.text,
            parts=count,
            reference=entry.tracking_data,
            fields=campaign.fields,
            start_at=None if campaign.start is None else campaign.start.timestamp(),
        )
        return answer

    # What has become of messages

    def _statuses(self, body: Any) -> dict[str, Any]:
        if not isinstance(body, dict):
            raise malformed()
        ids = _strings(body.get("ids", []))
        marks = _strings(body.get("trackingData", []))
        if not ids and not marks:
            raise malformed()
        found = [
            message
            for each, index in (
                *((ident, self.register.with_id) for ident in ids),
                *((mark, self.register.with_reference) for mark in marks),
            )
            for message in index(each)
            if message.at > time.time() - KEPT.total_seconds()
        ]
        extended = body.get("extendedInfo", False) is True
        return {
            "success": True,
            "data": [self._status(message, extended=extended) for message in found],
        }

    def _status(self, message: Message, *, extended: bool) -> dict[str, Any]:
        step = self.state(message)
        started = message.begins <= self.agenda.now()
        shown: dict[str, Any] = {
            "smsId": message.id,
            "submissionDate": _date(message.at),
            "status": step.word if step else "",
            "operatorId": 1971,
            "mcc": 250,
            "mnc": 99,
        }
        if message.reference:
            shown["trackingData"] = message.reference
        if started:
            shown["sendDate"] = _date(message.starts)
        if step and step.word != "Buffered SMSC":
            shown["deliveryDate"] = _date(self.changed(message))
        if extended and step and step.err:
            shown["statusExtended"] = {
                "code": int(step.err),
                "description": _REASONS.get(step.err, "Internal system failure"),
            }
        return shown

    def _check(self, body: Any) -> dict[str, Any]:
        updated: list[str] = []
        failed: list[dict[str, str]] = []
        for ident in _strings(body):
            found = self.register.with_id(ident)
            if found:
                self.cancel(found[0], _CHECKED)
                updated.append(ident)
            else:
                words = "no such message or this message does not belong to you"
                failed.append({"id": ident, "error": f"{words} {ident}"})
        return {"success": True, "data": {"updated": updated, "failed": failed}}

    def _account(self, _: Any) -> dict[str, Any]:
        return {"success": True, "data": {"account": str(self._balance)}}

    # Reports

    def _create(self, body: Any) -> dict[str, Any]:
        report = Report.read(body, self.register.messages(), self.state)
        if report is None:
            return {"code": 1, "description": "Invalid request format"}
        report.ready = self.agenda.now() + float(self.settings["report_after"])
        ident = f"{self.new_id():032x}"
        self._reports[ident] = report
        return {"code": 0, "description": "", "reportId": ident}

    async def _download(self, request: web.Request) -> web.Response:
        refused = self._admitted(request, "report")
        if refused is not None:
            return refused
        ident = request.match_info["id"]
        report = self._reports.get(ident)
        if report is None:
            gone = {"code": 1, "description": f"Report {ident} not found"}
            return web.json_response(gone, status=404)
        poll = float(self.settings["poll"])
        missing = report.ready - self.agenda.now()
        await asyncio.sleep(max(min(missing, poll), 0.0))
        if missing > poll:
            return web.Response(status=204)
        if report.format == "json":
            as_printed = self.settings["report_json"] == "sample"
            body = of_json(report, as_printed=as_printed)
            return web.Response(body=body, content_type="application/json")
        name = f'attachment; filename="{ident}.{report.format}"'
        return web.Response(
            body=report.file(),
            content_type=f"text/{report.format}"
            if report.format == "csv"
            else "application/zip",
            headers={"Content-Disposition": name, "Accept-Ranges": "bytes"},
        )


def _parts(entry: Entry, campaign: Campaign) -> int:
    return min(len(segment.split(entry.text).parts), campaign.max_parts)


def _refused(refused: Refused) -> dict[str, Any]:
    return {
        "success": False,
        "error": {"code": refused.code, "message": refused.text},
    }


async def _body(request: web.Request) -> Any:
    if request.method == "GET":
        return None
    try:
        return msgspec.json.decode(await request.read())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise malformed() from error


def _strings(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise malformed()
    return value


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, ZONE).isoformat(timespec="milliseconds")
