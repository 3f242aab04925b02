"""What the code offers is in the README: each command, setting, header, metric and signal."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from router.api.cors import EXPOSED
from router.box import Box, gauges
from router.cli import COMMANDS
from router.request.envelope import Envelope
from router.request.signals import NAMES, Signals
from router.routing.rulebook import open_rules
from router.settings import Settings
from router.telemetry.metrics import WHO, Metrics
from router.telemetry.store import Counter, Family

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_documented(name: str) -> None:
    assert f"`signalbox {name}" in README


@pytest.mark.parametrize("name", Settings.model_fields)
def test_each_setting_is_documented(name: str) -> None:
    assert f"`SIGNALBOX_{name.upper()}`" in README


@pytest.mark.parametrize("name", [header.strip() for header in EXPOSED.split(",") if header.strip() != "retry-after"])
def test_each_response_header_is_documented(name: str) -> None:
    assert f"`{name}`" in README


FAMILIES = [*Metrics().families, *gauges(Box(Settings(), open_rules(ROOT / "rules" / "offline.yaml", {})))]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_each_metric_is_documented_with_its_labels(family: Family) -> None:
    name = family.name + ("_total" if isinstance(family, Counter) else "")
    (line,) = [line for line in README.splitlines() if line.startswith("|") and f"`{name}`" in line]
    told = re.sub(r"\bwho\b", ", ".join(f"`{label}`" for label in WHO), line.split("|")[2])
    assert re.findall(r"`(\w+)`", told) == list(family.labels)


@pytest.mark.parametrize("name", NAMES)
def test_each_signal_is_documented(name: str) -> None:
    assert re.search(rf"^\|[^|]*`{name}`", README, re.MULTILINE)


def test_each_file_that_the_readme_names_is_there() -> None:
    for path in re.findall(r"`((?:router|rules|bench|deploy|tests)/[\w./-]+)`", README):
        assert (ROOT / path).exists(), path


def test_the_rules_in_the_readme_are_valid_and_send_a_bug_to_the_coder(tmp_path: Path) -> None:
    (rules,) = re.findall(r"```yaml\n(version: 1\n.*?)```", README, re.DOTALL)
    file = tmp_path / "signalbox.yaml"
    file.write_text(rules)
    rulebook = open_rules(file, {"ANTHROPIC_API_KEY": "sk-none"})
    question = {"messages": [{"role": "user", "content": "Fix the bug in calc.py"}]}
    decision = rulebook.plan.decide(Signals(Envelope("/v1/chat/completions", question)), rulebook.facts)
    assert (decision.route, decision.backend) == ("code", "coder")


def test_the_json_in_the_readme_is_json() -> None:
    for block in re.findall(r"```json\n(.*?)```", README, re.DOTALL):
        json.loads(block)
