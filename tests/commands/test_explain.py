from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from router.cli import main

RULES = """
version: 1
backends:
  home: {url: "http://127.0.0.1:9/v1"}
  cloud: {url: "https://models.example/v1"}
routes:
  - name: night
    when: {time: "22:00..07:00", key: ann}
    to: home
  - name: world
    when: {header: {x-task: world}}
    to: home
  - name: vectors
    when: {path: /v1/embeddings}
    to: home
  - name: the rest
    to: cloud
"""
BODY = {"model": "auto", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def rules(tmp_path: Path) -> str:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    return str(file)


def written(tmp_path: Path, data: Any) -> str:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(data))
    return str(file)


def route(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["explain", "--json", *words]) == 0
    return str(json.loads(capsys.readouterr().out)["route"])


def test_a_body_is_explained_without_being_sent(rules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--rules", rules, written(tmp_path, BODY)]) == 0
    assert capsys.readouterr().out.startswith("→ cloud, by route the rest\n")


def test_what_a_body_cannot_say_is_said_by_options(
    rules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = written(tmp_path, BODY)
    assert route(capsys, "--rules", rules, "--header", "X-Task: world", request) == "world"
    assert route(capsys, "--rules", rules, "--path", "embeddings", request) == "vectors"
    assert route(capsys, "--rules", rules, "--key", "ann", "--at", "23:30", request) == "night"
    assert route(capsys, "--rules", rules, "--key", "ann", "--at", "2026-11-21T12:00", request) == "the rest"


def test_a_recorded_request_brings_its_path_and_headers(
    rules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = {"path": "/embeddings", "headers": [["Host", "x"]], "body": {"input": "a"}}
    assert route(capsys, "--rules", rules, written(tmp_path, recorded)) == "vectors"
    recorded = {"headers": {"x-task": "world"}, "body": BODY}
    assert route(capsys, "--rules", rules, written(tmp_path, recorded)) == "world"


def test_a_dash_reads_the_request_from_the_standard_input(
    rules: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(BODY).encode())))
    assert route(capsys, "--rules", rules, "-") == "the rest"


@pytest.mark.parametrize(
    ("content", "words", "said"),
    [
        ("[]", [], "a JSON array, not an object"),
        ("{", [], "request.json: the body is not JSON"),
        ("{}", ["--header", "x"], '"x" is no header'),
        ("{}", ["--at", "noon"], '"noon" is no time'),
    ],
)
def test_a_request_that_cannot_be_read_is_a_sentence_and_exit_code_2(
    content: str, words: list[str], said: str, rules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "request.json"
    file.write_text(content)
    assert main(["explain", "--rules", rules, *words, str(file)]) == 2
    assert said in capsys.readouterr().err


def test_rules_that_do_not_load_are_told_with_line_and_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(RULES.replace("header: {x-task: world}", "headr: {x-task: world}"))
    assert main(["explain", "--rules", str(file), written(tmp_path, BODY)]) == 2
    assert f"{file}:11:12: error: there is no signal `headr`" in capsys.readouterr().err


def test_a_missing_file_is_named(rules: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--rules", rules, "nowhere.json"]) == 2
    assert "nowhere.json: No such file" in capsys.readouterr().err
