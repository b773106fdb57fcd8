"""Forms as providers write and read them: `application/x-www-form-urlencoded`. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote_plus, unquote_to_bytes

from esmed.bridge.base import CallbackRequest

CONTENT_TYPE: Final = "application/x-www-form-urlencoded"
MOST_FIELDS: Final = 1000
_QUOTED: Final = [quote_plus(bytes([octet])) for octet in range(256)]
"""Each octet as a form has it."""


def encode(fields: Mapping[str, str | int | bytes], charset: str = "utf-8") -> bytes:
    """Write one, in that order; octets as they are. ValueError if ``charset`` lacks a
    character."""
    pairs = [f"{_name(k, charset)}={_quoted(v, charset)}" for k, v in fields.items()]
    return "&".join(pairs).encode("ascii")


def decode(data: bytes, charset: str = "utf-8") -> dict[str, str]:
    """Read one leniently: raw blanks stay, ``+`` is one, broken octets are replaced.

    Of several fields of a name the first counts; of very many the rest is dropped. An
    unknown ``charset`` is taken for UTF-8.
    """
    fields: dict[str, str] = {}
    for pair in data.split(b"&", MOST_FIELDS)[:MOST_FIELDS]:
        name, separator, value = pair.partition(b"=")
        if name or separator:
            fields.setdefault(_text(name, charset), _text(value, charset))
    return fields


def of_request(request: CallbackRequest, charset: str = "utf-8") -> dict[str, str]:
    """Return the fields of a push, be they in its query, in its body or in both.

    The charset of its Content-Type counts before ``charset``.
    """
    declared = charset_of(request.headers.get("content-type", "")) or charset
    return {**decode(request.query, declared), **decode(request.body, declared)}


def charset_of(content_type: str) -> str | None:
    """Return the charset that a Content-Type names, in lower case."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip():
            return value.strip().strip('"').lower()
    return None


def _quoted(value: str | int | bytes, charset: str) -> str:
    """Quote a value as HTML's forms are."""
    if isinstance(value, int):
        return str(value)
    octets = value if isinstance(value, bytes) else value.encode(charset)
    return octets.decode("latin-1").translate(_QUOTED)


_name = lru_cache(maxsize=1024)(_quoted)
"""Names are few, and the same ones each time."""


def _text(octets: bytes, charset: str) -> str:
    plain = unquote_to_bytes(octets.replace(b"+", b" "))
    try:
        return plain.decode(charset, "replace")
    except (LookupError, ValueError):  # of such a name, or not for text
        return plain.decode("utf-8", "replace")
