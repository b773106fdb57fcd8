"""What becomes of a message at a provider, told by the end of its recipient. Pure.

A rule is `SUFFIX=STEP[,STEP…]`; an empty suffix speaks of every other recipient, the
longest suffix wins. A step is one of

* a state in the provider's own words, with an error behind a colon where it has such:
  `SENT`, `Rejected:16`; they are passed through one after another;
* `none`: taken, and nothing ever becomes of it;
* `refuse:CODE`: refused with the provider's own code; `refuse:CODE*2`: twice for each
  recipient, then as the other steps say.
"""

import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from esmed.simulator.suffixes import Suffixes

_REFUSAL: Final = re.compile(r"refuse:([\w.-]+)(?:\*(\d+))?")


class Step(Struct, frozen=True):
    """A state in the provider's own words, and its error."""

    word: str
    err: str = ""


class Outcome(Struct, frozen=True, kw_only=True):
    """Refused with `refusal`, if set, `refusals` times (0: always); then `steps`.

    No steps: taken, and nothing becomes of it.
    """

    refusal: str = ""
    refusals: int = 0
    steps: tuple[Step, ...] = ()


def parse_rule(rule: str) -> tuple[str, Outcome]:
    """Suffix and outcome of `SUFFIX=STEP[,STEP…]`; `ValueError` says what is wrong."""
    suffix, equals, text = rule.partition("=")
    if not equals:
        raise ValueError(f"{rule!r} is not SUFFIX=STEP[,STEP…]")
    refusal, refusals = "", 0
    steps: list[Step] = []
    for step in map(str.strip, text.split(",")):
        refused = _REFUSAL.fullmatch(step)
        word, _, err = step.partition(":")
        if refused is not None:
            refusal, refusals = refused[1], int(refused[2] or 0)
        elif not word or word == "refuse":
            raise ValueError(f"{step!r} of {rule!r} is no outcome")
        elif word != "none":
            steps.append(Step(word, err))
    return suffix, Outcome(refusal=refusal, refusals=refusals, steps=tuple(steps))


class Outcomes(Suffixes[Outcome]):
    """The rules, and the steps of every other message."""

    def __init__(self, rules: Iterable[str], usual: str) -> None:
        _, other = parse_rule(f"={usual}")
        known = dict(map(parse_rule, rules))
        for suffix, outcome in known.items():
            if outcome.refusals and not outcome.steps:
                again = Outcome(
                    refusal=outcome.refusal,
                    refusals=outcome.refusals,
                    steps=other.steps,
                )
                known[suffix] = again
        super().__init__(known, other)
