"""SMPP times, SMPP 3.4 §7.1.1: ``YYMMDDhhmmsstnnp``, absolute or relative.

Absolute: two digits of the year (20YY), ``t`` tenths of a second, ``nn`` the quarter
hours by which local time is ahead of UTC (``p`` is ``+``) or behind it (``-``).
Relative: ``p`` is ``R`` and the rest a span from the SMSC's now. The standard leaves
open how long its months and years are; here they are 30 and 365 days, both ways.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from pdu.errors import DecodeError, EncodeError

_TIME: Final = re.compile(r"(\d\d)" * 6 + r"(\d)(\d\d)([-+R])", re.ASCII)
_QUARTER: Final = timedelta(minutes=15)
_MAX_QUARTERS: Final = 48
_DAY: Final = 86_400
_MONTH: Final = 30
_YEAR: Final = 365


def absolute(moment: datetime) -> str:
    """The time in the zone of ``moment``, cut to whole seconds (tenths are 0).

    A zone beyond the format (not in quarter hours, or more than 12 hours off) gives
    UTC. ``EncodeError`` names a time without zone or outside the years 2000 to 2099.
    """
    offset = moment.utcoffset()
    if offset is None:
        raise EncodeError(f"{moment.isoformat()} has no time zone")
    if not 1999 <= moment.year <= 2100:
        raise EncodeError(f"{moment.isoformat()} is not in the years 2000 to 2099")
    quarters, rest = divmod(offset, _QUARTER)
    if rest or abs(quarters) > _MAX_QUARTERS:
        moment, quarters = moment.astimezone(UTC), 0
    if not 2000 <= moment.year <= 2099:
        raise EncodeError(f"{moment.isoformat()} is not in the years 2000 to 2099")
    sign = "-" if quarters < 0 else "+"
    return f"{moment:%y%m%d%H%M%S}0{abs(quarters):02d}{sign}"


def relative(seconds: int) -> str:
    """The span from the SMSC's now; up to 31 days exactly, whatever its months are.

    ``EncodeError`` names a span below 0 or of a hundred years.
    """
    days, rest = divmod(seconds, _DAY)
    years = months = 0
    if days > 31:
        years, days = divmod(days, _YEAR)
        months, days = divmod(days, _MONTH)
    if not 0 <= years <= 99 or days < 0:
        raise EncodeError(f"{seconds} s is no span from 0 to 99 years")
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{years:02d}{months:02d}{days:02d}{hours:02d}{minutes:02d}{rest:02d}000R"


def parse(value: str, now: datetime) -> datetime | None:
    """When that is, with its zone; None if empty, which leaves it to the SMSC.

    A relative time counts from ``now``. ``DecodeError`` names a value that is not in
    the format or out of its ranges.
    """
    if not value:
        return None
    if value.endswith("R"):
        return now + parse_relative(value)
    return parse_absolute(value)


def parse_absolute(value: str) -> datetime:
    """The moment, in the zone that it names; ``DecodeError`` as ``parse``."""
    year, month, day, hour, minute, second, tenths, quarters = _numbers(value, "+-")
    if quarters > _MAX_QUARTERS:
        raise DecodeError(f"{value!r} is more than 12 hours from UTC")
    offset = _QUARTER * (-quarters if value.endswith("-") else quarters)
    try:
        return datetime(
            2000 + year,
            month,
            day,
            hour,
            minute,
            second,
            100_000 * tenths,
            timezone(offset),
        )
    except ValueError as fault:
        raise DecodeError(f"{value!r} is no time: {fault}") from None


def parse_relative(value: str) -> timedelta:
    """The span; ``DecodeError`` as ``parse``."""
    years, months, days, hours, minutes, seconds, tenths, _ = _numbers(value, "R")
    if months > 12 or days > 31 or hours > 23 or max(minutes, seconds) > 59:
        raise DecodeError(f"{value!r} has a field out of its range")
    return timedelta(
        days=years * _YEAR + months * _MONTH + days,
        hours=hours,
        minutes=minutes,
        seconds=seconds,
        milliseconds=100 * tenths,
    )


def _numbers(value: str, signs: str) -> tuple[int, ...]:
    match = _TIME.fullmatch(value)
    if match is None or match[9] not in signs:
        raise DecodeError(f"{value!r} is not in the form YYMMDDhhmmsstnnp")
    return tuple(map(int, match.groups()[:8]))
