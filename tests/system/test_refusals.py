"""What is wrong from the start, and requests that are: each is told what it is."""

import asyncio
import contextlib
import io
import json
import socket
from typing import Any

import pytest
from system.processes import Bench, Daemon, Smsc
from system.set_up import config

# --- starting ------------------------------------------------------------------------


WRONG = (
    ("window: 10", "window: many", "connectors.carrier.window: expected an integer"),
    ("password: hush", "", "connectors.carrier.password: "),
    ("via: [carrier]", "via: [career]", 'routes[0].via[0]: no connector "career"'),
    ("127.0.0.1:0", "0.0.0.0:0", "http.listen[0]: 0.0.0.0:0 is open to others"),
    ("routes:", "routes: [", "line "),
)
"""What to replace in a good configuration, by what, and the complaint."""


async def test_wrong_config(processes: Bench):
    daemons = []
    for number, (right, wrong, complaint) in enumerate(WRONG):
        text = config("127.0.0.1:1")
        assert right in text
        text = text.replace(right, wrong)
        daemons.append((processes.daemon(text, name=f"daemon{number}"), complaint))
        daemons[-1][0].spawn()
    nothing = processes.process("nothing", "run", "-c", "nowhere.yaml")
    nothing.spawn()
    assert await nothing.exited() == 2
    assert "cannot read nowhere.yaml: No such file" in nothing.log
    for daemon, complaint in daemons:
        assert await daemon.exited() == 2
        assert complaint in daemon.log
        assert "hush" not in daemon.log
    assert not (processes.folder / "esmed.db").exists()


async def test_port_taken(processes: Bench, smsc: Smsc):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        text = config(smsc).replace("127.0.0.1:0", f"127.0.0.1:{port}")
        daemon = processes.daemon(text)
        daemon.spawn()
        assert await daemon.exited() == 1
    complaint = (
        f"http.listen: cannot listen on 127.0.0.1:{port}: Address already in use"
    )
    assert complaint in daemon.log
    # It has not taken the account away from the one who may be using it.
    assert (await smsc.stats())["binds"] == 0
    await daemon.start()
    assert await daemon.stop() == 0


async def test_unix_socket_taken_and_left_behind(processes: Bench, smsc: Smsc):
    path = processes.folder / "http.sock"
    text = config(smsc).replace('"127.0.0.1:0"', f'"127.0.0.1:0", "unix:{path}"')
    first = processes.daemon(text)
    await first.start()
    assert path.stat().st_mode & 0o777 == 0o660
    second = processes.daemon(text.replace("esmed.db", "other.db"), name="second")
    second.spawn()
    assert await second.exited() == 1
    assert f"cannot listen on unix:{path}: Address already in use" in second.log
    first.kill()
    assert path.is_socket()
    await second.start()
    assert await second.stop() == 0
    assert not path.exists()


# --- requests ------------------------------------------------------------------------


@pytest.fixture
async def daemon(processes: Bench, smsc: Smsc) -> Daemon:
    made = processes.daemon(config(smsc))
    await made.start()
    return made


GOOD = {"to": "380501234510", "from": "Shop", "text": "hello"}


BAD = (
    (b'{"to": "380501234510", "text": "\xff"}', "", "not UTF-8 at octet 32"),
    (b'{"to": "380501234510", "text": "\\ud800"}', "text", "surrogate"),
    (b'{"to": "", "text": "x"}', "to", "must not be empty"),
    (b'{"to": [], "text": "x"}', "to", "at least one number"),
    (b'{"text": "x"}', "to", "is needed"),
    (b'{"to": "380501234510"}', "text", ""),
    (b'{"to": "380501234510", "text": "x", "txt": 1}', "txt", ""),
    (b'{"to": "bob", "text": "x"}', "to", "digits"),
    (b"", "", "JSON"),
    (b"{", "", "JSON"),
    (b"[" * 100_000, "", "more objects and lists"),
)
"""Bodies, the field that is at fault, and what is said of it."""


async def test_requests(daemon: Daemon):
    await bad_bodies(daemon)
    await wrong_doors(daemon)
    await body_without_end(daemon)
    await noise(daemon)
    assert await daemon.stop() == 0


async def bad_bodies(daemon: Daemon) -> None:
    headers = {"Content-Type": "application/json"}
    for body, field, complaint in BAD:
        status, problem = await post(daemon, "/v1/messages", body, headers)
        assert status == 400, (body[:80], problem)
        told = {error["field"]: error["message"] for error in problem["errors"]}
        assert complaint in told[field], (body[:80], problem)
    large = io.BytesIO(b'"' + b"x" * (10 << 20) + b'"')
    status, problem = await post(daemon, "/v1/messages", large, headers)
    assert status == 413
    assert "larger than 8388608" in problem["detail"]
    assert await daemon.messages() == []
    await daemon.reaches(await daemon.submit(), "delivered")


async def post(
    daemon: Daemon, path: str, body: Any, headers: dict[str, str]
) -> tuple[int, Any]:
    async with daemon.session.post(
        f"{daemon.url}{path}", data=body, headers=headers
    ) as answer:
        assert answer.content_type == "application/problem+json", await answer.text()
        return answer.status, await answer.json()


async def wrong_doors(daemon: Daemon) -> None:
    async def asked(body: str = json.dumps(GOOD), **headers: str) -> tuple[int, Any]:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {"Content-Type": "application/json", **given}
        return await post(daemon, "/v1/messages", body, given)

    status, problem = await asked(Host="evil.example")
    assert (status, problem["detail"]) == (421, "Host is not a name of this listener")
    status, _ = await asked(Origin="http://evil.example")
    assert status == 403
    status, problem = await asked(Content_Type="text/plain")
    assert status == 415
    assert "application/json" in problem["detail"]
    status, problem = await asked(body=json.dumps({**GOOD, "connector": "none"}))
    assert (status, problem["errors"][0]["field"]) == (400, "connector")
    assert len(await daemon.messages()) == 1


async def body_without_end(daemon: Daemon) -> None:
    async def endless() -> Any:
        for _ in range(10 * 16):
            yield b"x" * 65536

    headers = {"Content-Type": "application/json"}
    # Whoever is still writing may find the door closed instead of reading why.
    with contextlib.suppress(OSError):
        status, _ = await post(daemon, "/v1/messages", endless(), headers)
        assert status == 413
    await daemon.reaches(await daemon.submit(), "delivered")
    assert daemon.resident_mib < 200


async def test_tokens(processes: Bench, smsc: Smsc):
    clients = (
        "clients: [{name: shop, token: shop-token-1, senders: [Shop]},"
        " {name: other, token: other-token-1},"
        " {name: ops, token: ops-token-1, admin: true}]"
    )
    daemon = processes.daemon(config(smsc, http=clients))
    await daemon.start()

    async def asked(
        method: str, path: str, token: str | None, body: Any = None
    ) -> tuple[int, Any]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await daemon.ask(method, path, body, headers=headers)

    for token in (None, "", "shop-token-2", "shop-token-1x"):
        status, problem = await asked("POST", "/v1/messages", token, GOOD)
        assert status == 401
        assert "token" in problem["detail"]
    assert (await asked("GET", "/healthz", None))[0] == 200
    status, mine = await asked("POST", "/v1/messages", "shop-token-1", GOOD)
    assert status == 202
    status, problem = await asked(
        "POST", "/v1/messages", "shop-token-1", {**GOOD, "from": "Bank"}
    )
    assert (status, problem["errors"][0]["field"]) == (403, "from")
    assert (await asked("GET", f"/v1/messages/{mine['id']}", "other-token-1"))[0] == 404
    assert (await asked("GET", f"/v1/messages/{mine['id']}", "ops-token-1"))[0] == 200
    path = "/v1/connectors/carrier/pause"
    assert (await asked("POST", path, "shop-token-1"))[0] == 403
    assert (await asked("POST", path, "ops-token-1"))[0] == 200
    assert await daemon.stop() == 0
    for token in ("shop-token-1", "other-token-1", "ops-token-1", "hush"):
        assert token not in daemon.log


async def noise(daemon: Daemon) -> None:
    """Somebody who does not speak HTTP, or speaks it slowly, harms nobody."""
    host, port = daemon.url.removeprefix("http://").split(":")
    writers = []
    for octets in (b"\x16\x03\x01" * 100, b"GET /", b"POST /v1/messages HTTP/1.1\r\n"):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(octets)
        writers.append(writer)
    await daemon.reaches(await daemon.submit(), "delivered")
    for writer in writers:
        writer.close()
