"""Rules ready for use: the joining of the file, the compiled conditions and what is known of the backends."""

import asyncio

import pytest

from router.config.problems import RulesError
from router.routing.rulebook import open_rules, read_rules

RULES = b"""version: 1
backends:
  near: {url: http://localhost:8080/v1}
  far: {kind: litellm, model: anthropic/claude-haiku-5-5, optional: true, api_key: "${KEY}"}
routes:
  - {name: far only, when: {image: true}, to: far}
  - {name: odd, when: {text: WHAT}, to: near}
  - {to: [near, far]}
"""


def test_a_file_becomes_rules_a_plan_and_facts(tmp_path):
    file = tmp_path / "signalbox.yaml"
    file.write_bytes(RULES)
    rulebook = open_rules(file, {"KEY": "k"})
    assert rulebook.path == file
    assert set(rulebook.facts) == set(rulebook.rules.backends) == {"near", "far"}
    assert {"auto", "near", "far"} <= set(rulebook.plan.names())


def test_a_fault_in_a_condition_keeps_its_line_when_routes_before_it_are_left_out():
    with pytest.raises(RulesError) as caught:
        read_rules(RULES.replace(b"WHAT", b"'('"), "r.yaml", {})
    (problem,) = [p for p in caught.value.problems if p.severity == "error"]
    assert (problem.file, problem.line, problem.column) == ("r.yaml", 7, 24)


def test_faults_of_the_file_and_of_its_conditions_are_told_together():
    text = RULES.replace(b"WHAT", b"'('").replace(b"localhost:8080/v1}", b"localhost:8080/v1, modle: x}")
    with pytest.raises(RulesError) as caught:
        read_rules(text, "r.yaml", {"KEY": "k"})
    assert [problem.line for problem in caught.value.problems] == [3, 7]


def test_a_file_that_cannot_be_read_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_rules(tmp_path / "none.yaml", {})


def test_without_a_file_the_rules_are_made_from_what_is_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rulebook = open_rules(None, {"OPENAI_API_KEY": "k"})
    assert rulebook.path is None
    assert rulebook.found is not None
    assert "openai" in rulebook.facts


def test_rules_can_be_found_from_inside_an_event_loop(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    async def inside():
        return open_rules(None, {"OPENAI_API_KEY": "k"})

    assert "openai" in asyncio.run(inside()).rules.backends
