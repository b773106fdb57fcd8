"""Dates as providers write them. Pure."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from typing import Final

from esmed.models import Millis

MOSCOW: Final = timezone(timedelta(hours=3))
"""The zone of Russian providers: UTC+3 all year since 2014."""


def read(text: str, zone: tzinfo = UTC) -> Millis | None:
    """Read ``2020-05-09 17:04:00``, its ISO forms with ``T``, fractions or an offset,
    or only the day. ``zone`` is that of what names none; None: it is no date."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    try:
        return round(moment.timestamp() * 1000)
    except (OverflowError, ValueError):
        return None


def in_utc(text: str, zone: tzinfo = UTC) -> str:
    """Return what `read` can read as RFC 3339 in UTC, and all else as it was."""
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        moment = moment.astimezone(UTC)
    except (OverflowError, ValueError):
        return text
    return moment.isoformat().replace("+00:00", "Z")


def write(at: Millis, zone: tzinfo = UTC) -> str:
    """Write ``2020-05-09 17:04:00`` as the clocks of ``zone`` show it."""
    return datetime.fromtimestamp(at // 1000, zone).strftime("%Y-%m-%d %H:%M:%S")


def read_http(text: str) -> Millis | None:
    """Read a date of HTTP (RFC 9110 §5.6.7); None: it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:  # -0000: UTC, and nothing known of the place
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
