"""What webhooks decide, without a clock, a socket or a store.

Two things slow a delivery down, and they are kept apart:

* An **event** that fails is due again after a pause that doubles, 5 s to 1 h. It is
  dead once it is 24 h old and has been tried three times, or when it is 24 h old and
  its URL is `Breaker.hopeless`.
* A **URL** that fails gets a `Breaker`: a million events behind a dead URL must cost
  neither a connection nor a pause of their own each. They stay on disk as they are, and
  go out without delay once the URL answers.

410 Gone is a failure like any other: the URL stands in the operator's configuration,
and an event that was promised is not given up on the word of one answer.
"""

import hashlib
import hmac
from base64 import b64encode
from typing import Final

from esmed.models import Millis
from esmed.retry import pause
from esmed.secret import WEBHOOK_PREFIX

_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE

LIFETIME: Final = 24 * _HOUR
ATTEMPTS_AT_LEAST: Final = 3
"""Of an event's own: the daemon may have been down while it grew old."""

SHORTEST_PAUSE: Final = 5_000
LONGEST_PAUSE: Final = _HOUR

FAILURES_TO_REST: Final = 3
LONGEST_REST: Final = 10 * _MINUTE
"""A probe costs one connection; this is how late a URL's return is noticed."""
HOPELESS: Final = _HOUR


# --- signatures ----------------------------------------------------------------------


def own_key(key: bytes, url: str) -> bytes:
    """Return the octets that sign for a message's own ``webhook_url``.

    HMAC-SHA256(``key``, the URL as it was submitted): whoever knows one URL's secret
    can forge neither another's events nor the operator's.
    """
    return hmac.digest(key, url.encode(), hashlib.sha256)


def own_secret(key: bytes, url: str) -> str:
    """Return that key as the owner of the URL is told it: ``whsec_<base64>``."""
    return WEBHOOK_PREFIX + b64encode(own_key(key, url)).decode()


class Signer:
    """Makes the header ``webhook-signature`` (Standard Webhooks, symmetric, v1)."""

    # Keyed once and copied: `hmac.digest` would also give up the interpreter's lock for
    # each signature, and a busy writer thread is slow to hand it back.
    __slots__ = ("_keyed",)

    def __init__(self, key: bytes) -> None:
        self._keyed = hmac.new(key, digestmod=hashlib.sha256)

    def sign(self, id_: str, timestamp: int, body: bytes) -> str:
        """Return the value; ``timestamp`` is in seconds.

        Both it and the id are sent as headers beside the signature.
        """
        mac = self._keyed.copy()
        mac.update(b"%b.%d.%b" % (id_.encode(), timestamp, body))
        return "v1," + b64encode(mac.digest()).decode()


# --- events --------------------------------------------------------------------------


def next_attempt(
    *, begun_at: Millis, tries: int, now: Millis, jitter: float
) -> Millis | None:
    """Tell when a failed event is due again; None: it is dead.

    ``tries`` counts the attempts before the one that failed. The pauses never step over
    the end of the 24 h: one attempt, then the last, is made just there.
    """
    end = begun_at + LIFETIME
    if now >= end and tries + 1 >= ATTEMPTS_AT_LEAST:
        return None
    due_at = now + round(pause(tries, SHORTEST_PAUSE, LONGEST_PAUSE, jitter))
    return min(due_at, end) if now < end else due_at


def is_old(begun_at: Millis, now: Millis) -> bool:
    """Tell whether an event's 24 h are over."""
    return now >= begun_at + LIFETIME


# --- URLs ----------------------------------------------------------------------------


class Breaker:
    """How far one URL is trusted.

    * It starts with one request at a time and earns one more with each success, up to
      the limit: so it does after each rest, and so a dead URL costs one connection from
      its first event on.
    * A failure halves what it has earned. The third in a row makes it **rest**: nothing
      is sent for a pause that doubles, 5 s to 10 min; then one probe goes out, whose
      failure makes it rest again.
    * Only what says something new about the URL counts: that it cannot be reached, or
      that an event failed at its first attempt. One event that makes the receiver
      stumble again and again must not hold up the others.
    * What was under way when it went to rest says nothing new.
    * A success ends all of that.
    """

    __slots__ = ("_failing_since", "_failures", "_rest_until", "allowance")

    def __init__(self) -> None:
        self.allowance = 1
        """Requests that may be under way at once."""
        self._failures = 0
        self._failing_since: Millis | None = None
        self._rest_until: Millis = 0

    @property
    def well(self) -> bool:
        """Whether its last answer was a success, or there was none yet."""
        return self._failing_since is None

    @property
    def proven(self) -> bool:
        """Whether it has earned more than the one request that everyone has."""
        return self.allowance > 1

    def rests(self, now: Millis) -> bool:
        """Tell whether nothing may be sent now."""
        return now < self._rest_until

    def hopeless(self, now: Millis) -> bool:
        """Tell whether all probes have failed for an hour: that speaks for old events.

        So long, because after a start of the daemon, or of its network, a URL that was
        never asked is not to bury a day's events with its first three refusals.
        """
        return (
            self._failing_since is not None
            and self._failures >= FAILURES_TO_REST
            and now - self._failing_since >= HOPELESS
        )

    def succeeded(self, limit: int) -> bool:
        """Note a success and return whether it had rested before.

        ``limit`` is how many requests anyone may have.
        """
        returned = self._failures >= FAILURES_TO_REST
        self.allowance = min(self.allowance + 1, limit)
        self._failures = 0
        self._failing_since = None
        self._rest_until = 0
        return returned

    def failed(self, now: Millis, *, news: bool, jitter: float) -> bool:
        """Note a failure and return whether it goes to rest for the first time.

        ``news``: the failure says something about the URL, see above.
        """
        if self.rests(now):
            return False
        self.allowance = max(1, self.allowance // 2)
        if self._failing_since is None:
            self._failing_since = now
        if news:
            self._failures += 1
        rested = self._failures - FAILURES_TO_REST
        if rested < 0:
            return False
        self.allowance = 1
        wait = pause(rested, SHORTEST_PAUSE, LONGEST_REST, jitter)
        self._rest_until = now + round(wait)
        return news and not rested
