"""`signalbox doctor` as it is typed: exit codes, text, JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from router.cli import main
from tests.backends.servers.shapes import LLAMA
from tests.checkup.servers import model_server
from tests.signalbox import free_port
from tests.upstream import upstream

SECRET = "sk-Capybara-0123456789"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a folder of its own, on a port of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("REDIS_URL", "SIGNALBOX_RULES", "SIGNALBOX_REDIS_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SIGNALBOX_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SIGNALBOX_PORT", str(free_port()))
    monkeypatch.setenv("KEY", SECRET)


def write(url: str) -> None:
    Path("signalbox.yaml").write_text(
        f"version: 1\nbackends:\n  coder: {{url: '{url}', model: coder, api_key: '${{KEY}}'}}\n"
        "routes: [{name: all, to: coder}]\n"
    )


def test_all_well_is_0_and_each_thing_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    with upstream(model_server(LLAMA, key=SECRET)) as server:
        write(server.url)
        assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    titles = re.findall(r"^  [✓!✗–] (.{10})", said, re.MULTILINE)
    assert [title.strip() for title in titles[:8]] == [
        *("rules", f"port {said.split('port ')[1][:5]}", "reachable", "key", "models", "context"),
        *("template", "tool call"),
    ]
    assert {"keys", "redis", "ledger", "disk", "clock", "python"} <= {title.strip() for title in titles}
    assert "\x1b" not in said and SECRET not in said
    here = str(Path.cwd())  # a path is never broken
    assert max(len(line) for line in said.splitlines() if here not in line) <= 80


def test_a_failure_is_1_and_has_its_fix(capsys: pytest.CaptureFixture[str]) -> None:
    write(f"http://127.0.0.1:{free_port()}/v1")
    assert main(["doctor", "coder"]) == 1
    said = capsys.readouterr().out
    assert "✗ reachable" in said and "fix: start the server" in said and "1 failure;" in said
    assert "redis" not in said


def test_rules_that_cannot_be_used_are_told_and_the_machine_is_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    Path("signalbox.yaml").write_text("version: 1\nbackends: {}\nroutes: [{name: r, to: nobody}]\n")
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "✗ rules" in said and "fix: signalbox check signalbox.yaml" in said and "✓ python" in said


def test_a_file_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--rules", "nowhere.yaml"]) == 1
    assert "fix: signalbox setup --file nowhere.yaml" in capsys.readouterr().out


def test_json_holds_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    with upstream(model_server(LLAMA, key="another")) as server:
        write(server.url)
        assert main(["doctor", "--json"]) == 1
    said = capsys.readouterr().out
    told = json.loads(said)
    assert told["ok"] is False and told["counts"]["failure"] == 1
    (broken,) = [check for check in told["checks"] if check["state"] == "failure"]
    assert (broken["backend"], broken["title"]) == ("coder", "key") and broken["fix"]
    assert SECRET not in said


@pytest.mark.parametrize("words", [["codre"], ["--patience", "soon"], ["--patience", "0s"]])
def test_wrong_usage_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    write("http://127.0.0.1:9/v1")
    assert main(["doctor", *words]) == 2
    assert capsys.readouterr().err


def test_a_setting_that_is_wrong_is_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_PORT", "70000")
    assert main(["doctor"]) == 2


def test_the_documentation_names_every_line_of_a_backend_and_every_option() -> None:
    text = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
    for word in ("reachable", "key", "models", "context", "template", "tool call", "stream", "image", "embedding"):
        assert f"`{word}`" in text
    for option in ("--quick", "--paid", "--patience", "--json", "--rules"):
        assert option in text
