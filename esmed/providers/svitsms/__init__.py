"""svitsms ("SMS-HTTP", protocol document v1.2): XML over HTTP POST, one URL. Pure."""

from collections.abc import Hashable, Sequence
from typing import ClassVar

from msgspec.structs import replace

from esmed.bridge.base import (
    Answer,
    Asked,
    CallbackRequest,
    HttpCall,
    Outgoing,
    Procedure,
    Provider,
    Pushed,
    Reply,
    Traits,
)
from esmed.connector import Sent
from esmed.models import Fault, Millis, Request
from esmed.providers.svitsms import documents, sending, states
from esmed.providers.svitsms.config import Config
from esmed.providers.svitsms.operations import Operations

__all__ = ["Config", "Svitsms", "create"]


class Svitsms(Provider):
    """One account, as `Provider` has it.

    Nothing tells whether a request without an answer was processed, and nothing can be
    cancelled.
    """

    traits: ClassVar[Traits] = Traits(
        batch=sending.BATCH,
        asks=sending.BATCH,
        asks_every=states.ASK_EVERY,
        retention=states.RETENTION,
        pushes=frozenset({"status"}),
    )

    def __init__(self, config: Config) -> None:
        self._config = config
        self._caller = documents.Caller(config)

    def refusal(self, request: Request) -> Fault | None:
        return sending.refusal(request, self._config.default_from)

    def group(self, message: Outgoing) -> Hashable:
        return sending.group(message)

    def build(self, messages: Sequence[Outgoing], now: Millis) -> HttpCall:
        element = sending.request(messages, self._config, now)
        return self._caller.call("submit", "SENDSMS", element)

    def parse(self, messages: Sequence[Outgoing], reply: Reply, now: Millis) -> Answer:
        return sending.parse(messages, reply, now)

    def build_probe(self) -> HttpCall:
        return self._caller.balance()

    def parse_probe(self, reply: Reply) -> Fault | None:
        found = documents.balance(reply)
        return found if isinstance(found, Fault) else None

    def ask_group(self, sent: Sent) -> Hashable:
        return states.campaign_of(sent.smsc_id)

    def build_ask(self, sent: Sequence[Sent]) -> HttpCall:
        campaign = states.campaign_of(sent[0].smsc_id)
        if len(sent) == 1 and states.is_one_part(sent[0]):
            element = states.message_status(campaign, sent[0].request.to)
            return self._caller.call("message_status", "GETMESSAGESTATUS", element)
        element = states.of_campaign(campaign)
        return self._caller.call("campaign_detail", "GETCAMPAIGNDETAIL", element)

    def parse_ask(self, sent: Sequence[Sent], reply: Reply) -> Sequence[Asked]:
        return states.parse_ask(sent, reply, self._config.timezone)

    def parse_push(self, kind: str, request: CallbackRequest, now: Millis) -> Pushed:
        return states.parse_push(request, self._config.timezone)

    def procedures(self) -> Sequence[Procedure]:
        return Operations(self._caller, self._config.timezone).procedures()


class Scheduling(Svitsms):
    """One whose dates can be written, since their zone is known."""

    traits: ClassVar[Traits] = replace(Svitsms.traits, schedules=True)


def create(config: Config) -> Provider:
    """Make the provider of a connector."""
    return Svitsms(config) if config.timezone is None else Scheduling(config)
