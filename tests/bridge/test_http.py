"""esmed.bridge.http against servers that do as they like, over real sockets."""

import asyncio
import gzip
import socket
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fakes.ca import Authority
from fakes.wait import eventually

from esmed.bridge import http
from esmed.bridge.base import Ambiguous, HttpCall, MailCall, NotSent, Reply
from esmed.bridge.config import HttpProviderConfig
from esmed.bridge.http import HttpCarrier
from esmed.tlsconfig import Tls

SECRET = "s3cr3t-of-the-account"
CALL = HttpCall(
    operation="send",
    path="/send",
    body=f"password={SECRET}".encode(),
    headers={"Authorization": f"Bearer {SECRET}"},
)
READ = HttpCall(operation="ask", path="/ask", method="GET")

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Outcome = Reply | NotSent | Ambiguous


class Server:
    """Each connection is given to ``serve`` after its first request was read."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0

    async def handle(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        try:
            await self.request(reader)
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        """Read one request."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        whole = head + await reader.readexactly(length)
        self.requests.append(whole)
        return whole


@asynccontextmanager
async def server(
    serve: Serve, context: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    made = Server(serve)
    listening = await asyncio.start_server(made.handle, "127.0.0.1", 0, ssl=context)
    made.port = listening.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listening.close()


@asynccontextmanager
async def carrier(**keys: Any) -> AsyncIterator[HttpCarrier]:
    made = HttpCarrier(HttpProviderConfig(kind="x", base_urls=("http://x",), **keys))
    try:
        yield made
    finally:
        await made.close()


def says(*octets: bytes, stays: bool = False) -> Serve:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for each in octets:
            writer.write(each)
            await writer.drain()
        if stays:
            await asyncio.sleep(60)

    return serve


def drips(head: bytes, octets: bytes, every: float = 0.05) -> Serve:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(octets)
            await writer.drain()
            await asyncio.sleep(every)

    return serve


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def exchange(serve: Serve, call: HttpCall = CALL, **keys: Any) -> Outcome:
    async with server(serve) as made, carrier(**keys) as ours:
        outcome = await ours.exchange(call, f"http://127.0.0.1:{made.port}")
    assert SECRET not in repr(outcome)
    return outcome


async def test_a_reply() -> None:
    headers = b"X-One: 1\r\nSet-Cookie: a=b\r\nRetry-After: 3\r\n"
    answer = b"HTTP/1.1 503 Busy\r\n" + headers + b"Content-Length: 2\r\n\r\nno"
    outcome = await exchange(says(answer))
    assert isinstance(outcome, Reply)
    assert (outcome.status, outcome.body) == (503, b"no")
    assert outcome.headers["x-one"] == "1"
    assert outcome.headers["retry-after"] == "3"
    assert outcome.node.startswith("http://127.0.0.1:")


async def test_what_is_written_is_what_was_built() -> None:
    """No cookies, no compression wanted, the path as it is."""
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nConnection: close\r\n\r\nok"
    async with server(says(answer)) as made, carrier() as ours:
        call = HttpCall(operation="x", path="/a%2Fb?x=%D0%B0+b", body=b"\x00\xff")
        for _ in range(2):
            await ours.exchange(call, f"http://127.0.0.1:{made.port}/api.php")
    head, _, body = made.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api.php/a%2Fb?x=%D0%B0+b HTTP/1.1\r\n")
    assert body == b"\x00\xff"
    assert b"\r\nAccept-Encoding: identity\r\n" in head
    assert b"cookie" not in made.requests[1].lower()


async def test_a_large_request_comes_whole() -> None:
    body = bytes(range(256)) * 20_000
    async with server(says(OK)) as made, carrier() as ours:
        call = HttpCall(operation="x", body=body)
        outcome = await ours.exchange(call, f"http://127.0.0.1:{made.port}")
    assert isinstance(outcome, Reply)
    assert made.requests[0].endswith(b"\r\n\r\n" + body)


async def test_a_mail_is_not_for_http() -> None:
    async with carrier() as ours:
        mail = MailCall(operation="x", sender="a", recipient="b", content=b"")
        with pytest.raises(TypeError):
            await ours.exchange(mail, "http://127.0.0.1:1")


# --- surely not sent -----------------------------------------------------------------


async def not_sent(url: str, **keys: Any) -> str:
    async with carrier(**keys) as ours:
        outcome = await ours.exchange(CALL, url)
    assert isinstance(outcome, NotSent), outcome
    assert SECRET not in outcome.reason
    return outcome.reason


async def test_refused() -> None:
    assert await not_sent("http://127.0.0.1:1") == "Connection refused"
    assert await not_sent("https://127.0.0.1:1") == "Connection refused"


@pytest.mark.parametrize("name", ["nosuch.invalid", "bad..name", "a" * 64 + ".example"])
async def test_a_name_that_nobody_has(name: str) -> None:
    assert "name" in (await not_sent(f"http://{name}")).lower()


async def test_no_connection_in_time() -> None:
    """Whose queue is full drops the first packet of whoever comes. The time for an
    answer begins only then."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        taken = []
        try:
            for _ in range(3):
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex(address)
                taken.append(one)
            reason = await not_sent(
                f"http://127.0.0.1:{address[1]}",
                connect_timeout=0.3,
                response_timeout=0.01,
            )
        finally:
            for one in taken:
                one.close()
    assert reason == "no connection in time"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other"))


async def over_tls(context: ssl.SSLContext, tls: Tls) -> tuple[Outcome, Server]:
    async with server(says(OK), context) as made, carrier(tls=tls) as ours:
        outcome = await ours.exchange(CALL, f"https://127.0.0.1:{made.port}")
    assert SECRET not in repr(outcome)
    return outcome, made


async def refused_over_tls(context: ssl.SSLContext, tls: Tls) -> str:
    outcome, made = await over_tls(context, tls)
    assert isinstance(outcome, NotSent), outcome
    assert not made.requests
    return outcome.reason


async def test_tls(authority: Authority) -> None:
    issued = authority.issue("own", "IP:127.0.0.1")
    outcome, _ = await over_tls(issued.server(), Tls(ca=authority.certificate))
    assert isinstance(outcome, Reply)


async def test_tls_of_an_unknown_authority(authority: Authority) -> None:
    issued = authority.issue("unknown", "IP:127.0.0.1")
    assert "unable to get local issuer" in await refused_over_tls(
        issued.server(), Tls()
    )


async def test_tls_of_another_name(authority: Authority) -> None:
    issued = authority.issue("elsewhere.example")
    tls = Tls(ca=authority.certificate)
    assert "not valid" in await refused_over_tls(issued.server(), tls)
    named = Tls(ca=authority.certificate, server_name="elsewhere.example")
    outcome, _ = await over_tls(issued.server(), named)
    assert isinstance(outcome, Reply)


async def test_tls_that_has_expired(authority: Authority) -> None:
    issued = authority.issue("late", "IP:127.0.0.1", days=-1)
    tls = Tls(ca=authority.certificate)
    assert "expired" in await refused_over_tls(issued.server(), tls)


async def test_tls_with_pins(authority: Authority, other: Authority) -> None:
    issued = authority.issue("pinned", "IP:127.0.0.1")
    right, wrong = issued.fingerprint, "00" * 32
    ca = authority.certificate
    for pins in ((right,), (wrong, right)):
        outcome, _ = await over_tls(issued.server(), Tls(ca=ca, pin=pins))
        assert isinstance(outcome, Reply), outcome
    told = await refused_over_tls(issued.server(), Tls(ca=ca, pin=(wrong,)))
    assert told == "its certificate is not pinned"
    # A pin is beside the chain, not in its place.
    tls = Tls(ca=other.certificate, pin=(right,))
    assert "not valid" in await refused_over_tls(issued.server(), tls)


async def test_tls_with_our_certificate(authority: Authority) -> None:
    issued = authority.issue("mutual", "IP:127.0.0.1")
    ours = authority.issue("ours")
    context = issued.server(client_ca=authority.certificate)
    tls = Tls(ca=authority.certificate, certificate=ours.certificate, key=ours.key)
    outcome, _ = await over_tls(context, tls)
    assert isinstance(outcome, Reply)


async def test_what_is_not_tls_at_all(authority: Authority) -> None:
    async with server(says(OK)) as made:
        url = f"https://127.0.0.1:{made.port}"
        # It waits for a line end that a handshake need not have.
        assert await not_sent(url, connect_timeout=1.0)


async def test_certificates_that_are_gone(tmp_path: Path) -> None:
    tls = Tls(ca=tmp_path / "no.pem")
    assert "no.pem" in await not_sent("https://127.0.0.1:1", tls=tls)


# --- nobody knows --------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\n"
END = b"\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
ZIPPED = HEAD + b"Content-Encoding: gzip\r\n"
BROTLI = HEAD + b"Content-Encoding: br\r\n"
TWO = b"Content-Length: 1\r\nContent-Length: 2\r\n"


@pytest.mark.parametrize(
    ("serve", "reason"),
    [
        pytest.param(says(), "closed without an answer", id="closed"),
        pytest.param(says(HEAD + b"X"), "closed", id="half a head"),
        pytest.param(says(HEAD + b"Content-Length: 9\r\n\r\nok"), "", id="half body"),
        pytest.param(says(CHUNKED + b"5\r\nab"), "", id="half a chunk"),
        pytest.param(says(CHUNKED + b"zz\r\nab\r\n"), "", id="no chunk"),
        pytest.param(says(CHUNKED + b"-1\r\nab\r\n"), "", id="a negative chunk"),
        pytest.param(says(CHUNKED + b"2\r\nabcd\r\n0\r\n\r\n"), "", id="a long chunk"),
        pytest.param(says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "", id="no http"),
        pytest.param(says(b"\x00\xff" * 5000), "", id="noise"),
        pytest.param(says(b"HTTP/1.1 abc\r\n\r\n"), "", id="no status"),
        pytest.param(says(HEAD + b"Content-Length: x\r\n\r\n"), "", id="no length"),
        pytest.param(says(HEAD + b"Content-Length: -1\r\n\r\n"), "", id="negative"),
        pytest.param(says(HEAD + TWO + b"\r\nok"), "", id="two lengths"),
        pytest.param(says(HEAD + b"X: " + b"x" * 100_000 + END), "", id="long header"),
        pytest.param(says(HEAD + b"X: y\r\n" * 100_000 + END), "", id="many headers"),
        pytest.param(says(ZIPPED + b"Content-Length: 2\r\n\r\nok"), "", id="no gzip"),
        pytest.param(says(BROTLI + b"Content-Length: 2\r\n\r\nok"), "", id="brotli"),
    ],
)  # fmt: skip
async def test_no_usable_answer(serve: Serve, reason: str) -> None:
    outcome = await exchange(serve)
    assert isinstance(outcome, Ambiguous), outcome
    assert outcome.reason.startswith(reason)


@pytest.mark.parametrize(
    "serve",
    [
        pytest.param(says(stays=True), id="silence"),
        pytest.param(says(b"HTTP/1.1 200 OK\r\n", stays=True), id="half a head"),
        pytest.param(
            says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", stays=True),
            id="half a body",
        ),
        pytest.param(
            drips(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"x"),
            id="drips its body",
        ),
        pytest.param(drips(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"), id="drips its head"),
        pytest.param(drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="goes on"),
    ],
)
async def test_no_answer_in_time(serve: Serve) -> None:
    began = time.monotonic()
    outcome = await exchange(serve, connect_timeout=0.5, response_timeout=0.5)
    assert isinstance(outcome, Ambiguous), outcome
    assert time.monotonic() - began < 10


async def test_silence_is_not_waited_for_as_long_as_a_connection() -> None:
    began = time.monotonic()
    outcome = await exchange(says(stays=True), response_timeout=0.2)
    assert outcome == Ambiguous("no answer in time")
    assert time.monotonic() - began < 9  # connect_timeout is 10 s


async def test_a_call_with_more_patience_than_usual() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)
        writer.write(OK)
        await writer.drain()

    call = HttpCall(operation="wait", response_timeout=30.0)
    assert isinstance(await exchange(serve, call, response_timeout=0.1), Reply)


async def test_a_request_that_nobody_reads() -> None:
    """Larger than what sockets hold."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(5)
        call = HttpCall(operation="send", body=b"x" * 50_000_000)
        async with carrier(connect_timeout=0.5, response_timeout=0.5) as ours:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            assert isinstance(await ours.exchange(call, url), Ambiguous)


# --- how much ------------------------------------------------------------------------

MIB = 2**20


async def test_as_much_as_is_read() -> None:
    body = b"x" * (10 * MIB)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    outcome = await exchange(says(head, body))
    assert isinstance(outcome, Reply)
    assert outcome.body == body


async def test_one_octet_more() -> None:
    body = b"x" * (10 * MIB + 1)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    outcome = await exchange(says(head, body))
    assert outcome == Ambiguous(f"an answer of more than {10 * MIB} octets")
    bounded = HttpCall(operation="x", bound=5)
    outcome = await exchange(says(b"HTTP/1.1 200 OK\r\n\r\n123456"), bounded)
    assert outcome == Ambiguous("an answer of more than 5 octets")


async def test_a_body_without_end() -> None:
    outcome = await exchange(drips(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * MIB, every=0))
    assert isinstance(outcome, Ambiguous)


@pytest.mark.parametrize("name", ["gzip", "deflate"])
async def test_a_bomb(name: str) -> None:
    """A gigabyte would be a megabyte on the wire."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if name == "gzip" else 15)
    zeros = bytes(16 * MIB)
    octets = b"".join(packer.compress(zeros) for _ in range(64)) + packer.flush()
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {name}\r\n"
    head += f"Content-Length: {len(octets)}\r\n\r\n"
    outcome = await exchange(says(head.encode(), octets))
    assert isinstance(outcome, Ambiguous), repr(outcome)[:200]


async def test_what_is_compressed_unasked() -> None:
    octets = gzip.compress(b"hello")
    head = ZIPPED + f"Content-Length: {len(octets)}\r\n\r\n".encode()
    outcome = await exchange(says(head, octets))
    assert isinstance(outcome, Reply)
    assert outcome.body == b"hello"


# --- statuses ------------------------------------------------------------------------


async def test_a_redirect_is_not_followed() -> None:
    async with server(says(OK)) as target:
        head = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{target.port}/\r\n"
        outcome = await exchange(says(head.encode() + b"Content-Length: 0\r\n\r\n"))
    assert isinstance(outcome, Reply)
    assert outcome.status == 302
    assert not target.connections


async def test_a_server_that_says_go_on_first() -> None:
    outcome = await exchange(says(b"HTTP/1.1 100 Continue\r\n\r\n", OK))
    assert isinstance(outcome, Reply)
    assert outcome.body == b"ok"


@pytest.mark.parametrize("status", [101, 204, 304, 599, 999])
async def test_a_strange_status(status: int) -> None:
    outcome = await exchange(says(f"HTTP/1.1 {status} X\r\n\r\n".encode()))
    assert isinstance(outcome, Reply), outcome
    assert outcome.status == status


async def test_an_old_server() -> None:
    outcome = await exchange(says(b"HTTP/1.0 200 OK\r\n\r\nto the end"))
    assert isinstance(outcome, Reply)
    assert outcome.body == b"to the end"


# --- connections that are kept -------------------------------------------------------


async def test_a_connection_serves_many(authority: Authority) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await made.request(reader)
        writer.write(OK)
        await writer.drain()

    async with server(serve) as made, carrier() as ours:
        for _ in range(2):
            outcome = await ours.exchange(CALL, f"http://127.0.0.1:{made.port}")
            assert isinstance(outcome, Reply)
    assert made.connections == 1


@pytest.mark.parametrize("abort", [True, False])
async def test_a_kept_connection_that_dies_as_it_is_used(abort: bool) -> None:
    """The request may have been processed: it is not written again by itself."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await made.request(reader)
        if abort:
            writer.transport.abort()

    async with server(serve) as made, carrier() as ours:
        url = f"http://127.0.0.1:{made.port}"
        assert isinstance(await ours.exchange(CALL, url), Reply)
        assert isinstance(await ours.exchange(CALL, url), Ambiguous)
        assert len(made.requests) == 2
        assert made.connections == 1


async def test_a_kept_connection_that_was_closed_meanwhile() -> None:
    """Known to be closed, it is not used."""
    closed = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await writer.drain()
        closed.set()

    async with server(serve) as made, carrier() as ours:
        url = f"http://127.0.0.1:{made.port}"
        for number in (1, 2):
            outcome = await ours.exchange(CALL, url)
            assert isinstance(outcome, Reply | Ambiguous)
            await closed.wait()
            await asyncio.sleep(0.05)
            assert len(made.requests) == number


async def test_a_cancelled_request_leaves_nothing_open() -> None:
    arrived = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        arrived.set()
        assert await reader.read() == b""
        gone.set()

    gone = asyncio.Event()
    async with server(serve) as made, carrier() as ours:
        url = f"http://127.0.0.1:{made.port}"
        task = asyncio.create_task(ours.exchange(CALL, url))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(30):
            await gone.wait()


async def test_closed() -> None:
    async with server(says(OK)) as made, carrier() as ours:
        await ours.close()
        outcome = await ours.exchange(READ, f"http://127.0.0.1:{made.port}")
    assert outcome == NotSent("the connector has stopped")


async def test_closed_in_the_middle_of_an_answer() -> None:
    """aiohttp tells nobody who waits for the rest of a body."""
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
    async with (
        server(says(half, stays=True)) as made,
        carrier(response_timeout=0.5) as ours,
    ):
        url = f"http://127.0.0.1:{made.port}"
        asking = asyncio.create_task(ours.exchange(READ, url))
        await eventually(lambda: made.requests)
        await asyncio.sleep(0.1)  # for the half to be read
        await ours.close()
        async with asyncio.timeout(30):
            assert isinstance(await asking, Ambiguous)


async def test_closed_while_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "CLOSING", 0.1)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(5)
        listening.setblocking(False)
        call = HttpCall(operation="send", body=b"x" * 50_000_000)
        async with carrier(response_timeout=1.0) as ours:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            sending = asyncio.create_task(ours.exchange(call, url))
            accepted, _ = await asyncio.get_running_loop().sock_accept(listening)
            with accepted:
                await asyncio.sleep(0.3)  # for as much to be written as can be
                async with asyncio.timeout(20):
                    await ours.close()
                assert isinstance(await sending, Ambiguous)


def test_a_call_shows_nothing() -> None:
    assert SECRET not in repr(CALL)
