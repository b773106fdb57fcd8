"""SMS-Pager.COM over HTTPS::XML (the provider's manual; there is no version). Pure.

An answer has no result for each number, only counts. So by default each message is a
request of its own, with an smsid of ours by which it is asked for, cancelled, and
looked for when no answer came. With ``batch`` above 1 messages share a request, its
smsid and its counts: which of them were taken is then looked up in the report.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final
from xml.etree.ElementTree import Element, SubElement

from msgspec import structs

from esmed.bridge import dates, replies
from esmed.bridge.base import (
    Answer,
    Asked,
    HttpCall,
    News,
    Outgoing,
    Procedure,
    Provider,
    Reply,
    Traits,
)
from esmed.bridge.config import HttpProviderConfig
from esmed.bridge.content import refused
from esmed.bridge.xmldoc import text_of
from esmed.connector import Sent
from esmed.fieldtypes import Boolean, Integer, SecretField, Text, TimeZone
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
from esmed.providers.smspager.documents import (
    add,
    call,
    document_of,
    fault_of,
    group_of,
    groups_of,
    is_shared,
    number_in,
    read,
    refusal,
    smsid_of,
    state_of,
)
from esmed.providers.smspager.procedures import Procedures

BATCH: Final = 500
"""Messages of one request at most; the manual names no limit."""
_BUCKET: Final = 60_000
"""Milliseconds by which the ends of messages of one request may differ."""
_TRAITS: Final = Traits(
    batch=BATCH,
    asks=100,
    asks_every=0.05,
    # Reports go back to the account's registration.
    retention=30 * 86_400.0,
    rechecks=True,
    cancels=True,
)
_BAD_NUMBER: Final = Rejected(
    Fault(FaultClass.MESSAGE, "allRecivers", "it is no number of a mobile phone")
)
_LEFT_OUT: Final = Deferred(
    # The counts do not say which. Of the two only money is mended by waiting or by
    # the next connector, and without it every message would be lost.
    Fault(
        FaultClass.ACCOUNT,
        "colNonSendAbonent",
        "not sent: no money on the account, or the number is black-listed",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(HttpProviderConfig):
    """One account."""

    kind: str = "smspager"
    login: Annotated[str, Text(least=1, most=100)]
    password: SecretField
    timezone: TimeZone | None = None
    """That of the city that the account is registered in, which all dates are of. None:
    messages with a ``send_at`` wait here, and no date is interpreted."""
    only_delivered: Annotated[bool, Boolean()] = False
    """Whether only what is delivered is paid for (``onlydelivery``)."""
    batch: Annotated[int, Integer(1, BATCH)] | None = 1


def create(config: Config) -> Provider:
    """Make the provider of an account."""
    return SmsPager(config) if config.timezone is None else Scheduling(config)


class SmsPager(Provider):
    """One account, as `Provider` has it."""

    traits: ClassVar[Traits] = _TRAITS

    def __init__(self, config: Config) -> None:
        self._config = config
        self._procedures = Procedures(self._request, config.timezone)

    def refusal(self, request: Request) -> Fault | None:
        """Tell what this protocol cannot express."""
        if request.data is not None:
            return refused("data", "the provider takes only text")
        if request.encoding in {"latin1", "binary"}:
            return refused("encoding", "the provider chooses between gsm7 and ucs2")
        if request.flash:
            return refused("flash", "the provider cannot send flash messages")
        if request.tlvs:
            return refused("tlvs", "are for SMPP only")
        if not (request.text or "").strip():
            return refused("text", "the provider takes no empty message")
        return None

    def group(self, message: Outgoing) -> Hashable:
        """Return sender and end, which are of the whole request. What may have been
        taken before goes alone: then counts tell, and nobody else is in doubt."""
        alone = message.id if message.doubtful else None
        return message.sender, message.expires_at // _BUCKET, alone

    def build(self, messages: Sequence[Outgoing], now: Millis) -> HttpCall:
        """Make the request of "ОТПРАВКА СМС"."""
        first = messages[0]
        root = self._request(action="send", smsid=smsid_of(messages))
        # It has to be there even if each number has its own.
        add(root, "text", first.request.text or "")
        if first.sender:
            add(root, "source", first.sender)
        start = self._start(first, now)
        if start is not None:
            add(root, "datetime", start)
        if self._config.only_delivered:
            add(root, "onlydelivery", "1")
        add(root, "vp", str(min(message.seconds_left(now) for message in messages)))
        for message in messages:
            to = SubElement(root, "to", number=f"+{message.to}")
            if len(messages) > 1:
                to.text = message.request.text
        return call("send", root)

    def parse(self, messages: Sequence[Outgoing], reply: Reply, now: Millis) -> Answer:
        """Read what was taken, as far as counts tell it."""
        root = read(reply)
        code = "" if root is None else text_of(root, "code")
        if root is None or not code:
            return replies.judged(reply, now, len(messages), "no result code")
        if code != "1":
            fault = fault_of(code)
            return Answer(
                outcomes=[Rejected(fault)] * len(messages),
                singly=fault.cls is not FaultClass.ACCOUNT,
            )
        return Answer(outcomes=_counted(messages, root), understood=True)

    def build_probe(self) -> HttpCall:
        """Ask for the balance."""
        return call("balance", self._request())

    def parse_probe(self, reply: Reply) -> Fault | None:
        """Tell what is wrong with the account; how much money is enough nobody knows,
        since an account may have credit."""
        return refusal(reply)

    # --- asking ----------------------------------------------------------------------

    def build_recheck(self, messages: Sequence[Outgoing], now: Millis) -> HttpCall:
        """Ask for the detailed report of our smsid."""
        return self._report(smsid_of(messages))

    def parse_recheck(
        self, messages: Sequence[Outgoing], reply: Reply, now: Millis
    ) -> Sequence[Outcome | None]:
        """Whoever is in one of its groups was taken; who is in none may yet come."""
        groups = groups_of(reply)
        if isinstance(groups, Fault):
            return [None] * len(messages)
        smsid = smsid_of(messages)
        return [
            None if group_of(groups, one.to) is None else Accepted(f"{smsid}/{one.to}")
            for one in messages
        ]

    def ask_group(self, sent: Sent) -> Hashable:
        """One smsid in one question."""
        return _smsid(sent)

    def build_ask(self, sent: Sequence[Sent]) -> HttpCall:
        """Ask for the detailed report."""
        return self._report(_smsid(sent[0]))

    def parse_ask(self, sent: Sequence[Sent], reply: Reply) -> Sequence[Asked]:
        """Tell in which group each is."""
        groups = groups_of(reply)
        if isinstance(groups, Fault):
            # Asked again it may answer: none of the codes is about the smsid.
            again = Fault(FaultClass.TEMPORARY, groups.code, groups.detail)
            return [again] * len(sent)
        return [_asked(one, group_of(groups, one.request.to)) for one in sent]

    # --- cancelling ------------------------------------------------------------------

    def build_cancel(self, sent: Sent) -> HttpCall:
        """Cancel what has the smsid; where others have it too, only count."""
        action = "check" if is_shared(_smsid(sent)) else "make"
        return call("cancel", self._request(action=action, smsid=_smsid(sent)))

    def parse_cancel(self, sent: Sent, reply: Reply) -> Fault | None:
        """It is if any of its short messages was."""
        fault = refusal(reply)
        if fault is not None:
            return fault
        if is_shared(_smsid(sent)):
            detail = "others of its smsid would be cancelled with it"
            return Fault(FaultClass.PROTOCOL, None, detail)
        root = read(reply)
        count = None if root is None else number_in(root, "cancelCol")
        if count is None:
            return Fault(FaultClass.TEMPORARY, None, "it does not say how many")
        if not count:
            return Fault(FaultClass.MESSAGE, None, "it has gone to the operator")
        return None

    def procedures(self) -> Sequence[Procedure]:
        """Balance, reports, cancelling, and the price of a message."""
        return self._procedures.all()

    # --- requests --------------------------------------------------------------------

    def _start(self, message: Outgoing, now: Millis) -> str | None:
        """Return when to send, None for now: until then it waits here."""
        return None

    def _report(self, smsid: str) -> HttpCall:
        return call("report", self._request(smsid=smsid))

    def _request(self, **values: str) -> Element:
        config = self._config
        return document_of(
            login=config.login, password=config.password.reveal(), **values
        )


class Scheduling(SmsPager):
    """An account whose time zone is known: the provider is told when to send."""

    traits: ClassVar[Traits] = structs.replace(_TRAITS, schedules=True)

    def group(self, message: Outgoing) -> Hashable:
        """Likewise, and the start."""
        return super().group(message), message.request.send_at

    def _start(self, message: Outgoing, now: Millis) -> str | None:
        send_at, zone = message.request.send_at, self._config.timezone
        if send_at is None or send_at <= now or zone is None:
            return None
        return dates.write(send_at, zone)


def _counted(messages: Sequence[Outgoing], root: Element) -> Sequence[Outcome]:
    """Return the outcomes by the counts: those of all, or of none, or nobody knows."""
    count = len(messages)
    taken, sent = number_in(root, "allRecivers"), number_in(root, "colSendAbonent")
    left_out = number_in(root, "colNonSendAbonent")
    if taken in {None, count} and sent in {None, count} and not left_out:
        smsid = smsid_of(messages)
        return [Accepted(f"{smsid}/{one.to}") for one in messages]
    outcome: Outcome = Unknown(f"{sent} of {count} sent, {left_out} left out")
    if taken == 0:
        outcome = _BAD_NUMBER
    elif left_out == count:
        outcome = _LEFT_OUT
    return [outcome] * count


def _smsid(sent: Sent) -> str:
    return sent.smsc_id.partition("/")[0]


def _asked(sent: Sent, group: str | None) -> Asked:
    state = None if group is None else state_of(group)
    if group is None or state is None:
        return None
    return News(ids=(sent.smsc_id,), state=state, stat=group, recipient=sent.request.to)
