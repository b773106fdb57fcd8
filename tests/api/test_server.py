"""What concerns every request: names, tokens, problems, methods, counting."""

import asyncio
import json
import logging
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request
from fakes.httprig import OPS, SHOP, Builder, Rig, bearer

from esmed.api import server
from esmed.api.access import Tokens
from esmed.api.problems import ProblemError
from esmed.api.table import OPERATIONS
from esmed.config import Http
from esmed.errors import StoreUnavailableError
from esmed.fieldtypes import Endpoint, UnixSocket
from esmed.store.sqlite import SqliteStore

BODY = {"to": "380501234567", "text": "hi"}


async def raw(rig: Rig, request: bytes) -> tuple[int, bytes]:
    """Write octets as they are; the status and the head of the answer."""
    host, port = rig.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        async with asyncio.timeout(60):
            head = await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()
        await writer.wait_closed()
    return int(head.split()[1]), head


class TestNames:
    @pytest.mark.parametrize("path", ["/v1/messages", "/healthz", "/nothing"])
    async def test_another_host(self, rig: Rig, path: str) -> None:
        reply = await rig.get(path, headers={"Host": "evil.example"})
        assert reply.status == 421
        assert reply.json["status"] == 421
        assert reply.headers["Content-Type"] == "application/problem+json"

    async def test_own_names(self, rig: Rig) -> None:
        port = rig.url.rpartition(":")[2]
        for host in (f"localhost:{port}", f"{socket.gethostname()}:{port}"):
            assert (await rig.get("/healthz", headers={"Host": host})).status == 200

    async def test_no_host(self, rig: Rig) -> None:
        status, head = await raw(rig, b"GET /healthz HTTP/1.0\r\n\r\n")
        assert status == 400
        assert b"application/problem+json" in head

    @pytest.mark.parametrize("origin", ["http://evil.example", "null"])
    async def test_another_origin(self, rig: Rig, origin: str) -> None:
        reply = await rig.post("/v1/messages", BODY, headers={"Origin": origin})
        assert reply.status == 403
        assert rig.dispatch.offered == []

    async def test_own_origin_and_no_cors(self, rig: Rig) -> None:
        reply = await rig.get("/v1/messages", headers={"Origin": rig.url})
        assert reply.status == 200
        assert not [name for name in reply.headers if name.startswith("Access-Control")]

    async def test_a_preflight_has_no_promise(self, rig: Rig) -> None:
        headers = {"Origin": "http://evil.example"}
        reply = await rig.call("OPTIONS", "/v1/messages", headers=headers)
        assert reply.status == 403

    async def test_a_unix_socket(self, rig: Rig) -> None:
        async with aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(rig.unix)
        ) as session:
            async with session.get("http://localhost/v1/messages") as response:
                assert response.status == 200
            async with session.get("http://evil.example/healthz") as response:
                assert response.status == 421

    def test_names_of_the_configuration(self) -> None:
        http = Http(listen=(Endpoint("Sms.example.org", 1), UnixSocket("/x")))  # type: ignore[arg-type]
        assert "Sms.example.org" in list(server._own_names(http))


class TestTokens:
    async def test_everyone_needs_one_once_there_are_clients(
        self, build: Builder
    ) -> None:
        rig = await build(SHOP, OPS)
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            for path in ("/v1/messages", "/metrics", "/openapi.json", "/nothing"):
                reply = await rig.get(path, headers=headers)
                assert reply.status == 401
                assert reply.headers["WWW-Authenticate"] == "Bearer"
                assert "wrong" not in reply.body.decode()

    @pytest.mark.parametrize("path", ["/healthz", "/readyz"])
    async def test_health_needs_none(self, build: Builder, path: str) -> None:
        rig = await build(SHOP)
        assert (await rig.get(path)).status == 200

    async def test_a_client(self, build: Builder) -> None:
        rig = await build(SHOP, OPS)
        rig.headers = bearer(SHOP)
        message = await rig.submit()
        assert message["client"] == "shop"
        assert (await rig.get("/metrics")).status == 200
        assert (await rig.get("/openapi.json")).status == 200

    async def test_what_is_for_administrators(self, build: Builder) -> None:
        rig = await build(SHOP, OPS)
        for operation in OPERATIONS:
            if operation.access == "admin":
                path = operation.path.format(name="carrier", operation="x")
                reply = await rig.call(operation.method, path, headers=bearer(SHOP))
                assert reply.status == 403, path
        assert rig.carrier.calls == []
        assert (await rig.get("/v1/connectors", headers=bearer(OPS))).status == 200

    async def test_without_clients_only_this_machine(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "is_local", lambda _: False)
        assert (await rig.get("/v1/messages")).status == 401
        assert (await rig.get("/healthz")).status == 200


class TestMethodsAndPaths:
    async def test_nothing_there(self, rig: Rig) -> None:
        for path in ("/", "/v1", "/v1/messages/", "/v1/messages/a/b", "/docs"):
            reply = await rig.get(path)
            assert reply.status == 404, path
            assert reply.json["title"] == "Not Found"

    async def test_another_method(self, rig: Rig) -> None:
        reply = await rig.call("PUT", "/v1/messages")
        assert reply.status == 405
        assert reply.headers["Allow"] == "POST, GET, HEAD, OPTIONS"
        assert reply.json["status"] == 405
        assert (await rig.get("/v1/messages/batch")).status == 405

    async def test_options(self, rig: Rig) -> None:
        reply = await rig.call("OPTIONS", "/v1/messages/batch")
        assert reply.status == 204
        assert reply.headers["Allow"] == "POST, OPTIONS"
        assert reply.headers["Server"] == "esmed"

    async def test_head(self, rig: Rig) -> None:
        reply = await rig.call("HEAD", "/v1/messages")
        assert reply.status == 200
        assert reply.body == b""
        assert int(reply.headers["Content-Length"]) > 0


class TestBodies:
    @pytest.mark.parametrize(
        "kind",
        [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=latin-1",
            "application/json; charset=nonsense",
            "multipart/form-data; boundary=x",
            "application/problem+json",
        ],
    )
    async def test_the_type_must_be_json(self, rig: Rig, kind: str) -> None:
        headers = {"Content-Type": kind}
        data = json.dumps(BODY)
        reply = await rig.post("/v1/messages", data=data, headers=headers)
        assert reply.status == 415

    async def test_no_type(self, rig: Rig) -> None:
        data = json.dumps(BODY).encode()
        async with rig.session.post(
            f"{rig.url}/v1/messages", data=data, skip_auto_headers=["Content-Type"]
        ) as response:
            assert response.status == 415

    @pytest.mark.parametrize(
        "kind", ["application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
    )
    async def test_types_that_are_json(self, rig: Rig, kind: str) -> None:
        headers = {"Content-Type": kind}
        data = json.dumps(BODY)
        reply = await rig.post("/v1/messages", data=data, headers=headers)
        assert reply.status == 202

    async def test_compressed(self, rig: Rig) -> None:
        headers = {"Content-Encoding": "gzip"}
        reply = await rig.post("/v1/messages", data=b"junk", headers=headers)
        assert reply.status == 415

    async def test_no_body(self, rig: Rig) -> None:
        reply = await rig.post("/v1/messages")
        assert reply.status == 400
        assert reply.json["detail"] == "a JSON body is needed"

    @pytest.mark.parametrize("size", [1001, 20_000, 10 * 2**20])
    async def test_too_large(self, build: Builder, size: int) -> None:
        rig = await build(max_body=1000)
        reply = await rig.post("/v1/messages", data=b" " * size)
        assert reply.status == 413
        assert reply.json["detail"] == "the body is larger than 1000 octets"

    @pytest.mark.parametrize("size", [1001, 200_000])
    async def test_too_large_without_a_length(self, build: Builder, size: int) -> None:
        rig = await build(max_body=1000)

        async def chunks() -> Any:
            for _ in range(0, size, 7):
                yield b"       "

        headers = {"Content-Type": "application/json"}
        reply = await rig.post("/v1/messages", data=chunks(), headers=headers)
        assert reply.status == 413

    async def test_a_large_one_that_fits(self, rig: Rig) -> None:
        data = json.dumps(BODY).encode() + b" " * 1_000_000
        assert (await rig.post("/v1/messages", data=data)).status == 202

    async def test_a_slow_one(self, rig: Rig) -> None:
        async def chunks() -> Any:
            for octet in json.dumps(BODY).encode():
                await asyncio.sleep(0)
                yield bytes([octet])

        headers = {"Content-Type": "application/json"}
        reply = await rig.post("/v1/messages", data=chunks(), headers=headers)
        assert reply.status == 202

    async def test_broken_chunks(self, rig: Rig) -> None:
        host = rig.url.removeprefix("http://")
        head = (
            f"POST /v1/messages HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        status, _ = await raw(rig, head.encode() + b"zz\r\n")
        assert status == 400

    async def test_a_client_that_goes_away_is_no_fault(
        self, rig: Rig, caplog: pytest.LogCaptureFixture
    ) -> None:
        host, port = rig.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"POST /v1/messages HTTP/1.1\r\nHost: {host}:{port}\r\n"
            "Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{".encode()
        )
        await writer.drain()
        assert (await rig.get("/healthz")).status == 200
        writer.close()
        await writer.wait_closed()
        assert (await rig.get("/healthz")).status == 200
        assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []

    async def test_gone_before_it_was_served(self, rig: Rig) -> None:
        door = server._Door(Http(), Tokens([]))
        request = make_mocked_request("GET", "/healthz")
        request._protocol.transport = None
        with pytest.raises(ProblemError, match="has gone"):
            door.admit(request, "anyone")


class TestFaults:
    async def test_a_store_that_cannot_commit(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def intake(*_: object) -> None:
            raise StoreUnavailableError("disk I/O error on /secret/path")

        monkeypatch.setattr(SqliteStore, "intake", intake)
        reply = await rig.post("/v1/messages", BODY)
        assert reply.status == 503
        assert int(reply.headers["Retry-After"]) > 0
        assert b"secret" not in reply.body
        assert rig.dispatch.offered == []

    async def test_a_bug_is_logged_and_not_told(
        self,
        rig: Rig,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def broken(*_: object) -> None:
            raise RuntimeError("secret thought")

        monkeypatch.setattr(type(rig.carrier), "plan", broken)
        reply = await rig.post("/v1/messages", BODY)
        assert reply.status == 500
        assert b"secret" not in reply.body
        assert reply.headers["Content-Type"] == "application/problem+json"
        assert "api.failed" in caplog.text
        assert (await rig.get("/healthz")).status == 200

    def test_every_operation_has_a_handler(self) -> None:
        with pytest.raises(LookupError):
            server._handler((object(),), "nothing")


async def test_requests_are_counted(rig: Rig) -> None:
    await rig.submit()
    await rig.post("/v1/messages", {})
    await rig.get("/v1/messages/019b76da-a800-7611-85c8-d030c06773d3")
    await rig.get("/somewhere/380501234567")
    await rig.call("PROPFIND", "/v1/messages")
    page = (await rig.get("/metrics")).body.decode()
    for labels in (
        'code="202",method="POST",route="/v1/messages"',
        'code="400",method="POST",route="/v1/messages"',
        'code="404",method="GET",route="/v1/messages/{id}"',
        'code="404",method="GET",route="other"',
        'code="405",method="other",route="/v1/messages"',
    ):
        assert f"esmed_http_requests_total{{{labels}}} 1.0" in page, labels
    assert "380501234567" not in page
