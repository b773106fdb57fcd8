import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdu import gsm0338
from pdu.transliterate import transliterate


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("", ""),
        ("already: é € [x] Δ\n", "already: é € [x] Δ\n"),
        ("“typographic” ‘quotes’ «here»", '"typographic" \'quotes\' "here"'),
        ("a – b — c − d ‑ e", "a - b - c - d - e"),
        ("wait…", "wait..."),
        ("no\u00a0break\u2009thin\ttab", "no break thin tab"),
        ("soft\u00adhyphen\u200bzero\ufeffwidth", "softhyphenzerowidth"),
        ("ą ç ê í î ï ő š Ž", "a c e i i i o s Z"),
        ("e\u0301 c\u0327a", "é ca"),  # accents written apart
        ("Łódź, Đuro, straße", "Lodz, Duro, straße"),
        ("œuvre Œ þ", "oeuvre OE th"),
        ("№ 5 ½ ﬁ Ａ ™ ²", "No 5 1/2 fi A TM 2"),
        ("100 ₽ или 50 ₴", "100 RUB ili 50 UAH"),
        ("Съешь ещё этих мягких булок", "Sesh eshchyo etikh myagkikh bulok"),
        ("Ґанок, їжак, Єва, під'їзд", "Ganok, yizhak, Yeva, pid'yizd"),
        ("ЩУКА Щука щука", "SHCHUKA Shchuka shchuka"),
        ("ЖКХ Я МЖ Ж", "ZHKKH Ya MZH Zh"),
        ("ОБЪЁМ", "OBYOM"),
        ("за́мок", "zamok"),
        ("日本 😀 ok “x”", '日本 😀 ok "x"'),
        ("ῶ ж", "ῶ zh"),  # the bare letter is not in the alphabet either
    ],
)
def test_transliterate(text: str, plain: str) -> None:
    assert transliterate(text) == plain


@given(st.text("абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґ “”«»–—…\u00a0áçñő"))
def test_what_is_named_always_fits(text: str) -> None:
    assert gsm0338.is_encodable(transliterate(text))
    assert gsm0338.is_encodable(transliterate(text.upper()))


@given(st.text())
def test_any_text(text: str) -> None:
    once = transliterate(text)
    assert len(gsm0338.unencodable(once)) <= len(gsm0338.unencodable(text))
