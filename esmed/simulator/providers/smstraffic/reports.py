"""What a report holds: JSON, or a CSV without names of columns, or that in a ZIP."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Literal, Self

import msgspec
from msgspec import Struct

from esmed.simulator.bridge.outcomes import Step
from esmed.simulator.bridge.register import Message
from esmed.simulator.providers._smstraffic import ZONE

_USUAL: Final = (
    *("id", "subscriber", "message", "submission_date", "send_date"),
    *("delivery_date", "status", "originator"),
)
_MOST: Final = 50
_UNDELIVERED: Final = frozenset(
    {"Non Delivered", "Rejected", "Expired", "Deleted", "Unknown status"}
)

Column = Literal[
    "id",
    "subscriber",
    "message",
    "submission_date",
    "send_date",
    "delivery_date",
    "read_date",
    "channel",
    "status",
    "cost",
    "originator",
    "ip",
    "error",
    "parts",
    "operator_name",
    "country_name",
    "batch_name",
    "department_name",
]


class Wish(Struct, kw_only=True):
    """The body of a request for one."""

    from_: datetime | None = msgspec.field(name="from", default=None)
    to: datetime | None = None
    originator: str | None = None
    subscriber: str | None = None
    type: Literal["mt", "mo"] | None = None
    status: Literal["delivered", "not_delivered", "read"] | None = None
    channels: list[str] | None = None
    department: str | None = None
    fields: list[Column] | None = None
    format: Literal["zip", "csv", "json"] = "json"
    limit: int = _MOST
    offset: int = 0


class Report(Struct, kw_only=True):
    """One that was asked for; `ready`: when, by the event loop's clock."""

    format: str
    count: int
    rows: Sequence[Sequence[str]]
    ready: float = 0.0

    @classmethod
    def read(
        cls,
        body: Any,
        messages: Iterable[Message],
        state: Callable[[Message], Step | None],
    ) -> Self | None:
        """Make one of these messages; None: nobody knows what is wanted."""
        try:
            wish = msgspec.convert(body, Wish)
        except msgspec.ValidationError:
            return None
        chosen = [
            (message, step.word if step else "", step.err if step else "")
            for message in messages
            for step in [state(message)]
            if _wanted(wish, message, step.word if step else "")
        ]
        columns = wish.fields or _USUAL
        rows = [[_cell(name, *one) for name in columns] for one in chosen]
        shown = rows
        if wish.format == "json":
            shown = rows[wish.offset : wish.offset + wish.limit]
        return cls(format=wish.format, count=len(rows), rows=shown)

    def file(self) -> bytes:
        """The CSV, or the ZIP with it."""
        text = io.StringIO()
        csv.writer(text, delimiter=";", lineterminator="\n").writerows(self.rows)
        content = text.getvalue().encode()
        if self.format == "csv":
            return content
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("report.csv", content)
        return packed.getvalue()


def of_json(report: Report, *, as_printed: bool) -> bytes:
    """As JSON, or as the sample of the description prints it, which is none."""
    if not as_printed:
        return msgspec.json.encode({"count": report.count, "messages": report.rows})
    rows = [
        "[" + ", ".join(f"{{{_quoted(cell)}}}" for cell in row) + "]"
        for row in report.rows
    ]
    return f'{{"count":{report.count},"messages":[{",".join(rows)}]}}'.encode()


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _wanted(wish: Wish, message: Message, status: str) -> bool:
    at = datetime.fromtimestamp(message.at, ZONE)
    words = {
        None: None,
        "delivered": {"Delivered", "Read"},
        "read": {"Read"},
        "not_delivered": _UNDELIVERED,
    }[wish.status]
    return (
        (wish.from_ is None or at >= wish.from_)
        and (wish.to is None or at <= wish.to)
        and wish.originator in {None, message.from_}
        and wish.subscriber in {None, message.to}
        and wish.type in {None, "mt"}
        and (wish.channels is None or "sms" in wish.channels)
        and wish.department in {None, ""}
        and (words is None or status in words)
    )


def _cell(name: str, message: Message, status: str, err: str) -> str:
    sent = datetime.fromtimestamp(message.at, ZONE).isoformat(timespec="seconds")
    known = {
        "id": message.id,
        "subscriber": message.to,
        "message": message.text or "",
        "submission_date": sent,
        "send_date": sent,
        "delivery_date": sent if status else "",
        "channel": "sms",
        "status": status,
        "originator": message.from_,
        "error": err,
        "parts": str(message.parts),
        "batch_name": message.fields.get("batchName", ""),
        "country_name": "Russian Federation",
    }
    return known.get(name, "")
