"""Whether a full queue (ESME_RMSGQFUL) is one phone's or the SMSC's own. Pure.

One phone's queue is a matter for what goes to that phone. But when within `SECONDS`
so many as `MANY` numbers are refused, and they are more than half of what is answered,
it is the SMSC that takes no more, and the connector has to pause.
"""

from collections import deque
from typing import Final

MANY: Final = 5
SECONDS: Final = 10.0
_ANSWERS: Final = 20
"""How many of the latest are looked at."""


class Congestion:
    """What the latest answers of one connector's SMSC say; times are seconds."""

    __slots__ = ("_answers", "_many")

    def __init__(self) -> None:
        self._answers: deque[tuple[float, str | None]] = deque(maxlen=_ANSWERS)
        """When, and the number that was refused."""
        self._many = False

    def full(self, number: str, now: float) -> bool:
        """Note a number whose queue is full; whether the SMSC's own is.

        Once it is, it remains so until `clear`.
        """
        answers = self._answers
        answers.append((now, number))
        while answers[0][0] < now - SECONDS:
            answers.popleft()
        refused = [number for _, number in answers if number is not None]
        if len(set(refused)) >= MANY and 2 * len(refused) > len(answers):
            self._many = True
        return self._many

    def other(self, now: float) -> None:
        """Note another answer."""
        if self._answers:
            self._answers.append((now, None))

    def clear(self) -> None:
        """Forget all: the SMSC takes messages again."""
        self._answers.clear()
        self._many = False
