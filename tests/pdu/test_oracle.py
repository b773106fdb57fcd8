"""Our codec against that of ``smpp.pdu``: octets and values, over every command.

``BEYOND`` lists what the oracle cannot express; docs/smpp-oracle.md is the same list
for the reader.
"""

import random
from pathlib import Path

import msgspec
import pytest
from fakes.oracle import case, decoded, encoded, translated, typed_tlvs
from fakes.pdus import COMMANDS
from smpp.pdu.error import PDUParseError
from smpp.pdu.pdu_encoding import PDUEncoder

from pdu import (
    BindTransceiver,
    CommandId,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    Pdu,
    RawPdu,
    SubmitSm,
    SubmitSmResp,
    Tag,
    command_name,
    decode,
    encode,
    tlv,
)

PER_COMMAND = 1000
PAGE = Path(__file__).parents[2] / "docs" / "smpp-oracle.md"


UNKNOWN_TO_IT: list[tuple[Tag, int | bytes]] = [
    (Tag.MS_MSG_WAIT_FACILITIES, 1),
    (Tag.MS_VALIDITY, 1),
    (Tag.CALLBACK_NUM_PRES_IND, 1),
    (Tag.CALLBACK_NUM_ATAG, b"x"),
    (Tag.ALERT_ON_MESSAGE_DELIVERY, b""),
    (Tag.ITS_REPLY_TYPE, 1),
    (Tag.ITS_SESSION_INFO, b"\1\2"),
    (Tag.USSD_SERVICE_OP, b"\1"),
    (Tag.DPF_RESULT, 1),
    (Tag.SET_DPF, 1),
]


def without_tlvs(pdu: Pdu) -> object:
    return msgspec.structs.replace(pdu, tlvs=())


@pytest.mark.parametrize("command_id", COMMANDS, ids=lambda c: CommandId(c).name)
def test_octets_and_values_are_the_oracles(command_id: int) -> None:
    rng = random.Random(command_id)
    for _ in range(PER_COMMAND):
        ours, theirs = case(rng, command_id)
        frame = encoded(theirs)
        assert encode(ours) == frame
        assert decode(frame) == ours
        reading = translated(decoded(frame))
        assert without_tlvs(reading) == without_tlvs(ours)
        assert reading.tlvs == typed_tlvs(ours)


@pytest.mark.parametrize("command_id", [CommandId.SUBMIT_SM, CommandId.DELIVER_SM])
def test_octets_with_a_vendor_tlv_are_the_oracles(command_id: int) -> None:
    """It writes them and does not read them."""
    rng = random.Random(command_id)
    for _ in range(PER_COMMAND):
        ours, theirs = case(rng, command_id, vendor_tlv=True)
        frame = encoded(theirs)
        assert encode(ours) == frame
        assert decode(frame) == ours
        assert translated(decoded(frame)).tlvs == typed_tlvs(ours)[:-1]


def test_there_are_enough_of_them() -> None:
    assert PER_COMMAND * len(COMMANDS) >= 20_000


BEYOND: list[tuple[str, Pdu]] = [
    ("password above 8 octets", BindTransceiver(sequence=1, password="123456789")),
    ("system_id above 15 octets", BindTransceiver(sequence=1, system_id="1" * 16)),
    ("unknown command_status", SubmitSmResp(sequence=1, status=0x455)),
    ("unknown command_id", RawPdu(command_id=0x111, sequence=1, body=b"x")),
    ("vendor TLV", SubmitSm(sequence=1, tlvs=((0x1401, b"x"),))),
    (
        "several TLVs of one tag",
        SubmitSm(sequence=1, tlvs=((0x0204, b"\0\1"), (0x0204, b"\0\2"))),
    ),
    (
        "TLV where the standard has none",
        SubmitSmResp(sequence=1, message_id="1", tlvs=((0x0427, b"\2"),)),
    ),
    (
        "TLV where the standard has none",
        EnquireLink(sequence=1, tlvs=((0x0427, b"\2"),)),
    ),
    *(
        (
            "TLV of the standard without an encoder",
            SubmitSm(sequence=1, tlvs=(tlv.build(tag, value),)),
        )
        for tag, value in UNKNOWN_TO_IT
    ),
    ("TON, NPI or priority_flag off its tables", SubmitSm(source_addr_ton=7)),
    ("TON, NPI or priority_flag off its tables", SubmitSm(dest_addr_npi=2)),
    ("TON, NPI or priority_flag off its tables", SubmitSm(priority_flag=4)),
    ("esm_class of a reserved type", SubmitSm(esm_class=0x0C)),
    ("registered_delivery 3", SubmitSm(registered_delivery=3)),
    ("data_coding 0xF8 to 0xFF", SubmitSm(data_coding=0xF8)),
    (
        "absolute time with an offset of 00-",
        SubmitSm(validity_period="260102030405000-"),
    ),
    (
        "relative time with tenths",
        SubmitSm(validity_period="000001000000500R"),
    ),
    (
        "schedule_delivery_time of deliver_sm",
        DeliverSm(schedule_delivery_time="000001000000000R"),
    ),
    ("message_id of deliver_sm_resp", DeliverSmResp(message_id="1")),
    ("body of an error response", SubmitSmResp(status=0x45, message_id="1")),
]

SPOILT = [
    ("time of another length", "0004", "00" * 11 + "31 00" + "00" * 5),
    ("truncated TLV", "0004", "00" * 17 + "1401 0009 61"),
    ("response without its body", "8004", ""),
    ("message_id without its NUL", "8004", "31 31"),
    ("message_id above 64 octets", "8004", "31" * 65 + "00"),
]


def their_reading(frame: bytes) -> object:
    try:
        return translated(decoded(frame))
    except (PDUParseError, ValueError):
        return None


@pytest.mark.parametrize(("title", "pdu"), BEYOND)
def test_beyond_the_oracle(title: str, pdu: Pdu) -> None:
    frame = encode(pdu)
    assert decode(frame) == pdu
    typed = msgspec.structs.replace(pdu, tlvs=typed_tlvs(pdu)) if has_tlvs(pdu) else pdu
    assert their_reading(frame) != typed
    assert f"| {title} |" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(("title", "command", "body"), SPOILT)
def test_liberal_beyond_the_oracle(title: str, command: str, body: str) -> None:
    octets = bytes.fromhex(f"{command[:2]}0000{command[2:]} 00000000 00000001 {body}")
    frame = (4 + len(octets)).to_bytes(4, "big") + octets
    assert decode(frame).sequence == 1
    assert their_reading(frame) is None
    assert f"| {title} |" in PAGE.read_text(encoding="utf-8")


def has_tlvs(pdu: Pdu) -> bool:
    return "tlvs" in pdu.__struct_fields__


@pytest.mark.parametrize(
    "command",
    [CommandId.REPLACE_SM, CommandId.SUBMIT_MULTI, CommandId.SUBMIT_MULTI_RESP],
)
def test_the_oracle_alone_lacks_rows_of(command: CommandId) -> None:
    _, theirs = case(random.Random(1), command)
    with pytest.raises(KeyError):
        PDUEncoder().encode(theirs)
    assert command_name(command) in PAGE.read_text(encoding="utf-8")
