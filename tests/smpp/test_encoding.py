"""esmed.smpp.encoding: what is on the wire, octet by octet, for what is asked."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.fieldtypes import Endpoint
from esmed.models import Count, Fault, FaultClass, Plan, Request
from esmed.secret import Secret
from esmed.smpp.config import Config, Host
from esmed.smpp.encoding import Encoder
from esmed.smpp.quirks import Numbering
from pdu import EncodeError, SubmitSm, encode
from pdu.segment import join
from pdu.udh import split

NOW = 1_767_225_600_000
"""2026-01-01 00:00:00 UTC."""
DAY = 86_400_000


def encoder(**settings: Any) -> Encoder:
    config = Config(
        hosts=(Host(address=Endpoint("smsc.example", 2775)),),
        system_id="me",
        password=Secret("secret"),
        **settings,
    )
    return Encoder("carrier", config)


def request(text: str | None = "hello", **fields: Any) -> Request:
    return Request(**{"to": "380501234567", "from_": "Shop", "text": text, **fields})


def plan(text: str | None = "hello", *, reference: int = 0xABCD, **fields: Any) -> Plan:
    settings = fields.pop("settings", {})
    found = encoder(**settings).plan(request(text, **fields), reference)
    assert isinstance(found, Plan), found
    return found


def fault(text: str | None = "hello", **fields: Any) -> Fault:
    settings = fields.pop("settings", {})
    found = encoder(**settings).plan(request(text, **fields), 1)
    assert isinstance(found, Fault), found
    assert found.cls is FaultClass.MESSAGE
    return found


def pdus(
    text: str | None = "hello", *, expires_at: int = NOW + DAY, **fields: Any
) -> list[SubmitSm]:
    """Every PDU of a message."""
    settings = fields.pop("settings", {})
    writer = encoder(**settings)
    message = request(text, **fields)
    made = writer.plan(message, 0xABCD)
    assert isinstance(made, Plan), made
    found = [
        writer.submit_sm(message, made, part, expires_at, NOW)
        for part in range(1, len(made.parts) + 1)
    ]
    for pdu in found:
        assert isinstance(pdu, SubmitSm)
        encode(pdu)
    return found  # type: ignore[return-value]


def pdu(text: str | None = "hello", **fields: Any) -> SubmitSm:
    """The PDU of a message of one part."""
    (found,) = pdus(text, **fields)
    return found


# --- the whole PDU -------------------------------------------------------------------


def test_a_plain_message():
    assert pdu() == SubmitSm(
        source_addr_ton=5,
        source_addr_npi=0,
        source_addr="Shop",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr="380501234567",
        validity_period="000001000000000R",
        registered_delivery=1,
        short_message=b"hello",
    )


def test_the_plan_of_a_plain_message():
    assert plan() == Plan(
        connector="carrier",
        encoding="gsm7",
        data_coding=0,
        udhi=False,
        parts=(b"hello",),
        reference=None,
        concatenation="udh8",
        count=Count(parts=1, units=5, units_per_part=160),
    )


# --- addresses -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        ("Shop", (5, 0, "Shop")),
        ("Ab", (5, 0, "Ab")),
        ("12345", (3, 0, "12345")),
        ("123456", (3, 0, "123456")),
        ("1234567", (1, 1, "1234567")),
        ("380501234567", (1, 1, "380501234567")),
        ("+380501234567", (1, 1, "380501234567")),
        ("+12345", (1, 1, "12345")),
        ("12345678901", (1, 1, "12345678901")),
        ("Elevenchars", (5, 0, "Elevenchars")),
        ("1-800-SHOP", (5, 0, "1-800-SHOP")),
        ("Käse & Öl", (5, 0, "Käse & Öl")),
        ("a@b", (5, 0, "a@b")),
        ("", (0, 0, "")),
        (None, (0, 0, "")),
    ],
)
def test_source_auto(sender, address):
    made = pdu(from_=sender)
    assert (made.source_addr_ton, made.source_addr_npi, made.source_addr) == address


@pytest.mark.parametrize("sender", ["Shop", "12345", "380501234567"])
def test_source_fixed(sender):
    made = pdu(from_=sender, settings={"source": Numbering(ton=0, npi=8)})
    assert (made.source_addr_ton, made.source_addr_npi) == (0, 8)
    assert made.source_addr == sender


@pytest.mark.parametrize(
    "sender",
    [
        "Twelve chars",
        "[[[[[[",  # six characters of the extension table: twelve septets
        "Магазин",
        "Shop\n",
        "Shop\0",
        "€uro",
        "a`b",
        "1" * 21,
        "\ud800",
        "٣٤٥",
    ],
)
def test_senders_that_cannot_be(sender):
    assert fault(from_=sender).code == "from"


def test_default_from():
    settings = {"default_from": "Carrier"}
    assert pdu(from_=None, settings=settings).source_addr == "Carrier"
    assert pdu(from_="Shop", settings=settings).source_addr == "Shop"


def test_a_default_sender_that_cannot_be():
    assert fault(from_=None, settings={"default_from": "Магазин"}).code == "from"


def test_destination_fixed():
    made = pdu(settings={"destination": Numbering(ton=2, npi=9)})
    assert (made.dest_addr_ton, made.dest_addr_npi) == (2, 9)


@pytest.mark.parametrize("to", ["", "1" * 21, "+380501", "38050123456O", "٣٨٠"])
def test_destinations_that_cannot_be(to):
    assert fault(to=to).code == "to"


def test_a_plan_whose_sender_is_no_longer_allowed():
    """On disk since before the configuration changed."""
    message = request(from_=None)
    made = encoder().plan(message, 1)
    assert isinstance(made, Plan)
    after = encoder(default_from="Магазин")
    found = after.submit_sm(message, made, 1, NOW + DAY, NOW)
    assert isinstance(found, Fault)
    assert found.code == "from"


def test_a_plan_whose_number_no_longer_fits():
    message = request(to="9" * 20)
    made = encoder().plan(message, 1)
    assert isinstance(made, Plan)
    after = encoder(destination_format="zeros")
    found = after.submit_sm(message, made, 1, NOW + DAY, NOW)
    assert isinstance(found, Fault)
    assert found.code == "to"


@pytest.mark.parametrize(
    ("form", "to", "written"),
    [
        ("plain", "380501234567", "380501234567"),
        ("plus", "380501234567", "+380501234567"),
        ("zeros", "380501234567", "00380501234567"),
        ("plus", "7070", "7070"),
    ],
)
def test_destination_format(form, to, written):
    found = pdu(to=to, settings={"destination_format": form})
    assert found.destination_addr == written


# --- alphabets -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "data_coding", "octets"),
    [
        ("a@€", 0, b"a\x00\x1b\x65"),
        ("Привіт", 8, "Привіт".encode("utf-16-be")),
        ("👍", 8, b"\xd8\x3d\xdc\x4d"),
        ("", 0, b""),
    ],
)
def test_auto(text, data_coding, octets):
    made = pdu(text)
    assert (made.data_coding, made.short_message) == (data_coding, octets)


@pytest.mark.parametrize(
    ("asked", "data_coding", "octets"),
    [
        ("gsm7", 0, b"\x04"),
        ("latin1", 3, b"\xe8"),
        ("ucs2", 8, b"\x00\xe8"),
    ],
)
def test_an_encoding_that_is_asked_for(asked, data_coding, octets):
    made = pdu("è", encoding=asked)
    assert (made.data_coding, made.short_message) == (data_coding, octets)


@pytest.mark.parametrize(
    ("text", "asked"),
    [("Привіт", "gsm7"), ("€", "latin1"), ("hello", "binary"), ("\ud83d", "auto")],
)
def test_texts_that_do_not_fit_what_is_asked_for(text, asked):
    assert fault(text, encoding=asked).code == "text"


def test_gsm7_data_coding():
    assert pdu(settings={"gsm7_data_coding": 4}).data_coding == 4
    assert pdu("Привіт", settings={"gsm7_data_coding": 4}).data_coding == 8


@pytest.mark.parametrize(
    ("alphabet", "octets"),
    [
        ("gsm0338", b"a\x00"),
        ("latin1", b"a@"),
        ("ascii", b"a@"),
        ("gsm0338-packed", b"\x61\x00"),
    ],
)
def test_what_data_coding_0_means(alphabet, octets):
    made = pdu("a@", settings={"alphabet": alphabet})
    assert (made.data_coding, made.short_message) == (0, octets)


def test_without_the_extension_table_its_characters_need_ucs2():
    assert pdu("€", settings={"extension": False}).data_coding == 8


@pytest.mark.parametrize(
    ("text", "fields", "data_coding"),
    [
        ("hi", {}, 0x10),
        ("Привіт", {}, 0x18),
        ("hi", {"settings": {"gsm7_data_coding": 4}}, 0x10),
        (None, {"data": b"\1"}, 0x14),
    ],
)
def test_flash(text, fields, data_coding):
    assert pdu(text, flash=True, **fields).data_coding == data_coding


def test_there_is_no_flash_in_latin1():
    assert fault("hi", encoding="latin1", flash=True).code == "flash"


# --- parts ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "concatenation", "count"),
    [
        ("a" * 160, "udh8", 1),
        ("a" * 161, "udh8", 2),
        ("a" * 306, "udh8", 2),
        ("a" * 307, "udh8", 3),
        ("a" * 304, "udh16", 2),
        ("a" * 305, "udh16", 3),
        ("a" * 306, "sar", 2),
        ("a" * 307, "sar", 3),
        ("я" * 70, "udh8", 1),
        ("я" * 71, "udh8", 2),
        ("я" * 135, "udh8", 3),
        ("я" * 133, "udh16", 3),
        ("я" * 135, "sar", 3),
        ("a" * 1000, "payload", 1),
    ],
)
def test_how_many_parts(text, concatenation, count):
    made = plan(text, settings={"concatenation": concatenation})
    assert len(made.parts) == count


def test_udh8():
    first, second = pdus("a" * 161)
    assert first.esm_class == second.esm_class == 0x40
    assert first.short_message == bytes.fromhex("050003cd0201") + b"a" * 153
    assert second.short_message == bytes.fromhex("050003cd0202") + b"a" * 8
    assert first.tlvs == ()


def test_udh16():
    first, second = pdus("a" * 161, settings={"concatenation": "udh16"})
    assert first.esm_class == second.esm_class == 0x40
    assert first.short_message == bytes.fromhex("060804abcd0201") + b"a" * 152
    assert second.short_message == bytes.fromhex("060804abcd0202") + b"a" * 9


def test_sar():
    first, second = pdus("a" * 161, settings={"concatenation": "sar"})
    assert first.esm_class == second.esm_class == 0
    assert first.short_message == b"a" * 153
    assert first.tlvs == ((0x020C, b"\xab\xcd"), (0x020E, b"\x02"), (0x020F, b"\x01"))
    assert second.short_message == b"a" * 8
    assert second.tlvs == ((0x020C, b"\xab\xcd"), (0x020E, b"\x02"), (0x020F, b"\x02"))


@pytest.mark.parametrize("concatenation", ["sar", "payload"])
def test_one_part_needs_no_tlv(concatenation):
    made = pdu("a" * 160, settings={"concatenation": concatenation})
    assert made.tlvs == ()
    assert made.short_message == b"a" * 160


def test_payload():
    made = pdu("a" * 161, settings={"concatenation": "payload"})
    assert made.short_message == b""
    assert made.esm_class == 0
    assert made.tlvs == ((0x0424, b"a" * 161),)


def test_payload_of_ucs2():
    made = pdu("я" * 71, settings={"concatenation": "payload"})
    assert made.short_message == b""
    assert made.tlvs == ((0x0424, ("я" * 71).encode("utf-16-be")),)


@pytest.mark.parametrize(
    ("text", "alphabet", "octets"),
    [
        ("a" * 161, "gsm0338-packed", 141),
        ("[" * 81, "ascii", 81),  # each two septets on the air
        ("é" * 141, "latin1", 141),
    ],
)
def test_payload_of_what_is_long_on_the_air(text, alphabet, octets):
    made = pdu(text, settings={"concatenation": "payload", "alphabet": alphabet})
    assert made.short_message == b""
    ((tag, payload),) = made.tlvs
    assert (tag, len(payload)) == (0x0424, octets)


def test_packed_parts_begin_on_a_septet_boundary():
    first, second = pdus("a" * 161, settings={"alphabet": "gsm0338-packed"})
    header, rest = split(first.short_message)
    assert header is not None
    assert len(first.short_message) == 140
    # One fill bit, then 0x61 from bit 1 on: 3GPP TS 23.040 §9.2.3.24.
    assert rest[0] == 0x61 << 1 & 0xFF
    assert len(second.short_message) == 6 + 8


def test_a_message_keeps_its_reference():
    assert plan("a" * 161).reference == 0xABCD
    assert plan("a" * 161, settings={"concatenation": "payload"}).reference is None


@pytest.mark.parametrize("concatenation", ["udh8", "udh16", "sar", "payload"])
def test_max_parts(concatenation):
    settings = {"concatenation": concatenation}
    assert isinstance(plan("a" * 300, max_parts=2, settings=settings), Plan)
    found = fault("a" * 307, max_parts=2, settings=settings)
    assert found.code == "max_parts"
    assert "3 parts" in found.detail


def test_more_than_255_parts():
    assert fault("a" * (153 * 255 + 1)).code == "text"


def test_more_than_255_parts_of_octets():
    assert fault(None, data=b"a" * (134 * 255 + 1)).code == "max_parts"


@given(
    st.text(
        st.characters(codec="utf-8", exclude_characters="\x1b"),
        min_size=1,
        max_size=500,
    )
)
def test_the_parts_are_the_text(text):
    made = plan(text)
    bodies = []
    for part in made.parts:
        _, body = split(part) if made.udhi else (None, part)
        bodies.append(body)
        assert len(part) <= (159 if made.encoding == "gsm7" else 140) or not made.udhi
    assert join(made.encoding, "gsm0338", bodies) == text


# --- octets --------------------------------------------------------------------------


def test_binary():
    made = pdu(None, data=b"\0\xff\x1b")
    assert made.data_coding == 4
    assert made.esm_class == 0
    assert made.short_message == b"\0\xff\x1b"


def test_binary_with_its_own_header():
    header = bytes.fromhex("06 0504 0b84 23f0")
    made = pdu(None, data=b"wap", udh=header)
    assert made.esm_class == 0x40
    assert made.short_message == header + b"wap"


def test_binary_in_parts():
    first, second = pdus(None, data=b"x" * 141)
    assert first.short_message == bytes.fromhex("050003cd0201") + b"x" * 134
    assert second.short_message == bytes.fromhex("050003cd0202") + b"x" * 7
    assert first.data_coding == 4


def test_binary_in_parts_with_its_own_header_in_each():
    header = bytes.fromhex("06 0504 0b84 23f0")
    first, second = pdus(None, data=b"x" * 134, udh=header)
    both = bytes.fromhex("0b 0003 cd02 01 0504 0b84 23f0")
    assert first.short_message == both + b"x" * 128
    assert second.short_message[:12] == both[:5] + b"\x02" + both[6:]
    assert second.short_message[12:] == b"x" * 6


def test_binary_with_its_own_header_and_sar():
    header = bytes.fromhex("06 0504 0b84 23f0")
    first, second = pdus(
        None, data=b"x" * 134, udh=header, settings={"concatenation": "sar"}
    )
    assert first.esm_class == second.esm_class == 0x40
    assert first.short_message[:7] == second.short_message[:7] == header
    assert first.tlvs[2] == (0x020F, b"\x01")


@pytest.mark.parametrize(
    ("header", "data", "code"),
    [
        ("05 0003", b"x", "udh"),
        ("05 0003010101 ff", b"x", "udh"),
        ("05 0003 01 02 01", b"x" * 135, "data"),
        ("06 0504 0b84 23f0", b"x" * 134 * 255, "max_parts"),
    ],
)
def test_headers_that_cannot_be(header, data, code):
    assert fault(None, data=data, udh=bytes.fromhex(header)).code == code


def test_a_header_that_leaves_room_for_itself_only():
    header = bytes.fromhex("86 7084") + bytes(132)
    assert fault(None, data=b"x" * 6, udh=header).code == "udh"
    assert isinstance(plan(None, data=b"x" * 5, udh=header), Plan)


def test_a_part_of_somebody_elses_making_passes():
    header = bytes.fromhex("05 0003 01 02 01")
    assert pdu(None, data=b"x" * 134, udh=header).short_message == header + b"x" * 134


def test_a_header_goes_with_octets_only():
    assert fault("hello", udh=bytes.fromhex("050003010201")).code == "udh"


def test_no_octets_at_all():
    assert pdu(None, data=b"").short_message == b""


# --- flags ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "asked"),
    [
        ("all", [True, True, True]),
        ("first", [True, False, False]),
        ("last", [False, False, True]),
        ("none", [False, False, False]),
    ],
)
def test_receipts_are_asked_for_by_policy(policy, asked):
    settings = {"receipts": policy}
    made = pdus("a" * 400, settings=settings)
    assert [bool(pdu.registered_delivery) for pdu in made] == asked


@pytest.mark.parametrize(
    ("wish", "flags"), [("final", 0x01), ("all", 0x11), ("none", 0)]
)
def test_receipts_are_asked_for_as_wished(wish, flags):
    assert pdu(receipt=wish).registered_delivery == flags


@pytest.mark.parametrize(
    ("form", "expires_at", "text"),
    [
        ("relative", NOW + DAY, "000001000000000R"),
        ("relative", NOW + 3_723_999, "000000010203000R"),
        ("relative", NOW + 1, "000000000001000R"),
        ("absolute", NOW + DAY, "260102000000000+"),
        ("absolute", NOW + 3_723_999, "260101010203000+"),
        ("none", NOW + DAY, ""),
    ],
)
def test_validity_is_what_is_left(form, expires_at, text):
    made = pdu(expires_at=expires_at, settings={"validity_format": form})
    assert made.validity_period == text


def test_a_validity_that_smpp_cannot_say():
    with pytest.raises(EncodeError):
        pdu(expires_at=NOW + 100 * 366 * DAY)


# --- what it takes -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "settings", "count"),
    [
        ({"text": "12 €"}, {}, Count(units=5, units_per_part=160)),
        ({"text": "a" * 161}, {}, Count(parts=2, units=161, units_per_part=153)),
        (
            {"text": "a" * 161},
            {"concatenation": "udh16"},
            Count(parts=2, units=161, units_per_part=152),
        ),
        (
            {"text": "a" * 161},
            {"concatenation": "payload"},
            Count(parts=2, units=161, units_per_part=153),
        ),
        (
            {"text": "a" * 141},
            {"short_message_max": 140},
            Count(parts=2, units=141, units_per_part=134),
        ),
        (
            {"text": "Hi 🎂, Оля, О"},
            {},
            Count(units=13, units_per_part=70, forcing_characters="🎂Оля"),
        ),
        (
            {"text": "1€["},
            {"extension": False},
            Count(units=3, units_per_part=70, forcing_characters="€["),
        ),
        (
            {"text": "né"},
            {"alphabet": "ascii"},
            Count(units=2, units_per_part=70, forcing_characters="é"),
        ),
        ({"text": "Оля", "encoding": "ucs2"}, {}, Count(units=3, units_per_part=70)),
        ({"text": "ê"}, {"alphabet": "latin1"}, Count(units=1, units_per_part=140)),
        ({"data": b"12"}, {}, Count(units=2, units_per_part=140)),
        (
            {"data": b"12", "udh": b"\x03\x24\x01\x01"},
            {},
            Count(units=2, units_per_part=136),
        ),
        (
            {"data": b"1" * 137, "udh": b"\x03\x24\x01\x01"},
            {},
            Count(parts=2, units=137, units_per_part=131),
        ),
    ],
)
def test_what_a_message_takes(
    fields: dict[str, Any], settings: dict[str, Any], count: Count
) -> None:
    assert plan(**{"text": None, **fields}, settings=settings).count == count
