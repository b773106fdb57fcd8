"""What SMS Traffic does alike over each of its interfaces (technical description 2.3):
dates, the words of its errors, and messages from subscribers."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import ClassVar, Final
from urllib.parse import urlencode

from esmed.simulator.bridge.frame import Inbound, Mo
from esmed.simulator.bridge.http import HttpSimulator
from esmed.simulator.bridge.pushes import Push, PushAnswer

FORM: Final = "application/x-www-form-urlencoded"
SENDER: Final = {"User-Agent": "StatusSender/2.0 Java/21"}
"""Headers of a pushed status."""
ZONE: Final = timezone(timedelta(hours=3))
DATE: Final = "%Y-%m-%d %H:%M:%S"
KEPT: Final = timedelta(days=2)
"""How long it knows of a message."""
WORDS: Final = {
    103: "destinations is empty",
    104: "trackingData is too long",
    105: "Duplicated request",
    106: "restrictiveId is too long",
    401: "login param is missing",
    402: "password param is missing",
    403: "phones param is missing",
    404: "incompatible params",
    405: "message param is missing",
    411: "Authentication failed",
    413: "no such group",
    415: "not enough money",
    416: "wrong start_date format",
    417: "start_date is in the past",
    418: "can't get sms ids for scheduled messages",
    420: "message is too long",
    421: "originator is too long",
    422: "phone is missing in line",
    423: "empty message for phone",
    424: "message is too long for phone",
    425: "phone is too short. No messages has been sent",
    426: "phone is too long. No messages has been sent",
    428: "wrong phone format. No messages has been sent",
    432: "blocked phone. No messages has been sent",
    433: "sms_id param is missing",
    434: "No such sms_id or this sms_id does not belong to you",
    436: "originator is forbidden",
    504: "campaign is deferred by more than 30 days",
    1000: "temporary server problems",
}


class Refused(Exception):  # noqa: N818 - an answer of the protocol
    """The request is answered with this code; ``about``: whose fault it is."""

    def __init__(self, code: int, about: str = "") -> None:
        super().__init__(code)
        self.code = code
        words = WORDS.get(code, "refused")
        self.text = f"{words}: {about}" if about else words


def date(at: float) -> str:
    return datetime.fromtimestamp(at, ZONE).strftime(DATE)


class SmsTraffic(HttpSimulator):
    """A message to the short number (`shortcode`) goes to the short URL, every other
    from a subscriber to the MO URL."""

    defaults: ClassVar[Mapping[str, str]] = {
        "charset": "windows-1251",
        "mo_method": "POST",
        "shortcode": "3299",
        "short_password": "",
    }

    def mo_push(self, inbound: Inbound) -> Push | None:
        if inbound.mo.to == self.settings["shortcode"]:
            return None
        return self._form(inbound)

    def inject_mo(self, mo: Mo) -> None:
        super().inject_mo(mo)
        url = self.short_url
        if url is not None and mo.to == self.settings["shortcode"]:
            self._push(url, self._short_form(self.inbound[-1]), mo.from_)

    async def ask_short(self, inbound: Inbound) -> PushAnswer:
        """Ask what to answer to a message to the short number, again if need be."""
        url = self.short_url
        if url is None:
            raise ValueError("there is no short_url")
        return await self.pusher.post(url, self._short_form(inbound))

    def _short_form(self, inbound: Inbound) -> Push:
        more = {"shortcode": self.settings["shortcode"]}
        if self.settings["short_password"]:
            more["password"] = self.settings["short_password"]
        return self._form(inbound, **more)

    def _form(self, inbound: Inbound, **more: str) -> Push:
        mo = inbound.mo
        fields = {"phone": mo.from_, "message": mo.text, "sms_id": str(inbound.id)}
        form = urlencode(
            fields | more, encoding=self.settings["charset"], errors="replace"
        )
        if self.settings["mo_method"] == "GET":
            return Push(method="GET", query=form)
        return Push(body=form.encode("ascii"), content_type=FORM)
