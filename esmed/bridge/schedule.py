"""When a provider is asked what has become of messages. Pure; times in seconds.

Most messages end within a minute, few after a day: so questions begin soon, and become
rare. Who pushes is asked for what has been lost on the way, later and as often.
"""

from __future__ import annotations

from typing import Final

from esmed.bridge.base import Traits
from esmed.connector import Asking

FIRST: Final = 10.0
FIRST_OF_PUSHED: Final = 300.0
FACTOR: Final = 1.7
LONGEST: Final = 3600.0


def for_provider(
    traits: Traits, *, pushed: bool, receipt_timeout: float
) -> Asking | None:
    """Return when a provider is asked, None if it cannot be.

    ``pushed``: whether it tells states of itself as well.
    """
    if not traits.asks:
        return None
    return asking(
        first=FIRST_OF_PUSHED if pushed else FIRST,
        factor=FACTOR,
        longest=LONGEST,
        retention=traits.retention,
        receipt_timeout=receipt_timeout,
        batch=traits.asks,
        every=traits.asks_every,
    )


def asking(
    *,
    first: float,
    factor: float,
    longest: float,
    retention: float,
    receipt_timeout: float,
    batch: int,
    every: float,
) -> Asking:
    """Return a schedule of pauses that grow by ``factor`` up to ``longest``.

    The last question comes before the provider forgets the message, after
    ``retention``; what is left of ``receipt_timeout`` then is for what is pushed. All
    pauses together are as long as that.
    """
    first = pause = min(first, receipt_timeout)
    until = min(retention, receipt_timeout)
    at, again = first, []
    while at + (pause := round(min(pause * factor, longest), 3)) < until:
        again.append(pause)
        at += pause
    return Asking(
        first=first,
        again=(*again, round(receipt_timeout - at, 3)),
        batch=batch,
        every=every,
    )
