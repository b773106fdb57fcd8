"""Structured logs: an event name and fields, one line each, on stderr.

    log = get("smpp.link")
    log.info("link.bound", connector="carrier", host="smsc.example.net:2775")

    2026-01-01T12:00:00.000Z INFO smpp.link link.bound connector=carrier host=smsc…

What a field holds is told by its name: those of `NUMBERS` are phone numbers and those
of `TEXTS` are what people wrote. Both are masked unless `configure` is told otherwise,
and so is what looks like a phone number in the text of an exception. A mapping is shown
as it is: who makes one masks what is in it.
Control characters are escaped, so that nobody's text can forge a line or move a cursor.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, Literal, TextIO

from esmed import masking

Format = Literal["text", "json"]
Level = Literal["debug", "info", "warning", "error"]
Shown = Literal["masked", "full"]

NUMBERS: Final = frozenset(
    {"to", "from", "sender", "number", "source", "destination", "source_addr"}
    | {"destination_addr"}
)
TEXTS: Final = frozenset({"text", "data", "udh", "short_message", "body"})

ASKED_FOR: Final = "smpp.pdu"
"""The log whose events are told whatever the level."""

_FIELDS = "esmed_fields"
_NEEDS_QUOTES = re.compile(r'[\s"=\\]|^$')


class Log:
    """Writes events of one part of the program. `from_` is the field `from`.

    `exc` adds what went wrong: `error` (type and text) and `traceback`, on the line.
    """

    __slots__ = ("_logger",)

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def debug(self, event: str, /, **fields: object) -> None:
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: object) -> None:
        self._write(logging.INFO, event, fields)

    def warning(
        self, event: str, /, *, exc: BaseException | None = None, **fields: object
    ) -> None:
        self._write(logging.WARNING, event, fields, exc)

    def error(
        self, event: str, /, *, exc: BaseException | None = None, **fields: object
    ) -> None:
        self._write(logging.ERROR, event, fields, exc)

    def enabled_for_debug(self) -> bool:
        """For callers whose fields cost something to make."""
        return self._logger.isEnabledFor(logging.DEBUG)

    def _write(
        self,
        level: int,
        event: str,
        fields: dict[str, object],
        exc: BaseException | None = None,
    ) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", event, exc_info=exc, extra={_FIELDS: fields})


def get(name: str) -> Log:
    """The log of `name`, a dotted name below `esmed`."""
    return Log(logging.getLogger(f"esmed.{name}"))


def configure(
    form: Format = "text",
    *,
    level: Level = "info",
    numbers: Shown = "masked",
    texts: Shown = "masked",
    stream: TextIO | None = None,
) -> None:
    """Send every log of the process to `stream` (stderr), instead of where it went."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(EventFormatter(form, numbers=numbers, texts=texts))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    # One line per request is what metrics are for.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    # Somebody asked for these, for a while.
    logging.getLogger(f"esmed.{ASKED_FOR}").setLevel(logging.INFO)


def tell_fault(_: object, context: Mapping[str, Any]) -> None:
    """Tell what asyncio caught, as its exception handler.

    Its own one shows the objects concerned, whose arguments may be private.
    """
    what = str(context.get("message", ""))
    if what.startswith("Exception in callback"):
        what = what.partition("(")[0]
    get("loop").error("loop.fault", exc=context.get("exception"), what=what)


class EventFormatter(logging.Formatter):
    """One line a record; records of other packages become their text."""

    def __init__(
        self, form: Format, *, numbers: Shown = "masked", texts: Shown = "masked"
    ) -> None:
        super().__init__()
        self._form = form
        self._mask_numbers = numbers == "masked"
        self._mask_texts = texts == "masked"

    def format(self, record: logging.LogRecord) -> str:
        fields = self._fields(record)
        moment = datetime.fromtimestamp(record.created, UTC)
        stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        name = record.name.removeprefix("esmed.")
        event = record.getMessage()
        if self._form == "json":
            head = {"ts": stamp, "level": record.levelname.lower(), "logger": name}
            head["event"] = event
            return json.dumps({**head, **fields, **head})
        words = [f"{key}={_word(value)}" for key, value in fields.items()]
        return " ".join([stamp, record.levelname, name, _escape(event), *words])

    def _fields(self, record: logging.LogRecord) -> dict[str, object]:
        given: dict[str, object] = getattr(record, _FIELDS, {})
        fields = {
            key.removesuffix("_"): self._value(key.removesuffix("_"), value)
            for key, value in given.items()
        }
        if record.exc_info and record.exc_info[1] is not None:
            exc = record.exc_info[1]
            fields["error"] = self._prose(f"{type(exc).__name__}: {exc}")
            fields["traceback"] = self._prose("".join(traceback.format_exception(exc)))
        return fields

    def _prose(self, text: str) -> str:
        return masking.numbers_in(text) if self._mask_numbers else text

    def _value(self, name: str, value: object) -> object:
        if value is not None:
            if self._mask_numbers and name in NUMBERS:
                return masking.number(str(value))
            if self._mask_texts and name in TEXTS:
                return masking.size(value)
        match value:
            case Enum():
                return value.value
            case None | bool() | int() | float() | str():
                return value
            case bytes():
                return value.hex()
            case BaseException():
                return self._prose(str(value)) or type(value).__name__
            case Mapping():
                return dict(value)
            case _:
                return str(value)


def _word(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    elif not isinstance(value, str):
        return json.dumps(value)
    text = _escape(value)
    if text != value or _NEEDS_QUOTES.search(text):
        return '"' + text.replace('"', '\\"') + '"'
    return text


def _escape(text: str) -> str:
    """`text` on one line: what is not printable, and the backslash, as escapes."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(
        char if char.isprintable() and char != "\\" else _escaped(char) for char in text
    )


def _escaped(char: str) -> str:
    # Not the codec unicode_escape: Python loads it from a file at its first use, which
    # may be when there are no file descriptors left, and that is what is to be logged.
    return ascii(char)[1:-1]
