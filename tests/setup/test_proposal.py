"""What is proposed for what is here; and the proposal is sound, whatever that is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.commands.test import failures
from router.config.discover import CLOUDS
from router.config.known import is_private
from router.routing.printout import Style
from router.routing.rulebook import Rulebook, read_rules
from router.setup.hardware import Hardware
from router.setup.look import Around, Seen, around
from router.setup.proposal import Proposal, propose
from tests.backends.servers.shapes import LLAMA, LM_STUDIO_V1, OLLAMA
from tests.checkup.servers import TOFY, model_server, under
from tests.checkup.test_backends import MSTY, colourful, elsewhere, garbage, huge, nested, silent, trickling
from tests.signalbox import free_port, signalbox
from tests.upstream import Play, upstream

BOX = Hardware(64 * 10**9, 500 * 10**9, "NVIDIA", 24 * 10**9)
KEYS = {name: "sk-none" for cloud in CLOUDS for name in cloud.variables}
ANTHROPIC = ((CLOUDS[0], "ANTHROPIC_API_KEY"),)


def ollama(*models: str) -> Seen:
    return Seen("ollama", "Ollama", "http://127.0.0.1:11434/v1", models)


def sound(made: Proposal, environ: dict[str, str] | None = None) -> Rulebook:
    """Without a remark, and its own tests pass."""
    book = read_rules(made.text.encode(), "signalbox.yaml", KEYS if environ is None else environ)
    assert not book.problems, book.problems
    assert not list(failures(book, Path(), Style(False)))
    assert book.rules.tests
    return book


def made(found: Around, *, clouds: bool = True, private: bool = False, llama: bool = True) -> Proposal:
    return propose(found, BOX, clouds=clouds, private=private, llama=llama)


def test_the_best_of_what_is_installed_gets_each_part() -> None:
    found = Around((ollama("llava:latest", "qwen2.5-coder:7b", "qwen3-coder:30b", "nomic-embed-text", "qwen3:4b"),))
    proposal = made(found)
    specs = sound(proposal).rules.backends
    models = {name: getattr(spec, "model", None) for name, spec in specs.items()}
    assert models == {
        "coder": "qwen3-coder:30b",
        "vision": "llava:latest",
        "embeddings": "nomic-embed-text",
        "small": "qwen3:4b",
        "yard": None,
    }
    assert proposal.commands == ()


def test_what_is_missing_is_told_with_the_command_that_brings_what_fits() -> None:
    proposal = made(Around((ollama("qwen2.5vl:7b"),)))
    assert [command for _, command in proposal.commands] == ["ollama pull qwen3-coder:30b"]
    bare = made(Around())
    assert [command for _, command in bare.commands] == ["ollama pull qwen3-coder:30b", "ollama pull qwen3-vl:8b"]
    sound(bare)


def test_clouds_come_after_what_is_here_and_their_keys_stay_in_the_environment() -> None:
    proposal = made(Around((ollama("qwen3-coder:30b"),), clouds=ANTHROPIC))
    book = sound(proposal)
    assert book.rules.routes[-1].backends == ("coder", "anthropic")
    assert "${ANTHROPIC_API_KEY}" in proposal.text and "sk-none" not in proposal.text
    without = read_rules(proposal.text.encode(), "x", {})
    assert "anthropic" not in without.rules.backends and not list(failures(without, Path(), Style(False)))


def test_without_clouds_nothing_leaves_this_machine() -> None:
    book = sound(made(Around((ollama("qwen3-coder:30b"),), clouds=ANTHROPIC), clouds=False))
    assert all(is_private(spec) for spec in book.rules.backends.values())


def test_code_that_stays_here_stays_here() -> None:
    book = sound(made(Around((ollama("qwen3-coder:30b"),), clouds=ANTHROPIC), private=True))
    (code,) = [route for route in book.rules.routes if route.name == "code stays here"]
    assert code.private and code.backends == ("coder",)


def test_a_model_file_a_tofy_server_and_nothing_at_all_make_sound_rules() -> None:
    sound(made(Around(files=(Path("models/coder.gguf"),)), llama=False))
    tofy = Seen("tofy", "a Tofy server", "http://127.0.0.1:8080/v1", ("tofy",))
    assert "tofy" in sound(made(Around((tofy,)))).rules.backends
    poor = propose(Around(), Hardware(0, 0), clouds=False, private=True, llama=False)
    assert "ollama" in sound(poor).rules.backends


NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_ .:/@+-]{0,40}", fullmatch=True) | st.sampled_from(
    ["true", "Null", "8b"]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(NAMES, max_size=6), st.booleans(), st.booleans())
def test_whatever_the_models_are_called_the_proposal_is_sound(names: list[str], clouds: bool, private: bool) -> None:
    found = Around((ollama(*names),) if names else (), clouds=ANTHROPIC)
    sound(made(found, clouds=clouds, private=private))


def look(pages: dict[str, Any]) -> Around:
    with upstream(model_server(pages)) as server:
        return asyncio.run(around({}, Path("/nonexistent"), (server.port, free_port())))


@pytest.mark.parametrize(
    ("pages", "title", "name"),
    [
        (OLLAMA, "Ollama", "ollama"),
        (LLAMA, "llama.cpp", "llama-cpp"),
        (LM_STUDIO_V1, "LM Studio", "lm-studio"),
        (MSTY, "Msty (Ollama)", "msty"),
        (TOFY, "a Tofy server", "tofy"),
    ],
    ids=["ollama", "llama.cpp", "lm studio", "msty", "tofy"],
)
def test_each_server_is_found_by_what_it_answers(pages: dict[str, Any], title: str, name: str) -> None:
    (seen,) = look(pages).servers
    assert (seen.title, seen.name) == (title, name) and seen.models


def test_a_model_that_is_called_like_a_variable_is_not_taken_over() -> None:
    """Its name in a rules file would be filled with the variable, and sent to whoever listed it."""
    pages = under(OLLAMA, lambda each: each["/v1/models"]["data"].insert(0, {"id": "${ANTHROPIC_API_KEY}coder"}))
    (seen,) = look(pages).servers
    assert "qwen3:8b" in seen.models and not [model for model in seen.models if "$" in model]


def test_a_model_that_runs_in_a_cloud_is_not_taken_for_a_local_one() -> None:
    pages = under(OLLAMA, lambda each: each["/v1/models"]["data"].insert(0, {"id": "qwen3-coder:480b-cloud"}))
    (seen,) = look(pages).servers
    assert "qwen3-coder:480b-cloud" not in seen.models


@pytest.mark.parametrize("play", [garbage, huge, trickling, silent, elsewhere, nested, colourful])
def test_a_hostile_server_does_not_hold_setup_up(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.setup.look.PATIENCE", 0.2)
    with upstream(play) as server:
        assert asyncio.run(around({}, Path("/nonexistent"), (server.port,))) == Around()


@pytest.mark.real
def test_a_signalbox_is_not_taken_for_a_server_of_models() -> None:
    rules = "version: 1\nbackends: {tofy: {kind: world}}\nroutes: [{name: r, to: tofy}]\n"
    with signalbox(rules, ready=False) as proxy:
        found = asyncio.run(around({}, Path("/nonexistent"), (proxy.port,)))
    assert found.servers == () and found.signalbox
