"""The tables against another implementation's, the rooms against 140 octets."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors import ts23038

from pdu import gsm0338, national, segment, udh
from pdu.datacoding import decode_text, wire_payload
from pdu.errors import EncodeError
from pdu.national import IDENTIFIERS, Language, Shift
from pdu.segment import ReferenceOctets, Split

LANGUAGES: tuple[Language, ...] = get_args(Language)
LOCKING = [language for language in LANGUAGES if language != "es"]
SHIFTS = [
    Shift(locking, single)
    for locking in range(14)
    for single in range(14)
    if locking != IDENTIFIERS["es"]
]
INDIC = set(LANGUAGES) - {"tr", "es", "pt", "ur"}


def expanded(runs: str) -> dict[int, str]:
    found = {}
    for run in runs.split():
        codes, first = run.split("=")
        start, _, end = codes.partition("-")
        for code in range(int(start, 16), int(end or start, 16) + 1):
            found[code] = chr(int(first, 16) + code - int(start, 16))
    return found


def locking(language: Language) -> Shift:
    return Shift(locking=IDENTIFIERS[language])


def single(language: Language) -> Shift:
    return Shift(single=IDENTIFIERS[language])


def split(text: str, *languages: Language, octets: ReferenceOctets = 1) -> Split:
    return segment.split(text, languages=languages, reference_octets=octets)


class TestTables:
    def test_identifiers(self) -> None:
        assert tuple(IDENTIFIERS) == LANGUAGES
        assert list(IDENTIFIERS.values()) == list(range(1, 14))
        assert list(ts23038.SINGLE) == list(LANGUAGES)
        assert list(ts23038.LOCKING) == LOCKING

    @pytest.mark.parametrize("language", LOCKING)
    def test_locking(self, language: Language) -> None:
        table = expanded(ts23038.LOCKING[language])
        assert "\x1b" not in table.values()
        for code in set(range(0x80)) - {gsm0338.ESCAPE}:
            text = national.decode(bytes((code,)), locking(language))
            assert text == table.get(code, " ")

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_single(self, language: Language) -> None:
        table = expanded(ts23038.SINGLE[language])
        for code in set(range(0x80)) - {gsm0338.ESCAPE}:
            text = national.decode(bytes((gsm0338.ESCAPE, code)), single(language))
            assert text == table.get(code, gsm0338.BASIC[code])

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_what_they_have(self, language: Language) -> None:
        tables = ts23038.LOCKING.get(language, ""), ts23038.SINGLE[language]
        had = {char for table in tables for char in expanded(table).values()}
        assert national.characters(language) == had

    def test_printed_twice(self) -> None:
        """The other place of these is what a phone would doubt."""
        assert national.codes(locking("kn"))["ಪ"] == b"\x3d"
        assert "ಡ" not in national.codes(locking("kn"))
        assert national.codes(single("hi"))["*"] == b"*"
        assert national.codes(Shift(6, 6))["*"] == b"\x1b\x0b"
        assert national.codes(Shift(6, 6))["¡"] == b"\x1b\x13"

    @pytest.mark.parametrize("shift", SHIFTS)
    def test_every_character_comes_back(self, shift: Shift) -> None:
        codes = national.codes(shift)
        assert national.decode(b"".join(codes.values()), shift) == "".join(codes)


class TestDecoding:
    @pytest.mark.parametrize(
        ("septets", "text"),
        [
            (b"a\x1bgb", "ağb"),
            (b"\x1be", "€"),
            (b"\x1ba", "a"),  # no character there: as if it were not escaped
            (b"\x1b\x1bg", " g"),
            (b"a\x1b", "a "),
            (b"\x1b\r", "\r"),
            (b"\xe7\x1b\xe7", "çç"),
            (b"", ""),
        ],
    )
    def test_escapes(self, septets: bytes, text: str) -> None:
        assert national.decode(septets, single("tr")) == text

    def test_no_character(self) -> None:
        assert national.decode(b"a\x0c\x1b\x0eb", Shift(4, 1)) == "a  b"

    def test_an_escaped_one_is_of_the_locking_table(self) -> None:
        assert national.decode(b"\x1b\x04", locking("tr")) == "€"
        assert national.decode(b"\x1b\x04", single("tr")) == "è"

    @given(st.binary(), st.sampled_from(SHIFTS))
    def test_never_raises(self, data: bytes, shift: Shift) -> None:
        text = national.decode(data, shift)
        assert len(text) <= len(data)
        text.encode()

    def test_any_alphabet(self) -> None:
        assert decode_text(b"\x0c", 0, "latin1", 4, locking("tr")) == "ğ"
        assert decode_text(b"\x0c", 0x11, shift=locking("tr")) == "ğ"

    def test_other_data_codings_have_none(self) -> None:
        assert decode_text(b"\x1e\x0c", 8, shift=locking("tr")) == "\u1e0c"
        assert decode_text(b"\x0c", 3, shift=locking("tr")) == "\x0c"


class TestHeader:
    """3GPP TS 23.040 §9.2.3.24.15 and .16."""

    @pytest.mark.parametrize(
        ("shift", "header"),
        [
            (Shift(), "00"),
            (Shift(single=1), "03 240101"),
            (Shift(locking=13), "03 25010d"),
            (Shift(locking=3, single=2), "06 240102 250103"),
        ],
    )
    def test_elements(self, shift: Shift, header: str) -> None:
        octets = bytes.fromhex(header)
        assert udh.build(udh.shift_elements(shift)) == octets
        assert udh.parse(octets).shift == shift

    @pytest.mark.parametrize(
        ("header", "shift"),
        [
            ("0b 0003070201 250101 240103", Shift(1, 3)),
            ("06 250101 250103", Shift(locking=3)),  # the last one counts
            ("06 250101 25010e", Shift(locking=1)),  # reserved
            ("03 250102", Shift()),  # Spanish has no locking shift table
            ("03 240100", Shift()),
            ("04 24020101", Shift()),
            ("02 2400", Shift()),
        ],
    )
    def test_liberal(self, header: str, shift: Shift) -> None:
        assert udh.parse(bytes.fromhex(header)).shift == shift


ROOMS = [
    # header, and septets of a part: alone, 8-bit reference, 16-bit reference
    (Shift(single=1), (155, 149, 148)),
    (Shift(locking=1), (155, 149, 148)),
    (Shift(1, 1), (152, 146, 145)),
]


class TestRoom:
    @pytest.mark.parametrize(("shift", "rooms"), ROOMS)
    @pytest.mark.parametrize("octets", [0, 1, 2])
    def test_what_140_octets_hold(
        self, shift: Shift, rooms: tuple[int, ...], octets: int
    ) -> None:
        elements = list(udh.shift_elements(shift))
        if octets:
            elements.append(udh.concatenation_element(1, 2, 1, wide=octets == 2))
        header = udh.build(elements)
        room = rooms[octets]
        for septets, fits in ((room, True), (room + 1, False)):
            packed = wire_payload(b"a" * septets, "gsm7", "gsm0338-packed", len(header))
            assert (len(header + packed) <= 140) == fits
        assert len(header) + room <= 160

    @pytest.mark.parametrize(
        ("unit", "languages", "shift", "rooms"),
        [
            ("ğ", ("tr",), Shift(locking=1), ROOMS[1][1]),
            ("á", ("es",), Shift(single=2), ROOMS[0][1]),
            ("कि०", ("hi",), Shift(6, 6), ROOMS[2][1]),
        ],
    )
    @pytest.mark.parametrize("octets", [0, 1, 2])
    def test_parts(
        self,
        unit: str,
        languages: tuple[Language, ...],
        shift: Shift,
        rooms: tuple[int, ...],
        octets: ReferenceOctets,
    ) -> None:
        text = unit
        cost = {"ğ": 1, "á": 2, "कि०": 4}[unit]
        filler = (rooms[0] - cost) * " "
        one = split(text + filler, *languages, octets=octets)
        assert (one.shift, len(one.parts)) == (shift, 1)
        assert (one.units, one.units_per_part) == (rooms[0], rooms[0])
        two = split(text + filler + " ", *languages, octets=octets)
        assert (two.shift, len(two.parts)) == (shift, 2)
        assert two.units_per_part == rooms[octets] == len(two.parts[0])

    @pytest.mark.parametrize("edge", [147, 148, 149])
    def test_no_escape_is_cut(self, edge: int) -> None:
        found = split("a" * edge + "á" * 10, "es")
        assert [len(part) for part in found.parts] == [
            148 if edge % 2 == 0 else 149,
            edge + 20 - (148 if edge % 2 == 0 else 149),
        ]
        assert not any(part.endswith(b"\x1b") for part in found.parts)


class TestChoice:
    @pytest.mark.parametrize(
        ("text", "languages", "shift"),
        [
            ("plain", LANGUAGES, Shift()),
            ("€ [plain]", LANGUAGES, Shift()),
            ("á", ("es",), single("es")),
            ("á", ("tr", "es"), single("es")),
            ("á", ("tr", "es", "pt"), locking("pt")),  # one septet instead of two
            ("ğ", ("tr",), locking("tr")),
            ("ğè", ("tr",), single("tr")),  # which leaves the default alphabet
            ("हिन्दी", ("hi",), locking("hi")),
            ("हिन्दी OK", ("hi",), Shift(6, 6)),
            ("مرحبا", ("ur",), locking("ur")),
            ("يا", ("ur",), None),  # the Arabic yeh is not the one of Urdu
            ("پاکستان", ("ur",), locking("ur")),
            ("ğ ã", ("tr", "pt"), Shift(1, 3)),
            ("ğ ã", ("pt", "tr"), Shift(3, 1)),
            ("ж", ("tr",), None),
        ],
    )
    def test_the_cheapest(
        self, text: str, languages: tuple[Language, ...], shift: Shift | None
    ) -> None:
        found = split(text, *languages)
        assert found.shift == (shift or Shift())
        assert found.encoding == ("gsm7" if shift is not None else "ucs2")

    def test_without_languages(self) -> None:
        assert split("ğ").encoding == "ucs2"

    def test_a_long_plain_text_may_be_cheaper_with_a_table(self) -> None:
        assert split("€" * 80, "tr").shift == Shift()
        found = split("€" * 90, "tr")
        assert (found.shift, len(found.parts)) == (locking("tr"), 1)
        assert split("€" * 77 + "è", "tr").shift == Shift()

    def test_parts_come_first(self) -> None:
        """Locking is 1 septet for ç, and needs the single shift for the è's."""
        text = "è" * 140 + "ç"
        assert split(text, "tr").shift == single("tr")
        assert len(split(text, "tr").parts) == 1

    def test_the_simplest_of_equals(self) -> None:
        assert split("ç", "es", "pt").shift == locking("pt")
        assert split("Ω" * 9 + "í", "es", "pt").shift == single("es")
        assert split("Ω" * 9 + "í", "pt", "es").shift == single("pt")

    def test_gsm7_asked_for(self) -> None:
        found = segment.split("ğ", encoding="gsm7", languages=("tr",))
        assert found.parts == (b"\x0c",)
        with pytest.raises(EncodeError) as caught:
            segment.split("ğж", encoding="gsm7", languages=("tr",))
        assert str(caught.value).endswith("lacks: 'ж' U+0436")

    @pytest.mark.parametrize("encoding", ["ucs2", "latin1"])
    def test_another_encoding_asked_for(self, encoding: str) -> None:
        found = segment.split("á", encoding=encoding, languages=("es",))
        assert (found.encoding, found.shift) == (encoding, Shift())

    @pytest.mark.parametrize("alphabet", ["ascii", "latin1"])
    def test_alphabets_without_tables(self, alphabet: str) -> None:
        found = segment.split("ğ", alphabet=alphabet, languages=("tr",))
        assert found.encoding == "ucs2"

    def test_without_extension(self) -> None:
        found = segment.split("ğ€", extension=False, languages=("tr",))
        assert (found.shift, found.parts) == (locking("tr"), (b"\x0c\x04",))
        for text in ("ğ[", "á"):
            languages: tuple[Language, ...] = ("tr", "es")
            found = segment.split(text, extension=False, languages=languages)
            assert found.encoding == "ucs2"
        assert found.forcing_characters == "á"

    @pytest.mark.parametrize(
        ("text", "languages", "forcing"),
        [
            ("ğж", ("tr",), "ж"),
            ("ж", ("tr", "es"), "ж"),
            ("ğ🎂ş🎂", ("tr",), "🎂"),
            ("कु ğ", ("hi",), "ğ"),
            ("ğकಕ", ("tr", "hi", "kn"), "ಕ"),
            ("§ಂಃ", ("kn",), "§"),  # not the two that only the table has
        ],
    )
    def test_what_forces_ucs2(
        self, text: str, languages: tuple[Language, ...], forcing: str
    ) -> None:
        assert split(text, *languages).forcing_characters == forcing

    def test_lone_surrogates(self) -> None:
        with pytest.raises(EncodeError, match="lone surrogate"):
            split("ğ\ud800", "tr")

    def test_a_short_message_of_140_octets(self) -> None:
        """As `octets` of `segment.split`: septets are octets there."""
        found = segment.split("ğ" + "a" * 135, octets=140, languages=("tr",))
        assert (len(found.parts), found.units_per_part) == (1, 136)
        found = segment.split("ğ" + "a" * 136, octets=140, languages=("tr",))
        assert [len(part) for part in found.parts] == [131, 6]
        found = segment.split("a" * 100 + "€" * 25, octets=140, languages=("tr",))
        assert (len(found.parts), found.shift) == (1, locking("tr"))
        packed = segment.split(
            "ğ" + "a" * 154, alphabet="gsm0338-packed", octets=140, languages=("tr",)
        )
        assert len(packed.parts) == 1

    def test_ucs2_where_it_takes_fewer_parts(self) -> None:
        """Only where septets are octets, and nearly all of them are escaped."""
        text = "क" + "A" * 67
        assert split(text, "hi").encoding == "gsm7"
        found = segment.split(text, octets=140, languages=("hi",))
        assert (found.encoding, len(found.parts)) == ("ucs2", 1)
        assert found.forcing_characters == ""


def any_text(languages: tuple[Language, ...]) -> st.SearchStrategy[str]:
    own = sorted({char for each in languages for char in national.characters(each)})
    return st.text(st.sampled_from([*own, *"abc @€\n", "ж"]), max_size=400)


@st.composite
def texts_of_languages(
    draw: st.DrawFn,
) -> tuple[str, tuple[Language, ...]]:
    languages = draw(st.lists(st.sampled_from(LANGUAGES), unique=True, max_size=3))
    return draw(any_text(tuple(languages))), tuple(languages)


class TestProperties:
    @given(
        texts_of_languages(),
        st.sampled_from([0, 1, 2]),
        st.booleans(),
        st.sampled_from(["gsm0338", "gsm0338-packed"]),
    )
    def test_parts_come_back(
        self,
        case: tuple[str, tuple[Language, ...]],
        octets: ReferenceOctets,
        extension: bool,
        alphabet: str,
    ) -> None:
        text, languages = case
        found = segment.split(
            text,
            alphabet=alphabet,
            extension=extension,
            reference_octets=octets,
            languages=languages,
        )
        again = segment.join(found.encoding, alphabet, found.parts, found.shift)
        assert again == text
        assert (found.encoding == "ucs2") == bool(found.forcing_characters)
        unit = 2 if found.encoding == "ucs2" else 1
        for part in found.parts:
            assert len(part) <= found.units_per_part * unit
            alone = segment.join(found.encoding, alphabet, [part], found.shift)
            assert alone in text
        if not extension and found.encoding == "gsm7":
            assert not any(b"\x1b" in part for part in found.parts)

    @given(texts_of_languages(), st.sampled_from([0, 1, 2]))
    def test_no_other_way_is_cheaper(
        self, case: tuple[str, tuple[Language, ...]], octets: ReferenceOctets
    ) -> None:
        text, languages = case
        found = segment.split(text, reference_octets=octets, languages=languages)
        for each in languages:
            other = segment.split(text, reference_octets=octets, languages=(each,))
            assert len(found.parts) <= len(other.parts)
        plain = segment.split(text, reference_octets=octets)
        assert len(found.parts) <= len(plain.parts)
        if plain.encoding == "gsm7" and len(plain.parts) == len(found.parts) == 1:
            assert found.shift == Shift()
        if found.encoding == "ucs2":
            assert len(found.forcing_characters) <= len(plain.forcing_characters)
