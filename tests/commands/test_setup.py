"""`signalbox setup` as it is typed: what it asks, what it writes, and what it leaves alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.cli import main
from router.config.discover import CLOUDS
from router.setup import look
from tests.backends.servers.shapes import OLLAMA
from tests.checkup.servers import model_server
from tests.upstream import Upstream, upstream

SECRET = "sk-Capybara-0123456789"


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Upstream]:
    """An Ollama on a port that is looked at, and a folder of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("SIGNALBOX_RULES", "REDIS_URL", *(name for cloud in CLOUDS for name in cloud.variables)):
        monkeypatch.delenv(name, raising=False)
    with upstream(model_server(OLLAMA)) as running:
        monkeypatch.setattr(look, "SERVERS", ())
        monkeypatch.setattr(look.msty, "PORTS", ())
        original = look.around
        monkeypatch.setattr(
            "router.commands.setup.around", lambda environ, folder: original(environ, folder, (running.port,))
        )
        yield running


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a person at a terminal types; the questions are noted behind."""
    typed: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)

    def answer(question: str) -> str:
        if not typed:
            raise EOFError
        return typed.pop(0)

    monkeypatch.setattr("builtins.input", answer)
    return typed


def test_yes_writes_rules_that_pass_check_and_their_own_tests(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["setup", "--yes"]) == 0
    said = capsys.readouterr().out
    assert "Found" in said and "Ollama" in said and "Written: signalbox.yaml" in said
    assert main(["check", "signalbox.yaml"]) == 0
    assert main(["test", "signalbox.yaml"]) == 0
    assert not [file for file in Path().iterdir() if file.name != "signalbox.yaml"]


def test_where_nobody_can_be_asked_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["setup"]) == 0
    assert "signalbox setup --yes" in capsys.readouterr().err
    assert not Path("signalbox.yaml").exists()


def test_a_file_that_is_there_stays_and_with_force_is_kept_beside(capsys: pytest.CaptureFixture[str]) -> None:
    Path("signalbox.yaml").write_text("mine")
    assert main(["setup", "--yes"]) == 1
    assert Path("signalbox.yaml").read_text() == "mine" and "--force" in capsys.readouterr().err
    assert main(["setup", "--yes", "--force"]) == 0
    (kept,) = Path().glob("*.bak")
    assert kept.read_text() == "mine" and "version: 1" in Path("signalbox.yaml").read_text()


@pytest.mark.parametrize(("typed", "written"), [(["y"], True), ([""], True), (["n"], False), ([], False)])
def test_it_is_written_after_a_yes(answers: list[str], typed: list[str], written: bool) -> None:
    answers += typed
    assert main(["setup"]) == 0
    assert Path("signalbox.yaml").exists() is written


@pytest.mark.parametrize(
    ("typed", "cloud", "private"),
    [(["", "", ""], True, False), (["n", ""], False, True), (["y", "y", "y"], True, True)],
)
def test_with_a_cloud_key_it_asks_three_things_at_most_and_shows_no_key(
    answers: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: list[str],
    cloud: bool,
    private: bool,
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    answers += typed
    assert main(["setup"]) == 0
    assert answers == []
    text = Path("signalbox.yaml").read_text()
    assert ("${ANTHROPIC_API_KEY}" in text) is cloud and ("private: true" in text) is private
    said = "".join(capsys.readouterr())
    assert SECRET not in text + said


def test_json_holds_the_proposal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["setup", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rules"].startswith("# Rules") and told["servers"][0]["title"] == "Ollama"
    assert not Path("signalbox.yaml").exists()


def test_a_place_that_cannot_be_written_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("")
    assert main(["setup", "--yes", "--file", "file/rules.yaml"]) == 1
    assert main(["setup", "--yes", "--file", "."]) == 2
    assert "folder" in capsys.readouterr().err
