"""The user data header, 3GPP TS 23.040 §9.2.3.24: what UDHI in esm_class announces.

One octet with the length of the rest, then information elements: identifier, length,
content. What is in an element is only looked at for concatenation, ports and national
languages.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from pdu import national
from pdu.errors import DecodeError, EncodeError
from pdu.national import Shift

CONCATENATION_8: Final = 0x00
"""§9.2.3.24.1: reference, total, part, an octet each."""
PORTS_8: Final = 0x04
"""§9.2.3.24.3: destination, originator, an octet each."""
PORTS_16: Final = 0x05
"""§9.2.3.24.4: destination, originator, two octets each."""
CONCATENATION_16: Final = 0x08
"""§9.2.3.24.8: reference in two octets, total, part."""
NATIONAL_SINGLE_SHIFT: Final = 0x24
"""§9.2.3.24.15: a national language identifier."""
NATIONAL_LOCKING_SHIFT: Final = 0x25
"""§9.2.3.24.16: likewise."""

Element = tuple[int, bytes]
"""Identifier and content of an information element."""


class Concatenation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Which part of which message this is: ``part`` from 1 to ``total``.

    ``wide`` tells 16-bit references from 8-bit ones, which are counted apart.
    """

    reference: int
    total: int
    part: int
    wide: bool = False


class Ports(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Application port addresses; ``wide``: 16 bits each."""

    destination: int
    source: int
    wide: bool = True


class UserDataHeader(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The elements of a header as they came, unknown and repeated ones included."""

    elements: tuple[Element, ...] = ()

    @property
    def length(self) -> int:
        """Octets that the header takes, the length octet included."""
        return 1 + sum(2 + len(content) for _, content in self.elements)

    @property
    def concatenation(self) -> Concatenation | None:
        """The last valid concatenation element, either width.

        An element of the wrong size, with total 0, part 0 or part above total is
        ignored (§9.2.3.24.1), so the text is a message of its own.
        """
        found = None
        for identifier, content in self.elements:
            if identifier == CONCATENATION_8 and len(content) == 3:
                reference, wide = content[0], False
            elif identifier == CONCATENATION_16 and len(content) == 4:
                reference, wide = int.from_bytes(content[:2], "big"), True
            else:
                continue
            total, part = content[-2], content[-1]
            if 1 <= part <= total:
                found = Concatenation(
                    reference=reference, total=total, part=part, wide=wide
                )
        return found

    @property
    def ports(self) -> Ports | None:
        """The last port element of the right size, either width."""
        found = None
        for identifier, content in self.elements:
            if identifier == PORTS_8 and len(content) == 2:
                found = Ports(destination=content[0], source=content[1], wide=False)
            elif identifier == PORTS_16 and len(content) == 4:
                found = Ports(
                    destination=int.from_bytes(content[:2], "big"),
                    source=int.from_bytes(content[2:], "big"),
                )
        return found

    @property
    def shift(self) -> Shift:
        """The tables of GSM 7-bit text: by the last element for either that says.

        Those of the wrong size, and identifiers without a table, are ignored.
        """
        locking = single = 0
        for identifier, content in self.elements:
            if len(content) != 1:
                continue
            language = content[0]
            if identifier == NATIONAL_SINGLE_SHIFT and national.has_single(language):
                single = language
            elif identifier == NATIONAL_LOCKING_SHIFT and national.has_locking(
                language
            ):
                locking = language
        return Shift(locking, single)


def parse(data: bytes) -> UserDataHeader:
    """The header at the start of ``data``, which may go on behind it.

    ``DecodeError`` if there is none, if it is longer than ``data``, or if its elements
    do not fill it exactly: such a header must be ignored as a whole (§9.2.3.24).
    """
    if not data:
        raise DecodeError("user data header expected, but there is no data")
    end = 1 + data[0]
    if end > len(data):
        raise DecodeError(
            f"user data header of {data[0]} octets in {len(data) - 1} octets of data"
        )
    elements: list[Element] = []
    at = 1
    while at < end:
        # The content of the last element starts at the end when its length is missing.
        begin = at + 2
        stop = begin + data[at + 1] if begin <= end else begin
        if stop > end:
            raise DecodeError(
                f"information element 0x{data[at]:02X} is longer than its header"
            )
        elements.append((data[at], data[begin:stop]))
        at = stop
    return UserDataHeader(elements=tuple(elements))


def split(data: bytes) -> tuple[UserDataHeader | None, bytes]:
    """Header and rest of a short_message with UDHI; never raises.

    Of a broken header nothing can be trusted, so it is None and the rest is all of
    ``data``: the message is still handed on, raw. A header in order with a senseless
    concatenation element is a header, whose ``concatenation`` is None.
    """
    try:
        header = parse(data)
    except DecodeError:
        return None, data
    return header, data[1 + data[0] :]


def build(elements: Iterable[Element]) -> bytes:
    """The header with these elements, length octet included.

    ``EncodeError`` if an identifier, a content or the whole does not fit its octet.
    """
    body = bytearray()
    for identifier, content in elements:
        if not 0 <= identifier <= 0xFF:
            raise EncodeError(f"information element {identifier} is not 0 to 255")
        if len(content) > 0xFF:
            raise EncodeError(
                f"information element 0x{identifier:02X} has {len(content)} octets, "
                "at most 255 fit"
            )
        body += bytes((identifier, len(content)))
        body += content
    if len(body) > 0xFF:
        raise EncodeError(f"user data header of {len(body)} octets, at most 255 fit")
    return bytes((len(body),)) + bytes(body)


def concatenation_element(
    reference: int, total: int, part: int, *, wide: bool = False
) -> Element:
    """The element of one part; ``wide``: with a 16-bit reference.

    ``EncodeError`` if the reference does not fit or not 1 ≤ part ≤ total ≤ 255.
    """
    if not 0 <= reference <= (0xFFFF if wide else 0xFF):
        raise EncodeError(
            f"concatenation reference {reference} does not fit {16 if wide else 8} bits"
        )
    if not 1 <= part <= total <= 0xFF:
        raise EncodeError(f"part {part} of {total}: parts count from 1 to at most 255")
    numbers = bytes((total, part))
    if wide:
        return CONCATENATION_16, reference.to_bytes(2, "big") + numbers
    return CONCATENATION_8, bytes((reference,)) + numbers


def shift_elements(shift: Shift) -> tuple[Element, ...]:
    """The elements that announce these tables: none for the default ones."""
    elements = (
        (NATIONAL_SINGLE_SHIFT, shift.single),
        (NATIONAL_LOCKING_SHIFT, shift.locking),
    )
    return tuple((each, bytes((table,))) for each, table in elements if table)


def port_element(destination: int, source: int, *, wide: bool = True) -> Element:
    """The element that addresses an application; ``wide``: 16-bit ports.

    ``EncodeError`` if a port does not fit. 8-bit ports below 240 are reserved, and
    it is the caller's business whether to use them.
    """
    for port in (destination, source):
        if not 0 <= port <= (0xFFFF if wide else 0xFF):
            raise EncodeError(f"port {port} does not fit {16 if wide else 8} bits")
    size = 2 if wide else 1
    return (
        PORTS_16 if wide else PORTS_8,
        destination.to_bytes(size, "big") + source.to_bytes(size, "big"),
    )
