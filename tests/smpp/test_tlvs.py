"""Optional parameters: what goes with a message, what is shown of what came."""

from typing import Any

import pytest

from esmed.fieldtypes import Endpoint
from esmed.models import Fault, InboundIn, Plan, ReceiptIn, Request
from esmed.secret import Secret
from esmed.smpp.config import Config, Host
from esmed.smpp.encoding import Encoder
from esmed.smpp.quirks import Tlv
from esmed.smpp.receipts import Interpreter
from esmed.smpp.tlvs import Parameters
from pdu import DeliverSm

NOW = 1_767_225_600_000

ENTITY = Tlv(tag=0x1400, name="dlt_entity")
TEMPLATE = Tlv(tag=0x1401, name="dlt_template", type="cstring")


def config(*tlvs: Tlv) -> Config:
    return Config(
        hosts=(Host(address=Endpoint("smsc.example", 2775)),),
        system_id="me",
        password=Secret("secret"),
        tlvs=tlvs,
    )


def plan(*tlvs: Tlv, **given: Any) -> Plan | Fault:
    message = Request(to="380501234567", text="hello", tlvs=given or None)
    return Encoder("carrier", config(*tlvs)).plan(message, 1)


def written(
    *tlvs: Tlv, text: str = "hello", **given: Any
) -> list[tuple[tuple[int, bytes], ...]]:
    """The TLVs of each part."""
    writer = Encoder("carrier", config(*tlvs))
    message = Request(to="380501234567", text=text, tlvs=given or None)
    made = writer.plan(message, 1)
    assert isinstance(made, Plan), made
    found = []
    for part in range(1, len(made.parts) + 1):
        pdu = writer.submit_sm(message, made, part, NOW + 86_400_000, NOW)
        assert not isinstance(pdu, Fault)
        found.append(pdu.tlvs)
    return found


def test_they_go_and_come_by_their_names():
    declared = (
        Tlv(tag=0x1400, name="dlt_entity"),
        Tlv(tag=0x1403, name="operator", type="int2"),
    )
    assert written(*declared, dlt_entity="1201", operator=25501) == [
        ((0x1400, b"1201"), (0x1403, bytes.fromhex("639d")))
    ]
    came = ((0x1403, bytes.fromhex("639d")), (0x1400, b"1201"), (0x1411, b"\x01\xff"))
    assert Parameters(declared).shown(came) == {
        "operator": 25501,
        "dlt_entity": "1201",
        "0x1411": "01ff",
    }


def test_every_part_has_them():
    assert written(ENTITY, text="x" * 200, dlt_entity="1") == [((0x1400, b"1"),)] * 2


def test_a_constant_value():
    constant = Tlv(tag=0x1400, name="dlt_entity", value="1201")
    assert written(constant, TEMPLATE) == [((0x1400, b"1201"),)]
    assert written(constant, TEMPLATE, dlt_template="7") == [
        ((0x1400, b"1201"), (0x1401, b"7\0"))
    ]
    assert written(constant, dlt_entity="5") == [((0x1400, b"5"),)]


def test_a_required_one():
    needed = Tlv(tag=0x1400, name="dlt_entity", required=True)
    for found in (plan(needed), plan(needed, TEMPLATE, dlt_template="7")):
        assert isinstance(found, Fault)
        assert (found.code, found.detail) == ("tlvs.dlt_entity", "is needed")
    assert isinstance(plan(needed, dlt_entity="1"), Plan)


def test_one_that_nobody_declared():
    found = plan(ENTITY, dlt_entiti="1")
    assert isinstance(found, Fault)
    assert (found.code, found.detail) == (
        "tlvs.dlt_entiti",
        "is none of this connector's",
    )


@pytest.mark.parametrize(
    ("kind", "value", "octets"),
    [
        ("int1", 255, "ff"),
        ("int2", 0x1234, "1234"),
        ("int4", 1, "00000001"),
        ("int4", "17", "00000011"),
        ("string", "Ж", "d096"),
        ("string", "", ""),
        ("cstring", "ab", "616200"),
        ("hex", "00FF", "00ff"),
    ],
)
def test_each_type(kind, value, octets):
    tlv = Tlv(tag=0x1400, name="x", type=kind)
    assert tlv.octets(value).hex() == octets
    shown = tlv.shown(bytes.fromhex(octets))
    assert str(shown) == str(value).lower() or shown == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int1", 256),
        ("int1", -1),
        ("int2", "x"),
        ("int4", 2**32),
        ("int4", "9" * 5000),
        ("string", 5),
        ("cstring", "a\0b"),
        ("hex", "0"),
        ("hex", "zz"),
        ("hex", 12),
    ],
)
def test_values_that_are_not_of_the_type(kind, value):
    found = plan(Tlv(tag=0x1400, name="x", type=kind), x=value)
    assert isinstance(found, Fault)
    assert found.code == "tlvs.x"


def test_what_came_and_is_not_of_the_type_is_in_hex():
    declared = (
        Tlv(tag=0x1400, name="a", type="int2"),
        Tlv(tag=0x1401, name="b"),
    )
    came = ((0x1400, b"\x01"), (0x1401, b"\xff\xfe"))
    assert Parameters(declared).shown(came) == {"a": "01", "b": "fffe"}


def test_those_of_the_standard_have_their_names_and_types():
    came = (
        (0x020A, b"\x0b\x84"),  # source_port
        (0x0423, b"\x03\x00\x01"),  # network_error_code
        (0x001D, b"off\0"),  # additional_status_info_text
        (0x020A, b"\x00\x01"),
        (0x0204, b""),  # user_message_reference, broken
    )
    assert Parameters(()).shown(came) == {
        "source_port": 2948,
        "network_error_code": "030001",
        "additional_status_info_text": "off",
        "user_message_reference": "",
    }


def test_what_is_shown_otherwise_is_not_shown_twice():
    came = ((0x0424, b"text"), (0x020C, b"\0\1"), (0x001E, b"7\0"), (0x0427, b"\2"))
    assert Parameters(()).shown(came) is None


def test_a_plan_from_before_the_configuration_changed():
    message = Request(to="380501234567", text="hello", tlvs={"dlt_entity": "1"})
    made = Encoder("carrier", config(ENTITY)).plan(message, 1)
    assert isinstance(made, Plan)
    after = Encoder("carrier", config()).submit_sm(message, made, 1, NOW + 1000, NOW)
    assert isinstance(after, Fault)
    assert after.code == "tlvs.dlt_entity"


def read(pdu: DeliverSm, *tlvs: Tlv) -> ReceiptIn | InboundIn:
    return Interpreter("carrier", config(*tlvs)).read(pdu, "host:1", "s", NOW)


def test_those_of_a_receipt_and_of_a_reply():
    operator = Tlv(tag=0x1411, name="operator")
    came = ((0x1411, b"kyivstar"),)
    receipt = read(DeliverSm(esm_class=4, short_message=b"id:1", tlvs=came), operator)
    assert isinstance(receipt, ReceiptIn)
    assert receipt.tlvs == {"operator": "kyivstar"}
    reply = read(DeliverSm(short_message=b"hi", tlvs=came), operator)
    assert isinstance(reply, InboundIn)
    assert reply.tlvs == {"operator": "kyivstar"}
    assert read(DeliverSm(short_message=b"hi")).tlvs is None
