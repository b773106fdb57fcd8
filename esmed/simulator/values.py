"""The small values of options and faults, and how each is read from text.

`read` turns a plain mapping (of YAML, JSON or a command line) into a msgspec struct
whose fields may be `Seconds`, `Rate`, `Number` and `Status`.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from pdu import CommandStatus

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_RATE: Final = re.compile(r"(\d+(?:\.\d+)?)(?:\s*/\s*(s|m|h))?")

T = TypeVar("T")


class Seconds(float):
    """A duration: `1.5`, `250ms`, `30s`, `5m`, `24h`."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> "Seconds":
        """`ValueError` if it is neither a number nor a number with a unit."""
        match = _DURATION.fullmatch(str(value).strip())
        if match is None:
            raise ValueError(f"{value!r} is not a duration such as 1.5, 250ms, 30s, 5m")
        return cls(float(match[1]) * _UNITS[match[2] or "s"])


def seconds(text: str) -> float:
    """A duration as a plain number, which msgspec can write to journals and answers."""
    return float(Seconds.parse(text))


class Rate(float):
    """Events per second: `20`, `20/s`, `100/m`."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> "Rate":
        """`ValueError` if it is not a number, alone or per s, m or h."""
        match = _RATE.fullmatch(str(value).strip())
        if match is None:
            raise ValueError(f"{value!r} is not a rate such as 20/s or 100/m")
        return cls(float(match[1]) / _UNITS[match[2] or "s"])


class Number(int):
    """A whole number of at most 32 bits, also in hex: `5123`, `0x1403`."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> "Number":
        """`ValueError` if it is not one."""
        try:
            number = int(str(value).strip(), 0)
        except ValueError:
            number = -1
        if not 0 <= number <= 0xFFFFFFFF:
            raise ValueError(f"{value!r} is not a number of 32 bits")
        return cls(number)


class Status(int):
    """A command_status: `ESME_RTHROTTLED`, `RTHROTTLED`, `88`, `0x58`."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> "Status":
        """`ValueError` if it is neither a name of the standard nor 32 bits."""
        text = str(value).strip().upper()
        for name in (text, f"ESME_{text}"):
            if name in CommandStatus.__members__:
                return cls(CommandStatus[name])
        try:
            return cls(Number.parse(text))
        except ValueError as exc:
            raise ValueError(
                f"{value!r} is not a command_status by name or number"
            ) from exc


def read(value: Mapping[str, Any], kind: type[T]) -> T:
    """The struct `kind` with the fields of `value`; text is taken for numbers.

    `ValueError` (msgspec's own) names the field.
    """
    return msgspec.convert(value, kind, strict=False, dec_hook=_parse)


def _parse(kind: type[Any], value: object) -> Any:
    if kind in {Seconds, Rate, Number, Status}:
        return kind.parse(value)
    raise NotImplementedError
