"""What becomes of a message, told by the end of its destination. Pure.

A rule is `SUFFIX=STEP[,STEP…]`; an empty suffix speaks of every other destination, the
longest suffix wins. A step is one of

* `DELIVRD`, `UNDELIV`, `EXPIRED`, `REJECTD`, `DELETED`, `UNKNOWN`, `ACCEPTD`,
  `ENROUTE`, `BUFFRED`, `FAILED`: a receipt with that stat, in the case given;
  `UNDELIV:00B` with that err; several come one after another, a receipt delay apart;
* `none`: accepted, and no receipt ever comes;
* a command_status such as `ESME_RINVDSTADR`: refused in submit_sm_resp;
  `ESME_RMSGQFUL*2`: refused twice per destination, then as the other steps say.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from esmed.simulator.suffixes import Suffixes
from esmed.simulator.values import Status
from pdu import MessageState

_STEP: Final = re.compile(r"(\w+)(?::(\w{1,3})|\*(\d+))?")

STATES: Final = {
    "DELIVRD": MessageState.DELIVERED,
    "UNDELIV": MessageState.UNDELIVERABLE,
    "EXPIRED": MessageState.EXPIRED,
    "REJECTD": MessageState.REJECTED,
    "DELETED": MessageState.DELETED,
    "UNKNOWN": MessageState.UNKNOWN,
    "ACCEPTD": MessageState.ACCEPTED,
    "ENROUTE": MessageState.ENROUTE,
    "BUFFRED": MessageState.ENROUTE,
    "FAILED": MessageState.UNDELIVERABLE,
}
_ON_THE_WAY: Final = (MessageState.ENROUTE, MessageState.ACCEPTED)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one receipt says: `stat` and `err` of its text, and message_state.

    `final`: nothing follows from the network's point of view; `success`: the message
    has reached the phone.
    """

    stat: str
    err: str
    state: MessageState
    final: bool
    success: bool


def report(stat: str, err: str | None = None) -> Report:
    """The report of a stat; `err` defaults to 000 unless something failed, then 001."""
    state = STATES[stat.upper()]
    final = state not in _ON_THE_WAY
    success = state is MessageState.DELIVERED
    usual = "001" if final and not success else "000"
    return Report(
        stat=stat, err=err or usual, state=state, final=final, success=success
    )


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Refused with `status`, if set, `refusals` times (0: always); then `reports`.

    No reports: accepted, and no receipt comes.
    """

    status: int = 0
    refusals: int = 0
    reports: tuple[Report, ...] = ()


DELIVERED: Final = Outcome(reports=(report("DELIVRD"),))
CANCELLED: Final = report("DELETED")

STANDARD: Final = (
    "01=UNDELIV",
    "02=EXPIRED",
    "03=REJECTD",
    "04=ENROUTE,DELIVRD",
    "05=ESME_RINVDSTADR",
    "06=none",
    "07=ESME_RMSGQFUL*2,DELIVRD",
)
"""What the last two digits mean by default on the command line."""


def parse_rule(rule: str) -> tuple[str, Outcome]:
    """Suffix and outcome of `SUFFIX=STEP[,STEP…]`; `ValueError` says what is wrong."""
    suffix, equals, steps = rule.partition("=")
    if not equals:
        raise ValueError(f"{rule!r} is not SUFFIX=STEP[,STEP…]")
    status = refusals = 0
    reports: list[Report] = []
    for step in steps.split(","):
        match = _STEP.fullmatch(step.strip())
        if match is None:
            raise ValueError(f"{step!r} of {rule!r} is no outcome")
        word, err, times = match.groups()
        if word.upper() in STATES:
            reports.append(report(word, err))
        elif word.lower() != "none":
            status, refusals = Status.parse(word), int(times or 0)
    if refusals and not reports:
        reports.append(report("DELIVRD"))
    return suffix, Outcome(status=status, refusals=refusals, reports=tuple(reports))


class Outcomes(Suffixes[Outcome]):
    """The rules, beside that every other message is delivered."""

    def __init__(self, rules: Iterable[str] = ()) -> None:
        super().__init__(dict(map(parse_rule, rules)), DELIVERED)
