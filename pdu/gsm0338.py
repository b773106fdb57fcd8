"""The GSM 7-bit default alphabet with its extension table, 3GPP TS 23.038 §6.

Septets travel one per octet, as nearly every SMSC wants them over SMPP; ``pack`` and
``unpack`` turn them into the octets of the air interface and back.
The tables of national languages (§6.2.1.2) are in ``national``.
"""

import re
from codecs import charmap_build, charmap_decode, charmap_encode
from typing import Final

from pdu.errors import EncodeError

ESCAPE: Final = 0x1B
"""Announces a character of the extension table."""

CARRIAGE_RETURN: Final = 0x0D

BASIC: Final = (
    # §6.2.1, by rows of sixteen; the escape at 0x1B stands for itself.
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
"""The default alphabet: the character of each septet."""

EXTENSION: Final = {
    # §6.2.1.1; the codes behind the escape.
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
"""The septet behind the escape of each character that costs two."""

BASIC_CHARACTERS: Final = frozenset(BASIC) - {"\x1b"}
"""What one septet can carry; the escape itself is no character."""

CHARACTERS: Final = BASIC_CHARACTERS | EXTENSION.keys()
"""All that the alphabet can carry."""

_AT: Final = 0x80


def _one_octet_table() -> str:
    """What `charmap_build` needs to encode a whole text in one call.

    Each character has one octet: the septets of the default table as they are, the
    extension at 0x80 + code. "@" stands at 0x80, because the table is only fast with
    NUL at 0; so a 0 that comes out is a NUL of the text. U+FFFE: no character here.
    """
    table = ["\ufffe"] * 256
    table[: len(BASIC)] = BASIC
    table[ESCAPE] = "\ufffe"
    table[0], table[_AT] = "\0", BASIC[0]
    for char, code in EXTENSION.items():
        table[0x80 | code] = char
    return "".join(table)


_ONE_OCTET: Final = charmap_build(_one_octet_table())
_TO_SEPTETS: Final = (
    (bytes((_AT,)), b"\0"),
    *((bytes((0x80 | low,)), bytes((ESCAPE, low))) for low in EXTENSION.values()),
)
# An octet above 0x7F is no septet: somebody sends eight-bit text as the default
# alphabet, and nearly all who do send Latin-1. That guess loses nothing.
_DECODE: Final = BASIC + bytes(range(0x80, 0x100)).decode("latin-1")
_ESCAPED: Final = re.compile("\x1b(.?)", re.DOTALL)
_DECODE_ESCAPED: Final = {
    **{BASIC[code]: char for char, code in EXTENSION.items()},
    # Reserved for another extension table: a space until there is one (§6.2.1.1).
    "\x1b": " ",
    # Cut off: who does not understand the escape shows a space (§6.2.1 note 1).
    "": " ",
}

_BITS: Final = tuple(f"{septet:07b}" for septet in range(128))
_SEPTET_OF: Final = {bits: septet for septet, bits in enumerate(_BITS)}


def encode(text: str) -> bytes:
    """Septets, one per octet; ``EncodeError`` names what the alphabet does not have."""
    encoded = try_encode(text)
    if encoded is None:
        raise EncodeError(f"not in the GSM 7-bit alphabet: {name(unencodable(text))}")
    return encoded


def try_encode(text: str) -> bytes | None:
    """As ``encode``, but None for text that the alphabet cannot carry."""
    try:
        encoded = charmap_encode(text, "strict", _ONE_OCTET)[0]
    except UnicodeEncodeError:
        return None
    if 0 in encoded:
        return None
    if not encoded.isascii():
        for octet, codes in _TO_SEPTETS:
            encoded = encoded.replace(octet, codes)
    return encoded


def decode(data: bytes) -> str:
    """Text of septets given one per octet; never raises.

    An escaped code that the extension table lacks gives the character of the default
    table (§6.2.1.1), an escape at the very end a space, octets above 0x7F Latin-1.
    """
    text = charmap_decode(data, "strict", _DECODE)[0]
    return _ESCAPED.sub(_unescape, text) if "\x1b" in text else text


def _unescape(escaped: re.Match[str]) -> str:
    char = escaped[1]
    return _DECODE_ESCAPED.get(char, char)


def is_encodable(text: str) -> bool:
    """Whether each character is in the default or the extension table."""
    return try_encode(text) is not None


def septets(text: str) -> int:
    """How many septets the text takes; ``EncodeError`` as ``encode``."""
    return len(encode(text))


def unencodable(text: str) -> str:
    """The distinct characters that the alphabet does not have, in their order."""
    return "".join(char for char in dict.fromkeys(text) if char not in CHARACTERS)


def name(characters: str) -> str:
    """Characters for an error message: printable ones quoted, all by code point."""
    shown = ", ".join(
        f"{char!r} U+{ord(char):04X}" if char.isprintable() else f"U+{ord(char):04X}"
        for char in characters[:10]
    )
    return f"{shown}, …" if len(characters) > 10 else shown


def pack(septets: bytes, fill_bits: int = 0) -> bytes:
    """Octets of the air interface, lowest bits first (§6.1.2.1.1), padded with zeros.

    ``septets`` are below 0x80. ``fill_bits`` (0 to 6) go in front: after a user data
    header the text starts on a septet boundary (3GPP TS 23.040 §9.2.3.24).
    """
    if not septets:
        return b""
    try:
        bits = "".join([_BITS[septet] for septet in reversed(septets)])
    except IndexError:
        raise EncodeError("an octet above 0x7F is no septet") from None
    size = (len(bits) + fill_bits + 7) // 8
    return (int(bits, 2) << fill_bits).to_bytes(size, "little")


def unpack(data: bytes, count: int | None = None, fill_bits: int = 0) -> bytes:
    """Septets, one per octet, out of packed octets: at most ``count``; never raises.

    SMPP does not say how many septets there are. With ``count`` None as many as fit
    are taken, and where the last one is just the seven bits left over (eight septets
    fill seven octets), "@" (0x00) and CR there are taken for padding: TS 23.040 pads
    with zeros, TS 23.038 §6.1.2.3.1 with CR. A message of exactly that length which
    really ends in one of them loses it; only the count could tell.
    """
    room = max(8 * len(data) - fill_bits, 0)
    total = room // 7 if count is None else min(count, room // 7)
    bits = f"{int.from_bytes(data, 'little') >> fill_bits:0{7 * total}b}"
    end = len(bits)
    found = bytes(
        [_SEPTET_OF[bits[at - 7 : at]] for at in range(end, end - 7 * total, -7)]
    )
    if count is None and room % 7 == 0 and found[-1:] in {b"\0", b"\r"}:
        return found[:-1]
    return found
