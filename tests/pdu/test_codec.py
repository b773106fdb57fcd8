import random
from typing import Any

import pytest
from fakes.pdus import COMMANDS, any_pdu, mutated, pdu_of
from hypothesis import given
from hypothesis import strategies as st
from vectors.smpp34 import EXACT, LIBERAL

from pdu import (
    BindTransceiver,
    DataSm,
    DecodeError,
    EncodeError,
    EnquireLink,
    Framer,
    FramingError,
    GenericNack,
    RawPdu,
    SmeAddress,
    SubmitMulti,
    SubmitSm,
    SubmitSmResp,
    decode,
    encode,
)
from pdu.codec import decode_by_spec

FRAMES = [vector.frame for vector in (*EXACT, *LIBERAL)]


@pytest.mark.parametrize("command_id", COMMANDS)
def test_what_is_encoded_decodes_to_the_same(command_id: int) -> None:
    rng = random.Random(command_id)
    for _ in range(200):
        pdu = pdu_of(rng, command_id)
        frame = encode(pdu)
        assert int.from_bytes(frame[:4], "big") == len(frame)
        assert decode(frame) == pdu
        assert decode_by_spec(frame) == pdu


@pytest.mark.parametrize(
    ("pdu", "field", "limit"),
    [
        (SubmitSm(service_type="123456"), "service_type", "5"),
        (SubmitSm(source_addr="1" * 21), "source_addr", "20"),
        (SubmitSm(destination_addr="1" * 21), "destination_addr", "20"),
        (SubmitSm(esm_class=256), "esm_class", "255"),
        (SubmitSm(validity_period="5m"), "validity_period", "16"),
        (SubmitSm(short_message=b"1" * 255), "short_message", "254"),
        (SubmitSm(sequence=1 << 32), "sequence_number", "4294967295"),
        (SubmitSm(status=-1), "command_status", "4294967295"),
        (SubmitSmResp(message_id="1" * 65), "message_id", "64"),
        (BindTransceiver(system_id="1" * 65), "system_id", "64"),
        (BindTransceiver(password="1" * 65), "password", "64"),
        (BindTransceiver(system_type="1" * 13), "system_type", "12"),
        (BindTransceiver(address_range="1" * 41), "address_range", "40"),
        (DataSm(source_addr="1" * 65), "source_addr", "64"),
        (SubmitMulti(dest_address=(SmeAddress(),) * 255), "number_of_dests", "254"),
        (RawPdu(command_id=1 << 32), "command_id", "4294967295"),
    ],
)
def test_a_field_over_its_limit_is_named_with_the_limit(
    pdu: Any, field: str, limit: str
) -> None:
    with pytest.raises(EncodeError, match=f"{field}.* {limit}") as fault:
        encode(pdu)
    assert fault.value.field == field


def test_an_error_names_no_value() -> None:
    with pytest.raises(EncodeError) as fault:
        encode(BindTransceiver(password="geheim" * 20))
    assert "geheim" not in repr(fault.value)


def test_an_error_response_with_something_to_say_keeps_its_body() -> None:
    frame = encode(SubmitSmResp(sequence=1, status=0x45, message_id="a"))
    assert frame.hex() == "00000012800000040000004500000001" + "6100"
    vendor = ((0x1401, b"x"),)
    frame = encode(SubmitSmResp(sequence=1, status=0x45, tlvs=vendor))
    assert frame.hex() == "00000016800000040000004500000001" + "00" + "1401000178"
    assert decode(frame) == SubmitSmResp(sequence=1, status=0x45, tlvs=vendor)


@pytest.mark.parametrize("length", [0, 15, 17, 1 << 31])
def test_a_frame_of_another_length_than_it_says_is_refused(length: int) -> None:
    frame = length.to_bytes(4, "big") + encode(EnquireLink(sequence=9))[4:]
    with pytest.raises(DecodeError, match=f"command_length of {length}") as fault:
        decode(frame)
    assert fault.value.command_id == 0x15
    assert fault.value.sequence == 9
    assert fault.value.status == 0x02  # ESME_RINVCMDLEN


def test_a_refusal_says_which_field_of_which_command() -> None:
    frame = bytes.fromhex("00000014 00000004 00000000 00000007 434D5420")
    with pytest.raises(DecodeError, match=r"^submit_sm, service_type: ") as fault:
        decode(frame)
    assert fault.value.command_id == 4
    assert fault.value.sequence == 7
    assert fault.value.status == 0x02


def test_a_refusal_can_be_answered_as_it_stands() -> None:
    whole = encode(SubmitSm(sequence=7, short_message=b"abc"))
    frame = (len(whole) - 1).to_bytes(4, "big") + whole[4:-1]
    with pytest.raises(DecodeError) as fault:
        decode(frame)
    assert fault.value.status == 0x01  # ESME_RINVMSGLEN
    nack = GenericNack(sequence=fault.value.sequence, status=fault.value.status)
    assert decode(encode(nack)) == nack


@given(st.binary(max_size=200))
def test_no_octets_raise_anything_but_a_decode_error(octets: bytes) -> None:
    frame = (len(octets) + 4).to_bytes(4, "big") + octets
    for candidate in (octets, frame):
        try:
            pdu = decode(candidate)
        except DecodeError:
            continue
        assert pdu.sequence == int.from_bytes(candidate[12:16], "big")


@given(
    st.sampled_from(COMMANDS),
    st.sampled_from([0, 0x58, 0x455]),
    st.binary(max_size=120),
)
def test_no_body_raises_anything_but_a_decode_error(
    command_id: int, status: int, body: bytes
) -> None:
    header = (16 + len(body), command_id, status, 77)
    frame = b"".join(number.to_bytes(4, "big") for number in header) + body
    try:
        pdu = decode(frame)
    except DecodeError as fault:
        met = (fault.command_id, fault.sequence, fault.status != 0)
    else:
        met = (pdu.command_id, pdu.sequence, pdu.status == status)
    assert met == (command_id, 77, True)


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_stream_raises_anything_but_a_framing_error(pieces: list[bytes]) -> None:
    framer = Framer()
    for piece in pieces:
        try:
            frames = framer.feed(piece)
        except FramingError:
            break
        assert all(len(frame) >= 16 for frame in frames)


def test_what_is_read_liberally_is_read_again_the_same() -> None:
    """Decoding is stable: where our encoder accepts a value, it reads back equal."""
    rng = random.Random(34)
    stable = 0
    for _ in range(20_000):
        try:
            pdu = decode(mutated(rng, FRAMES))
            frame = encode(pdu)
        except (DecodeError, EncodeError):
            continue
        stable += 1
        assert decode(frame) == pdu
    assert stable > 5000


def test_an_unknown_command_keeps_every_octet() -> None:
    rng = random.Random(7)
    seen = 0
    for _ in range(2000):
        pdu = any_pdu(rng)
        if isinstance(pdu, RawPdu):
            seen += 1
            assert decode(encode(pdu)) == pdu
    assert seen
