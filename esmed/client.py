"""The commands that ask a running daemon, over its HTTP interface.

Answers go to stdout, complaints to stderr, one line each.
"""

# ruff: noqa: T201 - the terminal is its interface

import argparse
import asyncio
import contextlib
import os
import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import msgspec

from esmed import sendfile
from esmed.remote import ClientError, Daemon, UsageError

DEFAULT_URL: Final = "http://127.0.0.1:8775"
_POLL: Final = (0.1, 1.0)  # seconds; the first and the longest pause
_AGO: Final = re.compile(r"(\d+)([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_GOOD: Final = frozenset({"delivered", "sent"})


Question = Callable[[Daemon, argparse.Namespace], Awaitable[int]]


async def run(name: str, args: argparse.Namespace) -> int:
    """Run a command; the exit code."""
    url = args.url or os.environ.get("ESMED_URL") or DEFAULT_URL
    async with Daemon(url, os.environ.get("ESMED_TOKEN")) as daemon:
        try:
            return await COMMANDS[name](daemon, args)
        except ClientError as exc:
            for line in str(exc).splitlines():
                print(line, file=sys.stderr)
            return 2 if isinstance(exc, UsageError) else 1


# --- the commands --------------------------------------------------------------------


async def send(daemon: Daemon, args: argparse.Namespace) -> int:
    """Submit a message, or one for each destination, or those of a file; with
    ``wait``, await their end."""
    body = _given(args, "from_", "connector", "priority", "reference")
    if args.csv is not None:
        if args.text is not None:
            body["text"] = _text(args.text)
        return await sendfile.send(daemon, args, body)
    body["to"] = args.to if len(args.to) > 1 else args.to[0]
    body["text"] = _text(args.text)
    answer = await daemon.ask("POST", "/v1/messages", body)
    messages = answer.get("messages", [answer])
    for message in messages:
        if not args.wait:
            print(f"{message['id']}  {message['to']}  {message['state']}")
    if not args.wait:
        return 0
    ends = await asyncio.gather(*(_end(daemon, message) for message in messages))
    return 0 if all(ends) else 1


async def _end(daemon: Daemon, message: Mapping[str, Any]) -> bool:
    """Wait for a message's final state, showing each one; tell whether it is good."""
    pause, longest = _POLL
    shown = None
    while True:
        state = message["state"]
        if state != shown:
            error = message["error"]
            detail = f"  {_error(error)}" if error else ""
            print(f"{message['id']}  {message['to']}  {state}{detail}", flush=True)
            shown = state
        if message["final"]:
            return state in _GOOD
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, longest)
        message = await daemon.ask("GET", f"/v1/messages/{message['id']}")


async def status(daemon: Daemon, _: argparse.Namespace) -> int:
    """Show whether the daemon is ready, and its connectors."""
    try:
        await daemon.ask("GET", "/readyz")
        print("ready")
    except ClientError as exc:
        if exc.status != HTTPStatus.SERVICE_UNAVAILABLE:
            raise
        print(f"not ready: {exc}")
    connectors = (await daemon.ask("GET", "/v1/connectors"))["connectors"]
    rows = [
        (
            one["name"],
            one["kind"],
            one["state"],
            f"{one['window_used']}/{one['window_size']}",
            _rate(one),
            str(one["queued"]),
            _age(one["oldest_queued_seconds"]),
            one["reason"],
        )
        for one in connectors
    ]
    heads = ("CONNECTOR", "KIND", "STATE", "WINDOW", "RATE", "QUEUED", "OLDEST", "WHY")
    print()
    _table(heads, rows)
    hosts = [
        (one["name"], host["address"], host["role"], host["state"], host["reason"])
        for one in connectors
        for host in one["hosts"]
    ]
    if hosts:
        print()
        _table(("CONNECTOR", "HOST", "ROLE", "STATE", "WHY"), hosts)
    return 0


async def trace(daemon: Daemon, args: argparse.Namespace) -> int:
    """Show the way of a message, a line for each event."""
    found = await daemon.ask("GET", f"/v1/messages/{_quoted(args.id)}/trace")
    print(f"{found['id']}  {found['state']}")
    for entry in found["timeline"]:
        at, event = entry.pop("at"), entry.pop("event")
        rest = "  ".join(f"{key}={_shown(value)}" for key, value in entry.items())
        print(f"{at}  {event:8}  {rest}".rstrip())
    return 0


async def estimate(daemon: Daemon, args: argparse.Namespace) -> int:
    """Show what a text takes."""
    body = {**_given(args, "to", "from_", "connector"), "text": _text(args.text)}
    found = await daemon.ask("POST", "/v1/estimate", body)
    parts, units = found["parts"], found["units"]
    print(
        f"{found['encoding']}: {parts} part{'s' if parts > 1 else ''},"
        f" {units} units, {found['units_per_part']} fit a part"
    )
    if found["forcing_characters"]:
        print(f"because of {' '.join(found['forcing_characters'])}")
    return 0


async def cancel(daemon: Daemon, args: argparse.Namespace) -> int:
    """Cancel a message."""
    message = await daemon.ask("DELETE", f"/v1/messages/{_quoted(args.id)}")
    print(f"{message['id']}  {message['state']}")
    return 0


async def pause(daemon: Daemon, args: argparse.Namespace) -> int:
    """Pause a connector."""
    return await _order(daemon, args.connector, "pause")


async def resume(daemon: Daemon, args: argparse.Namespace) -> int:
    """Undo ``pause``."""
    return await _order(daemon, args.connector, "resume")


async def _order(daemon: Daemon, connector: str, order: str) -> int:
    path = f"/v1/connectors/{_quoted(connector)}/{order}"
    found = await daemon.ask("POST", path)
    print(f"{found['name']}  {found['state']}")
    return 0


async def operation(daemon: Daemon, args: argparse.Namespace) -> int:
    """Have a connector do something; without a name, show what it can do."""
    path = f"/v1/connectors/{_quoted(args.connector)}/operations"
    known = {one["name"]: one for one in (await daemon.ask("GET", path))["operations"]}
    if args.operation is None:
        for one in known.values():
            _explain(one)
        if not known:
            print(f"{args.connector} has no operations")
        return 0
    schema = known.get(args.operation, {}).get("arguments", {})
    body = _arguments(args.arguments, schema)
    found = await daemon.ask("POST", f"{path}/{_quoted(args.operation)}", body)
    print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    return 0


async def replay(daemon: Daemon, args: argparse.Namespace) -> int:
    """Have events sent to their webhooks again."""
    since = _since(args.since, datetime.now(UTC))
    body = {"since": since.isoformat(), "dead": args.dead}
    found = await daemon.ask("POST", "/v1/replay", body)
    print(f"{found['replayed']} events are sent again")
    return 0


COMMANDS: Final[Mapping[str, Question]] = {
    "send": send,
    "status": status,
    "trace": trace,
    "estimate": estimate,
    "cancel": cancel,
    "operation": operation,
    "pause": pause,
    "resume": resume,
    "replay": replay,
}


# --- arguments -----------------------------------------------------------------------


def _text(argument: str) -> str:
    """Return the text to send: the argument, or what stdin holds."""
    if argument != "-":
        if any("\ud800" <= char <= "\udfff" for char in argument):
            raise UsageError("text: not UTF-8")
        return argument
    try:
        return sys.stdin.buffer.read().decode().removesuffix("\n")
    except UnicodeDecodeError as exc:
        raise UsageError("text: what stdin holds is not UTF-8") from exc


def _arguments(pairs: Sequence[str], schema: Mapping[str, Any]) -> dict[str, object]:
    """Return ``key=value`` arguments, typed as the schema says; else as they look.

    An array is JSON, or texts with commas between them.
    """
    found: dict[str, object] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"{pair}: expected KEY=VALUE")
        types = _types(schema.get("properties", {}).get(key, {}))
        found[key] = text
        if "string" not in types:
            with contextlib.suppress(msgspec.DecodeError):
                found[key] = msgspec.json.decode(text)
        if "array" in types and not isinstance(found[key], list | None):
            found[key] = [one.strip() for one in text.split(",")]
    return found


def _types(schema: Mapping[str, Any]) -> list[str]:
    """Return the types that a value may have by a JSON Schema, as far as it says."""
    return [one["type"] for one in schema.get("anyOf", [schema]) if "type" in one]


def _choices(schema: Mapping[str, Any]) -> Iterator[str]:
    """Return what a value may be by a JSON Schema: values where it lists them, else
    types."""
    for one in schema.get("anyOf", [schema]):
        if "enum" in one:
            yield from map(str, one["enum"])
        elif "enum" in one.get("items", {}):
            yield f"array of {', '.join(map(str, one['items']['enum']))}"
        elif "type" in one:
            yield one["type"]


def _given(args: argparse.Namespace, *names: str) -> dict[str, object]:
    """Return the fields whose arguments were given."""
    values = {name.rstrip("_"): getattr(args, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _since(text: str, now: datetime) -> datetime:
    """Return a time given as such, or by how long it is ago."""
    if ago := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as exc:
        message = "--since: expected 2026-01-31T09:00:00Z, 2026-01-31, or 30m, 24h, 7d"
        raise UsageError(message) from exc


def _quoted(part: str) -> str:
    return quote(part, safe="")


# --- showing -------------------------------------------------------------------------


def _explain(operation: Mapping[str, Any]) -> None:
    """Show an operation and its arguments."""
    print(f"{operation['name']}: {operation['summary']}")
    schema = operation["arguments"]
    for key, one in schema["properties"].items():
        needed = key in schema["required"]
        default = "needed" if needed else f"default {_json(one.get('default'))}"
        words = [" or ".join(_choices(one)), default, one.get("description", "")]
        print(f"  {key}: {'; '.join(filter(None, words))}")


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = [heads, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(heads))]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _rate(connector: Mapping[str, Any]) -> str:
    rate = connector["rate"]
    return "-" if rate is None else f"{rate:g}/s"


def _age(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.0f} s"


def _error(error: Mapping[str, Any]) -> str:
    code = "" if error["code"] is None else f" {error['code']}"
    return f"({error['class']}{code}: {error['detail']})"


def _shown(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return f'"{text}"' if " " in text else text
