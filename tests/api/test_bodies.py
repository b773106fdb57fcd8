import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed.api import bodies, schema
from esmed.api.schema import MAX_MESSAGES, Submit
from esmed.refusals import InvalidError

NOW = 1_767_225_600_000


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def refused(body: bytes) -> dict[str, str]:
    with pytest.raises(InvalidError) as info:
        bodies.submit(body, NOW)
    return {error.field: error.message for error in info.value.errors}


def test_a_body() -> None:
    got = bodies.submit(b'{"to": "381", "from": "A", "text": "\\ud83c\\udf82"}', NOW)
    assert got == Submit(to="381", from_="A", text="🎂")


class TestNoJson:
    @pytest.mark.parametrize("body", [b"", b"  \n"])
    def test_nothing(self, body: bytes) -> None:
        assert refused(body) == {"": "a JSON body is needed"}

    @pytest.mark.parametrize(
        "body", [b"{", b'{"to": 1,}', b"to=381", b"\xef\xbb\xbf{}", b'{"to": NaN}']
    )
    def test_something_else(self, body: bytes) -> None:
        assert refused(body)[""].startswith("not JSON: ")

    def test_too_deep(self) -> None:
        deep = b'{"x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"
        assert refused(deep)

    def test_an_integer_too_large_to_be_read(self) -> None:
        assert refused(b'{"validity": ' + b"9" * 5000 + b"}")[""].startswith("not JSON")

    @pytest.mark.parametrize(
        ("body", "at"),
        [(b'{"text": "\xff"}', 10), (b'{"text": "\xed\xa0\x80"}', 10), (b"\x80", 0)],
    )
    def test_not_utf8(self, body: bytes, at: int) -> None:
        assert refused(body) == {"": f"not UTF-8 at octet {at}"}

    @pytest.mark.parametrize("body", [b"[]", b"null", b'"to"', b"5"])
    def test_no_object(self, body: bytes) -> None:
        assert refused(body) == {"": "expected an object"}


class TestTypes:
    def test_unknown_fields_by_name(self) -> None:
        found = refused(encoded({"to": "381", "text": "hi", "txt": 1, "send": 2}))
        assert found == {"txt": "unknown field", "send": "unknown field"}

    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            ("from", 5, "expected a string"),
            ("text", ["hi"], "expected a string"),
            ("encoding", "utf-8", "expected one of auto, gsm7, ucs2, latin1, binary"),
            ("flash", "yes", "expected true or false"),
            ("transliterate", 1, "expected true or false"),
            ("max_parts", 1.5, "expected an integer from 1 to 255"),
            ("max_parts", True, "expected an integer from 1 to 255"),
            ("validity", "60", "expected a number of seconds from 1 to 38102400"),
            ("priority", "urgent", "expected one of bulk, normal, high"),
            ("receipt", "some", "expected one of final, all, none"),
            ("on_unknown", "retry", "expected one of resend, hold, fail"),
            ("connector", {}, "expected a string"),
            ("reference", 7, "expected a string"),
            ("tlvs", [], "expected an object whose values are strings or integers"),
            (
                "tlvs",
                {"a": 1.5},
                "expected an object whose values are strings or integers",
            ),
            ("tlvs", {"a\ud800": 1}, "has a lone surrogate, which is half a character"),
            (
                "tlvs",
                {"a": "\udfff"},
                "has a lone surrogate, which is half a character",
            ),
        ],
    )
    def test_the_field_and_what_it_should_be(
        self, field: str, value: object, message: str
    ) -> None:
        body = encoded({"to": "381", "text": "hi", field: value})
        assert refused(body) == {field: message}

    @pytest.mark.parametrize(
        "value",
        [
            "2026-01-01T00:00:00",
            "2026-01-01",
            "2026-W01-1",
            "20260101T000000Z",
            "2026-01-01T00:00:00+25:00",
            "tomorrow",
            1767225600,
        ],
    )
    def test_send_at_needs_an_offset(self, value: object) -> None:
        found = refused(encoded({"to": "381", "text": "hi", "send_at": value}))
        assert found["send_at"].startswith("expected a time with its offset")

    def test_to(self) -> None:
        one, many = "a string of digits", "a string of digits, or a list of such"
        assert refused(b'{"to": 381, "text": "hi"}') == {"to": f"expected {many}"}
        assert refused(b'{"to": ["1", 2], "text": "hi"}') == {
            "to[1]": f"expected {one}"
        }

    def test_all_that_is_wrong_is_said_once(self) -> None:
        body = encoded({"to": ["x", 1], "data": 5, "validity": 0, "x": 1})
        assert set(refused(body)) == {"x", "to[1]", "data", "validity"}

    def test_what_is_far_ahead_is_measured_from_now(self) -> None:
        at = "2026-02-01T00:00:00Z"
        body = encoded({"to": "381", "text": "hi", "send_at": at, "x": 1})
        assert set(refused(body)) == {"x"}

    def test_an_unprintable_name(self) -> None:
        found = refused(encoded({"to": "381", "text": "hi", "\ud800\n" + "я" * 99: 1}))
        (name,) = found
        assert name.startswith("\\ud800")
        assert name.isascii()


def test_both_ways_of_reading_agree() -> None:
    body = {"to": ["381"], "text": "Оля", "from": "A", "validity": 60, "flash": True}
    raw = {**body, "send_at": "2026-01-01T00:00:00+02:00", "priority": "high"}
    assert bodies._explained(raw, NOW, schema.requests) == bodies.submit(
        encoded(raw), NOW
    )


class TestSurrogates:
    @pytest.mark.parametrize("code", [0xD800, 0xDBFF, 0xDC00, 0xDFFF])
    def test_half_a_character_names_its_field(self, code: int) -> None:
        found = refused(encoded({"to": "381", "text": f"a{chr(code)}b"}))
        assert found == {"text": "has a lone surrogate, which is half a character"}

    def test_wherever_it_is(self) -> None:
        half = "\ud800"
        body = {"to": ["381", half], "text": "hi", "from": half, "priority": half}
        assert set(refused(encoded(body))) == {"to[1]", "from", "priority"}
        nested = {"to": [[half]], "text": {half: half}, "send_at": [half]}
        assert set(refused(encoded(nested))) == {"to[0]", "text", "send_at[0]"}

    def test_both_halves_are_a_character(self) -> None:
        body = b'{"to": "381", "text": "\\uD83D\\uDE00"}'
        assert bodies.submit(body, NOW).text == "😀"


class TestBatch:
    def batch(self, **body: object) -> list[Submit | InvalidError]:
        return list(bodies.batch(encoded(body)))

    def test_defaults_fill_what_is_left_out(self) -> None:
        got = self.batch(
            defaults={"from": "A", "text": "hi"},
            messages=[{"to": "1"}, {"to": "2", "from": "B"}, {"to": "3", "from": None}],
        )
        assert got == [
            Submit(to="1", from_="A", text="hi"),
            Submit(to="2", from_="B", text="hi"),
            Submit(to="3", from_=None, text="hi"),
        ]

    def test_without_defaults(self) -> None:
        assert self.batch(messages=[{"to": "1"}]) == [Submit(to="1")]
        assert self.batch(messages=[{"to": "1"}], defaults=None) == [Submit(to="1")]

    def test_one_bad_message_does_not_spoil_the_others(self) -> None:
        good, bad, broken, worse, none = self.batch(
            defaults={"text": "hi"},
            messages=[
                {"to": "1"},
                {"to": 5},
                {"to": "1", "text": "\ud800"},
                {"x": 1},
                None,
            ],
        )
        assert good == Submit(to="1", text="hi")
        for one, field in ((bad, "to"), (broken, "text"), (worse, "x"), (none, "")):
            assert isinstance(one, InvalidError)
            assert [error.field for error in one.errors] == [field]

    def test_both_ways_of_reading_agree(self) -> None:
        messages: list[Any] = [{"to": "1", "send_at": "2026-01-01T00:00:00Z"}, {}]
        strict = self.batch(messages=messages)
        loose = self.batch(messages=[*messages, {"x": 1}])
        assert loose[:2] == strict

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (b"", ""),
            (b"[]", ""),
            (b"{}", "messages"),
            (b'{"messages": []}', "messages"),
            (b'{"messages": {}}', "messages"),
            (b'{"messages": [{}], "\\ud800": 1}', ""),
            (b'{"messages": [{"text": "\xff"}]}', ""),
            (b'{"messages": [{}], "default": {}}', "default"),
            (b'{"messages": [{}], "defaults": {"validity": "x"}}', "defaults.validity"),
            (b'{"messages": [{}], "defaults": 5}', "defaults"),
            (b'{"messages": [' + b"{}," * MAX_MESSAGES + b"{}]}", "messages"),
        ],
    )
    def test_refused_as_a_whole(self, body: bytes, field: str) -> None:
        with pytest.raises(InvalidError) as info:
            bodies.batch(body)
        assert [error.field for error in info.value.errors] == [field]


class TestBatchLines:
    def read(self, *lines: bytes) -> list[tuple[int, Submit | InvalidError]]:
        found = bodies.batch_lines(b"\n".join(lines))
        return [(line.number, line.message) for line in found]

    def test_a_message_each(self) -> None:
        assert self.read(b'{"to": "1"}\r', b"", b'{"to": "2", "text": "x"}', b"") == [
            (1, Submit(to="1")),
            (3, Submit(to="2", text="x")),
        ]

    def test_defaults_may_lead(self) -> None:
        got = self.read(b'{"defaults": {"text": "hi"}}', b'{"to": "1"}')
        assert got == [(2, Submit(to="1", text="hi"))]
        assert self.read(b'{"defaults": null}', b"{}") == [(2, Submit())]

    @pytest.mark.parametrize(
        ("line", "field", "message"),
        [
            (b'{"to": "1"', "", "not JSON"),
            (b"[]", "", "expected an object"),
            (b'{"to": "\xff"}', "", "not UTF-8 at octet 8"),
            (b'{"to": 5}', "to", "expected a string"),
            (b'{"defaults": {}}', "defaults", "unknown field"),
            (b"[" * 100_000, "", "more objects and lists"),
            (b"[" * 9_000, "", "not JSON"),
        ],
    )
    def test_a_bad_line_is_refused_alone(
        self, line: bytes, field: str, message: str
    ) -> None:
        first, (number, bad), last = self.read(b'{"to": "1"}', line, b'{"to": "2"}')
        assert (first, last) == ((1, Submit(to="1")), (3, Submit(to="2")))
        assert number == 2
        assert isinstance(bad, InvalidError)
        assert [error.field for error in bad.errors] == [field]
        assert message in bad.errors[0].message

    def test_what_only_looks_like_defaults_is_a_message(self) -> None:
        for line in (b'{"defaults": {}, "to": "1"}', b'{"defaults": {}', b'"defaults"'):
            ((number, bad),) = self.read(line)
            assert number == 1
            assert isinstance(bad, InvalidError)

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (b"", "messages"),
            (b"\n \r\n", "messages"),
            (b'{"defaults": {"text": "hi"}}', "messages"),
            (b'{"defaults": {"validity": "x"}}\n{}', "defaults.validity"),
            (b'{"defaults": 5}\n{}', "defaults"),
            (b"{}\n" * (MAX_MESSAGES + 1), "messages"),
            (b"\n" * 8_000_000, "messages"),
        ],
    )
    def test_refused_as_a_whole(self, body: bytes, field: str) -> None:
        with pytest.raises(InvalidError) as info:
            bodies.batch_lines(body)
        assert [error.field for error in info.value.errors] == [field]

    def test_as_many_as_in_a_list(self) -> None:
        body = b'{"defaults": {"to": "1"}}\n' + b"{}\n" * MAX_MESSAGES
        assert len(bodies.batch_lines(body)) == MAX_MESSAGES


class TestSprawl:
    """A small body must not become a large heap."""

    def test_a_batch(self) -> None:
        body = b'{"messages": [' + b"{}," * 1_000_000 + b"{}]}"
        with pytest.raises(InvalidError, match="messages: at most 10000 messages"):
            bodies.batch(body)

    def test_one_message(self) -> None:
        body = b'{"text": 1, "x": [' + b"[]," * 1_000_000 + b"[]]}"
        assert refused(body) == {"": "more objects and lists than any request has"}

    def test_texts(self) -> None:
        body = b'{"text": 1, "x": "' + b"[" * 20_000 + b'"' + b'""' * 600_000 + b"}"
        assert refused(body) == {"": "more objects and lists than any request has"}

    def test_brackets_in_texts_are_none(self) -> None:
        text = '{"[\\' * 1000
        messages = [{"to": "381", "text": text}] * 20
        assert len(bodies.batch(encoded({"messages": messages}))) == 20
        found = refused(encoded({"to": "381", "text": text * 9, "x": 1}))
        assert found == {"x": "unknown field"}


class TestOthers:
    def test_estimated(self) -> None:
        assert bodies.estimated(b'{"text": "hi"}', NOW) == Submit(text="hi")
        with pytest.raises(InvalidError) as info:
            bodies.estimated(b'{"text": 5}', NOW)
        assert [error.field for error in info.value.errors] == ["text"]

    def test_resolve(self) -> None:
        assert bodies.resolve(b'{"as": "resend"}') is True
        assert bodies.resolve(b'{"as": "fail"}') is False

    @pytest.mark.parametrize(
        ("body", "field"),
        [(b"{}", "as"), (b'{"as": "x"}', "as"), (b'{"as": "fail", "x": 1}', "x")],
    )
    def test_no_resolve(self, body: bytes, field: str) -> None:
        with pytest.raises(InvalidError) as info:
            bodies.resolve(body)
        assert [error.field for error in info.value.errors] == [field]

    def test_replay(self) -> None:
        got = bodies.replay(b'{"since": "2026-01-01T00:00:00Z"}')
        assert got.dead is False
        with pytest.raises(InvalidError, match="since"):
            bodies.replay(b'{"since": "yesterday"}')


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_octets_are_read_or_refused(body: bytes) -> None:
    for read in (
        lambda: bodies.submit(body, NOW),
        lambda: bodies.batch(body),
        lambda: bodies.batch_lines(body),
        lambda: bodies.resolve(body),
    ):
        with contextlib.suppress(InvalidError):  # and raises nothing else
            read()
