"""Limits by 3GPP TS 23.040 §9.2.3.24.1: 140 octets of user data, less the header."""

from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pdu import grapheme, segment
from pdu.errors import EncodeError
from pdu.segment import Split

ALPHABETS = ["gsm0338", "gsm0338-packed", "ascii", "latin1", "cp1252"]
EXTENSION = "\f^{}\\[~]|€"

Octets = Literal[0, 1, 2]

references = st.sampled_from([0, 1, 2])
gsm_texts = st.text(st.sampled_from("aZ9 @é\n\rΩ" + EXTENSION), max_size=1000)
ascii_texts = st.text(st.characters(max_codepoint=0x7F), max_size=1000)
latin1_texts = st.text(st.characters(max_codepoint=0xFF), max_size=800)
any_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
wide_texts = st.text(st.sampled_from("жa😀𝄞\ufeff\ufffe"), max_size=400)
GRAPHEMES = [
    "a",
    "ж",
    "\r\n",
    "и\u0306",
    "क्षि",
    "👍🏽",
    "👨‍👩‍👧",
    "🇺🇦",
    "1\ufe0f\u20e3",
]
grapheme_texts = st.lists(st.sampled_from(GRAPHEMES), max_size=90).map("".join)
texts = gsm_texts | ascii_texts | latin1_texts | any_texts | wide_texts
texts |= grapheme_texts


def fewest_parts(costs: list[int], single: int, limit: int) -> int:
    """Filling each part in turn is the best there is when nothing is cut."""
    if sum(costs) <= single:
        return 1
    parts, used = 1, 0
    for cost in costs:
        if used + cost > limit:
            parts, used = parts + 1, 0
        used += cost
    return parts


def gsm_costs(text: str) -> list[int]:
    return [2 if char in EXTENSION else 1 for char in text]


def utf16_costs(text: str) -> list[int]:
    return [2 if char > "\uffff" else 1 for char in text]


def lengths(split: Split) -> list[int]:
    return [len(part) for part in split.parts]


class TestChoice:
    @pytest.mark.parametrize("text", ["", "Hello", "@£$¥ ÄÖÑÜ§ ΔΦ", EXTENSION, "\r\n"])
    def test_gsm7_if_it_fits(self, text: str) -> None:
        assert segment.split(text).encoding == "gsm7"
        assert segment.split(text).forcing_characters == ""

    @pytest.mark.parametrize(
        ("text", "forcing"),
        [
            ("Привет, мир", "Приветм"),
            ("a`b", "`"),
            ("naïve façade", "ïç"),
            ("ok 😀😀", "😀"),
            ("\x1b", "\x1b"),
            ("\0", "\0"),
        ],
    )
    def test_ucs2_else(self, text: str, forcing: str) -> None:
        split = segment.split(text)
        assert split.encoding == "ucs2"
        assert split.forcing_characters == forcing

    @pytest.mark.parametrize(
        ("alphabet", "text", "encoding", "forcing"),
        [
            ("gsm0338-packed", "é€", "gsm7", ""),
            ("gsm0338-packed", "ж", "ucs2", "ж"),
            ("ascii", "plain [text] ~", "gsm7", ""),
            ("ascii", "café ~", "ucs2", "é"),
            ("ascii", "a`b", "ucs2", "`"),  # in ASCII, but not on the air
            ("latin1", "façade `x`", "gsm7", ""),
            ("latin1", "€5", "ucs2", "€"),
            ("latin1", "Ω", "ucs2", "Ω"),
            ("cp1252", "€5 “x” ž", "gsm7", ""),
            ("cp1252", "Ω", "ucs2", "Ω"),
        ],
    )
    def test_by_alphabet(
        self, alphabet: str, text: str, encoding: str, forcing: str
    ) -> None:
        assert segment.split(text, alphabet=alphabet).encoding == encoding
        assert segment.split(text, alphabet=alphabet).forcing_characters == forcing

    @pytest.mark.parametrize("alphabet", ALPHABETS)
    def test_without_extension(self, alphabet: str) -> None:
        split = segment.split("a[b]c[", alphabet=alphabet, extension=False)
        assert split.encoding == "ucs2"
        assert split.forcing_characters == "[]"
        plain = segment.split("abc", alphabet=alphabet, extension=False)
        assert plain.encoding == "gsm7"

    def test_forced_ucs2(self) -> None:
        split = segment.split("Hi", encoding="ucs2")
        assert split.parts == (b"\0H\0i",)
        assert split.forcing_characters == ""
        assert split.encoding == "ucs2"

    def test_forced_latin1(self) -> None:
        split = segment.split("façade", encoding="latin1")
        assert split.encoding == "latin1"
        assert split.parts == (b"fa\xe7ade",)

    def test_forced_gsm7(self) -> None:
        assert segment.split("é€", encoding="gsm7").parts == (b"\x05\x1be",)
        assert segment.split("€é", encoding="gsm7", alphabet="cp1252").parts == (
            b"\x80\xe9",
        )
        assert segment.split("é", encoding="gsm7", alphabet="latin1").parts == (
            b"\xe9",
        )


class TestRefusals:
    @pytest.mark.parametrize(
        ("encoding", "alphabet", "text", "named"),
        [
            ("gsm7", "gsm0338", "aжbжц", "'ж' U+0436, 'ц' U+0446"),
            ("gsm7", "ascii", "é", "U+00E9"),
            ("gsm7", "latin1", "a€", "U+20AC"),
            ("latin1", "gsm0338", "a€ж", "'€' U+20AC, 'ж' U+0436"),
            ("gsm7", "gsm0338", "\ud83d", "U+D83D"),
            ("latin1", "gsm0338", "\ude00", "U+DE00"),
            ("ucs2", "gsm0338", "a\ud83dж", "lone surrogate: U+D83D"),
            ("auto", "gsm0338", "жa\ud83d", "lone surrogate: U+D83D"),
            ("auto", "latin1", "\ud83d\ude00", "U+D83D, U+DE00"),
        ],
    )
    def test_characters_are_named(
        self, encoding: str, alphabet: str, text: str, named: str
    ) -> None:
        with pytest.raises(EncodeError) as caught:
            segment.split(text, encoding=encoding, alphabet=alphabet)
        assert str(caught.value).endswith(named)
        assert caught.value.field == "text"

    def test_forced_gsm7_without_extension(self) -> None:
        with pytest.raises(EncodeError, match=r"'€' U\+20AC$"):
            segment.split("5 €", encoding="gsm7", extension=False)

    @pytest.mark.parametrize("encoding", ["binary", "utf-8", ""])
    def test_unknown_encoding(self, encoding: str) -> None:
        with pytest.raises(EncodeError, match="encoding"):
            segment.split("a", encoding=encoding)
        with pytest.raises(EncodeError, match="encoding"):
            segment.join(encoding, "gsm0338", [b"a"])

    def test_unknown_alphabet(self) -> None:
        with pytest.raises(EncodeError, match="koi8-r"):
            segment.split("a", alphabet="koi8-r")

    @pytest.mark.parametrize(
        ("reference_octets", "limit"), [(0, 160), (1, 153), (2, 152)]
    )
    def test_255_parts_at_most(self, reference_octets: Octets, limit: int) -> None:
        split = segment.split("a" * limit * 255, reference_octets=reference_octets)
        assert len(split.parts) == 255
        with pytest.raises(EncodeError, match="256 parts"):
            segment.split("a" * (limit * 255 + 1), reference_octets=reference_octets)

    def test_255_binary_parts_at_most(self) -> None:
        assert len(segment.split_binary(bytes(134 * 255)).parts) == 255
        with pytest.raises(EncodeError, match="256 parts"):
            segment.split_binary(bytes(134 * 255 + 1))


class TestLimits:
    @pytest.mark.parametrize("alphabet", ["gsm0338", "gsm0338-packed", "ascii"])
    def test_septets(self, alphabet: str) -> None:
        one = segment.split("a" * 160, alphabet=alphabet)
        assert lengths(one) == [160]
        assert (one.units, one.units_per_part) == (160, 160)
        two = segment.split("a" * 161, alphabet=alphabet)
        assert lengths(two) == [153, 8]
        assert (two.units, two.units_per_part) == (161, 153)
        wide = segment.split("a" * 161, alphabet=alphabet, reference_octets=2)
        assert lengths(wide) == [152, 9]
        assert wide.units_per_part == 152
        bare = segment.split("a" * 321, alphabet=alphabet, reference_octets=0)
        assert lengths(bare) == [160, 160, 1]
        assert bare.units_per_part == 160
        assert lengths(segment.split("a" * 306, alphabet=alphabet)) == [153, 153]
        assert lengths(segment.split("a" * 307, alphabet=alphabet)) == [153, 153, 1]

    def test_utf16_units(self) -> None:
        one = segment.split("ж" * 70)
        assert lengths(one) == [140]
        assert (one.units, one.units_per_part) == (70, 70)
        two = segment.split("ж" * 71)
        assert lengths(two) == [134, 8]
        assert (two.units, two.units_per_part) == (71, 67)
        assert lengths(segment.split("ж" * 71, reference_octets=2)) == [132, 10]
        assert lengths(segment.split("ж" * 141, reference_octets=0)) == [140, 140, 2]
        assert lengths(segment.split("ж" * 134)) == [134, 134]
        assert lengths(segment.split("ж" * 135)) == [134, 134, 2]

    @pytest.mark.parametrize(
        ("encoding", "alphabet"), [("latin1", "gsm0338"), ("auto", "latin1")]
    )
    def test_octets(self, encoding: str, alphabet: str) -> None:
        def split(size: int, reference_octets: Octets = 1) -> Split:
            return segment.split(
                "ç" * size,
                encoding=encoding,
                alphabet=alphabet,
                reference_octets=reference_octets,
            )

        assert lengths(split(140)) == [140]
        assert lengths(split(141)) == [134, 7]
        assert split(141).units_per_part == 134
        assert lengths(split(141, 2)) == [133, 8]
        assert lengths(split(281, 0)) == [140, 140, 1]

    def test_binary(self) -> None:
        split = segment.split_binary(bytes(range(141)))
        assert split.encoding == "binary"
        assert split.parts == (bytes(range(134)), bytes(range(134, 141)))
        assert (split.units, split.units_per_part) == (141, 134)
        assert lengths(segment.split_binary(bytes(140))) == [140]
        assert lengths(segment.split_binary(bytes(141), 2)) == [133, 8]
        assert segment.split_binary(b"").parts == (b"",)

    @pytest.mark.parametrize("encoding", ["auto", "gsm7", "ucs2", "latin1"])
    def test_empty_text_is_one_part(self, encoding: str) -> None:
        split = segment.split("", encoding=encoding)
        assert split.parts == (b"",)
        assert split.units == 0


class TestPairs:
    def test_escape_pair_at_the_edge(self) -> None:
        split = segment.split("a" * 152 + "€" + "a" * 50)
        assert lengths(split) == [152, 52]
        assert split.parts[1].startswith(b"\x1be")
        assert split.units == 204

    def test_escape_pair_that_just_fits(self) -> None:
        assert lengths(segment.split("a" * 151 + "€" + "a" * 50)) == [153, 50]

    def test_eighty_euros_are_one_part_and_81_are_two(self) -> None:
        assert lengths(segment.split("€" * 80)) == [160]
        assert lengths(segment.split("€" * 81)) == [152, 10]

    def test_surrogate_pair_at_the_edge(self) -> None:
        split = segment.split("ж" * 66 + "😀" + "ж" * 10)
        assert lengths(split) == [132, 24]
        assert split.parts[1].startswith("😀".encode("utf-16-be"))

    def test_surrogate_pair_that_just_fits(self) -> None:
        assert lengths(segment.split("ж" * 65 + "😀" + "ж" * 10)) == [134, 20]

    def test_35_emoji_are_one_part_and_36_are_two(self) -> None:
        assert lengths(segment.split("😀" * 35)) == [140]
        assert lengths(segment.split("😀" * 36)) == [132, 12]
        assert lengths(segment.split("😀" * 36, reference_octets=2)) == [132, 12]

    def test_ascii_is_counted_as_it_is_on_the_air(self) -> None:
        split = segment.split("[" * 81, alphabet="ascii")
        assert split.parts == (b"[" * 76, b"[" * 5)
        assert (split.units, split.units_per_part) == (162, 153)


def graphemes(text: str) -> list[str]:
    bounds = [i for i in range(1, len(text)) if grapheme.last_boundary(text, i) == i]
    return [text[i:j] for i, j in zip([0, *bounds], [*bounds, len(text)], strict=True)]


def texts_of(split: Split) -> list[str]:
    return [segment.join(split.encoding, "gsm0338", [part]) for part in split.parts]


class TestGraphemes:
    """Cut only where that saves a part."""

    @pytest.mark.parametrize("sign", GRAPHEMES[2:])
    def test_one_at_the_edge_goes_to_the_next_part(self, sign: str) -> None:
        before = "ж" * 66
        split = segment.split(before + sign + "жжж", encoding="ucs2")
        assert texts_of(split) == [before, sign + "жжж"]

    @pytest.mark.parametrize("alphabet", ["gsm0338", "ascii", "latin1"])
    def test_lines(self, alphabet: str) -> None:
        limit = segment.split("a" * 161, alphabet=alphabet).units_per_part
        split = segment.split("a" * (limit - 1) + "\r\n" + "b" * 30, alphabet=alphabet)
        assert split.parts == (b"a" * (limit - 1), b"\r\n" + b"b" * 30)

    def test_binary_has_none(self) -> None:
        split = segment.split_binary(b"a" * 133 + b"\r\n" + b"b" * 30)
        assert split.parts == (b"a" * 133 + b"\r", b"\n" + b"b" * 30)

    def test_one_more_part_would_be_too_dear(self) -> None:
        split = segment.split("ж" * 65 + "👨‍👩‍👧" + "ж" * 59)
        assert [len(part) // 2 for part in split.parts] == [65, 67]
        dear = segment.split("ж" * 65 + "👨‍👩‍👧" + "ж" * 61)
        assert [len(part) // 2 for part in dear.parts] == [67, 67]

    def test_longer_than_a_part(self) -> None:
        split = segment.split("ж" + "\u0301" * 99)
        assert [len(part) // 2 for part in split.parts] == [67, 33]

    @given(grapheme_texts, references)
    def test_none_is_cut_if_there_is_room(self, text: str, octets: Octets) -> None:
        split = segment.split(text, encoding="ucs2", reference_octets=octets)
        signs = [sum(utf16_costs(sign)) for sign in graphemes(text)]
        limit = (70, 67, 66)[octets]
        least = fewest_parts(utf16_costs(text), 70, limit)
        assert len(split.parts) == least
        assert "".join(texts_of(split)) == text
        if text and fewest_parts(signs, 70, limit) == least:
            cut = [sign for part in texts_of(split) for sign in graphemes(part)]
            assert cut == graphemes(text)


class TestProperties:
    @given(texts, st.sampled_from(ALPHABETS), st.booleans(), references)
    @example("€" * 77, "gsm0338", True, 1)
    @example("\ufeffж" * 80, "gsm0338", True, 1)
    def test_auto(
        self, text: str, alphabet: str, extension: bool, reference_octets: Octets
    ) -> None:
        split = segment.split(
            text,
            alphabet=alphabet,
            extension=extension,
            reference_octets=reference_octets,
        )
        assert segment.join(split.encoding, alphabet, split.parts) == text
        assert (split.encoding == "ucs2") == bool(split.forcing_characters)
        assert len(set(split.forcing_characters)) == len(split.forcing_characters)
        assert set(split.forcing_characters) <= set(text)
        for part in split.parts:
            # Each part is text by itself: nothing was cut.
            alone = segment.join(split.encoding, alphabet, [part])
            assert alone in text
            assert "\ufffd" not in alone or "\ufffd" in text

    @given(gsm_texts, references)
    def test_gsm7_is_exact_and_minimal(self, text: str, octets: Octets) -> None:
        split = segment.split(text, reference_octets=octets)
        limit = (160, 153, 152)[octets]
        costs = gsm_costs(text)
        assert split.units == sum(costs)
        assert len(split.parts) == fewest_parts(costs, 160, limit)
        assert max(lengths(split)) <= split.units_per_part
        assert split.units_per_part == (160 if len(split.parts) == 1 else limit)
        assert not any(part.endswith(b"\x1b") for part in split.parts)

    @given(texts, references)
    def test_ucs2_is_exact_and_minimal(self, text: str, octets: Octets) -> None:
        split = segment.split(text, encoding="ucs2", reference_octets=octets)
        costs = utf16_costs(text)
        assert split.units == sum(costs)
        assert len(split.parts) == fewest_parts(costs, 70, (70, 67, 66)[octets])
        assert max(lengths(split)) <= 2 * split.units_per_part
        for part in split.parts:
            part.decode("utf-16-be")
        assert segment.join("ucs2", "gsm0338", split.parts) == text

    @given(latin1_texts, references)
    def test_latin1_is_exact_and_minimal(self, text: str, octets: Octets) -> None:
        split = segment.split(text, encoding="latin1", reference_octets=octets)
        assert len(split.parts) == fewest_parts(
            [1] * len(text), 140, (140, 134, 133)[octets]
        )
        assert max(lengths(split)) <= split.units_per_part
        assert segment.join("latin1", "gsm0338", split.parts) == text

    @given(st.text("aZ~[]{} \n", max_size=800), references)
    def test_ascii_is_exact_and_minimal(self, text: str, octets: Octets) -> None:
        split = segment.split(text, alphabet="ascii", reference_octets=octets)
        costs = gsm_costs(text)
        assert split.units == sum(costs)
        assert len(split.parts) == fewest_parts(costs, 160, (160, 153, 152)[octets])
        for part in split.parts:
            assert sum(gsm_costs(part.decode("ascii"))) <= split.units_per_part

    @given(st.binary(max_size=1000), references)
    def test_binary(self, data: bytes, octets: Octets) -> None:
        split = segment.split_binary(data, octets)
        assert b"".join(split.parts) == data
        assert len(split.parts) == fewest_parts(
            [1] * len(data), 140, (140, 134, 133)[octets]
        )
        assert max(lengths(split)) <= split.units_per_part

    @given(gsm_texts, st.sampled_from([1, 2]))
    def test_packed_parts_fit_the_air(self, text: str, octets: Octets) -> None:
        alphabet = "gsm0338-packed"
        split = segment.split(text, alphabet=alphabet, reference_octets=octets)
        header = 0 if len(split.parts) == 1 else 5 + octets
        payloads = [
            segment.wire_payload(part, "gsm7", alphabet, header) for part in split.parts
        ]
        assert all(header + len(payload) <= 140 for payload in payloads)
        back = [
            segment.from_wire(payload, "gsm7", alphabet, header) for payload in payloads
        ]
        for part, found in zip(split.parts, back, strict=True):
            # Only the last septet of a part without spare bits can be in doubt.
            assert found == part or (found == part[:-1] and part[-1:] in {b"\0", b"\r"})

    @given(st.lists(st.binary(max_size=20), max_size=5), st.sampled_from(ALPHABETS))
    def test_join_is_lenient(self, parts: list[bytes], alphabet: str) -> None:
        for encoding in ("gsm7", "ucs2", "latin1"):
            segment.join(encoding, alphabet, parts).encode()
