"""Random PDUs, any kind, every value that the wire can carry."""

import random
from typing import Any

from pdu import (
    DistributionList,
    Pdu,
    RawPdu,
    SmeAddress,
    UnsuccessSme,
    encode,
)
from pdu.fields import (
    CString,
    Destinations,
    Integer,
    Refusals,
    ShortMessage,
    Time,
    WireType,
)
from pdu.specs import SPECS

COMMANDS = sorted(SPECS)


def any_pdu(rng: random.Random) -> Pdu:
    """A valid PDU of any command, one in fifty of an unknown one."""
    if rng.random() < 0.02:
        return RawPdu(
            command_id=0x10000 + rng.getrandbits(10),
            sequence=rng.getrandbits(32),
            status=_status(rng),
            body=octets(rng, 40),
        )
    pdu: Pdu = pdu_of(rng, rng.choice(COMMANDS))
    return pdu


def pdu_of(rng: random.Random, command_id: int) -> Any:
    """A valid PDU of this command."""
    spec = SPECS[command_id]
    values = {name: _value(rng, wire) for name, wire in spec.fields}
    return spec.message(
        sequence=rng.getrandbits(32), status=_status(rng), tlvs=tlvs(rng), **values
    )


def mutated(rng: random.Random, frames: list[bytes]) -> bytes:
    """A frame with a few faults; mostly its command_length agrees with what is left."""
    frame = bytearray(rng.choice(frames))
    for _ in range(rng.randrange(4)):
        match rng.randrange(5):
            case 0 if frame:
                frame[rng.randrange(len(frame))] = rng.getrandbits(8)
            case 1:
                del frame[rng.randrange(len(frame) + 1) :]
            case 2:
                at = rng.randrange(len(frame) + 1)
                frame[at:at] = octets(rng, 12)
            case 3:
                other = rng.choice(frames)
                frame += other[rng.randrange(len(other)) :]
            case _:
                at = rng.randrange(len(frame) + 1)
                del frame[at : at + rng.randrange(9)]
    if rng.random() < 0.9:
        frame[:4] = len(frame).to_bytes(4, "big")
    return bytes(frame)


def corpus(rng: random.Random, size: int) -> list[bytes]:
    """Frames of random valid PDUs."""
    return [encode(any_pdu(rng)) for _ in range(size)]


def octets(rng: random.Random, longest: int) -> bytes:
    return rng.randbytes(rng.randrange(longest + 1))


def text(rng: random.Random, longest: int) -> str:
    """Latin-1 without NUL; short and empty ones are frequent."""
    length = min(rng.randrange(longest + 1), rng.randrange(longest + 1))
    return "".join(chr(rng.randrange(1, 256)) for _ in range(length))


def tlvs(rng: random.Random) -> tuple[tuple[int, bytes], ...]:
    if rng.random() < 0.5:
        return ()
    return tuple(
        (rng.choice((rng.getrandbits(16), 0x001E, 0x0424, 0x0427)), octets(rng, 30))
        for _ in range(rng.randrange(4))
    )


def _status(rng: random.Random) -> int:
    return rng.choice((0, 0, 0, 0x58, 0x455, rng.getrandbits(32)))


def _value(rng: random.Random, wire: WireType[Any]) -> Any:
    match wire:
        case Integer():
            return rng.choice((0, rng.randint(0, wire.maximum)))
        case CString():
            return text(rng, wire.size - 1)
        case Time():
            return rng.choice(("", "260102030405608+", "000001000000000R"))
        case ShortMessage():
            return octets(rng, rng.choice((0, 20, 254)))
        case Destinations():
            return tuple(
                rng.choice(
                    (
                        SmeAddress(
                            dest_addr_ton=rng.getrandbits(8),
                            dest_addr_npi=rng.getrandbits(8),
                            destination_addr=text(rng, 20),
                        ),
                        DistributionList(dl_name=text(rng, 20)),
                    )
                )
                for _ in range(rng.choice((*range(9), 254)))
            )
        case Refusals():
            return tuple(
                UnsuccessSme(
                    dest_addr_ton=rng.getrandbits(8),
                    dest_addr_npi=rng.getrandbits(8),
                    destination_addr=text(rng, 20),
                    error_status_code=rng.getrandbits(32),
                )
                for _ in range(rng.choice((*range(9), 255)))
            )
        case _:
            raise AssertionError(wire)
