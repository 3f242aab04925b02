from __future__ import annotations

import json
from pathlib import Path

import pytest

from router.cli import main

HEAD = """
version: 1
backends:
  home: {url: "http://127.0.0.1:9/v1", tools: false}
  eyes: {url: "http://127.0.0.1:8/v1", accepts: [text, image]}
routes:
  - {name: screenshots, when: {image: true}, to: eyes}
  - {name: night, when: {time: "22:00..07:00"}, to: home}
  - {name: vectors, when: {path: /v1/embeddings, header: {x-team: a}}, to: home}
  - {name: the rest, to: home}
tests:
"""
PASSING = """
  - name: a picture goes to the eyes
    request: {messages: [{role: user, content: [{type: image_url, image_url: {url: "data:image/png;base64,AAAA"}}]}]}
    expect: {route: screenshots, backend: eyes}
  - name: the time can be said
    request: {messages: [{role: user, content: hello}]}
    at: 2026-11-21T23:00
    expect: {route: night, task: chat, harness: other}
  - name: tools are refused
    request: {messages: [{role: user, content: hello}], tools: [{type: function, function: {name: bash}}]}
    at: 2026-11-21T12:00
    expect: {route: the rest, refused_by: tools}
"""
FAILING = """
  - name: a wrong hope
    request: {model: auto, messages: [{role: user, content: hello}]}
    at: 2026-11-21T12:00
    expect: {route: night, backend: eyes, task: code, refused_by: context}
"""


def written(tmp_path: Path, tests: str) -> str:
    file = tmp_path / "rules.yaml"
    file.write_text(HEAD + tests if tests else HEAD.replace("tests:\n", ""))
    return str(file)


def test_tests_that_pass_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, PASSING)
    assert main(["test", file]) == 0
    assert capsys.readouterr().out == f"{file}: 3 tests passed\n"


def test_a_test_that_fails_is_told_with_line_difference_and_explanation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, PASSING + FAILING)
    assert main(["test", file]) == 1
    lines = capsys.readouterr().out.splitlines()
    line = Path(file).read_text().splitlines().index("  - name: a wrong hope") + 1
    assert lines[0] == f"{file}:{line}: ✗ a wrong hope"
    assert lines[1:5] == [
        "    route      wanted night, got the rest",
        "    backend    wanted eyes, got home",
        "    task       wanted code, got chat",
        "    refused by wanted context, got backend home",
    ]
    assert "    → home, by route the rest" in lines
    assert lines[-1] == f"{file}: 1 of 4 tests failed"


def test_a_request_may_be_in_a_file_beside_the_rules_with_its_path_and_headers(tmp_path: Path) -> None:
    recorded = {"path": "/v1/embeddings", "headers": {"x-team": "a"}, "body": {"input": "a"}}
    (tmp_path / "recorded.json").write_text(json.dumps(recorded))
    (tmp_path / "body.json").write_text(json.dumps(recorded["body"]))
    tests = """
  - {name: recorded, request: {file: recorded.json}, at: 2026-11-21T12:00, expect: {route: vectors}}
  - {name: other header, request: {file: recorded.json}, headers: {x-team: b}, at: 2026-11-21T12:00,
     expect: {route: the rest}}
  - {name: body, request: {file: body.json}, path: /embeddings, headers: {x-team: a}, at: 2026-11-21T12:00,
     expect: {route: vectors}}
"""
    assert main(["test", written(tmp_path, tests)]) == 0


def test_a_request_file_that_is_missing_fails_the_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", written(tmp_path, "  - {name: gone, request: {file: no.json}, expect: {}}\n")]) == 1
    assert "its request cannot be read" in capsys.readouterr().out


def test_a_file_without_tests_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", written(tmp_path, "")]) == 0
    assert "no tests" in capsys.readouterr().out


def test_rules_that_do_not_load_are_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = written(tmp_path, FAILING), tmp_path / "bad.yaml"
    bad.write_text(HEAD.replace("image: true", "imgae: true") + PASSING)
    assert main(["test", good, str(bad), str(tmp_path / "none.yaml")]) == 2
    out = capsys.readouterr().out
    assert 'did you mean "image"?' in out
    assert "cannot be read" in out


STATES = """
version: 1
backends:
  qwen-coder: {url: "http://127.0.0.1:9/v1", parallel: 2}
  haiku: {url: "http://127.0.0.1:8/v1"}
routes:
  - {name: overflow, when: {any: [{backend: {qwen-coder: down}}, {backend: {qwen-coder: {queue: "> 4"}}}]}, to: haiku}
  - {name: warm, when: {backend: {haiku: warm}}, to: haiku}
  - {name: the rest, to: [{backend: qwen-coder, wait: 5s}, haiku]}
tests:
  - name: nothing given
    request: &r {messages: [{role: user, content: hi}]}
    expect: {route: the rest, backend: qwen-coder}
  - {name: down, request: *r, given: {qwen-coder: down}, expect: {route: overflow}}
  - {name: a long queue, request: *r, given: {qwen-coder: {queue: 5}}, expect: {route: overflow}}
  - {name: warm, request: *r, given: {haiku: warm}, expect: {route: warm}}
  - {name: a slow one, request: *r, given: {qwen-coder: {queue: 1, service: 8s}}, expect: {backend: haiku}}
  - {name: not slow yet, request: *r, given: {qwen-coder: {queue: 1, service: 5s}}, expect: {backend: qwen-coder}}
  - {name: both are down, request: *r, given: {qwen-coder: down, haiku: down}, expect: {backend: haiku}}
"""


def test_a_test_says_the_state_that_backends_are_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(STATES)
    assert main(["test", str(file)]) == 0, capsys.readouterr().out


def test_a_test_that_fails_shows_the_state_it_was_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(STATES.replace("expect: {route: warm}", "expect: {route: the rest}"))
    assert main(["test", str(file)]) == 1
    shown = capsys.readouterr().out
    assert "wanted the rest, got warm" in shown
    assert "found haiku: warm" in shown


BUDGET = """
version: 1
backends:
  home: {url: "http://127.0.0.1:9/v1", price: 0}
  cloud: {url: "http://127.0.0.1:8/v1", price: {input: 1}}
budgets: {total: {month: 50, soft: 50%}}
routes:
  - {name: nearly, when: {budget: "80..99"}, to: home}
  - {name: the rest, to: [cloud, home]}
tests:
  - {name: whole, request: {messages: []}, expect: {backend: cloud}}
  - {name: soft, request: {messages: []}, budget: 50, expect: {route: the rest, backend: home}}
  - {name: nearly, request: {messages: []}, budget: 80, expect: {route: nearly}}
  - {name: spent, request: {model: cloud, messages: []}, budget: 100, expect: {refused_by: budget}}
"""


def test_a_test_says_how_far_its_budget_is_spent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(BUDGET)
    assert main(["test", str(file)]) == 0, capsys.readouterr().out
    assert capsys.readouterr().out == f"{file}: 4 tests passed\n"
