"""esmed.smpp.pdutrace: what an operator sees of a PDU, and what never."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.smpp.pdutrace import describe
from pdu import (
    BindTransceiver,
    CommandStatus,
    DeliverSm,
    EnquireLink,
    RawPdu,
    SmeAddress,
    SubmitMulti,
    SubmitSm,
    SubmitSmResp,
    Tag,
    encode,
)

NUMBER, PASSWORD, TEXT = "380501234567", "hunter2!", b"the secret of it"
SEEN = {"texts": True}


def test_a_password_is_never_shown() -> None:
    frame = encode(
        BindTransceiver(sequence=7, system_id="me", password=PASSWORD, addr_ton=1)
    )
    for texts in (True, False):
        shown = describe(frame, texts=texts)
        assert shown["command"] == "bind_transceiver"
        assert (shown["sequence"], shown["status"]) == (7, "ESME_ROK")
        assert shown["fields"]["system_id"] == "me"
        assert shown["fields"]["password"] == "(redacted)"
        assert shown["hex"] == frame.replace(PASSWORD.encode(), b"*" * 8).hex()


MESSAGE = DeliverSm(
    sequence=9,
    source_addr_ton=1,
    source_addr=NUMBER,
    destination_addr="MyCompany",
    esm_class=4,
    short_message=TEXT,
    tlvs=(
        (Tag.RECEIPTED_MESSAGE_ID, b"m1\0"),
        (Tag.MESSAGE_STATE, b"\x02"),
        (Tag.MESSAGE_PAYLOAD, TEXT),
        (0x1401, NUMBER.encode()),
        (0x1401, b"\xff\x00"),
    ),
)


def test_numbers_and_texts_are_masked_in_the_octets_too() -> None:
    frame = encode(MESSAGE)
    shown = describe(frame, texts=False)
    fields = shown["fields"]
    assert fields["source_addr"] == "380*******67"
    assert fields["destination_addr"] == "MyCompany"
    assert fields["short_message"] == "(16 octets)"
    assert fields["message_payload"] == "(16 octets)"
    assert fields["TLV 0x1401"] == "(12 octets)"
    # What says nothing about anybody is shown.
    assert fields["esm_class"] == 4
    assert fields["receipted_message_id"] == "m1"
    assert fields["message_state"] == 2
    expected = (
        frame.replace(TEXT, b"*" * 16)
        .replace(b"\x0c" + NUMBER.encode(), b"\x0c" + b"*" * 12)
        .replace(NUMBER.encode(), b"380*******67")
        .replace(b"\xff\x00", b"**")
    )
    assert shown["hex"] == expected.hex()


def test_numbers_and_texts_if_asked_for() -> None:
    frame = encode(MESSAGE)
    shown = describe(frame, texts=True)
    assert shown["hex"] == frame.hex()
    fields = shown["fields"]
    assert fields["source_addr"] == NUMBER
    assert fields["short_message"] == TEXT.decode()
    assert fields["TLV 0x1401"] == NUMBER
    assert "ff00" in fields.values()  # a parameter that is there twice


def test_a_list_of_destinations() -> None:
    one = SmeAddress(dest_addr_ton=1, dest_addr_npi=1, destination_addr=NUMBER)
    frame = encode(SubmitMulti(dest_address=(one,)))
    shown = describe(frame, texts=False)
    assert shown["fields"]["dest_address"] == "(17 octets)"
    assert NUMBER.encode().hex() not in shown["hex"]
    assert NUMBER in str(describe(frame, texts=True)["fields"]["dest_address"])


@pytest.mark.parametrize(
    ("frame", "command", "status", "fields"),
    [
        (encode(EnquireLink()), "enquire_link", "ESME_ROK", {}),
        (
            encode(SubmitSmResp(status=CommandStatus.ESME_RTHROTTLED)),
            "submit_sm_resp",
            "ESME_RTHROTTLED",
            {},
        ),
        (
            encode(RawPdu(command_id=0x00010203, status=0x400, body=b"abc")),
            "0x00010203",
            "0x00000400",
            {"rest": "(3 octets)"},
        ),
    ],
)
def test_others(frame, command, status, fields) -> None:
    shown = describe(frame, texts=False)
    assert (shown["command"], shown["status"]) == (command, status)
    assert shown["fields"] == fields
    assert shown["hex"][:32] == frame[:16].hex()


def test_what_cannot_be_read_is_taken_for_a_text() -> None:
    frame = encode(SubmitSm(destination_addr=NUMBER, short_message=TEXT))
    for size in range(16, len(frame)):
        shown = describe(frame[:size], texts=False)
        assert shown["fields"] == {"rest": f"({size - 16} octets)"}
        assert shown["hex"] == (frame[:16] + b"*" * (size - 16)).hex()


@given(st.sampled_from([1, 4, 5, 0x21, 0x103, 0x80000004, 0x77]), st.binary())
def test_any_frame_can_be_shown(command_id: int, body: bytes) -> None:
    frame = (16 + len(body)).to_bytes(4) + command_id.to_bytes(4) + bytes(8) + body
    for texts in (True, False):
        assert len(describe(frame, texts=texts)["hex"]) == 2 * len(frame)
