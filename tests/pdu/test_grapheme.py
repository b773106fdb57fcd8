"""Vectors after the sample strings of UAX #29 (GraphemeBreakTest, Unicode 15.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdu import grapheme


def graphemes(text: str) -> list[str]:
    starts = [at for at in range(len(text)) if grapheme.last_boundary(text, at) == at]
    ends = [*starts[1:], len(text)]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


@pytest.mark.parametrize(
    "signs",
    [
        pytest.param(["a", "b"], id="letters"),
        pytest.param(["a", "\r\n", "\n", "\r", "b"], id="GB3: lines"),
        pytest.param(["a", "\u200b", "\u0301"], id="GB4, GB5: controls"),
        pytest.param(["\n", "\u0301"], id="GB4: nothing joins a line's end"),
        pytest.param(["각", "각", "각", "ᄀ", "a"], id="GB6 to GB8: Hangul"),
        pytest.param(["가", "각", "ᅡᆨ", "ᄀ"], id="GB6 to GB8: Hangul apart"),
        pytest.param(["e\u0301", "a\u0308\u0323", "b"], id="GB9: accents"),
        pytest.param(["и\u0306", "ж"], id="GB9: a decomposed й"),
        pytest.param(["1\ufe0f\u20e3", "2"], id="GB9: keycap"),
        pytest.param(["❤\ufe0f", "❤"], id="GB9: variation selector"),
        pytest.param(["👍🏽", "👍"], id="GB9: skin tone"),
        pytest.param(["🏴\U000e0067\U000e0062\U000e007f", "🏴"], id="GB9: tags"),
        pytest.param(["ع\u064e", "ع"], id="GB9: Arabic vowel"),
        pytest.param(["कि", "மு", "กำ", "ก"], id="GB9a: signs that take room"),
        pytest.param(["\u0600ع", "ع"], id="GB9b: number sign"),
        pytest.param(["क्षि", "क", "ക്ഷ", "ত্\u200dত"], id="GB9c: conjuncts"),
        pytest.param(["க்", "ங"], id="GB9c: none in Tamil"),
        pytest.param(["👨‍👩‍👧", "👨", "❤️‍🔥"], id="GB11: joined emoji"),
        pytest.param(["a\u200d", "👧"], id="GB11: a letter is not joined"),
        pytest.param(["\u200d", "👧"], id="GB11: nothing to join"),
        pytest.param(["🇺🇦", "🇬🇪", "🇺", "a"], id="GB12, GB13: flags"),
    ],
)
def test_graphemes(signs: list[str]) -> None:
    assert graphemes("".join(signs)) == signs


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=2, max_size=2))
def test_what_is_apart_for_sure_is(pair: str) -> None:
    if grapheme.are_apart(pair):
        assert grapheme.last_boundary(pair, 1) == 1
