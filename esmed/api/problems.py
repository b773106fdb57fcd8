"""Answers: JSON as it is, and every refusal as RFC 9457 problem details."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Final, assert_never

from aiohttp import web
from msgspec import Raw, Struct
from multidict import CIMultiDict

from esmed.errors import StoreError
from esmed.gateway import RETRY_AFTER
from esmed.refusals import (
    BusyError,
    ConflictError,
    FieldError,
    ForbiddenError,
    InvalidError,
    KeyReusedError,
    NotFoundError,
    RefusedError,
)
from esmed.views import encode

NDJSON: Final = "application/x-ndjson"
_JSON: Final = CIMultiDict({"Content-Type": "application/json", "Server": "esmed"})
_NDJSON: Final = CIMultiDict({"Content-Type": NDJSON, "Server": "esmed"})
_PROBLEM: Final = CIMultiDict(
    {"Content-Type": "application/problem+json", "Server": "esmed"}
)


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of every answer that is not what was asked for."""

    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
    """The fields at fault; present only if there are any."""


class ProblemError(Exception):
    """A refusal that belongs to HTTP rather than to messages."""

    def __init__(
        self, status: int, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers or {}


_STATUS: Final[Mapping[type[RefusedError], int]] = {
    InvalidError: 400,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    KeyReusedError: 422,
    BusyError: 503,
}


def json(body: bytes, status: int = 200) -> web.Response:
    """Return an answer whose body is JSON already."""
    return web.Response(body=body, status=status, headers=_JSON)


def ndjson(lines: Iterable[Raw]) -> web.Response:
    """Return an answer of several JSON values, a line each."""
    body = b"".join([bytes(line) + b"\n" for line in lines])
    return web.Response(body=body, headers=_NDJSON)


def describe(exc: RefusedError, errors: Sequence[FieldError] | None = None) -> Problem:
    """Return the problem of a refusal, with other ``errors`` than its own if given."""
    status = _STATUS[type(exc)]
    if errors is None and isinstance(exc, InvalidError | ForbiddenError):
        errors = exc.errors
    return _problem(status, str(exc), errors or ())


def refuse(exc: RefusedError | StoreError | ProblemError) -> web.Response:
    """Return the answer to a request that is not done."""
    headers: Mapping[str, str] = {}
    match exc:
        case ProblemError():
            problem = _problem(exc.status, str(exc))
            headers = exc.headers
        case RefusedError():
            problem = describe(exc)
            if isinstance(exc, BusyError):
                headers = {"Retry-After": str(exc.retry_after)}
        case StoreError():
            # What exactly is wrong with the disk is for the log.
            problem = _problem(503, "the store cannot be used now")
            headers = {"Retry-After": str(RETRY_AFTER)}
        case _:
            assert_never(exc)
    response = web.Response(
        body=encode(problem), status=problem.status, headers=_PROBLEM
    )
    response.headers.extend(headers)
    return response


def _problem(status: int, detail: str, errors: Sequence[FieldError] = ()) -> Problem:
    title = HTTPStatus(status).phrase
    return Problem(title=title, status=status, detail=detail, errors=list(errors))
