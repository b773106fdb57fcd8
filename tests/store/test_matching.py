"""`esmed.store.matching`: which attempt a receipt is about."""

from typing import Any

from fakes.records import T0, TO, receipt

from esmed.models import ReceiptIn
from esmed.store.matching import Candidate, choose
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
