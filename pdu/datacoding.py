"""What the octets of a message mean: data_coding, alphabets, octets to text.

An *encoding* is how a message is sent: ``gsm7`` (in the SMSC's default alphabet),
``ucs2``, ``latin1`` or ``binary``. An *alphabet* is what an SMSC means by its default
one, that is, by data_coding 0.
"""

from collections.abc import Iterable
from typing import Final, Literal

from pdu import gsm0338, national
from pdu.national import Shift
from pdu.vocabulary import DataCoding

Encoding = Literal["gsm7", "ucs2", "latin1", "binary"]
"""How a message is sent."""

Alphabet = Literal["gsm0338", "gsm0338-packed", "latin1", "cp1252", "ascii"]
"""What an SMSC means by data_coding 0: GSM 7-bit with one septet per octet, the same
packed as on the air, ISO 8859-1, Windows-1252, ASCII."""

PACKED: Final = "gsm0338-packed"

# By what text is decoded: one of ours, or the name of one of Python's codecs.
_DEFAULT: Final = "default"
_UTF16: Final = "utf-16-be"
# An octet above 0x7F in ASCII is somebody's eight-bit text, most likely Latin-1.
_ASCII: Final = "latin-1"
_CHARSETS: Final[dict[int, str]] = {
    # SMPP 3.4 §5.2.19; what is missing below 0x10 is binary or reserved.
    DataCoding.DEFAULT: _DEFAULT,
    DataCoding.ASCII: _ASCII,
    DataCoding.LATIN1: "latin-1",
    DataCoding.JIS: "shift_jis",
    DataCoding.CYRILLIC: "iso8859-5",
    DataCoding.HEBREW: "iso8859-8",
    DataCoding.UCS2: _UTF16,
    DataCoding.ISO_2022_JP: "iso2022_jp",
    DataCoding.KS_C_5601: "euc_kr",
}


def encoding_of(data_coding: int) -> Encoding:
    """The encoding to report for a message received; ``ucs2`` for other charsets."""
    charset = _charset(data_coding)
    if charset is None:
        return "binary"
    if charset == _DEFAULT or data_coding == DataCoding.ASCII:
        return "gsm7"
    return "latin1" if data_coding == DataCoding.LATIN1 else "ucs2"


def decode_text(
    data: bytes,
    data_coding: int,
    alphabet: str = "gsm0338",
    udh_length: int = 0,
    shift: Shift = national.DEFAULT,
) -> str | None:
    """The text of a message received; None if it is binary; never raises.

    ``data`` is what follows ``udh_length`` octets of user data header, and ``shift``
    what that says of GSM 7-bit text. Octets that mean nothing become U+FFFD, so the
    text can always be written as UTF-8.
    """
    return decode_texts((data,), data_coding, alphabet, udh_length, shift)


def decode_texts(
    parts: Iterable[bytes],
    data_coding: int,
    alphabet: str = "gsm0338",
    udh_length: int = 0,
    shift: Shift = national.DEFAULT,
) -> str | None:
    """As ``decode_text``, of all parts in order: a pair cut between two is whole again.

    Phones do cut surrogate pairs. ``udh_length`` and ``shift`` are those of each part.
    """
    charset = _charset(data_coding)
    if charset is None:
        return None
    if charset == _DEFAULT:
        return decode_default(
            b"".join(from_wire(part, "gsm7", alphabet, udh_length) for part in parts),
            alphabet,
            shift,
        )
    if charset == _UTF16:
        return _big_endian(parts).decode(_UTF16, "replace")
    data = b"".join(parts)
    if charset == "shift_jis" and b"\x1b" in data:  # JIS X 0208 comes in both forms
        charset = "iso2022_jp"
    return data.decode(charset, "replace")


def decode_default(data: bytes, alphabet: str, shift: Shift = national.DEFAULT) -> str:
    """The text of octets in the SMSC's default alphabet, not packed; never raises.

    A ``shift`` says that it is GSM 7-bit text, whatever the alphabet is otherwise.
    """
    if shift == national.DEFAULT:
        if alphabet in {"latin1", "ascii"}:
            return data.decode("latin-1")
        if alphabet == "cp1252":
            return data.decode("cp1252", "replace")
    return national.decode(data, shift)


def wire_payload(
    part: bytes, encoding: str, alphabet: str, udh_length: int = 0
) -> bytes:
    """What goes into short_message, behind ``udh_length`` octets of header, for a part.

    Only the packed alphabet differs from the part itself. Where seven bits are left
    over they become a CR, which does not show at a receiver that takes them for a
    septet; zeros would be an "@" there (3GPP TS 23.038 §6.1.2.3.1).
    """
    if encoding != "gsm7" or alphabet != PACKED:
        return part
    fill_bits = _fill_bits(udh_length)
    if (fill_bits + 7 * len(part)) % 8 == 1:
        part += bytes((gsm0338.CARRIAGE_RETURN,))
    return gsm0338.pack(part, fill_bits)


def from_wire(
    payload: bytes, encoding: str, alphabet: str, udh_length: int = 0
) -> bytes:
    """The part that came behind ``udh_length`` octets of header; never raises.

    Undoes ``wire_payload``, except that a packed part of 8, 16, … septets which ends in
    "@" or CR loses it (see ``gsm0338.unpack``).
    """
    if encoding != "gsm7" or alphabet != PACKED:
        return payload
    return gsm0338.unpack(payload, fill_bits=_fill_bits(udh_length))


def _fill_bits(udh_length: int) -> int:
    """Bits that bring what follows a header to a septet boundary."""
    return -8 * udh_length % 7


def _charset(data_coding: int) -> str | None:
    """By SMPP 3.4 §5.2.19 below 0x10, above by 3GPP TS 23.038 §4; None: no text."""
    if data_coding < 0x10:
        return _CHARSETS.get(data_coding)
    match data_coding >> 4:
        case 0x1 | 0x4 | 0x5:  # general, not compressed: bits 3 and 2 tell the alphabet
            return {0b00: _DEFAULT, 0b10: _UTF16}.get(data_coding >> 2 & 0b11)
        case 0xC | 0xD:  # message waiting
            return _DEFAULT
        case 0xE:  # message waiting, UCS-2
            return _UTF16
        case 0xF:  # message class: bit 2 tells data from text
            return None if data_coding & 0b100 else _DEFAULT
        case _:
            return None


def _big_endian(parts: Iterable[bytes]) -> bytes:
    """UTF-16 as the byte order marks say; a stray octet at a part's end is U+FFFD."""
    units = bytearray()
    little = False
    for part in parts:
        even = part[: len(part) & ~1]
        mark = even[:2]
        if mark in {b"\xfe\xff", b"\xff\xfe"}:
            little = mark == b"\xff\xfe"
            even = even[2:]
        if little:
            swapped = bytearray(even)
            swapped[::2], swapped[1::2] = even[1::2], even[::2]
            even = bytes(swapped)
        units += even
        if len(part) % 2:
            units += b"\xff\xfd"
    return bytes(units)
