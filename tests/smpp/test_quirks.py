"""What SMSCs want otherwise: each setting of `submit_sm`, octet by octet."""

from datetime import UTC, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from esmed.fieldtypes import Endpoint
from esmed.models import Fault, Plan, Priority, Request
from esmed.secret import Secret
from esmed.smpp.config import Config, Host
from esmed.smpp.encoding import Encoder
from esmed.smpp.quirks import PriorityFlags, RegisteredDelivery
from pdu import DataSm, SubmitSm, Tag, encode, tlv

NOW = 1_767_225_600_000
"""2026-01-01 00:00:00 UTC."""
HOUR = 3_600_000


def encoder(**settings: Any) -> Encoder:
    config = Config(
        hosts=(Host(address=Endpoint("smsc.example", 2775)),),
        system_id="me",
        password=Secret("secret"),
        **settings,
    )
    return Encoder("carrier", config)


def written(
    text: str = "hello", request: dict[str, Any] | None = None, **settings: Any
) -> list[SubmitSm | DataSm]:
    """Every PDU of a message of the connector with these settings."""
    writer = encoder(**settings)
    message = Request(to="380501234567", from_="Shop", text=text, **(request or {}))
    plan = writer.plan(message, 7)
    assert isinstance(plan, Plan), plan
    found = []
    for part in range(1, len(plan.parts) + 1):
        pdu = writer.submit_sm(message, plan, part, NOW + 24 * HOUR, NOW)
        assert not isinstance(pdu, Fault)
        encode(pdu)
        found.append(pdu)
    return found


def one(
    text: str = "hello", request: dict[str, Any] | None = None, **settings: Any
) -> SubmitSm:
    (pdu,) = written(text, request, **settings)
    assert isinstance(pdu, SubmitSm)
    return pdu


def test_by_default_every_field_is_left_alone():
    pdu = one()
    assert (pdu.service_type, pdu.esm_class, pdu.protocol_id) == ("", 0, 0)
    assert (pdu.priority_flag, pdu.schedule_delivery_time) == (0, "")
    assert (pdu.sm_default_msg_id, pdu.tlvs) == (0, ())


def test_a_message_never_replaces_another():
    """Two texts to one number are two texts: replace_if_present_flag is always 0."""
    assert one().replace_if_present_flag == 0
    assert one(service_type="CMT").replace_if_present_flag == 0


def test_service_type():
    assert one(service_type="CMT").service_type == "CMT"


def test_esm_class():
    """3: store and forward, which others refuse; with UDHI where there is a header."""
    assert one(esm_class=3).esm_class == 0x03
    assert [pdu.esm_class for pdu in written("x" * 200, esm_class=3)] == [0x43, 0x43]


def test_protocol_id():
    assert one(protocol_id=0x41).protocol_id == 0x41


@pytest.mark.parametrize(
    ("priority", "flag"), [(Priority.HIGH, 2), (Priority.NORMAL, 1), (Priority.BULK, 0)]
)
def test_priority_flag(priority, flag):
    flags = PriorityFlags(high=2, normal=1, bulk=0)
    assert one(request={"priority": priority}, priority_flag=flags).priority_flag == (
        flag
    )


@pytest.mark.parametrize(
    ("settings", "wish", "bits"),
    [
        ({}, "final", 0x01),
        ({}, "all", 0x11),
        ({}, "none", 0x00),
        ({"registered_delivery": RegisteredDelivery(final=2)}, "final", 0x02),
        ({"registered_delivery": RegisteredDelivery(all=0x01)}, "all", 0x01),
        ({"registered_delivery": RegisteredDelivery(none=0x10)}, "none", 0x10),
    ],
)
def test_registered_delivery(settings, wish, bits):
    assert one(request={"receipt": wish}, **settings).registered_delivery == bits


def test_ucs2_data_coding():
    assert one("Привіт", ucs2_data_coding=0x18).data_coding == 0x18
    assert one("Hello", ucs2_data_coding=0x18).data_coding == 0


@pytest.mark.parametrize(
    ("most", "characters", "lengths"),
    [
        (254, 160, [160]),
        (254, 161, [159, 14]),
        (140, 140, [140]),
        (140, 141, [140, 13]),
        (150, 160, [150, 22]),
    ],
)
def test_short_message_max(most, characters, lengths):
    pdus = written("x" * characters, short_message_max=most)
    assert [len(pdu.short_message) for pdu in pdus] == lengths  # type: ignore[union-attr]


def test_short_message_max_leaves_what_is_packed_alone():
    pdus = written("x" * 160, short_message_max=140, alphabet="gsm0338-packed")
    assert [len(pdu.short_message) for pdu in pdus] == [140]  # type: ignore[union-attr]


def test_short_message_max_and_message_payload():
    pdu = one("x" * 150, short_message_max=140, concatenation="payload")
    assert pdu.short_message == b""
    assert tlv.get_bytes(pdu.tlvs, Tag.MESSAGE_PAYLOAD) == b"x" * 150


def test_max_parts():
    message = Request(to="380501234567", text="x" * 154 * 3, max_parts=5)
    found = encoder(max_parts=2).plan(message, 1)
    assert isinstance(found, Fault)
    assert found.code == "max_parts"
    assert isinstance(encoder(max_parts=4).plan(message, 1), Plan)


@pytest.mark.parametrize(
    ("form", "period"),
    [("relative", "000000020000000R"), ("absolute", "260101020000000+"), ("none", "")],
)
def test_validity_max(form, period):
    pdu = one(validity_format=form, validity_max=2 * 3600.0)
    assert pdu.validity_period == period


def test_validity_max_does_not_lengthen():
    assert one(validity_max=7 * 86_400.0).validity_period == "000001000000000R"


@pytest.mark.parametrize(
    ("form", "ahead", "written_as"),
    [
        ("none", 3600, ""),
        ("relative", 3600, "000000010000000R"),
        ("relative", 90_061, "000001010101000R"),
        ("relative", 0.5, ""),
        ("absolute", 3600, "260101030000008+"),
        ("absolute", -1, ""),
    ],
)
def test_schedule_format(form, ahead, written_as):
    zone = timezone(timedelta(hours=2))
    pdu = one(
        request={"send_at": NOW + round(ahead * 1000)},
        schedule_format=form,
        timezone=zone,
    )
    assert pdu.schedule_delivery_time == written_as
    assert one(schedule_format=form).schedule_delivery_time == ""


@pytest.mark.parametrize(
    ("zone", "period"),
    [
        (UTC, "260102000000000+"),
        (timezone(timedelta(hours=3)), "260102030000012+"),
        (timezone(timedelta(hours=-5, minutes=-30)), "260101183000022-"),
        (ZoneInfo("Europe/Kyiv"), "260102020000008+"),
    ],
)
def test_timezone(zone, period):
    assert one(validity_format="absolute", timezone=zone).validity_period == period


def test_submit_with():
    """data_sm has no validity_period; its text is always a TLV."""
    (pdu,) = written(submit_with="data_sm", service_type="CMT")
    assert pdu == DataSm(
        service_type="CMT",
        source_addr_ton=5,
        source_addr="Shop",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr="380501234567",
        registered_delivery=1,
        tlvs=((0x0424, b"hello"), (0x0017, b"\x00\x01\x51\x80")),
    )


def test_submit_with_data_sm_what_is_in_the_payload_anyway():
    """There is one message_payload, whatever put it there."""
    (pdu,) = written("x" * 200, submit_with="data_sm", concatenation="payload")
    assert pdu.esm_class == 0
    assert pdu.tlvs == ((0x0424, b"x" * 200), (0x0017, b"\x00\x01\x51\x80"))


def test_submit_with_data_sm_in_parts():
    first, second = written("x" * 200, submit_with="data_sm", validity_format="none")
    assert (first.esm_class, second.esm_class) == (0x40, 0x40)
    assert first.tlvs == ((0x0424, bytes.fromhex("050003070201") + b"x" * 153),)
    assert second.tlvs == ((0x0424, bytes.fromhex("050003070202") + b"x" * 47),)
