from msgspec import to_builtins

from esmed import estimates
from esmed.models import Count, Plan


def test_what_is_shown() -> None:
    plan = Plan(
        connector="carrier",
        encoding="ucs2",
        data_coding=8,
        udhi=False,
        parts=(b"",),
        concatenation="payload",
        count=Count(
            parts=2,
            units=71,
            units_per_part=67,
            forcing_characters="\N{BIRTHDAY CAKE}я",
        ),
    )
    assert to_builtins(estimates.estimate(plan)) == {
        "encoding": "ucs2",
        "parts": 2,
        "units": 71,
        "units_per_part": 67,
        "forcing_characters": ["\N{BIRTHDAY CAKE}", "я"],
    }
