"""Sections of a connector for what SMSCs want otherwise; their keys are in `config`.

Octet values are written as they stand: what they mean is between the carrier and the
operator.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from esmed.fieldtypes import Integer, unexpected
from esmed.secret import Surroundings
from esmed.settings import Section

Octet = Annotated[int, Integer(0, 255)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbering(Section):
    """Type of number and numbering plan, SMPP 3.4 §5.2.5 and §5.2.6."""

    ton: Octet
    npi: Octet


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources(Section):
    """The numbering of senders by what they are; the defaults are those of `auto`."""

    alphanumeric: Numbering = Numbering(ton=5, npi=0)
    international: Numbering = Numbering(ton=1, npi=1)
    short: Numbering = Numbering(ton=3, npi=0)
    """Up to six digits without `+`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityFlags(Section):
    """The priority_flag of each priority, SMPP 3.4 §5.2.14."""

    high: Octet = 0
    normal: Octet = 0
    bulk: Octet = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredDelivery(Section):
    """The registered_delivery for each `receipt` of a message, SMPP 3.4 §5.2.17."""

    final: Octet = 0x01
    all: Octet = 0x11
    none: Octet = 0x00


@dataclass(frozen=True, slots=True)
class PrefixesType:
    """What stands for which beginning of a number: `{"+": "", "0": "380"}`."""

    def read(self, raw: object, _: Surroundings) -> Mapping[str, str]:
        wanted = 'digits for digits such as {"+": "", "00": ""}'
        if raw is not None and not isinstance(raw, dict):
            raise unexpected(wanted, raw)
        for old, new in (raw or {}).items():
            if not (isinstance(old, str) and re.fullmatch(r"\+?[0-9]*", old) and old):
                raise unexpected(wanted, old)
            if not (isinstance(new, str) and re.fullmatch(r"\+?[0-9]*", new)):
                raise unexpected(wanted, new)
        return dict(raw or {})

    def show(self, value: Mapping[str, str]) -> object:
        return dict(value)


Prefixes = Annotated[Mapping[str, str], PrefixesType()]
