"""The commands that ask a daemon, against one that gives the answers of a test."""

import argparse
import io
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from esmed import client, remote

ID = "019b76da-a800-7611-85c8-d030c06773d3"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def message(state: str = "queued", **fields: object) -> dict[str, Any]:
    final = state in {"delivered", "sent", "rejected", "cancelled"}
    return {
        "id": ID,
        "to": "380501234567",
        "state": state,
        "final": final,
        "error": None,
        **fields,
    }


CONNECTOR = {
    "name": "carrier",
    "kind": "smpp",
    "state": "up",
    "reason": "",
    "window_used": 3,
    "window_size": 10,
    "rate": 20.0,
    "rate_ceiling": None,
    "queued": 2,
    "oldest_queued_seconds": 7.4,
    "hosts": [
        {
            "address": "smsc.example.net:2775",
            "role": "primary",
            "state": "bound",
            "reason": "",
            "since": "2026-01-01T00:00:00.000Z",
        }
    ],
}
OPERATIONS = "/v1/connectors/carrier/operations"
LIST = {"type": "array", "items": {"type": "string"}}
TRACE = {
    "name": "trace_pdus",
    "summary": "Log every PDU for a while",
    "arguments": {
        "properties": {
            "seconds": {"type": "integer", "description": "for how long"},
            "texts": {"type": "boolean", "default": False},
            "host": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "form": {"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}], "default": "a"},
            "ids": {"anyOf": [LIST, {"type": "null"}], "default": None},
            "kinds": {"type": "array", "items": {"enum": ["x", "y"]}, "default": []},
        },
        "required": ["seconds"],
    },
}
IDLE = {**CONNECTOR, "name": "b", "rate": None, "oldest_queued_seconds": None}


@dataclass
class Script:
    """A daemon with a script: (status, body) by method and path; the last repeats."""

    answers: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    url: str = ""
    unix: str = ""

    def on(self, what: str, *answers: tuple[int, Any]) -> None:
        self.answers[what] = list(answers)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        what = f"{request.method} {request.raw_path}"
        self.asked.append((what, json.loads(body) if body else None))
        self.tokens.add(request.headers.get("Authorization"))
        queue = self.answers[what]
        status, answer = queue.pop(0) if len(queue) > 1 else queue[0]
        raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return web.Response(status=status, body=raw)


@pytest.fixture
async def daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Script]:
    script = Script()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", script.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    script.unix = f"unix:{tmp_path / 'http.sock'}"
    await web.UnixSite(runner, script.unix.removeprefix("unix:")).start()
    script.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    monkeypatch.setenv("ESMED_URL", script.url)
    monkeypatch.delenv("ESMED_TOKEN", raising=False)
    monkeypatch.setattr(client, "_POLL", (0.0, 0.0))
    yield script
    await runner.cleanup()


async def run(name: str, **args: Any) -> int:
    return await client.run(name, argparse.Namespace(**{"url": None, **args}))


def sending(**args: Any) -> dict[str, Any]:
    return {
        "to": ["380501234567"],
        "csv": None,
        "from_": None,
        "connector": None,
        "priority": None,
        "reference": None,
        "wait": False,
        "text": "hi",
        **args,
    }


class TestSend:
    async def test_one(
        self, daemon: Script, capsys: pytest.CaptureFixture[str]
    ) -> None:
        daemon.on("POST /v1/messages", (202, message()))
        assert await run("send", **sending()) == 0
        assert capsys.readouterr().out == f"{ID}  380501234567  queued\n"
        body = {"to": "380501234567", "text": "hi"}
        assert daemon.asked == [("POST /v1/messages", body)]

    async def test_everything(self, daemon: Script) -> None:
        daemon.on("POST /v1/messages", (202, {"messages": [message(), message()]}))
        args = sending(to=["1", "2"], from_="Shop", connector="c", reference="r")
        assert await run("send", **args) == 0
        assert daemon.asked[0][1] == {
            "to": ["1", "2"],
            "from": "Shop",
            "connector": "c",
            "reference": "r",
            "text": "hi",
        }

    async def test_what_stdin_holds(
        self, daemon: Script, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        daemon.on("POST /v1/messages", (202, message()))
        stdin = io.TextIOWrapper(io.BytesIO("два\nрядки\n".encode()))
        monkeypatch.setattr("sys.stdin", stdin)
        assert await run("send", **sending(text="-")) == 0
        assert daemon.asked[0][1]["text"] == "два\nрядки"

    async def test_text_that_is_none(
        self,
        daemon: Script,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff")))
        assert await run("send", **sending(text="-")) == 2
        assert await run("send", **sending(text="\udcff")) == 2
        assert capsys.readouterr().err == (
            "text: what stdin holds is not UTF-8\ntext: not UTF-8\n"
        )
        assert daemon.asked == []

    async def test_wait(
        self, daemon: Script, capsys: pytest.CaptureFixture[str]
    ) -> None:
        daemon.on("POST /v1/messages", (202, message()))
        shown = [message(), message("submitted"), message("delivered")]
        daemon.on(f"GET /v1/messages/{ID}", *((200, one) for one in shown))
        assert await run("send", **sending(wait=True)) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[2] for line in lines] == [
            *("queued", "submitted", "delivered")
        ]

    async def test_waiting_for_a_bad_end(
        self, daemon: Script, capsys: pytest.CaptureFixture[str]
    ) -> None:
        daemon.on("POST /v1/messages", (202, message()))
        error = {"class": "message", "code": 11, "detail": "ESME_RINVDSTADR"}
        plain = {"class": "message", "code": None, "detail": "no"}
        daemon.on(
            f"GET /v1/messages/{ID}",
            (200, message("submitting", error=plain)),
            (200, message("rejected", error=error)),
        )
        assert await run("send", **sending(wait=True)) == 1
        out = capsys.readouterr().out
        assert "submitting  (message: no)" in out
        assert "rejected  (message 11: ESME_RINVDSTADR)" in out

    async def test_fields_at_fault(
        self, daemon: Script, capsys: pytest.CaptureFixture[str]
    ) -> None:
        errors = [
            {"field": "to", "message": "expected digits only"},
            {"field": "", "message": "and more"},
        ]
        problem = {"title": "Bad Request", "status": 400, "detail": "x"}
        daemon.on("POST /v1/messages", (400, {**problem, "errors": errors}))
        assert await run("send", **sending()) == 1
        assert capsys.readouterr().err == "to: expected digits only\nand more\n"


class TestStatus:
    async def test_ready(
        self, daemon: Script, capsys: pytest.CaptureFixture[str]
    ) -> None:
        daemon.on("GET /readyz", (200, {"status": "ready"}))
        daemon.on("GET /v1/connectors", (200, {"connectors": [CONNECTOR, IDLE]}))
        assert await run("status") == 0
        assert capsys.readouterr().out == (
            "ready\n"
            "\n"
            "CONNECTOR  KIND  STATE  WINDOW  RATE  QUEUED  OLDEST  WHY\n"
            "carrier    smpp  up     3/10    20/s  2       7 s\n"
            "b          smpp  up     3/10    -     2       -\n"
            "\n"
            "CONNECTOR  HOST                   ROLE     STATE  WHY\n"
            "carrier    smsc.example.net:2775  primary  bound\n"
            "b          smsc.example.net:2775  primary  bound\n"
        )

    async def test_not_ready(
        self, daemon: Script, capsys: pytest.CaptureFixture[str]
    ) -> None:
        daemon.on("GET /readyz", (503, {"detail": "no connector can take messages"}))
        daemon.on("GET /v1/connectors", (200, {"connectors": []}))
        assert await run("status") == 0
        out = capsys.readouterr().out
        assert out.startswith("not ready: no connector can take messages\n")
        assert "HOST" not in out

    async def test_not_allowed(
        self, daemon: Script, capsys: pytest.CaptureFixture[str]
    ) -> None:
        daemon.on("GET /readyz", (421, {"detail": "Host is no name of this listener"}))
        assert await run("status") == 1
        assert capsys.readouterr().err == "Host is no name of this listener\n"


class TestOthers:
    async def test_trace(
        self, daemon: Script, capsys: pytest.CaptureFixture[str]
    ) -> None:
        at = "2026-01-01T00:00:00.000Z"
        timeline = [
            {"at": at, "event": "accepted"},
            {"at": at, "event": "routed", "via": ["a", "b"], "reason": "route 1: any"},
        ]
        trace = {"id": ID, "state": "queued", "timeline": timeline}
        daemon.on(f"GET /v1/messages/{ID}/trace", (200, trace))
        assert await run("trace", id=ID) == 0
        assert capsys.readouterr().out == (
            f"{ID}  queued\n"
            f"{at}  accepted\n"
            f'{at}  routed    via=a,b  reason="route 1: any"\n'
        )

    async def test_what_is_no_id_stays_in_its_place(self, daemon: Script) -> None:
        daemon.on("GET /v1/messages/..%2Fx%3F/trace", (404, {"detail": "no"}))
        assert await run("trace", id="../x?") == 1

    @pytest.mark.parametrize(
        ("found", "shown"),
        [
            (
                {"encoding": "gsm7", "parts": 2, "units": 161, "units_per_part": 153},
                "gsm7: 2 parts, 161 units, 153 fit a part\n",
            ),
            (
                {
                    "encoding": "ucs2",
                    "parts": 1,
                    "units": 2,
                    "units_per_part": 70,
                    "forcing_characters": ["я", "і"],
                },
                "ucs2: 1 part, 2 units, 70 fit a part\nbecause of я і\n",
            ),
        ],
    )
    async def test_estimate(
        self,
        daemon: Script,
        capsys: pytest.CaptureFixture[str],
        found: dict[str, Any],
        shown: str,
    ) -> None:
        daemon.on("POST /v1/estimate", (200, {"forcing_characters": [], **found}))
        args = {"to": "380", "from_": "Shop", "connector": "c", "text": "hi"}
        assert await run("estimate", **args) == 0
        assert capsys.readouterr().out == shown
        assert daemon.asked[0][1] == {
            "to": "380",
            "from": "Shop",
            "connector": "c",
            "text": "hi",
        }

    async def test_cancel(
        self, daemon: Script, capsys: pytest.CaptureFixture[str]
    ) -> None:
        daemon.on(f"DELETE /v1/messages/{ID}", (200, message("cancelled")))
        assert await run("cancel", id=ID) == 0
        assert capsys.readouterr().out == f"{ID}  cancelled\n"

    @pytest.mark.parametrize("order", ["pause", "resume"])
    async def test_orders(
        self, daemon: Script, capsys: pytest.CaptureFixture[str], order: str
    ) -> None:
        daemon.on(f"POST /v1/connectors/carrier/{order}", (200, CONNECTOR))
        assert await run(order, connector="carrier") == 0
        assert capsys.readouterr().out == "carrier  up\n"

    async def test_operations_are_shown(
        self, daemon: Script, capsys: pytest.CaptureFixture[str]
    ) -> None:
        daemon.on(f"GET {OPERATIONS}", (200, {"operations": [TRACE]}))
        assert await run("operation", connector="carrier", operation=None) == 0
        assert capsys.readouterr().out.splitlines() == [
            "trace_pdus: Log every PDU for a while",
            "  seconds: integer; needed; for how long",
            '  texts: boolean; default false',
            '  host: string or null; default null',
            '  form: a or b or null; default "a"',
            '  ids: array or null; default null',
            '  kinds: array of x, y; default []',
        ]  # fmt: skip

    async def test_a_connector_without_operations(
        self, daemon: Script, capsys: pytest.CaptureFixture[str]
    ) -> None:
        daemon.on(f"GET {OPERATIONS}", (200, {"operations": []}))
        assert await run("operation", connector="carrier", operation=None) == 0
        assert capsys.readouterr().out == "carrier has no operations\n"

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("123", ["123"]),
            ("123, a", ["123", "a"]),
            ('["123"]', ["123"]),
            ("null", None),
        ],
    )
    async def test_an_array_is_json_or_has_commas(
        self, daemon: Script, text: str, value: object
    ) -> None:
        daemon.on(f"GET {OPERATIONS}", (200, {"operations": [TRACE]}))
        daemon.on(f"POST {OPERATIONS}/trace_pdus", (200, {}))
        wanted = {"connector": "carrier", "operation": "trace_pdus"}
        assert await run("operation", **wanted, arguments=[f"ids={text}"]) == 0
        assert daemon.asked[-1][1] == {"ids": value}

    async def test_an_operation(
        self, daemon: Script, capsys: pytest.CaptureFixture[str]
    ) -> None:
        daemon.on(f"GET {OPERATIONS}", (200, {"operations": [TRACE]}))
        daemon.on(f"POST {OPERATIONS}/trace_pdus", (200, {"hosts": ["a:1"]}))
        pairs = ["seconds=5", "texts=true", "host=12345", "else=x", "more=[1]"]
        wanted = {"connector": "carrier", "operation": "trace_pdus"}
        assert await run("operation", **wanted, arguments=pairs) == 0
        assert daemon.asked[-1][1] == {
            "seconds": 5,
            "texts": True,
            "host": "12345",
            "else": "x",
            "more": [1],
        }
        assert json.loads(capsys.readouterr().out) == {"hosts": ["a:1"]}

    async def test_operations_that_are_not_there(
        self, daemon: Script, capsys: pytest.CaptureFixture[str]
    ) -> None:
        daemon.on(f"GET {OPERATIONS}", (200, {"operations": []}))
        problem = {"title": "Not Found", "status": 404, "detail": "none such"}
        daemon.on(f"POST {OPERATIONS}/balance", (404, problem))
        wanted = {"connector": "carrier", "operation": "balance"}
        assert await run("operation", **wanted, arguments=[]) == 1
        assert await run("operation", **wanted, arguments=["x"]) == 2
        assert capsys.readouterr().err == "none such\nx: expected KEY=VALUE\n"

    async def test_replay(
        self, daemon: Script, capsys: pytest.CaptureFixture[str]
    ) -> None:
        daemon.on("POST /v1/replay", (200, {"replayed": 3}))
        since = "2026-01-31T09:00:00+02:00"
        assert await run("replay", since=since, dead=True) == 0
        assert capsys.readouterr().out == "3 events are sent again\n"
        assert daemon.asked[0][1] == {
            "since": "2026-01-31T07:00:00+00:00",
            "dead": True,
        }

    async def test_replay_since_nonsense(
        self, daemon: Script, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert await run("replay", since="yesterday", dead=False) == 2
        assert capsys.readouterr().err.startswith("--since: expected")
        assert daemon.asked == []


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("30m", datetime(2026, 1, 31, 11, 30, tzinfo=UTC)),
        ("90s", datetime(2026, 1, 31, 11, 58, 30, tzinfo=UTC)),
        ("24h", datetime(2026, 1, 30, 12, tzinfo=UTC)),
        ("7d", datetime(2026, 1, 24, 12, tzinfo=UTC)),
        ("2026-01-31T10:00:00Z", datetime(2026, 1, 31, 10, tzinfo=UTC)),
    ],
)
def test_since(text: str, since: datetime) -> None:
    assert client._since(text, NOW) == since


def test_a_time_without_offset_is_the_local_one() -> None:
    local = datetime(2026, 1, 31).astimezone()
    assert client._since("2026-01-31", NOW) == local


class TestFinding:
    async def test_the_token(
        self, daemon: Script, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        daemon.on(f"DELETE /v1/messages/{ID}", (200, message("cancelled")))
        await run("cancel", id=ID)
        monkeypatch.setenv("ESMED_TOKEN", "t1")
        await run("cancel", id=ID)
        assert daemon.tokens == {None, "Bearer t1"}

    async def test_a_unix_socket(
        self, daemon: Script, capsys: pytest.CaptureFixture[str]
    ) -> None:
        daemon.on(f"DELETE /v1/messages/{ID}", (200, message("cancelled")))
        assert await run("cancel", id=ID, url=daemon.unix) == 0

    async def test_nobody_there(
        self,
        daemon: Script,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            url = f"http://127.0.0.1:{free.getsockname()[1]}/"
        assert await run("cancel", id=ID, url=url) == 1
        err = capsys.readouterr().err
        assert f"cannot reach the daemon at {url[:-1]}: connection refused\n" in err
        assert "esmed run" in err
        assert await run("cancel", id=ID, url=f"unix:{tmp_path}/none") == 1
        assert "no such file or directory" in capsys.readouterr().err

    @pytest.mark.parametrize("url", ["nonsense", "http://", "http://[::1", "ftp://x"])
    async def test_no_url(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert await run("cancel", id=ID, url=url) == 2
        assert (
            capsys.readouterr().err
            == f"{url.rstrip('/')} is not an http URL or unix:PATH\n"
        )

    @pytest.mark.parametrize(
        ("status", "body", "complaint"),
        [
            (200, b"<html>", "is not esmed: no JSON"),
            (502, b"<html>", "the daemon answered with status 502"),
            (401, {"detail": "a valid token is needed"}, "a valid token is needed"),
        ],
    )
    async def test_other_answers(
        self,
        daemon: Script,
        capsys: pytest.CaptureFixture[str],
        status: int,
        body: Any,
        complaint: str,
    ) -> None:
        daemon.on(f"DELETE /v1/messages/{ID}", (status, body))
        assert await run("cancel", id=ID) == 1
        assert complaint in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("exc", "reason"),
        [
            (TimeoutError(), "no answer in time"),
            (ValueError("odd"), "odd"),
            (ValueError(), "ValueError"),
        ],
    )
    def test_reasons(self, exc: Exception, reason: str) -> None:
        assert remote._reason(exc) == reason
