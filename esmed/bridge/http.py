"""One HTTP request to a provider: what came back, or whether it may have got there."""

import asyncio
import contextlib
import hashlib
import io
import ssl
from collections.abc import Collection
from typing import Any, Final

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
from esmed.bridge.deadlines import Deadlines
from esmed.bridge.httpanswer import read, why
from esmed.errors import TransportError

KEEP_ALIVE: Final = 4.0
"""Seconds of an idle connection. Many servers close theirs after five: whoever sends
just then gets no answer, and does not know whether the request got there."""
CLOSING: Final = 3.0
"""Seconds for connections to close. Those with octets that nobody reads never do."""
_SMALL: Final = 64 * 1024


class HttpCarrier:
    """Sends the calls of one connector; redirects are not followed, cookies not kept,
    names and certificates verified."""

    def __init__(self, config: HttpProviderConfig) -> None:
        self._config = config
        self._response_timeout = config.response_timeout
        self._connecting = ClientTimeout(total=None, connect=config.connect_timeout)
        self._deadlines = Deadlines()
        self._session: ClientSession | None = None
        self._closed = False
        self._context: ssl.SSLContext | None = None

    def configure(self, *, response_timeout: float) -> None:
        """Wait so long for answers from now on."""
        self._response_timeout = response_timeout

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
        seconds = call.response_timeout or self._response_timeout
        try:
            with self._deadlines.after(seconds):
                return await self._exchange(session, call, node)
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

    async def _exchange(
        self, session: ClientSession, call: HttpCall, node: str
    ) -> Reply | Ambiguous:
        async with session.request(
            call.method,
            URL(node + call.path, encoded=True),
            data=_data(call),
            headers=call.headers,
            allow_redirects=False,
            ssl=self._context or True,
            server_hostname=self._config.tls.server_name,
            timeout=self._connecting,
        ) as response:
            body = await read(response, call.bound)
            if body is None:
                return Ambiguous(f"an answer of more than {call.bound} octets")
            return Reply(
                status=response.status, headers=response.headers, body=body, node=node
            )

    async def close(self) -> None:
        """Close the connections; nothing is sent any more."""
        self._closed = True
        if self._session is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSING):
                    await self._session.close()

    async def _open(self) -> ClientSession:
        config = self._config
        context = await beside(lambda: tls.client_context(config.tls))
        if self._session is None:
            self._context = context
            self._session = ClientSession(
                connector=_Connector(
                    self._deadlines,
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


class _Connector(TCPConnector):
    """Has the time for an answer begin with the connection: it may be an old one."""

    def __init__(self, deadlines: Deadlines, **keys: Any) -> None:
        super().__init__(**keys)
        self._deadlines = deadlines

    async def connect(self, *args: Any, **keys: Any) -> Any:
        """Return a connection."""
        connection = await super().connect(*args, **keys)
        self._deadlines.start()
        return connection


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
