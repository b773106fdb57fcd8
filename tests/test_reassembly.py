"""`esmed.reassembly`: parts in any order, twice, missing, cut badly."""

from collections.abc import Sequence
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.models import InboundIn
from esmed.reassembly import Merged, key, merge
from pdu.segment import decode_text, encoding_of, split, split_binary

UCS2 = 8
LATIN1 = 3
GSM = 0
BINARY = 4


def mo(
    data: bytes,
    *,
    part: int = 1,
    total: int = 1,
    data_coding: int = GSM,
    reference: int | None = 7,
) -> InboundIn:
    return InboundIn(
        connector="carrier",
        host="smsc.example.net:2775",
        source="380501234567",
        destination="4444",
        data_coding=data_coding,
        encoding=encoding_of(data_coding),
        text=decode_text(data, data_coding),
        data=data,
        udh=None,
        received_at=1_767_225_600_000 + part,
        reference=reference if total > 1 else None,
        total=total,
        part=part,
    )


def mos(payloads: Sequence[bytes], data_coding: int) -> list[InboundIn]:
    return [
        mo(data, part=number, total=len(payloads), data_coding=data_coding)
        for number, data in enumerate(payloads, 1)
    ]


def text_of(*parts: InboundIn) -> str | None:
    return merge(parts).text


class TestKey:
    def test_is_shared_by_the_parts_of_one_message(self) -> None:
        first, second = mos([b"a", b"b"], GSM)

        assert key(first) == key(second)
        assert key(first) == ("carrier", "380501234567", "4444", 7, 2)

    @pytest.mark.parametrize(
        "change",
        [
            {"connector": "other"},
            {"source": "380501234568"},
            {"destination": "4445"},
            {"reference": 8},
            {"total": 3},
        ],
    )
    def test_tells_messages_apart(self, change: dict[str, object]) -> None:
        first, _ = mos([b"a", b"b"], GSM)

        assert key(first) != key(msgspec.structs.replace(first, **change))

    def test_does_not_depend_on_the_path(self) -> None:
        first, _ = mos([b"a", b"b"], GSM)

        assert key(first) == key(
            msgspec.structs.replace(first, host="backup:2775", session="2")
        )


class TestMerge:
    def test_one_part(self) -> None:
        assert merge([mo(b"hello")]) == Merged(
            text="hello", data=None, encoding="gsm7", parts=1, complete=True
        )

    def test_order_is_that_of_the_numbers(self) -> None:
        one, two, three = mos([b"a", b"b", b"c"], GSM)

        assert merge([three, one, two]) == Merged(
            text="abc", data=None, encoding="gsm7", parts=3, complete=True
        )

    def test_the_first_of_duplicates_counts(self) -> None:
        one, two = mos([b"a", b"b"], GSM)
        again = mo(b"x", part=1, total=2)

        assert text_of(two, one, again, two) == "ab"

    def test_missing_parts_are_said_to_be(self) -> None:
        one, _, three = mos([b"a", b"b", b"c"], GSM)

        merged = merge([three, one])

        assert merged.text == "ac"
        assert not merged.complete
        assert merged.parts == 3

    def test_part_numbers_beyond_the_total_do_not_complete_it(self) -> None:
        parts = [mo(b"b", part=3, total=2), mo(b"a", part=1, total=2)]

        merged = merge(parts)

        assert merged.text == "ab"
        assert not merged.complete

    def test_a_total_of_nought_is_one(self) -> None:
        assert merge([mo(b"a", total=0)]).complete

    def test_a_surrogate_pair_cut_in_two_is_whole_again(self) -> None:
        data = "aπ😀b".encode("utf-16-be")

        parts = mos([data[:6], data[6:]], UCS2)

        assert "\N{REPLACEMENT CHARACTER}" in (parts[0].text or "")
        assert text_of(*parts) == "aπ😀b"

    def test_half_a_pair_at_a_gap_is_replaced(self) -> None:
        data = "a😀".encode("utf-16-be")

        assert text_of(mo(data[:4], part=1, total=2, data_coding=UCS2)) == "a\ufffd"

    def test_an_escape_cut_in_two_is_whole_again(self) -> None:
        parts = mos([b"5 \x1b", b"e"], GSM)

        assert parts[1].text == "e"
        assert text_of(*parts) == "5 €"

    def test_parts_in_several_encodings_are_read_one_by_one(self) -> None:
        parts = [
            mo(b"price: \x02", part=1, total=3),
            mo("Київ".encode("utf-16-be"), part=2, total=3, data_coding=UCS2),
            mo(b"\xe9", part=3, total=3, data_coding=LATIN1),
        ]

        assert merge(parts) == Merged(
            text="price: $Київé", data=None, encoding="ucs2", parts=3, complete=True
        )

    def test_what_the_connector_read_differently_stands(self) -> None:
        parts = [
            msgspec.structs.replace(part, text=text)
            for part, text in zip(
                mos([b"\x00\x01", b"\x02"], GSM), ("packed", " text"), strict=True
            )
        ]

        assert text_of(*parts) == "packed text"

    def test_text_without_octets(self) -> None:
        part = msgspec.structs.replace(mo(b""), text="from a provider")

        assert text_of(part) == "from a provider"

    def test_binary_stays_binary(self) -> None:
        merged = merge(mos([b"\x00\xff", b"\x1b"], BINARY))

        assert merged == Merged(
            text=None, data="00ff1b", encoding="binary", parts=2, complete=True
        )

    def test_one_binary_part_makes_all_of_it_binary(self) -> None:
        parts = [
            mo(b"a", part=1, total=2),
            mo(b"\x00", part=2, total=2, data_coding=BINARY),
        ]

        merged = merge(parts)

        assert (merged.text, merged.data, merged.encoding) == (None, "6100", "binary")


TEXTS = st.one_of(
    st.text(st.sampled_from("abc €[]{}~\\^|\n@£ΔÄ Їжак"), min_size=100, max_size=800),
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff\ufffe"),
        min_size=60,
        max_size=400,
    ),
)


@given(TEXTS, st.sampled_from([1, 2]), st.randoms(use_true_random=False))
def test_any_order_of_the_parts_of_a_text_gives_the_text(
    text: str, reference_octets: int, random: Random
) -> None:
    pieces = split(text, reference_octets=2 if reference_octets == 2 else 1)
    parts = mos(pieces.parts, UCS2 if pieces.encoding == "ucs2" else GSM)
    random.shuffle(parts)

    merged = merge(parts + parts[:1])

    assert merged == Merged(
        text=text, data=None, encoding=pieces.encoding, parts=len(parts), complete=True
    )


@given(st.binary(min_size=1, max_size=1000), st.randoms(use_true_random=False))
def test_any_order_of_the_parts_of_octets_gives_the_octets(
    data: bytes, random: Random
) -> None:
    parts = mos(split_binary(data).parts, BINARY)
    random.shuffle(parts)

    assert merge(parts).data == data.hex()


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=2, max_size=100),
    st.data(),
)
def test_cuts_between_any_two_units_of_utf16_heal(
    text: str, draw: st.DataObject
) -> None:
    octets = text.encode("utf-16-be")
    cut = 2 * draw.draw(st.integers(1, len(octets) // 2 - 1))
    whole = decode_text(octets, UCS2)

    assert text_of(*mos([octets[:cut], octets[cut:]], UCS2)) == whole


@given(
    st.lists(st.binary(max_size=20), min_size=1, max_size=5),
    st.sampled_from([0, 1, 3, 4, 5, 6, 7, 8, 10, 14, 0x11, 0xF1, 0xF5, 0x48]),
)
def test_garbage_gives_something(payloads: list[bytes], data_coding: int) -> None:
    merged = merge(mos(payloads, data_coding))

    assert (merged.text is None) is (merged.data is not None)
    if merged.text is not None:
        merged.text.encode()
