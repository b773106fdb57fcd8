"""Callbacks: states, and messages from subscribers. Pure.

The account has one address for all of them, so that either path takes either; what a
callback is about shows by its fields. How it is written is up to the address's query
(``charset``, ``fmt``), which is why every form is read.
"""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import md5, sha1, sha256
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from esmed.bridge import forms
from esmed.bridge.base import CallbackReply, CallbackRequest, Mo, News, Pushed
from esmed.models import Fault
from esmed.providers.smsc import states
from esmed.providers.smsc.answers import digits, integer, string, unpack
from esmed.secret import Secret

CHARSETS: Final = {"utf-8": "utf-8", "koi8-r": "koi8-r", "windows-1251": "cp1251"}
"""That the address can ask for."""
OK: Final = CallbackReply(body=b"OK")
_UNREADABLE: Final = CallbackReply(status=400, body=b"unreadable")
_UNSIGNED: Final = CallbackReply(status=403, body=b"wrong signature")
_SIGNATURES: Final = {"sha1": sha1, "md5": md5}
"""By the field that has one. Of the platform's three, ``crc32`` proves nothing."""

_TIMES: Final = ("ts", "time", "sent")
_SIGNED: Final[Mapping[str, Sequence[str]]] = {
    "mes": ("phone", "mes", "to"),
    "waitcall": ("phone", "ts"),
    "status": ("id", "phone", "status"),
}
"""The fields that are signed, by the one that tells what a callback is about."""


class _Callback(Struct, frozen=True):
    """Its fields, and the charset in which it was signed."""

    fields: Mapping[str, Any]
    charset: str


def pushed(request: CallbackRequest, word: Secret | None) -> Pushed:
    """Read a callback; ``word`` is what it has to be signed with."""
    came = _read(request)
    if came is None:
        return Pushed(reply=_UNREADABLE, broken=1)
    callbacks = [each for each in came if each is not None]
    if word is not None and not all(_is_signed(each, word) for each in callbacks):
        return Pushed(reply=_UNSIGNED)
    items = (_item(each.fields) for each in callbacks)
    return Pushed(
        items=[each for each in items if each is not None],
        reply=OK,
        broken=sum(each is None or _is_broken(each.fields) for each in came),
    )


def _read(request: CallbackRequest) -> Sequence[_Callback | None] | None:
    """Return what came, None for an element of a list that is no object; None: all of
    it is broken."""
    body = request.body.removeprefix(b"\xef\xbb\xbf").strip()
    if body[:1] not in {b"{", b"[", b"<"}:
        charset = _charset(request, body)
        return [_Callback(forms.of_request(request, charset), charset)]
    found = unpack(body)
    charset = "utf-8" if _is_utf8(body) else "cp1251"
    if isinstance(found, Mapping):
        return [_Callback(found, charset)]
    if isinstance(found, list):
        return [
            _Callback(each, charset) if isinstance(each, Mapping) else None
            for each in found
        ]
    return None


def _charset(request: CallbackRequest, body: bytes) -> str:
    """Return that of a form: the one asked for, else what it must be by its octets."""
    asked = CHARSETS.get(forms.decode(request.query).get("charset", "").lower())
    if asked:
        return asked
    return "utf-8" if _is_utf8(unquote_to_bytes(body)) else "cp1251"


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_signed(callback: _Callback, word: Secret) -> bool:
    fields = callback.fields
    names = next((_SIGNED[kind] for kind in _SIGNED if kind in fields), ())
    values = [_as_written(fields.get(name)) for name in names]
    signed = ":".join([*values, word.reveal()])
    for name, algorithm in _SIGNATURES.items():
        given = string(fields.get(name)).lower().encode()
        if given:
            wanted = [
                algorithm(octets, usedforsecurity=False).hexdigest().encode()
                for octets in _octets(signed, callback.charset)
            ]
            return any(hmac.compare_digest(given, each) for each in wanted)
    return False


def _octets(signed: str, charset: str) -> Iterator[bytes]:
    """Return what may have been signed: a callback may be all digits, and in which
    charset the word is then, nobody knows."""
    for each in dict.fromkeys((charset, *CHARSETS.values())):
        with suppress(UnicodeEncodeError, LookupError):
            yield signed.encode(each)


def _as_written(value: object) -> str:
    return value if isinstance(value, str) else string(value)


def _is_broken(fields: Mapping[str, Any]) -> bool:
    """Tell whether it is about nobody, or says nothing."""
    if "waitcall" in fields:
        return False
    needed = ("phone",) if "mes" in fields else ("id", "phone", "status")
    return not all(string(fields.get(name)) for name in needed)


def _item(fields: Mapping[str, Any]) -> News | Mo | None:
    """Return what a callback tells; None: nothing of ours."""
    if "mes" in fields:
        return _mo(fields)
    own, number = string(fields.get("id")), digits(fields.get("phone"))
    # 0 and -1 are statuses: what counts is that there is one.
    if "waitcall" in fields or "status" not in fields or not own or not number:
        return None
    about = states.Status(
        code=integer(fields["status"]),
        cause=integer(fields.get("err")),
        changed_at=states.instant(fields.get("ts")),
    )
    found = states.news(about, (own, number))
    return None if isinstance(found, Fault) else found


def _mo(fields: Mapping[str, Any]) -> Mo | None:
    source = string(fields.get("phone")).removeprefix("+")
    if not source:
        return None
    text, destination = _as_written(fields["mes"]), string(fields.get("to"))
    return Mo(
        id=_repetition(source, destination, text, fields),
        source=source,
        destination=destination.removeprefix("+"),
        text=text,
    )


def _repetition(
    source: str, destination: str, text: str, fields: Mapping[str, Any]
) -> str:
    """Return by what a callback is known when it comes again; "" if it names no time:
    people do send the same twice."""
    moment = next((string(fields[key]) for key in _TIMES if key in fields), "")
    if not moment:
        return ""
    whole = "\n".join((source, destination, moment, text))
    return sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:32]
