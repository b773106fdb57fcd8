"""The short cuts against the codec."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.simulator import wire
from esmed.simulator.outcomes import STATES, report
from pdu import (
    CommandId,
    DataSm,
    DataSmResp,
    DeliverSm,
    EnquireLinkResp,
    EsmClass,
    SubmitSm,
    SubmitSmResp,
    Tag,
    decode,
    encode,
    tlv,
)

ADDRESSES = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20)
OCTETS = st.integers(0, 255)
TLVS = st.lists(
    st.tuples(st.integers(0x1400, 0x3FFF), st.binary(max_size=20)), max_size=3
)


@given(
    source=ADDRESSES,
    destination=ADDRESSES,
    octets=st.tuples(*[OCTETS] * 9),
    text=st.binary(max_size=254),
    tlvs=TLVS,
)
def test_submit_sm_is_cut_as_the_codec_decodes(
    source: str,
    destination: str,
    octets: tuple[int, ...],
    text: bytes,
    tlvs: list[tuple[int, bytes]],
):
    pdu = SubmitSm(
        service_type="CMT" if octets[0] & 1 else "",
        source_addr_ton=octets[0],
        source_addr_npi=octets[1],
        source_addr=source,
        dest_addr_ton=octets[2],
        dest_addr_npi=octets[3],
        destination_addr=destination,
        esm_class=octets[4],
        protocol_id=octets[5],
        priority_flag=octets[6],
        validity_period="000002000000000R" if octets[0] & 2 else "",
        registered_delivery=octets[7],
        data_coding=octets[8],
        short_message=text,
        tlvs=tuple(tlvs),
    )
    cut = wire.scan_submit(encode(pdu))
    assert cut.source == source.encode("latin-1")
    assert cut.destination == destination.encode("latin-1")
    assert cut.payload == text
    assert (cut.esm_class, cut.registered_delivery, cut.data_coding) == (
        octets[4],
        octets[7],
        octets[8],
    )
    assert cut.tlvs == tuple(tlvs)


@given(st.binary(max_size=60))
def test_nothing_but_the_errors_promised(body: bytes):
    frame = wire.HEADER.pack(16 + len(body), 4, 0, 1) + body
    for scan in (wire.scan_submit, wire.scan_data):
        try:
            scan(frame)
        except (ValueError, IndexError):
            continue


def test_the_payload_may_be_a_tlv():
    payload = (Tag.MESSAGE_PAYLOAD, b"x" * 500)
    assert wire.scan_submit(encode(SubmitSm(tlvs=(payload,)))).payload == b"x" * 500
    with_text = SubmitSm(short_message=b"y", tlvs=(payload,))
    assert wire.scan_submit(encode(with_text)).payload == b"y"
    nothing = SubmitSm(tlvs=((0x1400, b"z"),))
    assert wire.scan_submit(encode(nothing)).payload == b""


def test_data_sm():
    pdu = DataSm(
        source_addr="1",
        destination_addr="22",
        esm_class=0x40,
        registered_delivery=1,
        data_coding=8,
        tlvs=((Tag.MESSAGE_PAYLOAD, b"abc"),),
    )
    cut = wire.scan_data(encode(pdu))
    assert (cut.source, cut.destination, cut.payload) == (b"1", b"22", b"abc")
    assert (cut.esm_class, cut.registered_delivery, cut.data_coding) == (0x40, 1, 8)
    assert cut.tlvs == pdu.tlvs
    assert wire.scan_data(encode(DataSm())).payload == b""


def test_sameness_is_addresses_and_payload():
    one = wire.scan_submit(
        encode(SubmitSm(destination_addr="1", short_message=b"a", sequence=1))
    )
    again = wire.scan_submit(
        encode(
            SubmitSm(
                destination_addr="1",
                short_message=b"a",
                sequence=2,
                validity_period="000002000000000R",
            )
        )
    )
    other = wire.scan_submit(encode(SubmitSm(destination_addr="1", short_message=b"b")))
    assert one.key == again.key != other.key


def test_responses():
    submit = wire.accepted(CommandId.SUBMIT_SM_RESP, 7, b"beef")
    assert decode(submit) == SubmitSmResp(sequence=7, message_id="beef")
    data = wire.accepted(CommandId.DATA_SM_RESP, 8, b"1")
    assert decode(data) == DataSmResp(sequence=8, message_id="1")
    alive = wire.header_only(CommandId.ENQUIRE_LINK_RESP, 0, 9)
    assert decode(alive) == EnquireLinkResp(sequence=9)


def submission(**fields: object) -> wire.Submission:
    usual = {"source_addr": "shop", "destination_addr": "38050", "dest_addr_ton": 1}
    return wire.scan_submit(encode(SubmitSm(**{**usual, **fields})))  # type: ignore[arg-type]


def receipt_of(form: wire.ReceiptForm, stat: str, **fields: object) -> DeliverSm:
    body = wire.receipt(
        form,
        submission(**fields),
        b"0042",
        report(stat),
        submitted=1_767_225_600.0,
        done=1_767_225_661.5,
    )
    pdu = decode(wire.request(CommandId.DELIVER_SM, 5, body))
    assert isinstance(pdu, DeliverSm)
    return pdu


def test_the_text_of_a_receipt():
    pdu = receipt_of(wire.ReceiptForm.TEXT, "UNDELIV", short_message=b"x" * 30)
    assert pdu == DeliverSm(
        sequence=5,
        source_addr_ton=1,
        source_addr="38050",
        destination_addr="shop",
        esm_class=EsmClass.DELIVERY_RECEIPT,
        short_message=(
            b"id:0042 sub:001 dlvrd:000 submit date:2601010000 "
            b"done date:2601010001 stat:UNDELIV err:001 text:" + b"x" * 20
        ),
    )


@pytest.mark.parametrize(
    ("data_coding", "esm_class", "quoted"),
    [(0, 0, b"Hi"), (3, 0, b"Hi"), (8, 0, b""), (0, 0x40, b"")],
)
def test_only_readable_text_is_quoted(data_coding: int, esm_class: int, quoted: bytes):
    pdu = receipt_of(
        wire.ReceiptForm.BOTH,
        "DELIVRD",
        short_message=b"Hi",
        data_coding=data_coding,
        esm_class=esm_class,
    )
    assert pdu.short_message.endswith(b" text:" + quoted)


@pytest.mark.parametrize("stat", STATES)
def test_the_tlvs_of_a_receipt(stat: str):
    pdu = receipt_of(wire.ReceiptForm.TLV, stat)
    assert pdu.short_message == b""
    assert tlv.get(pdu.tlvs, Tag.RECEIPTED_MESSAGE_ID) == "0042"
    assert tlv.get(pdu.tlvs, Tag.MESSAGE_STATE) == STATES[stat]
    failed = report(stat).final and not report(stat).success
    error = tlv.get(pdu.tlvs, Tag.NETWORK_ERROR_CODE)
    assert error == (b"\x03\0\x01" if failed else None)
