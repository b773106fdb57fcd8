"""The messages that were accepted: kept, counted, joined."""

import random
from itertools import count

import pytest

from esmed.simulator.messages import Ledger, Message
from esmed.simulator.mo import Concatenation, MoMessage, build
from esmed.simulator.outcomes import DELIVERED, Outcome
from esmed.simulator.wire import scan_submit
from pdu import CommandId, MessageState, SubmitSm, encode


def ledger(keep: int = 100) -> Ledger:
    return Ledger(keep, "gsm0338")


class Sender:
    """Accepts messages in a ledger, numbered from 1."""

    def __init__(self, into: Ledger) -> None:
        self._into = into
        self._numbers = count(1)

    def add(self, frame: bytes, system_id: str = "esme") -> None:
        number = next(self._numbers)
        self._into.add(
            Message(
                number,
                b"%d" % number,
                system_id,
                1000.0 + number,
                0.0,
                scan_submit(frame),
                DELIVERED,
            )
        )

    def submit(self, text: bytes = b"Hello", to: str = "1", **fields: object) -> None:
        pdu = SubmitSm(destination_addr=to, short_message=text, **fields)  # type: ignore[arg-type]
        self.add(encode(pdu))

    def parts(
        self,
        text: str,
        order: tuple[int, ...] | None = None,
        concat: Concatenation = "udh8",
        reference: int = 1,
    ) -> None:
        """The parts of a long text, as submit_sm: the layout is the same."""
        mo = MoMessage(
            text=text, parts_order=order, concat=concat, national=("tr", "hi")
        )
        for pdu in build(mo, reference):
            frame = bytearray(encode(pdu))
            frame[4:8] = int(CommandId.SUBMIT_SM).to_bytes(4, "big")
            self.add(bytes(frame))


def texts(book: Ledger) -> list[str | None]:
    return [each.text for each in book.received()]


class TestKeeping:
    def test_the_newest_are_kept(self):
        book = ledger(2)
        sender = Sender(book)
        for number in range(5):
            sender.submit(b"%d" % number)
        assert [book.get(b"%d" % number) is None for number in range(1, 6)] == [
            True,
            True,
            True,
            False,
            False,
        ]
        assert texts(book) == ["3", "4"]

    def test_duplicates_are_those_of_what_is_kept(self):
        book = ledger(3)
        sender = Sender(book)
        for text in (b"a", b"b", b"a", b"a", b"c", b"c", b"d", b"a"):
            sender.submit(text)
        # The last "a" is the first of those still kept.
        assert book.duplicates == 3
        sender.submit(b"a", to="2")
        assert book.duplicates == 3


class TestState:
    def message(self, outcome: Outcome) -> Message:
        frame = encode(SubmitSm())
        return Message(1, b"1", "esme", 0.0, 50.0, scan_submit(frame), outcome)

    def test_by_time(self):
        message = self.message(DELIVERED)
        assert message.state(49) is MessageState.ENROUTE
        assert message.state(50) is MessageState.DELIVERED
        assert self.message(Outcome()).state(50) is MessageState.DELIVERED
        message.cancelled = True
        assert message.state(49) is MessageState.DELETED


class TestJoining:
    def test_one_part(self):
        book = ledger()
        Sender(book).submit("grüße".encode("latin-1"), data_coding=3, source_addr="me")
        (whole,) = book.received()
        assert (whole.text, whole.from_, whole.to, whole.parts) == (
            "grüße",
            "me",
            "1",
            1,
        )
        assert (whole.ids, whole.number, whole.at) == (["1"], 1, 1001.0)

    def test_binary_has_no_text(self):
        book = ledger()
        Sender(book).submit(b"\0\1", data_coding=4)
        (whole,) = book.received()
        assert (whole.text, whole.data) == (None, "0001")

    @pytest.mark.parametrize("characters", ["abcдё😀€[]", "çğış€ab", "कखिAB12"])
    def test_any_order_any_way(self, characters: str):
        text = "".join(random.Random(5).choices(characters, k=200))
        for concat in ("udh8", "udh16", "sar"):
            book = ledger()
            sender = Sender(book)
            mo = MoMessage(text=text, concat=concat, national=("tr", "hi"))
            total = len(build(mo, 1))
            order = list(range(1, total + 1))
            random.Random(9).shuffle(order)
            sender.parts(text, tuple(order), concat)
            (whole,) = book.received()
            assert (whole.text, whole.parts) == (text, total)
            assert whole.number == total
            assert whole.ids[0] == str(order.index(1) + 1)

    def test_incomplete_until_the_last_comes(self):
        book = ledger()
        sender = Sender(book)
        sender.parts("x" * 400, (3, 1))
        assert (texts(book), book.incomplete) == ([], 1)
        sender.parts("x" * 400, (2,))
        assert (texts(book), book.incomplete) == (["x" * 400], 0)

    def test_parts_again(self):
        book = ledger()
        sender = Sender(book)
        sender.parts("x" * 200, (1, 1, 2))
        sender.parts("x" * 200, (2,))
        assert (texts(book), book.incomplete) == (["x" * 200], 0)
        assert book.duplicates == 2

    def test_a_reference_used_anew(self):
        book = ledger()
        sender = Sender(book)
        sender.parts("x" * 200)
        sender.parts("y" * 200)
        assert texts(book) == ["x" * 200, "y" * 200]

    def test_what_is_half_there_is_bounded(self):
        book = ledger(3)
        sender = Sender(book)
        for reference in range(10):
            sender.parts("x" * 200, (1,), reference=reference)
            assert book.incomplete <= 3
        for reference in range(7, 10):
            sender.parts("x" * 200, (2,), reference=reference)
        assert (len(texts(book)), book.incomplete) == (3, 0)
        for reference in range(10, 20):
            sender.parts("x" * 200, reference=reference)
            assert len(texts(book)) == 3

    def test_senders_do_not_mix(self):
        book = ledger()
        sender = Sender(book)
        frames = []
        for who in ("1", "2"):
            mo = MoMessage(text=who * 200, from_=who)
            for pdu in build(mo, 1):
                frame = bytearray(encode(pdu))
                frame[4:8] = int(CommandId.SUBMIT_SM).to_bytes(4, "big")
                frames.append(bytes(frame))
        for at in (0, 2, 1, 3):
            sender.add(frames[at])
        assert texts(book) == ["1" * 200, "2" * 200]

    def test_headers_that_say_nothing_of_parts(self):
        book = ledger()
        sender = Sender(book)
        sender.submit(b"\x06\x05\x04\x0b\x84\x23\xf0push", esm_class=0x40)
        sender.submit(b"\x05\x00\x03\x01\x01\x01single", esm_class=0x40)
        sender.submit(b"\x7fbroken", esm_class=0x40)
        sender.submit(
            b"sar of one", tlvs=((0x20C, b"\0\1"), (0x20E, b"\1"), (0x20F, b"\1"))
        )
        assert [text and text.encode()[-6:] for text in texts(book)] == [
            b"push",
            b"single",
            b"broken",
            b"of one",
        ]

    def test_after_and_limit(self):
        book = ledger()
        sender = Sender(book)
        for number in range(1, 6):
            sender.submit(b"%d" % number)
        assert [each.text for each in book.received(2, 2)] == ["3", "4"]
        assert [each.text for each in book.received(5)] == []
