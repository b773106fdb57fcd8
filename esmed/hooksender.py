"""One webhook on the wire: request, signature, and what the answer means."""

import os
from contextlib import suppress
from functools import lru_cache
from typing import Final

from aiohttp import (
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientOSError,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    DummyCookieJar,
    ServerDisconnectedError,
    StreamReader,
    TCPConnector,
)
from msgspec import Struct
from yarl import URL

from esmed import __version__, hooks
from esmed.config import Webhooks as WebhooksConfig
from esmed.store.base import OutboxItem

ANSWER_BYTES: Final = 64 * 1024
"""Read of an answer, so that its connection can serve again; a longer one is closed."""
KEEP_ALIVE: Final = 4.0
"""Seconds of an idle connection. Many servers close theirs after five: whoever sends
just then gets no answer, and a failure that was none."""
URLS: Final = 1024
"""Parsed URLs and their keys to remember."""


class Answer(Struct, frozen=True):
    """What came of one attempt."""

    note: str
    """The status, or why there is none; names neither the URL nor an address."""
    acknowledged: bool = False
    """Whether it was any 2xx."""
    connected: bool = True
    """False if there was not even a connection."""


class _Target(Struct, frozen=True):
    url: URL
    signer: hooks.Signer


def new_session(config: WebhooksConfig) -> ClientSession:
    """Return an HTTP client that verifies TLS, keeps connections and no cookies."""
    return ClientSession(
        connector=TCPConnector(limit=config.concurrency, keepalive_timeout=KEEP_ALIVE),
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=config.timeout),
        headers={
            "Content-Type": "application/json",
            "User-Agent": f"esmed/{__version__}",
        },
        skip_auto_headers=("Accept", "Accept-Encoding"),
        auto_decompress=False,
    )


class HookSender:
    """Posts events: those without a URL of their own to ``url``, signed with ``key``.

    Redirects are not followed: where events go is decided by who configured the URL,
    not by who answers there.
    """

    def __init__(self, session: ClientSession, url: str | None, key: bytes) -> None:
        self._session = session
        self._url = url or ""
        self._key = key
        self._target = lru_cache(maxsize=URLS)(self._new_target)

    async def send(self, item: OutboxItem, now: int) -> Answer:
        """Post one event; ``now`` is in seconds. Raises nothing but cancellation."""
        target = self._target(item.url)
        if target is None:
            return Answer("not an http or https URL", connected=False)
        headers = {
            "webhook-id": item.id,
            "webhook-timestamp": str(now),
            "webhook-signature": target.signer.sign(item.id, now, item.body),
        }
        try:
            async with self._session.post(
                target.url, data=item.body, headers=headers, allow_redirects=False
            ) as response:
                await _drain(response.content)
                status = response.status
        except (ClientError, OSError) as exc:
            unconnected = isinstance(exc, ClientConnectorError)
            return Answer(_why(exc), connected=not unconnected)
        return Answer(str(status), acknowledged=200 <= status < 300)

    def origin(self, url: str | None) -> str:
        """Return what a log may show: paths and queries have been secrets before."""
        target = self._target(url)
        return str(target.url.origin()) if target else "(invalid)"

    def _new_target(self, url: str | None) -> _Target | None:
        key = self._key if url is None else hooks.own_key(self._key, url)
        try:
            parsed = URL(self._url if url is None else url)
        except ValueError:
            return None
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            return None
        return _Target(parsed, hooks.Signer(key))


async def _drain(content: StreamReader) -> None:
    """Read an answer's body, up to a bound; however that ends, the status has come."""
    left = ANSWER_BYTES
    with suppress(ClientError, OSError):
        while left > 0 and (chunk := await content.read(left)):
            left -= len(chunk)


def _why(exc: Exception) -> str:
    match exc:
        case TimeoutError():
            return "timeout"
        case ClientConnectorDNSError():
            return "no such host"
        case ClientSSLError():
            return "TLS failed: the certificate or the protocol"
        case ServerDisconnectedError():
            return "closed without an answer"
        case ClientOSError(errno=int(number)):
            return os.strerror(number)
        case ClientOSError():
            return "connection lost"
        case _:
            return "no valid HTTP answer"
