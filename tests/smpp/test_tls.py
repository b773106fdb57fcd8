"""esmed.tls and dial over TLS: a real handshake for each thing that is checked."""

import asyncio
import shutil
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.alerting import alerting_server
from fakes.ca import Authority, Issued
from fakes.wire import WireConnection, WirePeer, wire_peer

from esmed.certificate import Ends
from esmed.errors import TransportError
from esmed.fieldtypes import Endpoint
from esmed.smpp.config import Host
from esmed.smpp.dial import DialError, dial
from esmed.tls import client_context, describe
from esmed.tlsconfig import Tls

LIMIT = 20.0
WRONG = "0" * 64


class Kept(asyncio.Protocol):
    """Keeps its transport, and how it ended."""

    transport: Any = None

    def __init__(self) -> None:
        self.lost: asyncio.Future[Exception | None] = asyncio.Future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)

    @property
    def version(self) -> str:
        return str(self.transport.get_extra_info("ssl_object").version())


def host(peer: WirePeer | int, tls: Tls, name: str = "127.0.0.1") -> Host:
    port = peer if isinstance(peer, int) else peer.port
    return Host(address=Endpoint(name, port), tls=tls)


async def refused(peer: WirePeer | int, tls: Tls, limit: float = LIMIT) -> str:
    """Why there is no connection, for reasons of TLS."""
    with pytest.raises(DialError) as caught:
        await dial(host(peer, tls), limit, Kept)
    assert caught.value.stage == "tls"
    return str(caught.value)


async def greet(peer: WirePeer, tls: Tls) -> tuple[Kept, Ends]:
    """Connect and have three octets arrive."""
    protocol, ends = await dial(host(peer, tls), LIMIT, Kept)
    connection = await peer.connection()
    protocol.transport.write(b"hi!")
    assert await connection.read(3) == b"hi!"
    protocol.transport.abort()
    assert ends is not None
    return protocol, ends


def days_left(end: float | None, issued: Issued) -> float:
    """Between the moment the certificate was made and its end."""
    assert end is not None
    return round((end - issued.certificate.stat().st_mtime) / 86_400, 2)


# --- name and chain ------------------------------------------------------------------


async def test_a_private_authority_is_accepted(authority):
    issued = authority.issue("good", "IP:127.0.0.1")
    async with wire_peer(issued.server()) as peer:
        protocol, ends = await greet(peer, Tls(ca=authority.certificate))
    assert protocol.version in {"TLSv1.2", "TLSv1.3"}
    assert days_left(ends.theirs, issued) == 2
    assert ends.ours is None


async def test_a_wrong_name_is_refused(authority):
    issued = authority.issue("other", "DNS:smsc.example")
    async with wire_peer(issued.server()) as peer:
        reason = await refused(peer, Tls(ca=authority.certificate))
    assert "its certificate is not valid" in reason
    assert "127.0.0.1" in reason


async def test_a_wrong_server_name_is_refused(authority):
    issued = authority.issue("elsewhere", "IP:127.0.0.1", "DNS:smsc.example")
    async with wire_peer(issued.server()) as peer:
        tls = Tls(ca=authority.certificate, server_name="smsc.example.net")
        assert "smsc.example.net" in await refused(peer, tls)


class Names:
    """A server that has several names, and shows the certificate of the one asked."""

    def __init__(self, *issued: Issued) -> None:
        self.asked: list[str | None] = []
        self._contexts = {one.certificate.stem: one.server() for one in issued}

    def server(self, default: Issued) -> ssl.SSLContext:
        context = default.server()

        def choose(server: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            self.asked.append(name)
            if name in self._contexts:
                server.context = self._contexts[name]

        context.sni_callback = choose
        return context


async def test_the_right_name_by_sni(authority):
    """The server chooses its certificate by the name: that of the address …"""
    default = authority.issue("default.example")
    names = Names(authority.issue("localhost"), authority.issue("smsc.example"))
    async with wire_peer(names.server(default)) as peer:
        tls = Tls(ca=authority.certificate)
        protocol, _ = await dial(host(peer, tls, "localhost"), LIMIT, Kept)
        await peer.connection()
        protocol.transport.abort()
        # … or server_name, where the address is another …
        await greet(peer, replace(tls, server_name="smsc.example"))
        assert names.asked == ["localhost", "smsc.example"]
        # … and an address is no name.
        assert "127.0.0.1" in await refused(peer, tls)
        assert names.asked[2:] == [None]


async def test_an_unknown_authority_is_refused(authority, stranger):
    issued = stranger.issue("strange", "IP:127.0.0.1")
    async with wire_peer(issued.server()) as peer:
        for tls in (Tls(ca=authority.certificate), Tls()):
            assert "its certificate is not valid" in await refused(peer, tls)


async def test_an_expired_certificate_is_refused(authority):
    issued = authority.issue("expired", "IP:127.0.0.1", days=-1)
    async with wire_peer(issued.server()) as peer:
        reason = await refused(peer, Tls(ca=authority.certificate))
        assert reason.endswith("certificate has expired")
        # Who does not verify is told when it ended at least.
        tls = Tls(verify=False, pin=(issued.fingerprint,))
        _, ends = await greet(peer, tls)
    assert days_left(ends.theirs, issued) == -1


async def test_without_verification_anyone_passes(stranger):
    issued = stranger.issue("anyone", "DNS:elsewhere.example")
    async with wire_peer(issued.server()) as peer:
        _, ends = await greet(peer, Tls(verify=False))
    assert days_left(ends.theirs, issued) == 2


# --- pins ----------------------------------------------------------------------------


async def test_a_right_pin_beside_the_chain(authority):
    issued = authority.issue("right", "IP:127.0.0.1")
    async with wire_peer(issued.server()) as peer:
        await greet(peer, Tls(ca=authority.certificate, pin=(issued.fingerprint,)))


async def test_a_good_chain_does_not_replace_the_pin(authority):
    issued = authority.issue("unpinned", "IP:127.0.0.1")
    async with wire_peer(issued.server()) as peer:
        reason = await refused(peer, Tls(ca=authority.certificate, pin=(WRONG,)))
    assert "is not pinned" in reason
    assert issued.fingerprint in reason


async def test_a_pin_does_not_replace_the_chain(authority, stranger):
    issued = stranger.issue("half", "IP:127.0.0.1")
    async with wire_peer(issued.server()) as peer:
        tls = Tls(ca=authority.certificate, pin=(issued.fingerprint,))
        assert "not valid" in await refused(peer, tls)


async def test_two_pins_while_the_certificate_is_changed(stranger):
    """Neither name nor chain is checked, but no third certificate passes."""
    old, new, third = (
        stranger.issue(f"{name}.example") for name in ("old", "new", "third")
    )
    tls = Tls(verify=False, pin=(old.fingerprint, new.fingerprint))
    for issued in (old, new):
        async with wire_peer(issued.server()) as peer:
            await greet(peer, tls)
    async with wire_peer(third.server()) as peer:
        assert "is not pinned" in await refused(peer, tls)


# --- our own certificate -------------------------------------------------------------


def asking(authority: Authority, *, newest: ssl.TLSVersion) -> ssl.SSLContext:
    """A server that wants a certificate of its own authority."""
    issued = authority.issue("mutual", "IP:127.0.0.1")
    context = issued.server(client_ca=authority.certificate)
    context.maximum_version = newest
    return context


VERSIONS = pytest.mark.parametrize(
    "newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name
)


@VERSIONS
@pytest.mark.parametrize("apart", [True, False], ids=["key apart", "key inside"])
async def test_our_certificate_is_shown(authority, tmp_path, apart, newest):
    ours = authority.issue("esme", days=10)
    both = tmp_path / "both.pem"
    both.write_bytes(ours.key.read_bytes() + ours.certificate.read_bytes())
    tls = Tls(
        ca=authority.certificate,
        certificate=ours.certificate if apart else both,
        key=ours.key if apart else None,
    )
    async with wire_peer(asking(authority, newest=newest)) as peer:
        _, ends = await greet(peer, tls)
    assert days_left(ends.ours, ours) == 10


async def unwanted(port: int, tls: Tls) -> str:
    """Why the server refuses us, which in TLS 1.3 it says after our handshake."""
    try:
        protocol, _ = await dial(host(port, tls), LIMIT, Kept)
    except DialError as refusal:
        return str(refusal)
    async with asyncio.timeout(LIMIT):
        lost = await protocol.lost
    assert isinstance(lost, ssl.SSLError)
    return describe(lost)


async def test_our_certificate_is_missing(authority):
    with alerting_server(asking(authority, newest=ssl.TLSVersion.TLSv1_2)) as port:
        reason = await unwanted(port, Tls(ca=authority.certificate))
    assert reason == "TLS: sslv3 alert handshake failure"


async def test_our_certificate_is_missing_in_tls_1_3(authority):
    with alerting_server(asking(authority, newest=ssl.TLSVersion.TLSv1_3)) as port:
        reason = await unwanted(port, Tls(ca=authority.certificate))
    assert reason == "tlsv13 alert certificate required"


@VERSIONS
async def test_our_certificate_is_of_the_wrong_authority(authority, stranger, newest):
    ours = stranger.issue("stranger.esme")
    tls = Tls(ca=authority.certificate, certificate=ours.certificate, key=ours.key)
    with alerting_server(asking(authority, newest=newest)) as port:
        assert "alert unknown ca" in await unwanted(port, tls)


async def test_a_key_that_does_not_fit(authority):
    ours, other = authority.issue("fits"), authority.issue("fits.not")
    tls = Tls(ca=authority.certificate, certificate=ours.certificate, key=other.key)
    async with wire_peer() as peer:
        reason = await refused(peer, tls)
    assert reason == f"cannot use {ours.certificate}: key values mismatch"


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
        assert "cannot use" in await refused(peer, Tls(**files))


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


async def test_renewed_files_are_read_at_the_next_connect(
    authority, stranger, tmp_path
):
    bundle: Path = tmp_path / "ca.pem"
    shutil.copy(stranger.certificate, bundle)
    issued = authority.issue("renewed", "IP:127.0.0.1")
    ours = stranger.issue("renewing.esme")
    certificate, key = tmp_path / "esme.pem", tmp_path / "esme.key"
    shutil.copy(ours.certificate, certificate)
    shutil.copy(ours.key, key)
    tls = Tls(ca=bundle, certificate=certificate, key=key)
    server = issued.server(client_ca=authority.certificate)
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    with alerting_server(server) as port:
        assert "its certificate is not valid" in await refused(port, tls)
        shutil.copy(authority.certificate, bundle)
        assert "alert unknown ca" in await refused(port, tls)
        ours = authority.issue("renewed.esme")
        shutil.copy(ours.certificate, certificate)
        shutil.copy(ours.key, key)
        protocol, _ = await dial(host(port, tls), LIMIT, Kept)
        protocol.transport.abort()
        await protocol.lost


# --- versions ------------------------------------------------------------------------


async def test_tls_1_3_wanted_of_a_server_that_has_1_2(authority):
    issued = authority.issue("aged", "IP:127.0.0.1")
    server = issued.server()
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    tls = Tls(ca=authority.certificate, min_version="1.3")
    with alerting_server(server) as port:
        assert await refused(port, tls) == "TLS: tlsv1 alert protocol version"
    async with wire_peer(server) as peer:
        protocol, _ = await greet(peer, replace(tls, min_version="1.2"))
        assert protocol.version == "TLSv1.2"


async def test_tls_1_3_wanted_and_had(authority):
    issued = authority.issue("modern", "IP:127.0.0.1")
    async with wire_peer(issued.server()) as peer:
        tls = Tls(ca=authority.certificate, min_version="1.3")
        protocol, _ = await greet(peer, tls)
        assert protocol.version == "TLSv1.3"


def test_nothing_older_than_tls_1_2():
    assert client_context(Tls()).minimum_version is ssl.TLSVersion.TLSv1_2


# --- handshakes that come to nothing -------------------------------------------------


async def begun(peer: WirePeer, tls: Tls) -> tuple[Any, WireConnection]:
    """A handshake whose first octets the peer has read."""
    dialing = asyncio.create_task(dial(host(peer, tls), LIMIT, Kept))
    connection = await peer.connection()
    assert await connection.read(1) == b"\x16"  # a handshake record
    return dialing, connection


async def test_a_peer_that_speaks_plain_text(authority):
    async with wire_peer() as peer:
        dialing, connection = await begun(peer, Tls(ca=authority.certificate))
        connection.send(bytes.fromhex("00000010 80000000 00000003 00000000"))
        with pytest.raises(DialError, match="TLS: wrong version number") as caught:
            await dialing
    assert caught.value.stage == "tls"


@pytest.mark.parametrize("how", [WireConnection.close, WireConnection.reset])
async def test_a_peer_that_closes_during_the_handshake(authority, how):
    async with wire_peer() as peer:
        dialing, connection = await begun(peer, Tls(ca=authority.certificate))
        how(connection)
        with pytest.raises(DialError) as caught:
            await dialing
    assert (caught.value.stage, str(caught.value)) == (
        "tls",
        "TLS: closed during the handshake",
    )


async def test_a_handshake_without_an_answer(authority):
    async with wire_peer() as peer:
        with pytest.raises(DialError) as caught:
            await dial(host(peer, Tls(ca=authority.certificate)), 3.0, Kept)
    assert (caught.value.stage, str(caught.value)) == (
        "timeout",
        "no TLS handshake within 3 s",
    )


async def test_cancelled_during_the_handshake(authority):
    async with wire_peer() as peer:
        dialing, connection = await begun(peer, Tls(ca=authority.certificate))
        dialing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialing
        await connection.read_to_end()
