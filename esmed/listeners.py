"""The sockets that HTTP is served on: opened, inherited, and cleared away.

They listen from the moment they are opened, so that a taken port is known before
anything else is begun; who connects early is served as soon as somebody serves.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from esmed.errors import TransportError
from esmed.fieldtypes import Endpoint, UnixSocket

BACKLOG: Final = 1024

_FIRST_INHERITED: Final = 3  # SD_LISTEN_FDS_START, sd_listen_fds(3)


@contextlib.contextmanager
def listening(
    addresses: Iterable[Endpoint | UnixSocket], environ: Mapping[str, str]
) -> Iterator[list[socket.socket]]:
    """Give the sockets that systemd has opened for us, else those of ``addresses``.

    TransportError says which one cannot be had.
    """
    with contextlib.ExitStack() as stack:
        sockets = _inherited(environ)
        for inherited in sockets:
            stack.enter_context(inherited)
        for address in () if sockets else addresses:
            try:
                if isinstance(address, UnixSocket):
                    opened = stack.enter_context(_unix(address.path))
                else:
                    opened = stack.enter_context(_tcp(address))
            except OSError as error:
                reason = error.strerror or str(error)
                msg = f"http.listen: cannot listen on {address}: {reason}"
                raise TransportError(msg) from error
            sockets.append(opened)
        yield sockets


def name(listener: socket.socket) -> str:
    """Return where a socket listens: ``host:port`` or ``unix:PATH``."""
    address = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{address}"
    return str(Endpoint(address[0], address[1]))


def _inherited(environ: Mapping[str, str]) -> list[socket.socket]:
    """Return the sockets that the service manager gave us: sd_listen_fds(3)."""
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(environ.get("LISTEN_FDS", "0"))
    numbers = range(_FIRST_INHERITED, _FIRST_INHERITED + count)
    try:
        return [socket.socket(fileno=number) for number in numbers]
    except OSError as error:
        msg = f"LISTEN_FDS={count}, but not all of these are sockets: {error.strerror}"
        raise TransportError(msg) from error


@contextlib.contextmanager
def _tcp(address: Endpoint) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # 0.0.0.0 may stand beside [::] in the list.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address.host, address.port))
        listener.listen(BACKLOG)
        yield listener


@contextlib.contextmanager
def _unix(path: Path) -> Iterator[socket.socket]:
    """Open a socket for owner and group; one that a dead process left is replaced."""
    if path.is_socket():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
            else:
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        previous = os.umask(0o117)
        try:
            listener.bind(str(path))
        finally:
            os.umask(previous)
        listener.listen(BACKLOG)
        ours = path.stat().st_ino
        yield listener
    # Another process may have put its own there.
    with contextlib.suppress(OSError):
        if path.stat().st_ino == ours:
            path.unlink()
