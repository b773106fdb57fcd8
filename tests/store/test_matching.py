"""`esmed.store.matching`: which attempt a receipt is about."""

from typing import Any

from fakes.records import DAY, T0, TO, plan, receipt, record, result
from msgspec import structs

from esmed import lifecycle
from esmed.models import (
    Accepted,
    Count,
    Deferred,
    Fault,
    FaultClass,
    MessageState,
    Outcome,
    ReceiptIn,
    Record,
    Unknown,
)
from esmed.store.matching import Candidate, Nameless, attribute, choose
from esmed.store.matching import nameless as list_nameless
from pdu.receipt import canonical_id

STRANGER = "380990000000"


def candidate(smsc_id: str, seq: int = 1, **fields: Any) -> Candidate:
    return Candidate(
        **{
            "connector": "carrier",
            "key": canonical_id(smsc_id),
            "smsc_id": smsc_id,
            "seq": seq,
            "part": 1,
            "attempt": 0,
            "host": "one:2775",
            "recipient": TO,
            "at": T0 + seq,
            **fields,
        }
    )


def chosen(one: ReceiptIn, *candidates: Candidate, waiting: str = "") -> int | None:
    """The seq of the message chosen, whatever the order of the candidates.

    ``waiting`` are the digits of those that wait for receipts.
    """

    def is_open(each: Candidate) -> bool:
        return str(each.seq) in waiting

    found = {choose(one, order, is_open) for order in (candidates, candidates[::-1])}
    (only,) = found
    return None if only is None else only.seq


AUTO = receipt(smsc_id="255", keys=("255", "ff", "597"))
"""As it stands, as decimal in hex, as hex in decimal."""


class TestSameId:
    def test_nobody(self) -> None:
        assert chosen(receipt(smsc_id="7")) is None
        assert chosen(receipt(smsc_id="", keys=())) is None

    def test_the_exact_id_comes_first(self) -> None:
        one = receipt(smsc_id="0A")
        assert (
            chosen(one, candidate("a", 1), candidate("0A", 2), candidate("0a", 3)) == 2
        )

    def test_then_case_and_zeros_do_not_matter(self) -> None:
        assert chosen(receipt(smsc_id="0A"), candidate("a", 1)) == 1

    def test_the_destination_decides(self) -> None:
        one = receipt(smsc_id="7")
        same = candidate("7", 1), candidate("7", 2, recipient=STRANGER, at=T0 + 99)
        assert chosen(one, *same) == 1

    def test_then_the_host(self) -> None:
        one = receipt(smsc_id="7", host="two:2775")
        same = candidate("7", 1, host="two:2775"), candidate("7", 2)
        assert chosen(one, *same) == 1

    def test_then_the_newest(self) -> None:
        one = receipt(smsc_id="7")
        assert chosen(one, candidate("7", 1), candidate("7", 2), candidate("7", 3)) == 3

    def test_an_smsc_that_writes_numbers_otherwise(self) -> None:
        """Nobody agrees, so that says nothing."""
        one = receipt(smsc_id="7", source="")
        assert chosen(one, candidate("7", 1), candidate("7", 2)) == 2

    def test_formats_of_one_number(self) -> None:
        for source in ("+380501234567", "0501234567", "1234567"):
            one = receipt(smsc_id="7", source=source)
            assert (
                chosen(one, candidate("7", 1), candidate("7", 2, recipient=STRANGER))
                == 1
            )

    def test_addresses_the_other_way_round(self) -> None:
        one = receipt(smsc_id="7", source="MyCompany", destination=TO)
        assert (
            chosen(one, candidate("7", 1), candidate("7", 2, recipient=STRANGER)) == 1
        )


class TestAnotherBase:
    def test_the_only_one_that_agrees(self) -> None:
        assert chosen(AUTO, candidate("ff", 1)) == 1
        assert chosen(AUTO, candidate("597", 1)) == 1

    def test_not_without_the_destination(self) -> None:
        assert chosen(AUTO, candidate("ff", 1, recipient=STRANGER)) is None

    def test_an_equal_id_comes_first(self) -> None:
        assert chosen(AUTO, candidate("255", 1), candidate("ff", 2)) == 1

    def test_but_not_one_of_somebody_else(self) -> None:
        stranger = candidate("255", 1, recipient=STRANGER)
        assert chosen(AUTO, stranger, candidate("ff", 2)) == 2

    def test_of_several_the_one_that_waits(self) -> None:
        several = candidate("ff", 1), candidate("597", 2)
        assert chosen(AUTO, *several, waiting="2") == 2

    def test_else_nobody(self) -> None:
        several = candidate("ff", 1), candidate("597", 2)
        assert chosen(AUTO, *several) is None
        assert chosen(AUTO, *several, waiting="12") is None

    def test_else_the_equal_id_of_somebody_else(self) -> None:
        stranger = candidate("255", 3, recipient=STRANGER)
        several = stranger, candidate("ff", 1), candidate("597", 2)
        assert chosen(AUTO, *several, waiting="12") == 3


def nameless(seq: int = 1, part: int = 1, **fields: Any) -> Nameless:
    return Nameless(
        **{
            "connector": "carrier",
            "recipient": TO,
            "seq": seq,
            "part": part,
            "since": T0,
            "held": True,
            **fields,
        }
    )


def attributed(
    receipts: list[ReceiptIn], *parts: Nameless
) -> list[tuple[str, int, int]]:
    """(id, seq, part) of each pair found, whatever the order of what is given."""
    found = {
        tuple(
            sorted(
                (one.smsc_id, each.seq, each.part)
                for one, each in attribute(some, parts_)
            )
        )
        for some in (receipts, receipts[::-1])
        for parts_ in (parts, parts[::-1])
    }
    (only,) = found
    return list(only)


A, B = receipt(smsc_id="a"), receipt(smsc_id="b")
IN_FLIGHT = nameless(9, held=False)


class TestByNumber:
    """The receipts came at T0 + 5 s."""

    def test_the_only_part_there_is(self) -> None:
        assert attributed([A], nameless()) == [("a", 1, 1)]

    def test_nobody(self) -> None:
        assert attributed([A]) == []
        assert attributed([], nameless()) == []

    def test_formats_differ_by_prefix(self) -> None:
        assert attributed([receipt(smsc_id="a", source="0501234567")], nameless())

    def test_addresses_may_be_swapped(self) -> None:
        swapped = receipt(smsc_id="a", source="Shop", destination=TO)
        assert attributed([swapped], nameless()) == [("a", 1, 1)]

    def test_a_short_number_has_to_be_the_same(self) -> None:
        short = nameless(recipient="4567")
        assert attributed([A], short) == []
        assert attributed([receipt(smsc_id="a", source="4567")], short)

    def test_another_number_or_connector(self) -> None:
        assert attributed([A], nameless(recipient=STRANGER)) == []
        assert attributed([A], nameless(connector="backup")) == []
        others = nameless(2, recipient=STRANGER), nameless(3, connector="backup")
        assert attributed([A], nameless(), *others) == [("a", 1, 1)]

    def test_another_host(self) -> None:
        assert attributed([receipt(smsc_id="a", host="two:2775")], nameless())

    def test_two_that_are_held(self) -> None:
        assert attributed([A], nameless(1), nameless(2)) == []
        assert attributed([A], nameless(1, 1), nameless(1, 2)) == []
        assert attributed([A, B], nameless(1), nameless(2)) == []

    def test_another_one_that_may_be_meant(self) -> None:
        assert attributed([A], nameless(), IN_FLIGHT) == []
        assert attributed([A], IN_FLIGHT) == []

    def test_two_ids_for_one_part(self) -> None:
        assert attributed([A, B], nameless()) == []

    def test_two_receipts_of_one_id(self) -> None:
        buffered = receipt(MessageState.BUFFERED, "a", at=T0 + 4000)
        ((one, _),) = attribute([A, buffered], [nameless()])
        assert one is buffered

    def test_before_the_part_was_written(self) -> None:
        assert attributed([A], nameless(since=T0 + 5000))
        assert attributed([A], nameless(since=T0 + 5001)) == []

    def test_a_part_that_it_came_before_is_not_meant(self) -> None:
        later = nameless(2, since=T0 + 6000)
        assert attributed([A], nameless(1), later) == [("a", 1, 1)]
        second = receipt(smsc_id="b", at=T0 + 7000)
        assert attributed([A, second], nameless(1), later) == [("a", 1, 1)]

    def test_one_that_came_before_its_other_receipts_decides_for_them(self) -> None:
        again = receipt(smsc_id="a", at=T0 + 7000)
        later = nameless(2, since=T0 + 6000)
        assert attributed([A, again], nameless(1), later) == [("a", 1, 1)]

    def test_its_date_is_rough(self) -> None:
        def dated(done_at: int) -> ReceiptIn:
            return structs.replace(A, done_at=done_at)

        for done_at in (T0 - DAY, T0 - 60_000, T0, T0 + DAY):
            assert attributed([dated(done_at)], nameless()) == [("a", 1, 1)]
        old = dated(T0 - DAY - 1)
        assert attributed([old], nameless()) == []
        # Nor does it make another one doubtful.
        assert attributed([old, B], nameless()) == [("b", 1, 1)]


LOST = Unknown("no answer within 30 s")
BUSY = Deferred(Fault(FaultClass.TEMPORARY))


def marked(parts: int = 1, *, at: int = T0 + 500, on: Record | None = None) -> Record:
    one = record() if on is None else on
    assert lifecycle.mark(one, plan(parts), at=at, on_unknown="hold", deadline=T0 + DAY)
    return one


def answer(one: Record, outcome: Outcome, part: int = 1, at: int = T0 + 1000) -> None:
    lifecycle.apply_result(
        one,
        result(outcome, part=part, at=at),
        parts=max(one.progress.parts, part),
        encoding="gsm7",
        receipt_asked=True,
        deadline=T0 + 3 * DAY,
        ask_at=None,
    )


def hold(one: Record) -> Record:
    lifecycle.hold(one, T0 + DAY)
    return one


def parts_of(
    one: Record, *, now: int = T0 + 9000, in_flight: bool = False
) -> list[tuple[int, int, bool]]:
    """(part, milliseconds after T0, held) of each, all at the same connector."""
    found = list_nameless(one, now, in_flight=in_flight)
    assert {each.connector for each in found} <= {"carrier"}
    return [(each.part, each.since - T0, each.held) for each in found]


class TestNameless:
    def test_what_waits_is_nowhere(self) -> None:
        assert parts_of(record()) == []

    def test_in_a_connector_s_hands(self) -> None:
        found = list_nameless(record(), T0, in_flight=True)
        assert [each.connector for each in found] == ["carrier", "backup"]
        assert not any(each.held for each in found)
        assert parts_of(marked(2), in_flight=True) == [(1, 500, False), (2, 500, False)]

    def test_held(self) -> None:
        one = marked(3)
        answer(one, Accepted("a1"), part=1)
        answer(one, LOST, part=2)
        answer(one, BUSY, part=3)
        assert parts_of(hold(one)) == [(2, 1000, True)]

    def test_held_since_a_process_died(self) -> None:
        one = marked(2)
        answer(one, Accepted("a1"), part=1)
        assert parts_of(hold(one)) == [(2, 500, True)]

    def test_what_a_provider_splits_is_not_known_by_one_id(self) -> None:
        for parts, is_known in ((1, True), (3, False)):
            one = marked()
            one.progress.plan = structs.replace(
                plan(), concatenation="provider", count=Count(parts=parts)
            )
            assert parts_of(hold(one)) == [(1, 500, is_known)]

    def test_written_again(self) -> None:
        one = marked()
        answer(one, BUSY)
        lifecycle.requeue(one, due_at=T0 + 2000, via=("carrier",), tries=1, error=None)
        assert parts_of(one) == []
        marked(at=T0 + 2000, on=one)
        # Of what was written then there may be no attempt.
        assert parts_of(hold(one)) == [(1, 2000, True)]

    def test_two_attempts_without_an_answer(self) -> None:
        one = marked()
        answer(one, LOST)
        assert lifecycle.resolve(hold(one), T0 + 2000, resend=True)
        assert parts_of(one) == [(1, 1000, False)]
        marked(at=T0 + 2000, on=one)
        answer(one, LOST, at=T0 + 3000)
        assert parts_of(hold(one)) == [(1, 1000, True)]
        attempt = lifecycle.taken(one, 1, A, deadline=T0 + DAY)
        assert attempt == 1
        assert one.progress.state is MessageState.SUBMITTED

    def test_given_up(self) -> None:
        one = marked()
        answer(one, LOST)
        lifecycle.expire(hold(one), T0 + 5000)
        assert parts_of(one) == [(1, 1000, False)]
        assert parts_of(one, now=one.expires_at) == []

    def test_taken_without_an_id(self) -> None:
        one = record()
        answer(one, Accepted(""))
        assert parts_of(one) == [(1, 1000, False)]
        answer(one, Accepted("a1"), at=T0 + 2000)
        lifecycle.apply_receipt(one, 1, 1, A)
        assert parts_of(one) == []

    def test_a_record_from_before_there_were_marks(self) -> None:
        one = marked()
        one.progress.marked_at = None
        assert parts_of(hold(one)) == [(1, 0, True)]
