"""Vectors: the tables of 3GPP TS 23.038 §6.2.1 in Unicode, packing done by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdu import gsm0338
from pdu.errors import EncodeError

# fmt: off
DEFAULT_TABLE = [
    # Column by column of the table in §6.2.1, b7 b6 b5 from 000 to 111.
    0x0040, 0x00A3, 0x0024, 0x00A5, 0x00E8, 0x00E9, 0x00F9, 0x00EC,
    0x00F2, 0x00C7, 0x000A, 0x00D8, 0x00F8, 0x000D, 0x00C5, 0x00E5,
    0x0394, 0x005F, 0x03A6, 0x0393, 0x039B, 0x03A9, 0x03A0, 0x03A8,
    0x03A3, 0x0398, 0x039E, None,   0x00C6, 0x00E6, 0x00DF, 0x00C9,
    0x0020, 0x0021, 0x0022, 0x0023, 0x00A4, 0x0025, 0x0026, 0x0027,
    0x0028, 0x0029, 0x002A, 0x002B, 0x002C, 0x002D, 0x002E, 0x002F,
    0x0030, 0x0031, 0x0032, 0x0033, 0x0034, 0x0035, 0x0036, 0x0037,
    0x0038, 0x0039, 0x003A, 0x003B, 0x003C, 0x003D, 0x003E, 0x003F,
    0x00A1, 0x0041, 0x0042, 0x0043, 0x0044, 0x0045, 0x0046, 0x0047,
    0x0048, 0x0049, 0x004A, 0x004B, 0x004C, 0x004D, 0x004E, 0x004F,
    0x0050, 0x0051, 0x0052, 0x0053, 0x0054, 0x0055, 0x0056, 0x0057,
    0x0058, 0x0059, 0x005A, 0x00C4, 0x00D6, 0x00D1, 0x00DC, 0x00A7,
    0x00BF, 0x0061, 0x0062, 0x0063, 0x0064, 0x0065, 0x0066, 0x0067,
    0x0068, 0x0069, 0x006A, 0x006B, 0x006C, 0x006D, 0x006E, 0x006F,
    0x0070, 0x0071, 0x0072, 0x0073, 0x0074, 0x0075, 0x0076, 0x0077,
    0x0078, 0x0079, 0x007A, 0x00E4, 0x00F6, 0x00F1, 0x00FC, 0x00E0,
]
# fmt: on
EXTENSION_TABLE = {
    0x0A: 0x000C,
    0x14: 0x005E,
    0x28: 0x007B,
    0x29: 0x007D,
    0x2F: 0x005C,
    0x3C: 0x005B,
    0x3D: 0x007E,
    0x3E: 0x005D,
    0x40: 0x007C,
    0x65: 0x20AC,
}
ESCAPE = 0x1B

texts = st.text(
    [
        *(chr(point) for point in DEFAULT_TABLE if point is not None),
        *(chr(point) for point in EXTENSION_TABLE.values()),
    ]
)
septets = st.lists(st.integers(0, 0x7F), max_size=200).map(bytes)


class TestTables:
    @pytest.mark.parametrize(
        ("code", "point"),
        [(code, point) for code, point in enumerate(DEFAULT_TABLE) if point],
    )
    def test_default_table(self, code: int, point: int) -> None:
        assert gsm0338.encode(chr(point)) == bytes([code])
        assert gsm0338.decode(bytes([code])) == chr(point)
        assert gsm0338.septets(chr(point)) == 1

    @pytest.mark.parametrize(("code", "point"), EXTENSION_TABLE.items())
    def test_extension_table(self, code: int, point: int) -> None:
        assert gsm0338.encode(chr(point)) == bytes([ESCAPE, code])
        assert gsm0338.decode(bytes([ESCAPE, code])) == chr(point)
        assert gsm0338.septets(chr(point)) == 2

    def test_nothing_else_is_encodable(self) -> None:
        known = {*DEFAULT_TABLE, *EXTENSION_TABLE.values()}
        found = {
            point for point in range(0x11_0000) if gsm0338.is_encodable(chr(point))
        }
        assert found == known - {None}
        assert {ord(char) for char in gsm0338.CHARACTERS} == found


class TestEncode:
    def test_text_with_everything(self) -> None:
        assert gsm0338.encode("[1€] @\n") == bytes.fromhex("1b3c31 1b65 1b3e 20 00 0a")

    def test_empty(self) -> None:
        assert gsm0338.encode("") == b""
        assert gsm0338.decode(b"") == ""

    @pytest.mark.parametrize(
        "text",
        ["\0", "\x1b", "ç", "ж", "😀", "\ud83d", "\x80", "\ufffe", "€\0", "a\x1b["],
    )
    def test_refuses_what_is_not_in_the_tables(self, text: str) -> None:
        assert not gsm0338.is_encodable(text)
        with pytest.raises(EncodeError):
            gsm0338.encode(text)
        with pytest.raises(EncodeError):
            gsm0338.septets(text)

    def test_error_names_the_characters_once_and_in_order(self) -> None:
        with pytest.raises(EncodeError) as caught:
            gsm0338.encode("a жук\u200b жж")
        message = str(caught.value)
        assert "'ж' U+0436, 'у' U+0443, 'к' U+043A, U+200B" in message
        assert "a" not in message.split(":")[1]

    def test_error_names_ten_characters_at_most(self) -> None:
        with pytest.raises(EncodeError, match=r"'к' U\+043A, …$"):
            gsm0338.encode("абвгдеёжзиклмн".replace("и", "к"))

    def test_unencodable(self) -> None:
        assert gsm0338.unencodable("Привет, €!") == "Привет"
        assert gsm0338.unencodable("ab€") == ""
        assert gsm0338.unencodable("жaж\x1b") == "ж\x1b"

    @given(texts)
    def test_round_trip(self, text: str) -> None:
        encoded = gsm0338.encode(text)
        assert gsm0338.decode(encoded) == text
        assert len(encoded) == gsm0338.septets(text)
        assert max(encoded, default=0) <= 0x7F


class TestDecode:
    @pytest.mark.parametrize(
        ("data", "text"),
        [
            ("1b41", "A"),  # no such extension: the character of the default table
            ("1b00", "@"),
            ("1b0d", "\r"),  # CR2, a control character
            ("1b1b", " "),  # reserved for another extension table
            ("1b1b65", " e"),
            ("1b1b1b65", " €"),
            ("611b", "a "),  # cut off
            ("1b", " "),
            ("1b0a", "\f"),
        ],
    )
    def test_escape(self, data: str, text: str) -> None:
        assert gsm0338.decode(bytes.fromhex(data)) == text

    def test_octets_that_are_no_septets_are_latin_1(self) -> None:
        assert gsm0338.decode(b"caf\xe9 \xa3") == "café £"
        assert gsm0338.decode(b"\x1b\xe9") == "é"

    @given(st.binary())
    def test_never_raises(self, data: bytes) -> None:
        assert len(gsm0338.decode(data)) <= len(data)


class TestPack:
    @pytest.mark.parametrize(
        ("text", "octets"),
        [
            ("", ""),
            ("1", "31"),
            ("12", "3119"),
            # 0x61, 0x62 and so on shifted into each other (§6.1.2.1.1).
            ("hello", "e8329bfd06"),
            ("hellohello", "e8329bfd4697d9ec37"),
            ("1234567", "31d98c56b3dd00"),
            ("12345678", "31d98c56b3dd70"),
            ("1234567@", "31d98c56b3dd00"),
            ("@@@@@@@@", "00000000000000"),
            ("€", "9b32"),
        ],
    )
    def test_vectors(self, text: str, octets: str) -> None:
        assert gsm0338.pack(gsm0338.encode(text)).hex() == octets

    @pytest.mark.parametrize(
        ("fill_bits", "octets"),
        # 0x61 | 0x62 << 7 = 0x3161, then shifted.
        [(0, "6131"), (1, "c262"), (2, "84c5"), (3, "088b01"), (6, "40580c")],
    )
    def test_fill_bits(self, fill_bits: int, octets: str) -> None:
        packed = gsm0338.pack(b"ab", fill_bits)
        assert packed.hex() == octets
        assert gsm0338.unpack(packed, 2, fill_bits) == b"ab"

    def test_160_septets_in_140_octets(self) -> None:
        packed = gsm0338.pack(b"a" * 160)
        assert len(packed) == 140
        assert gsm0338.unpack(packed) == b"a" * 160

    def test_153_septets_behind_a_header_of_six(self) -> None:
        assert len(gsm0338.pack(b"a" * 153, 1)) == 134

    def test_refuses_octets(self) -> None:
        with pytest.raises(EncodeError):
            gsm0338.pack(b"a\x80")

    @given(septets, st.integers(0, 6))
    def test_round_trip_with_count(self, data: bytes, fill_bits: int) -> None:
        packed = gsm0338.pack(data, fill_bits)
        assert gsm0338.unpack(packed, len(data), fill_bits) == data

    @given(septets, st.integers(0, 6))
    def test_without_count_only_the_padding_is_in_doubt(
        self, data: bytes, fill_bits: int
    ) -> None:
        packed = gsm0338.pack(data, fill_bits)
        found = gsm0338.unpack(packed, fill_bits=fill_bits)
        full = (8 * len(packed) - fill_bits) % 7 == 0
        if full and data[-1:] in {b"\0", b"\r"} and len(found) < len(data):
            assert found == data[:-1]
        else:
            assert found == data


class TestUnpack:
    def test_seven_spare_bits_are_padding(self) -> None:
        assert gsm0338.unpack(bytes.fromhex("31d98c56b3dd00")) == b"1234567"

    def test_or_a_carriage_return(self) -> None:
        # §6.1.2.3.1: CR instead of zeros, so that it is not read as "@".
        assert gsm0338.unpack(bytes.fromhex("31d98c56b3dd1a")) == b"1234567"

    def test_or_an_at_if_the_count_says_so(self) -> None:
        assert gsm0338.unpack(bytes.fromhex("31d98c56b3dd00"), 8) == b"1234567\0"
        assert gsm0338.unpack(bytes.fromhex("31d98c56b3dd00"), 7) == b"1234567"

    def test_an_at_that_leaves_no_spare_septet_is_an_at(self) -> None:
        assert gsm0338.unpack(gsm0338.pack(b"123\0")) == b"123\0"

    def test_any_other_last_septet_counts(self) -> None:
        assert gsm0338.unpack(bytes.fromhex("31d98c56b3dd70")) == b"12345678"

    @pytest.mark.parametrize("count", [None, 0, 5])
    def test_nothing_to_unpack(self, count: int | None) -> None:
        assert gsm0338.unpack(b"", count) == b""
        assert gsm0338.unpack(b"", count, fill_bits=3) == b""

    def test_count_beyond_the_data(self) -> None:
        assert gsm0338.unpack(b"\x31", 100) == b"1"

    @given(st.binary(max_size=200), st.integers(0, 6))
    def test_never_raises(self, data: bytes, fill_bits: int) -> None:
        assert all(code <= 0x7F for code in gsm0338.unpack(data, fill_bits=fill_bits))
