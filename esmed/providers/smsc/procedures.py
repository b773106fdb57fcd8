"""What else smsc can do, for `esmed.connector.Operation`. Pure."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, structs

from esmed.bridge.base import Procedure, Steps
from esmed.models import Fault, Millis
from esmed.providers.smsc import incoming, parameters, states, tables
from esmed.providers.smsc.answers import (
    OfNumber,
    Price,
    Refusal,
    Taken,
    digits,
    fault_of,
    integer,
    read_balance,
    read_price,
    read_refusal,
    read_send,
    string,
    unpack,
)
from esmed.providers.smsc.calls import Calls
from esmed.providers.smsc.parameters import (
    OWN_ID,
    PHONES,
    OwnId,
    Parameters,
    Phones,
    Send,
)

Number = Annotated[str, Meta(pattern=r"^\+?[0-9]{3,20}$")]
_Serial = Annotated[str, Meta(pattern=r"^[0-9]{1,20}$")]
_Hours = Annotated[int, Meta(ge=1, le=incoming.LONGEST_HOURS)]
_Several = Annotated[str, Meta(max_length=10_000)]
_Day = Annotated[str, Meta(pattern=r"^[0-3][0-9]\.[01][0-9]\.[0-9]{4}$")]


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


class OfPhones(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments of ``hlr`` and ``ping``."""

    phones: Annotated[Phones, PHONES]
    id: Annotated[OwnId | None, OWN_ID] = None


class OfMessage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message of this account, sent in whatever way."""

    id: Annotated[OwnId, Meta(description="of the message: what precedes the /")]
    phone: Annotated[Number, Meta(description="the recipient, with country")]


class StatusOf(OfMessage, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments of ``status``."""

    all: Annotated[
        Literal[0, 1, 2],
        Meta(description="1: the message as well; 2: country, operator and region too"),
    ] = 0


class Incoming(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments of ``incoming``."""

    cnt: Annotated[int, Meta(ge=1, le=incoming.MOST, description="at most")] = 100
    hour: Annotated[_Hours | None, Meta(description="of the last hours only")] = None
    after_id: Annotated[
        _Serial | None, Meta(description="only those after this one")
    ] = None
    to_phone: Annotated[
        Number | None, Meta(description="only those to this number of ours")
    ] = None


class History(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments of ``history``."""

    start: Annotated[_Day, Meta(description="first day, dd.mm.yyyy")]
    end: Annotated[_Day | None, Meta(description="last day; null: today")] = None
    phone: Annotated[_Several | None, Meta(description="numbers, by comma")] = None
    email: Annotated[_Several | None, Meta(description="addresses, by comma")] = None
    format: Annotated[Literal[0, 8], Meta(description="0: SMS; 8: mails")] = 0
    cnt: Annotated[int, Meta(ge=1, le=1000, description="at most")] = 100
    prev_id: Annotated[
        _Serial | None, Meta(description="only those before this int_id")
    ] = None


def of(calls: Calls) -> Sequence[Procedure]:
    """Return those of one account."""

    def made(name: str, summary: str, arguments: type[Struct], run: Any) -> Procedure:
        return Procedure(
            name=name, summary=summary, arguments=arguments, run=partial(run, calls)
        )

    return (
        made("balance", "the account's balance", Nothing, _balance),
        made("send", "send anything, by any channel, with any parameter", Send, _send),
        made("cost", "what a message would cost; sends nothing", Parameters, _cost),
        made("hlr", "ask the operator about numbers", OfPhones, _hlr),
        made("ping", "find out by SMS that are not shown who is on", OfPhones, _ping),
        made("status", "what has become of a message", StatusOf, _status),
        made("delete", "delete a message that waits", OfMessage, _delete),
        made("incoming", "messages from subscribers", Incoming, _incoming),
        made("history", "messages that were sent", History, _history),
    )


def _balance(calls: Calls, _: Nothing, now: Millis) -> Steps:
    reply = yield calls.form("balance", "balance", {"cur": 1})
    found = read_balance(reply.body)
    if found is None or isinstance(found, Refusal):
        return fault_of(found, reply)
    balance, currency = found
    return {"balance": balance, "currency": currency or None}


def _send(calls: Calls, given: Parameters, now: Millis) -> Steps:
    if wrong := parameters.fault_of(given):
        return wrong
    fields = {**parameters.fields(given), "op": 1, "err": 1}
    reply = yield calls.form("send_other", "send", fields)
    found = read_send(reply.body)
    if not isinstance(found, Taken):
        return fault_of(found, reply)
    return {
        "id": found.id,
        "messages": found.count,
        "cost": found.cost or None,
        "balance": found.balance or None,
        "phones": [_number(each) for each in found.numbers],
    }


def _cost(calls: Calls, given: Parameters, now: Millis) -> Steps:
    if wrong := parameters.fault_of(given):
        return wrong
    fields = {**parameters.fields(given), "cost": 1}
    reply = yield calls.form("cost", "send", fields)
    found = read_price(reply.body)
    if not isinstance(found, Price):
        return fault_of(found, reply)
    return {"cost": found.cost, "messages": found.count}


def _hlr(calls: Calls, given: OfPhones, now: Millis) -> Steps:
    return (yield from _send(calls, Send(**structs.asdict(given), hlr=True), now))


def _ping(calls: Calls, given: OfPhones, now: Millis) -> Steps:
    return (yield from _send(calls, Send(**structs.asdict(given), ping=True), now))


def _status(calls: Calls, given: StatusOf, now: Millis) -> Steps:
    question = states.question([(given.id, digits(given.phone))])
    reply = yield calls.form("status", "status", {**question, "all": given.all})
    answer = unpack(reply.body)
    found = states.fields_of(answer)
    refusal = read_refusal(answer)
    if refusal is not None or "status" not in found:
        return fault_of(refusal, reply)
    code, cause = integer(found["status"]), integer(found.get("err"))
    standing = tables.STATUSES.get(code)
    return {
        **_plain(found),
        "meaning": standing.text if standing else None,
        "err_meaning": tables.cause(cause) or None,
        "changed_at": states.written(states.instant(found.get("last_timestamp"))),
        "sent_at": states.written(states.instant(found.get("send_timestamp"))),
    }


def _delete(calls: Calls, given: OfMessage, now: Millis) -> Steps:
    question = states.question([(given.id, digits(given.phone))])
    reply = yield calls.form("cancel", "status", {**question, "del": 1})
    return states.cancelled(reply) or {"deleted": True}


def _incoming(calls: Calls, given: Incoming, now: Millis) -> Steps:
    fields = {"get_answers": 1, **_given(given)}
    reply = yield calls.form("incoming", "get", fields)
    found = incoming.read(reply)
    if isinstance(found, Fault):
        return found
    return {"messages": [_plain(each) for each in found]}


def _history(calls: Calls, given: History, now: Millis) -> Steps:
    reply = yield calls.form("history", "get", {"get_messages": 1, **_given(given)})
    answer = unpack(reply.body)
    refusal = read_refusal(answer)
    if refusal is not None or not isinstance(answer, list):
        return fault_of(refusal, reply)
    return {"messages": [_plain(each) for each in answer if isinstance(each, dict)]}


def _given(arguments: Struct) -> dict[str, str | int | bytes]:
    whole = structs.asdict(arguments)
    return {name: value for name, value in whole.items() if value is not None}


def _number(about: OfNumber) -> Mapping[str, Any]:
    return {
        "phone": about.digits,
        "mccmnc": about.mccmnc or None,
        "cost": about.cost or None,
        "status": about.status,
        "error": about.error,
        "error_meaning": tables.cause(about.error) or None,
    }


def _plain(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an answer says, ids as strings."""
    return {
        name: string(value) if name in {"id", "int_id", "phone", "to_phone"} else value
        for name, value in found.items()
    }
