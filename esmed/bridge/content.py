"""How a provider's messages are counted, and what none of them can express. Pure.

The provider splits a text itself, so a plan has one part without content; its count is
what the network will make of it, for estimates and ``max_parts``.
"""

from typing import Final

from esmed.bridge.xmldoc import illegal
from esmed.models import Count, Fault, FaultClass, Plan, Request
from pdu import EncodeError, segment

MOST_OCTETS: Final = 140
"""Of the user data of one short message, 3GPP TS 23.040 §9.2.3.24."""


def plan(connector: str, request: Request) -> Plan | Fault:
    """Count a message; the fault's code is the field at fault."""
    if request.data is not None:
        return _binary(connector, request, request.data)
    if request.udh is not None:
        return refused("udh", "goes with data, not with text")
    text = request.text or ""
    wrong = illegal(text)
    if wrong:
        return refused("text", f"has control characters: {wrong!a}")
    try:
        split = segment.split(text, encoding=request.encoding)
    except EncodeError as error:
        return refused("text", str(error))
    count = Count(
        parts=len(split.parts),
        units=split.units,
        units_per_part=split.units_per_part,
        forcing_characters=split.forcing_characters,
    )
    if request.max_parts is not None and count.parts > request.max_parts:
        return refused("max_parts", f"takes {count.parts} parts")
    return _plan(connector, split.encoding, count)


def refused(field: str, detail: str) -> Fault:
    """Say that a message can never go this way because of that field of it."""
    return Fault(FaultClass.MESSAGE, field, detail)


def _binary(connector: str, request: Request, data: bytes) -> Plan | Fault:
    octets = len(data) + len(request.udh or b"")
    if octets > MOST_OCTETS:
        return refused("data", f"too long for one part: at most {MOST_OCTETS} octets")
    return _plan(connector, "binary", Count(1, octets, MOST_OCTETS))


def _plan(connector: str, encoding: str, count: Count) -> Plan:
    return Plan(
        connector=connector,
        encoding=encoding,
        data_coding=0,
        udhi=False,
        parts=(b"",),
        concatenation="provider",
        count=count,
    )
