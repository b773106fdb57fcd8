"""Settings that are tables of a carrier's own: words, numbers and what they mean."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from esmed.fieldtypes import Plain, Text, unexpected
from esmed.secret import Surroundings
from esmed.smpp.quirks import Octet, StatusNumber

Coding = Literal[
    "gsm7", "latin1", "ucs2", "ucs2-le", "utf8", "cp1252", "cp1251", "binary"
]
"""What the octets of an MO message are."""

ReceiptWord = Literal[
    "delivered",
    "undeliverable",
    "expired",
    "deleted",
    "unknown",
    "rejected",
    "buffered",
]
"""The values of `pdu.receipt.ReceiptState`."""


@dataclass(frozen=True, slots=True)
class BeginningType(Plain):
    """The beginning of a number: digits, with or without a `+` before them."""

    least: int = 0

    def read(self, raw: object, _: Surroundings) -> str:
        wanted = rf"\+?[0-9]{{{self.least},20}}"
        if isinstance(raw, str) and (raw == "+" or re.fullmatch(wanted, raw)):
            return raw
        raise unexpected('the first digits of a number in quotes, such as "00"', raw)


@dataclass(frozen=True, slots=True)
class StatType(Plain):
    """A `stat`, whose capitals do not matter."""

    def read(self, raw: object, surroundings: Surroundings) -> str:
        return Text(least=1, most=64).read(raw, surroundings).upper()


@dataclass(frozen=True, slots=True)
class ErrorCodeType(Plain):
    """An `err`, whose leading zeros do not matter."""

    def read(self, raw: object, surroundings: Surroundings) -> str:
        if isinstance(raw, int) and not isinstance(raw, bool):
            raw = str(raw)
        return error_code(Text(least=1, most=64).read(raw, surroundings))


def error_code(err: str) -> str:
    """An `err` of a receipt without the zeros before a number."""
    return err.lstrip("0") or err[-1:]


@dataclass(frozen=True, slots=True)
class ReceiptPatternType:
    """A regular expression whose named groups are parts of a receipt."""

    groups: frozenset[str] = frozenset(
        {"id", "sub", "dlvrd", "submit_date", "done_date", "stat", "err", "text"}
    )

    def read(self, raw: object, _: Surroundings) -> re.Pattern[str]:
        if not isinstance(raw, str):
            raise unexpected("a regular expression", raw)
        try:
            pattern = re.compile(raw)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"is no regular expression: {error}") from None
        named = set(pattern.groupindex)
        if not named & {"id", "stat"} or not named <= self.groups:
            known = ", ".join(sorted(self.groups))
            message = f"named groups id or stat, and of the rest only {known}"
            raise unexpected(message, raw)
        return pattern

    def show(self, value: re.Pattern[str]) -> object:
        return value.pattern


_Words = Annotated[str, Text(least=1, most=200)]

Prefixes = Mapping[
    Annotated[str, BeginningType(least=1)], Annotated[str, BeginningType()]
]
ReceiptStates = Mapping[Annotated[str, StatType()], ReceiptWord]
ReceiptErrors = Mapping[Annotated[str, ErrorCodeType()], _Words]
ReceiptPattern = Annotated[re.Pattern[str], ReceiptPatternType()]
BindErrors = Mapping[StatusNumber, _Words]
Codings = Mapping[Octet, Coding]
