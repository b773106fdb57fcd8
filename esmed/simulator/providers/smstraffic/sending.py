"""What a request to /v2/send holds, and why it may be refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Self

from msgspec import Struct

from esmed.simulator.providers._smstraffic import Refused

_MOST_TRACKING: Final = 40
_MOST_RESTRICTIVE: Final = 36
_MOST_DEFERRED: Final = timedelta(days=30)
_MOST_PARTS: Final = 255


class Entry(Struct, frozen=True, kw_only=True):
    """One message."""

    phone: str
    text: str
    tracking_data: str


class Campaign(Struct, frozen=True, kw_only=True):
    """All of a request."""

    entries: list[Entry]
    originator: str
    restrictive_id: str
    max_parts: int
    start: datetime | None
    fields: Mapping[str, str]
    """What else it said, for the journal."""

    @classmethod
    def read(cls, body: Any, start_field: str, now: datetime) -> Self:
        """Read one; raises `Refused`."""
        request = _object(body)
        sms = _object(_object(request.get("channels")).get("sms"))
        mark = _text(request, "trackingData")
        restrictive_id = _text(request, "restrictiveId")
        if len(restrictive_id) > _MOST_RESTRICTIVE:
            raise Refused(106)
        destinations = request.get("destinations")
        if destinations is None or destinations == []:
            raise Refused(103)
        if not isinstance(destinations, list):
            raise malformed()
        max_parts = sms.get("maxParts", _MOST_PARTS)
        if type(max_parts) is not int or not 1 <= max_parts <= _MOST_PARTS:
            raise malformed()
        if not isinstance(sms.get("transliterate", False), bool):
            raise malformed()
        originator = _text(request, "originator")
        if len(originator) > (15 if originator.isdecimal() else 11):
            raise Refused(421)
        scheduling = _object(request.get("scheduling"))
        told = {**sms, **scheduling, "batchName": request.get("batchName")}
        return cls(
            entries=[_entry(one, sms, mark) for one in destinations],
            originator=originator,
            restrictive_id=restrictive_id,
            max_parts=max_parts,
            start=_start(_text(scheduling, start_field), now),
            fields={
                name: str(value)
                for name, value in told.items()
                if value is not None and name != "message"
            }
            | ({"restrictiveId": restrictive_id} if restrictive_id else {}),
        )


def malformed() -> Refused:
    """As the sample of an error has it."""
    refused = Refused(105)
    refused.text = "Invalid request format"
    return refused


def _entry(value: Any, sms: Mapping[str, Any], common_mark: str) -> Entry:
    destination = _object(value)
    phone = destination.get("to")
    if type(phone) is not int:
        raise malformed()
    own = _object(_object(destination.get("content")).get("sms"))
    text = _text(own, "message") or _text(sms, "message")
    if not text:
        raise Refused(405)
    params = _object(destination.get("params"))
    mark = _text(destination, "trackingData") or common_mark
    if len(mark) > _MOST_TRACKING:
        raise Refused(104)
    text = re.sub(r"\[\[(\w+)\]\]", lambda m: str(params.get(m[1], m[0])), text)
    return Entry(phone=str(phone), text=text, tracking_data=mark)


def _start(text: str, now: datetime) -> datetime | None:
    if not text:
        return None
    try:
        start = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(416, text) from error
    if start.tzinfo is None:
        raise Refused(416, text)
    if start < now - timedelta(minutes=1):
        raise Refused(417, text)
    if start > now + _MOST_DEFERRED:
        raise Refused(504)
    return start


def _object(value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise malformed()
    return value


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name) or ""
    if not isinstance(value, str):
        raise malformed()
    return value
