"""Random and spoilt octets into the decoder and the receipt scanner.

Nothing but a ``PduError`` may come out, memory must not grow, and one input must not
take long: the limit of the test run ends what hangs.
"""

import random
import resource

import pytest
from fakes.pdus import corpus, mutated, octets
from vectors.smpp34 import EXACT, LIBERAL

from pdu import (
    DataSm,
    DecodeError,
    DeliverSm,
    Framer,
    FramingError,
    Tag,
    decode,
    receipt,
)

RECEIPTS = [
    (
        b"id:0123456789 sub:001 dlvrd:001 submit date:2611212243 done date:2611212244 "
        b"stat:DELIVRD err:000 text:Your parcel 2026"
    ),
    b"ID: 0e999f21-44d2 STAT:undeliv ERR:0x4A submitdate:20261121224300 text: id:5",
    b"stat:ACCEPTD id:7 done_date:2611212244.5",
    "id:9 stat:EXPIRED".encode("utf-16-be"),
]
PIECES = [b"id:", b"stat:", b" ", b"text:", b"submit date:", b"\0", b"::", b"DELIVRD"]

MIB = 1 << 20


def spoilt_text(rng: random.Random) -> bytes:
    text = bytearray(rng.choice(RECEIPTS))
    for _ in range(rng.randrange(5)):
        at = rng.randrange(len(text) + 1)
        text[at : at + rng.randrange(4)] = rng.choice(
            (rng.choice(PIECES), octets(rng, 6))
        )
    return bytes(text)


def deliver(rng: random.Random) -> DeliverSm | DataSm:
    payload = spoilt_text(rng) * rng.choice((1, 1, 1, 20))
    tlvs = rng.choice(
        (
            (),
            ((int(Tag.MESSAGE_PAYLOAD), payload),),
            ((int(Tag.RECEIPTED_MESSAGE_ID), octets(rng, 70)),),
            ((int(Tag.MESSAGE_STATE), octets(rng, 5)),),
        )
    )
    esm_class, data_coding = rng.choice(((4, 0), (0, 0), (4, 8), (0x44, 3), (0x20, 4)))
    if rng.random() < 0.2:
        return DataSm(esm_class=esm_class, data_coding=data_coding, tlvs=tlvs)
    return DeliverSm(
        esm_class=esm_class,
        data_coding=data_coding,
        short_message=spoilt_text(rng),
        tlvs=tlvs,
    )


def fuzz(rng: random.Random, inputs: int) -> int:
    """Feeds so many inputs; how many of them could be read."""
    frames = [vector.frame for vector in (*EXACT, *LIBERAL)] + corpus(rng, 400)
    read = 0
    for number in range(inputs):
        match number % 4:
            case 0 | 1:
                frame = mutated(rng, frames)
            case 2:
                frame = octets(rng, 80)
            case _:
                receipt.parse(deliver(rng))
                read += 1
                continue
        try:
            pdu = decode(frame)
        except DecodeError:
            continue
        read += 1
        if isinstance(pdu, DeliverSm | DataSm):
            receipt.parse(pdu)
    return read


def test_fifty_thousand_inputs() -> None:
    assert fuzz(random.Random(50), 50_000) > 25_000


def test_spoilt_streams() -> None:
    rng = random.Random(51)
    frames = corpus(rng, 100)
    lost = 0
    for _ in range(3000):
        framer = Framer(max_length=4096)
        stream = b"".join(mutated(rng, frames) for _ in range(4))
        cut = rng.randrange(len(stream) + 1)
        found: list[bytes] = []
        try:
            for piece in (stream[:cut], stream[cut:]):
                found += framer.feed(piece)
        except FramingError as fault:
            found += fault.frames
            lost += 1
        assert b"".join(found) == stream[: sum(map(len, found))]
        assert framer.pending <= 4096
    assert lost


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("seed", range(10))
def test_ten_million_inputs(seed: int) -> None:
    """A million each; the first 20,000 bring the allocator to its size."""
    rng = random.Random(seed)
    fuzz(rng, 20_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(50):
        assert fuzz(rng, 20_000) > 10_000
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert growth * 1024 < 32 * MIB
