"""What a message takes: its parts, and the characters that make them many. Pure."""

from typing import Literal

from msgspec import Struct

from esmed.models import Plan, Request
from pdu import gsm0338, segment
from pdu.errors import EncodeError


class EstimateView(Struct, frozen=True, kw_only=True):
    """What a message takes."""

    encoding: str
    parts: int
    units: int
    """Septets, UTF-16 units or octets of the whole."""
    units_per_part: int
    forcing_characters: list[str]
    """Those for which the whole goes as UCS-2."""


def estimate(request: Request, plan: Plan) -> EstimateView:
    """Return what a message takes if it is split as planned."""
    octets: Literal[1, 2] = 2 if plan.concatenation == "udh16" else 1
    if request.text is None:
        data = request.data or b""
        split = segment.split_binary(data, octets)
        per_part = split.units_per_part - len(request.udh or b"")
        return EstimateView(
            encoding=plan.encoding,
            parts=len(plan.parts),
            units=len(data),
            units_per_part=per_part,
            forcing_characters=[],
        )
    try:
        split = segment.split(
            request.text, encoding=plan.encoding, reference_octets=octets
        )
    except EncodeError:
        # Characters of an alphabet of the connector's own, an octet each.
        split = segment.split_binary(request.text.encode("latin-1", "replace"), octets)
    forcing = ""
    if plan.encoding == "ucs2" and request.encoding == "auto":
        text = request.text
        forcing = gsm0338.unencodable(text) or _of_extension_table(text)
    return EstimateView(
        encoding=plan.encoding,
        # Of a message_payload the SMSC makes the parts.
        parts=max(len(plan.parts), len(split.parts)),
        units=split.units,
        units_per_part=split.units_per_part,
        forcing_characters=list(forcing),
    )


def _of_extension_table(text: str) -> str:
    """Return what is spoilt by an SMSC without GSM extension table."""
    return "".join(c for c in dict.fromkeys(text) if gsm0338.septets(c) == 2)
