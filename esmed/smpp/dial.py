"""Making the connection: name, TCP, TLS; each step with its own limit and words.

The name is looked up at each call, and every address it has is tried in order.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Final, Literal, TypeVar

from esmed.beside import beside
from esmed.certificate import Ends
from esmed.errors import TransportError
from esmed.fieldtypes import Endpoint
from esmed.smpp.config import Host
from esmed.tls import check_pin, client_context, describe, our_end, their_end
from esmed.tlsconfig import Tls

MOST_ADDRESSES: Final = 4
"""Of one name, per attempt."""

P = TypeVar("P", bound=asyncio.Protocol)


class DialError(TransportError):
    """No connection; ``stage`` is where it failed."""

    def __init__(self, stage: Literal["connect", "tls", "timeout"], text: str) -> None:
        super().__init__(text)
        self.stage = stage


async def dial(
    host: Host, limit: float, factory: Callable[[], P]
) -> tuple[P, Ends | None]:
    """Connect, and return the protocol with the ends of the certificates; None: no TLS.

    ``limit`` is in seconds for each step: the name, each address, the handshake.
    Nothing has been written when this returns. Raises DialError.
    """
    connection = await _connect(host.address, host.local_address, limit)
    if host.tls is None:
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(factory, sock=connection)
        return protocol, None
    return await _shake_hands(connection, host.address.host, host.tls, limit, factory)


async def _shake_hands(
    connection: socket.socket,
    name: str,
    tls: Tls,
    limit: float,
    factory: Callable[[], P],
) -> tuple[P, Ends]:
    try:
        context, ours = await beside(partial(_prepare, tls))
        transport, protocol = await asyncio.get_running_loop().create_connection(
            factory,
            sock=connection,
            ssl=context,
            server_hostname=tls.server_name or name,
            ssl_handshake_timeout=limit,
        )
    except TransportError as error:
        connection.close()
        raise DialError("tls", str(error)) from error
    except ConnectionAbortedError as error:
        # What asyncio makes of the handshake's limit.
        raise DialError("timeout", f"no TLS handshake within {limit:g} s") from error
    except ConnectionError as error:
        raise DialError("tls", "TLS: closed during the handshake") from error
    except OSError as error:
        raise DialError("tls", f"TLS: {describe(error)}") from error
    except BaseException:
        connection.close()
        raise
    peer: ssl.SSLObject = transport.get_extra_info("ssl_object")
    try:
        check_pin(peer, tls.pin)
    except TransportError as error:
        transport.set_protocol(asyncio.Protocol())  # nobody hears of what never was
        transport.abort()
        raise DialError("tls", str(error)) from error
    return protocol, Ends(theirs=their_end(peer), ours=ours)


def _prepare(tls: Tls) -> tuple[ssl.SSLContext, float | None]:
    return client_context(tls), our_end(tls)


async def _connect(
    address: Endpoint, local: Endpoint | None, limit: float
) -> socket.socket:
    loop = asyncio.get_running_loop()
    name, port = address.host, address.port
    wanted = 0 if local is None else _family(local)
    try:
        async with asyncio.timeout(limit):
            found = await beside(
                lambda: socket.getaddrinfo(name, port, wanted, socket.SOCK_STREAM)
            )
    except TimeoutError as error:
        text = f"{name} was not resolved within {limit:g} s"
        raise DialError("timeout", text) from error
    except OSError as error:
        raise DialError("connect", f"{name}: {error.strerror or error}") from error
    except UnicodeError as error:
        raise DialError("connect", f"{name} is no name of a host") from error
    failure = DialError("connect", f"{name} has no address")
    for family, kind, protocol, _, target in found[:MOST_ADDRESSES]:
        try:
            connection = socket.socket(family, kind, protocol)
            connection.setblocking(False)
            try:
                async with asyncio.timeout(limit):
                    if local is not None:
                        # The same port again, though its last connection lingers.
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                        connection.bind((local.host, local.port))
                    await loop.sock_connect(connection, target)
            except BaseException:
                connection.close()
                raise
        except TimeoutError:
            failure = DialError("timeout", f"no connection within {limit:g} s")
        except OSError as error:
            text = os.strerror(error.errno) if error.errno else str(error)
            failure = DialError("connect", text.lower())
        else:
            return connection
    raise failure


def _family(local: Endpoint) -> int:
    return socket.AF_INET6 if ":" in local.host else socket.AF_INET
