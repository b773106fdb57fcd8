"""smsc as a `Provider`: which request serves what, and who reads its answer. Pure."""

from collections.abc import Hashable, Sequence
from typing import ClassVar, Final

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
from esmed.connector import Sent
from esmed.models import Fault, Millis, Outcome, Request
from esmed.providers.smsc import incoming, procedures, push, sending, states
from esmed.providers.smsc.answers import Refusal, fault_of, read_balance
from esmed.providers.smsc.calls import Calls
from esmed.providers.smsc.config import Config

BATCH: Final = 100
"""Messages in a ``list``: the document names no limit, and this is a cautious one."""
ASKS: Final = 500
"""Messages in a question; the platform names no limit."""
ASKS_EVERY: Final = 61.0
"""Seconds: several are asked for once a minute at most."""
RETENTION: Final = 30 * 86_400.0
"""Seconds. The document names none; the platform's history goes back six months."""


class Smsc(Provider):
    """One account."""

    traits: ClassVar[Traits] = Traits(
        batch=BATCH,
        asks=ASKS,
        asks_every=ASKS_EVERY,
        retention=RETENTION,
        rechecks=True,
        cancels=True,
        schedules=True,
        pushes=frozenset({"status", "mo"}),
        pulls=True,
    )

    def __init__(self, config: Config) -> None:
        self.pull_every = config.pull_every
        self._calls = Calls(config)
        self._word = config.callback_word
        self._options: dict[str, str | int] = {}
        if config.translit:
            self._options["translit"] = config.translit
        if config.tinyurl:
            self._options["tinyurl"] = 1

    # --- sending

    def refusal(self, request: Request) -> Fault | None:
        return sending.refusal(request)

    def group(self, message: Outgoing) -> Hashable:
        return sending.group(message)

    def build(self, messages: Sequence[Outgoing], now: Millis) -> HttpCall:
        fields = sending.fields(messages, now)
        if messages[0].request.data is None:
            fields |= self._options
        return self._calls.message(fields)

    def parse(self, messages: Sequence[Outgoing], reply: Reply, now: Millis) -> Answer:
        return sending.outcomes(messages, reply, now)

    def build_probe(self) -> HttpCall:
        return self._calls.form("balance", "balance", {"cur": 1})

    def parse_probe(self, reply: Reply) -> Fault | None:
        found = read_balance(reply.body)
        if found is None or isinstance(found, Refusal):
            return fault_of(found, reply)
        return None

    # --- what became of it

    def build_recheck(self, messages: Sequence[Outgoing], now: Millis) -> HttpCall:
        """Ask for them by the ids of the requests that they may have been in: one of
        the same messages, or each in one of its own."""
        pairs = [pair for each in _candidates(messages) for pair in each]
        return self._calls.form("recheck", "status", states.question(pairs))

    def parse_recheck(
        self, messages: Sequence[Outgoing], reply: Reply, now: Millis
    ) -> Sequence[Outcome | None]:
        return states.rechecked(_candidates(messages), reply)

    def build_ask(self, sent: Sequence[Sent]) -> HttpCall:
        pairs = [states.pair(each.smsc_id) for each in sent]
        return self._calls.form("status", "status", states.question(pairs))

    def parse_ask(self, sent: Sequence[Sent], reply: Reply) -> Sequence[Asked]:
        return states.asked(sent, reply)

    def build_cancel(self, sent: Sent) -> HttpCall:
        question = states.question([states.pair(sent.smsc_id)])
        return self._calls.form("cancel", "status", {**question, "del": 1})

    def parse_cancel(self, sent: Sent, reply: Reply) -> Fault | None:
        return states.cancelled(reply)

    # --- what comes in

    def parse_push(self, kind: str, request: CallbackRequest, now: Millis) -> Pushed:
        return push.pushed(request, self._word)

    def build_pull(self, since: Millis, now: Millis) -> HttpCall:
        return self._calls.form("incoming", "get", incoming.question(since, now))

    def parse_pull(self, reply: Reply) -> Sequence[Mo] | Fault:
        return incoming.messages(reply)

    # --- what else it can do

    def procedures(self) -> Sequence[Procedure]:
        return procedures.of(self._calls)


def _candidates(messages: Sequence[Outgoing]) -> Sequence[Sequence[tuple[str, str]]]:
    """Return the ids and number by which each message may be known."""
    own = sending.own_id(messages)
    return [
        [(one, each.to) for one in dict.fromkeys((own, each.id))] for each in messages
    ]


def create(config: Config) -> Smsc:
    """Make the provider of a connector."""
    return Smsc(config)
