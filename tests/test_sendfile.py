"""``esmed send --csv`` against a daemon that gives the answers of a test."""

import argparse
import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from esmed import client, sendfile

Screen = pytest.CaptureFixture[str]


class Daemon:
    """Takes batches as the real one does; ``before`` may answer something else."""

    def __init__(self) -> None:
        self.batches: list[Any] = []
        self.keys: list[str] = []
        self.answers: dict[str, Any] = {}
        """By key: the first answer, again and again."""
        self.before: list[Callable[[], web.Response | None]] = []
        self.ends: dict[str, str] = {}
        self.taken = 0

    async def batch(self, request: web.Request) -> web.Response:
        body = await request.json()
        key = request.headers["Idempotency-Key"]
        self.batches.append(body)
        self.keys.append(key)
        if self.before and (answer := self.before.pop(0)()) is not None:
            return answer
        if key not in self.answers:
            self.answers[key] = self.take(body)
        return web.json_response(self.answers[key])

    def take(self, body: Any) -> Any:
        items: list[dict[str, Any]] = []
        for index, message in enumerate(body["messages"]):
            whole = {**body["defaults"], **message}
            if whole["to"].isdigit() and "text" in whole:
                self.taken += 1
                items.append({"id": f"{self.taken:036}"})
            else:
                field = f"messages[{index}].to"
                error = {"field": field, "message": "expected digits only"}
                items.append({"error": {"detail": "…", "errors": [error]}})
        accepted = sum("id" in item for item in items)
        return {
            "accepted": accepted,
            "refused": len(items) - accepted,
            "messages": items,
        }

    async def message(self, request: web.Request) -> web.Response:
        id_ = request.match_info["id"]
        state = self.ends.get(id_, "delivered")
        self.ends.pop(id_, None)
        return web.json_response({"state": state, "final": state != "queued"})


@pytest.fixture
async def daemon(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Daemon]:
    made = Daemon()
    app = web.Application()
    app.router.add_post("/v1/messages/batch", made.batch)
    app.router.add_get("/v1/messages/{id}", made.message)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setenv("ESMED_URL", f"http://127.0.0.1:{runner.addresses[0][1]}")
    monkeypatch.delenv("ESMED_TOKEN", raising=False)
    monkeypatch.setattr(sendfile, "_PAUSE", (0.0, 0.0))
    yield made
    await runner.cleanup()


async def send(file: str | Path, **args: Any) -> int:
    usual: dict[str, Any] = {
        "url": None,
        "csv": str(file),
        "to": None,
        "from_": None,
        "connector": None,
        "priority": None,
        "reference": None,
        "wait": False,
        "text": None,
        "rejects": None,
        "resume": None,
        "ignore_unknown": False,
        "batch": 1000,
    }
    return await client.run("send", argparse.Namespace(**{**usual, **args}))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "messages.csv"
    path.write_text("to,text\n381,one\n382,two\n383,three\n")
    return path


def busy(status: int = 503) -> web.Response:
    problem = {"detail": "too many messages wait"}
    return web.json_response(problem, status=status, headers={"Retry-After": "1"})


async def test_in_batches(daemon: Daemon, file: Path, capsys: Screen):
    assert await send(file, batch=2, from_="Shop", priority="bulk", text="hi") == 0
    assert [batch["messages"] for batch in daemon.batches] == [
        [{"to": "381", "text": "one"}, {"to": "382", "text": "two"}],
        [{"to": "383", "text": "three"}],
    ]
    assert daemon.batches[0]["defaults"] == {
        "from": "Shop",
        "priority": "bulk",
        "text": "hi",
    }
    shown = capsys.readouterr()
    assert shown.out == "3 accepted, 0 refused\n"
    assert "\r" not in shown.err  # no terminal, no progress


async def test_refusals_are_told_with_their_lines(
    daemon: Daemon, tmp_path: Path, capsys: Screen
):
    file = tmp_path / "f.csv"
    file.write_bytes(b'to;text\n381;"a\nb"\nx;c\n\n383;\xff\n384;d\n')
    assert await send(file) == 1
    shown = capsys.readouterr()
    assert "line 4: to: expected digits only\n" in shown.err
    assert "line 6: not UTF-8\n" in shown.err
    assert shown.out == "2 accepted, 2 refused\n"


async def test_refusals_go_to_a_file_that_can_be_mended(
    daemon: Daemon, tmp_path: Path, capsys: Screen
):
    file, rejects = tmp_path / "f.csv", tmp_path / "r.csv"
    file.write_text('to;text\nx;"a;\nb"\n381;c\n1;2;3\n')
    assert await send(file, rejects=rejects) == 1
    assert "expected digits" not in capsys.readouterr().err
    text = io.StringIO(rejects.read_text(), newline="")
    rows = list(csv.reader(text, delimiter=";"))
    assert rows == [
        ["to", "text", "_line", "_error"],
        ["1", "2", "5", "3 cells, but 2 columns"],
        ["x", "a;\nb", "2", "to: expected digits only"],
    ]
    mended = tmp_path / "m.csv"
    mended.write_text(rejects.read_text().replace("x;", "385;"))
    assert await send(mended) == 0


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_daemon_is_waited_for(daemon: Daemon, file: Path, status: int):
    daemon.before = [lambda: busy(status)] * 3
    assert await send(file) == 0
    assert daemon.taken == 3
    assert len(set(daemon.keys)) == 1


async def test_a_lost_answer_is_asked_for_again(daemon: Daemon, file: Path):
    def commit_and_fail() -> web.Response:
        daemon.answers[daemon.keys[-1]] = daemon.take(daemon.batches[-1])
        return web.Response(status=502)

    daemon.before = [lambda: None, commit_and_fail]
    assert await send(file, batch=1) == 0
    assert daemon.taken == 3


async def test_a_daemon_that_was_never_there(
    file: Path, capsys: Screen, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ESMED_URL", "http://127.0.0.1:9")
    assert await send(file) == 1
    assert "cannot reach the daemon" in capsys.readouterr().err


async def test_one_that_stays_away(
    daemon: Daemon, file: Path, capsys: Screen, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sendfile, "_PATIENCE", 0.0)
    daemon.before = [lambda: None, *[lambda: web.Response(status=500)] * 9]
    assert await send(file, batch=1) == 1
    shown = capsys.readouterr()
    assert "broke off after line 2; 1 accepted, 0 refused" in shown.err
    assert shown.out == ""


async def test_what_broke_off_is_resumed_and_nothing_sent_twice(
    daemon: Daemon, file: Path, capsys: Screen
):
    daemon.before = [lambda: None, lambda: web.Response(status=403)]
    assert await send(file, batch=1) == 1
    assert daemon.taken == 1
    key = capsys.readouterr().err.rpartition("--resume ")[2].strip()
    assert await send(file, batch=1, resume=key) == 0
    assert capsys.readouterr().out == "3 accepted, 0 refused\n"
    assert daemon.taken == 3
    # Another run is another matter: who sends a file again means it.
    assert await send(file, batch=1) == 0
    assert daemon.taken == 6


async def test_too_large_a_batch_is_cut(daemon: Daemon, file: Path):
    daemon.before = [lambda: web.Response(status=413)]
    assert await send(file) == 0
    assert [len(batch["messages"]) for batch in daemon.batches] == [3, 1, 2]


async def test_a_message_too_large_ends_it(daemon: Daemon, file: Path, capsys: Screen):
    daemon.before = [lambda: web.Response(status=413)] * 9
    assert await send(file) == 1
    assert "status 413" in capsys.readouterr().err


async def test_waiting_for_the_ends(daemon: Daemon, file: Path, capsys: Screen):
    daemon.ends = {f"{1:036}": "queued", f"{2:036}": "queued"}
    assert await send(file, wait=True) == 0
    assert capsys.readouterr().out == "3 accepted, 0 refused\n3 delivered\n"
    daemon.ends = {f"{5:036}": "rejected"}
    assert await send(file, wait=True) == 1
    assert capsys.readouterr().out.endswith("2 delivered\n1 rejected\n")


async def test_stdin(daemon: Daemon, monkeypatch: pytest.MonkeyPatch):
    stdin = io.TextIOWrapper(io.BytesIO(b"to,text\n381,hi\n"))
    monkeypatch.setattr("sys.stdin", stdin)
    assert await send("-") == 0
    assert daemon.taken == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "f.csv: there is no header\n"),
        ("to,name\n", "f.csv: line 1: no field is called name"),
        (None, "f.csv: no such file or directory\n"),
    ],
)
async def test_no_file_of_messages(
    daemon: Daemon, tmp_path: Path, capsys: Screen, content: str | None, complaint: str
):
    file = tmp_path / "f.csv"
    if content is not None:
        file.write_text(content)
    assert await send(file) == 1
    assert complaint in capsys.readouterr().err
    assert not daemon.batches


async def test_rejects_that_cannot_be_written(
    daemon: Daemon, file: Path, capsys: Screen
):
    assert await send(file, rejects=file / "x") == 1
    assert "not a directory" in capsys.readouterr().err


async def test_the_progress_on_a_terminal(
    daemon: Daemon, file: Path, monkeypatch: pytest.MonkeyPatch
):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    with file.open("a") as more:
        more.write("x,y\n")
    daemon.before = [busy]
    assert await send(file) == 1
    shown = terminal.getvalue()
    assert "waits: too many messages wait" in shown
    assert "\r\x1b[Kline 5: to: expected digits only\n" in shown
    assert shown.endswith("\x1b[K\n")
    assert "100%  3 accepted  1 refused" in shown.rpartition("\r")[2]


async def test_interrupted(daemon: Daemon, file: Path, capsys: Screen):
    asked = asyncio.Event()

    def hold() -> web.Response:
        asked.set()
        return busy()

    daemon.before = [lambda: None, *[hold] * 100_000]
    task = asyncio.create_task(send(file, batch=1))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "broke off after line 2" in capsys.readouterr().err


async def test_memory_holds_one_batch(daemon: Daemon, tmp_path: Path):
    """A row is read when its batch is next, not before."""
    file = tmp_path / "f.csv"
    file.write_text("to,text\n" + "".join(f"{n},x\n" for n in range(100, 5100)))
    seen = []
    original = daemon.take

    def take(body: Any) -> Any:
        seen.append(len(json.dumps(body)))
        return original(body)

    daemon.take = take  # type: ignore[method-assign]
    assert await send(file, batch=100) == 0
    assert daemon.taken == 5000
    assert len(seen) == 50
    assert max(seen) < 4000
