"""What can be asked of SMS Traffic beside sending: money, statuses, marks, templates.

Ids are strings and dates are in UTC, RFC 3339; a date that cannot be read stays as it
was, and what the provider adds is passed on.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from esmed.bridge import dates, replies
from esmed.bridge.base import Procedure, Steps
from esmed.bridge.content import refused
from esmed.models import Fault, Millis
from esmed.providers._smstraffic import state_of
from esmed.providers.smstraffic.report import REPORT_SECONDS, Report, report
from esmed.providers.smstraffic.wire import (
    Caller,
    digits_of,
    found_in,
    id_of,
    objects_of,
    refusal_of,
    text_of,
)

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

Words = Annotated[str, Meta(min_length=1)]
Id = Annotated[str, Meta(min_length=1, max_length=40)]
Ids = Annotated[tuple[Id, ...], Meta(max_length=1000)]
TrackingData = Annotated[str, Meta(min_length=1, max_length=40)]


class Account(Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of ``account``: none."""


class Statuses(Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of ``statuses``: at least one of both lists."""

    ids: Annotated[Ids, Meta(description="the provider's ids")] = ()
    tracking_data: Annotated[Ids, Meta(description="ids of our messages")] = ()
    extended: Annotated[
        bool, Meta(description="with the operator's reason for a failure")
    ] = True


class Checked(Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of ``checked``."""

    ids: Annotated[
        Ids,
        Meta(min_length=1, description="the provider's: what they said came back"),
    ]


class Destination(Struct, frozen=True, forbid_unknown_fields=True):
    """One recipient of ``send_template``."""

    to: Annotated[str, Meta(pattern="^[1-9][0-9]{4,19}$", description="digits only")]
    params: Annotated[
        dict[str, str] | None, Meta(description="what replaces [[name]] in the text")
    ] = None
    text: Annotated[Words | None, Meta(description="instead of the common one")] = None
    tracking_data: Annotated[
        TrackingData | None, Meta(description="a mark to ask and be told by")
    ] = None


class SendTemplate(Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of ``send_template``."""

    destinations: Annotated[
        tuple[Destination, ...],
        Meta(min_length=1, max_length=1000, description="recipients"),
    ]
    text: Annotated[
        Words | None, Meta(description="for all without their own; may have [[name]]")
    ] = None
    sender: Annotated[
        Annotated[str, Meta(min_length=1, max_length=20)] | None,
        Meta(description="null: the account's own"),
    ] = None
    tracking_data: Annotated[
        TrackingData | None, Meta(description="for all without their own")
    ] = None
    batch_name: Annotated[
        Words | None, Meta(description="what the campaign is called")
    ] = None
    restrictive_id: Annotated[
        Annotated[str, Meta(min_length=1, max_length=36)] | None,
        Meta(description="the same again within an hour is refused, code 105"),
    ] = None
    transliterate: Annotated[bool, Meta(description="in Latin letters")] = False
    max_parts: Annotated[
        Annotated[int, Meta(ge=1, le=255)] | None,
        Meta(description="a longer text is cut"),
    ] = None
    timeout: Annotated[
        Annotated[int, Meta(ge=1, le=86_400)] | None,
        Meta(description="seconds of validity"),
    ] = None
    start_at: Annotated[str | None, Meta(description="RFC 3339; null: at once")] = None
    localtime: Annotated[
        bool, Meta(description="start_at is by the clock of each subscriber")
    ] = False


def procedures(
    caller: Caller, nodes: Sequence[str], start_field: str
) -> Sequence[Procedure]:
    """Return what can be asked for with this key."""
    return (
        Procedure(
            name="account",
            summary="How much money is left on the account",
            arguments=Account,
            run=partial(_account, caller),
        ),
        Procedure(
            name="statuses",
            summary="Ask what has become of messages",
            arguments=Statuses,
            run=partial(_statuses, caller),
        ),
        Procedure(
            name="checked",
            summary="Mark messages whose code the subscriber has entered",
            arguments=Checked,
            run=partial(_checked, caller),
        ),
        Procedure(
            name="send_template",
            summary="Send a text with [[name]] in it to many at once, untracked",
            arguments=SendTemplate,
            run=partial(_send_template, caller, start_field),
        ),
        Procedure(
            name="report",
            summary="Download the messages of a time as JSON, CSV or ZIP",
            arguments=Report,
            run=partial(report, caller, tuple(nodes)),
            seconds=REPORT_SECONDS,
        ),
    )


def _account(caller: Caller, wanted: Account, now: Millis) -> Steps:
    reply = yield caller.get("account", "/v2/account")
    found = found_in(reply)
    if isinstance(found, Fault):
        return found
    data = found.get("data")
    if not isinstance(data, dict) or "account" not in data:
        return replies.fault(reply, "no account")
    return {**data, "account": str(data["account"])}


def _statuses(caller: Caller, wanted: Statuses, now: Millis) -> Steps:
    if not wanted.ids and not wanted.tracking_data:
        return refused("ids", "ids or tracking_data are needed")
    body: dict[str, Any] = {}
    if wanted.ids:
        body["ids"] = wanted.ids
    if wanted.tracking_data:
        body["trackingData"] = wanted.tracking_data
    body["extendedInfo"] = wanted.extended
    reply = yield caller.post("statuses", "/v2/statuses/list", body)
    found = found_in(reply)
    if isinstance(found, Fault):
        return found
    return {"statuses": [_status(item) for item in objects_of(found.get("data"))]}


def _status(item: Mapping[str, Any]) -> Mapping[str, Any]:
    shown = {_snake(key): value for key, value in item.items()}
    shown["id"] = id_of(shown.pop("sms_id", ""))
    shown["state"] = state_of(text_of(item.get("status")))
    for key in ("submission_date", "send_date", "delivery_date"):
        if isinstance(shown.get(key), str):
            shown[key] = dates.in_utc(shown[key], dates.MOSCOW)
    return shown


def _checked(caller: Caller, wanted: Checked, now: Millis) -> Steps:
    reply = yield caller.post("checked", "/v2/statuses/checked", wanted.ids)
    found = found_in(reply)
    if isinstance(found, Fault):
        return found
    data = found.get("data")
    result: Mapping[str, Any] = data if isinstance(data, dict) else {}
    updated = result.get("updated")
    return {
        **result,
        "updated": [id_of(one) for one in updated] if isinstance(updated, list) else [],
        "failed": [
            {**one, "id": id_of(one.get("id"))}
            for one in objects_of(result.get("failed"))
        ],
    }


def _send_template(
    caller: Caller, start_field: str, wanted: SendTemplate, now: Millis
) -> Steps:
    textless = any(one.text is None for one in wanted.destinations)
    if wanted.text is None and textless:
        return refused("text", "is needed by recipients without their own")
    body = _template(wanted)
    if wanted.start_at is not None:
        if dates.read(wanted.start_at) is None:
            return refused("start_at", "expected a date such as 2025-01-01T10:30:00Z")
        body["scheduling"] = {
            start_field: wanted.start_at,
            "localtime": wanted.localtime,
        }
    reply = yield caller.post("send_template", "/v2/send", body)
    found = found_in(reply)
    if isinstance(found, Fault):
        return found
    told = objects_of(found.get("destinations"))
    return {"destinations": [_recipient(one) for one in told]}


def _template(wanted: SendTemplate) -> dict[str, Any]:
    sms: dict[str, Any] = {
        "message": wanted.text,
        "transliterate": wanted.transliterate,
        "maxParts": wanted.max_parts,
        "timeout": wanted.timeout,
    }
    destinations = [
        {
            "to": int(one.to),
            "params": one.params,
            "trackingData": one.tracking_data,
            "content": one.text and {"sms": {"message": one.text}},
        }
        for one in wanted.destinations
    ]
    body = {
        "channels": {"sms": _given(sms)},
        "destinations": [_given(one) for one in destinations],
        "originator": wanted.sender,
        "trackingData": wanted.tracking_data,
        "batchName": wanted.batch_name,
        "restrictiveId": wanted.restrictive_id,
    }
    return _given(body)


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _recipient(told: Mapping[str, Any]) -> Mapping[str, Any]:
    shown: dict[str, Any] = {
        "to": digits_of(told.get("phone")),
        "id": id_of(told.get("id")),
        "tracking_data": text_of(told.get("trackingData")) or None,
    }
    error = told.get("error")
    if isinstance(error, dict):
        fault = refusal_of(error).fault
        shown["error"] = {
            "class": fault.cls,
            "code": fault.code,
            "detail": text_of(error.get("message")) or fault.detail,
        }
    return shown


def _snake(name: str) -> str:
    return _HUMP.sub("_", name).lower()
