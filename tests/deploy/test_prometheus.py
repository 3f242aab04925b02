"""Prometheus' own tool on what ships for it: configuration, recorded series, alerts and when they sound."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.grafana.asked import alerts
from tests.prometheus import RULES, installed

UNITS = Path(__file__).with_name("alerts.test.yaml")


def promtool(*arguments: str | Path) -> str:
    command = [installed("promtool"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_configuration_is_one(tmp_path: Path) -> None:
    for file in RULES.glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text().replace("/run/secrets/admin_key", f"{tmp_path}/key"))
    (tmp_path / "key").write_text("secret")
    told = promtool("check", "config", tmp_path / "prometheus.yaml")
    assert "2 rule files found" in told


@pytest.mark.parametrize("file", ["alerts.yaml", "recorded.yaml"])
def test_the_rules_are_rules(file: str) -> None:
    assert "SUCCESS" in promtool("check", "rules", "--lint-fatal", RULES / file)


def test_alerts_sound_when_they_should_and_only_then() -> None:
    promtool("test", "rules", UNITS)


def test_each_alert_is_seen_to_sound() -> None:
    tests = [case for test in yaml.safe_load(UNITS.read_text())["tests"] for case in test.get("alert_rule_test", ())]
    sounds = {case["alertname"] for case in tests if case.get("exp_alerts")}
    assert sounds == set(alerts())


def test_each_alert_says_what_is_wrong_and_what_to_do() -> None:
    for group in yaml.safe_load((RULES / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("critical", "warning", "info")
            assert rule["annotations"].keys() == {"summary", "description"}
            assert re.fullmatch(r"[A-Z][A-Za-z]+", rule["alert"])
