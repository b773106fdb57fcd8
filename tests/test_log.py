"""Logs: one line an event, nothing private on it, nothing that forges a line."""

import io
import json
import logging
import re
import warnings
from collections.abc import Iterator

import pytest

from esmed import log
from esmed.models import MessageState
from esmed.secret import Secret

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root, access = logging.getLogger(), logging.getLogger("aiohttp.access")
    before = root.handlers, root.level, access.level
    yield
    root.handlers, root.level, access.level = before
    logging.captureWarnings(capture=False)


def lines(form: log.Format = "text", *, mask: bool = True) -> io.StringIO:
    stream = io.StringIO()
    log.configure(form, mask=mask, stream=stream)
    return stream


def only(stream: io.StringIO) -> str:
    """The one line written, without its time."""
    (line,) = stream.getvalue().splitlines()
    assert STAMP.match(line)
    return STAMP.sub("", line, count=1)


class TestText:
    def test_an_event(self) -> None:
        stream = lines()
        log.get("smpp.link").info(
            "link.bound", connector="carrier", host="smsc:2775", since=0.25, tls=True
        )
        assert only(stream) == (
            "INFO smpp.link link.bound connector=carrier host=smsc:2775 "
            "since=0.25 tls=true"
        )

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ("plain", "plain"),
            ("", '""'),
            ("two words", '"two words"'),
            ("a=b", '"a=b"'),
            ('say "x"', '"say \\"x\\""'),
            ("back\\slash", '"back\\\\slash"'),
            ("one\ntwo", '"one\\ntwo"'),
            ("\x1b[2J\x9b\x7f", '"\\x1b[2J\\x9b\\x7f"'),
            ("\u2028\u202e", '"\\u2028\\u202e"'),
            ("\ud800", '"\\ud800"'),
            ("Київ", "Київ"),
            (5, "5"),
            (1 / 3, "0.333333"),
            (None, "null"),
            (False, "false"),
            (MessageState.DELIVERED, "delivered"),
            (b"\x05\x00", "0500"),
            (Secret("hunter2"), "(redacted)"),
            (ValueError("what"), "what"),
            (ValueError(), "ValueError"),
            (["a", 1], "\"['a', 1]\""),
        ],
    )
    def test_values(self, value: object, shown: str) -> None:
        stream = lines()
        log.get("x").info("event", value=value)
        assert only(stream) == f"INFO x event value={shown}"

    def test_the_event_itself_is_escaped(self) -> None:
        stream = lines()
        logging.getLogger("other").warning("one\ntwo %s", "\x1b")
        assert only(stream) == "WARNING other one\\ntwo \\x1b"

    def test_a_trailing_underscore_is_not_shown(self) -> None:
        stream = lines()
        log.get("x").warning("event", from_="MyCompany")
        assert only(stream) == "WARNING x event from=MyCompany"

    @pytest.mark.parametrize("level", ["warning", "error"])
    def test_exceptions_stay_on_the_line(self, level: str) -> None:
        stream = lines()
        with pytest.raises(OSError, match="route") as caught:
            raise OSError("no\nroute")
        getattr(log.get("x"), level)("event", exc=caught.value, host="a")
        line = only(stream)
        assert line.startswith(
            f'{level.upper()} x event host=a error="OSError: no\\nroute" traceback="'
        )
        assert "test_log.py" in line


class TestJson:
    def test_an_event(self) -> None:
        stream = lines("json")
        log.get("dispatch").error(
            "x", n=1, f=0.5, s="Київ\n", e=None, to_="380501234567"
        )
        assert stream.getvalue().isascii()
        (line,) = stream.getvalue().splitlines()
        event = json.loads(line)
        assert STAMP.fullmatch(event.pop("ts") + " ")
        assert event == {
            "level": "error",
            "logger": "dispatch",
            "event": "x",
            "n": 1,
            "f": 0.5,
            "s": "Київ\n",
            "e": None,
            "to": "380*******67",
        }

    def test_fields_cannot_pose_as_the_head(self) -> None:
        stream = lines("json")
        log.get("x").info("real", event="fake", level="fake", ts="fake")
        event = json.loads(stream.getvalue())
        assert (event["event"], event["level"]) == ("real", "info")
        assert event["ts"] != "fake"


class TestPrivacy:
    @pytest.mark.parametrize(
        ("number", "shown"),
        [
            ("380501234567", "380*******67"),
            ("+380 50 123-45-67", "+380 ** ***-**-67"),
            ("1234567", "123**67"),
            ("123456", "123456"),
            ("MyCompany", "MyCompany"),
            ("", ""),
        ],
    )
    def test_numbers(self, number: str, shown: str) -> None:
        assert log.mask_number(number) == shown

    def test_by_name_of_the_field(self) -> None:
        stream = lines()
        log.get("x").info(
            "e",
            to="380501234567",
            text="Привіт",
            data=b"\x01\x02",
            udh=None,
            id="7" * 9,
        )
        assert only(stream) == (
            'INFO x e to=380*******67 text="(6 characters)" data="(2 octets)" '
            "udh=null id=777777777"
        )

    def test_shown_when_asked_for(self) -> None:
        stream = lines(mask=False)
        log.get("x").info("e", to="380501234567", text="Привіт", data=b"\x01\x02")
        assert only(stream) == "INFO x e to=380501234567 text=Привіт data=0102"


class TestSetUp:
    def test_debug_only_if_asked_for(self) -> None:
        stream = lines()
        log.get("x").debug("quiet")
        assert not log.get("x").enabled_for_debug()
        assert stream.getvalue() == ""
        log.configure(level=logging.DEBUG, stream=stream)
        log.get("x").debug("loud")
        assert log.get("x").enabled_for_debug()
        assert only(stream) == "DEBUG x loud"

    def test_configured_twice_writes_once(self) -> None:
        lines()
        stream = lines()
        log.get("x").info("e")
        assert only(stream) == "INFO x e"

    def test_stderr_is_the_default(self, capsys: pytest.CaptureFixture[str]) -> None:
        log.configure()
        log.get("x").info("e")
        captured = capsys.readouterr()
        assert (captured.out, captured.err.endswith("INFO x e\n")) == ("", True)

    def test_requests_are_not_logged(self) -> None:
        stream = lines()
        logging.getLogger("aiohttp.access").info("GET /")
        assert stream.getvalue() == ""

    def test_warnings_are_logged(self) -> None:
        stream = lines()
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("careful", UserWarning, stacklevel=1)
        assert "WARNING py.warnings" in only(stream)
