"""Which webhook goes out next: a bounded window over the outbox. Pure.

Events are sorted by URL and URLs take turns, so that a slow one delays nobody by more
than its own turn. URLs that have not earned any trust (new ones, failing ones) together
get half of the connections at most: the others never wait for dead ones.

What is here is also on disk, and due. Events whose URL goes to rest are forgotten.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Final

from esmed.hooks import Breaker
from esmed.models import Millis
from esmed.store.base import OutboxItem

URLS: Final = 1000
"""Remembered at most. A failing URL beyond them starts anew as an unknown one."""
SUPPLY: Final = 100
"""Events a proven URL should have here, so that it need not wait for the next page."""


class Lane:
    """One URL: what waits for it, what is under way to it."""

    __slots__ = ("breaker", "flying", "ready", "url")

    def __init__(self, url: str | None) -> None:
        self.url = url
        self.breaker = Breaker()
        self.ready: deque[OutboxItem] = deque()
        self.flying = 0

    @property
    def idle(self) -> bool:
        """Whether nothing of it is in this window."""
        return not self.ready and not self.flying


class Flight:
    """One event on its way."""

    __slots__ = ("item", "lane", "probe")

    def __init__(self, item: OutboxItem, lane: Lane, *, probe: bool) -> None:
        self.item = item
        self.lane = lane
        self.probe = probe
        """Whether it takes one of the places of the unproven."""


class HookQueue:
    """The window. ``limit`` is the number of flights at once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._most_probes = max(1, limit // 2)
        self._lanes: dict[str | None, Lane] = {}
        self._turns: OrderedDict[str | None, Lane] = OrderedDict()
        self._busy: set[int] = set()
        self._flying = 0
        self._probes = 0
        self.waiting = 0
        """How many events are ready to be taken."""

    @property
    def busy(self) -> int:
        """How many events the next page may contain that are here already."""
        return len(self._busy)

    def add(self, items: Iterable[OutboxItem]) -> int:
        """Take in events, in the order of the outbox; return how many were new."""
        before = len(self._busy)
        for item in items:
            if item.seq not in self._busy:
                self._busy.add(item.seq)
                lane = self._lane(item.url)
                lane.ready.append(item)
                self._turns[item.url] = lane
        added = len(self._busy) - before
        self.waiting += added
        return added

    def reserve(self, items: Iterable[OutboxItem]) -> list[OutboxItem]:
        """Return the events that are not here, and keep them out until ``stored``."""
        mine = [item for item in items if item.seq not in self._busy]
        self._busy.update(item.seq for item in mine)
        return mine

    def take(self, now: Millis) -> Flight | None:
        """Start the next event that may go; None: there is no such event, or room."""
        if self._flying >= self._limit:
            return None
        for lane in self._turns.values():
            if self._may_start(lane, now):
                return self._start(lane)
        return None

    def succeeded(self, flight: Flight) -> bool:
        """Free the place of a flight; return whether its URL is back from rest.

        As after ``failed``, the event is kept out until ``stored``.
        """
        self._land(flight)
        return flight.lane.breaker.succeeded(self._limit)

    def failed(self, flight: Flight, now: Millis, *, news: bool, jitter: float) -> bool:
        """Free the place of a flight; return whether its URL goes to rest anew.

        What else waits for a URL at rest is forgotten: it stays on disk.
        """
        self._land(flight)
        breaker = flight.lane.breaker
        anew = breaker.failed(now, news=news, jitter=jitter)
        if breaker.rests(now):
            self._forget(flight.lane)
        return anew

    def stored(self, seqs: Iterable[int]) -> None:
        """Forget events whose fate is on disk."""
        self._busy.difference_update(seqs)

    def has_enough(self, now: Millis) -> bool:
        """Tell whether every place is taken, or can be from here, with some spare."""
        return self.waiting >= max(self._limit, SUPPLY) and (
            self._flying >= self._limit
            or any(self._may_start(lane, now) for lane in self._turns.values())
        )

    def skip(self, now: Millis) -> list[str | None]:
        """Return the URLs to leave out of the next page: at rest, or well supplied."""
        return [
            lane.url
            for lane in self._lanes.values()
            if lane.breaker.rests(now)
            or len(lane.ready) >= (SUPPLY if lane.breaker.proven else 1)
        ]

    def others(self, url: str | None) -> list[str | None]:
        """Return all known URLs but this one."""
        return [other for other in self._lanes if other != url]

    def _land(self, flight: Flight) -> None:
        flight.lane.flying -= 1
        self._flying -= 1
        self._probes -= flight.probe

    def _forget(self, lane: Lane) -> None:
        self._busy.difference_update(item.seq for item in lane.ready)
        self.waiting -= len(lane.ready)
        lane.ready.clear()
        self._turns.pop(lane.url, None)

    def _may_start(self, lane: Lane, now: Millis) -> bool:
        breaker = lane.breaker
        return (
            lane.flying < breaker.allowance
            and (breaker.proven or self._probes < self._most_probes)
            and not breaker.rests(now)
        )

    def _start(self, lane: Lane) -> Flight:
        flight = Flight(lane.ready.popleft(), lane, probe=not lane.breaker.proven)
        if lane.ready:
            self._turns.move_to_end(lane.url)
        else:
            del self._turns[lane.url]
        lane.flying += 1
        self.waiting -= 1
        self._flying += 1
        self._probes += flight.probe
        return flight

    def _lane(self, url: str | None) -> Lane:
        lane = self._lanes.get(url)
        if lane is None:
            if len(self._lanes) >= URLS:
                self._make_room()
            lane = self._lanes[url] = Lane(url)
        return lane

    def _make_room(self) -> None:
        """Drop idle URLs: all that are well, else the one known longest."""
        idle = [lane for lane in self._lanes.values() if lane.idle]
        for lane in [lane for lane in idle if lane.breaker.well] or idle[:1]:
            del self._lanes[lane.url]
