"""esmed.smpp.ancillary: how one asks about what the SMSC has."""

from typing import Any

import pytest
from fakes.sink import request

from esmed.connector import Asking, Sent
from esmed.fieldtypes import Endpoint
from esmed.models import Fault, FaultClass, MessageState, ReceiptIn
from esmed.secret import Secret
from esmed.smpp.ancillary import Ancillary, asking
from esmed.smpp.config import Config, Host
from esmed.smpp.quirks import Numbering
from pdu import CancelSm, CancelSmResp, GenericNack, QuerySm, QuerySmResp, RawPdu

SENT = Sent(request=request(), host="h:1", smsc_id="Ab01")


def config(**settings: Any) -> Config:
    hosts = (Host(address=Endpoint("127.0.0.1", 2775)),)
    base: dict[str, Any] = {"hosts": hosts, "system_id": "me", "password": Secret("x")}
    return Config(**{**base, **settings})


def ancillary(**settings: Any) -> Ancillary:
    return Ancillary("carrier", config(**settings))


def test_addresses_are_those_of_the_submit_sm():
    assert ancillary().cancel_sm(SENT) == CancelSm(
        message_id="Ab01",
        source_addr_ton=5,
        source_addr="Shop",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr="380501234567",
    )
    fixed = ancillary(
        source=Numbering(ton=0, npi=0),
        destination=Numbering(ton=2, npi=8),
        destination_format="plus",
    )
    pdu = fixed.cancel_sm(SENT)
    assert isinstance(pdu, CancelSm)
    assert (pdu.source_addr_ton, pdu.source_addr_npi) == (0, 0)
    assert (pdu.dest_addr_ton, pdu.dest_addr_npi) == (2, 8)
    assert pdu.destination_addr == "+380501234567"


def test_a_sender_that_cannot_be_written_any_more():
    sent = Sent(request=request(from_="Магазин"), host="h:1", smsc_id="1")
    for asked in (ancillary().cancel_sm(sent), ancillary().query_sm(sent)):
        assert isinstance(asked, Fault)
        assert asked.code == "from"


def test_a_number_that_cannot_be_written_any_more():
    """20 digits are an address, but no prefix goes before them; query_sm has none."""
    sent = Sent(request=request(to="9" * 20), host="h:1", smsc_id="1")
    asker = ancillary(destination_format="zeros")
    cancel = asker.cancel_sm(sent)
    assert isinstance(cancel, Fault)
    assert cancel.code == "to"
    assert isinstance(asker.query_sm(sent), QuerySm)


@pytest.mark.parametrize(
    ("pdu", "cls", "detail"),
    [
        (CancelSmResp(status=0x11), FaultClass.MESSAGE, "ESME_RCANCELFAIL"),
        (CancelSmResp(status=3), FaultClass.PROTOCOL, "not supported by the SMSC"),
        (GenericNack(status=3), FaultClass.PROTOCOL, "not supported by the SMSC"),
        (GenericNack(), FaultClass.PROTOCOL, "generic_nack"),
        (RawPdu(command_id=0x80000008), FaultClass.PROTOCOL, "cannot be read"),
    ],
)
def test_refusals(pdu, cls, detail):
    fault = ancillary().cancelled(pdu)
    assert isinstance(fault, Fault)
    assert fault.cls is cls
    assert detail in fault.detail


def test_it_is_done():
    assert ancillary().cancelled(CancelSmResp()) is None


def test_what_query_sm_names():
    assert ancillary().query_sm(SENT) == QuerySm(
        message_id="Ab01", source_addr_ton=5, source_addr="Shop"
    )


@pytest.mark.parametrize(
    ("number", "state", "stat"),
    [
        (0, MessageState.BUFFERED, "SCHEDULED"),
        (1, MessageState.BUFFERED, "ENROUTE"),
        (2, MessageState.DELIVERED, "DELIVRD"),
        (3, MessageState.EXPIRED, "EXPIRED"),
        (4, MessageState.DELETED, "DELETED"),
        (5, MessageState.UNDELIVERABLE, "UNDELIV"),
        (6, MessageState.BUFFERED, "ACCEPTD"),
        (7, MessageState.UNKNOWN, "UNKNOWN"),
        (8, MessageState.REJECTED, "REJECTD"),
        (9, MessageState.UNDELIVERABLE, "SKIPPED"),
    ],
)
def test_what_is_found_is_like_a_receipt(number, state, stat):
    pdu = QuerySmResp(message_id="Ab01", message_state=number, error_code=7)
    assert ancillary(id_form="hex_in_response").found(pdu, SENT, 5) == ReceiptIn(
        connector="carrier",
        host="h:1",
        smsc_id="Ab01",
        keys=("ab01",),
        state=state,
        stat=stat,
        err="7",
        at=5,
        source="380501234567",
        text="query_sm",
    )


@pytest.mark.parametrize(
    "pdu",
    [
        QuerySmResp(status=0x67),
        QuerySmResp(message_state=42),
        GenericNack(status=3),
        CancelSmResp(),
    ],
)
def test_nothing_is_found(pdu):
    assert isinstance(ancillary().found(pdu, SENT, 5), Fault)


def test_when_an_smsc_is_asked():
    asked = asking(config(query_sm=True, receipt_timeout=3600))
    assert asked == Asking(
        first=3600, again=(60, 240, 960, 3840, 15_360), batch=1, every=1
    )


@pytest.mark.parametrize("keys", [{}, {"query_sm": True, "bind": "receiver"}])
def test_which_is_never_asked(keys: dict[str, Any]):
    assert asking(config(**keys)) is None
