"""What several providers read and write: forms, dates, XML, statuses, contents."""

import contextlib
import encodings.aliases
import time
import tracemalloc
from datetime import UTC, timedelta, timezone
from typing import Any
from urllib.parse import urlencode
from xml.etree.ElementTree import Element, SubElement, tostring

import pytest
from fakes.sink import request
from hypothesis import given
from hypothesis import strategies as st

from esmed.bridge import content, dates, forms, replies, xmldoc
from esmed.bridge.base import CallbackRequest, Reply
from esmed.bridge.xmldoc import XmlError
from esmed.models import Deferred, Fault, FaultClass, Plan, Rejected, Unknown

CODECS = sorted({*encodings.aliases.aliases.values(), "idna", "punycode", "undefined"})
"""Whatever Python knows, text or not."""

# --- forms ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "charset", "fields"),
    [
        (b"", "utf-8", {}),
        (b"a=1&b=2", "utf-8", {"a": "1", "b": "2"}),
        (b"a=1&a=2", "utf-8", {"a": "1"}),
        (b"a=x+y%20z&b=p q", "utf-8", {"a": "x y z", "b": "p q"}),
        (b"a=b=c&&=&d", "utf-8", {"a": "b=c", "": "", "d": ""}),
        ("a=Привіт".encode("cp1251"), "windows-1251", {"a": "Привіт"}),
        (b"a=%CF%F0%E8%E2%B3%F2", "windows-1251", {"a": "Привіт"}),
        (b"a=%D0%9F%FF", "utf-8", {"a": "П\ufffd"}),
        (b"a=%zz%", "utf-8", {"a": "%zz%"}),
        ("a=Ж".encode(), "no-such-charset", {"a": "Ж"}),
        ("a=Ж".encode(), "x\0y", {"a": "Ж"}),
    ],
)
def test_a_form(octets: bytes, charset: str, fields: dict[str, str]) -> None:
    assert forms.decode(octets, charset) == fields


@pytest.mark.parametrize("codec", CODECS)
def test_a_form_in_whatever_somebody_says(codec: str) -> None:
    header = {"content-type": f"application/x-www-form-urlencoded; charset={codec}"}
    push = CallbackRequest(
        method="POST", query=b"a=%FF+%5Cx", headers=header, body=b"b=%00%FF\\u12&c=1"
    )
    found = forms.of_request(push)
    assert set(map(type, found.values())) == {str}


@given(st.binary(max_size=300), st.text(max_size=20))
def test_any_form(octets: bytes, charset: str) -> None:
    for name, value in forms.decode(octets, charset).items():
        assert isinstance(name, str)
        assert isinstance(value, str)


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=5))
def test_a_form_there_and_back(fields: dict[str, str]) -> None:
    fields = {k: v for k, v in fields.items() if (k + v).isprintable()}
    assert forms.decode(forms.encode(fields)) == fields


@given(st.text(st.characters(exclude_categories=["Cs"])), st.binary())
def test_a_form_is_written_as_others_write_it(text: str, octets: bytes) -> None:
    fields: dict[str, str | int | bytes] = {"a b": text, "c": octets, "d": -7}
    assert forms.encode(fields) == urlencode(fields).encode()


def test_a_form_with_very_many_fields() -> None:
    octets = b"&".join(b"f%d=1" % number for number in range(100_000))
    assert len(forms.decode(octets)) == forms.MOST_FIELDS


def test_a_form_that_a_charset_cannot_carry() -> None:
    assert forms.encode({"a": "Ж"}, "windows-1251") == b"a=%C6"
    with pytest.raises(ValueError, match="encode"):
        forms.encode({"a": "😀"}, "windows-1251")


@given(st.text())
def test_any_content_type(text: str) -> None:
    assert forms.charset_of(text) is None or forms.charset_of(text)


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        ("", None),
        ("text/xml", None),
        ("text/xml; charset=", None),
        ("text/xml;charset=Windows-1251", "windows-1251"),
        ('text/xml; a=b; Charset = "UTF-8"', "utf-8"),
    ],
)
def test_the_charset_of_a_content_type(text: str, charset: str | None) -> None:
    assert forms.charset_of(text) == charset


# --- dates ---------------------------------------------------------------------------

AT = 1_589_043_840_000


@pytest.mark.parametrize(
    ("text", "zone", "at"),
    [
        ("2020-05-09 17:04:00", UTC, AT),
        (" 2020-05-09T17:04:00Z ", UTC, AT),
        ("2020-05-09 20:04:00", dates.MOSCOW, AT),
        ("2020-05-09T20:04:00+03:00", UTC, AT),
        ("2020-05-09 17:04:00.5", UTC, AT + 500),
        ("2020-05-09", UTC, AT - 61_440_000),
        ("", UTC, None),
        ("0000-00-00 00:00:00", UTC, None),
        ("09.05.2020 17:04:00", UTC, None),
        ("2020-13-09 17:04:00", UTC, None),
    ],
)
def test_a_date(text: str, zone: timezone, at: int | None) -> None:
    assert dates.read(text, zone) == at


def test_a_date_as_it_is_shown() -> None:
    assert dates.in_utc("2020-05-09 20:04:00", dates.MOSCOW) == "2020-05-09T17:04:00Z"
    assert dates.in_utc("yesterday") == "yesterday"
    assert dates.write(AT, dates.MOSCOW) == "2020-05-09 20:04:00"


ODD = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"\d{1,4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2})?([+-]\d{2}:\d{2})?"),
    st.datetimes().map(str),
    st.sampled_from(["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]),
)


@given(ODD)
def test_any_date(text: str) -> None:
    for zone in (UTC, dates.MOSCOW, timezone(-timedelta(hours=12))):
        at = dates.read(text, zone)
        assert at is None or isinstance(at, int)
        assert isinstance(dates.in_utc(text, zone), str)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Sat, 09 May 2020 17:04:00 GMT", AT),
        ("Sat, 09 May 2020 17:04:00 -0000", AT),
        ("Sat, 09 May 2020 20:04:00 +0300", AT),
        ("", None),
        ("soon", None),
        ("Sat, 99 May 2020 17:04:00 GMT", None),
        ("Sat, 09 May 99999 17:04:00 GMT", None),
        ("Sat, 09 May 2020 17:04:00 +999999999", None),
    ],
)
def test_a_date_of_http(
    text: str, at: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        assert dates.read_http(text) == at
    time.tzset()


HTTP_DATES = st.from_regex(
    r"(Mon, )?\d{1,3} (May|Jan|x) \d{1,6} \d{1,3}:\d{1,2}(:\d{1,2})? ([+-]\d{1,9}|GMT)?"
)


@given(st.one_of(st.text(max_size=60), HTTP_DATES))
def test_any_date_of_http(text: str) -> None:
    at = dates.read_http(text)
    assert at is None or isinstance(at, int)
    seconds = replies.retry_after(Reply(status=429, headers={"retry-after": text}), AT)
    assert 1 <= seconds <= replies.LONGEST_PAUSE


# --- XML -----------------------------------------------------------------------------


def test_names_are_local() -> None:
    root = xmldoc.parse(b'<a:r xmlns:a="u" a:x="1"><a:b> t </a:b><c/></a:r>')
    assert (root.tag, root.get("x"), xmldoc.text_of(root, "b")) == ("r", "1", "t")
    assert xmldoc.text_of(root, "c") == xmldoc.text_of(root, "d") == ""


CYRILLIC = "<r>Привіт</r>"


@pytest.mark.parametrize(
    "body",
    [
        CYRILLIC,
        CYRILLIC.encode(),
        b"\xef\xbb\xbf" + CYRILLIC.encode(),
        CYRILLIC.encode("utf-16"),
        ('<?xml version="1.0" encoding="utf-16"?>' + CYRILLIC).encode("utf-16"),
        ('<?xml version="1.0" encoding="windows-1251"?>' + CYRILLIC).encode("cp1251"),
        ('<?xml version="1.0" encoding="KOI8-U"?>' + CYRILLIC).encode("koi8-u"),
        '<?xml version="1.0" encoding="windows-1251"?>' + CYRILLIC,
        '\ufeff<?xml version="1.0" encoding="windows-1251"?>' + CYRILLIC,
        b"\r\n" + CYRILLIC.encode(),
    ],
)
def test_how_it_may_be_encoded(body: bytes | str) -> None:
    assert xmldoc.parse(body).text == "Привіт"


BOMB = b"".join(
    [
        b'<!DOCTYPE r [<!ENTITY a0 "aaaaaaaaaa">',
        *(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10)),
        b"]><r>&a9;</r>",
    ]
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"\x00",
        b"not xml",
        b"<html><body><br></body></html>",
        b"<r>",
        b"<r></q>",
        b"<r/><r/>",
        b"<r>&nosuch;</r>",
        b"<r>&#0;</r>",
        b"<r>\xff</r>",
        b"<r a='1' a='2'/>",
        b'<?xml version="1.0" encoding="no-such"?><r/>',
        b'<?xml version="1.0" encoding="utf-16"?><r/>',
        b'<?xml version="1.0" encoding="windows-1251"?><r>\x98</r>',
        BOMB,
        b'<!DOCTYPE r SYSTEM "http://127.0.0.1:1/x.dtd"><r/>',
        b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>',
        b'<!DOCTYPE r [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]><r/>',
        b"<!DOCTYPE r><r/>",
        b"<a>" * 65 + b"</a>" * 65,
        b"<a>" * 1_000_000,
        "<r>\ud800</r>",
        "<r>\x00</r>",
    ],
)
def test_what_is_not_taken(body: bytes | str) -> None:
    with pytest.raises(XmlError) as refused:
        xmldoc.parse(body)
    assert "passwd" not in str(refused.value)


@pytest.mark.parametrize("body", [BOMB, b"<!DOCTYPE r><r/>", b"<a>" * 100, b"<r>"])
def test_what_no_mending_helps(body: bytes) -> None:
    with pytest.raises(XmlError):
        xmldoc.parse_mended(body, str.lower, straight)


def straight(text: str) -> str:
    return text.replace("”", '"').replace("<d/>", "</d>")


def test_as_deep_as_it_may_be() -> None:
    depth = xmldoc.MOST_DEPTH
    assert xmldoc.parse(b"<a>" * depth + b"</a>" * depth).tag == "a"


def test_a_bomb_costs_nothing() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(XmlError):
            xmldoc.parse(BOMB)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("codec", CODECS)
def test_a_document_in_whatever_it_says(codec: str) -> None:
    body = f'<?xml version="1.0" encoding="{codec}"?><r>'.encode() + b"\xc0\xff</r>"
    with contextlib.suppress(XmlError):
        assert isinstance(xmldoc.parse(body), Element)


SEEDS = [
    CYRILLIC.encode(),
    BOMB,
    b'<?xml version="1.0" encoding="windows-1251"?><a b="c"><d>\xcf</d></a>',
]


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_any_document(body: bytes | str) -> None:
    with contextlib.suppress(XmlError):
        assert isinstance(xmldoc.parse(body), Element)


@given(st.sampled_from(SEEDS), st.integers(0, 300), st.binary(max_size=5))
def test_any_broken_document(seed: bytes, at: int, octets: bytes) -> None:
    body = seed[:at] + octets + seed[at + 2 :]
    for read in (xmldoc.parse, lambda one: xmldoc.parse_mended(one, str.lower)):
        with contextlib.suppress(XmlError):
            assert isinstance(read(body), Element)


@pytest.mark.parametrize("charset", ["utf-8", "windows-1251"])
def test_a_mended_document_keeps_its_letters(charset: str) -> None:
    """They are read by the encoding that it declares."""
    text = f'<?xml version="1.0" encoding="{charset}"?><r a=”1”><d>Привіт<d/></r>'
    root = xmldoc.parse_mended(text.encode(charset), straight)
    assert root.get("a") == "1"
    assert xmldoc.text_of(root, "d") == "Привіт"


def test_the_first_complaint_counts() -> None:
    with pytest.raises(XmlError, match="line 1"):
        xmldoc.parse_mended(b"<r></q>", lambda text: f"\n\n{text}")


@given(st.text())
def test_what_is_written_can_be_read(text: str) -> None:
    if xmldoc.illegal(text) or "\r" in text:
        return
    root = Element("r")
    SubElement(root, "t").text = text
    for encoding in ("utf-8", "windows-1251"):
        read = xmldoc.parse(xmldoc.document(root, encoding))
        assert (read.findtext("t") or "") == text


def test_what_xml_cannot_carry() -> None:
    assert xmldoc.illegal("a\x00b\x0b\x00\t\n\ud800\ufffe") == "\x00\x0b\ud800\ufffe"
    root = Element("r", {"a": '<&"'})
    assert tostring(root) in xmldoc.document(root)


# --- statuses ------------------------------------------------------------------------


def outcome(status: int, **headers: str) -> tuple[Any, float]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = replies.judged(Reply(status=status, headers=named), AT, 2, "no JSON")
    first, second = answer.outcomes
    assert first == second
    return first, answer.pause


def test_a_status_that_is_a_reason_needs_no_other() -> None:
    assert replies.judged(Reply(status=429), 0, 1, "no JSON").reason == (
        "HTTP 429, too many requests"
    )
    assert replies.fault(Reply(status=403), "no JSON").detail == "HTTP 403, forbidden"


@pytest.mark.parametrize("status", [200, 201, 204, 299, 500, 502, 503, 504, 599])
def test_it_may_have_been_taken(status: int) -> None:
    assert outcome(status) == (Unknown(f"HTTP {status}, no JSON"), 0)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 405, 418])
def test_the_account_or_the_address(status: int) -> None:
    found, _ = outcome(status)
    assert isinstance(found, Rejected)
    assert (found.fault.cls, found.fault.code) == (FaultClass.ACCOUNT, status)


@pytest.mark.parametrize("status", [413, 414])
def test_too_large(status: int) -> None:
    found, _ = outcome(status)
    assert isinstance(found, Rejected)
    assert found.fault.cls is FaultClass.PROTOCOL


@pytest.mark.parametrize(
    ("status", "said", "pause"),
    [
        (429, {}, 5.0),
        (429, {"retry_after": "30"}, 30.0),
        (429, {"retry_after": "0"}, 1.0),
        (429, {"retry_after": "-5"}, 5.0),
        (429, {"retry_after": "99999999999999999999"}, 3600.0),
        (429, {"retry_after": "Sat, 09 May 2020 17:05:00 GMT"}, 60.0),
        (429, {"retry_after": "Sat, 09 May 1990 17:05:00 GMT"}, 1.0),
        (429, {"retry_after": "٣"}, 5.0),
        (503, {"retry_after": "7"}, 7.0),
        (408, {}, 0.0),
        (425, {}, 0.0),
    ],
)
def test_later(status: int, said: dict[str, str], pause: float) -> None:
    found, asked = outcome(status, **said)
    assert isinstance(found, Deferred)
    assert found.fault.cls is FaultClass.TEMPORARY
    assert asked == pause
    assert found.retry_after == (pause or None)


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (200, "temporary"), (302, "protocol"), (401, "account"), (403, "account"),
        (404, "protocol"), (408, "temporary"), (429, "temporary"), (500, "temporary"),
    ],
)  # fmt: skip
def test_a_question_that_was_not_answered(status: int, cls: str) -> None:
    assert replies.fault(Reply(status=status)).cls == cls


@given(st.binary(max_size=100))
def test_any_json(body: bytes) -> None:
    replies.json_value(body)
    assert isinstance(replies.json_object(Reply(status=200, body=body)) or {}, dict)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"\xef\xbb\xbf{}", {}), (b"", None), (b"<html>", None), (b"nul", None),
        (b"[" * 100_000, None), (b"{" + b'"a":{' * 100_000, None), (b"\xff", None),
        (b'"\\ud800"', None), (b"1e999", None), (b"[1]x", None),
    ],
)  # fmt: skip
def test_json(body: bytes, value: Any) -> None:
    assert replies.json_value(body) == value


# --- contents ------------------------------------------------------------------------


def counted(text: str | None, **fields: Any) -> Any:
    plan = content.plan("post", request(text, **fields))
    if isinstance(plan, Fault):
        assert plan.cls is FaultClass.MESSAGE
        return plan.code
    assert isinstance(plan, Plan)
    assert len(plan.parts) == 1
    return plan.encoding, plan.short_messages


@pytest.mark.parametrize(
    ("text", "fields", "found"),
    [
        ("hello", {}, ("gsm7", 1)),
        ("x" * 160, {}, ("gsm7", 1)),
        ("x" * 161, {}, ("gsm7", 2)),
        ("Привіт", {}, ("ucs2", 1)),
        ("я" * 71, {}, ("ucs2", 2)),
        ("😀" * 70, {}, ("ucs2", 3)),
        ("x" * 161, {"max_parts": 2}, ("gsm7", 2)),
        ("x" * 161, {"max_parts": 1}, "max_parts"),
        ("я", {"encoding": "gsm7"}, "text"),
        ("a\x00b", {}, "text"),
        ("a", {"udh": b"\x00"}, "udh"),
        (None, {"data": b"x" * 140}, ("binary", 1)),
        (None, {"data": b"x" * 135, "udh": b"x" * 6}, "data"),
    ],
)
def test_what_a_message_takes(
    text: str | None, fields: dict[str, Any], found: Any
) -> None:
    assert counted(text, **fields) == found


@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    content.plan("post", request(text))
