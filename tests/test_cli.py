"""What the arguments mean; the commands themselves are tested where they are."""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from esmed import __version__, cli, client
from esmed.config import Config
from esmed.errors import TransportError

GOOD = """
connectors:
  carrier:
    kind: smpp
    hosts: [{address: "127.0.0.1:2775"}]
    system_id: me
    password: hush
routes: [{via: [carrier]}]
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    path = tmp_path / "config.yaml"
    path.write_text(GOOD)
    return path


def exit_code(*argv: str) -> int:
    with pytest.raises(SystemExit) as info:
        cli.main(argv)
    code = info.value.code
    assert isinstance(code, int)
    return code


class TestUse:
    def test_version(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert exit_code("--version") == 0
        assert capsys.readouterr().out == f"esmed {__version__}\n"

    @pytest.mark.parametrize(
        "argv",
        [
            (),
            ("nonsense",),
            ("run", "--colour"),
            ("run", "--log-format", "xml"),
            ("send", "hi"),
            ("send", "--to", "1"),
            ("send", "--to", "1", "--csv", "f", "hi"),
            ("send", "--to", "1", "--resume", "k", "hi"),
            ("send", "--to", "1", "--rejects", "f", "hi"),
            ("send", "--csv", "-", "-"),
            ("send", "--csv", "f", "--batch", "0"),
            ("send", "--csv", "f", "--resume", "ключ"),
            ("trace",),
            ("replay",),
            ("simulate",),
            ("simulate", "hlr"),
            ("simulate", "smsc", "--port", "x"),
            ("demo", "--messages", "0"),
            ("demo", "--messages", "x"),
        ],
    )
    def test_wrong_use(
        self, argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert exit_code(*argv) == 2
        assert "usage: esmed" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "command",
        [
            *("run", "check-config", "demo", "simulate", "send", "status", "trace"),
            *("estimate", "cancel", "pause", "resume", "operation", "replay"),
        ],
    )
    def test_help(self, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert exit_code(command, "--help") == 0
        assert f"usage: esmed {command}" in capsys.readouterr().out

    def test_the_program_itself(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "esmed", "--version"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == f"esmed {__version__}\n"

    def test_the_version_costs_no_import_of_the_daemon(self) -> None:
        code = (
            "import sys\nfrom esmed import cli\n"
            "try: cli.main(['--version'])\nexcept SystemExit: pass\n"
            "sys.exit(bool({'aiohttp', 'msgspec', 'yaml', 'smpp'} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", code], check=False)
        assert done.returncode == 0


class TestCheckConfig:
    def test_good(self, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["check-config", "-c", str(config)]) == 0
        assert capsys.readouterr().out == f"{config}: ok\n"

    def test_print(self, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["check-config", "--config", str(config), "--print"]) == 0
        out = capsys.readouterr().out
        assert "carrier:" in out
        assert "hush" not in out

    def test_every_fault_with_its_path(
        self, config: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        config.write_text(GOOD.replace("kind: smpp", "kind: smpp\n    windows: 1"))
        assert cli.main(["check-config", "-c", str(config)]) == 2
        assert capsys.readouterr().err.startswith("connectors.carrier.windows: ")
        config.write_text("stores: 1\nhttp: {listen: x}")
        assert cli.main(["check-config", "-c", str(config)]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert {line.split(":")[0] for line in lines} >= {"stores", "http.listen"}

    def test_advice(self, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        config.write_text(GOOD.replace("routes: [{via: [carrier]}]", ""))
        assert cli.main(["check-config", "-c", str(config)]) == 0
        assert capsys.readouterr().err.startswith("warning: routes: ")

    def test_certificates_are_tried(
        self, config: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        own = config.parent / "own.pem"
        own.write_text("no PEM")
        secured = f'"127.0.0.1:2775", tls: {{certificate: {own}}}'
        config.write_text(GOOD.replace('"127.0.0.1:2775"', secured))
        assert cli.main(["check-config", "-c", str(config)]) == 2
        found = capsys.readouterr().err
        where = "connectors.carrier.hosts[0].tls"
        assert found.startswith(f"{where}: cannot use {own}: ")

    @pytest.mark.parametrize(
        ("section", "path"),
        [
            (
                'callbacks: {listen: "127.0.0.1:0", tls: {certificate: OWN}}',
                "callbacks",
            ),
            (
                (
                    "connectors: {one: {kind: svitsms, base_urls: 'https://a.ua/x',"
                    " login: a, password: b, tls: {ca: OWN}}}"
                ),
                "connectors.one",
            ),
            (
                (
                    "connectors: {one: {kind: smstraffic-smtp, server: 'a:25',"
                    " login: a, password: b, mail_from: a@b.ua, tls: {ca: OWN}}}"
                ),
                "connectors.one",
            ),
        ],
    )
    def test_so_are_those_of_callbacks_and_providers(
        self,
        config: Path,
        capsys: pytest.CaptureFixture[str],
        section: str,
        path: str,
    ) -> None:
        own = config.parent / "own.pem"
        own.write_text("no PEM")
        others = GOOD if path == "callbacks" else ""
        config.write_text(f"{others}\n{section.replace('OWN', str(own))}\n")
        assert cli.main(["check-config", "-c", str(config)]) == 2
        assert capsys.readouterr().err.startswith(f"{path}.tls: cannot use {own}: ")

    def test_no_file(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["check-config", "-c", str(tmp_path / "none")]) == 2
        assert "cannot read" in capsys.readouterr().err


class FakeApp:
    """Stands for the daemon: tells what was done with it."""

    calls: list[str]
    error: Exception | None = None
    signals: int = 1

    def __init__(self, _: object) -> None:
        type(self).calls = []

    async def start(self) -> None:
        if self.error is not None:
            raise self.error
        self.calls.append("start")
        os.kill(os.getpid(), signal.SIGTERM)

    async def stop(self) -> None:
        restored = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        self.calls.append("stop" if restored else "stop, deaf to signals")


class ReloadingApp:
    """Hangs itself up, twice while it reloads; ends itself after the third."""

    reloads: ClassVar[list[object]] = []

    def __init__(self, config: Config) -> None:
        self.config = config
        self.reloads.clear()

    async def start(self) -> None:
        os.kill(os.getpid(), signal.SIGHUP)

    async def reload(self, load: Callable[[], Config]) -> bool:
        read = load()
        self.reloads.append(read)
        if len(self.reloads) == 1:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGHUP)
                await asyncio.sleep(0.01)
            assert len(self.reloads) == 1
            self.config = read
            return True
        if len(self.reloads) == 2:
            os.kill(os.getpid(), signal.SIGHUP)
            raise LookupError("a bug of ours")
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()
        raise AssertionError("a stop comes first")

    async def stop(self) -> None:
        # Nor does it die of another one now.
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0.01)
        self.reloads.append("stopped")


def test_hung_up(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs: list[str] = []
    monkeypatch.setattr(
        "esmed.log.configure", lambda _, level="none", **__: logs.append(level)
    )

    class Changing(ReloadingApp):
        def __init__(self, now: Config) -> None:
            super().__init__(now)
            config.write_text(GOOD + "\nlog: {level: error}\n")

    monkeypatch.setattr("esmed.app.App", Changing)
    assert cli.main(["run", "-c", str(config)]) == 0
    first, second, third, end = ReloadingApp.reloads
    assert first == second == third
    assert end == "stopped"
    assert logs == ["none", "info", "error"]


class TestRun:
    def test_until_a_signal(
        self, config: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        logs: list[tuple[object, ...]] = []
        monkeypatch.setattr("esmed.app.App", FakeApp)
        monkeypatch.setattr(
            "esmed.log.configure", lambda form, **rest: logs.append((form, rest))
        )
        config.write_text(
            GOOD.replace("routes: [{via: [carrier]}]", "log: {level: debug}")
        )
        command = ["run", "-c", str(config), "--log-format", "json"]
        assert cli.main(command) == 0
        assert FakeApp.calls == ["start", "stop"]
        # Before the file is read, for what is wrong with it, and as it says.
        masked = {"numbers": "masked", "texts": "masked"}
        assert logs == [("json", {}), ("json", {"level": "debug", **masked})]

    def test_what_keeps_it_from_starting(
        self,
        config: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        error = TransportError("http.listen: cannot listen on 127.0.0.1:1")
        monkeypatch.setattr("esmed.app.App", FakeApp)
        monkeypatch.setattr("esmed.log.configure", lambda *_, **__: None)
        monkeypatch.setattr(FakeApp, "error", error)
        assert cli.main(["run", "-c", str(config)]) == 1
        assert capsys.readouterr().err == f"esmed: {error}\n"

    def test_a_wrong_configuration(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("esmed.log.configure", lambda *_, **__: None)
        assert cli.main(["run", "-c", str(tmp_path / "none")]) == 2


class TestOthers:
    @pytest.fixture(autouse=True)
    def logs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("esmed.log.configure", lambda **_: None)

    def test_demo(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def run(args: argparse.Namespace) -> int:
            await asyncio.sleep(0)
            assert (args.messages, args.keep) == (3, True)
            return 1

        monkeypatch.setattr("esmed.demo.run", run)
        assert cli.main(["demo", "--messages", "3", "--keep"]) == 1

    def test_simulate(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def run(args: argparse.Namespace) -> int:
            await asyncio.sleep(0)
            assert args.port == 0
            return 0

        monkeypatch.setattr("esmed.simulator.cli.run", run)
        assert cli.main(["simulate", "smsc", "--port", "0"]) == 0

    def test_the_reader_has_seen_enough(self) -> None:
        """As with ``esmed status | head``: no traceback."""
        code = (
            "import sys\nfrom esmed import cli, client\n"
            "async def run(*_):\n    print('x' * 1_000_000)\n    return 0\n"
            "client.run = run\nsys.exit(cli.main(['status']))"
        )
        reading, writing = os.pipe()
        os.close(reading)
        try:
            done = subprocess.run(
                [sys.executable, "-c", code],
                stdout=writing,
                stderr=subprocess.PIPE,
                check=False,
            )
        finally:
            os.close(writing)
        assert (done.returncode, done.stderr) == (1, b"")

    def test_interrupted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def run(_: argparse.Namespace) -> int:
            raise KeyboardInterrupt

        monkeypatch.setattr("esmed.demo.run", run)
        assert cli.main(["demo"]) == 1

    @pytest.mark.parametrize(
        ("argv", "name", "given"),
        [
            (
                ["send", "--to", "1", "--to", "2", "--from", "Shop", "--wait", "hi"],
                "send",
                {"to": ["1", "2"], "from_": "Shop", "wait": True, "text": "hi"},
            ),
            (["status", "--url", "unix:/x"], "status", {"url": "unix:/x"}),
            (["trace", "id-1"], "trace", {"id": "id-1", "url": None}),
            (["estimate", "hi"], "estimate", {"text": "hi", "to": None}),
            (["cancel", "id-1"], "cancel", {"id": "id-1"}),
            (["pause", "carrier"], "pause", {"connector": "carrier"}),
            (
                ["operation", "carrier", "trace_pdus", "seconds=5", "texts=true"],
                "operation",
                {
                    "connector": "carrier",
                    "operation": "trace_pdus",
                    "arguments": ["seconds=5", "texts=true"],
                },
            ),
            (
                ["operation", "carrier"],
                "operation",
                {"connector": "carrier", "operation": None, "arguments": []},
            ),
            (["resume", "carrier"], "resume", {"connector": "carrier"}),
            (
                ["replay", "--since", "24h", "--dead"],
                "replay",
                {"since": "24h", "dead": True},
            ),
        ],
    )
    def test_clients(
        self,
        argv: list[str],
        name: str,
        given: dict[str, object],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        async def run(asked: str, args: argparse.Namespace) -> int:
            await asyncio.sleep(0)
            assert asked == name
            assert given.items() <= vars(args).items()
            return 0

        monkeypatch.setattr(client, "run", run)
        assert cli.main(argv) == 0
        assert name in client.COMMANDS
