"""What the list of models tells of a backend, under each name that clients read."""

from __future__ import annotations

import pytest

from router.api.abilities import about
from router.config.facts import Facts

WINDOW = ("context_length", "context_window", "max_model_len", "max_context_length")


def test_the_window_stands_under_every_name_that_means_it() -> None:
    told = about([Facts("a", "http", context=32_768, max_output=8192)])
    assert [told[name] for name in WINDOW] == [32_768] * len(WINDOW)
    assert told["meta"] == {"n_ctx": 32_768}
    assert told["max_output_tokens"] == told["max_completion_tokens"] == 8192
    assert told["top_provider"] == {"context_length": 32_768, "max_completion_tokens": 8192}


def test_a_window_of_prompt_and_answer_is_never_told_as_a_limit_of_the_prompt() -> None:
    assert "max_input_tokens" not in about([Facts("a", "http", context=32_768)])
    assert about([Facts("a", "litellm", context=200_000, states_input=True)])["max_input_tokens"] == 200_000
    wider = [Facts("a", "litellm", context=1000, states_input=True), Facts("b", "http", context=2000)]
    assert "max_input_tokens" not in about(wider)


def test_what_is_not_known_is_not_told() -> None:
    told = about([Facts("a", "http")])
    assert not {*WINDOW, "max_input_tokens", "max_output_tokens", "meta", "top_provider", "max_tokens"} & set(told)


def test_what_a_model_cannot_do_is_not_among_its_parameters() -> None:
    told = about([Facts("a", "http", tools=False, json=True, accepts=frozenset({"text", "image"}))])
    assert "tools" not in told["supported_parameters"]
    assert "response_format" in told["supported_parameters"]
    assert (told["capabilities"]["tools"], told["capabilities"]["vision"]) == (False, True)
    assert told["architecture"]["modality"] == "text+image->text"


@pytest.mark.parametrize(
    ("paths", "outputs"),
    [
        ({"/v1/embeddings"}, ["embeddings"]),
        ({"/v1/audio/speech"}, ["audio"]),
        ({"/v1/audio/transcriptions", "/v1/audio/translations"}, ["text"]),
        ({"/v1/chat/completions", "/v1/completions"}, ["text"]),
        (None, ["text"]),
    ],
)
def test_the_answer_is_of_the_kind_that_its_paths_give(paths: set[str] | None, outputs: list[str]) -> None:
    told = about([Facts("a", "http", endpoints=frozenset(paths) if paths is not None else None)])
    assert told["architecture"]["output_modalities"] == outputs
    assert ("supported_parameters" in told) == (paths is None or "/v1/chat/completions" in paths)
