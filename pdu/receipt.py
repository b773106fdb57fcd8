"""Delivery receipts: TLVs, then the text of SMPP 3.4 Appendix B as vendors write it.

Appendix B calls the text "SMSC vendor specific" and gives this as typical::

    id:IIIIIIIIII sub:SSS dlvrd:DDD submit date:YYMMDDhhmm done date:YYMMDDhhmm
    stat:DDDDDDD err:E Text: ..........

Seen besides: any order, keys missing or without their blank, odd dates and states.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

import msgspec

from pdu import smpptime, udh
from pdu.datacoding import decode_text, encoding_of
from pdu.errors import DecodeError
from pdu.messages import DataSm, DeliverSm
from pdu.receiptstate import BY_MESSAGE_STATE, BY_STAT, STAT_OF, ReceiptState
from pdu.vocabulary import DataCoding, EsmClass, Tag

__all__ = [
    "Receipt",
    "ReceiptState",
    "as_decimal",
    "as_hex",
    "build_text",
    "canonical_id",
    "parse",
    "parse_date",
]


class Receipt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A receipt as it came: what it lacks is empty, what it says is not interpreted.

    ``state`` is None where neither message_state nor ``stat`` is one we know.
    ``network_error``: the octets of network_error_code (SMPP 3.4 §5.3.2.31).
    ``raw``: all of short_message or message_payload.
    """

    message_id: str = ""
    state: ReceiptState | None = None
    stat: str = ""
    err: str = ""
    sub: str = ""
    dlvrd: str = ""
    submit_date: str = ""
    done_date: str = ""
    text: str = ""
    network_error: bytes | None = None
    raw: bytes = b""


# Plain ints: comparing with enum members would cost more than the rest of the loop.
_RECEIPTED_MESSAGE_ID: Final = int(Tag.RECEIPTED_MESSAGE_ID)
_MESSAGE_STATE: Final = int(Tag.MESSAGE_STATE)
_NETWORK_ERROR_CODE: Final = int(Tag.NETWORK_ERROR_CODE)
_MESSAGE_PAYLOAD: Final = int(Tag.MESSAGE_PAYLOAD)

# Bits, not values: some send 0x0C, receipt and acknowledgement at once.
_RECEIPT_BITS: Final = int(
    EsmClass.DELIVERY_RECEIPT | EsmClass.INTERMEDIATE_NOTIFICATION
)
_INTERMEDIATE: Final = int(EsmClass.INTERMEDIATE_NOTIFICATION)
_UDHI: Final = int(EsmClass.UDHI)

_STANDARD: Final = re.compile(
    r"id:(\S*) sub:(\S*) dlvrd:(\S*) submit date:(\S*) done date:(\S*)"
    r" stat:(\S*) err:(\S*)(?: [Tt]ext:(.*))?",
    re.DOTALL,
).fullmatch

_KEY: Final = re.compile(
    r"(?<![a-z0-9])(id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err|text) ?:",
    re.ASCII | re.IGNORECASE,
)
_TOKEN: Final = re.compile(r"[^\s,;|]+")
_DATE: Final = re.compile(r"[^\s,;|]+(?: [012]?\d:[\d:.]+)?")
_NAMES: Final = ("id", "sub", "dlvrd", "submitdate", "donedate", "stat", "err", "text")
# What may follow the key of a value behind `text:`, where it may be the text's own.
_PLAUSIBLE: Final[dict[str, re.Pattern[str]]] = {
    "id": re.compile(r"\s*[\w-]*\d"),
    "sub": re.compile(r"\s*\d{1,3}(?!\S)"),
    "dlvrd": re.compile(r"\s*\d{1,3}(?!\S)"),
    "submitdate": re.compile(r"\s*\d{10}"),
    "donedate": re.compile(r"\s*\d{10}"),
    "stat": re.compile(rf"\s*(?:{'|'.join(BY_STAT)})(?!\w)", re.IGNORECASE),
    "err": re.compile(r"\s*\w{1,8}(?!\S)"),
}


def parse(pdu: DeliverSm | DataSm) -> Receipt | None:
    """The receipt that a deliver_sm or data_sm carries, None if it is an MO; no raise.

    It is a receipt if esm_class says so, if it has message_state, or, for SMSCs that
    leave esm_class 0, if the text has an id and a state in Appendix B's form, or if it
    has receipted_message_id and no text that a phone may have written. An
    acknowledgement by the other phone (esm_class 0x08, 0x10) is a receipt only on those
    terms: it may as well be a text to read.
    Values of TLVs win over the text.
    """
    message_id = ""
    code: int | None = None
    network_error: bytes | None = None
    raw = pdu.short_message if isinstance(pdu, DeliverSm) else b""
    for tag, value in pdu.tlvs:
        if tag == _RECEIPTED_MESSAGE_ID:
            message_id = message_id or _c_string(value)
        elif tag == _MESSAGE_STATE:
            code = _number(value) if code is None else code
        elif tag == _NETWORK_ERROR_CODE:
            network_error = network_error or value
        elif tag == _MESSAGE_PAYLOAD:
            raw = raw or value
    standard = None if 0 in raw else _STANDARD(raw.decode("latin-1"))
    values = _scan(pdu, raw) if standard is None else standard.groups("")
    found_id, sub, dlvrd, submit_date, done_date, stat, err, text = values
    if not (
        pdu.esm_class & _RECEIPT_BITS
        or code is not None
        or (message_id and (not raw or any(values[:-1])))
        or (found_id and stat and _has_shape(values))
    ):
        return None
    state = BY_MESSAGE_STATE.get(code) or BY_STAT.get(stat.upper())
    if state is None and pdu.esm_class & _INTERMEDIATE:
        state = ReceiptState.BUFFERED
    if code is not None and not stat:
        stat = STAT_OF.get(code) or str(code)
    return Receipt(
        message_id=message_id or found_id,
        state=state,
        stat=stat,
        err=err,
        sub=sub,
        dlvrd=dlvrd,
        submit_date=submit_date,
        done_date=done_date,
        text=text.strip(),
        network_error=network_error,
        raw=raw,
    )


def _c_string(value: bytes) -> str:
    return value.partition(b"\0")[0].decode("latin-1").strip()


def _number(value: bytes) -> int | None:
    """Of any width, within reason; None for none."""
    return int.from_bytes(value, "big") if 0 < len(value) <= 4 else None


def _has_shape(values: Sequence[str]) -> bool:
    """Whether a text with id and stat is a receipt: "id: 5 stat: ok" is not yet one."""
    *_, stat, _err, _text = values
    return stat.upper() in BY_STAT or any(values[1:5])


def _scan(pdu: DeliverSm | DataSm, raw: bytes) -> list[str]:
    """The values in the order of ``_STANDARD``, each up to the next key not met before.

    So the text of the message, usually last, may contain any key again. A key that
    only comes behind ``text:`` is taken for one if its value looks like it.
    """
    text = _text(pdu, raw) if b":" in raw else ""
    seen: set[str] = set()
    marks: list[tuple[str, int, int]] = []
    for match in _KEY.finditer(text):
        key = match[1].lower().replace(" ", "").replace("_", "")
        if key in seen:
            continue
        if "text" in seen and not _PLAUSIBLE[key].match(text, match.end()):
            continue
        seen.add(key)
        marks.append((key, match.start(), match.end()))
    marks.append(("", len(text), 0))
    found = {
        key: _value(key, text[begin:end])
        for (key, _, begin), (_, end, _) in pairwise(marks)
    }
    return [found.get(name, "") for name in _NAMES]


def _value(key: str, text: str) -> str:
    if key == "text":
        return text
    match = (_DATE if key.endswith("date") else _TOKEN).search(text)
    return match[0] if match else ""


def _text(pdu: DeliverSm | DataSm, raw: bytes) -> str:
    """The text to scan, without NULs: ASCII or UCS-2, whichever data_coding claims."""
    data = udh.split(raw)[1] if pdu.esm_class & _UDHI else raw
    text = None
    if data[:1] == b"\0":
        text = decode_text(data, DataCoding.UCS2)
    elif encoding_of(pdu.data_coding) == "ucs2":
        text = decode_text(data, pdu.data_coding)
    if text is None or _KEY.search(text) is None:
        # Not the GSM alphabet, in which "_" of an id would be another character.
        text = data.decode("latin-1")
    return text.replace("\0", " ")


def build_text(
    message_id: str,
    stat: str,
    *,
    submit_date: datetime,
    done_date: datetime,
    err: str = "000",
    sub: str = "001",
    dlvrd: str = "001",
    text: str = "",
) -> bytes:
    """The text of Appendix B, for simulators; of ``text`` its 20 characters.

    What is not Latin-1 becomes "?".
    """
    return (
        f"id:{message_id} sub:{sub} dlvrd:{dlvrd}"
        f" submit date:{submit_date:%y%m%d%H%M} done date:{done_date:%y%m%d%H%M}"
        f" stat:{stat} err:{err} text:{text[:20]}"
    ).encode("latin-1", "replace")


def parse_date(value: str) -> datetime | None:
    """A date of a receipt, None if it is none; naive, for receipts name no zone.

    YYMMDDhhmm, with or without seconds and a fraction of them, the same with a year of
    four digits, ISO 8601, SMPP's absolute time; the last two may bring a zone.
    """
    value = value.strip()
    digits = value.replace(".", "", 1)
    if digits.isascii() and digits.isdigit():
        return _date_of_digits(digits)
    try:
        if "-" in value[:-1]:
            return datetime.fromisoformat(value)
        return smpptime.parse_absolute(value)
    except (ValueError, DecodeError):
        return None


_CENTURY: Final = {
    # Digits of the date: what to put before it, tried in turn.
    10: ("20",),
    12: ("20", ""),  # YYMMDDhhmmss, but YYYYMMDDhhmm is seen
    13: ("20",),
    14: ("",),
    15: ("20",),
    17: ("",),
}


def _date_of_digits(digits: str) -> datetime | None:
    for century in _CENTURY.get(len(digits), ()):
        full = century + digits
        try:
            return datetime(  # noqa: DTZ001  the receipt does not say which zone
                int(full[:4]),
                int(full[4:6]),
                int(full[6:8]),
                int(full[8:10]),
                int(full[10:12]),
                int(full[12:14] or 0),
                int(full[14:].ljust(6, "0")),
            )
        except ValueError:
            continue
    return None


_HEX: Final = re.compile(r"[0-9a-f]{1,20}").fullmatch
"""A number of up to 80 bits in hex; what is longer is random, a UUID for example."""
_DECIMAL_DIGITS: Final = 24
"""The same in decimal."""


def canonical_id(message_id: str) -> str:
    """The id as ids are compared: lower case, no blanks around it, numbers of either
    base without leading zeros.

    All else keeps its zeros: the one that a UUID begins with is part of it.
    """
    lowered = message_id.strip().lower()
    number = lowered.lstrip("0") or lowered[-1:]
    if _is_decimal(number) or _HEX(number):
        return number
    return lowered


def as_hex(canonical: str) -> str | None:
    """A canonical id that is decimal in hex; None if it is no number of 24 digits."""
    if len(canonical) > _DECIMAL_DIGITS or not _is_decimal(canonical):
        return None
    return f"{int(canonical):x}"


def as_decimal(canonical: str) -> str | None:
    """A canonical id that is hex in decimal; None if it is no number of 20 digits."""
    return str(int(canonical, 16)) if _HEX(canonical) else None


def _is_decimal(text: str) -> bool:
    return text.isdigit() and text.isascii()
