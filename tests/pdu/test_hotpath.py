"""The straight way and the tables must read and write the same, faults included."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from fakes.pdus import mutated, octets, pdu_of, text

from pdu import DecodeError, EncodeError, Pdu, decode, encode
from pdu.codec import decode_by_spec, encode_by_spec
from pdu.hotpath import DECODERS, ENCODERS
from pdu.specs import SPECS

COMMANDS = sorted(DECODERS)


def outcome(function: Callable[[Any], object], argument: object) -> object:
    try:
        return function(argument)
    except (DecodeError, EncodeError) as fault:
        return type(fault), str(fault), vars(fault)


def test_the_hot_pdus_are_those_of_a_busy_link() -> None:
    assert {SPECS[command].message for command in COMMANDS} == set(ENCODERS)
    assert {f"{command:08x}" for command in COMMANDS} == {
        "00000004",
        "80000004",
        "00000005",
        "80000005",
        "00000015",
        "80000015",
    }


@pytest.mark.parametrize("command_id", COMMANDS)
def test_both_ways_are_equal_on_good_pdus(command_id: int) -> None:
    rng = random.Random(command_id)
    for _ in range(3000):
        pdu: Pdu = pdu_of(rng, command_id)
        frame = encode_by_spec(pdu)
        assert encode(pdu) == frame
        assert decode(frame) == decode_by_spec(frame) == pdu


@pytest.mark.parametrize("command_id", COMMANDS)
def test_both_ways_are_equal_on_spoilt_frames(command_id: int) -> None:
    rng = random.Random(command_id)
    frames = [encode(pdu_of(rng, command_id)) for _ in range(100)]
    for _ in range(6000):
        frame = mutated(rng, frames)
        assert outcome(decode, frame) == outcome(decode_by_spec, frame)


WRONG = [256, -1, 1 << 40, None, "1", "ї", "a\0", "\ud800", b"", 1.5]


@pytest.mark.parametrize("command_id", COMMANDS)
def test_both_ways_are_equal_on_values_that_do_not_fit(command_id: int) -> None:
    rng = random.Random(command_id)
    message = type(pdu_of(rng, command_id))
    for name in message.__struct_fields__:
        if name == "tlvs":
            continue
        for value in (*WRONG, text(rng, 90), octets(rng, 400), "1" * 16, b"a" * 255):
            pdu = message(**{name: value})
            assert outcome(encode, pdu) == outcome(encode_by_spec, pdu), (name, value)


@pytest.mark.parametrize("command_id", COMMANDS)
def test_both_ways_are_equal_on_tlvs_that_do_not_fit(command_id: int) -> None:
    message = type(pdu_of(random.Random(1), command_id))
    for tlvs in (((1 << 16, b""),), ((1, b"x" * 65536),), ((1, "x"),)):
        pdu = message(tlvs=tlvs)
        with pytest.raises(EncodeError):
            encode(pdu)
        assert outcome(encode, pdu) == outcome(encode_by_spec, pdu)
