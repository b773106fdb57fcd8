"""The messages that a stand-in has taken, and how far each is.

The newest `keep` are kept.
"""

from collections import deque
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from esmed.simulator.bridge.outcomes import Step


class Message(msgspec.Struct, kw_only=True, gc=False, rename={"from_": "from"}):
    """One message to one recipient, as it was taken.

    `id` is the provider's, which several recipients may share; `at` and `starts` are
    wall time, `begins` is `starts` on the event loop's clock: from when on its states
    come. `fields` is what else the request said of it.
    """

    number: int
    id: str
    at: float
    from_: str
    to: str
    """Digits."""
    text: str | None
    data: str | None = None
    """Hex, for binary."""
    parts: int = 1
    reference: str = ""
    """The client's own id of it."""
    fields: Mapping[str, str] = {}
    steps: tuple[Step, ...] = ()
    starts: float = 0.0
    begins: float = 0.0
    deliver_after: float = 0.0
    ended: Step | None = None
    """What it was ended with before its time."""
    ended_at: float = 0.0
    """When that was, wall time."""

    def due(self, step: int) -> float:
        """When that one of its steps, from 0, is reached, on the event loop's clock."""
        return self.begins + self.deliver_after * (step + 1) / len(self.steps)

    def state(self, now: float) -> Step | None:
        """How far it is; None: nothing has become of it yet."""
        if self.ended is not None:
            return self.ended
        reached = self._reached(now)
        return self.steps[reached - 1] if reached else None

    def changed(self, now: float) -> float:
        """Since when, wall time, it is as far as `state` says: the same whenever it is
        asked."""
        if self.ended is not None:
            return self.ended_at
        reached = self._reached(now)
        if not reached:
            return self.at
        return self.starts + self.deliver_after * reached / len(self.steps)

    def _reached(self, now: float) -> int:
        return sum(self.due(number) <= now for number in range(len(self.steps)))


class Register:
    """Every message taken, newest last; with a journal, on file before it is answered.

    A line of the journal has the fields of `Message`.
    """

    def __init__(self, keep: int, journal: Path | None = None) -> None:
        self._keep: Final = keep
        self._kept: deque[Message] = deque()
        self._by_id: dict[str, list[Message]] = {}
        self._by_reference: dict[str, list[Message]] = {}
        self._seen: dict[tuple[str, str, str | None, str | None], int] = {}
        self._file = journal.open("ab", buffering=0) if journal else None
        self.taken = 0
        self.duplicates = 0
        """Messages whose sender, recipient and content are those of one kept before."""

    def add(self, message: Message) -> None:
        """Keep it, and forget the oldest."""
        self.taken += 1
        self._kept.append(message)
        self._by_id.setdefault(message.id, []).append(message)
        if message.reference:
            self._by_reference.setdefault(message.reference, []).append(message)
        copies = self._seen.get(_key(message), 0)
        self._seen[_key(message)] = copies + 1
        self.duplicates += copies > 0
        if self._file is not None:
            self._file.write(msgspec.json.encode(message) + b"\n")
        if len(self._kept) > self._keep:
            self._forget(self._kept.popleft())

    def with_id(self, message_id: str) -> list[Message]:
        """The messages that go by this id, in the order in which they came."""
        return list(self._by_id.get(message_id, ()))

    def with_reference(self, reference: str) -> list[Message]:
        """The messages that the client calls so, likewise."""
        return list(self._by_reference.get(reference, ()))

    def find(self, message_id: str, to: str) -> Message | None:
        """The one for this recipient (digits); of several the last."""
        found = [each for each in self._by_id.get(message_id, ()) if each.to == to]
        return found[-1] if found else None

    def messages(self, after: int = 0, limit: int | None = None) -> list[Message]:
        """Those whose `number` is above `after`, oldest first."""
        return list(islice((it for it in self._kept if it.number > after), limit))

    def close(self) -> None:
        """Close the journal."""
        if self._file is not None:
            self._file.close()

    def _forget(self, message: Message) -> None:
        for index, name in (
            (self._by_id, message.id),
            (self._by_reference, message.reference),
        ):
            if name:
                index[name].remove(message)
                if not index[name]:
                    del index[name]
        copies = self._seen.pop(_key(message)) - 1
        if copies:
            self._seen[_key(message)] = copies


def _key(message: Message) -> tuple[str, str, str | None, str | None]:
    return message.from_, message.to, message.text, message.data
