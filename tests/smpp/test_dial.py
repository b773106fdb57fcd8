"""esmed.smpp.dial and tls: real sockets, real handshakes."""

import asyncio
import socket
import ssl
import subprocess
from typing import Any

import pytest
from fakes.wire import WirePeer, wire_peer

from esmed.errors import TransportError
from esmed.fieldtypes import Endpoint
from esmed.smpp.config import Host, Tls
from esmed.smpp.dial import DialError, dial
from esmed.smpp.tls import client_context, expiry

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


async def greet(where: Host, peer: WirePeer) -> ssl.SSLObject | None:
    """Connect and have three octets arrive."""
    protocol, found = await dial(where, LIMIT, Kept)
    connection = await peer.connection()
    protocol.transport.write(b"hi!")
    assert await connection.read(3) == b"hi!"
    protocol.transport.abort()
    return found


# --- TCP -----------------------------------------------------------------------------


async def test_plain():
    async with wire_peer() as peer:
        assert await greet(host(peer), peer) is None


async def test_a_name_is_looked_up_each_time(monkeypatch):
    loop = asyncio.get_running_loop()
    asked = []
    original = loop.getaddrinfo

    async def look_up(name, port, **kwargs):
        asked.append(name)
        return await original("127.0.0.1", port, **kwargs)

    monkeypatch.setattr(loop, "getaddrinfo", look_up)
    async with wire_peer() as peer:
        for _ in range(2):
            await greet(host(peer, name="smsc.example"), peer)
    assert asked.count("smsc.example") == 2


async def test_every_address_of_a_name_is_tried(monkeypatch):
    loop = asyncio.get_running_loop()
    async with wire_peer() as peer:
        free = unused_port()
        stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")

        async def look_up(*_, **__):
            return [(*stream, ("127.0.0.1", p)) for p in (free, peer.port)]

        monkeypatch.setattr(loop, "getaddrinfo", look_up)
        protocol, _ = await dial(host(peer, name="smsc.example"), LIMIT, Kept)
        protocol.transport.abort()
        await peer.connection()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_nobody_listens():
    error = await refused(host(unused_port()))
    assert (error.stage, str(error)) == ("connect", "connection refused")


async def test_no_such_name(monkeypatch):
    async def look_up(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    error = await refused(host(1, name="smsc.example"))
    assert (error.stage, str(error)) == (
        "connect",
        "smsc.example: Name or service not known",
    )


async def test_a_name_without_addresses(monkeypatch):
    async def look_up(*_, **__):
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    error = await refused(host(1, name="smsc.example"))
    assert str(error) == "smsc.example has no address"


async def test_a_name_server_that_does_not_answer(monkeypatch):
    async def look_up(*_, **__):
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    error = await refused(host(1, name="smsc.example"), 0.01)
    assert error.stage == "timeout"
    assert "smsc.example was not resolved" in str(error)


async def test_a_host_that_does_not_answer(monkeypatch):
    async def connect(*_):
        await asyncio.Event().wait()

    async def look_up(*_, **__):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
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


# --- TLS -----------------------------------------------------------------------------


async def test_name_and_chain_are_verified(authority):
    issued = authority.issue("good", "IP:127.0.0.1")
    async with wire_peer(issued.server()) as peer:
        found = await greet(host(peer, Tls(ca=authority.certificate)), peer)
    assert found is not None
    assert found.version() in {"TLSv1.2", "TLSv1.3"}
    assert expiry(found) is not None


async def test_another_name(authority):
    issued = authority.issue("other", "DNS:smsc.example")
    async with wire_peer(issued.server()) as peer:
        error = await refused(host(peer, Tls(ca=authority.certificate)))
    assert error.stage == "tls"
    assert "not valid" in str(error)
    assert "127.0.0.1" in str(error)


async def test_an_authority_that_nobody_knows(authority, stranger):
    issued = stranger.issue("strange", "IP:127.0.0.1")
    async with wire_peer(issued.server()) as peer:
        error = await refused(host(peer, Tls(ca=authority.certificate)))
        assert error.stage == "tls"
        assert "its certificate is not valid" in str(error)
        by_default = await refused(host(peer, Tls()))
        assert "its certificate is not valid" in str(by_default)


async def test_without_verification_anyone_passes(stranger):
    issued = stranger.issue("anyone", "DNS:elsewhere.example")
    async with wire_peer(issued.server()) as peer:
        found = await greet(host(peer, Tls(verify=False)), peer)
    assert found is not None
    assert expiry(found) is None


async def test_a_pin_is_checked_whatever_else(stranger):
    issued = stranger.issue("pinned", "DNS:elsewhere.example")
    wrong = "0" * 64
    async with wire_peer(issued.server()) as peer:
        tls = Tls(verify=False, pin=(wrong, issued.fingerprint))
        await greet(host(peer, tls), peer)
        error = await refused(host(peer, Tls(verify=False, pin=(wrong,))))
    assert error.stage == "tls"
    assert issued.fingerprint in str(error)


async def test_a_good_chain_does_not_replace_the_pin(authority):
    issued = authority.issue("unpinned", "IP:127.0.0.1")
    async with wire_peer(issued.server()) as peer:
        tls = Tls(ca=authority.certificate, pin=("0" * 64,))
        error = await refused(host(peer, tls))
    assert "is not pinned" in str(error)


@pytest.mark.parametrize("apart", [True, False], ids=["key apart", "key inside"])
async def test_our_own_certificate(authority, tmp_path, apart):
    issued = authority.issue("mutual", "IP:127.0.0.1")
    ours = authority.issue("esme")
    both = tmp_path / "both.pem"
    both.write_bytes(ours.certificate.read_bytes() + ours.key.read_bytes())
    tls = Tls(
        ca=authority.certificate,
        certificate=ours.certificate if apart else both,
        key=ours.key if apart else None,
    )
    async with wire_peer(issued.server(client_ca=authority.certificate)) as peer:
        await greet(host(peer, tls), peer)


async def test_a_host_that_does_not_speak_tls(authority):
    async with wire_peer() as peer:
        dialing = asyncio.create_task(
            dial(host(peer, Tls(ca=authority.certificate)), LIMIT, Kept)
        )
        (await peer.connection()).send(
            bytes.fromhex("00000010 80000000 00000003 00000000")
        )
        with pytest.raises(DialError) as caught:
            await dialing
    assert caught.value.stage == "tls"


async def test_a_host_that_closes_during_the_handshake(authority):
    async with wire_peer() as peer:
        dialing = asyncio.create_task(
            dial(host(peer, Tls(ca=authority.certificate)), LIMIT, Kept)
        )
        (await peer.connection()).close()
        with pytest.raises(DialError) as caught:
            await dialing
    assert caught.value.stage in {"tls", "timeout"}


async def test_a_handshake_without_an_answer(authority):
    async with wire_peer() as peer:
        error = await refused(host(peer, Tls(ca=authority.certificate)), 3.0)
    assert (error.stage, str(error)) == ("timeout", "no TLS handshake within 3 s")


async def test_cancelled_during_the_handshake(authority):
    async with wire_peer() as peer:
        dialing = asyncio.create_task(
            dial(host(peer, Tls(ca=authority.certificate)), LIMIT, Kept)
        )
        connection = await peer.connection()
        await connection.read(1)
        dialing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialing
        await connection.read_to_end()


@pytest.mark.parametrize("what", ["ca", "certificate", "key"])
async def test_files_that_cannot_be_used(authority, tmp_path, what):
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no PEM")
    ours = authority.issue("unusable")
    files: dict[str, Any] = {"ca": authority.certificate}
    if what != "ca":
        files |= {"certificate": ours.certificate, "key": ours.key}
    files[what] = garbage
    async with wire_peer() as peer:
        error = await refused(host(peer, Tls(**files)))
    assert error.stage == "tls"
    assert "cannot use" in str(error)


def test_a_key_behind_a_password_does_not_ask_the_terminal(authority, tmp_path):
    ours = authority.issue("locked")
    locked = tmp_path / "locked.key"
    lock = ["openssl", "ec", "-in", ours.key, "-out", locked, "-aes128"]
    subprocess.run([*lock, "-passout", "pass:x"], check=True, capture_output=True)
    with pytest.raises(TransportError, match="cannot use"):
        client_context(Tls(certificate=ours.certificate, key=locked))


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(TransportError, match="No such file"):
        client_context(Tls(ca=tmp_path / "gone.pem"))
