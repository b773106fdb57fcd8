"""What SMS Traffic does with the fields of its HTTP API v1, which come over SOAP and by
mail, too (technical description 2.3).

Each short message of a message is one here, with an id and states of its own; a word
such as ``Delivered+Expired`` gives those of the parts.

Where the description is silent: 404 for limits that nobody keeps, phones of 7 to 15
digits.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from msgspec import Struct

from esmed.simulator.bridge.frame import ProviderSimulator
from esmed.simulator.bridge.outcomes import Outcome, Step
from esmed.simulator.bridge.register import Message
from esmed.simulator.providers._smstraffic import DATE, KEPT, ZONE, Refused
from pdu import segment

USUAL: Final = "Buffered SMSC,Delivered"
RULES: Final = (
    *("01=Buffered SMSC,Non Delivered:3", "02=Buffered SMSC,Expired:1"),
    *("03=Rejected:16", "04=Deleted", "05=Unknown status", "06=none"),
    *("07=Delivered,Clicked", "08=Delivered,Read", "09=Delivered+Expired:4"),
    *("10=refuse:432", "11=refuse:429", "12=Something New,Delivered"),
    *("13=refuse:424", "14=Delivered,Buffered SMSC"),
)
DEFAULTS: Final = {"balance": "10025", "price": "0", "forbidden": ""}
UNROUTABLE: Final = "unroutable"
"""A refusal of SOAP: the message is taken, and nothing is done about it."""

_MOST_TEXT: Final = {"0": 39_015, "1": 17_085, "5": 17_085}
_MOST_WITH_IDS: Final = 6000
_IDS_UNTIL: Final = timedelta(minutes=5)
_MOST_DEFERRED: Final = timedelta(days=3)


class Entry(Struct, frozen=True, kw_only=True):
    """One message of a request."""

    phone: str
    text: str
    push_id: str = ""


class Queued(Struct, frozen=True, kw_only=True):
    """What has become of a request to send."""

    parts: int
    infos: Sequence[tuple[Entry, str]]
    """Each short message, with its id; "" if it was not routed."""


class Version1:
    """What a stand-in does with such fields, over whatever they came."""

    def __init__(self, simulator: ProviderSimulator) -> None:
        self._simulator = simulator
        self.balance = Decimal(simulator.settings["balance"])
        self._price = Decimal(simulator.settings["price"])

    def admit(self, fields: Mapping[str, str]) -> None:
        """Refuse who is not the one."""
        for name, code in (("login", 401), ("password", 402)):
            if not fields.get(name):
                raise Refused(code)
        if not self._simulator.knows(fields["login"], fields["password"]):
            raise Refused(411)

    def send(self, fields: Mapping[str, str], entries: Sequence[Entry]) -> Queued:
        """Take the messages of a request."""
        start = self._checked(fields)
        parts = [parts_of(entry.text, fields) for entry in entries]
        self._check_entries(entries, fields)
        if fields.get("want_sms_ids") == "1" and sum(parts) > _MOST_WITH_IDS:
            raise Refused(404)
        outcomes = [self._simulator.outcome(entry.phone) for entry in entries]
        for entry, outcome in zip(entries, outcomes, strict=True):
            if outcome.refusal not in {"", UNROUTABLE}:
                raise Refused(int(outcome.refusal), entry.phone)
        if self._price * sum(parts) > self.balance:
            raise Refused(415)
        self.balance -= self._price * sum(parts)
        infos: list[tuple[Entry, str]] = []
        for entry, outcome, count in zip(entries, outcomes, parts, strict=True):
            if outcome.refusal:
                infos.append((entry, ""))
            else:
                taken = self._take(entry, outcome, count, fields, start)
                infos += ((entry, message.id) for message in taken)
        return Queued(parts=sum(parts), infos=infos)

    def known(self, ident: str) -> Message | None:
        """Return a message of the last days."""
        found = self._simulator.register.with_id(ident)
        oldest = (datetime.now(ZONE) - KEPT).timestamp()
        return found[0] if found and found[0].at >= oldest else None

    def _take(
        self,
        entry: Entry,
        outcome: Outcome,
        count: int,
        fields: Mapping[str, str],
        start: datetime | None,
    ) -> Iterator[Message]:
        told = ("rus", "flash", "timeout", "start_date", "max_parts", "delimiter")
        for part in range(count):
            ident = str(self._simulator.new_id())
            yield self._simulator.take(
                message_id=ident,
                to=entry.phone,
                outcome=Outcome(steps=tuple(_of_part(outcome.steps, part))),
                from_=fields.get("originator", ""),
                text=None if part else entry.text,
                data=ident.encode().hex() if part else None,
                parts=count,
                reference=entry.push_id,
                fields={name: fields[name] for name in told if name in fields},
                start_at=None if start is None else start.timestamp(),
            )

    def _checked(self, fields: Mapping[str, str]) -> datetime | None:
        """What holds for the whole request; gives the start, None for now."""
        sender = fields.get("originator", "")
        if len(sender) > (15 if sender.isdecimal() else 11):
            raise Refused(421)
        if sender and sender in self._simulator.settings["forbidden"].split(","):
            raise Refused(436, sender)
        timeout = fields.get("timeout", "1")
        parts = fields.get("max_parts", "1")
        if not timeout.isdecimal() or not 1 <= int(timeout) <= 86_400:
            raise Refused(404)
        if not parts.isdecimal() or not 1 <= int(parts) <= 255:
            raise Refused(404)
        if not fields.get("start_date"):
            return None
        start = moment(fields["start_date"])
        ahead = start - datetime.now(ZONE)
        if ahead < timedelta(minutes=-1):
            raise Refused(417, fields["start_date"])
        if ahead > _MOST_DEFERRED:
            raise Refused(504)
        if ahead > _IDS_UNTIL and fields.get("want_sms_ids") == "1":
            raise Refused(418)
        return start

    def _check_entries(
        self, entries: Sequence[Entry], fields: Mapping[str, str]
    ) -> None:
        most = _MOST_TEXT.get(fields.get("rus", "0"))
        if most is None:
            raise Refused(404)
        individual = fields.get("individual_messages") == "1"
        for entry in entries:
            if len(entry.text) > most:
                raise Refused(424, entry.phone) if individual else Refused(420)
            if fields.get("ignore_phone_format") == "1":
                continue
            if not re.fullmatch("[0-9]+", entry.phone):
                raise Refused(428, entry.phone)
            if len(entry.phone) < 7:
                raise Refused(425, entry.phone)
            if len(entry.phone) > 15:
                raise Refused(426, entry.phone)


def entries_of(fields: Mapping[str, str]) -> Iterator[Entry]:
    phones = fields.get("phones", "")
    if not phones:
        raise Refused(403)
    if fields.get("individual_messages") != "1":
        if not fields.get("message"):
            raise Refused(405)
        for phone in phones.split(","):
            yield Entry(phone=phone.strip(), text=fields["message"])
        return
    delimiter = fields.get("delimiter")
    lines = phones.split(delimiter) if delimiter else re.split("[\r\n]", phones)
    for number, line in enumerate(lines, start=1):
        head, _, text = line.partition(" ")
        push_id, colon, phone = head.rpartition(":")
        if bool(colon) != (fields.get("with_push_id") == "1") or not phone:
            raise Refused(422, f"{number}: {line}")
        if not text:
            raise Refused(423, phone)
        yield Entry(phone=phone, text=text, push_id=push_id)


def parts_of(text: str, fields: Mapping[str, str]) -> int:
    """How many short messages are sent: the first `max_parts`."""
    return min(len(segment.split(text).parts), int(fields.get("max_parts", "255")))


def ids_of(fields: Mapping[str, str]) -> list[str]:
    ids = [one.strip() for one in fields.get("sms_id", "").split(",")]
    if not any(ids):
        raise Refused(433)
    return ids


def moment(text: str) -> datetime:
    for form in (DATE, "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=ZONE)
        except ValueError:
            continue
    raise Refused(416, text)


def _of_part(steps: Sequence[Step], part: int) -> Iterator[Step]:
    for step in steps:
        words = step.word.split("+")
        last = part >= len(words) - 1
        yield Step(words[-1] if last else words[part], step.err if last else "")
