"""Text brought into the GSM 7-bit alphabet where that is sensible.

Never for text that fits already; what has no sensible equivalent stays as it is, and
then still forces UCS-2.
"""

import unicodedata
from typing import Final

from pdu import gsm0338

# Russian and Ukrainian in one table; where they read a shared letter differently, the
# Russian way. Both signs vanish.
_CYRILLIC: Final = {
    **dict(zip("абвгдезийклмнопрстуфыэіґ", "abvgdeziyklmnoprstufyeig", strict=True)),
    "ё": "yo",
    "ж": "zh",
    "х": "kh",
    "ц": "ts",
    "ч": "ch",
    "ш": "sh",
    "щ": "shch",
    "ъ": "",
    "ь": "",
    "ю": "yu",
    "я": "ya",
    "ї": "yi",
    "є": "ye",
}
_SYMBOLS: Final = {
    **dict.fromkeys("‘’‚‛′`´ʼʹ‹›", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−⁃", "-"),
    **dict.fromkeys("•·∙", "*"),
    # Blanks of other widths fall out of NFKD; these do not.
    **dict.fromkeys("\t\u2028\u2029", " "),
    # Invisible: soft hyphen, zero-width space and no-break space, word joiner, marks.
    **dict.fromkeys("\u00ad\u200b\ufeff\u2060\u200e\u200f", ""),
    "…": "...",
    "⁄": "/",
    "×": "x",
    "©": "(c)",
    "®": "(r)",
    "₽": "RUB",
    "₴": "UAH",
    # Latin letters that NFKD does not take apart.
    **dict(zip("ŁłĐđÐðĦħıĸŊŋŦŧ", "LlDdDdHhikNnTt", strict=True)),
    "Œ": "OE",
    "œ": "oe",
    "Þ": "Th",
    "þ": "th",
}


def transliterate(text: str) -> str:
    """The text with GSM 7-bit equivalents: quotes, dashes, blanks, accents, Cyrillic.

    Russian and Ukrainian letters become Latin ones; accents go where the bare letter
    is in the alphabet; ligatures and full-width forms are taken apart. All else stays.
    """
    if gsm0338.is_encodable(text):
        return text
    # NFC first: an accent written apart may make a letter that the alphabet has.
    text = unicodedata.normalize("NFC", text)
    return "".join(
        char if char in gsm0338.CHARACTERS else _equivalent(text, at)
        for at, char in enumerate(text)
    )


def _equivalent(text: str, at: int) -> str:
    char = text[at]
    symbol = _SYMBOLS.get(char)
    if symbol is not None:
        return symbol
    latin = _CYRILLIC.get(char.lower())
    if latin is not None:
        if char.islower():
            return latin
        return latin.upper() if _in_capitals(text, at) else latin.capitalize()
    return _without_accents(char)


def _in_capitals(text: str, at: int) -> bool:
    following = text[at + 1 : at + 2]
    if following.isalpha():
        return following.isupper()
    return text[at - 1 : at].isupper()


def _without_accents(char: str) -> str:
    # "" for a combining mark that stands alone, such as the stress in а́.
    bare = "".join(
        _SYMBOLS.get(piece, piece)
        for piece in unicodedata.normalize("NFKD", char)
        if not "\u0300" <= piece <= "\u036f"
    )
    return bare if gsm0338.is_encodable(bare) else char
