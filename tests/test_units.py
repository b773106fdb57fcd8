"""The units: what the code relies on, that systemd takes them, and the five lines.

The program is not installed where the units have it, and no init is running; what can
be tried without is tried, in a root of its own.
"""

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from esmed import app, cli, listeners
from esmed.config import load
from esmed.fieldtypes import DurationType
from esmed.secret import Surroundings
from esmed.store.questions import BUSY_SECONDS
from esmed.watchdog import LOOKS, PATIENCE

ROOT = Path(__file__).parents[1]
UNITS = sorted((ROOT / "systemd").iterdir())

EXPOSURE = 1.5
"""`systemd-analyze security` may say so much."""

analyze = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd is not installed"
)
systemctl = pytest.mark.skipif(
    not shutil.which("systemctl"), reason="systemd is not installed"
)

Unit = dict[str, list[str]]


def read(name: str) -> Unit:
    """The values of each key, in whatever section; keys may come again."""
    found: Unit = defaultdict(list)
    for line in (ROOT / "systemd" / name).read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found[key].append(value)
    return dict(found)


@pytest.fixture
def service() -> Unit:
    return read("esmed.service")


@pytest.fixture
def listening() -> Unit:
    return read("esmed.socket")


def seconds(text: str, folder: Path) -> float:
    """A duration as systemd writes it; a number without a unit is seconds."""
    surroundings = Surroundings(environ={}, directory=folder)
    text = text.replace("min", "m")
    value = DurationType().read(int(text) if text.isdecimal() else text, surroundings)
    assert isinstance(value, float)
    return value


def run(*command: str | Path) -> str:
    """Run a program that must say nothing on stderr; what it says else."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")
    return done.stdout


class TestService:
    def test_what_the_code_relies_on(self, service: Unit) -> None:
        # READY=1 after the store's recovery; SIGTERM drains, SIGHUP reloads; relative
        # paths of config.yaml start at $STATE_DIRECTORY.
        assert service["Type"] == ["notify"]
        assert service["KillSignal"] == ["SIGTERM"]
        assert service["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
        assert service["StateDirectory"] == ["esmed"]
        [command] = service["ExecStart"]
        assert command == "/opt/esmed/bin/esmed run -c /etc/esmed/config.yaml"

    def test_when_it_is_started_again(self, service: Unit) -> None:
        assert service["Restart"] == ["on-failure"]
        assert service["RestartPreventExitStatus"] == [str(cli.WRONG)]
        # What exits with 1 again and again is left alone.
        assert int(service["StartLimitBurst"][0]) <= 10
        assert service["StartLimitIntervalSec"] == ["5min"]

    def test_it_waits_for_the_drain(self, service: Unit, tmp_path: Path) -> None:
        config = load(ROOT / "config.yaml", {"STATE_DIRECTORY": str(tmp_path)})
        limit = seconds(service["TimeoutStopSec"][0], tmp_path)
        assert limit >= config.shutdown_timeout + app.AFTER_LINKS

    def test_the_watchdog_has_more_patience_than_sqlite(
        self, service: Unit, tmp_path: Path
    ) -> None:
        limit = seconds(service["WatchdogSec"][0], tmp_path)
        assert limit * PATIENCE / LOOKS > 5 * BUSY_SECONDS

    def test_nothing_hides_what_the_process_metrics_read(self, service: Unit) -> None:
        """prometheus-client gives none of them without /proc/stat."""
        assert "ProcSubset" not in service

    def test_it_holds_what_is_asked_of_it(self, service: Unit) -> None:
        for key in ("MemoryMax", "TasksMax", "LimitNOFILE"):
            assert service[key]
        assert service["LimitCORE"] == ["0"]
        assert service["CapabilityBoundingSet"] == [""]


class TestSocket:
    def test_it_listens_where_the_configuration_says(
        self, listening: Unit, tmp_path: Path
    ) -> None:
        config = load(ROOT / "config.yaml", {"STATE_DIRECTORY": str(tmp_path)})
        assert listening["ListenStream"] == [str(one) for one in config.http.listen]

    def test_the_daemon_knows_it(self, listening: Unit, service: Unit) -> None:
        [name] = listening["FileDescriptorName"]
        assert name in listeners._OUR_NAMES
        assert "Accept" not in listening
        assert listening["Service"] == ["esmed.service"]
        assert service["Sockets"] == ["esmed.socket"]

    def test_its_path_is_not_where_the_service_would_remove_it(
        self, service: Unit
    ) -> None:
        assert "RuntimeDirectory" not in service


def lines_of_readme() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("\n## As a service\n")[2].partition("\n## ")[0]
    [block] = re.findall(r"(?ms)^```sh\n(.*?)^```", section)
    return str(block).splitlines()


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A root in which the files were installed by the lines of the README."""
    program = tmp_path / "opt/esmed/bin/esmed"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    for line in lines_of_readme():
        if line.startswith("install "):
            there = re.sub(r" /etc/", f" {tmp_path}/etc/", line)
            subprocess.run(["sh", "-euc", there], cwd=ROOT, check=True)
    return tmp_path


class TestInstallation:
    def test_five_lines(self) -> None:
        lines = lines_of_readme()
        assert len(lines) == 5
        assert lines[0].startswith("python3 -m venv /opt/esmed && ")

    def test_the_same_ones_in_operations(self) -> None:
        text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
        for line in lines_of_readme():
            assert f"\n{line}\n" in text

    def test_files_come_to_where_the_units_look(
        self, installed: Path, service: Unit
    ) -> None:
        assert sorted((installed / "etc/systemd/system").iterdir()) == [
            installed / "etc/systemd/system" / unit.name for unit in UNITS
        ]
        [command] = service["ExecStart"]
        program, *_, config = command.split()
        assert (installed / program[1:]).exists()
        load(installed / config[1:], {"STATE_DIRECTORY": str(installed)})
        # For whatever user the service gets.
        assert (installed / config[1:]).stat().st_mode & 0o777 == 0o644
        assert (installed / config[1:]).parent.stat().st_mode & 0o755 == 0o755

    @systemctl
    def test_they_are_enabled(self, installed: Path) -> None:
        [line] = [line for line in lines_of_readme() if " enable " in line]
        names = re.findall(r"esmed\.\w+", line)
        assert sorted(names) == [unit.name for unit in UNITS]
        subprocess.run(
            ["systemctl", f"--root={installed}", "enable", *names],
            check=True,
            capture_output=True,
            timeout=120,
        )
        wanted = installed / "etc/systemd/system"
        assert (wanted / "multi-user.target.wants/esmed.service").is_symlink()
        assert (wanted / "sockets.target.wants/esmed.socket").is_symlink()


@analyze
class TestSystemd:
    def test_it_accepts_them(self, tmp_path: Path) -> None:
        for unit in UNITS:
            text = unit.read_text(encoding="utf-8")
            (tmp_path / unit.name).write_text(
                # The program need not be installed where the unit has it.
                re.sub("(?m)^ExecStart=[^ ]+", "ExecStart=/bin/true", text)
            )
        for unit in UNITS:
            run("systemd-analyze", "verify", "--man=no", tmp_path / unit.name)

    def test_it_would_find_a_mistake(self, tmp_path: Path) -> None:
        wrong = tmp_path / "esmed.service"
        wrong.write_text("[Service]\nExecStart=/bin/true\nPrivateTmpp=yes\n")
        with pytest.raises(AssertionError, match="PrivateTmpp"):
            run("systemd-analyze", "verify", "--man=no", wrong)

    def test_how_exposed_it_is(self) -> None:
        told = run(
            *("systemd-analyze", "security", "--offline=true", "--no-pager"),
            ROOT / "systemd" / "esmed.service",
        )
        found = re.search(r"Overall exposure level for esmed\.service: ([\d.]+)", told)
        assert found is not None
        assert float(found[1]) <= EXPOSURE
