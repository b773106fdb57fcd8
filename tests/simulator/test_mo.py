"""MO messages: what an ESME makes of them is what the phone wrote."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.simulator.mo import MoMessage, build
from pdu import DeliverSm, EncodeError, EsmClass, Tag, tlv, udh
from pdu.segment import decode_texts

TEXTS = st.text(
    st.one_of(
        st.sampled_from("abc €[]{}~^|\\ é ß"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=500,
)


def part_of(pdu: DeliverSm) -> tuple[int, int, int]:
    """Part, total, reference."""
    if pdu.esm_class & EsmClass.UDHI:
        header, _ = udh.split(pdu.short_message)
        assert header is not None
        found = header.concatenation
        assert found is not None
        return found.part, found.total, found.reference
    number = tlv.get_int(pdu.tlvs, Tag.SAR_SEGMENT_SEQNUM) or 1
    total = tlv.get_int(pdu.tlvs, Tag.SAR_TOTAL_SEGMENTS) or 1
    return number, total, tlv.get_int(pdu.tlvs, Tag.SAR_MSG_REF_NUM) or 0


def payload_of(pdu: DeliverSm) -> tuple[int, bytes]:
    """Length of the UDH and what follows."""
    whole = tlv.get_bytes(pdu.tlvs, Tag.MESSAGE_PAYLOAD)
    if whole is not None:
        return 0, whole
    if pdu.esm_class & EsmClass.UDHI:
        _, rest = udh.split(pdu.short_message)
        return len(pdu.short_message) - len(rest), rest
    return 0, pdu.short_message


@given(
    text=TEXTS,
    concat=st.sampled_from(["udh8", "udh16", "sar", "payload"]),
    seed=st.integers(0, 100),
)
def test_parts_in_any_order_make_the_text(text: str, concat: str, seed: int):
    mo = MoMessage(text=text, concat=concat)  # type: ignore[arg-type]
    total = len(build(mo, 7))
    order = list(range(1, total + 1))
    random.Random(seed).shuffle(order)
    shuffled = MoMessage(text=text, concat=concat, parts_order=tuple(order))  # type: ignore[arg-type]
    pdus = build(shuffled, 7)
    if total > 1:
        assert [part_of(pdu) for pdu in pdus] == [(n, total, 7) for n in order]
    pieces = [payload_of(pdu) for pdu in sorted(pdus, key=part_of)]
    joined = decode_texts(
        [piece for _, piece in pieces], pdus[0].data_coding, udh_length=pieces[0][0]
    )
    assert joined == text


@pytest.mark.parametrize(
    ("concat", "header"),
    [
        ("udh8", "08 000307 0201 250101"),
        ("udh16", "09 08040007 0201 250101"),
        ("sar", "03 250101"),
        ("payload", "03 250101"),
    ],
)
@pytest.mark.parametrize("alphabet", ["gsm0338", "gsm0338-packed"])
def test_national(concat: str, header: str, alphabet: str):
    mo = MoMessage(text="ğ" * 199, concat=concat, national=("tr",))  # type: ignore[arg-type]
    pdus = build(mo, 7, alphabet)
    assert {pdu.data_coding for pdu in pdus} == {0}
    assert {pdu.esm_class for pdu in pdus} == {EsmClass.UDHI}
    whole = [
        tlv.get_bytes(pdu.tlvs, Tag.MESSAGE_PAYLOAD) or pdu.short_message
        for pdu in pdus
    ]
    assert whole[0].startswith(bytes.fromhex(header))
    head = udh.parse(whole[0])
    pieces = [udh.split(each)[1] for each in whole]
    assert decode_texts(pieces, 0, alphabet, head.length, head.shift) == mo.text


def test_national_in_one_part():
    (pdu,) = build(MoMessage(text="ğ", national=("tr",)), 1)
    assert (pdu.esm_class, pdu.short_message) == (0x40, b"\x03\x25\x01\x01\x0c")


def test_references_wrap():
    long = "x" * 200
    assert part_of(build(MoMessage(text=long), 0x1FF)[0])[2] == 0xFF
    wide = build(MoMessage(text=long, concat="udh16"), 0x1FFFF)
    assert part_of(wide[0])[2] == 0xFFFF


def test_gaps_and_repeats():
    pdus = build(MoMessage(text="x" * 400, parts_order=(1, 1, 3)), 1)
    assert [part_of(pdu)[0] for pdu in pdus] == [1, 1, 3]


def test_binary_and_codings():
    (binary,) = build(MoMessage(data="00ff"), 1)
    assert (binary.short_message, binary.data_coding) == (b"\0\xff", 4)
    (special,) = build(MoMessage(data="00ff", data_coding=0xF5), 1)
    assert special.data_coding == 0xF5
    (latin,) = build(MoMessage(text="é", data_coding=3), 1)
    assert (latin.short_message, latin.data_coding) == (b"\xe9", 3)
    (wide,) = build(MoMessage(text="e", data_coding=8), 1)
    assert (wide.short_message, wide.data_coding) == (b"\0e", 8)
    (flash,) = build(MoMessage(text="e", data_coding=0x10), 1)
    assert (flash.short_message, flash.data_coding) == (b"e", 0x10)


def test_what_cannot_be():
    with pytest.raises(ValueError, match="not among 1 to 1"):
        build(MoMessage(text="x", parts_order=(2,)), 1)
    with pytest.raises(ValueError, match="hex"):
        build(MoMessage(data="xyz"), 1)
    with pytest.raises(EncodeError):
        build(MoMessage(text="я", data_coding=3), 1)
