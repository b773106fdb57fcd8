"""A TLS server that says why it refuses, as those in C do and asyncio's do not."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator

LIMIT = 30.0
"""Seconds for anything that is sure to happen: machines stall."""


@contextlib.contextmanager
def alerting_server(context: ssl.SSLContext) -> Iterator[int]:
    """Serve on a free port of the loopback, which is given; read all, answer nothing.

    One connection at a time. After a handshake that fails the alert leaves, and what
    the client still sends is read to its end, so that no reset overtakes it.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, context))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
            thread.join(LIMIT)


def _serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        plain.settimeout(LIMIT)
        secure = context.wrap_socket(
            plain, server_side=True, do_handshake_on_connect=False
        )
        try:
            secure.do_handshake()
            while secure.recv(4096):
                pass
        except OSError:
            _drain(socket.socket(fileno=secure.detach()))
        else:
            secure.close()


def _drain(refused: socket.socket) -> None:
    with refused, contextlib.suppress(OSError):
        refused.settimeout(LIMIT)
        refused.shutdown(socket.SHUT_WR)
        while refused.recv(4096):
            pass
