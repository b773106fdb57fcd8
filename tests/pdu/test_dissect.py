"""pdu.dissect: every octet of a frame has its place, whatever the frame is."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdu import (
    BindTransceiver,
    DeliverSm,
    RawPdu,
    SubmitSm,
    SubmitSmResp,
    Tag,
    UnsuccessSme,
    encode,
)
from pdu.dissect import REST, Piece, dissect
from pdu.messages import SubmitMultiResp


def by_name(frame: bytes) -> dict[str, tuple[object, bytes]]:
    """Value and octets of each piece."""
    return {p.name: (p.value, frame[p.start : p.end]) for p in dissect(frame)}


def test_a_bind() -> None:
    frame = encode(BindTransceiver(system_id="me", password="hunter2", addr_ton=5))
    found = by_name(frame)
    assert list(found) == [
        "system_id",
        "password",
        "system_type",
        "interface_version",
        "addr_ton",
        "addr_npi",
        "address_range",
    ]
    assert found["password"] == ("hunter2", b"hunter2")
    assert found["system_type"] == ("", b"")
    assert found["addr_ton"] == (5, b"\x05")


def test_a_message_with_parameters() -> None:
    tlvs = (
        (Tag.USER_MESSAGE_REFERENCE, b"\x01\x02"),
        (Tag.RECEIPTED_MESSAGE_ID, b"m1\0"),
        (0x1401, b"\xff"),
    )
    frame = encode(SubmitSm(source_addr="1234", short_message=b"hi", tlvs=tlvs))
    found = by_name(frame)
    assert found["source_addr"] == ("1234", b"1234")
    assert found["short_message"] == (b"hi", b"hi")
    assert found["user_message_reference"] == (0x0102, b"\x01\x02")
    assert found["receipted_message_id"] == ("m1", b"m1\0")
    assert found["TLV 0x1401"] == (b"\xff", b"\xff")


def test_a_response_may_end_before_any_field() -> None:
    assert dissect(encode(SubmitSmResp(status=8))) == []
    assert by_name(encode(SubmitSmResp(message_id="m1"))) == {
        "message_id": ("m1", b"m1")
    }


def test_a_list() -> None:
    refused = UnsuccessSme(
        dest_addr_ton=1, dest_addr_npi=1, destination_addr="38", error_status_code=11
    )
    found = by_name(encode(SubmitMultiResp(message_id="m", unsuccess_sme=(refused,))))
    assert found["unsuccess_sme"] == (
        (refused,),
        bytes.fromhex("01 01 01 333800 0000000b"),
    )


@pytest.mark.parametrize(
    ("frame", "names", "rest"),
    [
        (encode(RawPdu(command_id=0x10203, body=b"what")), [REST], b"what"),
        (encode(DeliverSm(source_addr="123"))[:21], ["service_type"], b"12"),
        (encode(DeliverSm()) + b"\x04\x24\x00\x09ab", [], b"\x04\x24\x00\x09ab"),
        (encode(SubmitSmResp(message_id="m1")) + b"\x01", ["message_id"], b"\x01"),
        (encode(DeliverSm())[:16], [], b""),
        (encode(DeliverSm())[:17], ["service_type"], b""),
    ],
)
def test_what_cannot_be_read(frame: bytes, names: list[str], rest: bytes) -> None:
    found = by_name(frame)
    assert set(names) <= set(found)
    assert found[REST] == (rest, rest)


def test_no_body() -> None:
    assert dissect(encode(RawPdu(command_id=0x10203))) == []
    assert dissect(b"") == []


COMMANDS = [0x1, 0x4, 0x5, 0x9, 0x21, 0x102, 0x103, 0x80000004, 0x80000021, 0x99]


@given(st.sampled_from(COMMANDS), st.binary(max_size=120))
def test_any_octets_are_survived_and_in_order(command_id: int, body: bytes) -> None:
    frame = (16 + len(body)).to_bytes(4) + command_id.to_bytes(4) + bytes(8) + body
    pieces = dissect(frame)
    ends = [Piece("", 0, 0, 16), *pieces, Piece("", 0, len(frame), len(frame))]
    for before, after in pairwise(ends):
        assert before.end <= after.start <= after.end
