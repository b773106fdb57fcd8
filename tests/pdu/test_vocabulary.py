from enum import IntEnum
from typing import Any

import pytest
from smpp.pdu import constants

from pdu import (
    CommandId,
    CommandStatus,
    DataCoding,
    EsmClass,
    MessageState,
    Npi,
    RegisteredDelivery,
    Tag,
    Ton,
    command_name,
    status_name,
    status_text,
)


@pytest.mark.parametrize(
    ("vocabulary", "table"),
    [
        (CommandId, constants.command_id_name_map),
        (CommandStatus, constants.command_status_name_map),
        (Tag, constants.tag_name_map),
        (Ton, constants.addr_ton_name_map),
        (Npi, constants.addr_npi_name_map),
        (MessageState, constants.message_state_name_map),
    ],
)
def test_every_name_of_the_package_is_here(
    vocabulary: type[IntEnum], table: dict[str, int]
) -> None:
    """Its negative placeholders are no numbers of the wire."""
    assert {member.name.upper(): member.value for member in vocabulary} == {
        name.upper(): value for name, value in table.items() if value >= 0
    }


def test_every_data_coding_of_the_package_is_here() -> None:
    assert {int(member) for member in DataCoding} == set(
        constants.data_coding_default_value_map
    )


@pytest.mark.parametrize(
    ("member", "value"),
    [
        # Spot checks against the standard, should the package's tables ever shift.
        (CommandId.SUBMIT_SM, 0x00000004),
        (CommandId.GENERIC_NACK, 0x80000000),
        (CommandId.DATA_SM_RESP, 0x80000103),
        (CommandStatus.ESME_ROK, 0),
        (CommandStatus.ESME_RALYBND, 0x05),
        (CommandStatus.ESME_RINVPASWD, 0x0E),
        (CommandStatus.ESME_RMSGQFUL, 0x14),
        (CommandStatus.ESME_RTHROTTLED, 0x58),
        (CommandStatus.ESME_RUNKNOWNERR, 0xFF),
        (Tag.RECEIPTED_MESSAGE_ID, 0x001E),
        (Tag.SAR_MSG_REF_NUM, 0x020C),
        (Tag.MESSAGE_PAYLOAD, 0x0424),
        (Tag.MESSAGE_STATE, 0x0427),
        (Ton.ALPHANUMERIC, 5),
        (Npi.WAP_CLIENT_ID, 18),
        (MessageState.REJECTED, 8),
        (DataCoding.DEFAULT, 0),
        (DataCoding.ASCII, 1),
        (DataCoding.BINARY_2, 2),
        (DataCoding.LATIN1, 3),
        (DataCoding.BINARY, 4),
        (DataCoding.CYRILLIC, 6),
        (DataCoding.HEBREW, 7),
        (DataCoding.UCS2, 8),
        (EsmClass.STORE_AND_FORWARD, 0x03),
        (EsmClass.DELIVERY_RECEIPT, 0x04),
        (EsmClass.DELIVERY_ACKNOWLEDGEMENT, 0x08),
        (EsmClass.MANUAL_ACKNOWLEDGEMENT, 0x10),
        (EsmClass.CONVERSATION_ABORT, 0x18),
        (EsmClass.INTERMEDIATE_NOTIFICATION, 0x20),
        (EsmClass.UDHI, 0x40),
        (EsmClass.REPLY_PATH, 0x80),
        (RegisteredDelivery.RECEIPT, 0x01),
        (RegisteredDelivery.RECEIPT_ON_FAILURE, 0x02),
        (RegisteredDelivery.MANUAL_ACK, 0x08),
        (RegisteredDelivery.INTERMEDIATE, 0x10),
    ],
)
def test_a_member_has_the_value_of_the_standard(member: int, value: Any) -> None:
    assert member == value


def test_unknown_bits_survive() -> None:
    assert int(EsmClass(0xFF)) == 0xFF
    assert int(RegisteredDelivery(0xE0)) == 0xE0
    assert EsmClass.UDHI in EsmClass(0x44)


@pytest.mark.parametrize(
    ("status", "name", "text"),
    [
        (0, "ESME_ROK", "No error"),
        (0x14, "ESME_RMSGQFUL", "Message Queue Full"),
        (0x455, "0x00000455", "SMSC vendor specific error"),
        (0x400, "0x00000400", "SMSC vendor specific error"),
        (0x4FF, "0x000004FF", "SMSC vendor specific error"),
        (0x500, "0x00000500", "Unknown status"),
        (0x3FF, "0x000003FF", "Unknown status"),
        (0xFFFFFFFF, "0xFFFFFFFF", "Unknown status"),
    ],
)
def test_a_status_has_a_name_and_a_text(status: int, name: str, text: str) -> None:
    assert status_name(status) == name
    assert status_text(status) == text


def test_a_command_has_a_name() -> None:
    assert command_name(0x80000004) == "submit_sm_resp"
    assert command_name(0x00000111) == "0x00000111"
