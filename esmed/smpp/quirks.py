"""Sections of a connector for what SMSCs want otherwise; their keys are in `config`.

Octet values are written as they stand: what they mean is between the carrier and the
operator.
"""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from esmed.errors import ConfigFault
from esmed.fieldtypes import Endpoint, Integer, Text, unexpected
from esmed.secret import Surroundings
from esmed.settings import Section
from pdu import Tag
from pdu.vocabulary import CommandStatus, status_name

Octet = Annotated[int, Integer(0, 255)]


@dataclass(frozen=True, slots=True)
class LocalAddressType:
    """An IP address of this machine, with or without a port → with port 0."""

    def read(self, raw: object, _: Surroundings) -> Endpoint:
        found = None
        if isinstance(raw, str):
            found = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\]:([0-9]{1,5})", raw)
            found = found or re.fullmatch(r"([0-9.]+):([0-9]{1,5})", raw)
        host, port = (found[1], int(found[2])) if found else (raw, 0)
        try:
            address = str(ipaddress.ip_address(host if isinstance(host, str) else ""))
        except ValueError:
            raise unexpected("an IP address of ours, or address:port", raw) from None
        if port > 65535:
            raise unexpected("a port from 0 to 65535", raw)
        return Endpoint(address, port)

    def show(self, value: Endpoint) -> object:
        return str(value) if value.port else value.host


LocalAddress = Annotated[Endpoint, LocalAddressType()]


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
class TlvValueType:
    """An integer or a string, as the TLV's type wants it."""

    def read(self, raw: object, _: Surroundings) -> int | str:
        if isinstance(raw, bool) or not isinstance(raw, int | str):
            raise unexpected("a string or an integer", raw)
        return raw

    def show(self, value: object) -> object:
        return value


_WIDTHS: Final = {"int1": 1, "int2": 2, "int4": 4}
_OURS: Final = frozenset(
    {
        Tag.MESSAGE_PAYLOAD,
        Tag.SAR_MSG_REF_NUM,
        Tag.SAR_TOTAL_SEGMENTS,
        Tag.SAR_SEGMENT_SEQNUM,
        Tag.QOS_TIME_TO_LIVE,
    }
)
"""What is written, and read, by other settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tlv(Section):
    """An optional parameter of a vendor, or one of the standard that we have no use
    for ourselves, SMPP 3.4 §5.3."""

    tag: Annotated[int, Integer(1, 0xFFFF)]
    name: Annotated[str, Text(least=1, most=64, ascii_only=True)]
    """What messages and webhooks call it."""
    type: Literal["int1", "int2", "int4", "string", "cstring", "hex"] = "string"
    value: Annotated[int | str, TlvValueType()] | None = None
    """Of messages that give none."""
    required: bool = False
    """Whether a message without one is refused."""

    def octets(self, value: int | str) -> bytes:
        """A value as it is written; ValueError says what was expected."""
        if self.type in _WIDTHS:
            return self._integer(value, _WIDTHS[self.type])
        if not isinstance(value, str):
            raise unexpected("a string", value)
        if self.type == "hex":
            try:
                return bytes.fromhex(value)
            except ValueError:
                raise unexpected("pairs of hexadecimal digits", value) from None
        octets = value.encode()
        if self.type == "string":
            return octets
        if 0 in octets:
            raise ValueError("has a NUL character")
        return octets + b"\0"

    def shown(self, octets: bytes) -> int | str:
        """What came, as JSON would have it; in hex if it is not of the type."""
        width = _WIDTHS.get(self.type)
        if width is not None and len(octets) == width:
            return int.from_bytes(octets, "big")
        text = octets.removesuffix(b"\0") if self.type == "cstring" else octets
        if self.type in {"string", "cstring"}:
            try:
                return text.decode()
            except UnicodeDecodeError:
                pass
        return octets.hex()

    def _integer(self, value: int | str, width: int) -> bytes:
        most = 256**width - 1
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value[:20])
        if not isinstance(value, int) or not 0 <= value <= most:
            raise unexpected(f"an integer from 0 to {most}", value)
        return value.to_bytes(width, "big")

    def faults(self) -> Iterator[ConfigFault]:
        if self.tag in _OURS:
            message = f"{Tag(self.tag).name.lower()} is written by other settings"
            yield ConfigFault(path="tag", message=message)
        if self.value is None:
            return
        try:
            self.octets(self.value)
        except ValueError as error:
            yield ConfigFault(path="value", message=str(error))
        if self.required:
            message = "goes without saying: there is a value for all"
            yield ConfigFault(path="required", message=message)


StatusAction = Literal[
    "throttle", "queue_full", "temporary", "message", "account", "protocol"
]
"""What follows a command_status: see `esmed.smpp.status`."""


@dataclass(frozen=True, slots=True)
class StatusType:
    """A command_status: `ESME_RTHROTTLED`, `RTHROTTLED`, `88`, `0x58` → a number."""

    def read(self, raw: object, _: Surroundings) -> int:
        text = str(raw).strip().upper()
        for name in (text, f"ESME_{text}"):
            if name in CommandStatus.__members__:
                number = int(CommandStatus[name])
                break
        else:
            found = re.fullmatch(r"0X[0-9A-F]{1,8}|[0-9]{1,10}", text)
            number = int(text, 16 if "X" in text else 10) if found else -1
        if isinstance(raw, bool) or not 0 <= number <= 0xFFFFFFFF:
            raise unexpected("a command_status such as ESME_RTHROTTLED or 0x455", raw)
        if not number:
            raise ValueError("ESME_ROK is no refusal")
        return number

    def show(self, value: int) -> object:
        return status_name(value)


StatusNumber = Annotated[int, StatusType()]
