"""What a request of smsc's document may say, and what is wrong with it."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web
from msgspec import Struct

CHARSETS: Final = {"": "cp1251", "utf-8": "utf-8", "koi8-r": "koi8-r"}
"""By the parameter ``charset``."""
CHANNELS: Final = (
    *("hlr", "ping", "mms", "mail", "soc", "viber", "whatsapp", "call", "push"),
)
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,40}")
_SENDER: Final = re.compile(r"[A-Za-z0-9 ._!&/-]{1,11}|\d{1,15}", re.ASCII)
_VALID: Final = re.compile(r"(\d{1,2})(?::(\d\d))?")
_MOST_CHARACTERS: Final = 1000
_MOSCOW: Final = timedelta(hours=3)
_DAY: Final = 86_400.0
_RANGES: Final = {
    "translit": (0, 2),
    "bin": (0, 2),
    "cost": (0, 3),
    "fmt": (0, 3),
    "period": (0.1, 720),
    "freq": (1, 1440),
    "smsreq": (10, 999),
    "cnt": (1, 10_000),
    "hour": (0.1, 168),
    "after_id": (0, 2**63),
    "maxsms": (1, 255),
    **dict.fromkeys(("flash", "tinyurl", "op", "err", "nl", *CHANNELS), (0, 1)),
}


class Refused(Exception):  # noqa: N818 - an answer of the protocol
    """The request is answered with this error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Letter(Struct, frozen=True, kw_only=True):
    """One recipient with what it is to get."""

    to: str
    """Digits, as they are after the correction."""
    sender: str
    text: str


async def read(request: web.Request) -> dict[str, str]:
    """The parameters, wherever they stand."""
    body = await request.read()
    if request.path.startswith("/rest/"):
        try:
            found = json.loads(body)
        except ValueError:
            return {}
        known = found if isinstance(found, dict) else {}
        return {name: str(value) for name, value in known.items()}
    octets = (request.rel_url.raw_query_string.encode(), body)
    plain = [pair for each in octets for pair in _pairs(each, "latin-1")]
    charset = CHARSETS.get(dict(plain).get("charset", "").lower(), "cp1251")
    return dict(pair for each in octets for pair in _pairs(each, charset))


def _pairs(octets: bytes, charset: str) -> list[tuple[str, str]]:
    text = octets.decode("latin-1")
    return parse_qsl(text, keep_blank_values=True, encoding=charset, errors="replace")


def check(given: Mapping[str, str]) -> None:
    """What holds for the request as a whole."""
    for name, (least, most) in _RANGES.items():
        if name in given and not least <= _number(given[name]) <= most:
            raise Refused(1, f"parameters error: {name}")
    if given.get("id") and not _ID.fullmatch(given["id"]):
        raise Refused(1, "parameters error: id")
    if given.get("id", "").isdecimal() and not 1 <= int(given["id"]) < 2**31:
        raise Refused(1, "parameters error: id")
    if given.get("imgcode") and not given.get("userip"):
        raise Refused(1, "parameters error: userip")
    valid = given.get("valid")
    if valid is not None and not _is_valid(valid):
        raise Refused(1, "parameters error: valid")


def letters(given: Mapping[str, str]) -> list[Letter]:
    """Everybody who is to get something."""
    sender = given.get("sender", "SMSC")
    if given.get("list"):
        found = _listed(given["list"], sender, lines=given.get("nl") == "1")
    else:
        wordless = given.get("hlr") == "1" or given.get("ping") == "1"
        # A file is a content as well, and of an MMS its subject.
        other = given.get("fileurl") or (given.get("mms") == "1" and given.get("subj"))
        if not given.get("phones") or not (given.get("mes") or wordless or other):
            raise Refused(1, "parameters error: phones, mes")
        text = "" if wordless else given.get("mes", "")
        found = [(sender, phone, text) for phone in _split(given["phones"])]
    for name, _, text in found:
        if not _SENDER.fullmatch(name):
            raise Refused(6, "message is denied: sender")
        if len(text) > _MOST_CHARACTERS:
            raise Refused(1, "parameters error: mes")
    if given.get("bin") == "2":
        _check_hex(found[0][2])
    return [
        Letter(to=corrected(phone), sender=name, text=text)
        for name, phone, text in found
    ]


def starts(given: Mapping[str, str], now: float) -> float | None:
    """When it is to go, wall time; None: now."""
    time = given.get("time", "0")
    if time == "0":
        return None
    if re.fullmatch(r"0\d{8,11}", time) and not re.fullmatch(r"\d{10}", time):
        return float(time)
    if found := re.fullmatch(r"\+(\d+)", time):
        return now + 60 * int(found[1])
    offset = _MOSCOW + timedelta(hours=_number(given.get("tz", "0")))
    if found := re.fullmatch(r"(\d{1,2})-(\d{1,2})", time):
        return _within(now, int(found[1]), int(found[2]), offset)
    for form in ("%d%m%y%H%M", "%d.%m.%y %H:%M", "%d.%m.%y %H: %M"):
        try:
            moment = datetime.strptime(time, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return (moment - offset).timestamp()
    raise Refused(5, "invalid date format")


def corrected(phone: str) -> str:
    """The digits of a number; without a plus the country is put before it."""
    digits = re.sub(r"\D", "", phone)
    if phone.strip().startswith("+"):
        return digits
    if len(digits) == 10 and digits.startswith("0"):
        return f"38{digits}"
    if len(digits) == 11 and digits.startswith("8"):
        return f"7{digits[1:]}"
    return digits


def _within(now: float, begin: int, end: int, offset: timedelta) -> float | None:
    """The next moment between these hours of a day; None: now."""
    local = datetime.fromtimestamp(now, UTC) + offset
    if begin <= local.hour < end:
        return None
    opens = local.replace(hour=begin % 24, minute=0, second=0, microsecond=0)
    wait = (opens - local).total_seconds()
    return now + (wait if wait > 0 else wait + _DAY)


def _listed(listed: str, sender: str, *, lines: bool) -> list[tuple[str, str, str]]:
    """Of ``list``: sender, number and text."""
    found: list[tuple[str, str, str]] = []
    for line in listed.replace("\r", "").split("\n"):
        name, bar, rest = line.partition("|")
        if not bar or re.search("[:;]", name):
            name, rest = sender, line
        phones, separator, text = _cut(rest)
        if separator and re.fullmatch(r"[+\d, ]+", phones):
            name = name.partition(",")[0]
            each = text.replace("\\n", "\n")
            found += [(name, phone, each) for phone in _split(phones)]
        elif lines and found:
            last = found[-1]
            found[-1] = (last[0], last[1], f"{last[2]}\n{line}")
        else:
            raise Refused(1, "parameters error: list")
    return found


def _cut(line: str) -> tuple[str, str, str]:
    found = re.search("[:;]", line)
    if found is None:
        return line, "", ""
    return line[: found.start()], found[0], line[found.end() :]


def _split(phones: str) -> list[str]:
    return [phone for phone in map(str.strip, re.split("[,;]", phones)) if phone]


def _check_hex(text: str) -> None:
    octets, _, _ = text.partition("\n~~~\n")
    try:
        data = bytes.fromhex(octets)
    except ValueError:
        raise Refused(1, "parameters error: mes") from None
    if not data or data[0] >= len(data):
        raise Refused(1, "parameters error: mes")


def _is_valid(valid: str) -> bool:
    found = _VALID.fullmatch(valid)
    if found is None:
        return False
    hours, minutes = int(found[1]), int(found[2] or 0)
    return minutes < 60 and 1 <= hours * 60 + minutes <= 24 * 60


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0
