"""What else the platform can do: the account, states, "checked", messages from
subscribers, and contact lists. Pure."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from xml.etree.ElementTree import Element

from msgspec import Meta, Struct

from esmed.bridge import dates
from esmed.bridge import replies as statuses
from esmed.bridge.base import HttpCall, Procedure, Reply, Steps, Wait
from esmed.bridge.xmldoc import text_of
from esmed.models import Fault, Millis
from esmed.providers import _smstraffic, _smstraffic_v1
from esmed.providers._smstraffic_v1 import Nothing, OfMessages
from esmed.providers.smstraffic_xml import calls, replies, states

MOST_MEMBERS: Final = 5000

Number = Annotated[str, Meta(pattern="^[0-9]{5,20}$")]
GroupId = Annotated[int, Meta(ge=1, le=2**32 - 1, description="`id` of the list.")]
Members = Annotated[
    list[Number],
    Meta(
        min_length=1,
        max_length=MOST_MEMBERS,
        description="Numbers, digits only, international form.",
    ),
]


class OfIncoming(Struct, frozen=True, forbid_unknown_fields=True):
    from_date: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="No earlier ones, RFC 3339; the provider has two days."),
    ] = None
    from_phone: Annotated[
        Number | None, Meta(description="Only those of this number.")
    ] = None
    count: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)] | None,
        Meta(description="So many at most."),
    ] = None


class OfList(Struct, frozen=True, forbid_unknown_fields=True):
    group_id: GroupId


class OfMembers(Struct, frozen=True, forbid_unknown_fields=True):
    group_id: GroupId
    members: Members


Fields = Mapping[str, str | int]
Answered = Generator[HttpCall | Wait, Reply, Element | Fault]


class Operations:
    """The procedures of one account."""

    def __init__(self, caller: calls.Caller) -> None:
        self._caller = caller

    def procedures(self) -> Sequence[Procedure]:
        """Tell them all."""
        return (
            Procedure(
                name="account",
                summary="What is left on the account, in its currency.",
                arguments=Nothing,
                run=self._account,
            ),
            Procedure(
                name="statuses",
                summary="What has become of messages of the last two days.",
                arguments=OfMessages,
                run=self._statuses,
                seconds=600.0,
            ),
            Procedure(
                name="checked",
                summary="Mark messages of the last three days as Checked: their"
                " subscribers have given back what was in them.",
                arguments=OfMessages,
                run=self._checked,
            ),
            Procedure(
                name="incoming",
                summary="Messages from subscribers, of the last two days.",
                arguments=OfIncoming,
                run=self._incoming,
            ),
            Procedure(
                name="lists",
                summary="All contact lists.",
                arguments=Nothing,
                run=self._lists,
            ),
            Procedure(
                name="list",
                summary="One contact list.",
                arguments=OfList,
                run=self._list,
            ),
            Procedure(
                name="add_members",
                summary="Add numbers to a contact list.",
                arguments=OfMembers,
                run=self._add_members,
            ),
            Procedure(
                name="remove_members",
                summary="Remove numbers from a contact list.",
                arguments=OfMembers,
                run=self._remove_members,
            ),
        )

    def _account(self, _: Nothing, now: Millis) -> Steps:
        root = yield from self._ask("account", {"operation": "account"})
        if isinstance(root, Fault):
            return root
        return {"account": text_of(root, "account")}

    def _statuses(self, arguments: OfMessages, now: Millis) -> Steps:
        told: list[Mapping[str, Any]] = []
        for start in range(0, len(arguments.ids), _smstraffic_v1.MOST_IDS):
            ids = arguments.ids[start : start + _smstraffic_v1.MOST_IDS]
            fields = {"operation": "status", "sms_id": ",".join(ids)}
            root = yield from self._ask("status", fields)
            if isinstance(root, Fault):
                return root
            entries = states.found(root)
            told += (_status(one, entries[one]) for one in ids if one in entries)
        return {"statuses": told}

    def _checked(self, arguments: OfMessages, now: Millis) -> Steps:
        fields = {"operation": "set_checked", "sms_id": ",".join(arguments.ids)}
        root = yield from self._ask("set_checked", fields)
        if isinstance(root, Fault):
            return root
        return {"checked": [(one.text or "").strip() for one in root.iter("sms_id")]}

    def _incoming(self, arguments: OfIncoming, now: Millis) -> Steps:
        fields: dict[str, str | int] = {"operation": "incoming", "want_sms_ids": 1}
        if arguments.from_date is not None:
            at = round(arguments.from_date.timestamp() * 1000)
            fields["from_date"] = dates.write(at, dates.MOSCOW)
        if arguments.from_phone is not None:
            fields["from_phone"] = arguments.from_phone
        if arguments.count is not None:
            fields["count"] = arguments.count
        root = yield from self._ask("incoming", fields)
        if isinstance(root, Fault):
            return root
        messages = [_incoming(one) for one in root.iterfind(".//message")]
        return {"count": _number(text_of(root, "count")), "messages": messages}

    def _lists(self, _: Nothing, now: Millis) -> Steps:
        root = yield from self._ask(
            "status_all", {"operation": "status_all"}, calls.LISTS
        )
        return root if isinstance(root, Fault) else _groups(root)

    def _list(self, arguments: OfList, now: Millis) -> Steps:
        fields: Fields = {"operation": "status", "group_id": arguments.group_id}
        root = yield from self._ask("list_status", fields, calls.LISTS)
        return root if isinstance(root, Fault) else _groups(root)

    def _add_members(self, arguments: OfMembers, now: Millis) -> Steps:
        return self._members("add_member", arguments)

    def _remove_members(self, arguments: OfMembers, now: Millis) -> Steps:
        return self._members("remove_member", arguments)

    def _members(self, operation: str, arguments: OfMembers) -> Steps:
        fields: Fields = {
            "operation": operation,
            "group_id": arguments.group_id,
            "member": ",".join(arguments.members),
        }
        root = yield from self._ask(operation, fields, calls.LISTS)
        if isinstance(root, Fault):
            return root
        # It says "added or updated" of those that were removed, too.
        return {"members": _number(text_of(root, "description"))}

    def _ask(self, name: str, fields: Fields, path: str = calls.MESSAGES) -> Answered:
        reply = yield self._caller.call(name, fields, path)
        root = replies.read(reply)
        if root is None:
            return statuses.fault(reply, replies.nothing_said(reply))
        wrong = replies.refusal(root)
        if wrong is not None:
            return _smstraffic.api_fault(wrong.code, wrong.description)
        return root


def _status(sms_id: str, entry: Element) -> Mapping[str, Any]:
    if states.is_lookup_failure(entry):
        return {"id": sms_id, "error": text_of(entry, "error")}
    return {
        "id": sms_id,
        "status": text_of(entry, "status"),
        # The second is how it was spelt up to manual 1.85.
        "submitted_at": replies.instant(entry, "submission_date", "submition_date"),
        "sent_at": replies.instant(entry, "send_date"),
        "changed_at": replies.instant(
            entry, "last_status_change_date", "last_update_status"
        ),
    }


def _incoming(entry: Element) -> Mapping[str, Any]:
    return {
        "id": text_of(entry, "sms_id") or None,
        "from": text_of(entry, "from_phone"),
        "text": entry.findtext("text") or "",
        "sent_at": replies.instant(entry, "send_date"),
        "delivered_at": replies.instant(entry, "delivery_date"),
    }


def _groups(root: Element) -> Mapping[str, Any]:
    return {"lists": [_group(one) for one in root.iter("group")]}


def _group(entry: Element) -> Mapping[str, Any]:
    told: dict[str, Any] = {one.tag: (one.text or "").strip() for one in entry}
    return told | {
        "created": replies.instant(entry, "created"),
        "congratulate": text_of(entry, "congratulate") not in {"", "0"},
    }


def _number(text: str) -> int | None:
    """Return the number in a sentence."""
    found = re.search(r"[0-9]{1,9}", text)
    return int(found[0]) if found else None
