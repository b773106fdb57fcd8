"""get.php: messages from subscribers, asked for. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from esmed.bridge.base import Mo, Reply
from esmed.models import Fault, Millis
from esmed.providers.smsc.answers import fault_of, read_refusal, string, unpack

MOST: Final = 10_000
"""Messages in an answer."""
LONGEST_HOURS: Final = 168
_HOUR: Final = 3_600_000
_LINE: Final = re.compile(
    r"id = (?P<id>\S*), received = (?P<received>.*?), phone = (?P<phone>\S*),"
    r" message = (?P<message>.*), to_phone = (?P<to_phone>[^\s,]*)"
    r"(?:, sent = (?P<sent>.*))?"
)


def question(since: Millis, now: Millis) -> dict[str, str | int]:
    """Return the parameters to ask for what came since then; whole hours."""
    hours = -((since - now) // _HOUR)
    hours = min(max(hours, 1), LONGEST_HOURS)
    return {"get_answers": 1, "cnt": MOST, "hour": hours}


def read(reply: Reply) -> Sequence[Mapping[str, Any]] | Fault:
    """Return the messages of an answer as they were written, none or more."""
    answer = unpack(reply.body)
    refusal = read_refusal(answer)
    if refusal is not None or answer is None:
        return fault_of(refusal, reply)
    if isinstance(answer, str):
        lines = [_LINE.fullmatch(line.strip()) for line in answer.splitlines()]
        found = [line.groupdict("") for line in lines if line is not None]
        return found or fault_of(None, reply)
    if isinstance(answer, Mapping):
        return [answer] if "phone" in answer else fault_of(None, reply)
    return [each for each in answer if isinstance(each, Mapping)]


def messages(reply: Reply) -> Sequence[Mo] | Fault:
    """Return the messages of an answer."""
    found = read(reply)
    if isinstance(found, Fault):
        return found
    return [
        Mo(
            id=string(each.get("id")),
            source=string(each["phone"]).removeprefix("+"),
            destination=string(each.get("to_phone")).removeprefix("+"),
            text=text if isinstance(text := each.get("message"), str) else string(text),
        )
        for each in found
        if string(each.get("phone"))
    ]
