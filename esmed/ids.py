"""Public ids of messages: UUID version 7 (RFC 9562 §5.7), ever increasing."""

import secrets
import struct
from typing import Final

from esmed.models import Millis

_RANDOM_BITS: Final = 74  # rand_a and rand_b together
_LIMIT: Final = 1 << _RANDOM_BITS
_VERSION: Final = 7 << 76
_VARIANT: Final = 0b10 << 62
_LOW: Final = (1 << 62) - 1
_POOLED: Final = 512  # words of randomness fetched at once: a system call costs 1 µs


class IdSource:
    """Makes ids whose text sorts in the order they were made.

    RFC 9562 §6.2 method 2: within one millisecond, and while the clock is behind the
    last id, the random part grows by a random step, so that ids are not to be guessed
    from each other; when it overflows, the time of the id runs ahead by a millisecond.
    """

    __slots__ = ("_last", "_pool", "_random")

    def __init__(self) -> None:
        self._last: Millis = -1
        self._random = 0
        self._pool: list[int] = []

    def next(self, now: Millis) -> str:
        """Return the next id; ``now`` may stand still or go back."""
        if now > self._last:
            self._last = now
            self._random = self._seed()
        else:
            self._random += 1 + self._word()
            if self._random >= _LIMIT:
                self._last += 1
                self._random = self._seed()
        value = (
            self._last << 80
            | _VERSION
            | self._random >> 62 << 64
            | _VARIANT
            | self._random & _LOW
        )
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def _seed(self) -> int:
        """Return a random part with room to grow: its highest bit is not set."""
        word = self._word
        return (word() << 64 | word() << 32 | word()) >> (96 - _RANDOM_BITS + 1)

    def _word(self) -> int:
        """Return 32 random bits."""
        if not self._pool:
            octets = secrets.token_bytes(4 * _POOLED)
            self._pool = list(struct.unpack(f"{_POOLED}I", octets))
        return self._pool.pop()
