"""Logs: one line an event, nothing private on it, nothing that forges a line."""

import asyncio
import io
import json
import logging
import re
import warnings
from collections.abc import Iterator

import pytest

from esmed import log, masking
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


def lines(
    form: log.Format = "text",
    *,
    numbers: log.Shown = "masked",
    texts: log.Shown = "masked",
) -> io.StringIO:
    stream = io.StringIO()
    log.configure(form, numbers=numbers, texts=texts, stream=stream)
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
        assert masking.number(number) == shown

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

    @pytest.mark.parametrize(
        ("numbers", "texts", "shown"),
        [
            ("full", "full", "to=380501234567 text=Привіт"),
            ("full", "masked", 'to=380501234567 text="(6 characters)"'),
            ("masked", "full", "to=380*******67 text=Привіт"),
        ],
    )
    def test_shown_when_asked_for(
        self, numbers: log.Shown, texts: log.Shown, shown: str
    ) -> None:
        stream = lines(numbers=numbers, texts=texts)
        log.get("x").info("e", to="380501234567", text="Привіт")
        assert only(stream) == f"INFO x e {shown}"

    def test_numbers_in_exceptions(self) -> None:
        broken = ValueError(
            "what is +380501234567 in 019b76da-a800-7611-85c8-123456789"
        )
        stream = lines()
        log.get("x").error("e", exc=broken, reason=broken)
        masked = "what is +380*******67 in 019b76da-a800-7611-85c8-123456789"
        assert only(stream).count(masked) == 3
        stream = lines(numbers="full")
        log.get("x").error("e", exc=broken, reason=broken)
        assert only(stream).count(str(broken)) == 3

    def test_a_mapping_is_shown_as_it_is(self) -> None:
        """Who makes one has masked what is in it."""
        fields = {"source_addr": "380501234567", "n": 1, "x": 'say "ї"\n'}
        stream = lines("json")
        log.get("x").info("e", fields=fields)
        assert json.loads(stream.getvalue())["fields"] == fields
        stream = lines()
        log.get("x").info("e", fields={"n": 1, "ї": "\n"})
        assert only(stream) == r'''INFO x e fields="{\"n\": 1, \"ї\": \"\\n\"}"'''


class TestFaults:
    """What asyncio caught: the exception, and not the objects around it."""

    async def test_a_callback(self) -> None:
        stream = lines()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(log.tell_fault)

        def broken(_: str) -> None:
            raise ValueError("what")

        loop.call_soon(broken, "Привіт")
        await asyncio.sleep(0)
        line = only(stream)
        assert line.startswith(
            'ERROR loop loop.fault what="Exception in callback TestFaults.'
        )
        assert 'error="ValueError: what"' in line
        assert "Привіт" not in line

    def test_what_has_no_exception(self) -> None:
        stream = lines()
        log.tell_fault(None, {"message": "socket.accept() out of system resource"})
        assert only(stream) == (
            'ERROR loop loop.fault what="socket.accept() out of system resource"'
        )


class TestSetUp:
    def test_debug_only_if_asked_for(self) -> None:
        stream = lines()
        log.get("x").debug("quiet")
        assert not log.get("x").enabled_for_debug()
        assert stream.getvalue() == ""
        log.configure(level="debug", stream=stream)
        log.get("x").debug("loud")
        assert log.get("x").enabled_for_debug()
        assert only(stream) == "DEBUG x loud"

    def test_what_was_asked_for_is_told_whatever_the_level(self) -> None:
        stream = io.StringIO()
        log.configure(level="error", stream=stream)
        log.get("x").warning("e")
        log.get(log.ASKED_FOR).info("pdu")
        assert only(stream) == f"INFO {log.ASKED_FOR} pdu"

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
