"""`esmed.lanes`: a window over what waits on disk, that forgets nothing.

The model test plays a whole store against one lane, with every message in exactly one
place, and asks two things: nothing is given that is in somebody's hands already, and in
the end everything that is due has been given.
"""

from bisect import insort
from unittest import mock

from fakes.records import DAY, T0, request
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from esmed import lanes
from esmed.lanes import LOW, MOST, PAGE, Lane
from esmed.models import Priority, Queued

MODEL_MOST = 6
MODEL_PAGE = 3
"""Bounds that a short random life reaches."""

REQUEST = request()
NOBODY: frozenset[int] = frozenset()


def queued(seq: int, due_at: int = T0) -> Queued:
    return Queued(
        seq=seq,
        id=str(seq),
        request=REQUEST,
        via=("carrier",),
        due_at=due_at,
        expires_at=T0 + DAY,
    )


def lane() -> Lane:
    return Lane(("carrier",), Priority.NORMAL)


def seqs(one: Lane) -> list[int]:
    return [each.seq for each in one.queue]


def page(one: Lane, *found: Queued, next_due: int | None = None) -> list[Queued]:
    one.begin_page()
    return one.end_page(found, NOBODY, next_due)


class TestOffer:
    def test_what_is_due_is_kept(self) -> None:
        one = lane()
        assert one.offer(queued(1), T0)
        assert one.offer(queued(2), T0)
        assert seqs(one) == [1, 2]
        assert not one.more
        assert one.cursor == (T0, 2)

    def test_what_is_due_later_stays_on_disk(self) -> None:
        one = lane()
        assert not one.offer(queued(1, T0 + 5000), T0)
        assert not one.offer(queued(2, T0 + 3000), T0)
        assert not one.wake(T0 + 2999)
        assert one.wake(T0 + 3000)
        assert one.more
        assert one.wake_at is None

    def test_the_rest_of_a_full_lane_stays_on_disk(self) -> None:
        one = lane()
        taken = [one.offer(queued(seq), T0) for seq in range(MOST + 1)]
        assert taken == [True] * MOST + [False]
        assert one.more
        assert not one.wants_page()

    def test_nobody_jumps_the_queue_on_disk(self) -> None:
        one = lane()
        one.rewind(T0, 1)
        assert not one.offer(queued(2), T0)
        assert seqs(one) == []

    def test_while_a_page_is_read(self) -> None:
        one = lane()
        one.begin_page()
        assert not one.offer(queued(5), T0)
        one.end_page([], NOBODY, None)
        assert one.more
        assert one.cursor < (T0, 5)


class TestTurn:
    def test_the_urgent_first_then_who_waits_longest(self) -> None:
        urgent, old, new, unread = (
            Lane(("carrier",), Priority.HIGH),
            lane(),
            lane(),
            lane(),
        )
        urgent.offer(queued(9, T0 + 9), T0 + 9)
        old.offer(queued(1, T0 + 1), T0 + 9)
        new.offer(queued(2, T0 + 2), T0 + 9)
        unread.rewind(T0, 0)
        order = sorted((new, old, unread, urgent), key=Lane.turn)
        assert order == [urgent, unread, old, new]


class TestPages:
    def test_a_full_one_is_not_the_last(self) -> None:
        one = lane()
        one.rewind(T0, 0)
        assert one.wants_page()
        page(one, *(queued(seq) for seq in range(PAGE)))
        assert one.more
        assert one.cursor == (T0, PAGE - 1)
        assert not one.wants_page()
        while len(one.queue) >= LOW:
            one.queue.popleft()
        assert one.wants_page()
        page(one, queued(PAGE))
        assert not one.more

    def test_one_at_a_time(self) -> None:
        one = lane()
        one.rewind(T0, 0)
        one.begin_page()
        assert not one.wants_page()

    def test_what_is_known_is_not_given_again(self) -> None:
        one = lane()
        one.rewind(T0, 0)
        one.begin_page()
        new = one.end_page([queued(1), queued(2), queued(3)], {1, 3}, None)
        assert [each.seq for each in new] == [2]
        assert one.cursor == (T0, 3)

    def test_it_tells_when_the_next_is_due(self) -> None:
        one = lane()
        one.due(T0 + 9000)
        page(one, next_due=T0 + 8000)
        assert one.wake_at == T0 + 8000

    def test_the_store_could_not_answer(self) -> None:
        one = lane()
        one.rewind(T0, 0)
        one.begin_page()
        one.no_page()
        assert one.wants_page()


class TestRewind:
    def test_what_waits_again_at_its_old_place_is_read_and_goes_first(self) -> None:
        one = lane()
        for seq in range(LOW + 10):
            one.offer(queued(seq, T0 + seq), T0 + DAY)
        first = one.queue.popleft()
        one.rewind(first.due_at, first.seq)
        assert one.wants_page()
        known = set(seqs(one))
        one.begin_page()
        found = [queued(seq, T0 + seq) for seq in range(LOW + 10)]
        one.end_page(found, known, None)
        assert seqs(one) == list(range(LOW + 10))
        assert not one.wants_page()

    def test_behind_the_page_that_is_being_read(self) -> None:
        """It was not there yet when the page was read, which goes beyond it."""
        one = lane()
        one.rewind(T0, 0)
        one.begin_page()
        one.rewind(T0 + 20, 20)
        one.rewind(T0 + 10, 10)
        one.rewind(T0 + 15, 15)
        one.end_page([queued(30, T0 + 30)], NOBODY, None)
        assert one.more
        assert one.cursor == (T0 + 10, 9)

    def test_before_it(self) -> None:
        one = lane()
        page(one, queued(30, T0 + 30))
        one.more = True
        one.begin_page()
        one.rewind(T0 + 10, 10)
        one.end_page([queued(40, T0 + 40)], NOBODY, None)
        assert one.cursor == (T0 + 10, 9)


class Model(RuleBasedStateMachine):
    """One lane, its store, and a dispatch that gives and takes back at random."""

    def __init__(self) -> None:
        super().__init__()
        self.small = mock.patch.multiple(lanes, MOST=MODEL_MOST, PAGE=MODEL_PAGE, LOW=2)
        self.small.start()
        self.lane = lane()
        self.now = T0
        self.next_seq = 1
        self.disk: list[tuple[int, int]] = []
        """(due_at, seq) of what waits in the store, in order."""
        self.known: set[int] = set()
        self.flying: dict[int, int] = {}
        """In a connector's hands: seq and due_at."""
        self.being_read: list[tuple[int, int]] | None = None
        """The disk as it was when the page was read, and its time."""
        self.read_at = 0
        self.given_back = 0

    def waits(self, due_at: int, seq: int) -> None:
        insort(self.disk, (due_at, seq))

    @rule(later=st.sampled_from([0, 0, 0, 3, 40]), count=st.integers(1, 6))
    def accept(self, later: int, count: int) -> None:
        """Messages are accepted: now, or for a given time."""
        for _ in range(count):
            seq, self.next_seq = self.next_seq, self.next_seq + 1
            due_at = self.now + later
            self.waits(due_at, seq)
            if self.lane.offer(queued(seq, due_at), self.now):
                self.given_once(seq)

    @precondition(lambda self: self.lane.wants_page() and self.being_read is None)
    @rule()
    def ask(self) -> None:
        self.lane.begin_page()
        self.being_read = [at for at in self.disk if at > self.lane.cursor]
        self.read_at = self.now

    @precondition(lambda self: self.being_read is not None)
    @rule()
    def answer(self) -> None:
        """What the page lacks by now is to be asked for again."""
        assert self.being_read is not None
        read, self.being_read = self.being_read, None
        found = [at for at in read if at[0] <= self.read_at][:MODEL_PAGE]
        later = [due_at for due_at, _ in read if due_at > self.read_at]
        next_due = min(later) if later and len(found) < MODEL_PAGE else None
        page = [queued(seq, due_at) for due_at, seq in found]
        for each in self.lane.end_page(page, self.known, next_due):
            self.given_once(each.seq)

    @precondition(lambda self: self.being_read is not None)
    @rule()
    def no_answer(self) -> None:
        self.being_read = None
        self.lane.no_page()

    @rule(count=st.integers(1, 4), marked=st.booleans())
    def send(self, count: int, *, marked: bool) -> None:
        """Give messages to a connector; some must not wait any more meanwhile."""
        for _ in range(min(count, len(self.lane.queue))):
            one = self.lane.queue.popleft()
            self.flying[one.seq] = one.due_at
            if marked:
                self.disk.remove((one.due_at, one.seq))

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def land(self, data: st.DataObject) -> None:
        """A message ends, is given back, or waits again: as before, or later."""
        seq = data.draw(st.sampled_from(sorted(self.flying)))
        due_at = self.flying.pop(seq)
        fate = data.draw(st.sampled_from(["end", "give back", "again", "later"]))
        waiting = (due_at, seq) in self.disk
        if waiting and (fate == "give back" or self.being_read is not None):
            # A page never has too much: who takes a message off the disk is heard of
            # before the next page is, and after the one before.
            self.lane.queue.appendleft(queued(seq, due_at))
            self.given_back += 1
            return
        if waiting:
            self.disk.remove((due_at, seq))
        self.known.discard(seq)
        if fate == "later":
            due_at = self.now + data.draw(st.integers(1, 30))
            self.waits(due_at, seq)
            self.lane.due(due_at)
        elif fate != "end":
            self.waits(due_at, seq)
            self.lane.rewind(due_at, seq)

    @rule(seconds=st.sampled_from([1, 5, 50, -5, -60]))
    def pass_time(self, seconds: int) -> None:
        """Time goes on; now and then somebody sets the clock back."""
        self.now += seconds
        self.lane.wake(self.now)

    def given_once(self, seq: int) -> None:
        assert seq not in self.known
        self.known.add(seq)

    @invariant()
    def memory_is_bounded(self) -> None:
        # What was given back is beside the bound: it was taken out before.
        assert len(self.lane.queue) <= MODEL_MOST + MODEL_PAGE + self.given_back

    @invariant()
    def what_is_known_is_somewhere(self) -> None:
        held = [one.seq for one in self.lane.queue] + list(self.flying)
        assert sorted(held) == sorted(self.known)

    def teardown(self) -> None:
        """Let everything come due, and take it all."""
        try:
            self.take_all()
        finally:
            self.small.stop()

    def take_all(self) -> None:
        if self.being_read is not None:
            self.answer()
        self.now = max([self.now, T0, *(due_at for due_at, _ in self.disk)])
        self.lane.wake(self.now)
        left = {seq for _, seq in self.disk}
        for _ in range(2 * len(left) + 5):
            self.send(len(self.lane.queue), marked=False)
            if self.lane.wants_page():
                self.ask()
                self.answer()
            self.lane.wake(self.now)
        assert left <= set(self.flying)


Model.TestCase.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None
)
TestModel = Model.TestCase
