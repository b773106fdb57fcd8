"""Messages, their states and replies to them over version 2. Pure.

One message goes in a call, since ``restrictiveId`` is the call's: it is the message's
id, so whatever is sent again within the hour, for whatever reason, is refused as a
duplicate (105) instead of being sent twice. The same id is its ``trackingData``, by
which a message can be asked for whose answer was lost.
"""

from collections.abc import Hashable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import msgspec

from esmed.bridge import dates, replies
from esmed.bridge.base import (
    Answer,
    Asked,
    CallbackReply,
    CallbackRequest,
    HttpCall,
    Mo,
    News,
    Outgoing,
    Procedure,
    Provider,
    Pushed,
    Reply,
    Traits,
)
from esmed.bridge.content import refused
from esmed.connector import Sent
from esmed.masking import numbers_in
from esmed.models import (
    Accepted,
    Deferred,
    Fault,
    FaultClass,
    Millis,
    Outcome,
    Rejected,
    Request,
    Unknown,
)
from esmed.providers._smstraffic import (
    DUPLICATE,
    NO_SUCH_MESSAGE,
    TROUBLE,
    WRONG_ADDRESS,
    api_fault,
    delivery_reason,
    read_mo,
    state_of,
)
from esmed.providers.smstraffic import operations
from esmed.providers.smstraffic.wire import (
    Caller,
    Refusal,
    content,
    digits_of,
    found_in,
    id_of,
    number_of,
    objects_of,
    refusal_of,
    text_of,
)
from esmed.secret import Secret

MOST_SECONDS: Final = 86_400
"""Of validity: the default of each of the provider's interfaces, and what they take."""
TRACKING: Final = "tracking:"
"""Before a ``trackingData`` where the provider's own id is not known."""
RESTRICTED: Final = 3600.0
"""Seconds for which a ``restrictiveId`` that was taken is refused."""
LONGEST_REASON: Final = 200


class SmsTraffic(Provider):
    """One account; messages with a ``send_at`` are handed over when it is time."""

    traits: ClassVar[Traits] = Traits(
        asks=100,
        retention=2 * 86_400.0,
        rechecks=True,
        pushes=frozenset({"status", "mo", "short"}),
    )

    def __init__(
        self,
        key: Secret,
        nodes: Sequence[str],
        *,
        timeouts: bool = True,
        start_field: str = "startDateTime",
    ) -> None:
        self._caller = Caller(key)
        self._nodes = tuple(nodes)
        self._timeouts = timeouts
        self._start_field = start_field

    def refusal(self, request: Request) -> Fault | None:
        if request.data is not None:
            return refused("data", "only texts can be sent")
        if not request.text:
            return refused("text", "must not be empty")
        if request.encoding == "latin1":
            return refused("encoding", "the provider knows gsm7 and ucs2 only")
        if request.flash:
            return refused("flash", "cannot be asked for")
        if request.tlvs:
            return refused("tlvs", "are for SMPP only")
        if request.to.startswith("0"):
            return refused("to", "is written as a number, so it cannot begin with 0")
        return None

    # --- sending

    def group(self, message: Outgoing) -> Hashable:
        return message.id

    def build(self, messages: Sequence[Outgoing], now: Millis) -> HttpCall:
        return self._send("send", messages, now)

    def _send(
        self, operation: str, messages: Sequence[Outgoing], now: Millis
    ) -> HttpCall:
        (message,) = messages
        sms: dict[str, Any] = {"message": message.request.text, "transliterate": False}
        if self._timeouts:
            sms["timeout"] = min(message.seconds_left(now), MOST_SECONDS)
        body: dict[str, Any] = {
            "channels": {"sms": sms},
            "destinations": [{"to": int(message.to), "trackingData": message.id}],
        }
        if message.sender is not None:
            body["originator"] = message.sender
        body |= self._scheduling(message, now)
        body["restrictiveId"] = message.id
        return self._caller.post(operation, "/v2/send", body)

    def _scheduling(self, message: Outgoing, now: Millis) -> Mapping[str, Any]:
        """Return what says when to send it."""
        return {}

    def parse(self, messages: Sequence[Outgoing], reply: Reply, now: Millis) -> Answer:
        found = content(reply)
        if isinstance(found, Refusal):
            return Answer(
                outcomes=[_outcome(found, message) for message in messages],
                elsewhere=found.code in {TROUBLE, WRONG_ADDRESS},
                reason=found.fault.detail,
            )
        if found is None:
            return replies.judged(reply, now, len(messages), "no answer of the API")
        told = objects_of(found.get("destinations"))
        by_tracking = {text_of(one.get("trackingData")): one for one in told}
        by_phone = {digits_of(one.get("phone")): one for one in told}
        return Answer(
            outcomes=[
                _taken(by_tracking.get(one.id) or by_phone.get(one.to), one)
                for one in messages
            ]
        )

    def build_recheck(self, messages: Sequence[Outgoing], now: Millis) -> HttpCall:
        return self._send("recheck", messages, now)

    def parse_recheck(
        self, messages: Sequence[Outgoing], reply: Reply, now: Millis
    ) -> Sequence[Outcome | None]:
        outcomes = self.parse(messages, reply, now).outcomes
        if isinstance(content(reply), Mapping):  # so it was not known before
            return [None if isinstance(one, Unknown) else one for one in outcomes]
        return [_settled(one) for one in outcomes]

    def build_probe(self) -> HttpCall:
        return self._caller.get("probe", "/v2/account")

    def parse_probe(self, reply: Reply) -> Fault | None:
        found = found_in(reply)
        if not isinstance(found, Fault):
            return None
        if reply.status == 403 or found.code == 403:
            detail = "the API key is wrong, or may not ask for /v2/account"
            return Fault(FaultClass.ACCOUNT, 403, detail)
        return found

    # --- what became of them

    def build_ask(self, sent: Sequence[Sent]) -> HttpCall:
        names = [one.smsc_id for one in sent]
        tracked = [name for name in names if name.startswith(TRACKING)]
        body: dict[str, Any] = {}
        if len(tracked) < len(names):
            body["ids"] = [name for name in names if not name.startswith(TRACKING)]
        if tracked:
            body["trackingData"] = [name.removeprefix(TRACKING) for name in tracked]
        body["extendedInfo"] = True
        return self._caller.post("statuses", "/v2/statuses/list", body)

    def parse_ask(self, sent: Sequence[Sent], reply: Reply) -> Sequence[Asked]:
        found = found_in(reply)
        if isinstance(found, Fault):
            if found.code == NO_SUCH_MESSAGE and len(sent) > 1:
                detail = "one of those asked for is not known"
                found = Fault(FaultClass.TEMPORARY, NO_SUCH_MESSAGE, detail)
            return [found] * len(sent)
        told: dict[str, Mapping[str, Any]] = {}
        for item in objects_of(found.get("data")):
            for name in _names(item.get("smsId"), item.get("trackingData")):
                told.setdefault(name, item)
        return [_asked(told.get(one.smsc_id)) for one in sent]

    # --- pushes

    def parse_push(self, kind: str, request: CallbackRequest, now: Millis) -> Pushed:
        if kind != "status":
            mo = read_mo(request)
            answer = _NO_ANSWER if kind == "short" else _OK
            if mo is None:
                return Pushed(reply=answer, broken=1)
            return Pushed(items=[mo], reply=answer)
        found = replies.json_value(request.body)
        if isinstance(found, dict):
            found = [found]
        if not isinstance(found, list):
            return _BROKEN
        news: list[News | Mo] = []
        broken = 0
        for item in found:
            names = _pushed_names(item)
            if not names:
                broken += 1
            elif (one := _pushed(names, item)) is not None:
                news.append(one)
        return Pushed(items=news, reply=_OK, broken=broken)

    def procedures(self) -> Sequence[Procedure]:
        return operations.procedures(self._caller, self._nodes, self._start_field)


class Scheduling(SmsTraffic):
    """Hands over messages with a ``send_at`` at once, for the provider to keep."""

    traits: ClassVar[Traits] = msgspec.structs.replace(
        SmsTraffic.traits, schedules=True
    )

    def _scheduling(self, message: Outgoing, now: Millis) -> Mapping[str, Any]:
        start = message.request.send_at
        if start is None or start <= now:
            return {}
        at = datetime.fromtimestamp(start // 1000, UTC).isoformat()
        # Unless told otherwise the time would be that of the subscriber's clock.
        return {"scheduling": {self._start_field: at, "localtime": False}}


_OK: Final = CallbackReply(body=b"OK")
"""Anything but 200 and 204 has the provider slow down."""
_NO_ANSWER: Final = CallbackReply()
"""What is answered for a short number goes to the subscriber as it is."""
_BROKEN: Final = Pushed(reply=_OK, broken=1)


def _outcome(refusal: Refusal, message: Outgoing) -> Outcome:
    """Return what became of a message that was not taken, or was taken before."""
    if refusal.code == DUPLICATE and "format" not in refusal.said.casefold():
        return Accepted(TRACKING + message.id)
    fault = api_fault(
        refusal.code, refusal.said, sender_given=message.request.from_ is not None
    )
    if fault.cls is FaultClass.TEMPORARY:
        return Deferred(fault)
    return Rejected(fault)


def _taken(told: Mapping[str, Any] | None, message: Outgoing) -> Outcome:
    if told is None:
        return Unknown("the answer does not mention the number")
    error = told.get("error")
    if isinstance(error, dict):
        outcome = _outcome(refusal_of(error), message)
        if isinstance(outcome, Deferred):  # the request as such was taken
            return Deferred(outcome.fault, RESTRICTED)
        return outcome
    return Accepted(id_of(told.get("id")) or TRACKING + message.id)


def _settled(outcome: Outcome) -> Outcome | None:
    """Return what a recheck tells: a key or an account that is refused, and trouble of
    the server, say nothing about the request before."""
    match outcome:
        case Accepted():
            return outcome
        case Rejected(fault=Fault(cls=FaultClass.MESSAGE | FaultClass.PROTOCOL)):
            return outcome
        case _:
            return None


def _names(sms_id: object, tracking: object) -> tuple[str, ...]:
    """Return the ids by which a message may be known here, best first."""
    provider_id, ours = id_of(sms_id), text_of(tracking).strip()
    return tuple(name for name in (provider_id, ours and TRACKING + ours) if name)


def _asked(item: Mapping[str, Any] | None) -> Asked:
    if item is None:
        return None
    status = text_of(item.get("status"))
    state = state_of(status)
    if state is None:
        return None
    extended = item.get("statusExtended")
    error = extended if isinstance(extended, dict) else {}
    code = number_of(error.get("code")) or 0
    said = numbers_in(text_of(error.get("description")))[:LONGEST_REASON]
    return News(
        ids=_names(item.get("smsId"), item.get("trackingData")),
        state=state,
        stat=status,
        err=str(code) if code else "",
        reason=(delivery_reason(code) or said) if code else "",
        done_at=dates.read(text_of(item.get("deliveryDate")), dates.MOSCOW),
    )


def _pushed_names(item: object) -> tuple[str, ...]:
    """Return whom an element of a push is about; () if it is broken."""
    if not isinstance(item, dict) or not isinstance(item.get("status"), str):
        return ()
    return _names(item.get("sms_id"), item.get("tracking_data"))


def _pushed(names: tuple[str, ...], item: Mapping[str, Any]) -> News | None:
    state = state_of(item["status"])
    if state is None:
        return None
    # The table calls it error_code, the sample err_code.
    code = number_of(item.get("error_code", item.get("err_code"))) or 0
    return News(
        ids=names,
        state=state,
        stat=item["status"],
        err=str(code) if code else "",
        reason=delivery_reason(code) if code else "",
        done_at=dates.read(text_of(item.get("delivery_date")), dates.MOSCOW),
        recipient=digits_of(item.get("phone_number")),
    )
