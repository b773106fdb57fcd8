"""The alert rules: about metrics there are, each with a test and an explanation."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from esmed.metrics import Metrics

FOLDER = Path(__file__).parents[1] / "docs" / "monitoring"
RULES = FOLDER / "esmed.rules.yaml"
TESTS = FOLDER / "esmed.rules.test.yaml"

promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not installed"
)


@pytest.fixture
def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def names(rules: list[dict[str, Any]]) -> list[str]:
    return [rule["alert"] for rule in rules]


def series() -> set[str]:
    """Everything that `/metrics` can show, but for the parts of histograms."""
    text = Metrics().render().decode()
    return set(re.findall(r"(?m)^# TYPE (\w+) ", text)) | {"up"}


def test_they_are_about_metrics_that_there_are(rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        named = set(re.findall(r"\b(?:esmed|process)_\w+|\bup\b", rule["expr"]))
        assert named, rule["alert"]
        assert named <= series(), rule["alert"]


def test_all_that_an_operator_has_to_know(rules: list[dict[str, Any]]) -> None:
    told = " ".join(rule["expr"] for rule in rules)
    for needed in (
        *("up", "esmed_connector_state", "esmed_binds_total"),
        *("esmed_queue_oldest_seconds", "esmed_receipts_total"),
        *("esmed_unknown_outcomes_total", "esmed_webhook_backlog"),
        *("esmed_webhook_oldest_seconds", "esmed_store_errors_total"),
        *("esmed_store_free_bytes", "esmed_certificate_expiry_timestamp_seconds"),
        *("esmed_loop_lag_seconds", "esmed_limited_seconds_total"),
        "esmed_config_reload_success",
    ):
        assert re.search(rf"\b{needed}\b", told), needed


def test_each_says_how_urgent_it_is(rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
    assert len(set(names(rules))) == len(rules)


def test_each_is_explained_and_no_other(rules: list[dict[str, Any]]) -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^\| `(Esmed\w+)` \|", text) == names(rules)


def test_each_is_seen_to_fire_and_to_be_silent(rules: list[dict[str, Any]]) -> None:
    fires: set[str] = set()
    silent: set[str] = set()
    for test in yaml.safe_load(TESTS.read_text(encoding="utf-8"))["tests"]:
        for one in test["alert_rule_test"]:
            (fires if one["exp_alerts"] else silent).add(one["alertname"])
    assert fires == silent == set(names(rules))


def run(*arguments: str, folder: Path = FOLDER) -> str:
    done = subprocess.run(
        ["promtool", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    return told


@promtool
class TestPromtool:
    def test_the_rules_are_sound(self, rules: list[dict[str, Any]]) -> None:
        assert f"SUCCESS: {len(rules)} rules" in run("check", "rules", RULES.name)

    def test_they_fire_when_they_should(self) -> None:
        assert "SUCCESS" in run("test", "rules", TESTS.name)

    def test_a_wrong_limit_would_be_found(self, tmp_path: Path) -> None:
        text = RULES.read_text(encoding="utf-8")
        wrong = text.replace("esmed_loop_lag_seconds > 1", "esmed_loop_lag_seconds > 9")
        assert wrong != text
        (tmp_path / RULES.name).write_text(wrong)
        shutil.copy(TESTS, tmp_path)
        with pytest.raises(AssertionError, match="EsmedLoopLag"):
            run("test", "rules", TESTS.name, folder=tmp_path)
