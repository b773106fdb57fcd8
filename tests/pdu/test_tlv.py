from typing import Any

import pytest

from pdu import EncodeError, Tag, tlv
from pdu.fields import CString, Integer, Octets

# §5.3.2, in its order: octets of an integer, or limits of a string.
SIZES: dict[str, Integer | CString | Octets] = {
    "dest_addr_subunit": Integer(1),
    "source_addr_subunit": Integer(1),
    "dest_network_type": Integer(1),
    "source_network_type": Integer(1),
    "dest_bearer_type": Integer(1),
    "source_bearer_type": Integer(1),
    "dest_telematics_id": Integer(2),
    "source_telematics_id": Integer(1),
    "qos_time_to_live": Integer(4),
    "payload_type": Integer(1),
    "additional_status_info_text": CString(256),
    "receipted_message_id": CString(65),
    "ms_msg_wait_facilities": Integer(1),
    "privacy_indicator": Integer(1),
    "source_subaddress": Octets(2, 23),
    "dest_subaddress": Octets(2, 23),
    "user_message_reference": Integer(2),
    "user_response_code": Integer(1),
    "language_indicator": Integer(1),
    "source_port": Integer(2),
    "destination_port": Integer(2),
    "sar_msg_ref_num": Integer(2),
    "sar_total_segments": Integer(1),
    "sar_segment_seqnum": Integer(1),
    "sc_interface_version": Integer(1),
    "display_time": Integer(1),
    "ms_validity": Integer(1),
    "dpf_result": Integer(1),
    "set_dpf": Integer(1),
    "ms_availability_status": Integer(1),
    "network_error_code": Octets(3, 3),
    "message_payload": Octets(0, 65535),
    "delivery_failure_reason": Integer(1),
    "more_messages_to_send": Integer(1),
    "message_state": Integer(1),
    "callback_num": Octets(4, 19),
    "callback_num_pres_ind": Integer(1),
    "callback_num_atag": Octets(0, 65),
    "number_of_messages": Integer(1, maximum=99),
    "sms_signal": Integer(2),
    "alert_on_message_delivery": Octets(0, 0),
    "its_reply_type": Integer(1),
    "its_session_info": Octets(2, 2),
    "ussd_service_op": Octets(1, 1),
}


def test_every_tag_of_the_standard_is_typed() -> None:
    assert {Tag(tag).name.lower(): kind for tag, kind in tlv.KINDS.items()} == SIZES


@pytest.mark.parametrize(
    ("tag", "value", "octets"),
    [
        (Tag.SOURCE_PORT, 0x0102, b"\x01\x02"),
        (Tag.QOS_TIME_TO_LIVE, 3600, b"\x00\x00\x0e\x10"),
        (Tag.MESSAGE_STATE, 2, b"\x02"),
        (Tag.SOURCE_TELEMATICS_ID, 7, b"\x07"),
        (Tag.DEST_TELEMATICS_ID, 7, b"\x00\x07"),
        (Tag.NUMBER_OF_MESSAGES, 99, b"\x63"),
        (Tag.RECEIPTED_MESSAGE_ID, "1A2F", b"1A2F\0"),
        (Tag.RECEIPTED_MESSAGE_ID, "9" * 64, b"9" * 64 + b"\0"),
        (Tag.ADDITIONAL_STATUS_INFO_TEXT, "w\xe4rm", b"w\xe4rm\0"),
        (Tag.NETWORK_ERROR_CODE, b"\x03\x00\x21", b"\x03\x00\x21"),
        (Tag.CALLBACK_NUM, b"\x01\x01\x011", b"\x01\x01\x011"),
        (Tag.MESSAGE_PAYLOAD, b"", b""),
        (Tag.MESSAGE_PAYLOAD, b"x" * 65535, b"x" * 65535),
        (Tag.ALERT_ON_MESSAGE_DELIVERY, b"", b""),
        (0x1401, b"vendor", b"vendor"),
    ],
)
def test_build_and_get(tag: int, value: Any, octets: Any) -> None:
    pair = tlv.build(tag, value)
    assert pair == (int(tag), octets)
    assert tlv.get((pair,), tag) == value


@pytest.mark.parametrize(
    ("tag", "value", "message"),
    [
        (Tag.MESSAGE_STATE, 256, "message_state is not an integer from 0 to 255"),
        (Tag.MESSAGE_STATE, "2", "message_state is not an integer from 0 to 255"),
        (Tag.NUMBER_OF_MESSAGES, 100, "number_of_messages is not an integer from 0"),
        (Tag.SAR_MSG_REF_NUM, 1 << 16, "sar_msg_ref_num is not an integer from 0 to"),
        (Tag.RECEIPTED_MESSAGE_ID, "9" * 65, "receipted_message_id is longer than 64"),
        (Tag.RECEIPTED_MESSAGE_ID, "a\0", "receipted_message_id contains a NUL"),
        (Tag.RECEIPTED_MESSAGE_ID, 7, "receipted_message_id is not a string"),
        (Tag.CALLBACK_NUM, b"123", "callback_num is not 4 to 19 octets"),
        (Tag.CALLBACK_NUM, b"1" * 20, "callback_num is not 4 to 19 octets"),
        (Tag.SOURCE_SUBADDRESS, b"1" * 24, "source_subaddress is not 2 to 23 octets"),
        (Tag.MESSAGE_PAYLOAD, b"1" * 65536, "message_payload is not 0 to 65535"),
        (Tag.MESSAGE_PAYLOAD, "text", "message_payload is not 0 to 65535 octets"),
        (0x1401, 5, "TLV 0x1401 is not 0 to 65535 octets"),
    ],
)
def test_build_refuses_what_the_standard_does_not_allow(
    tag: int, value: Any, message: str
) -> None:
    with pytest.raises(EncodeError, match=message):
        tlv.build(tag, value)


TLVS = (
    (Tag.MESSAGE_STATE, b"\x02"),
    (Tag.RECEIPTED_MESSAGE_ID, b"1A2F"),
    (0x1401, b"first"),
    (0x1401, b"second"),
)


def test_get_types_the_value_and_takes_the_first() -> None:
    assert tlv.get(TLVS, Tag.MESSAGE_STATE) == 2
    assert tlv.get(TLVS, Tag.RECEIPTED_MESSAGE_ID) == "1A2F"
    assert tlv.get(TLVS, 0x1401) == b"first"


@pytest.mark.parametrize("tag", [Tag.SOURCE_PORT, Tag.MESSAGE_PAYLOAD, 0x1402])
def test_get_of_an_absent_tag_is_none(tag: int) -> None:
    assert tlv.get(TLVS, tag) is None
    assert tlv.get_bytes(TLVS, tag) is None
    assert tlv.get_int(TLVS, tag) is None
    assert tlv.get_str(TLVS, tag) is None


@pytest.mark.parametrize(
    ("octets", "value"),
    [
        (b"\x01", 1),
        (b"\x01\x00", 256),
        (b"\x00\x00\x00\x02", 2),
        (b"", None),
        (b"\0" * 5, None),
    ],
)
def test_an_integer_of_another_width_is_read(octets: Any, value: Any) -> None:
    assert isinstance(tlv.KINDS[Tag.SAR_MSG_REF_NUM], Integer)
    assert tlv.get(((Tag.SAR_MSG_REF_NUM, octets),), Tag.SAR_MSG_REF_NUM) == value


@pytest.mark.parametrize(
    ("octets", "value"),
    [(b"ab", "ab"), (b"ab\0", "ab"), (b"ab\0cd", "ab"), (b"", ""), (b"\xe4", "ä")],
)
def test_a_string_is_read_with_or_without_its_nul(octets: Any, value: Any) -> None:
    tlvs = ((Tag.RECEIPTED_MESSAGE_ID, octets),)
    assert tlv.get(tlvs, Tag.RECEIPTED_MESSAGE_ID) == value


def test_write_and_read() -> None:
    octets = bytes.fromhex("0427 0001 02 001E 0004 31413246 1401 0000")
    tlvs = ((0x0427, b"\x02"), (0x001E, b"1A2F"), (0x1401, b""))
    assert tlv.write(tlvs) == octets
    assert tlv.read(b"..." + octets, 3) == tlvs


def test_read_drops_what_the_end_cuts() -> None:
    octets = bytes.fromhex("0427 0001 02 001E 0004 31413246")
    for end in range(len(octets)):
        found = tlv.read(octets[:end], 0)
        assert found == (((0x0427, b"\x02"),) if end >= 5 else ())


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ((0x10000, b""), "tag is not an integer from 0 to 65535"),
        ((-1, b""), "tag is not an integer from 0 to 65535"),
        (("1", b""), "tag is not an integer from 0 to 65535"),
        ((0x1401, b"x" * 65536), "TLV 0x1401 is not 0 to 65535 octets"),
        ((0x0427, "2"), "message_state is not 0 to 65535 octets"),
    ],
)
def test_write_refuses_what_has_no_place_on_the_wire(pair: Any, message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        tlv.write((pair,))
