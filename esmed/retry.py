"""What follows a refusal: later, elsewhere, or the end. Pure; times are given.

======================  ===============================================================
the next hop's answer   what follows
======================  ===============================================================
rejected, message       ``rejected``: no connector can change that
account, protocol       the next connector of the route; none left: later if the next
                        hop only deferred, else ``failed``
temporary, or deferred  later, on the same connector
======================  ===============================================================

Class protocol means that this next hop did not understand what we wrote (an invalid
length, an unknown parameter). Writing the same to it again cannot help, another
implementation may well take it.

Later means: after a pause that doubles with each refusal, at least as long as the next
hop asked for, and only while attempts and validity last.
"""

from typing import Final, Protocol

from msgspec import Struct

from esmed.models import (
    Deferred,
    Fault,
    FaultClass,
    MessageState,
    Millis,
    Rejected,
)

_ELSEWHERE: Final = frozenset({FaultClass.ACCOUNT, FaultClass.PROTOCOL})


class Policy(Protocol):
    """``retry:`` of the configuration."""

    @property
    def attempts(self) -> int:
        """How often a message is tried in all."""

    @property
    def min(self) -> float:
        """Seconds; the shortest pause."""

    @property
    def max(self) -> float:
        """Seconds; the longest pause."""


class RetryAt(Struct, frozen=True):
    """The same connector again, not before ``due_at``."""

    due_at: Millis


class NextConnector(Struct, frozen=True):
    """This connector will not take it: now the next one of the route."""


class GiveUp(Struct, frozen=True):
    """The end of the parts that no next hop has taken."""

    state: MessageState
    fault: Fault


Decision = RetryAt | NextConnector | GiveUp


def decide(
    outcome: Rejected | Deferred,
    *,
    tries: int,
    more: bool,
    now: Millis,
    expires_at: Millis,
    policy: Policy,
    jitter: float,
) -> Decision:
    """Tell what follows a refusal.

    ``tries`` counts the temporary refusals before this one (`Progress.tries`; one more
    is to be stored with `RetryAt`). ``more``: there is another connector that may take
    the message, which is so only while no part of it is accepted or unknown.
    ``jitter`` is uniform in [0, 1).

    A retry that would be due after ``expires_at`` is due then: nobody sends it any more
    and it ends as ``expired``. Once it is too late already, that is said at once.
    """
    fault = outcome.fault
    deferred = isinstance(outcome, Deferred) or fault.cls is FaultClass.TEMPORARY
    if fault.cls is FaultClass.MESSAGE and not deferred:
        return GiveUp(MessageState.REJECTED, fault)
    elsewhere = fault.cls in _ELSEWHERE and more
    if not elsewhere and (not deferred or tries + 1 >= policy.attempts):
        return GiveUp(MessageState.FAILED, fault)
    if now >= expires_at:
        return GiveUp(MessageState.EXPIRED, fault)
    if elsewhere:
        return NextConnector()
    wait = pause(tries, policy.min, policy.max, jitter)
    if isinstance(outcome, Deferred) and outcome.retry_after is not None:
        wait = max(wait, outcome.retry_after)
    return RetryAt(min(now + round(wait * 1000), expires_at))


def pause(tries: int, shortest: float, longest: float, jitter: float) -> float:
    """Tell how long to wait after ``tries`` earlier failures in a row.

    Between ``shortest * 2**tries`` and twice that, as ``jitter`` in [0, 1) says, and
    never outside of the bounds: at the upper one it lies between half of it and all,
    so that what failed together does not come back together. In their unit.
    """
    base = min(shortest * 2.0 ** min(tries, 62), longest / 2)
    return max(shortest, min(base * (1 + jitter), longest))
