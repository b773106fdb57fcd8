"""When certificates end: read from their DER form, and told in good time. Pure.

The standard library tells the end of a certificate only if it verified it. One that is
merely pinned ends as well, so the end is read from the octets (RFC 5280 §4.1, X.690).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

WARN_BEFORE: Final = 14 * 86_400.0
"""Seconds before its end in which a certificate is worth a warning."""
TELL_EVERY: Final = 86_400.0

_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0  # [0] EXPLICIT, left out in version 1
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18
_BEFORE_VALIDITY: Final = 3  # serialNumber, signature, issuer
_CENTURY_SPLIT: Final = 50  # RFC 5280 §4.1.2.5.1: years from 50 on are 19xx


def not_after(der: bytes) -> float | None:
    """The end of a certificate in seconds since the epoch; None: it cannot be read."""
    try:
        ((tag, certificate),) = _elements(der)
        body = next(_elements(_content(tag, certificate)))
        fields = _elements(_content(*body))
        tag, content = next(fields)
        for _ in range(_BEFORE_VALIDITY + (tag == _VERSION)):
            tag, content = next(fields)
        _, (tag, end) = _elements(_content(tag, content))
        return _time(tag, end.decode("ascii"))
    except (ValueError, StopIteration):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """When the certificates of a connection end, in seconds since the epoch.

    None: there is none, or its end cannot be read.
    """

    theirs: float | None = None
    ours: float | None = None


class Watch:
    """Which certificate of a host is about to end, and whether to say so again.

    One for all the links to a host. Every ``now`` is in seconds since the epoch.
    """

    def __init__(self) -> None:
        self.ends = Ends()
        self._told_at = float("-inf")

    def notice(self, now: float) -> str:
        """What to say about certificates that end within `WARN_BEFORE`; or nothing."""
        ends = {"the SMSC's": self.ends.theirs, "our": self.ends.ours}
        return ", ".join(
            f"{whose} certificate {'ended' if end <= now else 'ends'} on {_date(end)}"
            for whose, end in ends.items()
            if end is not None and end - now < WARN_BEFORE
        )

    def to_tell(self, now: float) -> str:
        """The notice, unless it was told within a day."""
        notice = self.notice(now)
        if not notice or now - self._told_at < TELL_EVERY:
            return ""
        self._told_at = now
        return notice


def _date(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


def _content(tag: int, content: bytes) -> bytes:
    if tag != _SEQUENCE:
        raise ValueError("not a SEQUENCE")
    return content


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element, X.690 §8.1; ValueError if they do not fit."""
    at = 0
    while at < len(data):
        head = data[at : at + 2]
        if len(head) < 2:
            raise ValueError("cut short")
        tag, length = head
        at += 2
        if length & 0x80:
            octets = length & 0x7F
            if not 1 <= octets <= 4 or at + octets > len(data):
                raise ValueError("a length that cannot be")
            length = int.from_bytes(data[at : at + octets])
            at += octets
        if at + length > len(data):
            raise ValueError("cut short")
        yield tag, data[at : at + length]
        at += length


def _time(tag: int, text: str) -> float:
    """RFC 5280 §4.1.2.5: in UTC, with seconds."""
    if tag == _UTC_TIME and re.fullmatch(r"[0-9]{12}Z", text):
        text = f"{'19' if int(text[:2]) >= _CENTURY_SPLIT else '20'}{text}"
    elif tag != _GENERALIZED_TIME or not re.fullmatch(r"[0-9]{14}Z", text):
        raise ValueError("not a time of a certificate")
    return datetime.strptime(text, "%Y%m%d%H%M%S%z").timestamp()
