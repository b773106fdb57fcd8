"""SMS Traffic by mail (technical description 2.3): both variants, told apart by whom a
mail is to.

What is wrong with a message is not told: a mail is taken all the same, and at best
answered by another mail. `answers` has what that would say.
"""

import re
from collections.abc import Mapping
from email.message import EmailMessage
from typing import ClassVar, Final

from esmed.simulator.bridge.mail import MailSimulator, RefusedMail
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.providers._smstraffic import WORDS, Refused
from esmed.simulator.providers._smstraffic_v1 import (
    DEFAULTS,
    RULES,
    USUAL,
    Entry,
    Version1,
    entries_of,
)

_PERSONAL: Final = re.compile(r"(?i)(?:([0-9]+)\.)?([^@]+)@corp\.smsmail\.ru")
_COMMON: Final = "multi@smtp2.smsmail.ru"


class Simulator(MailSimulator):
    usual = USUAL
    rules = RULES
    defaults: ClassVar[Mapping[str, str]] = {**MailSimulator.defaults, **DEFAULTS}

    def __init__(self, options: ProviderOptions | None = None) -> None:
        super().__init__(options)
        self._desk = Version1(self)
        self.answers: list[tuple[int, str]] = []
        """Code and description of each mail's fields, oldest first."""

    def check_recipient(self, address: str) -> None:
        if address.lower() == _COMMON:
            return
        personal = _PERSONAL.fullmatch(address)
        if personal is None:
            raise RefusedMail("550 5.7.1 relaying denied")
        if self.options.login not in {None, personal[2]}:
            raise RefusedMail("550 5.1.1 nobody is called so")

    def take_mail(self, recipient: str, mail: EmailMessage) -> str:
        number = self.new_id()
        try:
            self.answers.append((0, f"queued {self._parts(recipient, mail)} messages"))
        except Refused as refused:
            self.answers.append((refused.code, refused.text))
        return f"250 2.0.0 taken as {number}"

    def _parts(self, recipient: str, mail: EmailMessage) -> int:
        body = mail.get_body(("plain",))
        text = "" if body is None else str(body.get_content())
        text = text.replace("\r\n", "\n")
        personal = _PERSONAL.fullmatch(recipient)
        if personal is not None:
            phone = personal[1] or str(mail["Subject"]).strip()
            return self._one(phone, text.rstrip("\n"))
        fields = dict(_fields(text))
        self._desk.admit(fields)
        return self._desk.send(fields, list(entries_of(fields))).parts

    def _one(self, phone: str, text: str) -> int:
        if not text:
            raise Refused(405)
        # The account's setting is for UCS-2 here.
        return self._desk.send({"rus": "5"}, [Entry(phone=phone, text=text)]).parts


def _fields(text: str) -> Mapping[str, str]:
    """The fields of a mail: paragraphs of a name, a colon and a value."""
    fields = {}
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        name, colon, value = paragraph.partition(":")
        if not colon:
            raise Refused(404, WORDS[404])
        fields[name.strip()] = value.strip()
    return fields
