"""Vectors written from 3GPP TS 23.040 §9.2.3.24."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdu import udh
from pdu.errors import DecodeError, EncodeError
from pdu.udh import Concatenation, Ports, UserDataHeader

elements = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=20)), max_size=10)


def parse(header: str) -> UserDataHeader:
    return udh.parse(bytes.fromhex(header))


class TestParse:
    def test_concatenation_8(self) -> None:
        header = parse("05 00 03 cc 03 02")
        assert header.elements == ((0x00, b"\xcc\x03\x02"),)
        assert header.concatenation == Concatenation(
            reference=0xCC, total=3, part=2, wide=False
        )
        assert header.ports is None
        assert header.length == 6

    def test_concatenation_16(self) -> None:
        header = parse("06 08 04 12 34 ff ff")
        assert header.concatenation == Concatenation(
            reference=0x1234, total=255, part=255, wide=True
        )
        assert header.length == 7

    def test_ports_8(self) -> None:
        assert parse("04 04 02 f0 f5").ports == Ports(
            destination=240, source=245, wide=False
        )

    def test_ports_16(self) -> None:
        # WAP push: 2948 to the phone, from 9200.
        assert parse("06 05 04 0b 84 23 f0").ports == Ports(
            destination=2948, source=9200, wide=True
        )

    def test_several_elements_and_one_unknown(self) -> None:
        header = parse("0f 05 04 0b 84 23 f0 70 02 aa bb 00 03 01 02 01 ")
        assert header.elements == (
            (0x05, b"\x0b\x84\x23\xf0"),
            (0x70, b"\xaa\xbb"),
            (0x00, b"\x01\x02\x01"),
        )
        assert header.concatenation == Concatenation(reference=1, total=2, part=1)
        assert header.ports == Ports(destination=2948, source=9200)
        assert header.length == 16

    def test_no_elements(self) -> None:
        header = parse("00")
        assert header == UserDataHeader()
        assert header.length == 1
        assert header.concatenation is None
        assert header.ports is None

    def test_element_without_content(self) -> None:
        assert parse("02 70 00").elements == ((0x70, b""),)

    def test_ignores_what_follows(self) -> None:
        assert parse("02 70 00 61 62").elements == ((0x70, b""),)

    def test_the_last_of_repeated_elements_counts(self) -> None:
        header = parse("0b 00 03 01 02 01 08 04 00 05 03 02")
        assert header.concatenation == Concatenation(
            reference=5, total=3, part=2, wide=True
        )
        header = parse("0a 05 04 0b 84 23 f0 04 02 f0 f1")
        assert header.ports == Ports(destination=0xF0, source=0xF1, wide=False)

    @pytest.mark.parametrize(
        "header",
        [
            "05 00 03 cc 00 01",  # total 0
            "05 00 03 cc 00 00",
            "05 00 03 cc 02 00",  # part 0
            "05 00 03 cc 02 03",  # part above total
            "06 08 04 00 01 02 03",
            "04 00 02 cc 02",  # of the wrong size
            "06 00 04 cc 02 01 00",
            "05 08 03 cc 02 01",
        ],
    )
    def test_senseless_concatenation_is_ignored(self, header: str) -> None:
        parsed = parse(header)
        assert parsed.concatenation is None
        assert len(parsed.elements) == 1

    def test_senseless_concatenation_does_not_hide_a_good_one(self) -> None:
        header = parse("0a 00 03 07 02 01 00 03 09 00 00")
        assert header.concatenation == Concatenation(reference=7, total=2, part=1)

    @pytest.mark.parametrize("header", ["03 04 01 f0", "05 05 03 0b 84 23"])
    def test_ports_of_the_wrong_size_are_ignored(self, header: str) -> None:
        assert parse(header).ports is None

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "05",  # longer than the data
            "05 00 03 cc 02",
            "ff 00 03 cc 02 01",
            "01 00",  # identifier without length
            "06 00 03 cc 02 01 00",
            "05 00 04 cc 02 01",  # element longer than the header
            "05 00 ff cc 02 01",
            "05 00 04 cc 02 01 61 62 63",  # though the data would have it
        ],
    )
    def test_broken_header(self, header: str) -> None:
        with pytest.raises(DecodeError):
            parse(header)

    @given(st.binary(max_size=40))
    def test_raises_nothing_else(self, data: bytes) -> None:
        try:
            header = udh.parse(data)
        except DecodeError:
            return
        assert header.length == 1 + data[0]
        assert udh.build(header.elements) == data[: header.length]
        if header.concatenation:
            assert 1 <= header.concatenation.part <= header.concatenation.total
        assert header.ports is None or header.ports.source >= 0


class TestSplit:
    def test_header_and_text(self) -> None:
        header, rest = udh.split(bytes.fromhex("05 00 03 cc 02 01") + b"text")
        assert header is not None
        assert header.concatenation == Concatenation(reference=0xCC, total=2, part=1)
        assert rest == b"text"

    def test_only_a_header(self) -> None:
        assert udh.split(b"\0") == (UserDataHeader(), b"")

    @pytest.mark.parametrize("data", [b"", b"Hello", b"\x05\x00\x04abc"])
    def test_broken_header_leaves_the_message_raw(self, data: bytes) -> None:
        assert udh.split(data) == (None, data)

    def test_senseless_concatenation_leaves_a_message_of_its_own(self) -> None:
        header, rest = udh.split(bytes.fromhex("05 00 03 cc 02 03") + b"text")
        assert header is not None
        assert header.concatenation is None
        assert rest == b"text"


class TestBuild:
    def test_concatenation(self) -> None:
        assert (
            udh.build([udh.concatenation_element(0xCC, 3, 2)]).hex() == "050003cc0302"
        )
        assert (
            udh.build([udh.concatenation_element(0xCC, 3, 2, wide=True)]).hex()
            == "06080400cc0302"
        )

    def test_ports(self) -> None:
        assert udh.build([udh.port_element(2948, 9200)]).hex() == "0605040b8423f0"
        assert udh.build([udh.port_element(240, 245, wide=False)]).hex() == "040402f0f5"

    def test_nothing(self) -> None:
        assert udh.build([]) == b"\0"

    @pytest.mark.parametrize(
        "element", [(-1, b""), (256, b""), (0, b"x" * 256), (0, b"x" * 254)]
    )
    def test_refuses_what_does_not_fit(self, element: tuple[int, bytes]) -> None:
        with pytest.raises(EncodeError):
            udh.build([element])

    def test_255_octets_fit(self) -> None:
        built = udh.build([(0x70, b"x" * 253)])
        assert built[0] == 255
        assert udh.parse(built).elements == ((0x70, b"x" * 253),)

    @pytest.mark.parametrize(
        ("reference", "total", "part", "wide"),
        [
            (256, 1, 1, False),
            (-1, 1, 1, False),
            (0x1_0000, 1, 1, True),
            (-1, 1, 1, True),
            (0, 0, 0, False),
            (0, 2, 0, False),
            (0, 2, 3, False),
            (0, 256, 1, False),
        ],
    )
    def test_refuses_senseless_concatenation(
        self, reference: int, total: int, part: int, *, wide: bool
    ) -> None:
        with pytest.raises(EncodeError):
            udh.concatenation_element(reference, total, part, wide=wide)

    @pytest.mark.parametrize(
        ("port", "wide"), [(256, False), (-1, False), (0x1_0000, True), (-1, True)]
    )
    def test_refuses_ports_that_do_not_fit(self, port: int, *, wide: bool) -> None:
        with pytest.raises(EncodeError, match=str(port)):
            udh.port_element(port, 0, wide=wide)
        with pytest.raises(EncodeError, match=str(port)):
            udh.port_element(0, port, wide=wide)

    @given(elements)
    def test_round_trip(self, given_elements: list[tuple[int, bytes]]) -> None:
        header = udh.parse(udh.build(given_elements))
        assert header.elements == tuple(given_elements)

    @given(
        st.integers(0, 0xFFFF), st.integers(1, 255), st.integers(1, 255), st.booleans()
    )
    def test_concatenation_round_trip(
        self, reference: int, one: int, other: int, wide: bool
    ) -> None:
        part, total = sorted((one, other))
        reference &= 0xFFFF if wide else 0xFF
        built = udh.build(
            [udh.concatenation_element(reference, total, part, wide=wide)]
        )
        assert udh.parse(built).concatenation == Concatenation(
            reference=reference, total=total, part=part, wide=wide
        )
