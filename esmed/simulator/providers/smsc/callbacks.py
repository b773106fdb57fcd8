"""What smsc tells its client by itself; how, its client's URL says in its query."""

import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.sax.saxutils import escape

from esmed.simulator.bridge.pushes import Push

_SIGNATURES: Final = ("md5", "sha1", "crc32")
_SIGNED: Final = {"mes": ("phone", "mes", "to"), "status": ("id", "phone", "status")}


def callback(url: str, word: str, fields: Mapping[str, str]) -> Push:
    """Tell these: in windows-1251 and as a form unless the URL wants otherwise, signed
    with the account's secret word if it does."""
    query = parse_qs(urlsplit(url).query, keep_blank_values=True)
    charset = query.get("charset", ["windows-1251"])[0].lower()
    named = next(names for kind, names in _SIGNED.items() if kind in fields)
    signed = ":".join([*(fields[name] for name in named), word]).encode(charset)
    whole = dict(fields)
    for algorithm in _SIGNATURES:
        if algorithm in query:
            whole[algorithm] = _digest(algorithm, signed)
    match query.get("fmt", [""])[0]:
        case "2":
            inner = "".join(f"<{k}>{escape(v)}</{k}>" for k, v in whole.items())
            head = f'<?xml version="1.0" encoding="{charset}"?>'
            text, kind = f"{head}<callback>{inner}</callback>", "text/xml"
        case "3":
            text, kind = json.dumps(whole, ensure_ascii=False), "application/json"
        case _:
            text = urlencode(whole, encoding=charset, errors="replace")
            kind = "application/x-www-form-urlencoded"
    return Push(body=text.encode(charset, "replace"), content_type=kind)


def _digest(algorithm: str, signed: bytes) -> str:
    if algorithm == "crc32":
        return f"{zlib.crc32(signed):08x}"
    return hashlib.new(algorithm, signed, usedforsecurity=False).hexdigest()
