from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.api import schema
from esmed.api.schema import Submit
from esmed.models import Priority, Request
from esmed.refusals import InvalidError

NOW = 1_767_225_600_000  # 2026-01-01T00:00:00Z
TODAY = datetime(2026, 1, 1, tzinfo=UTC)


def requested(**fields: Any) -> Request:
    (one,) = schema.requests(Submit(**{"to": "380501234567", **fields}), NOW)
    return one


def refused(**fields: Any) -> dict[str, str]:
    """The fields at fault and what is said of them."""
    with pytest.raises(InvalidError) as info:
        schema.requests(Submit(**{"to": "380501234567", **fields}), NOW)
    return {error.field: error.message for error in info.value.errors}


def test_defaults() -> None:
    assert requested(text="hi") == Request(to="380501234567", text="hi")


def test_null_is_as_good_as_nothing() -> None:
    nulls = dict.fromkeys(Submit.__struct_fields__)
    del nulls["to"], nulls["text"]
    assert requested(text="hi", **nulls) == Request(to="380501234567", text="hi")


def test_everything() -> None:
    got = requested(
        from_="MyCompany",
        text="hi",
        encoding="ucs2",
        flash=True,
        max_parts=3,
        validity=60,
        send_at=TODAY + timedelta(hours=1),
        priority="high",
        receipt="all",
        connector="carrier",
        reference="order-1",
        webhook_url="https://hooks.example.org/x?y=1",
        on_unknown="hold",
    )
    assert got == Request(
        to="380501234567",
        from_="MyCompany",
        text="hi",
        encoding="ucs2",
        flash=True,
        max_parts=3,
        validity=60,
        send_at=NOW + 3_600_000,
        priority=Priority.HIGH,
        receipt="all",
        connector="carrier",
        reference="order-1",
        webhook_url="https://hooks.example.org/x?y=1",
        on_unknown="hold",
    )


class TestTo:
    @pytest.mark.parametrize(
        ("given", "digits"),
        [
            ("380501234567", "380501234567"),
            ("+380501234567", "380501234567"),
            ("00380501234567", "380501234567"),
            (" +38 050 123\t45\u00a067 ", "380501234567"),
            ("0038 050", "38050"),
            ("112", "112"),
            ("0501234567", "0501234567"),
            ("9" * 20, "9" * 20),
        ],
    )
    def test_normalised(self, given: str, digits: str) -> None:
        assert requested(to=given, text="hi").to == digits
        assert schema.number(given) == digits

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ("", "must not be empty"),
            (" ", "must not be empty"),
            ("+", "must not be empty"),
            ("00", "must not be empty"),
            ("38-050", "expected digits only"),
            ("++380", "expected digits only"),
            ("3+80", "expected digits only"),
            ("МАМА", "expected digits only"),
            ("١٢٣٤", "expected digits only"),
            ("²³⁴", "expected digits only"),
            ("12", "expected 3 to 20 digits"),
            ("9" * 21, "expected 3 to 20 digits"),
        ],
    )
    def test_refused(self, given: str, message: str) -> None:
        assert refused(to=given, text="hi") == {"to": message}
        with pytest.raises(InvalidError):
            schema.number(given)

    def test_none(self) -> None:
        assert refused(to=None, text="hi") == {"to": "is needed"}
        with pytest.raises(InvalidError, match="to: is needed"):
            schema.requests(Submit(text="hi"), NOW)

    def test_a_list_keeps_order_and_duplicates(self) -> None:
        got = schema.requests(Submit(to=["+381", "382", "381"], text="hi"), NOW)
        assert [one.to for one in got] == ["381", "382", "381"]
        assert {one.text for one in got} == {"hi"}

    def test_a_list_names_every_bad_one(self) -> None:
        assert set(refused(to=["381", "x", "382", ""], text="")) == {
            *("to[1]", "to[3]", "text"),
        }

    def test_a_list_has_bounds(self) -> None:
        assert refused(to=[], text="hi") == {"to": "at least one number is needed"}
        many = ["381"] * schema.MAX_MESSAGES
        assert len(schema.requests(Submit(to=many, text="hi"), NOW)) == len(many)
        assert refused(to=[*many, "381"], text="hi") == {"to": "at most 10000 numbers"}

    def test_a_list_where_one_is_expected(self) -> None:
        with pytest.raises(InvalidError, match="to: expected one number"):
            schema.request(Submit(to=["381"], text="hi"), NOW)


class TestFrom:
    @pytest.mark.parametrize(
        ("given", "sender"),
        [
            ("MyCompany", "MyCompany"),
            ("My Co. & Co", "My Co. & Co"),
            ("Grüße", "Grüße"),
            ("12345", "12345"),
            ("+380501234567", "380501234567"),
            ("9" * 20, "9" * 20),
        ],
    )
    def test_taken(self, given: str, sender: str) -> None:
        assert requested(from_=given, text="hi").from_ == sender

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ("", "expected digits, or 1 to 11 characters"),
            ("TwelveLetter", "expected digits, or 1 to 11 characters"),
            ("9" * 21, "at most 20 digits"),
            (" Shop", "has blanks around it or control characters"),
            ("Sh\nop", "has blanks around it or control characters"),
            ("Крамниця", "not in the GSM alphabet: 'К' U+041A"),
        ],
    )
    def test_refused(self, given: str, message: str) -> None:
        found = refused(from_=given, text="hi")
        assert set(found) == {"from"}
        assert found["from"].startswith(message)


class TestContent:
    def test_transliterated_at_once(self) -> None:
        got = requested(text="Привіт", transliterate=True)
        assert got.text is not None
        assert got.text.isascii()

    def test_binary(self) -> None:
        got = requested(data="00 ff", udh="0500030a0201")
        assert (got.text, got.data) == (None, b"\x00\xff")
        assert got.udh == bytes.fromhex("0500030a0201")

    def test_a_header_needs_no_data(self) -> None:
        assert requested(data="", udh="0100").data == b""

    @pytest.mark.parametrize(
        ("fields", "named"),
        [
            ({}, "text"),
            ({"text": ""}, "text"),
            ({"text": "a" * (schema.MAX_TEXT + 1)}, "text"),
            ({"text": "ъ", "transliterate": True}, "text"),
            ({"text": "hi", "data": "00"}, "data"),
            ({"text": "hi", "udh": "0100"}, "udh"),
            ({"text": "hi", "encoding": "binary"}, "encoding"),
            ({"udh": "0100"}, "text"),
            ({"data": ""}, "data"),
            ({"data": "0"}, "data"),
            ({"data": "0g"}, "data"),
            ({"data": "00" * (schema.MAX_DATA + 1)}, "data"),
            ({"data": "00", "udh": "zz"}, "udh"),
            ({"data": "00", "udh": ""}, "udh"),
            ({"data": "00", "udh": "0500"}, "udh"),
            ({"data": "00", "transliterate": True}, "transliterate"),
        ],
    )
    def test_refused(self, fields: dict[str, Any], named: str) -> None:
        assert set(refused(**fields)) == {named}


class TestTimes:
    def test_what_has_passed_is_now(self) -> None:
        assert requested(text="hi", send_at=TODAY).send_at is None
        assert requested(text="hi", send_at=TODAY - timedelta(days=9)).send_at is None

    def test_a_year_ahead_and_no_more(self) -> None:
        ahead = TODAY + timedelta(days=366)
        assert requested(text="hi", send_at=ahead).send_at is not None
        too_far = ahead + timedelta(milliseconds=1)
        assert set(refused(text="hi", send_at=too_far)) == {"send_at"}

    @pytest.mark.parametrize("seconds", [1, schema.MAX_VALIDITY])
    def test_validity(self, seconds: int) -> None:
        assert requested(text="hi", validity=seconds).validity == seconds

    @pytest.mark.parametrize("seconds", [0, -1, schema.MAX_VALIDITY + 1, 10**40])
    def test_no_validity(self, seconds: int) -> None:
        assert set(refused(text="hi", validity=seconds)) == {"validity"}

    @given(st.datetimes(timezones=st.timezones()))
    def test_millis(self, at: datetime) -> None:
        back = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
            milliseconds=schema.millis(at)
        )
        assert timedelta(0) <= at - back < timedelta(milliseconds=1)


class TestOptions:
    @pytest.mark.parametrize("parts", [1, 255])
    def test_max_parts(self, parts: int) -> None:
        assert requested(text="hi", max_parts=parts).max_parts == parts

    @pytest.mark.parametrize(
        ("fields", "named"),
        [
            ({"max_parts": 0}, "max_parts"),
            ({"max_parts": 256}, "max_parts"),
            ({"reference": "a" * 256}, "reference"),
            ({"reference": "a\0"}, "reference"),
            ({"tlvs": {f"tag{n}": n for n in range(schema.MAX_TLVS + 1)}}, "tlvs"),
            ({"webhook_url": "ftp://hooks.example.org/"}, "webhook_url"),
            ({"webhook_url": "hooks.example.org"}, "webhook_url"),
            ({"webhook_url": "http://"}, "webhook_url"),
            ({"webhook_url": "http://u@hooks.example.org/"}, "webhook_url"),
            ({"webhook_url": "http://hooks.example.org\\@evil/"}, "webhook_url"),
            ({"webhook_url": "http://hooks.example.org/a b"}, "webhook_url"),
            ({"webhook_url": "http://hooks.example.org/\n"}, "webhook_url"),
            ({"webhook_url": "http://hooks.exämple.org/"}, "webhook_url"),
            ({"webhook_url": "http://hooks.example.org:99999/"}, "webhook_url"),
            ({"webhook_url": "http://hooks.example.org:0/"}, "webhook_url"),
            ({"webhook_url": "http://[::1/"}, "webhook_url"),
            ({"webhook_url": "http://h/" + "a" * 2048}, "webhook_url"),
        ],
    )
    def test_refused(self, fields: dict[str, Any], named: str) -> None:
        assert set(refused(text="hi", **fields)) == {named}

    def test_reference(self) -> None:
        assert requested(text="hi", reference="я" * 255).reference == "я" * 255

    def test_all_that_is_wrong_is_said(self) -> None:
        found = refused(to="x", from_="", text="", validity=0, max_parts=0)
        assert set(found) == {"to", "from", "text", "validity", "max_parts"}


class TestEstimated:
    def test_a_destination_is_not_needed(self) -> None:
        assert schema.estimated(Submit(text="hi"), NOW).to == ""
        assert schema.estimated(Submit(to="+381", text="hi"), NOW).to == "381"
        assert schema.estimated(Submit(to=["381", "382"], text="hi"), NOW).to == "381"

    def test_the_rest_is_checked(self) -> None:
        with pytest.raises(InvalidError, match="text"):
            schema.estimated(Submit(), NOW)
