"""A running daemon, as the commands that ask it see it: its HTTP interface."""

import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import aiohttp
import msgspec

from esmed.errors import EsmedError
from esmed.refusals import FieldError

_TIMEOUT: Final = aiohttp.ClientTimeout(total=60)


class ClientError(EsmedError):
    """The daemon cannot be asked, or refuses; each line of the text is a reason.

    ``status`` is the one it answered with, if it did; ``retry_after`` in how many
    seconds it asks to be asked again, if it does.
    """

    def __init__(
        self, text: str, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after


class UsageError(ClientError):
    """What was asked of us makes no sense, whatever daemon there is."""


class Daemon(AbstractAsyncContextManager["Daemon"]):
    """A daemon that can be asked. ``url`` may be ``unix:PATH``."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url.rstrip("/")
        self._base = self._url
        connector: aiohttp.BaseConnector | None = None
        if url.startswith("unix:"):
            connector = aiohttp.UnixConnector(url.removeprefix("unix:"))
            self._base = "http://localhost"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._session = aiohttp.ClientSession(
            connector=connector, headers=headers, timeout=_TIMEOUT
        )

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | bytes | None = None,
        key: str | None = None,
    ) -> Any:
        """Return the answer's JSON; ``key`` is an Idempotency-Key. ClientError."""
        data, headers = None, {}
        if body is not None:
            data = body if isinstance(body, bytes) else msgspec.json.encode(body)
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            async with self._session.request(
                method, self._base + path, data=data, headers=headers
            ) as response:
                answer = await response.read()
                if response.ok:
                    return msgspec.json.decode(answer)
                after = response.headers.get("Retry-After", "")
                raise ClientError(
                    _refusal(response.status, answer),
                    response.status,
                    float(after) if after.isdigit() else None,
                )
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as exc:
            raise UsageError(f"{self._url} is not an http URL or unix:PATH") from exc
        except (aiohttp.ClientError, TimeoutError) as exc:
            reason = _reason(exc)
            raise ClientError(
                f"cannot reach the daemon at {self._url}: {reason}\n"
                "start it with `esmed run`, or say where it is: --url, $ESMED_URL"
            ) from exc
        except msgspec.DecodeError as exc:
            raise ClientError(f"{self._url} is not esmed: no JSON") from exc


def _refusal(status: int, answer: bytes) -> str:
    """Return why the daemon refuses, a line for each field at fault."""
    try:
        problem = msgspec.json.decode(answer, type=_Problem)
    except msgspec.MsgspecError:
        return f"the daemon answered with status {status}"
    lines = [
        f"{error.field}: {error.message}" if error.field else error.message
        for error in problem.errors
    ]
    return "\n".join(lines) or problem.detail


class _Problem(msgspec.Struct):
    detail: str
    errors: list[FieldError] = []


def _reason(exc: Exception) -> str:
    """Return in a few words why a connection failed."""
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    if isinstance(exc, aiohttp.ClientConnectorError) and exc.os_error.errno:
        return os.strerror(exc.os_error.errno).lower()
    return str(exc) or type(exc).__name__
