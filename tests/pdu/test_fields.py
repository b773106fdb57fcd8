"""The limits of SMPP 3.4 chapters 4 and 5, one value below, at and above each."""

from typing import Any

import pytest

from pdu import DecodeError, DistributionList, EncodeError, SmeAddress, UnsuccessSme
from pdu.fields import (
    CString,
    Destinations,
    Integer,
    Octets,
    Refusals,
    ShortMessage,
    Time,
)


@pytest.mark.parametrize(
    ("wire", "value", "octets"),
    [
        (Integer(1), 0, b"\x00"),
        (Integer(1), 255, b"\xff"),
        (Integer(2), 0x0102, b"\x01\x02"),
        (Integer(4), 0xFFFFFFFF, b"\xff\xff\xff\xff"),
        (CString(6), "", b"\0"),
        (CString(6), "12345", b"12345\0"),
        (CString(6), "\xff\x01", b"\xff\x01\0"),
        (Time(), "", b"\0"),
        (Time(), "000001000000000R", b"000001000000000R\0"),
        (ShortMessage(), b"", b"\0"),
        (ShortMessage(), b"\0a", b"\x02\0a"),
        (ShortMessage(), b"a" * 254, b"\xfe" + b"a" * 254),
        (Destinations(), (), b"\0"),
        (
            Destinations(),
            (
                SmeAddress(dest_addr_ton=1, dest_addr_npi=2, destination_addr="3"),
                DistributionList(dl_name="d"),
            ),
            b"\x02\x01\x01\x023\0\x02d\0",
        ),
        (Refusals(), (), b"\0"),
        (
            Refusals(),
            (UnsuccessSme(destination_addr="3", error_status_code=0x0B),),
            b"\x01\0\x003\0\0\0\0\x0b",
        ),
    ],
)
def test_a_value_goes_both_ways(wire: Any, value: Any, octets: Any) -> None:
    assert wire.encode("field", value) == octets
    assert wire.decode(b"??" + octets + b"behind", 2) == (value, 2 + len(octets))
    for end in range(len(octets)):
        with pytest.raises(DecodeError):
            wire.decode(octets[:end], 0)


@pytest.mark.parametrize(
    ("wire", "value", "message"),
    [
        (Integer(1), 256, "field is not an integer from 0 to 255"),
        (Integer(1), -1, "field is not an integer from 0 to 255"),
        (Integer(1), "1", "field is not an integer from 0 to 255"),
        (Integer(4), 1 << 32, "field is not an integer from 0 to 4294967295"),
        (Integer(1, maximum=99), 100, "field is not an integer from 0 to 99"),
        (CString(6), "123456", "field is longer than 5 octets"),
        (CString(6), "a\0b", "field contains a NUL"),
        (CString(6), "ї", "field contains a character outside Latin-1"),
        (CString(6), "\ud800", "field contains a character outside Latin-1"),
        (CString(6), b"abc", "field is not a string"),
        (Time(), "1", "field is neither empty nor 16 octets"),
        (Time(), "000001000000000R0", "field is neither empty nor 16 octets"),
        (Time(), "000001\x0000000000R", "field contains a NUL"),
        (Octets(2, 3), b"1", "field is not 2 to 3 octets"),
        (Octets(2, 3), b"1234", "field is not 2 to 3 octets"),
        (Octets(2, 3), "12", "field is not 2 to 3 octets"),
        (ShortMessage(), b"a" * 255, "field is not 0 to 254 octets"),
        (ShortMessage(), "text", "field is not 0 to 254 octets"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(
    wire: Any, value: Any, message: str
) -> None:
    with pytest.raises(EncodeError) as fault:
        wire.encode("field", value)
    assert str(fault.value) == message
    assert fault.value.field == "field"
    # The cause would bring the value, which may be a password, into a log.
    assert fault.value.__cause__ is None
    assert fault.value.__suppress_context__ or fault.value.__context__ is None


@pytest.mark.parametrize(
    ("wire", "value", "field"),
    [
        (Destinations(), (SmeAddress(),) * 255, "number_of_dests"),
        (Destinations(), (SmeAddress(dest_addr_ton=256),), "[0].dest_addr_ton"),
        (Destinations(), (SmeAddress(dest_addr_npi=256),), "[0].dest_addr_npi"),
        (
            Destinations(),
            (SmeAddress(), SmeAddress(destination_addr="1" * 21)),
            "[1].destination_addr",
        ),
        (Destinations(), (DistributionList(dl_name="1" * 21),), "[0].dl_name"),
        (Refusals(), (UnsuccessSme(),) * 256, "no_unsuccess"),
        (
            Refusals(),
            (UnsuccessSme(error_status_code=-1),),
            "[0].error_status_code",
        ),
    ],
)
def test_a_list_names_the_entry_that_does_not_fit(
    wire: Any, value: Any, field: str
) -> None:
    with pytest.raises(EncodeError) as fault:
        wire.encode("", value)
    assert fault.value.field == field


def test_the_limits_of_a_list_themselves_fit() -> None:
    assert Destinations().encode("", (SmeAddress(),) * 254)[0] == 254
    assert Refusals().encode("", (UnsuccessSme(),) * 255)[0] == 255


def test_a_longer_string_is_read() -> None:
    assert CString(6).decode(b"1234567890\0", 0) == ("1234567890", 11)
    assert Time().decode(b"soon\0", 0) == ("soon", 5)
    assert ShortMessage().decode(b"\xff" + b"a" * 255, 0) == (b"a" * 255, 256)


def test_an_open_ended_string_ends_with_the_frame() -> None:
    wire = CString(65, open_ended=True)
    assert wire.decode(b"..ab", 2) == ("ab", 5)
    assert wire.decode(b"..ab\0c", 2) == ("ab", 5)


def test_a_length_behind_the_end_and_an_unknown_flag_have_their_statuses() -> None:
    with pytest.raises(DecodeError, match="sm_length") as fault:
        ShortMessage().decode(b"\x03ab", 0)
    assert fault.value.status == 0x01  # ESME_RINVMSGLEN
    with pytest.raises(DecodeError, match="dest_flag 3") as fault:
        Destinations().decode(b"\x01\x03a\0", 0)
    assert fault.value.status == 0x40  # ESME_RINVDESTFLAG
