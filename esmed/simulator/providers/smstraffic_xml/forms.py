"""What requests to SMS Traffic's HTTP API v1 hold, and why they may be refused."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from urllib.parse import parse_qsl

from aiohttp import web
from msgspec import Struct

from esmed.simulator.providers._smstraffic import DATE, ZONE, Refused
from pdu import segment


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
