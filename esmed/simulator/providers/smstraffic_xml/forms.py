"""The forms that SMS Traffic's HTTP API v1 is asked with."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from aiohttp import web


async def read(request: web.Request) -> Mapping[str, str]:
    """The form, wherever it stood; without `rus=5` it is windows-1251."""
    octets = await request.read() if request.method == "POST" else b""
    form = octets.decode("ascii", "replace") or request.rel_url.raw_query_string
    rus = dict(parse_qsl(form, keep_blank_values=True)).get("rus")
    encoding = "utf-8" if rus == "5" else "windows-1251"
    return dict(parse_qsl(form, keep_blank_values=True, encoding=encoding))
