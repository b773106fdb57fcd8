"""Calls of version 2, and the envelope of their answers. Pure.

An answer is ``{"success": true, …}`` or ``{"success": false, "error": {"code": …,
"message": …}}``, both with HTTP 200. Codes of the API and statuses of HTTP are
different numbers: 403 and 429 exist as both.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from esmed.bridge import replies
from esmed.bridge.base import HttpCall, Reply
from esmed.models import Fault
from esmed.providers._smstraffic import API_ERRORS, api_fault
from esmed.secret import Secret

_CODE: Final = re.compile(r"[0-9]{1,9}")


class Refusal(Struct, frozen=True):
    """An error of the API: its code, if it has one, and what was said."""

    code: int | None
    said: str

    @property
    def fault(self) -> Fault:
        """What it means."""
        return api_fault(self.code, self.said)


class Caller:
    """Makes the calls of one account."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    def get(
        self,
        operation: str,
        path: str,
        *,
        node: str | None = None,
        bound: int = 10 * 2**20,
        response_timeout: float | None = None,
    ) -> HttpCall:
        """Make one without a body."""
        return HttpCall(
            operation=operation,
            path=path,
            method="GET",
            headers=self._headers(),
            node=node,
            bound=bound,
            response_timeout=response_timeout,
        )

    def post(
        self, operation: str, path: str, body: object, *, node: str | None = None
    ) -> HttpCall:
        """Make one whose body is JSON."""
        return HttpCall(
            operation=operation,
            path=path,
            body=msgspec.json.encode(body),
            headers={**self._headers(), "Content-Type": "application/json"},
            node=node,
        )

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._key.reveal()}",
            "Accept": "application/json",
        }


def content(reply: Reply) -> Mapping[str, Any] | Refusal | None:
    """Return an answer that says success, or what it says instead; None: nothing that
    means more than its HTTP status does."""
    found = replies.json_object(reply)
    if found is None:
        return None
    fine = 200 <= reply.status < 300
    if found.get("success") is True:
        return found if fine else None
    error = found.get("error")
    if isinstance(error, Mapping):
        refusal = refusal_of(error)
    elif found.get("success") is False:
        refusal = Refusal(None, "")
    else:
        return None
    # Under an error of HTTP a number may well be that of HTTP once more.
    certain = refusal.code in API_ERRORS and refusal.code != reply.status
    return refusal if fine or certain else None


def found_in(reply: Reply) -> Mapping[str, Any] | Fault:
    """Return the answer to a question, or why there is none."""
    found = content(reply)
    match found:
        case None:
            return replies.fault(reply, "no answer of the API")
        case Refusal():
            return found.fault
        case _:
            return found


def refusal_of(error: Mapping[str, Any]) -> Refusal:
    """Read an object ``error``, as good as it is."""
    said = error.get("message")
    return Refusal(number_of(error.get("code")), said if isinstance(said, str) else "")


def number_of(value: object) -> int | None:
    """Return a whole number, be it written as a number or as a string."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and _CODE.fullmatch(value.strip()):
        return int(value)
    return None


def id_of(value: object) -> str:
    """Return an id as the string it is, "" if it is none: ids are up to 40 digits."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return ""


def digits_of(value: object) -> str:
    """Return the digits of a phone number, which JSON may have as a number."""
    return re.sub(r"[^0-9]", "", id_of(value))


def text_of(value: object) -> str:
    """Return a string, "" for what is none."""
    return value if isinstance(value, str) else ""


def objects_of(value: object) -> list[Mapping[str, Any]]:
    """Return the objects in an array, and none of what else there may be."""
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, dict)]
