"""What smsc answers, in whichever of its four formats. Pure.

We ask for JSON (``fmt=3``), but the format of an error is that of a *successful* answer
by the document's words only: errors in the other formats are understood as well. Values
are strings in one answer and numbers in the next.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.etree.ElementTree import Element

from msgspec import Struct

from esmed import masking
from esmed.bridge import replies, xmldoc
from esmed.bridge.base import Reply
from esmed.models import Fault
from esmed.providers.smsc import tables

CHARSET: Final = "utf-8"
_DEFAULT_CHARSET: Final = "cp1251"
"""Of a reply whose request named none, and of one that forgot the request's."""
_MOST_SHOWN: Final = 100

_ERROR: Final = re.compile(
    r"ERROR\s*=\s*(\d{1,9})(?:\s*\((.*?)\))?(?:,\s*ID\s*-\s*(\S+))?\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
_ERROR_NUMBERS: Final = re.compile(r"([\w.-]{1,40}),-(\d{1,9})\Z", re.ASCII)
_TAKEN: Final = re.compile(
    r"OK\s*-\s*(\d+)\s*SMS,\s*ID\s*-\s*([^\s,]+)"
    r"(?:,\s*COST\s*-\s*([\d.]+))?(?:,\s*BALANCE\s*-\s*(-?[\d.]+))?\Z",
    re.IGNORECASE,
)
_TAKEN_NUMBERS: Final = re.compile(
    r"([\w.-]{1,40}),(\d+)(?:,([\d.]+)(?:,(-?[\d.]+))?)?\Z", re.ASCII
)
_PRICE: Final = re.compile(r"([\d.]+)(?:\s*\((\d+)\s*SMS\)|,(\d+))\Z", re.IGNORECASE)
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_MONEY: Final = re.compile(r"-?\d{1,15}\.\d+\Z")


class OfNumber(Struct, frozen=True, kw_only=True):
    """What ``op=1`` says about one number."""

    digits: str
    mccmnc: str = ""
    cost: str = ""
    status: int | None = None
    error: int | None = None


class Taken(Struct, frozen=True, kw_only=True):
    """A request that was processed."""

    id: str
    """"" where none is told."""
    told: Mapping[str, object]
    """What else, as it came."""
    numbers: Sequence[OfNumber] = ()

    @property
    def count(self) -> int | None:
        """Short messages, over all recipients; of a call its seconds."""
        return integer(self.told.get("cnt"))

    @property
    def cost(self) -> str:
        return string(self.told.get("cost"))

    @property
    def balance(self) -> str:
        return string(self.told.get("balance"))


class Refusal(Struct, frozen=True, kw_only=True):
    """An error."""

    code: int
    said: str = ""
    """The provider's words, without numbers."""
    id: str = ""
    numbers: Sequence[OfNumber] = ()

    @property
    def fault(self) -> Fault:
        meaning = tables.error(self.code)
        detail = f"{meaning.text}: {self.said}" if self.said else meaning.text
        return Fault(meaning.cls, self.code, detail)


class Price(Struct, frozen=True, kw_only=True):
    """What a request would cost (``cost=1``)."""

    cost: str
    count: int | None = None


Unpacked = dict[str, Any] | list[Any] | str | None
"""An object, a list or a line of text; None: nothing that smsc would say."""


def unpack(body: bytes) -> Unpacked:
    """Take an answer out of its format; the names of XML elements are its keys."""
    text = decoded(body).strip()
    if text.startswith(("{", "[")):
        found = replies.json_value(text.encode())
        return found if isinstance(found, dict | list) else None
    if text.startswith("<"):
        return _unpacked_xml(body, text)
    return text or None


def decoded(body: bytes) -> str:
    """Return the text of an answer, in the charset asked for or else in the default."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        return body.decode(CHARSET)
    except UnicodeDecodeError:
        return body.decode(_DEFAULT_CHARSET, "replace")


def read_refusal(answer: Unpacked) -> Refusal | None:
    """Return the error that an answer is; None: it is none."""
    if isinstance(answer, dict):
        if "error" not in answer and "error_code" not in answer:
            return None
        return Refusal(
            code=integer(answer.get("error_code")) or 0,
            said=_shown(string(answer.get("error"))),
            id=string(answer.get("id")),
            numbers=_numbers(answer.get("phones")),
        )
    if not isinstance(answer, str):
        return None
    first, *rest = answer.splitlines()
    if found := _ERROR.match(first):
        code, said, own = int(found[1]), found[2] or "", found[3] or ""
    elif found := _ERROR_NUMBERS.match(first.strip()):
        code, said, own = int(found[2]), "", found[1] if found[1] != "0" else ""
    else:
        return None
    return Refusal(code=code, said=_shown(said), id=own, numbers=_lines(rest))


def read_send(body: bytes) -> Taken | Refusal | None:
    """Read the answer to a request that sends; None: it is none."""
    answer = unpack(body)
    if refusal := read_refusal(answer):
        return refusal
    if isinstance(answer, dict):
        if not answer.keys() & {"id", "cnt"}:
            return None
        return Taken(
            id=string(answer.get("id")),
            told=answer,
            numbers=_numbers(answer.get("phones")),
        )
    if not isinstance(answer, str):
        return None
    first, *rest = answer.splitlines()
    if found := _TAKEN.match(first.strip()):
        count, own, cost, balance = found.groups("")
    elif found := _TAKEN_NUMBERS.match(first.strip()):
        own, count, cost, balance = found.groups("")
    else:
        return None
    return Taken(
        id=own,
        told={"cnt": count, "cost": cost, "balance": balance},
        numbers=_lines(rest),
    )


def read_price(body: bytes) -> Price | Refusal | None:
    """Read the answer to a request with ``cost=1``, whose fields are in another order
    than those of other requests."""
    answer = unpack(body)
    if refusal := read_refusal(answer):
        return refusal
    if isinstance(answer, dict):
        cost = string(answer.get("cost"))
        return Price(cost=cost, count=integer(answer.get("cnt"))) if cost else None
    if isinstance(answer, str) and (found := _PRICE.match(answer.splitlines()[0])):
        return Price(cost=found[1], count=integer(found[2] or found[3]))
    return None


def read_balance(body: bytes) -> tuple[str, str] | Refusal | None:
    """Read the answer of balance.php: the balance and, if it is told, its currency."""
    answer = unpack(body)
    if refusal := read_refusal(answer):
        return refusal
    if isinstance(answer, dict):
        balance = string(answer.get("balance"))
        return (balance, string(answer.get("currency"))) if balance else None
    if isinstance(answer, str):
        balance, *further = answer.split()
        if _MONEY.match(balance):
            return balance, further[0] if further else ""
    return None


def fault_of(refusal: Refusal | None, reply: Reply) -> Fault:
    """Say why a question has no answer: it was refused, or cannot be read."""
    return refusal.fault if refusal else replies.fault(reply, "unreadable body")


def digits(number: object) -> str:
    """Return a number as it is compared, since it comes with a plus or without."""
    return re.sub(r"[^0-9]", "", string(number))


def string(value: object) -> str:
    """Return a scalar of an answer as text; "" for none."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def integer(value: object) -> int | None:
    """Return a scalar of an answer as a number; None: it is none."""
    text = string(value)
    return int(text) if _INTEGER.fullmatch(text) else None


def _unpacked_xml(body: bytes, text: str) -> Unpacked:
    try:
        root = xmldoc.parse(body)
    except xmldoc.XmlError:
        try:
            root = xmldoc.parse(text)
        except xmldoc.XmlError:
            return None
    if root.tag.lower() == "html":
        return None
    if not len(root):
        return {root.tag: (root.text or "").strip()}
    if len(root) > 1 and all(len(child) for child in root):
        return [_mapping(child) for child in root]
    return _mapping(root)


def _mapping(element: Element) -> dict[str, Any]:
    """Return an element's children by name, and a list of ``phones`` as in JSON."""
    found: dict[str, Any] = {}
    for child in element:
        if child.tag == "phones":
            found["phones"] = [
                {**each.attrib, "phone": (each.text or "").strip()} for each in child
            ]
        else:
            found.setdefault(child.tag, (child.text or "").strip())
    return found


def _numbers(listed: object) -> Sequence[OfNumber]:
    entries = [listed] if isinstance(listed, dict) else listed
    if not isinstance(entries, list):
        return ()
    return [
        OfNumber(
            digits=number,
            mccmnc=string(each.get("mccmnc")),
            cost=string(each.get("cost")),
            status=integer(each.get("status")),
            error=integer(each.get("error")),
        )
        for each in entries
        if isinstance(each, dict) and (number := digits(each.get("phone")))
    ]


def _lines(lines: Sequence[str]) -> Sequence[OfNumber]:
    found = []
    for line in lines:
        phone, *values = (value.strip() for value in line.split(","))
        if number := digits(phone):
            mccmnc, cost, status, error = (*values, "", "", "", "")[:4]
            found.append(
                OfNumber(
                    digits=number,
                    mccmnc=mccmnc,
                    cost=cost,
                    status=integer(status),
                    error=integer(error),
                )
            )
    return found


def _shown(said: str) -> str:
    """Return the provider's words as they may be shown."""
    return masking.numbers_in(" ".join(said.split()))[:_MOST_SHOWN]
