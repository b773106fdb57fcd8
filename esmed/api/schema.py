"""Requests as clients write them, checked and normalised. Pure.

Types are the business of ``esmed.api.bodies``; here is what each field may say. Every
fault is found, not only the first.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from esmed.models import (
    Encoding,
    Millis,
    OnUnknown,
    Priority,
    ReceiptWish,
    Request,
    TlvValues,
)
from esmed.refusals import FieldError, InvalidError
from pdu import gsm0338
from pdu.transliterate import transliterate

MAX_MESSAGES: Final = 10_000  # of one list or batch
MIN_DIGITS, MAX_DIGITS = 3, 20  # SMPP 3.4 §5.2.9: 21 octets with the NUL
MAX_SENDER: Final = 11  # characters that fit 3GPP TS 23.040 §9.1.2.5, alphanumeric
MAX_TEXT: Final = 255 * 153  # characters: no encoding gets more into 255 parts
MAX_DATA: Final = 255 * 140  # octets
MAX_REFERENCE: Final = 255
MAX_URL: Final = 2048
MAX_TLVS: Final = 64
MAX_VALIDITY: Final = 63 * 7 * 86_400  # seconds: 3GPP TS 23.040 §9.2.3.12.1
MAX_AHEAD: Final = timedelta(days=366)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PRIORITIES: Final[Mapping[str, Priority]] = {
    "bulk": Priority.BULK,
    "normal": Priority.NORMAL,
    "high": Priority.HIGH,
}


class Submit(Struct, kw_only=True, forbid_unknown_fields=True):
    """The body of a submission; what is left out, or null, has its default."""

    to: str | list[str] | UnsetType | None = UNSET
    from_: str | UnsetType | None = field(default=UNSET, name="from")
    text: str | UnsetType | None = UNSET
    data: str | UnsetType | None = UNSET
    udh: str | UnsetType | None = UNSET
    encoding: Encoding | UnsetType | None = UNSET
    transliterate: bool | UnsetType | None = UNSET
    flash: bool | UnsetType | None = UNSET
    max_parts: int | UnsetType | None = UNSET
    validity: int | UnsetType | None = UNSET
    send_at: Annotated[datetime, Meta(tz=True)] | UnsetType | None = UNSET
    priority: Literal["bulk", "normal", "high"] | UnsetType | None = UNSET
    receipt: ReceiptWish | UnsetType | None = UNSET
    connector: str | UnsetType | None = UNSET
    reference: str | UnsetType | None = UNSET
    webhook_url: str | UnsetType | None = UNSET
    on_unknown: OnUnknown | UnsetType | None = UNSET
    tlvs: TlvValues | UnsetType | None = UNSET


class Resolve(Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/messages/{id}/resolve``."""

    as_: Literal["resend", "fail"] = field(name="as")


class Replay(Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/replay``."""

    since: Annotated[datetime, Meta(tz=True)]
    dead: bool = False


def arguments(cls: type[Struct]) -> dict[str, Any]:
    """Return the JSON Schema of an operation's arguments."""
    _, components = msgspec.json.schema_components([cls], ref_template="#/$defs/{name}")
    own: dict[str, Any] = components.pop(cls.__name__)
    own.pop("title", None)
    own.pop("description", None)
    return {**own, "$defs": components} if components else own


EXPECTED: Final[Mapping[str, str]] = {
    "to": "a string of digits, or a list of such",
    "encoding": f"one of {', '.join(get_args(Encoding))}",
    "transliterate": "true or false",
    "flash": "true or false",
    "max_parts": "an integer from 1 to 255",
    "validity": f"a number of seconds from 1 to {MAX_VALIDITY}",
    "send_at": "a time with its offset (RFC 3339) such as 2026-01-31T09:00:00Z",
    "priority": f"one of {', '.join(_PRIORITIES)}",
    "receipt": f"one of {', '.join(get_args(ReceiptWish))}",
    "tlvs": "an object whose values are strings or integers",
    "on_unknown": f"one of {', '.join(get_args(OnUnknown))}",
}


def requests(parsed: Submit, now: Millis) -> list[Request]:
    """Return one request for each destination. InvalidError."""
    numbers = parsed.to
    if not isinstance(numbers, list):
        return [request(parsed, now)]
    errors: list[FieldError] = []
    if not numbers:
        errors.append(FieldError("to", "at least one number is needed"))
    if len(numbers) > MAX_MESSAGES:
        errors.append(FieldError("to", f"at most {MAX_MESSAGES} numbers"))
    wanted = [
        _number(number, f"to[{index}]", errors)
        for index, number in enumerate(numbers[:MAX_MESSAGES])
    ]
    common = _request("", parsed, now, errors)
    if errors:
        raise InvalidError(errors)
    return [msgspec.structs.replace(common, to=number) for number in wanted]


def request(parsed: Submit, now: Millis) -> Request:
    """Return the request of a submission to one destination. InvalidError."""
    errors: list[FieldError] = []
    to = parsed.to
    if isinstance(to, str):
        to = _number(to, "to", errors)
    elif isinstance(to, list):
        errors.append(FieldError("to", "expected one number"))
        to = ""
    else:
        errors.append(FieldError("to", "is needed"))
        to = ""
    result = _request(to, parsed, now, errors)
    if errors:
        raise InvalidError(errors)
    return result


def estimated(parsed: Submit, now: Millis) -> Request:
    """Return the request to estimate; its destination may be left out. InvalidError."""
    if parsed.to is not UNSET and parsed.to is not None:
        return requests(parsed, now)[0]
    errors: list[FieldError] = []
    result = _request("", parsed, now, errors)
    if errors:
        raise InvalidError(errors)
    return result


def number(text: str) -> str:
    """Return the digits of the destination that is searched for. InvalidError."""
    errors: list[FieldError] = []
    digits = _number(text, "to", errors)
    if errors:
        raise InvalidError(errors)
    return digits


def millis(at: datetime) -> Millis:
    """Return an aware time as the store has it, rounded down."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


# --- one message ---------------------------------------------------------------------


def _request(to: str, parsed: Submit, now: Millis, errors: list[FieldError]) -> Request:
    """Return the request; it is to be used only if ``errors`` is still empty."""
    text, data, udh = _content(parsed, errors)
    _check_options(parsed, errors)
    return Request(
        to=to,
        from_=_sender(parsed.from_, errors),
        text=text,
        data=data,
        udh=udh,
        encoding=parsed.encoding or "auto",
        flash=parsed.flash or False,
        max_parts=parsed.max_parts or None,
        validity=_validity(parsed.validity, errors),
        send_at=_send_at(parsed.send_at, now, errors),
        priority=_PRIORITIES[parsed.priority or "normal"],
        receipt=parsed.receipt or "final",
        connector=_given(parsed.connector),
        reference=_given(parsed.reference),
        webhook_url=_given(parsed.webhook_url),
        on_unknown=parsed.on_unknown or None,
        tlvs=parsed.tlvs or None,
    )


def _given(value: str | UnsetType | None) -> str | None:
    return None if value is UNSET else value


def _number(number: str, path: str, errors: list[FieldError]) -> str:
    """Return the digits of a destination: without blanks, ``+`` and leading ``00``."""
    if not number.isdigit():
        number = "".join(number.split()).removeprefix("+")
    number = number.removeprefix("00")
    if not number:
        errors.append(FieldError(path, "must not be empty"))
    elif not (number.isascii() and number.isdigit()):
        errors.append(FieldError(path, "expected digits only"))
    elif not MIN_DIGITS <= len(number) <= MAX_DIGITS:
        errors.append(FieldError(path, f"expected {MIN_DIGITS} to {MAX_DIGITS} digits"))
    return number


def _sender(sender: str | UnsetType | None, errors: list[FieldError]) -> str | None:
    """Return a sender: digits without their ``+``, or up to 11 characters."""
    if not isinstance(sender, str):
        return None
    digits = sender.removeprefix("+")
    if digits.isascii() and digits.isdigit():
        if len(digits) > MAX_DIGITS:
            errors.append(FieldError("from", f"at most {MAX_DIGITS} digits"))
        return digits
    if not 1 <= len(sender) <= MAX_SENDER:
        message = f"expected digits, or 1 to {MAX_SENDER} characters"
        errors.append(FieldError("from", message))
    elif (wrong := _wrong_name(sender)) is not None:
        errors.append(FieldError("from", wrong))
    return sender


@lru_cache(maxsize=1024)
def _wrong_name(sender: str) -> str | None:
    """Tell what is wrong with the characters of an alphanumeric sender, if anything."""
    if sender != sender.strip() or not sender.isprintable():
        return "has blanks around it or control characters"
    if not gsm0338.is_encodable(sender):
        lacking = gsm0338.name(gsm0338.unencodable(sender))
        return f"not in the GSM alphabet: {lacking}"
    return None


def _content(
    parsed: Submit, errors: list[FieldError]
) -> tuple[str | None, bytes | None, bytes | None]:
    """Return text, or data and its header."""
    text, data = _given(parsed.text), _given(parsed.data)
    udh = _given(parsed.udh)
    if text is not None:
        if data is not None:
            errors.append(FieldError("data", "text and data exclude each other"))
        elif udh is not None:
            errors.append(FieldError("udh", "goes with data, not with text"))
        return _text(text, parsed, errors), None, None
    if data is None:
        errors.append(FieldError("text", "one of text and data is needed"))
        return None, None, None
    header = None if udh is None else _header(udh, errors)
    octets = _hex("data", data, errors)
    if not octets and header is None:
        errors.append(FieldError("data", "must not be empty"))
    if len(octets) + len(header or b"") > MAX_DATA:
        errors.append(FieldError("data", f"more than {MAX_DATA} octets"))
    if parsed.transliterate:
        errors.append(FieldError("transliterate", "goes with text"))
    return None, octets, header


def _text(text: str, parsed: Submit, errors: list[FieldError]) -> str:
    if not text:
        errors.append(FieldError("text", "must not be empty"))
    elif len(text) > MAX_TEXT:
        errors.append(FieldError("text", f"more than {MAX_TEXT} characters"))
    if parsed.encoding == "binary":
        errors.append(FieldError("encoding", "binary goes with data"))
    if not parsed.transliterate:
        return text
    written = transliterate(text)
    if text and not written:
        errors.append(FieldError("text", "nothing of it is left to transliterate"))
    return written


def _hex(name: str, value: str, errors: list[FieldError]) -> bytes:
    try:
        return bytes.fromhex(value)
    except ValueError:
        errors.append(FieldError(name, "expected pairs of hexadecimal digits"))
        return b"\0"


def _header(value: str, errors: list[FieldError]) -> bytes:
    known = len(errors)
    header = _hex("udh", value, errors)
    # 3GPP TS 23.040 §9.2.3.24: its first octet counts the others.
    if len(errors) == known and (not header or header[0] != len(header) - 1):
        errors.append(FieldError("udh", "its first octet must be the number of others"))
    return header


def _validity(value: int | UnsetType | None, errors: list[FieldError]) -> int:
    if not isinstance(value, int):
        return 86_400
    if not 1 <= value <= MAX_VALIDITY:
        errors.append(FieldError("validity", f"expected {EXPECTED['validity']}"))
    return value


def _send_at(
    value: datetime | UnsetType | None, now: Millis, errors: list[FieldError]
) -> Millis | None:
    """Return a time to come; one that has passed means at once, like none."""
    if not isinstance(value, datetime):
        return None
    at = millis(value)
    if at > now + MAX_AHEAD // timedelta(milliseconds=1):
        errors.append(FieldError("send_at", f"more than {MAX_AHEAD.days} days ahead"))
    return at if at > now else None


def _check_options(parsed: Submit, errors: list[FieldError]) -> None:
    parts, reference, url = parsed.max_parts, parsed.reference, parsed.webhook_url
    if isinstance(parts, int) and not 1 <= parts <= 255:
        errors.append(FieldError("max_parts", f"expected {EXPECTED['max_parts']}"))
    if isinstance(reference, str):
        if len(reference) > MAX_REFERENCE:
            errors.append(
                FieldError("reference", f"at most {MAX_REFERENCE} characters")
            )
        elif "\0" in reference:
            errors.append(FieldError("reference", "has a NUL character"))
    if isinstance(parsed.tlvs, dict) and len(parsed.tlvs) > MAX_TLVS:
        errors.append(FieldError("tlvs", f"at most {MAX_TLVS}"))
    if isinstance(url, str) and not _is_http_url(url):
        errors.append(FieldError("webhook_url", "expected an http or https URL"))


def _is_http_url(url: str) -> bool:
    """Tell a plain URL from one that two readers might understand differently."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable():
        return False
    if any(char in url for char in ' \\"<>'):
        return False
    try:
        parts = urlsplit(url)
        usable = parts.port != 0
    except ValueError:
        return False
    return (
        usable
        and parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and "@" not in parts.netloc
    )
