"""`signalbox check`, as a person and as a CI job see it."""

import json
import subprocess
import sys

import pytest

from router.cli import main

GOOD = "version: 1\nbackends:\n  a: {url: http://localhost:8080/v1}\nroutes:\n  - {name: all, to: a}\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def put(text, name="rules.yaml"):
        (tmp_path / name).write_text(text)
        return name

    return put


def test_good_rules_are_fine(write, capsys):
    assert main(["check", write(GOOD)]) == 0
    assert capsys.readouterr().out == "rules.yaml: fine: 1 backend, 1 route, 0 tests\n"


def test_every_fault_has_file_line_column_and_a_hint(write, capsys):
    name = write(GOOD.replace("to: a", "when: {tokns: 3}, to: b"))
    assert main(["check", name]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("rules.yaml:5:24: error: ")
    assert 'did you mean "tokens"?' in lines[0]
    assert lines[1].startswith("rules.yaml:5:35: error: there is no backend `b`")
    assert lines[2] == "rules.yaml: not usable: 2 errors"


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("{text: '('}", "regular expression"),
        ("{task: coding}", "code"),
        ("{tokens: about 5}", "1k..32k"),
        ("{any: [{imgae: true}]}", "image"),
    ],
)
def test_a_faulty_condition_has_its_line(write, capsys, when, words):
    assert main(["check", write(GOOD.replace("to: a", f"when: {when}, to: a"))]) == 1
    out = capsys.readouterr().out
    assert out.startswith("rules.yaml:5:")
    assert words in out


def test_a_route_that_is_never_reached_is_an_error_at_its_line(write, capsys):
    assert main(["check", write(GOOD + "  - {name: late, when: {image: true}, to: a}\n")]) == 1
    assert capsys.readouterr().out.startswith("rules.yaml:6:")


def test_warnings_leave_the_rules_usable(write, capsys):
    name = write(GOOD.replace("routes:", "  b: {kind: litellm, model: openai/gpt-none}\nroutes:"))
    assert main(["check", name]) == 0
    out = capsys.readouterr().out
    assert "rules.yaml:4:22: warning: LiteLLM's list has no model" in out
    assert "usable, 1 warning" in out


def test_a_file_that_is_not_there_exits_with_2(write, capsys):
    assert main(["check", write(GOOD), "none.yaml"]) == 2
    assert "none.yaml: error: cannot be read: No such file" in capsys.readouterr().out


def test_without_a_file_the_users_own_is_checked_else_the_packaged_one(write, capsys, monkeypatch):
    monkeypatch.delenv("SIGNALBOX_RULES", raising=False)
    assert main(["check"]) == 0
    assert "default.yaml" in capsys.readouterr().out
    write(GOOD, "signalbox.yaml")
    assert main(["check"]) == 0
    assert capsys.readouterr().out.startswith("signalbox.yaml: fine")
    monkeypatch.setenv("SIGNALBOX_RULES", write(GOOD, "other.yaml"))
    assert main(["check"]) == 0
    assert capsys.readouterr().out.startswith("other.yaml: fine")


def test_json_says_the_same(write, capsys):
    name = write(GOOD.replace("to: a", "to: b"))
    assert main(["check", "--json", name]) == 1
    (report,) = json.loads(capsys.readouterr().out)["files"]
    assert report["ok"] is False
    (problem,) = report["problems"]
    assert (problem["severity"], problem["line"], problem["place"]) == ("error", 5, ["routes", 0, "to", 0])


def test_a_pipe_gets_no_colours(write):
    command = [sys.executable, "-m", "router.cli", "check", write(GOOD)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "\033" not in done.stdout
