"""Deliveries in flight and those that wait: a clock by hand, sessions of paper."""

from collections.abc import Callable

from esmed.simulator.agenda import Agenda
from esmed.simulator.delivery import Account, Delivery, InFlight, Traffic
from pdu import CommandStatus


class Hand(Agenda):
    """An agenda that is looked at when the test says so."""

    def __init__(self) -> None:
        self.time = 100.0
        self.entries: list[tuple[float, Callable[[], None]]] = []

    def now(self) -> float:
        return self.time

    def call_at(self, due: float, call: Callable[[], None]) -> None:
        self.entries.append((due, call))

    def advance(self, seconds: float) -> None:
        self.time += seconds
        due = [call for when, call in self.entries if when <= self.time]
        self.entries = [entry for entry in self.entries if entry[0] > self.time]
        for call in due:
            call()


class Paper:
    """A session that only writes down what it is given."""

    bound = "transceiver"

    def __init__(self, room: int = 100, receives: bool = True) -> None:
        self.receives = receives
        self.room = room
        self.given: list[bytes] = []
        self.flushed = 0

    def deliver(self, delivery: Delivery) -> None:
        self.room -= 1
        self.given.append(delivery.body)

    def flush(self) -> None:
        self.flushed += 1


def delivery(
    body: bytes = b"x", *, prefer: Paper | None = None, avoid: Paper | None = None
) -> Delivery:
    return Delivery(body, Traffic(), prefer, avoid)


class TestInFlight:
    def test_only_those_that_are_late_come_back(self):
        agenda = Hand()
        late: list[list[bytes]] = []
        flight = InFlight(
            agenda, 10, lambda found: late.append([each.body for each in found])
        )
        flight.add(1, delivery(b"one"))
        agenda.advance(4)
        flight.add(2, delivery(b"two"))
        flight.add(3, delivery(b"three"))
        assert flight.answered(3, 0) is None
        agenda.advance(6)
        assert (late, len(flight)) == ([[b"one"]], 1)
        agenda.advance(3)
        assert len(late) == 1
        agenda.advance(1)
        assert (late[1:], len(flight), agenda.entries) == ([[b"two"]], 0, [])

    def test_nothing_left_nothing_to_look_at(self):
        agenda = Hand()
        flight = InFlight(agenda, 10, lambda _: None)
        flight.add(1, delivery())
        flight.answered(1, 0)
        agenda.advance(10)
        assert agenda.entries == []
        flight.add(2, delivery())
        assert len(agenda.entries) == 1
        assert [each.body for each in flight.clear()] == [b"x"]
        agenda.advance(10)
        assert agenda.entries == []

    def test_answers(self):
        flight = InFlight(Hand(), 10, lambda _: None)
        again = delivery()
        flight.add(1, again)
        assert flight.answered(1, CommandStatus.ESME_RX_T_APPN) is again
        flight.add(2, again)
        assert flight.answered(2, CommandStatus.ESME_RX_R_APPN) is None
        assert flight.answered(2, 0) is None
        traffic = again.traffic
        assert (traffic.sent, traffic.redelivered, traffic.refused) == (1, 1, 2)


class TestAccount:
    def account(self, *sessions: Paper, keep: int = 100, attempts: int = 3) -> Account:
        account = Account("esme", keep, attempts)
        for session in sessions:
            account.join(session)
        return account

    def test_in_turn_among_those_with_room(self):
        one, two, full = Paper(room=2), Paper(), Paper(room=0)
        deaf = Paper(receives=False)
        account = self.account(one, two, full, deaf)
        account.offer([delivery(b"%d" % number) for number in range(6)])
        assert sorted(one.given + two.given) == [b"%d" % number for number in range(6)]
        assert len(one.given) == 2
        assert (full.given, deaf.given) == ([], [])
        assert (one.flushed, two.flushed) == (1, 1)

    def test_the_preferred_one_while_it_can(self):
        one, two = Paper(), Paper(room=2)
        account = self.account(one, two)
        account.offer([delivery(prefer=two) for _ in range(3)])
        assert (len(one.given), len(two.given)) == (1, 2)

    def test_the_avoided_one_only_if_alone(self):
        one, two = Paper(), Paper(room=1)
        account = self.account(one, two)
        account.offer([delivery(avoid=one) for _ in range(2)])
        assert (len(one.given), len(two.given)) == (1, 1)

    def test_again_goes_first_and_not_for_ever(self):
        account = self.account(attempts=2)
        account.offer([delivery(b"new")])
        tired, fresh = delivery(b"tired"), delivery(b"fresh")
        tired.attempts, fresh.attempts = 2, 1
        account.again([tired, fresh])
        session = Paper()
        account.join(session)
        account.pump()
        assert session.given == [b"fresh", b"new"]
        assert tired.traffic.abandoned == 1

    def test_what_a_lost_session_had_goes_to_another(self):
        lost, other = Paper(), Paper(room=0)
        account = self.account(lost, other)
        unanswered = [delivery(b"1"), delivery(b"2")]
        account.leave(lost, unanswered)
        assert account.waiting == 2
        other.room = 5
        account.pump()
        assert other.given == [b"1", b"2"]
