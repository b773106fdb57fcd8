"""The fault schedule: which fault strikes when. Pure; time and counts are arguments.

A fault opens by time or by count, stays open for a while and, while it is open, strikes
some or all of the occasions that come by.

    waiting ──due──► open ──for──► waiting (every, each) or done

* By time: `at` seconds (default 0) after the start, or after the first bind with
  `since: bind`; again `every` so many seconds.
* By count: `after` so many messages submitted; again after `each` further so many.
* Open: `for` so many seconds, else for good.
* Of the occasions while it is open it strikes a share `p`, at most `times` of them, and
  with `limit` only those beyond that rate.
* An instant fault (a drop, an injected PDU) has no occasions: it happens when it opens,
  with probability `p`, at most `times` in all; `for` ends its repetition.

What a fault does when it strikes is `esmed.simulator.kinds`.
"""

import random
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, Generic, Literal, TypeVar

import msgspec

from esmed.simulator.values import Rate, Seconds, read

NEVER: Final = 1 << 62
"""A count of messages that is not reached."""


class Fault(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"for_": "for"},
):
    """When a fault strikes; a kind adds what it needs to know to do so."""

    kind: ClassVar[str]
    instant: ClassVar[bool] = False

    at: Seconds | None = None
    every: Seconds | None = None
    for_: Seconds | None = None
    since: Literal["start", "bind"] = "start"
    after: int | None = None
    each: int | None = None
    p: float = 1.0
    times: int | None = None
    limit: Rate | None = None

    @classmethod
    def arranged(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields as they are written, put where the kind has them."""
        return fields

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError("p is a probability from 0 to 1")
        for name in ("every", "each", "for_", "times", "after", "limit"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name.rstrip('_')} must be above 0")
        by_count = self.after is not None or self.each is not None
        if by_count and (self.at, self.every, self.since) != (None, None, "start"):
            raise ValueError("after and each count messages: not with at, every, since")
        overlapping = (
            not self.instant
            and self.every is not None
            and (self.for_ or self.every) >= self.every
        )
        if overlapping:
            raise ValueError("every needs a for that is shorter")
        if self.instant and self.limit is not None:
            raise ValueError("limit is for faults that last")


F = TypeVar("F", bound=Fault)


def parse(spec: str | Mapping[str, Any], kinds: Mapping[str, type[F]]) -> F:
    """A fault from `"drop at=10 every=30s"` or the mapping that says the same.

    What is a text may be written as a number: codes mostly are. `ValueError` tells what
    is wrong with it; an unknown kind is answered with a list.
    """
    fields = _fields(spec) if isinstance(spec, str) else dict(spec)
    kind = fields.pop("kind", None)
    if kind not in kinds:
        raise ValueError(f"fault kind {kind!r} is none of: {', '.join(sorted(kinds))}")
    for each in msgspec.structs.fields(kinds[kind]):
        if each.type is str and type(fields.get(each.name)) in {int, float}:
            fields[each.name] = str(fields[each.name])
    try:
        return read(kinds[kind].arranged(fields), kinds[kind])
    except ValueError as exc:
        raise ValueError(f"fault {kind}: {exc}") from exc


def _fields(text: str) -> dict[str, Any]:
    kind, *rest = shlex.split(text) or [""]
    fields: dict[str, Any] = {"kind": kind}
    for word in rest:
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"fault {kind}: {word!r} is not name=value")
        fields[name] = value
    return fields


class Armed(Generic[F]):
    """One fault of a schedule, and where it stands."""

    def __init__(self, key: int, fault: F, seed: str) -> None:
        self.key: Final = key
        self.fault: Final[F] = fault
        self.open = False
        self.due: float | None = None
        self.due_count = NEVER
        self.ends: float | None = None
        self._first: float | None = None
        self._left = fault.times
        self._allowance = float(fault.limit or 0)
        self._refilled = float("-inf")
        # Reproducible, not secret; apart for each fault, so that one's draws leave the
        # others' as they were.
        self._random = random.Random(f"{seed}/{key}")  # noqa: S311

    def arm(self, now: float, messages: int) -> None:
        """Start the clock: `at` counts from `now`, `after` from `messages`."""
        if self.fault.after is not None or self.fault.each is not None:
            self.due_count = messages + (self.fault.after or self.fault.each or 0)
        else:
            self.due = self._first = now + (self.fault.at or 0.0)

    def strikes(self, now: float) -> bool:
        """Whether this occasion, while it is open, is struck. Counts it if so."""
        if self._left == 0 or self._allowed(now):
            return False
        if self.fault.p < 1 and self._random.random() >= self.fault.p:
            return False
        if self._left is not None:
            self._left -= 1
        return True

    def advance(self, now: float, messages: int) -> Iterator[bool]:
        """Do what is due: gives True for an opening (or an instant), False for an end.

        Openings that were slept through happen once, and not if their end has come.
        """
        if self.open and self.ends is not None and now >= self.ends:
            self.open = False
            yield False
        started = self._start(now, messages)
        if started is None:
            return
        fault = self.fault
        if fault.instant:
            if self.strikes(now):
                yield True
            return
        self._left = fault.times
        self.ends = None if fault.for_ is None else started + fault.for_
        if not self.open and (self.ends is None or self.ends > now):
            self.open = True
            yield True

    def deadline(self) -> float | None:
        """When to look again, whatever the messages."""
        times = [self.due, self.ends if self.open else None]
        return min((time for time in times if time is not None), default=None)

    def _start(self, now: float, messages: int) -> float | None:
        """When the opening that is due began; sets the next one."""
        if messages >= self.due_count:
            step = self.fault.each
            behind = messages - self.due_count
            self.due_count = NEVER if step is None else messages + step - behind % step
            return now
        if self.due is None or now < self.due:
            return None
        due, self.due = self.due, None
        if self.fault.every is None or self._first is None:
            return due
        passed = int((now - self._first) / self.fault.every)
        following = self._first + (passed + 1) * self.fault.every
        last = self._first + (self.fault.for_ or float("inf"))
        if not self.fault.instant or following < last:
            self.due = following
        return following - self.fault.every

    def _allowed(self, now: float) -> bool:
        """Within `limit`: a bucket that holds a second's worth."""
        limit = self.fault.limit
        if limit is None:
            return False
        gained = min(max(limit, 1.0), (now - self._refilled) * limit)
        self._allowance = min(max(limit, 1.0), self._allowance + gained)
        self._refilled = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True


class Schedule(Generic[F]):
    """All faults of a simulator; `advance` says which open and which end."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._armed: dict[int, Armed[F]] = {}
        self._last_key = 0
        self._bound = False

    def add(self, fault: F, now: float, messages: int = 0) -> int:
        """Take a fault in, its clock starting `now`; the key is for `remove`."""
        self._last_key += 1
        armed = Armed(self._last_key, fault, str(self._seed))
        self._armed[armed.key] = armed
        if self._bound or fault.since == "start":
            armed.arm(now, self.counted(fault, messages))
        return armed.key

    def counted(self, fault: F, messages: int) -> int:
        """How many of what `after` and `each` of this fault count."""
        return messages

    def remove(self, key: int) -> Armed[F] | None:
        """Take a fault out; whoever applied it ends it if it was open."""
        return self._armed.pop(key, None)

    def bound(self, now: float) -> None:
        """An ESME has bound: starts the clocks `since: bind`, the first time."""
        if not self._bound:
            self._bound = True
            for armed in self._armed.values():
                if armed.fault.since == "bind":
                    armed.arm(now, 0)

    def advance(self, now: float, messages: int) -> list[tuple[Armed[F], bool]]:
        """What opens (True) and ends (False) by now, in the order it was added."""
        return [
            (armed, opening)
            for armed in self._armed.values()
            for opening in armed.advance(now, self.counted(armed.fault, messages))
        ]

    def open(self) -> list[Armed[F]]:
        """The faults that may strike now."""
        return [armed for armed in self._armed.values() if armed.open]

    @property
    def keys(self) -> list[int]:
        """The keys of every fault taken in and not removed."""
        return list(self._armed)

    def deadline(self) -> float | None:
        """When `advance` has something to do by time alone."""
        deadlines = (armed.deadline() for armed in self._armed.values())
        return min((time for time in deadlines if time is not None), default=None)

    def threshold(self) -> int:
        """At how many messages `advance` has something to do."""
        return min((armed.due_count for armed in self._armed.values()), default=NEVER)
