"""The rules and the page for working offline."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from router.config.problems import RulesError
from router.config.schema import Rules
from router.routing.rulebook import open_rules

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules" / "offline.yaml"
PAGE = (ROOT / "docs" / "offline.md").read_text()


def rules(**environ: str) -> Rules:
    return open_rules(RULES, environ).rules


def test_an_address_elsewhere_is_refused_by_check() -> None:
    with pytest.raises(RulesError, match="private"):
        rules(OLLAMA_URL="https://api.example.com/v1")


def test_msty_takes_the_place_of_ollama() -> None:
    specs = rules(OLLAMA_URL="http://127.0.0.1:11964/v1").backends
    assert {getattr(specs[name], "url", "") for name in ("ollama", "coder", "vision")} == {"http://127.0.0.1:11964/v1"}


def test_every_variable_of_the_rules_is_on_the_page() -> None:
    for variable in set(re.findall(r"\$\{(\w+)", RULES.read_text())):
        assert f"`{variable}`" in PAGE, variable


@pytest.mark.parametrize("program", ["Msty", "Ollama", "LM Studio", "llama.cpp", "vLLM", "Tofy"])
def test_each_program_is_on_the_page(program: str) -> None:
    assert program in PAGE
