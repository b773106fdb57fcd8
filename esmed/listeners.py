"""The sockets that HTTP is served on: opened, inherited, and cleared away.

Those that the service manager has opened (sd_listen_fds(3)) are used instead of the
configured ones. They outlive this process: who connects while there is none waits for
the next one.

They listen from the moment they are opened, so that a taken port is known before
anything else is begun; who connects early is served as soon as somebody serves.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from esmed import log
from esmed.errors import ConfigError, ConfigFault, TransportError
from esmed.fieldtypes import Endpoint, UnixSocket

_log = log.get("listeners")

BACKLOG: Final = 1024

_FIRST_INHERITED: Final = 3  # SD_LISTEN_FDS_START, sd_listen_fds(3)
_OUR_NAMES: Final = frozenset({"http", "unknown", ""})
"""Of inherited sockets, beside the default, which is the name of a ``.socket`` unit."""


class Listener(socket.socket):
    """A socket whose queue keeps its length.

    asyncio has one number for that length and for how many it accepts in one turn.
    """

    outlives_us = False
    """Whether it was inherited, and so goes on listening without this process."""

    def listen(self, backlog: int = BACKLOG, /) -> None:
        if not self.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            super().listen(backlog)


@contextlib.contextmanager
def listening(
    addresses: Iterable[Endpoint | UnixSocket], environ: Mapping[str, str]
) -> Iterator[list[Listener]]:
    """Give the sockets that systemd has opened for us, else those of ``addresses``.

    TransportError says which one cannot be had, ConfigError what is wrong with those
    that were inherited.
    """
    with contextlib.ExitStack() as stack:
        sockets = _inherited(environ)
        for inherited in sockets:
            stack.enter_context(inherited)
        _check(sockets, environ)
        if sockets:
            _tell(sockets, addresses)
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


def check_local(sockets: Iterable[socket.socket]) -> None:
    """Raise ConfigError if one of them can be reached from other machines."""
    for listener in sockets:
        if listener.family != socket.AF_UNIX:
            where = Endpoint(*listener.getsockname()[:2])
            if not where.is_local:
                raise _wrong(f"{where} is open to others: http.clients are needed")


def _inherited(environ: Mapping[str, str]) -> list[Listener]:
    """Return the sockets that the service manager gave us."""
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(environ.get("LISTEN_FDS", "0"))
    numbers = range(_FIRST_INHERITED, _FIRST_INHERITED + count)
    try:
        sockets = [Listener(fileno=number) for number in numbers]
    except OSError as error:
        raise _wrong(f"not all {count} are sockets: {error.strerror}") from error
    for listener in sockets:
        listener.outlives_us = True
    return sockets


def _check(sockets: Sequence[socket.socket], environ: Mapping[str, str]) -> None:
    """Make sure that inherited sockets are what we can serve, and meant for it."""
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    for number, listener in enumerate(sockets):
        listener.set_inheritable(False)
        given = names[number] if number < len(names) else ""
        if given not in _OUR_NAMES and not given.endswith(".socket"):
            raise _wrong(f'no use for one with FileDescriptorName={given}, but "http"')
        if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise _wrong("ListenStream= and Accept=no are needed")


def _tell(
    sockets: Iterable[socket.socket], addresses: Iterable[Endpoint | UnixSocket]
) -> None:
    """Say so if the configuration names others."""
    inherited, configured = set(map(name, sockets)), set(map(str, addresses))
    if inherited != configured:
        _log.warning(
            "listeners.inherited",
            used=",".join(sorted(inherited)),
            not_used=",".join(sorted(configured)),
        )


def _wrong(message: str) -> ConfigError:
    return ConfigError([ConfigFault(path="", message=f"inherited sockets: {message}")])


@contextlib.contextmanager
def _tcp(address: Endpoint) -> Iterator[Listener]:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named.
    with Listener(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # 0.0.0.0 may stand beside [::] in the list.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address.host, address.port))
        listener.listen(BACKLOG)
        yield listener


@contextlib.contextmanager
def _unix(path: Path) -> Iterator[Listener]:
    """Open a socket for owner and group; one that a dead process left is replaced."""
    if path.is_socket():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
            else:
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    with Listener(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
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
