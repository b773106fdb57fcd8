"""What a message takes: its parts, and the characters that make them many. Pure."""

from msgspec import Struct

from esmed.models import Plan


class EstimateView(Struct, frozen=True, kw_only=True):
    """What a message takes."""

    encoding: str
    parts: int
    units: int
    """Septets, UTF-16 units or octets of the whole."""
    units_per_part: int
    forcing_characters: list[str]
    """Those for which the whole goes as UCS-2."""


def estimate(plan: Plan) -> EstimateView:
    """Return what a message takes if it is split as planned."""
    count = plan.count
    return EstimateView(
        encoding=plan.encoding,
        parts=count.parts,
        units=count.units,
        units_per_part=count.units_per_part,
        forcing_characters=list(count.forcing_characters),
    )
