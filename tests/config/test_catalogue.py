"""LiteLLM's list of models, read as a file."""

import datetime
import subprocess
import sys

import pytest

from router.config import catalogue
from router.config.backend import LitellmBackend
from router.config.known import facts

TODAY = datetime.date(2026, 11, 21)


def backend(model, **more):
    return LitellmBackend(kind="litellm", model=model, **more)


def some(mode="chat", **wanted):
    """A model of the installed list for which all of this holds."""
    for name in catalogue.names():
        entry = catalogue.lookup(name)
        if entry.mode == mode and "/" not in name and all(getattr(entry, k) == v for k, v in wanted.items()):
            return entry
    raise AssertionError("the list has no such model")


def test_the_list_is_read_without_importing_litellm():
    code = (
        "import sys; from router.config import catalogue; assert len(list(catalogue.names())) > 1000; "
        "assert 'litellm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_model_is_found_with_and_without_its_provider():
    entry = some(provider="anthropic", tools=True)
    assert catalogue.lookup(f"anthropic/{entry.name}") is catalogue.lookup(entry.name) is entry
    assert entry.context > 1000
    assert {"text", "image"} <= entry.accepts


def test_a_model_is_not_taken_for_another_providers():
    entry = some(provider="anthropic")
    assert catalogue.lookup(f"groq/{entry.name}") is None


def test_an_unknown_model_is_remarked_with_a_near_name():
    entry = some(provider="anthropic", retired=None)
    problem = catalogue.remark("b", backend(f"anthropic/{entry.name}x"), TODAY)
    assert problem.severity == "warning"
    assert problem.place == ("backends", "b", "model")
    assert f"anthropic/{entry.name}"[:-3] in problem.hint


@pytest.mark.parametrize("model", ["ollama/my-own", "openrouter/any/thing", "azure/my-deployment", "hosted_vllm/x"])
def test_names_that_are_the_users_own_are_not_remarked(model):
    assert catalogue.remark("b", backend(model), TODAY) is None


def test_a_model_at_another_address_is_not_remarked():
    assert catalogue.remark("b", backend("openai/mine", api_base="http://box/v1"), TODAY) is None


def test_retirement_is_told_when_past_and_sixty_days_before():
    entry = next(e for n in catalogue.names() if (e := catalogue.lookup(n)).retired is not None)
    day, spec = entry.retired, backend(entry.name)
    assert "was retired" in catalogue.remark("b", spec, day).message
    assert "in 59 days" in catalogue.remark("b", spec, day - datetime.timedelta(days=59)).message
    assert catalogue.remark("b", spec, day - datetime.timedelta(days=61)) is None


def test_the_newest_is_the_first_that_is_known_and_stays():
    retired = next(e for n in catalogue.names() if (e := catalogue.lookup(n)).retired is not None)
    stays = some(provider="anthropic", retired=None)
    assert catalogue.newest(["nobody/knows-this", retired.name, stays.name], retired.retired) is stays
    assert catalogue.newest(["nobody/knows-this"]) is None


def test_the_list_fills_in_what_the_yaml_leaves_open():
    entry = some(provider="anthropic", tools=True, retired=None)
    known = facts("b", backend(f"anthropic/{entry.name}"))
    assert (known.context, known.max_output, known.accepts) == (entry.context, entry.max_output, entry.accepts)
    assert known.private is False
    assert known.endpoints == {"/v1/chat/completions", "/v1/completions"}
    assert known.notes == ()


def test_the_yaml_goes_before_the_list():
    entry = some(provider="anthropic", tools=True)
    known = facts("b", backend(entry.name, context="8k", tools=False, accepts=["text"], private=True))
    assert (known.context, known.tools, known.accepts, known.private) == (8000, False, {"text"}, True)


def test_a_model_that_takes_no_tools_is_known_not_to():
    entry = some(tools=False)
    assert facts("b", backend(entry.name)).tools is False
    assert facts("b", backend(entry.name, tools=True)).tools is True


def test_an_embedding_model_serves_embeddings_only():
    assert facts("b", backend(some(mode="embedding").name)).endpoints == {"/v1/embeddings"}


def test_a_model_that_the_list_does_not_know_counts_as_a_text_model():
    known = facts("b", backend("nobody/knows-this"))
    assert (known.context, known.accepts, known.tools) == (None, {"text"}, True)
    assert "no model" in known.notes[0]
