"""What ships beside the code: it loads, is accepted, says what the code relies on."""

import re
import tomllib
from pathlib import Path

import pytest

import esmed
from esmed.config import load
from esmed.fieldtypes import Endpoint
from esmed.smpp.config import Config as SmppConfig

ROOT = Path(__file__).parents[1]


def code_blocks(markdown: str) -> list[str]:
    """The lines inside of code fences."""
    blocks = re.findall(r"^```.*?\n(.*?)^```", markdown, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


class TestConfigYaml:
    def test_it_loads_as_it_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        config = load(ROOT / "config.yaml", {})
        carrier = config.connectors["carrier"]
        assert isinstance(carrier, SmppConfig)
        assert config.warnings == ()
        assert config.store.path == tmp_path / "var" / "esmed.db"
        assert config.http.clients == ()
        assert carrier.addresses == (Endpoint("127.0.0.1", 2775),)
        assert carrier.hosts[0].tls is None

    def test_what_is_commented_out_loads_too(self, tmp_path: Path) -> None:
        text = (ROOT / "config.yaml").read_text(encoding="utf-8")
        # Keys and list items, not sentences.
        code = re.sub(r"(?m)^( *)# (?=( *)(- |[a-z_]+:( |$)))", r"\1", text)
        assert code.count("\n  clients:") == 1
        certificate = tmp_path / "callbacks.pem"
        certificate.touch()
        code = code.replace("/etc/esmed/callbacks.pem", str(certificate))
        file = tmp_path / "config.yaml"
        file.write_text(code, encoding="utf-8")
        for name in ("shop-token", "ops-token"):
            (tmp_path / name).write_text(name)
        environ = {
            "CREDENTIALS_DIRECTORY": str(tmp_path),
            "ESMED_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        }
        config = load(file, environ)
        carrier = config.connectors["carrier"]
        assert isinstance(carrier, SmppConfig)
        assert [client.name for client in config.http.clients] == ["shop", "ops"]
        assert config.webhooks.url == "http://127.0.0.1:9000/sms"
        assert carrier.hosts[0].tls is not None
        assert carrier.rate == 20
        assert config.routes[1].to == ("380",)
        assert config.connectors["svit"].kind == "svitsms"
        assert config.callbacks is not None


class TestPackage:
    def test_both_packages_travel_in_the_wheel(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
        assert wheel["packages"] == ["esmed", "pdu"]
        for package in wheel["packages"]:
            assert (ROOT / package / "py.typed").exists()
        assert project["project"]["scripts"] == {"esmed": "esmed.cli:main"}

    def test_the_version_is_in_the_changelog_once_released(self) -> None:
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        assert "## [Unreleased]" in changelog
        assert re.fullmatch(r"\d+\.\d+\.\d+", esmed.__version__)

    def test_the_licence(self) -> None:
        licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
        assert "Apache License" in licence
        assert "END OF TERMS AND CONDITIONS" in licence


class TestReadme:
    def test_its_two_commands_are_those_that_ci_runs(self) -> None:
        lines = code_blocks((ROOT / "README.md").read_text(encoding="utf-8"))
        demo = next(line for line in lines if "esmed demo" in line)
        tests = next(line for line in lines if ".venv/bin/pytest" in line)
        assert demo == (
            "python3 -m venv .venv && .venv/bin/pip install -q . "
            "&& .venv/bin/esmed demo"
        )
        assert tests == ".venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest"

    def test_ci_takes_them_from_there(self) -> None:
        script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
        assert '$(readme_command "esmed demo")' in script
        assert '$(readme_command ".venv/bin/pytest")' in script
