"""What the HTTP status of an answer means where its body says nothing. Pure.

=======  ==============================================================================
status   meaning
=======  ==============================================================================
2xx      the body should have been readable: it may have been taken
3xx      the address is wrong, class ``account``: redirects are not followed
401 403  class ``account``
408 425  not taken, class ``temporary``
429 503  likewise, and not before `retry_after`
413 414  class ``protocol``
4xx      class ``account``: most often the path of the base URL
5xx      it may have been taken
=======  ==============================================================================
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from esmed.bridge.base import Answer, Reply
from esmed.bridge.dates import read_http
from esmed.models import Deferred, Fault, FaultClass, Millis, Outcome, Rejected, Unknown

LONGEST_PAUSE: Final = 3600.0
"""Seconds that a provider can have us wait."""
_USUAL_PAUSE: Final = 5.0
_PHRASES: Final = {401: "wrong credentials", 403: "forbidden", 429: "too many requests"}


def judged(reply: Reply, now: Millis, count: int, unreadable: str = "") -> Answer:
    """Return the answer for ``count`` messages from the status alone; ``unreadable``
    says what is wrong with the body."""
    detail = _told(reply, unreadable)
    pause = 0.0
    outcome: Outcome
    match reply.status:
        case 429 | 503 if "retry-after" in reply.headers or reply.status == 429:
            pause = retry_after(reply, now)
            outcome = Deferred(_temporary(reply, detail), pause)
        case 408 | 425:
            outcome = Deferred(_temporary(reply, detail))
        case status if 200 <= status < 300 or status >= 500:
            outcome = Unknown(detail)
        case 413 | 414:
            outcome = Rejected(Fault(FaultClass.PROTOCOL, reply.status, detail))
        case _:
            outcome = Rejected(Fault(FaultClass.ACCOUNT, reply.status, detail))
    return Answer(outcomes=[outcome] * count, pause=pause, reason=detail)


def fault(reply: Reply, unreadable: str = "") -> Fault:
    """Return what an answer to a question or an operation means when its body says
    nothing: class ``temporary`` if it may be asked again."""
    detail = _told(reply, unreadable)
    if reply.status in {401, 403}:
        return Fault(FaultClass.ACCOUNT, reply.status, detail)
    if 300 <= reply.status < 500 and reply.status not in {408, 425, 429}:
        return Fault(FaultClass.PROTOCOL, reply.status, detail)
    return _temporary(reply, detail)


def _told(reply: Reply, unreadable: str) -> str:
    """Name the status, and what is wrong with the body where that is no reason yet."""
    reason = _PHRASES.get(reply.status, unreadable)
    return f"HTTP {reply.status}" + (f", {reason}" if reason else "")


def retry_after(reply: Reply, now: Millis) -> float:
    """Return for how long, in seconds, a Retry-After (RFC 9110 §10.2.3) has us wait:
    one in seconds or a date, within bounds; a few seconds where it says nothing."""
    said = reply.headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        seconds = float(said[:9])
    elif (at := read_http(said)) is not None:
        seconds = (at - now) / 1000
    else:
        seconds = _USUAL_PAUSE
    return min(max(seconds, 1.0), LONGEST_PAUSE)


def json_object(reply: Reply) -> Mapping[str, Any] | None:
    """Return the JSON object of an answer; None: it is none."""
    found = json_value(reply.body)
    return found if isinstance(found, dict) else None


def json_value(body: bytes) -> Any:
    """Return a JSON value; None: it is none (or null). A byte order mark is passed."""
    try:
        return msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def all_alike(outcome: Outcome, count: int) -> Sequence[Outcome]:
    """Return the outcomes of a request that was answered as a whole."""
    return [outcome] * count


def _temporary(reply: Reply, detail: str) -> Fault:
    return Fault(FaultClass.TEMPORARY, reply.status, detail)
