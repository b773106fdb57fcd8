"""Vectors written from SMPP 3.4 §5.2.19 and 3GPP TS 23.038 §4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdu import datacoding
from pdu.datacoding import decode_text, decode_texts, encoding_of

ALPHABETS = ["gsm0338", "gsm0338-packed", "ascii", "latin1", "cp1252"]

DEFAULT = [0x00, 0x10, 0x11, 0x13, 0x40, 0x50, 0x53, 0xC0, 0xC8, 0xD1, 0xDF]
DEFAULT += [0xF0, 0xF1, 0xF2, 0xF3, 0xF8]
UCS2 = [0x08, 0x18, 0x19, 0x1B, 0x48, 0x58, 0xE0, 0xEF]
BINARY = [0x02, 0x04, 0x14, 0x17, 0x44, 0x54, 0xF4, 0xF5, 0xF7, 0xFC]
# Pictograms and extended kanji, reserved values, compressed text.
NO_TEXT = [0x09, 0x0B, 0x0D, 0x0F, 0x1C, 0x4C, 0x80, 0xBF, 0x20, 0x28, 0x38, 0x60, 0x78]


class TestDataCoding:
    @pytest.mark.parametrize("data_coding", DEFAULT)
    def test_default_alphabet(self, data_coding: int) -> None:
        assert decode_text(b"\0 \x1be \x10", data_coding) == "@ € Δ"
        assert encoding_of(data_coding) == "gsm7"

    @pytest.mark.parametrize("data_coding", UCS2)
    def test_ucs2(self, data_coding: int) -> None:
        assert decode_text(b"\x04\x16\0a", data_coding) == "Жa"
        assert encoding_of(data_coding) == "ucs2"

    @pytest.mark.parametrize("data_coding", BINARY + NO_TEXT + [256, 4096, -1])
    def test_no_text(self, data_coding: int) -> None:
        assert decode_text(b"abc", data_coding) is None
        assert encoding_of(data_coding) == "binary"

    @pytest.mark.parametrize(
        ("data_coding", "data", "text", "encoding"),
        [
            (1, b"a@[$_`", "a@[$_`", "gsm7"),
            (1, b"caf\xe9", "café", "gsm7"),
            (3, b"fa\xe7ade", "façade", "latin1"),
            (6, b"\xbf\xe0\xd8\xd2\xd5\xe2", "Привет", "ucs2"),
            (7, b"\xf9\xec\xe5\xed", "שלום", "ucs2"),
            (5, b"\x93\xfa\x96\x7b", "日本", "ucs2"),
            (5, b"\x1b$BF|K\\\x1b(B", "日本", "ucs2"),
            (10, b"\x1b$BF|K\\\x1b(B", "日本", "ucs2"),
            (14, b"\xc7\xd1", "한", "ucs2"),
        ],
    )
    def test_other_charsets(
        self, data_coding: int, data: bytes, text: str, encoding: str
    ) -> None:
        assert decode_text(data, data_coding) == text
        assert encoding_of(data_coding) == encoding

    @pytest.mark.parametrize(
        ("alphabet", "data", "text"),
        [
            ("gsm0338", b"\0\x11", "@_"),
            ("ascii", b"@_", "@_"),
            ("ascii", b"\xe9", "é"),
            ("latin1", b"@\xa3", "@£"),
            ("cp1252", b"@\x80\x81", "@€\ufffd"),
            ("gsm0338-packed", bytes.fromhex("e8329bfd4697d9ec37"), "hellohello"),
        ],
    )
    def test_default_means_the_alphabet(
        self, alphabet: str, data: bytes, text: str
    ) -> None:
        assert decode_text(data, 0, alphabet) == text

    def test_other_data_codings_do_not_ask_the_alphabet(self) -> None:
        assert decode_text(b"@", 3, "gsm0338-packed") == "@"
        assert decode_text(b"\0@", 8, "gsm0338-packed") == "@"

    @given(
        st.binary(max_size=60),
        st.integers(0, 255),
        st.sampled_from(ALPHABETS),
        st.integers(0, 20),
    )
    def test_never_raises_and_can_be_written(
        self, data: bytes, data_coding: int, alphabet: str, udh_length: int
    ) -> None:
        text = decode_text(data, data_coding, alphabet, udh_length)
        assert (text is None) == (encoding_of(data_coding) == "binary")
        if text is not None:
            text.encode()


class TestUcs2:
    @pytest.mark.parametrize(
        ("data", "text"),
        [
            ("", ""),
            ("0416", "Ж"),
            ("d83dde00", "😀"),
            ("feff0416", "Ж"),  # with a byte order mark
            ("fffe16040061", "Ж愀"),  # which may say little-endian
            ("fffe1604", "Ж"),
            ("041600", "Ж\ufffd"),  # odd length
            ("04", "\ufffd"),
            ("fffe160400", "Ж\ufffd"),
            ("d83d0041", "\ufffdA"),  # half a surrogate pair
            ("de00", "\ufffd"),
        ],
    )
    def test_lenient(self, data: str, text: str) -> None:
        assert decode_text(bytes.fromhex(data), 8) == text

    def test_pair_cut_between_parts(self) -> None:
        assert decode_texts([b"\0a\xd8\x3d", b"\xde\x00\0b"], 8) == "a😀b"

    def test_stray_octet_does_not_shift_the_next_part(self) -> None:
        assert decode_texts([b"\0a\0", b"\0b"], 8) == "a\ufffdb"

    def test_byte_order_holds_for_the_rest(self) -> None:
        assert decode_texts([b"\xff\xfe\x16\x04", b"\x16\x04"], 8) == "ЖЖ"
        assert decode_texts([b"\xff\xfe\x16\x04", b"\xfe\xff\x04\x16"], 8) == "ЖЖ"


class TestParts:
    def test_escape_cut_between_parts(self) -> None:
        assert decode_texts([b"a\x1b", b"eb"], 0) == "a€b"

    def test_binary_parts(self) -> None:
        assert decode_texts([b"a", b"b"], 4) is None

    def test_packed_parts_behind_their_headers(self) -> None:
        # 0x61 | 0x62 << 7, shifted by the one bit that completes six octets.
        assert decode_texts([b"\xc2\x62"] * 2, 0, "gsm0338-packed", 6) == "abab"


class TestWirePayload:
    @pytest.mark.parametrize(
        ("encoding", "alphabet"),
        [
            ("gsm7", "gsm0338"),
            ("gsm7", "ascii"),
            ("gsm7", "latin1"),
            ("ucs2", "gsm0338-packed"),
            ("binary", "gsm0338-packed"),
        ],
    )
    def test_only_packed_septets_change(self, encoding: str, alphabet: str) -> None:
        assert datacoding.wire_payload(b"ab", encoding, alphabet, 6) == b"ab"
        assert datacoding.from_wire(b"ab", encoding, alphabet, 6) == b"ab"

    @pytest.mark.parametrize(
        ("udh_length", "octets"),
        # Fill bits by TS 23.040: header and bits together are whole septets.
        [(0, "6131"), (6, "c262"), (7, "6131"), (1, "40580c"), (13, "c262")],
    )
    def test_fill_bits(self, udh_length: int, octets: str) -> None:
        alphabet = "gsm0338-packed"
        payload = datacoding.wire_payload(b"ab", "gsm7", alphabet, udh_length)
        assert payload.hex() == octets
        assert datacoding.from_wire(payload, "gsm7", alphabet, udh_length) == b"ab"

    def test_seven_spare_bits_become_a_carriage_return(self) -> None:
        payload = datacoding.wire_payload(b"1234567", "gsm7", "gsm0338-packed")
        assert payload.hex() == "31d98c56b3dd1a"  # TS 23.038 §6.1.2.3.1
        assert datacoding.from_wire(payload, "gsm7", "gsm0338-packed") == b"1234567"

    def test_full_parts(self) -> None:
        alphabet = "gsm0338-packed"
        assert len(datacoding.wire_payload(b"a" * 160, "gsm7", alphabet)) == 140
        assert len(datacoding.wire_payload(b"a" * 153, "gsm7", alphabet, 6)) == 134
        assert len(datacoding.wire_payload(b"a" * 152, "gsm7", alphabet, 7)) == 133
        assert datacoding.wire_payload(b"", "gsm7", alphabet) == b""
