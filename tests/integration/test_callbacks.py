"""The listener for the providers' pushes, in the whole daemon."""

import asyncio
import contextlib
import io
import json
import sqlite3
import ssl
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fakes.ca import Authority
from fakes.provider import Post
from fakes.wait import eventually
from integration.site import Site

from esmed import log
from esmed.api import callbacks
from esmed.bridge import intake
from esmed.errors import ConfigError, TransportError

SECRET = "hush-hush-of-the-callbacks"
NUMBER = "380501234567"
NOT_FOUND = (404, b"not found\n")


def letters(post: Post, **keys: Any) -> dict[str, Any]:
    return {
        "kind": "letters",
        "base_urls": [post.url],
        "callback_secret": SECRET,
        "retry": {"min": "50ms", "max": "200ms"},
        **keys,
    }


@pytest.fixture
async def listening(site: Site, post: Post) -> Site:
    """A daemon that providers can push to."""
    site.callbacks = {"listen": ["127.0.0.1:0"], "max_body": 4096}
    await site.start(post=letters(post), deaf=letters(post, callback_secret=None))
    return site


async def push(
    site: Site, url: str, body: Any = None, method: str = "POST", **options: Any
) -> tuple[int, bytes]:
    data = json.dumps(body).encode() if body is not None else None
    async with site.session.request(method, url, data=data, **options) as answer:
        return answer.status, await answer.read()


async def a_sent_message(site: Site) -> str:
    await site.bound("post")
    id_ = await site.submit(to=NUMBER, connector="post")
    await site.reaches(id_, "submitted")
    return id_


async def test_a_state_is_pushed(listening: Site) -> None:
    id_ = await a_sent_message(listening)
    url = listening.callback_url("post", SECRET)
    assert await push(listening, url, [f"id-{NUMBER}"]) == (200, b"heard")
    # Answered after the commit: it is there at once.
    assert (await listening.message(id_))["state"] == "delivered"
    assert await push(listening, url, [f"id-{NUMBER}"]) == (200, b"heard")
    assert [one["type"] for one in await listening.told(1)] == ["message.delivered"]


async def test_by_get(listening: Site) -> None:
    id_ = await a_sent_message(listening)
    url = listening.callback_url("post", SECRET) + f'?["id-{NUMBER}"]'
    assert await push(listening, url, method="GET") == (200, b"heard")
    assert (await listening.message(id_))["state"] == "delivered"


async def test_a_message_from_a_subscriber_comes_once(listening: Site) -> None:
    url = listening.callback_url("post", SECRET, "mo")
    mo = {"id": "m1", "from": NUMBER, "text": "hi"}
    for _ in range(2):
        assert await push(listening, url, mo) == (200, b"heard")
    found = await listening.get("/v1/inbound")
    assert [one["text"] for one in found["messages"]] == ["hi"]


async def test_whoever_knows_less_hears_the_same(listening: Site) -> None:
    """Whatever is wrong, and however much is sent, or promised."""
    right = listening.callback_url("post", SECRET)
    host = right.partition("/callbacks")[0]
    wrong = [
        listening.callback_url("nobody", SECRET),
        listening.callback_url("post", "hush"),
        listening.callback_url("post", SECRET.upper()),
        listening.callback_url("post", SECRET + "/status"),
        listening.callback_url("post", SECRET, "short"),
        listening.callback_url("post", SECRET, "STATUS"),
        listening.callback_url("post", "%FF%C3"),
        listening.callback_url("post", "%D0%B0"),
        listening.callback_url("deaf", SECRET),
        listening.callback_url("deaf", "None"),
        right + "/",
        f"{host}/",
        f"{host}/v1/messages",
        f"{host}/metrics",
        f"{host}/healthz",
    ]
    for url in wrong:
        for body in (None, ["x"], ["x" * 100_000]):
            assert await push(listening, url, body) == NOT_FOUND, url
        assert await push(listening, url, method="GET") == NOT_FOUND, url
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "PROPFIND"):
        found = await push(listening, right, ["x"], method)
        assert found == ((404, b"") if method == "HEAD" else NOT_FOUND)


async def raw(site: Site, octets: bytes, *, ends: bool = False) -> bytes:
    """Send octets to the listener; what comes back until it closes."""
    assert site.app is not None
    host, _, port = site.app.callback_addresses[0].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(octets)
    if ends:
        writer.write_eof()
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    return answer


async def test_octets_that_are_no_text(listening: Site) -> None:
    path = b"/callbacks/post/\xff\xfe\xed\xa0\x80/status"
    answer = await raw(
        listening,
        b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    assert answer.split(b" ")[1] in {b"404", b"400"}


async def test_too_much(listening: Site) -> None:
    url = listening.callback_url("post", SECRET)
    status, _ = await push(listening, url, ["x" * 5000])
    assert status == 413
    id_ = await a_sent_message(listening)
    assert await push(listening, url, [f"id-{NUMBER}"]) == (200, b"heard")
    assert (await listening.message(id_))["state"] == "delivered"


def head(length: int) -> bytes:
    return (
        f"POST /callbacks/post/{SECRET}/status HTTP/1.1\r\nHost: x\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


async def test_a_body_that_does_not_come(
    listening: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "READ_WITHIN", 0.2)
    answer = await raw(listening, head(50) + b'["id')
    assert answer.startswith(b"HTTP/1.1 400")


async def test_a_body_that_breaks_off(
    listening: Site, caplog: pytest.LogCaptureFixture
) -> None:
    await raw(listening, head(50) + b'["id', ends=True)
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


async def test_more_at_once_than_are_taken(
    listening: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "AT_ONCE", 2)
    assert listening.app is not None
    host, _, port = listening.app.callback_addresses[0].rpartition(":")
    url = listening.callback_url("post", SECRET)
    slow = []
    for _ in range(2):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head(4) + b"[")
        slow.append((reader, writer))
    found = (200, b"")
    async with asyncio.timeout(60):
        while found[0] != 503:
            found = await push(listening, url, [])
    assert found == (503, b"not now\n")
    # Who does not know the path takes nobody's place.
    assert await push(listening, listening.callback_url("post", "x"), []) == NOT_FOUND
    for reader, writer in slow:
        writer.write(b"  ]")
        assert b" 200 " in await reader.readline()
        writer.close()
    assert await push(listening, url, []) == (200, b"heard")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nothing can be committed meanwhile."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


async def test_what_cannot_be_stored_is_not_acknowledged(
    listening: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes again, and is stored once."""
    monkeypatch.setattr(intake, "STORED_WITHIN", 0.3)
    url = listening.callback_url("post", SECRET, "mo")
    mo = {"id": "m1", "from": NUMBER, "text": "hi"}
    id_ = await a_sent_message(listening)
    with locked(listening.store):
        assert await push(listening, url, mo) == (503, b"not now\n")
        status = listening.callback_url("post", SECRET)
        assert await push(listening, status, [f"id-{NUMBER}"]) == (503, b"not now\n")
    async with asyncio.timeout(60):
        while await push(listening, url, mo) != (200, b"heard"):
            pass
    assert await push(listening, status, [f"id-{NUMBER}"]) == (200, b"heard")
    found = await listening.get("/v1/inbound")
    assert [one["text"] for one in found["messages"]] == ["hi"]
    assert (await listening.message(id_))["state"] == "delivered"


async def test_who_is_gone_before_the_answer_finds_it_stored(listening: Site) -> None:
    url = listening.callback_url("post", SECRET, "mo")
    body = json.dumps({"id": "m1", "from": NUMBER, "text": "hi"}).encode()
    assert listening.app is not None
    host, _, port = listening.app.callback_addresses[0].rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    path = "/callbacks" + url.partition("/callbacks")[2]
    start = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(start.encode() + body)
    writer.write_eof()
    await writer.drain()
    writer.transport.abort()
    await listening.told(1)
    await listening.restart()
    url = listening.callback_url("post", SECRET, "mo")
    assert (await push(listening, url, json.loads(body)))[0] == 200
    found = await listening.get("/v1/inbound")
    assert len(found["messages"]) == 1


# --- from where, and over what -------------------------------------------------------


async def starts(site: Site, post: Post, **callbacks_: Any) -> str:
    site.callbacks = {"listen": ["127.0.0.1:0"], **callbacks_}
    await site.start(post=letters(post))
    return site.callback_url("post", SECRET)


@pytest.mark.parametrize("networks", [["127.0.0.0/8"], ["10.0.0.0/8", "127.0.0.1"]])
async def test_from_there(site: Site, post: Post, networks: list[str]) -> None:
    url = await starts(site, post, allow=networks)
    assert await push(site, url, []) == (200, b"heard")


@pytest.mark.parametrize("networks", [["10.0.0.0/8"], ["::1"], ["127.0.0.2"]])
async def test_not_from_there(site: Site, post: Post, networks: list[str]) -> None:
    url = await starts(site, post, allow=networks)
    assert await push(site, url, []) == (403, b"not from there\n")
    assert await push(site, site.callback_url("x", "y"), []) == (
        403,
        b"not from there\n",
    )


class Came:
    """A request, as far as it is looked at."""

    def __init__(self, remote: str | None) -> None:
        self.remote = remote


@pytest.mark.parametrize(
    ("remote", "allowed"),
    [
        ("203.0.113.9", True),
        ("::ffff:203.0.113.9", True),
        ("203.0.114.9", False),
        ("::ffff:203.0.114.9", False),
        ("2001:db8::1", True),
        ("2001:db8::1%eth0", True),
        ("2001:db9::1", False),
        ("", True),  # a unix socket
        (None, False),  # gone before it was looked at
    ],
)
def test_who_is_allowed(remote: str | None, allowed: bool) -> None:
    networks = [ip_network("203.0.113.0/24"), ip_network("2001:db8::/32")]
    assert callbacks._is_allowed(Came(remote), networks) is allowed  # type: ignore[arg-type]
    assert callbacks._is_allowed(Came(remote), [])  # type: ignore[arg-type]


async def test_over_tls(site: Site, post: Post, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue("callbacks", "IP:127.0.0.1")
    tls = {"certificate": str(issued.certificate), "key": str(issued.key)}
    url = await starts(site, post, tls=tls)
    with pytest.raises(aiohttp.ClientError):
        await push(site, url, [])
    url = url.replace("http:", "https:")
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await push(site, url, [])
    trusting = ssl.create_default_context(cafile=str(authority.certificate))
    assert await push(site, url, [], ssl=trusting) == (200, b"heard")


async def test_a_renewed_certificate_is_shown_after_a_reload(
    site: Site, post: Post, tmp_path: Path
) -> None:
    folders = [tmp_path / "before", tmp_path / "after"]
    for folder in folders:
        folder.mkdir()
    authorities = [Authority(folder) for folder in folders]
    old, new = (each.issue("callbacks", "IP:127.0.0.1") for each in authorities)
    shown, key = tmp_path / "shown.pem", tmp_path / "shown.key"
    shown.write_bytes(old.certificate.read_bytes())
    key.write_bytes(old.key.read_bytes())
    tls = {"certificate": str(shown), "key": str(key)}
    url = (await starts(site, post, tls=tls)).replace("http:", "https:")
    trusts = [
        ssl.create_default_context(cafile=str(each.certificate)) for each in authorities
    ]
    shown.write_bytes(new.certificate.read_bytes())
    # Half of it is nothing to go by.
    assert not await site.reload()
    assert await push(site, url, [], ssl=trusts[0]) == (200, b"heard")
    key.write_bytes(new.key.read_bytes())
    assert await site.reload()
    assert await push(site, url, [], ssl=trusts[1]) == (200, b"heard")
    async with aiohttp.ClientSession() as fresh:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await fresh.post(url, data=b"[]", ssl=trusts[0])


async def test_a_certificate_that_cannot_be_used(
    site: Site, post: Post, tmp_path: Path
) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("no certificate")
    with pytest.raises(TransportError, match=r"nonsense\.pem"):
        await starts(site, post, tls={"certificate": str(nonsense)})
    site.app = None


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"listen": []}, "callbacks.listen"),
        ({"listen": ["nowhere"]}, "callbacks.listen"),
        ({"allow": ["300.1.1.1"]}, "callbacks.allow"),
        ({"allow": ["10.0.0.1/8"]}, "callbacks.allow"),
        ({"tls": {"certificate": "/no/such.pem"}}, "callbacks.tls.certificate"),
        ({"secret": "x"}, "callbacks.secret"),
        ({"max_body": -1}, "callbacks.max_body"),
    ],
)
async def test_wrong_settings(
    site: Site, post: Post, wrong: dict[str, Any], path: str
) -> None:
    site.callbacks = {"listen": ["127.0.0.1:0"], **wrong}
    with pytest.raises(ConfigError) as refused:
        await site.start(post=letters(post))
    assert [one.path.startswith(path) for one in refused.value.faults] == [True]
    site.app = None


async def test_there_is_none_unless_it_is_asked_for(site: Site, post: Post) -> None:
    await site.start(post=letters(post))
    assert site.app is not None
    assert not site.app.callback_addresses
    path = f"/callbacks/post/{SECRET}/status"
    assert (await site.ask("POST", path, []))[0] == 404


async def test_a_stop_answers_what_is_under_way(listening: Site) -> None:
    assert listening.app is not None
    host, _, port = listening.app.callback_addresses[0].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head(2) + b"[")
    url = listening.callback_url("post", SECRET)
    assert (await push(listening, url, []))[0] == 200
    stopping = asyncio.create_task(listening.stop())
    await asyncio.sleep(0.1)
    writer.write(b"]")
    assert b" 200 " in await reader.readline()
    await stopping
    writer.close()
    with pytest.raises(aiohttp.ClientConnectorError):
        await push(listening, url, [])


async def test_nothing_of_it_is_in_the_log(
    listening: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """What makes a provider's code fail is a number, a text and a secret."""
    stream = io.StringIO()
    log.configure(stream=stream)
    try:
        url = listening.callback_url("post", SECRET, "mo")
        status, body = await push(listening, url, {"text": f"my text {NUMBER}"})
        assert (status, body) == (500, b"see the daemon's log\n")
        await eventually(lambda: "callback.failed" in stream.getvalue())
    finally:
        log.configure()
    for each in (SECRET, NUMBER, "my text"):
        assert each not in stream.getvalue()
