"""docs/choice.md tells of each strategy and each state, and its rules are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from router.config.load import parse
from router.config.states import STATES
from router.config.target import Target
from router.routing.choice.chooser import STRATEGIES
from router.routing.live import FACETS
from tests.routing.sample import faults

PAGE = (Path(__file__).parents[2] / "docs" / "choice.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("word", ["order", *STRATEGIES, *STATES, "queue"])
def test_it_tells_of(word: str) -> None:
    assert re.search(rf"^\|[^|]*`{word}`", PAGE, re.MULTILINE)


@pytest.mark.parametrize("word", [*Target.model_fields, *FACETS])
def test_it_names(word: str) -> None:
    assert re.search(rf"\b{word}\b", PAGE)


def test_its_rules_are_valid() -> None:
    rules, conditions, tests = BLOCKS
    parse(f"version: 1\n{rules}{tests}".encode(), "rules.yaml", {})
    for line in conditions.splitlines():
        assert faults(yaml.safe_load(line)["when"]) == []
