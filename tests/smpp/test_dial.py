"""esmed.smpp.dial: names, addresses, sockets. Handshakes: test_tls.py."""

import asyncio
import socket
import threading
from dataclasses import replace
from typing import Any

import pytest
from fakes.wire import WirePeer, wire_peer

from esmed.certificate import Ends
from esmed.fieldtypes import Endpoint
from esmed.smpp.config import Host
from esmed.smpp.dial import DialError, dial
from esmed.tlsconfig import Tls

LIMIT = 20.0


def host(peer: WirePeer | int, tls: Tls | None = None, name: str = "127.0.0.1") -> Host:
    port = peer if isinstance(peer, int) else peer.port
    return Host(address=Endpoint(name, port), tls=tls)


class Kept(asyncio.Protocol):
    """Keeps its transport."""

    transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport


async def refused(where: Host, limit: float = LIMIT) -> DialError:
    with pytest.raises(DialError) as caught:
        await dial(where, limit, Kept)
    return caught.value


async def greet(where: Host, peer: WirePeer) -> Ends | None:
    """Connect and have three octets arrive."""
    protocol, ends = await dial(where, LIMIT, Kept)
    connection = await peer.connection()
    protocol.transport.write(b"hi!")
    assert await connection.read(3) == b"hi!"
    protocol.transport.abort()
    return ends


# --- TCP -----------------------------------------------------------------------------


async def test_plain():
    async with wire_peer() as peer:
        assert await greet(host(peer), peer) is None


async def test_a_name_is_looked_up_each_time(monkeypatch):
    asked = []
    original = socket.getaddrinfo

    def look_up(name, *rest):
        asked.append(name)
        return original("127.0.0.1", *rest)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with wire_peer() as peer:
        for _ in range(2):
            await greet(host(peer, name="smsc.example"), peer)
    assert asked.count("smsc.example") == 2


async def test_every_address_of_a_name_is_tried(monkeypatch):
    async with wire_peer() as peer:
        free = unused_port()
        stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")

        def look_up(*_, **__):
            return [(*stream, ("127.0.0.1", p)) for p in (free, peer.port)]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        protocol, _ = await dial(host(peer, name="smsc.example"), LIMIT, Kept)
        protocol.transport.abort()
        await peer.connection()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_the_local_address():
    async with wire_peer() as peer:
        local = Endpoint("127.0.0.2", 0)
        where = replace(host(peer), local_address=local)
        protocol, _ = await dial(where, LIMIT, Kept)
        found = protocol.transport.get_extra_info("sockname")
        assert found[0] == "127.0.0.2"
        protocol.transport.abort()


async def test_a_local_port_again_and_again():
    """At once, though the connection before it lingers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.3", 0))
        port = probe.getsockname()[1]
    async with wire_peer() as peer:
        where = replace(host(peer), local_address=Endpoint("127.0.0.3", port))
        for _ in range(3):
            protocol, _ = await dial(where, LIMIT, Kept)
            found = protocol.transport.get_extra_info("sockname")
            assert found == ("127.0.0.3", port)
            (await peer.connection()).reset()
            protocol.transport.abort()


async def test_a_local_address_that_is_not_ours():
    async with wire_peer() as peer:
        local = Endpoint("192.0.2.1", 0)
        error = await refused(replace(host(peer), local_address=local))
    assert (error.stage, str(error)) == ("connect", "cannot assign requested address")


async def test_only_addresses_of_the_local_address_s_kind_are_tried():
    async with wire_peer() as peer:
        where = replace(host(peer), local_address=Endpoint("::1", 0))
        error = await refused(where)
    assert error.stage == "connect"


async def test_nobody_listens():
    error = await refused(host(unused_port()))
    assert (error.stage, str(error)) == ("connect", "connection refused")


async def test_no_such_name(monkeypatch):
    def look_up(*_):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    error = await refused(host(1, name="smsc.example"))
    assert (error.stage, str(error)) == (
        "connect",
        "smsc.example: Name or service not known",
    )


async def test_what_is_no_name():
    error = await refused(host(1, name="smsc..example"))
    assert (error.stage, str(error)) == (
        "connect",
        "smsc..example is no name of a host",
    )


async def test_a_name_without_addresses(monkeypatch):
    def look_up(*_):
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    error = await refused(host(1, name="smsc.example"))
    assert str(error) == "smsc.example has no address"


async def test_a_name_server_that_does_not_answer(monkeypatch):
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: answered.wait())
    errors = await asyncio.gather(
        *(refused(host(1, name="smsc.example"), 0.01) for _ in range(40))
    )
    assert {error.stage for error in errors} == {"timeout"}
    assert "smsc.example was not resolved" in str(errors[0])
    # Others have threads all the same: for their certificates, to close the store.
    async with asyncio.timeout(LIMIT):
        await asyncio.to_thread(int)
    answered.set()


async def test_a_host_that_does_not_answer(monkeypatch):
    async def connect(*_):
        await asyncio.Event().wait()

    def look_up(*_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    error = await refused(host(1), 0.01)
    assert (error.stage, str(error)) == ("timeout", "no connection within 0.01 s")


async def test_cancelled_while_connecting(monkeypatch):
    """The socket is closed: a warning for an open one would fail this test."""

    async def connect(*_):
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    task = asyncio.create_task(dial(host(1), LIMIT, Kept))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
