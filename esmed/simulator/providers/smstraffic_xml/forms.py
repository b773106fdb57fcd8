"""What requests to SMS Traffic's HTTP API v1 hold, and why they may be refused."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web
from msgspec import Struct

from pdu import segment

ZONE: Final = timezone(timedelta(hours=3))
DATE: Final = "%Y-%m-%d %H:%M:%S"
WORDS: Final = {
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
    1000: "temporary server problems",
}


class Refused(Exception):  # noqa: N818 - an answer of the protocol
    """The request is answered with this code; ``about``: whose fault it is."""

    def __init__(self, code: int, about: str = "") -> None:
        super().__init__(code)
        self.code = code
        words = WORDS.get(code, "refused")
        self.text = f"{words}: {about}" if about else words


class Entry(Struct, frozen=True, kw_only=True):
    """One message of a request."""

    phone: str
    text: str
    push_id: str = ""


async def read(request: web.Request) -> Mapping[str, str]:
    """The form, wherever it stood; without `rus=5` it is windows-1251."""
    octets = await request.read() if request.method == "POST" else b""
    form = octets.decode("ascii", "replace") or request.rel_url.raw_query_string
    rus = dict(parse_qsl(form, keep_blank_values=True)).get("rus")
    encoding = "utf-8" if rus == "5" else "windows-1251"
    return dict(parse_qsl(form, keep_blank_values=True, encoding=encoding))


def entries(fields: Mapping[str, str]) -> Iterator[Entry]:
    phones = fields.get("phones", "")
    if not phones:
        raise Refused(403)
    if fields.get("individual_messages") != "1":
        if not fields.get("message"):
            raise Refused(405)
        for phone in phones.split(","):
            yield Entry(phone=phone.strip(), text=fields["message"])
        return
    delimiter = fields.get("delimiter")
    lines = phones.split(delimiter) if delimiter else re.split("[\r\n]", phones)
    for number, line in enumerate(lines, start=1):
        head, _, text = line.partition(" ")
        push_id, colon, phone = head.rpartition(":")
        if bool(colon) != (fields.get("with_push_id") == "1") or not phone:
            raise Refused(422, f"{number}: {line}")
        if not text:
            raise Refused(423, phone)
        yield Entry(phone=phone, text=text, push_id=push_id)


def parts_of(text: str, fields: Mapping[str, str]) -> int:
    """How many short messages are sent: the first `max_parts`."""
    return min(len(segment.split(text).parts), int(fields.get("max_parts", "255")))


def ids_of(fields: Mapping[str, str]) -> list[str]:
    ids = [one.strip() for one in fields.get("sms_id", "").split(",")]
    if not any(ids):
        raise Refused(433)
    return ids


def moment(text: str) -> datetime:
    for form in (DATE, "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=ZONE)
        except ValueError:
            continue
    raise Refused(416, text)
