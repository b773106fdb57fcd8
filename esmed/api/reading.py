"""What a request carries: its body, its query, its Idempotency-Key."""

import asyncio
import hashlib
from collections.abc import Collection
from typing import Final

from aiohttp import hdrs, web

from esmed.api.problems import NDJSON, ProblemError
from esmed.api.table import DEFAULT_LIMIT, MAX_LIMIT
from esmed.idempotency import Claim
from esmed.refusals import FieldError, InvalidError

JSON: Final = "application/json"
BODY_WITHIN: Final = 60.0
"""Seconds for a body from the end of its head."""
_CHARSETS: Final = frozenset({"utf-8", "utf8"})
_MAX_KEY: Final = 255
_MAX_POSITION: Final = 2**63 - 1  # of SQLite's integers


async def json_body(request: web.Request, limit: int) -> bytes:
    """Return the body. ProblemError if its type is not JSON, or it is too large."""
    if request.headers.get(hdrs.CONTENT_TYPE) != JSON and request.body_exists:
        _check_type(request, JSON)
    return await _body(request, limit)


async def batch_body(request: web.Request, limit: int) -> tuple[bytes, bool]:
    """Return the body, and whether it is NDJSON. ProblemError likewise."""
    if request.headers.get(hdrs.CONTENT_TYPE) == JSON:
        return await _body(request, limit), False
    if request.body_exists:
        _check_type(request, JSON, NDJSON)
    return await _body(request, limit), request.content_type == NDJSON


def wants_ndjson(request: web.Request) -> bool:
    """Tell whether the answer is asked for as NDJSON."""
    accept = request.headers.get(hdrs.ACCEPT, "")
    ranges = (one.partition(";")[0].strip().lower() for one in accept.split(","))
    return NDJSON in ranges


async def _body(request: web.Request, limit: int) -> bytes:
    headers = request.headers
    if hdrs.CONTENT_ENCODING in headers:
        raise ProblemError(415, "compressed bodies are not taken")
    length = headers.get(hdrs.CONTENT_LENGTH)
    if length is not None and int(length) > limit:
        raise _too_large(limit)
    content = request.content
    if content.is_eof():
        # What fits one read is here already, as good as always.
        body = content.read_nowait(-1)
        if len(body) > limit:
            raise _too_large(limit)
        return body
    try:
        async with asyncio.timeout(BODY_WITHIN):
            return await request.read()
    except TimeoutError as exc:
        message = f"the body did not come within {BODY_WITHIN:g} s"
        raise ProblemError(408, message, {hdrs.CONNECTION: "close"}) from exc
    except web.HTTPRequestEntityTooLarge as exc:
        raise _too_large(limit) from exc
    except (web.RequestPayloadError, ConnectionError) as exc:
        raise ProblemError(400, "the body cannot be read") from exc


def claim(request: web.Request, body: bytes) -> Claim | None:
    """Return the Idempotency-Key with what it stands for, if there is one."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 1 <= len(key) <= _MAX_KEY or not key.isascii() or not key.isprintable():
        message = f"expected 1 to {_MAX_KEY} printable ASCII characters"
        raise InvalidError([FieldError("Idempotency-Key", message)])
    digest = hashlib.sha256(request.path.encode() + b"\0" + body).digest()
    return Claim(key, digest)


def query(request: web.Request, known: Collection[str]) -> dict[str, str]:
    """Return the query's parameters. InvalidError for unknown and repeated ones."""
    parameters: dict[str, str] = {}
    errors: list[FieldError] = []
    for name, value in request.query.items():
        if name not in known:
            errors.append(FieldError(_shown(name), "unknown parameter"))
        elif name in parameters:
            errors.append(FieldError(name, "is given twice"))
        parameters[name] = value
    if errors:
        raise InvalidError(errors)
    return parameters


def limit(parameters: dict[str, str]) -> int:
    """Return how many entries a page may have. InvalidError."""
    text = parameters.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if _is_integer(text) and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise InvalidError([FieldError("limit", f"expected 1 to {MAX_LIMIT}")])


def position(text: str) -> int | None:
    """Return the position that a ``next`` stands for; None: it is something else."""
    if _is_integer(text) and int(text) <= _MAX_POSITION:
        return int(text)
    return None


def _is_integer(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 19


def _check_type(request: web.Request, *types: str) -> None:
    charset = request.charset or "utf-8"
    if request.content_type not in types or charset.lower() not in _CHARSETS:
        known = " or ".join(types)
        raise ProblemError(415, f"the body must be of type {known}, in UTF-8")


def _too_large(limit: int) -> ProblemError:
    return ProblemError(413, f"the body is larger than {limit} octets")


def _shown(name: str) -> str:
    return name[:64].encode("ascii", "backslashreplace").decode()
