"""Who may come in: names of the listener, tokens, rates. Pure but for the clock."""

import hashlib
import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import ceil
from typing import Final

from esmed.api.problems import ProblemError
from esmed.caller import Caller
from esmed.clock import Clock
from esmed.config import Client
from esmed.ratelimit import TokenBucket

_ALIASES: Final = ("localhost", "127.0.0.1", "[::1]")
_PORTS: Final = {"http": 80, "https": 443}
_BURST_SECONDS: Final = 1.0  # of a client's rate

SocketName = object
"""What getsockname gave: a tuple for TCP, a path for a unix socket."""


class Names:
    """The names under which a listener may be called, so that no web page can call it.

    A browser tells in ``Host`` whom it believes to call, and in ``Origin`` for whom: a
    page of another site, even one whose name was made to resolve to this machine (DNS
    rebinding), does not know the names of the listener. ``own`` are names of this
    machine beside its addresses.
    """

    def __init__(self, own: Iterable[str]) -> None:
        self._own = tuple(name.lower() for name in own)
        self._known: dict[SocketName, frozenset[str]] = {}

    def is_own_host(self, host: str, sockname: SocketName) -> bool:
        """Tell whether ``Host`` names the listener; the port may be left out."""
        known = self._known.get(sockname)
        if known is None:
            known = self._known[sockname] = self._names(sockname)
        if host in known:
            return True
        host = host.lower()
        # No browser reaches a unix socket but through a proxy, which may hand on the
        # name of a site; a name without a dot is none.
        return host in known or (not isinstance(sockname, tuple) and "." not in host)

    def is_own_origin(self, origin: str, sockname: SocketName) -> bool:
        """Tell whether ``Origin`` is this listener, and so its own pages."""
        scheme, found, host = origin.lower().partition("://")
        if not found or scheme not in _PORTS or not isinstance(sockname, tuple):
            return False
        if ":" not in host.rpartition("]")[2]:
            host = f"{host}:{_PORTS[scheme]}"
        return self.is_own_host(host, sockname)

    def _names(self, sockname: SocketName) -> frozenset[str]:
        if not isinstance(sockname, tuple):
            return frozenset({"127.0.0.1"})
        names = {*_ALIASES, *self._own, _literal(sockname[0])}
        return frozenset({*names, *(f"{name}:{sockname[1]}" for name in names)})


def is_local(peername: object) -> bool:
    """Tell whether a peer (what getpeername gave) is on this machine."""
    if isinstance(peername, tuple):
        return _is_loopback(str(peername[0]))
    return True


class Tokens:
    """The clients of the configuration, found by their token."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self.configure(clients)

    def configure(self, clients: Sequence[Client]) -> None:
        """Know these clients and no other."""
        # Looking up a digest tells a guesser nothing about the token itself.
        self._callers = {
            _digest(client.token.reveal()): Caller(
                name=client.name, admin=client.admin, senders=client.senders
            )
            for client in clients
        }

    @property
    def needed(self) -> bool:
        """Whether there are clients; without any, those on this machine may do all."""
        return bool(self._callers)

    def caller(self, authorization: str | None) -> Caller | None:
        """Return the client of an ``Authorization`` header."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        return self._callers.get(_digest(token.strip()))


class Rates:
    """What each client has left of its rate, which counts messages submitted."""

    def __init__(self, clients: Iterable[Client], clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[str, TokenBucket] = {}
        self.configure(clients)

    def configure(self, clients: Iterable[Client]) -> None:
        """Have these rates; where one is as before what is left of it is so too."""
        now, before = self._clock.monotonic(), self._buckets
        self._buckets = {}
        for client in clients:
            if client.rate is not None:
                bucket = before.get(client.name)
                if bucket is None or bucket.rate != client.rate:
                    burst = client.rate * _BURST_SECONDS
                    bucket = TokenBucket(client.rate, now, burst=burst)
                self._buckets[client.name] = bucket

    def check(self, caller: Caller) -> None:
        """Raise ProblemError (429) if the client must wait."""
        bucket = self._buckets.get(caller.name or "")
        if bucket is not None:
            now = self._clock.monotonic()
            if not bucket.available(now) >= 1:
                seconds = max(1, ceil(bucket.next_at(now) - now))
                message = f"the rate of client {caller.name} is used up"
                raise ProblemError(429, message, {"Retry-After": str(seconds)})

    def take(self, caller: Caller, count: int) -> None:
        """Count messages; what exceeds the rate makes the client wait afterwards."""
        bucket = self._buckets.get(caller.name or "")
        if bucket is not None:
            bucket.take(count, self._clock.monotonic())


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _literal(address: str) -> str:
    """Return an address as a URL has it."""
    plain = _plain(address)
    return f"[{plain}]" if plain.version == 6 else str(plain)


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed


@lru_cache(maxsize=1024)
def _is_loopback(address: str) -> bool:
    return _plain(address).is_loopback
