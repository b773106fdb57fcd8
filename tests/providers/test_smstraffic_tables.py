"""`esmed.providers._smstraffic` against the tables of technical description 2.3."""

from urllib.parse import quote_from_bytes

import pytest

from esmed.bridge.base import CallbackRequest, Mo
from esmed.models import FaultClass, MessageState
from esmed.providers._smstraffic import (
    API_ERRORS,
    api_fault,
    delivery_reason,
    read_mo,
    state_of,
)

MESSAGE = FaultClass.MESSAGE
ACCOUNT = FaultClass.ACCOUNT
PROTOCOL = FaultClass.PROTOCOL
TEMPORARY = FaultClass.TEMPORARY

CLASSES = {
    PROTOCOL: {
        *(103, 104, 105, 106, 403, 404, 408, 409, 410, 416, 418, 433, 438),
        *(440, 441, 442),
    },
    ACCOUNT: {401, 402, 411, 412, 415, 419, 439},
    MESSAGE: {
        *(405, 406, 407, 413, 414, 417, 420, 421, 422, 423, 424, 425, 426, 427, 428),
        *(429, 430, 431, 432, 434, 435, 436, 437, 501, 502, 503, 504),
    },
    TEMPORARY: {1000},
}


@pytest.mark.parametrize(
    ("code", "expected"),
    [(code, cls) for cls, codes in CLASSES.items() for code in sorted(codes)],
)
def test_every_code_of_the_api_has_its_class(code: int, expected: FaultClass) -> None:
    fault = api_fault(code)
    assert (fault.cls, fault.code) == (expected, code)
    assert fault.detail


def test_no_code_is_left_out() -> None:
    assert set(API_ERRORS) == {code for codes in CLASSES.values() for code in codes}


@pytest.mark.parametrize(
    ("code", "expected"),
    [(199, MESSAGE), (443, MESSAGE), (599, MESSAGE), (1001, TEMPORARY), (0, MESSAGE)],
)
def test_an_undocumented_code_is_kept(code: int, expected: FaultClass) -> None:
    fault = api_fault(code)
    assert (fault.cls, fault.code) == (expected, code)


def test_an_error_without_a_code() -> None:
    assert api_fault(None).cls is PROTOCOL


@pytest.mark.parametrize(
    ("code", "said", "expected"),
    [
        # Q-ST-8: a table for all versions, and a sample of version 2.
        (403, "Access denied", ACCOUNT),
        (403, "phones not specified", PROTOCOL),
        # Q-ST-11: ignore_phone_format speaks of 418 for bad numbers.
        (418, "ids are not provided for deferred messages", PROTOCOL),
        (418, "Идентификаторы не предоставляются для отложенных", PROTOCOL),
        (418, "invalid phone: 123", MESSAGE),
        (418, "", PROTOCOL),
    ],
)
def test_codes_with_two_meanings(code: int, said: str, expected: FaultClass) -> None:
    assert api_fault(code, said).cls is expected


def test_a_forbidden_sender_of_the_account_concerns_every_message() -> None:
    assert api_fault(436, sender_given=False).cls is ACCOUNT


def test_what_the_provider_says_about_numbers_is_not_repeated() -> None:
    for code in (*API_ERRORS, 777, None):
        fault = api_fault(code, "blocked phone: 78000000002. No messages has been sent")
        assert "78000000002" not in fault.detail


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("", None),
        ("Buffered SMSC", MessageState.BUFFERED),
        ("Delivered", MessageState.DELIVERED),
        ("DELIVERED", MessageState.DELIVERED),
        ("Non Delivered", MessageState.UNDELIVERABLE),
        ("UNDELIVERED", MessageState.UNDELIVERABLE),
        ("FAILED", MessageState.UNDELIVERABLE),
        ("Rejected", MessageState.REJECTED),
        ("Expired", MessageState.EXPIRED),
        ("Deleted", MessageState.DELETED),
        ("Unknown status", MessageState.UNKNOWN),
        ("Clicked", MessageState.DELIVERED),
        ("Read", MessageState.DELIVERED),
        ("READ", MessageState.DELIVERED),
        ("Checked", MessageState.DELIVERED),
        ("Lost Notification", MessageState.UNKNOWN),
        ("Acceptd", None),
        ("  non_delivered ", MessageState.UNDELIVERABLE),
        ("Something new", MessageState.BUFFERED),
    ],
)
def test_every_status(status: str, state: MessageState | None) -> None:
    assert state_of(status) is state


def test_reasons_of_a_failed_delivery() -> None:
    assert delivery_reason(3) == "unknown subscriber"
    assert all(delivery_reason(code) for code in range(1, 18))
    # Q-ST-3: the text speaks of the API's codes.
    assert delivery_reason(432) == "phone blocked"
    assert delivery_reason(0) == delivery_reason(99) == ""


TEXT = "Привет, мир: €"


def pushed(
    *, query: bytes = b"", body: bytes = b"", content_type: str = ""
) -> CallbackRequest:
    headers = {"content-type": content_type} if content_type else {}
    method = "POST" if body else "GET"
    return CallbackRequest(method=method, query=query, headers=headers, body=body)


def form(text: bytes, more: bytes = b"") -> bytes:
    message = quote_from_bytes(text).encode()
    return b"message=" + message + b"&phone=79161112233&sms_id=5269156759" + more


@pytest.mark.parametrize(
    ("charset", "content_type"),
    [
        ("cp1251", ""),
        ("cp1251", "application/x-www-form-urlencoded"),
        ("cp1251", "application/x-www-form-urlencoded; charset=windows-1251"),
        ("utf-8", "application/x-www-form-urlencoded"),
        ("koi8-r", "application/x-www-form-urlencoded; charset=KOI8-R"),
    ],
)
def test_a_reply_in_whatever_charset(charset: str, content_type: str) -> None:
    text = TEXT.replace("€", "") if charset == "koi8-r" else TEXT
    wanted = Mo(id="5269156759", source="79161112233", destination="", text=text)
    fields = form(text.encode(charset))
    assert read_mo(pushed(query=fields, content_type=content_type)) == wanted
    assert read_mo(pushed(body=fields, content_type=content_type)) == wanted


def test_a_reply_to_a_short_number() -> None:
    found = read_mo(pushed(query=form(b"INFO", b"&shortcode=1234&password=x")))
    assert found == Mo(
        id="5269156759", source="79161112233", destination="1234", text="INFO"
    )


@pytest.mark.parametrize("query", [b"", b"message=x", b"phone=&message=x", b"\xff=%"])
def test_what_is_no_reply(query: bytes) -> None:
    assert read_mo(pushed(query=query)) is None
