"""SMS Traffic by mail (technical description 2.3 of 2025-12-18). Pure.

Variant 1 is a mail to the account's own address with the number as its subject;
variant 2 one with the fields of the HTTP API v1, a paragraph each. Nothing is heard of
a message but that its mail was taken; so whatever is sure to be refused later is
refused here.
"""

import hashlib
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Annotated, ClassVar, Final

from esmed.bridge.base import Answer, MailCall, Outgoing, Provider, Reply, Traits
from esmed.bridge.config import MailProviderConfig
from esmed.bridge.content import refused
from esmed.errors import ConfigFault
from esmed.fieldtypes import Integer, Rate, SecretField, Text
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
from esmed.providers import _smstraffic_v1

PERSONAL: Final = "corp.smsmail.ru"
"""Where mails of variant 1 go, behind the login."""
COMMON: Final = "multi@smtp2.smsmail.ru"
"""Where those of variant 2 go."""

_ADDRESS: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+", re.ASCII)
_LOCAL: Final = re.compile(r"[\w-]+(\.[\w-]+)*", re.ASCII)
_BREAK: Final = re.compile(r"\r\n|\r|\n")
_ENHANCED: Final = re.compile(rb"\s*([245]\.[0-9]{1,3}\.[0-9]{1,3})\b")
"""RFC 3463 §2."""

_LONGEST_TEXT: Final = 17_085
"""Characters with ``rus`` 5."""
_LONGEST_NAME: Final = 11
_LONGEST_NUMBER: Final = 15
_LONGEST_LINE: Final = 998
"""Octets, RFC 5322 §2.1.1."""
_BUSY: Final = 421
_PAUSE: Final = 30.0
"""Seconds for which a server is left alone that is not available."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(MailProviderConfig):
    """SMS Traffic, by mail."""

    kind: str = "smstraffic-smtp"
    variant: Annotated[int, Integer(1, 2)] = 2
    login: Annotated[str, Text(least=1, most=64)]
    password: SecretField | None = None
    """Of variant 2, whose mails it is in."""
    mail_from: Annotated[str, Text(least=3, most=254, ascii_only=True)]
    """Who the mails are from."""
    rate: Rate | None = 100 / 60
    """The provider asks for no more than 100 mails a minute."""

    def faults(self) -> Iterator[ConfigFault]:
        if not _ADDRESS.fullmatch(self.mail_from):
            yield ConfigFault(path="mail_from", message="is no address of mail")
        if self.variant == 1:
            yield from self._of_variant_1()
        else:
            yield from self._of_variant_2()

    def _of_variant_1(self) -> Iterator[ConfigFault]:
        if not _LOCAL.fullmatch(self.login):
            message = "cannot stand before the @ of an address"
            yield ConfigFault(path="login", message=message)
        if self.default_from is not None:
            message = "variant 1 has no senders but the account's own"
            yield ConfigFault(path="default_from", message=message)

    def _of_variant_2(self) -> Iterator[ConfigFault]:
        if self.password is None:
            yield ConfigFault(
                path="password", message="is needed by variant 2", rests_on="variant"
            )
        elif len(_BREAK.split(self.password.reveal())) > 1:
            yield ConfigFault(path="password", message="has a line break")
        if len(_BREAK.split(self.login)) > 1:
            yield ConfigFault(path="login", message="has a line break")
        wrong = None if self.default_from is None else _sender_fault(self.default_from)
        if wrong is not None:
            yield ConfigFault(path="default_from", message=wrong.detail)


class _ByMail(Provider):
    """What both variants have in common: there is no answer but that of the server."""

    def __init__(self, config: Config) -> None:
        self._login = config.login
        self._from = config.mail_from

    def parse(self, messages: Sequence[Outgoing], reply: Reply, now: Millis) -> Answer:
        outcome: Outcome
        wrong = _fault(reply)
        if reply.status == 250:
            outcome = Accepted("")
        elif wrong is None:
            outcome = Unknown(f"SMTP {reply.status}")
        elif wrong.cls is FaultClass.TEMPORARY:
            outcome = Deferred(wrong)
        else:
            outcome = Rejected(wrong)
        return Answer(
            outcomes=[outcome] * len(messages),
            pause=_PAUSE if reply.status == _BUSY else 0.0,
            reason="" if wrong is None else wrong.detail,
        )

    def parse_probe(self, reply: Reply) -> Fault | None:
        if reply.status == 250:
            return None
        detail = f"SMTP {reply.status}"
        return _fault(reply) or Fault(FaultClass.PROTOCOL, reply.status, detail)

    def _mail(
        self,
        recipient: str,
        subject: str,
        text: str,
        messages: Sequence[Outgoing],
        now: Millis,
    ) -> MailCall:
        """Make one; its id is that of the messages, so that it shows if it comes twice.

        Of several it is of no use to have that of the first: those that go again after
        no answer need not be the same.
        """
        domain = self._from.rpartition("@")[2]
        mail = EmailMessage(SMTP.clone(max_line_length=_LONGEST_LINE))
        mail["From"] = self._from
        mail["To"] = recipient
        mail["Subject"] = subject
        mail["Date"] = format_datetime(datetime.fromtimestamp(now // 1000, UTC))
        mail["Message-ID"] = f"<{_identity(messages)}@{domain}>"
        lines = _BREAK.split(text)
        plain = text.isascii() and max(map(len, lines)) <= _LONGEST_LINE
        mail.set_content("\n".join(lines), cte="7bit" if plain else "quoted-printable")
        return MailCall(
            operation="submit",
            sender=self._from,
            recipient=recipient,
            content=mail.as_bytes(),
        )

    def _probe(self, recipient: str) -> MailCall:
        return MailCall(
            operation="probe", sender=self._from, recipient=recipient, content=b""
        )


class Variant1(_ByMail):
    """A mail for each message: number and text, and all else as the account is set."""

    traits: ClassVar[Traits] = Traits(receipts=False)

    def refusal(self, request: Request) -> Fault | None:
        if request.from_ is not None:
            return refused("from", "variant 1 has no senders but the account's own")
        if request.flash:
            return refused("flash", "variant 1 has none")
        return _smstraffic_v1.refusal(request)

    def group(self, message: Outgoing) -> Hashable:
        return message.id

    def build(self, messages: Sequence[Outgoing], now: Millis) -> MailCall:
        (message,) = messages
        text = message.request.text or ""
        return self._mail(self._address, message.to, text, messages, now)

    def build_probe(self) -> MailCall:
        return self._probe(self._address)

    @property
    def _address(self) -> str:
        return f"{self._login}@{PERSONAL}"


class Variant2(_ByMail):
    """A mail for all messages with one text: the fields of the HTTP API v1."""

    traits: ClassVar[Traits] = Traits(batch=_smstraffic_v1.BATCH, receipts=False)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._password = config.password

    def refusal(self, request: Request) -> Fault | None:
        text = request.text or ""
        if not all(line.strip() for line in _BREAK.split(text)[1:-1]):
            return refused("text", "variant 2 takes no empty lines")
        if len(text) > _LONGEST_TEXT:
            return refused("text", f"longer than {_LONGEST_TEXT} characters")
        if request.from_ is not None and (wrong := _sender_fault(request.from_)):
            return wrong
        return _smstraffic_v1.refusal(request)

    def group(self, message: Outgoing) -> Hashable:
        return _smstraffic_v1.group(message), message.request.text

    def build(self, messages: Sequence[Outgoing], now: Millis) -> MailCall:
        fields = self._fields(messages, now)
        text = "\n\n".join(f"{name}: {value}" for name, value in fields.items())
        return self._mail(COMMON, "sms", text, messages, now)

    def build_probe(self) -> MailCall:
        return self._probe(COMMON)

    def _fields(
        self, messages: Sequence[Outgoing], now: Millis
    ) -> Mapping[str, str | int]:
        first = messages[0]
        fields: dict[str, str | int] = {
            "login": self._login,
            "password": "" if self._password is None else self._password.reveal(),
            "phones": ",".join(message.to for message in messages),
            "message": first.request.text or "",
        }
        if first.sender is not None:
            fields["originator"] = first.sender
        fields |= {"rus": 5, "timeout": _smstraffic_v1.lifetime(messages, now)}
        if first.request.flash:
            fields["flash"] = 1
        return fields


def create(config: Config) -> Provider:
    """Make the provider of a connector."""
    return Variant1(config) if config.variant == 1 else Variant2(config)


def _identity(messages: Sequence[Outgoing]) -> str:
    first, *others = [message.id for message in messages]
    if not others:
        return first
    return hashlib.sha256(" ".join([first, *others]).encode()).hexdigest()[:36]


def _sender_fault(sender: str) -> Fault | None:
    """Return why such a sender would be refused, or would end its field."""
    digits = sender.isascii() and sender.isdigit()
    if len(sender) > (_LONGEST_NUMBER if digits else _LONGEST_NAME):
        longest = f"{_LONGEST_NUMBER} digits or {_LONGEST_NAME} letters"
        return refused("from", f"longer than {longest}")
    if not sender.isprintable() or not sender.strip():
        return refused("from", "has characters that no sender can have")
    return None


def _fault(reply: Reply) -> Fault | None:
    """Return what a refusal of the server means; None: it is none.

    One before the content is about the account, and most after it are; what is about
    the content says so (RFC 3463 §3.3, §3.4, §3.7).
    """
    found = _ENHANCED.match(reply.body)
    detail = f"SMTP {reply.status}" + (f" {found[1].decode()}" if found else "")
    about = found[1][2:] if found else b""
    match reply.status:
        case status if 400 <= status < 500:
            cls = FaultClass.TEMPORARY
        case status if not 500 <= status < 600:
            return None
        case 500 | 501 | 502 | 503 | 504 | 555:
            cls = FaultClass.PROTOCOL
        case 552:
            cls = FaultClass.MESSAGE
        case _ if about.startswith(b"6.") or about in {b"2.3", b"3.4"}:
            cls = FaultClass.MESSAGE
        case _:
            cls = FaultClass.ACCOUNT
    return Fault(cls, reply.status, detail)
