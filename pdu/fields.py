"""Wire types: how one field becomes octets and comes back, SMPP 3.4 §3.1.

Strict out: a value that the standard does not allow is an ``EncodeError`` which names
the field and the limit, never the value.
Liberal in: a string over its limit or a number without a name is read as it came; only
a frame that ends too early is a ``DecodeError``.
"""

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pdu.errors import DecodeError, EncodeError
from pdu.messages import DistributionList, SmeAddress, UnsuccessSme
from pdu.vocabulary import CommandStatus

T = TypeVar("T")

SME_ADDRESS = 1
DISTRIBUTION_LIST = 2


class WireType(Protocol[T]):
    """One kind of field."""

    def encode(self, name: str, value: T) -> bytes:
        """The octets of ``value``; ``EncodeError`` says what is wrong with ``name``."""

    def decode(self, frame: bytes, at: int) -> tuple[T, int]:
        """The value that starts at ``at`` and the offset behind it.

        Raises ``DecodeError``, with a status but no header, if the frame ends first.
        """


@dataclass(frozen=True, slots=True)
class Integer:
    """Unsigned, most significant octet first."""

    octets: int = 1
    maximum: int = 0

    def __post_init__(self) -> None:
        if not self.maximum:
            object.__setattr__(self, "maximum", (1 << (8 * self.octets)) - 1)

    def encode(self, name: str, value: int) -> bytes:
        if not isinstance(value, int) or not 0 <= value <= self.maximum:
            raise EncodeError(
                f"{name} is not an integer from 0 to {self.maximum}", field=name
            )
        return value.to_bytes(self.octets, "big")

    def decode(self, frame: bytes, at: int) -> tuple[int, int]:
        end = at + self.octets
        if end > len(frame):
            raise _cut_short()
        return int.from_bytes(frame[at:end], "big"), end


@dataclass(frozen=True, slots=True)
class CString:
    """C-octet string; ``size`` is the standard's "var. max", the NUL included.

    ``open_ended``: the end of the frame ends it as well as a NUL, for vendors that send
    a message_id without one.
    """

    size: int
    open_ended: bool = False

    def encode(self, name: str, value: str) -> bytes:
        octets = _latin1(name, value)
        if len(octets) >= self.size:
            raise EncodeError(
                f"{name} is longer than {self.size - 1} octets", field=name
            )
        return octets + b"\0"

    def decode(self, frame: bytes, at: int) -> tuple[str, int]:
        end = frame.find(b"\0", at)
        if end < 0:
            if not self.open_ended:
                raise _cut_short()
            end = len(frame)
        return frame[at:end].decode("latin-1"), end + 1


@dataclass(frozen=True, slots=True)
class Time:
    """C-octet string of 16 characters or none, §7.1.1."""

    def encode(self, name: str, value: str) -> bytes:
        octets = _latin1(name, value)
        if len(octets) not in {0, 16}:
            raise EncodeError(f"{name} is neither empty nor 16 octets", field=name)
        return octets + b"\0"

    def decode(self, frame: bytes, at: int) -> tuple[str, int]:
        return CString(17).decode(frame, at)


@dataclass(frozen=True, slots=True)
class Octets:
    """Octet string whose length the surrounding structure gives."""

    minimum: int
    maximum: int

    def encode(self, name: str, value: bytes) -> bytes:
        if (
            not isinstance(value, bytes)
            or not self.minimum <= len(value) <= self.maximum
        ):
            raise EncodeError(
                f"{name} is not {self.minimum} to {self.maximum} octets", field=name
            )
        return value


@dataclass(frozen=True, slots=True)
class ShortMessage:
    """sm_length and short_message, §5.2.21 and §5.2.22: at most 254 octets."""

    def encode(self, name: str, value: bytes) -> bytes:
        octets = Octets(0, 254).encode(name, value)
        return bytes((len(octets),)) + octets

    def decode(self, frame: bytes, at: int) -> tuple[bytes, int]:
        length, start = Integer(1).decode(frame, at)
        end = start + length
        if end > len(frame):
            raise DecodeError(
                "sm_length points behind the end of the PDU",
                status=CommandStatus.ESME_RINVMSGLEN,
            )
        return frame[start:end], end


@dataclass(frozen=True, slots=True)
class Destinations:
    """number_of_dests and dest_address(es) of submit_multi, §4.5.1.1: at most 254."""

    def encode(
        self, name: str, value: tuple[SmeAddress | DistributionList, ...]
    ) -> bytes:
        octets = [Integer(1, maximum=254).encode("number_of_dests", len(value))]
        for index, item in enumerate(value):
            here = f"{name}[{index}]"
            if isinstance(item, SmeAddress):
                octets += (bytes((SME_ADDRESS,)), _encode_address(here, item))
            else:
                octets += (
                    bytes((DISTRIBUTION_LIST,)),
                    CString(21).encode(f"{here}.dl_name", item.dl_name),
                )
        return b"".join(octets)

    def decode(
        self, frame: bytes, at: int
    ) -> tuple[tuple[SmeAddress | DistributionList, ...], int]:
        found: list[SmeAddress | DistributionList] = []
        count, at = Integer(1).decode(frame, at)
        for _ in range(count):
            flag, at = Integer(1).decode(frame, at)
            if flag == SME_ADDRESS:
                address, at = _decode_address(frame, at)
                found.append(SmeAddress(**address))
            elif flag == DISTRIBUTION_LIST:
                dl_name, at = CString(21).decode(frame, at)
                found.append(DistributionList(dl_name=dl_name))
            else:
                raise DecodeError(
                    f"dest_flag {flag} is unknown",
                    status=CommandStatus.ESME_RINVDESTFLAG,
                )
        return tuple(found), at


@dataclass(frozen=True, slots=True)
class Refusals:
    """no_unsuccess and unsuccess_sme(s) of submit_multi_resp, §4.5.2.1."""

    def encode(self, name: str, value: tuple[UnsuccessSme, ...]) -> bytes:
        octets = [Integer(1).encode("no_unsuccess", len(value))]
        for index, item in enumerate(value):
            here = f"{name}[{index}]"
            octets += (
                _encode_address(here, item),
                Integer(4).encode(f"{here}.error_status_code", item.error_status_code),
            )
        return b"".join(octets)

    def decode(self, frame: bytes, at: int) -> tuple[tuple[UnsuccessSme, ...], int]:
        found = []
        count, at = Integer(1).decode(frame, at)
        for _ in range(count):
            address, at = _decode_address(frame, at)
            code, at = Integer(4).decode(frame, at)
            found.append(UnsuccessSme(**address, error_status_code=code))
        return tuple(found), at


def _encode_address(name: str, item: SmeAddress | UnsuccessSme) -> bytes:
    return (
        Integer(1).encode(f"{name}.dest_addr_ton", item.dest_addr_ton)
        + Integer(1).encode(f"{name}.dest_addr_npi", item.dest_addr_npi)
        + CString(21).encode(f"{name}.destination_addr", item.destination_addr)
    )


def _decode_address(frame: bytes, at: int) -> tuple[dict[str, Any], int]:
    ton, at = Integer(1).decode(frame, at)
    npi, at = Integer(1).decode(frame, at)
    digits, at = CString(21).decode(frame, at)
    return {
        "dest_addr_ton": ton,
        "dest_addr_npi": npi,
        "destination_addr": digits,
    }, at


def _latin1(name: str, value: str) -> bytes:
    if not isinstance(value, str):
        raise EncodeError(f"{name} is not a string", field=name)
    if "\0" in value:
        raise EncodeError(f"{name} contains a NUL", field=name)
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        # from None: the cause would carry the value into logs.
        raise EncodeError(
            f"{name} contains a character outside Latin-1", field=name
        ) from None


def _cut_short() -> DecodeError:
    return DecodeError(
        "the PDU ends before this field does", status=CommandStatus.ESME_RINVCMDLEN
    )
