"""esmed.smpp.receipts."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from esmed.fieldtypes import Endpoint
from esmed.models import InboundIn, MessageState, ReceiptIn
from esmed.reassembly import merge
from esmed.secret import Secret
from esmed.smpp.config import Config, Host
from esmed.smpp.receipts import Interpreter, keys
from esmed.views import maybe
from pdu import DataSm, DeliverSm

TEXT = (
    b"id:%s sub:001 dlvrd:001 submit date:2512061230 done date:2512061231 "
    b"stat:%s err:%s text:hello"
)


def read(pdu: DeliverSm | DataSm, **settings: Any) -> ReceiptIn | InboundIn:
    config = Config(
        hosts=(Host(address=Endpoint("smsc.example", 2775)),),
        system_id="me",
        password=Secret("secret"),
        **settings,
    )
    return Interpreter("carrier", config).read(pdu, "host:1", "session-1", 1234)


def receipt(
    stat: bytes = b"DELIVRD",
    id_: bytes = b"1046379029",
    err: bytes = b"000",
    settings: dict[str, Any] | None = None,
    **fields: Any,
) -> ReceiptIn:
    found = read(
        DeliverSm(
            **{
                "source_addr": "380501234567",
                "destination_addr": "Shop",
                "esm_class": 4,
                "short_message": TEXT % (id_, stat, err),
                **fields,
            }
        ),
        **(settings or {}),
    )
    assert isinstance(found, ReceiptIn)
    return found


def inbound(settings: dict[str, Any] | None = None, **fields: Any) -> InboundIn:
    found = read(
        DeliverSm(
            **{"source_addr": "380501234567", "destination_addr": "1234", **fields}
        ),
        **(settings or {}),
    )
    assert isinstance(found, InboundIn)
    return found


# --- receipts ------------------------------------------------------------------------


def test_a_receipt():
    assert receipt() == ReceiptIn(
        connector="carrier",
        host="host:1",
        smsc_id="1046379029",
        keys=("1046379029", "3e5e7a15", "69897523241"),
        state=MessageState.DELIVERED,
        stat="DELIVRD",
        err="000",
        at=1234,
        source="380501234567",
        destination="Shop",
        done_at=1_765_024_260_000,  # 2025-12-06 12:31 UTC
        text="id:1046379029 sub:001 dlvrd:001 submit date:2512061230 "
        "done date:2512061231 stat:DELIVRD err:000",
    )


@pytest.mark.parametrize(
    ("zone", "done_at"),
    [
        (UTC, "2025-12-06T12:31:00+00:00"),
        (timezone(timedelta(hours=3)), "2025-12-06T09:31:00+00:00"),
        (ZoneInfo("Europe/Kyiv"), "2025-12-06T10:31:00+00:00"),
    ],
)
def test_receipts_are_dated_in_the_timezone_of_the_smsc(zone, done_at):
    found = receipt(settings={"timezone": zone}).done_at
    assert found == datetime.fromisoformat(done_at).timestamp() * 1000


@pytest.mark.parametrize("date", [b"", b"0000000000", b"yesterday", b"9999999999"])
def test_a_date_that_is_none(date):
    text = b"id:1 stat:DELIVRD done date:%s err:000" % date
    assert receipt(short_message=text).done_at is None


def test_the_text_of_a_receipt_is_kept_up_to_that_of_the_message():
    found = receipt(short_message=b"id:1 stat:ODD err:0A7 Text:my secret")
    assert found.text == "id:1 stat:ODD err:0A7"
    assert receipt(short_message=b"id:1 stat:X " + b"y" * 300).text.endswith("y" * 244)


@pytest.mark.parametrize(
    ("stat", "state"),
    [
        (b"DELIVRD", "delivered"),
        (b"UNDELIV", "undeliverable"),
        (b"EXPIRED", "expired"),
        (b"DELETED", "deleted"),
        (b"UNKNOWN", "unknown"),
        (b"REJECTD", "rejected"),
        (b"ENROUTE", "buffered"),
        (b"ACCEPTD", "buffered"),
        (b"BUFFRED", "buffered"),
        (b"WHATEVR", "buffered"),
    ],
)
def test_states(stat, state):
    assert receipt(stat).state == state


def test_a_receipt_in_data_sm():
    found = read(
        DataSm(
            esm_class=4,
            source_addr="380501234567",
            destination_addr="Shop",
            tlvs=((0x001E, b"77\0"), (0x0427, b"\x02")),
        )
    )
    assert isinstance(found, ReceiptIn)
    assert (found.smsc_id, found.state, found.source) == (
        "77",
        MessageState.DELIVERED,
        "380501234567",
    )


@pytest.mark.parametrize(
    ("err", "octets", "shown"),
    [
        (b"000", b"\x08\x00\x03", "003"),
        (b"0", b"\x03\x01\x2c", "300"),
        (b"000", b"\x08\x00\x00", "000"),
        (b"17", b"\x08\x00\x03", "17"),
        (b"E1A", b"\x08\x00\x03", "E1A"),
        (b"000", b"\x08\x00", "000"),
        (b"000", None, "000"),
    ],
)
def test_the_networks_code_where_the_text_says_nothing(err, octets, shown):
    tlvs = () if octets is None else ((0x0423, octets),)
    assert receipt(b"UNDELIV", err=err, tlvs=tlvs).err == shown


def test_a_receipt_without_an_id_has_no_keys():
    found = receipt(short_message=b"stat:DELIVRD err:000")
    assert (found.smsc_id, found.keys) == ("", ())


@pytest.mark.parametrize(
    ("form", "in_receipt", "expected"),
    [
        # The response said 3E5E7A15 or 1046379029: both are canonical on record.
        ("same", "1046379029", ("1046379029",)),
        ("same", "0001046379029", ("1046379029",)),
        ("same", "3E5E7A15", ("3e5e7a15",)),
        ("hex_in_response", "1046379029", ("3e5e7a15",)),
        ("hex_in_response", "0001046379029", ("3e5e7a15",)),
        ("hex_in_receipt", "3E5E7A15", ("1046379029",)),
        ("hex_in_receipt", "003e5e7a15", ("1046379029",)),
        # What cannot be converted is looked for as it is.
        ("hex_in_response", "3E5E7A15", ("3e5e7a15",)),
        ("hex_in_receipt", "not-hex", ("not-hex",)),
        # 16 in hex is another message's 22: nothing else is looked for.
        ("hex_in_receipt", "16", ("22",)),
        ("hex_in_response", "16", ("10",)),
        ("auto", "1046379029", ("1046379029", "3e5e7a15", "69897523241")),
        ("auto", "3E5E7A15", ("3e5e7a15", "1046379029")),
        ("auto", "7", ("7",)),
        (
            "auto",
            "0E999F21-8C4A-4D3B-9F0A-000000000001",
            ("0e999f21-8c4a-4d3b-9f0a-000000000001",),
        ),
        ("auto", "", ()),
        ("same", "", ()),
    ],
)
def test_under_which_ids_the_message_is_looked_for(form, in_receipt, expected):
    assert keys(form, in_receipt) == expected


def test_the_id_form_of_the_connector_counts():
    assert receipt(settings={"id_form": "hex_in_response"}).keys == ("3e5e7a15",)


# --- MO ------------------------------------------------------------------------------


def test_a_message():
    assert inbound(short_message=b"hi\x00") == InboundIn(
        connector="carrier",
        host="host:1",
        source="380501234567",
        destination="1234",
        data_coding=0,
        encoding="gsm7",
        text="hi@",
        data=b"hi\x00",
        udh=None,
        received_at=1234,
        session="session-1",
    )


@pytest.mark.parametrize(
    ("data_coding", "octets", "encoding", "text"),
    [
        (0, b"\x04", "gsm7", "è"),
        (1, b"a@", "gsm7", "a@"),
        (3, b"\xe8", "latin1", "è"),
        (8, b"\x04\x1f", "ucs2", "П"),
        (0x18, b"\x04\x1f", "ucs2", "П"),
        (0xF1, b"\x00", "gsm7", "@"),
        (4, b"\0\1", "binary", None),
        (0xF5, b"\0\1", "binary", None),
    ],
)
def test_what_a_data_coding_means(data_coding, octets, encoding, text):
    found = inbound(data_coding=data_coding, short_message=octets)
    assert (found.encoding, found.text) == (encoding, text)
    assert found.data == octets
    assert found.data_coding == data_coding


@pytest.mark.parametrize(
    ("alphabet", "octets"),
    [("gsm0338", b"\x00"), ("latin1", b"@"), ("ascii", b"@")],
)
def test_the_alphabet_of_data_coding_0(alphabet, octets):
    settings = {"alphabet": alphabet}
    assert inbound(settings, short_message=octets).text == "@"


def test_a_data_coding_of_the_connectors_own():
    """Where our texts go out as 4, theirs come in as 4."""
    settings = {"gsm7_data_coding": 4}
    found = inbound(settings, data_coding=4, short_message=b"\x00")
    assert (found.encoding, found.text, found.data_coding) == ("gsm7", "@", 4)


def test_the_text_may_be_in_message_payload():
    found = inbound(tlvs=((0x0424, b"hello"),))
    assert found.text == "hello"


def test_a_message_in_data_sm():
    found = read(DataSm(tlvs=((0x0424, b"hello"),)))
    assert isinstance(found, InboundIn)
    assert found.text == "hello"


def test_an_empty_message():
    assert inbound().text == ""


@pytest.mark.parametrize(
    ("header", "place"),
    [
        ("05 0003 cd 03 02", (0xCD, 3, 2)),
        ("06 0804 abcd 03 02", (0xABCD, 3, 2)),
        ("06 0504 0b84 23f0", (None, 1, 1)),
        ("05 0003 cd 03 04", (None, 1, 1)),
    ],
)
def test_a_part_with_a_user_data_header(header, place):
    head = bytes.fromhex(header)
    found = inbound(esm_class=0x40, short_message=head + b"hi")
    assert (found.reference, found.total, found.part) == place
    assert (found.udh, found.data, found.text) == (head, b"hi", "hi")


def test_a_broken_header_loses_nothing():
    found = inbound(esm_class=0x40, short_message=b"\x7fhi")
    assert (found.udh, found.data) == (None, b"\x7fhi")
    assert (found.reference, found.total, found.part) == (None, 1, 1)


def test_packed_septets_behind_a_header():
    head = bytes.fromhex("05 0003 cd 03 02")
    packed = (0x61 << 1 | 0x62 << 8).to_bytes(2, "little")
    found = inbound(
        {"alphabet": "gsm0338-packed"}, esm_class=0x40, short_message=head + packed
    )
    assert found.text == "ab"


def tlvs(reference: int | None, total: int | None, part: int | None) -> Any:
    named = ((0x020C, reference, 2), (0x020E, total, 1), (0x020F, part, 1))
    return tuple(
        (tag, value.to_bytes(size, "big"))
        for tag, value, size in named
        if value is not None
    )


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((0xABCD, 3, 2), (0xABCD, 3, 2)),
        ((None, 3, 2), (None, 1, 1)),
        ((7, None, 2), (None, 1, 1)),
        ((7, 3, None), (None, 1, 1)),
        ((7, 3, 4), (None, 1, 1)),
        ((7, 3, 0), (None, 1, 1)),
    ],
)
def test_a_part_with_sar_parameters(place, expected):
    found = inbound(short_message=b"hi", tlvs=tlvs(*place))
    assert (found.reference, found.total, found.part) == expected


def test_the_header_wins_over_sar_parameters():
    found = inbound(
        esm_class=0x40,
        short_message=bytes.fromhex("05 0003 cd 03 02") + b"hi",
        tlvs=tlvs(1, 9, 9),
    )
    assert (found.reference, found.total, found.part) == (0xCD, 3, 2)


# --- tables of the carrier's own ------------------------------------------------------


@pytest.mark.parametrize(
    ("stat", "state"),
    [(b"ACKED", "delivered"), (b"acked", "delivered"), (b"DELIVRD", "unknown")],
)
def test_receipt_states(stat, state):
    settings = {
        "receipt_states": {
            "ACKED": "delivered",
            "DELIVRD": "unknown",
        }
    }
    assert receipt(stat, settings=settings).state == state
    assert receipt(b"UNDELIV", settings=settings).state == "undeliverable"


@pytest.mark.parametrize(
    ("err", "reason"), [(b"001", "absent"), (b"1", "absent"), (b"000", ""), (b"", "")]
)
def test_receipt_errors(err, reason):
    found = receipt(err=err, settings={"receipt_errors": {"1": "absent"}})
    assert found.reason == reason


@pytest.mark.parametrize(
    ("date", "done_at"),
    [
        # A zone of its own goes before the connector's.
        ("2026-01-01T03:00:00+03:00", 1_767_225_600_000),
        ("260101000000012+", 1_767_214_800_000),
        ("2601010200", 1_767_225_600_000),
        ("yesterday", None),
        # What stands for no date at all, and what no UTC date can show.
        ("0001-01-01T00:00:00", None),
        ("00010101000000", None),
        ("1969-12-31T23:59:59Z", None),
        ("1970-01-01T00:00:00Z", 0),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ("9999-12-31T23:59:59.9999Z", None),
        ("9999-12-31T23:59:59-01:00", None),
    ],
)
def test_dates_of_receipts(date, done_at):
    text = b"id:1 stat:DELIVRD done date:%s err:0" % date.encode()
    zone = timezone(timedelta(hours=2))
    found = receipt(settings={"timezone": zone}, short_message=text)
    assert (found.smsc_id, found.state) == ("1", "delivered")
    assert found.done_at == done_at
    assert (maybe(found.done_at) is None) == (done_at is None)


def test_receipt_pattern():
    pattern = re.compile(r"msg=(?P<id>\w+);res=(?P<stat>\w+);rc=(?P<err>\w*)")
    states = {"OK": "delivered"}
    settings: dict[str, Any] = {"receipt_pattern": pattern, "receipt_states": states}
    odd: dict[str, Any] = {"esm_class": 0, "short_message": b"msg=7F;res=OK;rc=12"}
    found = receipt(settings=settings, **odd)
    assert (found.smsc_id, found.state, found.err) == ("7F", "delivered", "12")
    # TLVs go before the text.
    tlvs = ((0x001E, b"99\0"), (0x0427, b"\x05"))
    found = receipt(settings=settings | {"receipt_states": {}}, tlvs=tlvs, **odd)
    assert (found.smsc_id, found.state) == ("99", "undeliverable")
    # What it does not match is read as usual.
    assert receipt(settings=settings).smsc_id == "1046379029"
    assert inbound(settings=settings, short_message=b"hello").text == "hello"


def test_receipt_pattern_is_not_searched_for_for_ever():
    settings = {"receipt_pattern": re.compile(r"=(?P<id>x)")}
    assert receipt(settings=settings, short_message=b"y" * 254 + b"=x").smsc_id == "x"
    payload = ((0x0424, b"y" * 255 + b"=x"),)
    assert inbound(settings=settings, tlvs=payload).text


@pytest.mark.parametrize(
    ("means", "data", "text", "encoding"),
    [
        ("ucs2", "04180434", "Ид", "ucs2"),
        ("ucs2-le", "18043404", "Ид", "ucs2"),
        ("ucs2-le", "feff04180434", "Ид", "ucs2"),
        ("ucs2-le", "3dd801de", "😁", "ucs2"),
        ("utf8", "d098d0b4", "Ид", "ucs2"),
        ("cp1251", "c8e4", "Ид", "ucs2"),
        ("cp1252", "80", "€", "ucs2"),
        ("latin1", "e4", "ä", "latin1"),
        ("gsm7", "7b", "ä", "gsm7"),
        ("binary", "00ff", None, "binary"),
    ],
)
@pytest.mark.parametrize("data_coding", [0, 3, 4, 0xF1])
def test_mo_data_coding(means, data, text, encoding, data_coding):
    found = inbound(
        settings={"mo_data_coding": {data_coding: means}},
        data_coding=data_coding,
        short_message=bytes.fromhex(data),
    )
    assert (found.text, found.encoding) == (text, encoding)


def test_mo_data_coding_of_a_pair_cut_in_two():
    """As the store joins it, from what each part says of its octets."""
    settings = {"mo_data_coding": {0: "ucs2-le"}}
    halves = ("0500030902013dd8", "05000309020201de")
    parts = [
        inbound(settings=settings, esm_class=0x40, short_message=bytes.fromhex(half))
        for half in halves
    ]
    assert merge(parts).text == "😁"


def test_mo_data_coding_leaves_the_others_alone():
    found = inbound(settings={"mo_data_coding": {0: "ucs2"}}, short_message=b"hi")
    assert found.text == "桩"
    found = inbound(
        settings={"mo_data_coding": {0: "ucs2"}}, data_coding=3, short_message=b"hi"
    )
    assert (found.text, found.data_coding) == ("hi", 3)
