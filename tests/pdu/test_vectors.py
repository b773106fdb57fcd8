"""The hand-written PDUs, through every way a frame may come or be spoilt."""

import pytest
from vectors.smpp34 import EXACT, LIBERAL, Vector

from pdu import DecodeError, Framer, RawPdu, SubmitSm, decode, encode
from pdu.messages import Message
from pdu.specs import SPECS

ALL = [*EXACT, *LIBERAL]
NEXT = bytes.fromhex("00000010 00000015 00000000 00000001")

exact = pytest.mark.parametrize("vector", EXACT, ids=lambda vector: vector.name)
every = pytest.mark.parametrize("vector", ALL, ids=lambda vector: vector.name)


@exact
def test_encode_gives_the_octets(vector: Vector) -> None:
    assert encode(vector.pdu).hex(" ") == vector.frame.hex(" ")


@every
def test_decode_gives_the_value(vector: Vector) -> None:
    assert decode(vector.frame) == vector.pdu


def test_every_command_of_the_standard_has_a_vector() -> None:
    assert {type(vector.pdu) for vector in EXACT} == {
        *(spec.message for spec in SPECS.values()),
        RawPdu,
    }


@every
def test_octet_by_octet(vector: Vector) -> None:
    framer = Framer()
    pieces = [framer.feed(bytes((octet,))) for octet in vector.frame]
    assert pieces == [*([[]] * (len(vector.frame) - 1)), [vector.frame]]


@every
def test_with_the_next_pdu_glued_on(vector: Vector) -> None:
    assert Framer().feed(vector.frame + NEXT) == [vector.frame, NEXT]


@every
def test_a_cut_frame_is_refused_at_every_offset(vector: Vector) -> None:
    for end in range(len(vector.frame)):
        with pytest.raises(DecodeError) as fault:
            decode(vector.frame[:end])
        assert fault.value.status == 2  # ESME_RINVCMDLEN
        assert fault.value.sequence in {0, vector.pdu.sequence}


@every
def test_a_body_cut_at_every_offset_is_read_or_refused_by_name(vector: Vector) -> None:
    faults = []
    for end in range(16, len(vector.frame)):
        try:
            pdu = decode(end.to_bytes(4, "big") + vector.frame[4:end])
        except DecodeError as fault:
            faults.append(fault)
        else:
            assert type(pdu) is type(vector.pdu)
    for met in faults:
        assert met.command_id == vector.pdu.command_id
        assert met.sequence == vector.pdu.sequence
        assert met.status in {1, 2}


def test_a_request_cut_in_its_mandatory_fields_is_refused() -> None:
    whole = next(v.frame for v in EXACT if v.name == "submit_sm, nothing in it")
    for end in range(16, len(whole)):
        with pytest.raises(DecodeError):
            decode(end.to_bytes(4, "big") + whole[4:end])


@exact
def test_an_unknown_tlv_is_kept(vector: Vector) -> None:
    body = vector.frame[4:] + bytes.fromhex("2B2B 0002 CAFE")
    frame = (4 + len(body)).to_bytes(4, "big") + body
    pdu = decode(frame)
    if isinstance(pdu, Message) and len(vector.frame) > 16:
        assert pdu.tlvs[-1] == (0x2B2B, b"\xca\xfe")
        assert encode(pdu) == frame


def test_a_repr_shows_no_password() -> None:
    for vector in EXACT:
        password = getattr(vector.pdu, "password", "")
        if password:
            assert password not in repr(vector.pdu)
            assert password not in str((vector.pdu,))
    assert "short_message" in repr(SubmitSm())
