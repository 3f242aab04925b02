"""`signalbox connect`, as a person uses it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from router.cli import main
from router.clients.registry import CLIENTS
from tests.signalbox import signalbox
from tests.upstream import upstream

FILES = [name for name, client in CLIENTS.items() if client.changes is not None]
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("XDG_", "SIGNALBOX_", "CODEX_", "OPENCODE_", "CLAUDE_", "QWEN_", "LLM_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def files(home: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file() and ".local" not in path.parts}


def connect(*words: str) -> int:
    return main(["connect", *words, *(() if "--url" in words or not words else ("--url", NOBODY))])


@pytest.mark.parametrize("name", FILES)
def test_written_twice_is_written_once_and_undone_is_gone(
    home: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert connect(name) == 0 and files(home) == {}
    assert connect(name, "--write") == 0
    first = files(home)
    assert first and any(b"127.0.0.1:9" in text for text in first.values())
    assert connect(name, "--write") == 0 and files(home) == first
    assert connect(name, "--undo") == 0 and files(home) == {}
    assert connect(name, "--undo") == 1


def test_edits_made_since_survive_the_undoing(home: Path) -> None:
    path = home / ".config/opencode/opencode.json"
    path.parent.mkdir(parents=True)
    path.write_text('{\n  "theme": "dark" // mine\n}\n')
    assert connect("opencode", "--write") == 0
    path.write_text(path.read_text().replace('"dark"', '"light"'))
    assert connect("opencode", "--write") == 0
    assert connect("opencode", "--undo") == 0
    assert path.read_text() == '{\n  "theme": "light" // mine\n}\n'


def test_a_key_makes_the_file_its_owners_alone_and_other_secrets_are_not_shown(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / ".claude/settings.json"
    path.parent.mkdir()
    path.write_text('{\n  "env": {\n    "OTHER_TOKEN": "very-secret-1"\n  }\n}\n')
    path.chmod(0o644)
    assert connect("claude-code", "--key", "sk-own-key-123456", "--write") == 0
    told = capsys.readouterr()
    assert "very-secret-1" not in told.out + told.err and "sk-own-key-123456" in told.out
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["env"]["OTHER_TOKEN"] == "very-secret-1"
    assert connect("claude-code", "--undo") == 0
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_broken_file_is_left_alone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = home / ".codex/config.toml"
    path.parent.mkdir()
    path.write_text("a = = 1\n")
    assert connect("codex", "--write") == 1
    assert f"{path}:1" in capsys.readouterr().err and path.read_text() == "a = = 1\n"


def test_nothing_outside_of_home_is_written(
    home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setenv("CODEX_HOME", str(elsewhere))
    assert connect("codex", "--write") == 1 and not list(elsewhere.iterdir())


def test_a_link_stays_one(home: Path) -> None:
    real = home / "dotfiles.json"
    real.write_text("{}\n")
    link = home / ".claude/settings.json"
    link.parent.mkdir()
    link.symlink_to(real)
    assert connect("claude-code", "--write") == 0
    assert link.is_symlink() and "ANTHROPIC_BASE_URL" in real.read_text()


def test_the_true_context_and_image_input_are_asked_and_the_openai_snippet_runs(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = "version: 1\nbackends: {{seer: {{url: '{0}', model: m, context: 50000, accepts: [text, image]}}}}\n"
    rules += "routes: [{{name: all, to: seer}}]\n"
    with upstream() as server, signalbox(rules.format(server.url)) as proxy:
        assert connect("opencode", "--url", proxy.url, "--write") == 0
        entry = json.loads((home / ".config/opencode/opencode.json").read_text())["provider"]["signalbox"]
        assert entry["options"]["baseURL"] == proxy.url
        assert entry["models"]["auto"]["limit"]["context"] == 50_000
        assert entry["models"]["seer"]["modalities"]["input"] == ["text", "image"]
        capsys.readouterr()
        assert connect("openai", "--url", proxy.root) == 0
        exec(capsys.readouterr().out, {})
        assert capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    "words",
    [("opencod",), ("opencode", "--write", "--undo"), ("opencode", "--url", "x"), ("pi", "--url", "http://u:p@x")],
)
def test_wrong_usage_is_told(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert connect(*words) == 2 and capsys.readouterr().err


def test_the_list_says_who_is_connected(capsys: pytest.CaptureFixture[str]) -> None:
    assert connect("llm", "--write") == 0
    capsys.readouterr()
    assert main(["connect", "--json", "--url", NOBODY]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["clients"]}
    assert (rows["llm"]["connected"], rows["pi"]["connected"], rows["openai"]["connected"]) == (True, False, None)
