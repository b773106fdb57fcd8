"""SMS Traffic, HTTP API v1 (technical description 2.3 of 2025-12-18). Pure."""

from collections.abc import Hashable, Sequence
from typing import ClassVar

from esmed.bridge import replies as statuses
from esmed.bridge.base import (
    Answer,
    Asked,
    CallbackRequest,
    HttpCall,
    Mo,
    Outgoing,
    Procedure,
    Provider,
    Pushed,
    Reply,
    Traits,
)
from esmed.bridge.xmldoc import text_of
from esmed.connector import Sent
from esmed.models import Fault, Millis, Request
from esmed.providers import _smstraffic, _smstraffic_v1
from esmed.providers.smstraffic_xml import incoming, replies, sending, states
from esmed.providers.smstraffic_xml.calls import Caller
from esmed.providers.smstraffic_xml.config import Config
from esmed.providers.smstraffic_xml.operations import Operations

__all__ = ["Config", "SmsTrafficXml", "create"]


class SmsTrafficXml(Provider):
    """One account, as `Provider` has it.

    It cannot be asked whether a request without an answer was processed, nothing can be
    cancelled, and there are no ids for what is scheduled: that waits here.
    """

    traits: ClassVar[Traits] = Traits(
        batch=_smstraffic_v1.BATCH,
        asks=_smstraffic_v1.MOST_IDS,
        retention=_smstraffic_v1.RETENTION,
        pushes=frozenset({"status", "mo", "short"}),
        pulls=True,
    )

    def __init__(self, config: Config) -> None:
        self.pull_every = config.pull_every or None
        self._caller = Caller(config)
        self._short_reply = config.short_reply

    def refusal(self, request: Request) -> Fault | None:
        return _smstraffic_v1.refusal(request)

    def group(self, message: Outgoing) -> Hashable:
        return _smstraffic_v1.group(message)

    def build(self, messages: Sequence[Outgoing], now: Millis) -> HttpCall:
        return self._caller.call("submit", sending.fields(messages, now))

    def parse(self, messages: Sequence[Outgoing], reply: Reply, now: Millis) -> Answer:
        return sending.parse(messages, reply, now)

    def build_probe(self) -> HttpCall:
        return self._caller.call("account", {"operation": "account"})

    def parse_probe(self, reply: Reply) -> Fault | None:
        root = replies.read(reply)
        if root is None:
            return statuses.fault(reply, replies.nothing_said(reply))
        wrong = replies.refusal(root)
        if wrong is not None:
            return _smstraffic.api_fault(wrong.code, wrong.description)
        if not text_of(root, "account"):
            return statuses.fault(reply, "no account")
        return None

    def build_ask(self, sent: Sequence[Sent]) -> HttpCall:
        ids = ",".join(one.smsc_id for one in sent)
        return self._caller.call("status", {"operation": "status", "sms_id": ids})

    def parse_ask(self, sent: Sequence[Sent], reply: Reply) -> Sequence[Asked]:
        return states.parse_ask(sent, reply)

    def parse_push(self, kind: str, request: CallbackRequest, now: Millis) -> Pushed:
        if kind == "status":
            return states.push(request)
        if kind == "short":
            return incoming.push_short(request, self._short_reply)
        return incoming.push(request)

    def build_pull(self, since: Millis, now: Millis) -> HttpCall:
        return self._caller.call("incoming", incoming.pull_fields(since, now))

    def parse_pull(self, reply: Reply) -> Sequence[Mo] | Fault:
        return incoming.parse_pull(reply)

    def procedures(self) -> Sequence[Procedure]:
        return Operations(self._caller).procedures()


def create(config: Config) -> Provider:
    """Make the provider of a connector."""
    return SmsTrafficXml(config)
