"""Reports: made by one node, and fetched from that node only. Pure.

A node answers the download when the report is ready, or with 204 after five minutes at
most. Reports are not shared between nodes, so if the one that made it is lost, or does
not know it any more, the other one makes it anew.
"""

import re
from base64 import b64encode
from collections.abc import Generator, Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from msgspec import Meta, Struct, field

from esmed.bridge import dates, replies
from esmed.bridge.base import HttpCall, NoReply, Reply, Steps, Wait
from esmed.bridge.content import refused
from esmed.models import Fault, FaultClass, Millis
from esmed.providers._smstraffic import TROUBLE
from esmed.providers.smstraffic.wire import Caller, id_of, number_of

REPORT_SECONDS: Final = 1800.0
LONG_POLL: Final = 330.0
"""Seconds for one download: the node keeps it waiting for 300."""
BETWEEN_POLLS: Final = 1.0
MOST_POLLS: Final = int(REPORT_SECONDS)
MOST_OCTETS: Final = 64 * 2**20
_TRIES: Final = 2
"""Reports made for one that is wanted: one for each node."""

_LOOSE_STRING: Final = re.compile(rb'\{\s*("(?:[^"\\]|\\.)*")\s*\}')
"""As the sample of the description has each value."""

Channel = Literal["sms", "push", "viber", "whatsapp", "vk", "ok", "telegram"]
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


class Report(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Arguments of ``report``, under the provider's names; what is left out is left
    to the provider."""

    from_: Annotated[str | None, Meta(description="sent from then on, RFC 3339")] = (
        field(name="from", default=None)
    )
    to: Annotated[str | None, Meta(description="sent until then, RFC 3339")] = None
    originator: Annotated[str | None, Meta(description="exactly this sender")] = None
    subscriber: Annotated[str | None, Meta(description="this phone number or id")] = (
        None
    )
    type: Annotated[
        Literal["mt", "mo"] | None,
        Meta(description="mt: sent, mo: received"),
    ] = None
    status: Annotated[
        Literal["delivered", "not_delivered", "read"] | None,
        Meta(description="null: any"),
    ] = None
    channels: Annotated[
        Annotated[tuple[Channel, ...], Meta(min_length=1)] | None,
        Meta(description="null: all"),
    ] = None
    department: Annotated[
        str | None, Meta(description='"": the main account; null: all')
    ] = None
    fields: Annotated[
        Annotated[tuple[Column, ...], Meta(min_length=1)] | None,
        Meta(description="columns, in this order; null: the usual eight"),
    ] = None
    format: Annotated[
        Literal["json", "csv", "zip"], Meta(description="zip: a CSV, compressed")
    ] = "json"
    limit: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None,
        Meta(description="rows of json; null: 50"),
    ] = None
    offset: Annotated[
        Annotated[int, Meta(ge=0, le=1000)] | None,
        Meta(description="the first row of json"),
    ] = None


def report(
    caller: Caller, nodes: tuple[str, ...], wanted: Report, now: Millis
) -> Steps:
    """Have a report made and fetch it."""
    for name, date in (("from", wanted.from_), ("to", wanted.to)):
        if date is not None and dates.read(date) is None:
            return refused(name, "expected a date such as 2025-01-01T00:00:00+03:00")
    node = None
    failed = Fault(FaultClass.TEMPORARY, None, "no node has kept the report")
    for _ in range(_TRIES):
        created = yield caller.post("report", "/v2/report", wanted, node=node)
        made = _made(created)
        if isinstance(made, str):
            fetched = yield from _fetch(caller, made, created.node)
            if isinstance(fetched, Reply):
                return _shown(wanted, made, fetched)
            if fetched.cls is FaultClass.ACCOUNT:
                return fetched
            failed = fetched
        elif made.cls is FaultClass.TEMPORARY:
            failed = made
        else:
            return made
        node = next((one for one in nodes if one != created.node), None)
    return failed


def _made(reply: Reply) -> str | Fault:
    """Return the id of a report under way."""
    found = replies.json_object(reply)
    if found is None or not 200 <= reply.status < 300:
        return replies.fault(reply, "no answer of the API")
    made = id_of(found.get("reportId", found.get("report_id")))
    code = number_of(found.get("code"))
    if made and not code:
        return made
    if code is None:
        return replies.fault(reply, "no report id")
    cls = FaultClass.TEMPORARY if code >= TROUBLE else FaultClass.PROTOCOL
    return Fault(cls, code, "no report was made")


def _fetch(
    caller: Caller, made: str, node: str
) -> Generator[HttpCall | Wait, Reply, Reply | Fault]:
    """Wait for a report at the node that makes it."""
    path = f"/v2/report/{quote(made, safe='')}"
    call = caller.get(
        "report_download",
        path,
        node=node or None,
        bound=MOST_OCTETS,
        response_timeout=LONG_POLL,
    )
    for _ in range(MOST_POLLS):
        try:
            reply = yield call
        except NoReply as error:
            return Fault(FaultClass.TEMPORARY, None, str(error))
        if reply.status == 200:
            return reply
        if reply.status != 204:
            return replies.fault(reply)
        yield Wait(BETWEEN_POLLS)
    return Fault(FaultClass.TEMPORARY, None, "the report is not ready yet")


def _shown(wanted: Report, made: str, reply: Reply) -> Mapping[str, Any] | Fault:
    """Return a report: rows of strings if it is JSON, else the file in base64."""
    shown: dict[str, Any] = {"report_id": made, "format": wanted.format}
    if wanted.format != "json":
        return {
            **shown,
            "content_type": reply.headers.get("content-type", ""),
            "octets": len(reply.body),
            "content": b64encode(reply.body).decode("ascii"),
        }
    found = replies.json_value(reply.body)
    if found is None:
        found = replies.json_value(_LOOSE_STRING.sub(rb"\1", reply.body))
    if not isinstance(found, dict):
        return replies.fault(reply, "the report is no JSON")
    rows = found.get("messages")
    return {
        **found,
        **shown,
        "messages": [_row(row) for row in rows] if isinstance(rows, list) else [],
    }


def _row(row: object) -> object:
    """Return a row of plain values; each may be an object of its own."""
    if not isinstance(row, list):
        return row
    return [
        next(iter(cell.values())) if isinstance(cell, dict) and len(cell) == 1 else cell
        for cell in row
    ]
