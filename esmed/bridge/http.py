"""One HTTP request to a provider: what came back, or whether it may have got there."""

import asyncio
import hashlib
import io
import ssl
from collections.abc import Collection
from typing import Final

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    Fingerprint,
    ServerFingerprintMismatch,
    TCPConnector,
)
from yarl import URL

from esmed import __version__, tls
from esmed.beside import beside
from esmed.bridge.base import Ambiguous, Call, HttpCall, NotSent, Reply
from esmed.bridge.config import HttpProviderConfig
from esmed.bridge.httpanswer import read, why
from esmed.errors import TransportError

KEEP_ALIVE: Final = 4.0
"""Seconds of an idle connection. Many servers close theirs after five: whoever sends
just then gets no answer, and does not know whether the request got there."""
_SMALL: Final = 64 * 1024


class HttpCarrier:
    """Sends the calls of one connector; redirects are not followed, cookies not kept,
    names and certificates verified."""

    def __init__(self, config: HttpProviderConfig) -> None:
        self._config = config
        self._usual = self._times(config.response_timeout)
        self._session: ClientSession | None = None
        self._closed = False
        self._context: ssl.SSLContext | None = None

    def configure(self, *, response_timeout: float) -> None:
        """Wait so long for answers from now on."""
        self._usual = self._times(response_timeout)

    async def exchange(self, call: Call, node: str) -> Reply | NotSent | Ambiguous:
        """Send one request to a node, within the configured times."""
        if not isinstance(call, HttpCall):
            raise TypeError(f"{call!r} is not for HTTP")
        try:
            session = self._session or await self._open()
        except TransportError as error:
            return NotSent(str(error))
        if self._closed:
            await session.close()
            return NotSent("the connector has stopped")
        own = call.response_timeout
        try:
            async with session.request(
                call.method,
                URL(node + call.path, encoded=True),
                data=_data(call),
                headers=call.headers,
                allow_redirects=False,
                ssl=self._context or True,
                server_hostname=self._config.tls.server_name,
                timeout=self._usual if own is None else self._times(own),
            ) as response:
                body = await read(response, call.bound)
                if body is None:
                    return Ambiguous(f"an answer of more than {call.bound} octets")
                return Reply(
                    status=response.status,
                    headers=response.headers,
                    body=body,
                    node=node,
                )
        except (ConnectionTimeoutError, ServerFingerprintMismatch) as error:
            return NotSent(why(error))
        except ClientConnectorError as error:
            return NotSent(why(error))
        except UnicodeError as error:
            if isinstance(error, UnicodeDecodeError):
                return Ambiguous(why(error))
            return NotSent("its name is none that DNS could have")
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            # ValueError: headers or a length that aiohttp cannot make sense of.
            return Ambiguous(why(error))

    async def close(self) -> None:
        """Close the connections; nothing is sent any more."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _open(self) -> ClientSession:
        config = self._config
        context = await beside(lambda: tls.client_context(config.tls))
        if self._session is None:
            self._context = context
            self._session = ClientSession(
                connector=TCPConnector(
                    limit=0,
                    keepalive_timeout=KEEP_ALIVE,
                    # Beside the context of each request: both are checked.
                    ssl=_Pins(config.tls.pin) if config.tls.pin else context,
                ),
                cookie_jar=DummyCookieJar(),
                # Without a word on it a server may compress as it likes.
                headers={
                    "User-Agent": f"esmed/{__version__}",
                    "Accept-Encoding": "identity",
                },
            )
        return self._session

    def _times(self, response: float) -> ClientTimeout:
        connect = self._config.connect_timeout
        # Without sock_read silence would be waited for as long as both together.
        return ClientTimeout(
            total=connect + response, connect=connect, sock_read=response
        )


class _Pins(Fingerprint):
    """Certificates by the SHA-256 of their DER form, whichever is shown."""

    def __init__(self, pins: Collection[str]) -> None:
        super().__init__(bytes.fromhex(next(iter(pins))))
        self._pins = frozenset(pins)

    def check(self, transport: asyncio.Transport) -> None:
        """Raise unless the certificate shown is one of them."""
        shown = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        found = hashlib.sha256(shown or b"")
        if found.hexdigest() not in self._pins:
            host, port, *_ = transport.get_extra_info("peername")
            raise ServerFingerprintMismatch(
                self.fingerprint, found.digest(), host, port
            )


def _data(call: HttpCall) -> bytes | io.BytesIO | None:
    if call.method != "POST":
        return None
    # A large body in one piece holds up the loop.
    return call.body if len(call.body) <= _SMALL else io.BytesIO(call.body)
