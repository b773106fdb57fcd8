"""Reading the answer to one HTTP request, or saying why there is none."""

import os
import socket
import ssl

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientResponse,
    ConnectionTimeoutError,
    ServerDisconnectedError,
    ServerFingerprintMismatch,
)

from esmed import tls


async def read(response: ClientResponse, bound: int) -> bytes | None:
    """Read the body; None if it is longer than that."""
    chunks, left = [], bound
    while chunk := await response.content.readany():
        left -= len(chunk)
        if left < 0:
            response.close()
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def why(error: Exception) -> str:
    """Say what happened, without the URL, which some fill with what is secret."""
    match error:
        case ConnectionTimeoutError():
            return "no connection in time"
        case ServerFingerprintMismatch():
            return "its certificate is not pinned"
        case TimeoutError():
            return "no answer in time"
        case ServerDisconnectedError():
            return "closed without an answer"
        case ClientConnectorCertificateError(certificate_error=OSError() as cause):
            return _told(cause)
        case ClientConnectorError(os_error=cause):
            return _told(cause)
        case OSError():
            return _told(error)
        case _:
            return f"no valid HTTP answer ({type(error).__name__})"


def _told(error: OSError) -> str:
    """Return the system's words; asyncio's have the address, which is known."""
    if error.errno and not isinstance(error, ssl.SSLError | socket.gaierror):
        return os.strerror(error.errno)
    return tls.describe(error)
