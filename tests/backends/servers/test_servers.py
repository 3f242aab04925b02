"""What each kind of server says of itself is understood, and nothing it does not say is made up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.backends.http import HttpBackend
from router.backends.servers import llama_cpp, lm_studio, ollama
from router.backends.servers.openai import entries, said_in_list
from router.backends.servers.told import Told
from router.config.backend import HttpBackend as Spec
from router.config.facts import Facts
from router.config.known import facts
from tests.backends.servers.shapes import (
    LLAMA,
    LM_STUDIO_V0,
    LM_STUDIO_V1,
    OLLAMA,
    ROUTER,
    STRANGE,
    VLLM,
    serves,
)
from tests.upstream import Upstream, upstream

pytestmark = pytest.mark.anyio

TEXT, IMAGES = frozenset({"text"}), frozenset({"text", "image"})
EMBEDDINGS = frozenset({"/v1/embeddings"})
ITS_DIALECTS = ["/v1/responses", "/v1/messages"]
"""What a server that is recognised is asked at last."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def asked(server: Upstream, model: str | None, **said: Any) -> HttpBackend:
    """A backend that has asked its server once."""
    spec = Spec(url=server.url, model=model, **said)
    backend = HttpBackend("here", spec, facts("here", spec))
    await backend.prober.ask()
    backend.pool.close()
    return backend


async def learned(pages: Mapping[str, Any], model: str | None, **said: Any) -> Facts:
    with upstream(serves(pages)) as server:
        return (await asked(server, model, **said)).facts


KINDS = [
    # pages, model; server, context, trained, slots, accepts, tools, loaded, endpoints
    (LLAMA, "coder", ("llama.cpp", 24576, 262144, 4, IMAGES, True, True, None)),
    (LLAMA, None, ("llama.cpp", 24576, 262144, 4, IMAGES, True, True, None)),
    (ROUTER, "org/seer-GGUF:Q4_K_M", ("llama.cpp", 16384, 131072, None, IMAGES, True, True, None)),
    (ROUTER, "org/coder-GGUF:Q8_0", ("llama.cpp", None, None, None, TEXT, True, False, None)),
    (ROUTER, None, ("llama.cpp", None, None, None, TEXT, True, None, None)),
    (OLLAMA, "qwen3:8b", ("ollama", 4096, 40960, None, TEXT, True, True, None)),
    (OLLAMA, "llava", ("ollama", 8192, 32768, None, IMAGES, False, False, None)),
    (OLLAMA, "embeddinggemma", ("ollama", None, 2048, None, TEXT, False, False, EMBEDDINGS)),
    (OLLAMA, "not-pulled", ("ollama", None, None, None, TEXT, True, False, None)),
    (OLLAMA, None, ("ollama", None, None, None, TEXT, True, None, None)),
    (LM_STUDIO_V1, "gemma-3-4b", ("lm-studio", 8192, 131072, 3, IMAGES, True, True, None)),
    (LM_STUDIO_V1, "gemma-3-4b:2", ("lm-studio", 2048, 131072, 1, IMAGES, True, True, None)),
    (LM_STUDIO_V1, "qwen-large", ("lm-studio", None, 262144, None, TEXT, True, False, None)),
    (LM_STUDIO_V1, "nomic-embed", ("lm-studio", None, 2048, None, TEXT, True, False, EMBEDDINGS)),
    (LM_STUDIO_V0, "gemma-3-4b", ("lm-studio", 12918, 131072, None, IMAGES, True, True, None)),
    (LM_STUDIO_V0, "qwen-large", ("lm-studio", None, 262144, None, TEXT, True, False, None)),
    (LM_STUDIO_V0, "nomic-embed", ("lm-studio", None, 2048, None, TEXT, True, False, EMBEDDINGS)),
    (VLLM, "Qwen/Qwen3-8B", ("vllm", 32768, None, None, TEXT, True, None, None)),
    (VLLM, "my-adapter", ("vllm", 32768, None, None, TEXT, True, None, None)),
    (STRANGE, "m", (None, None, None, None, TEXT, True, None, None)),
]


@pytest.mark.parametrize(("pages", "model", "told"), KINDS)
async def test_each_server_is_understood_in_its_own_words(
    pages: Mapping[str, Any], model: str | None, told: tuple[Any, ...]
) -> None:
    of = await learned(pages, model)
    assert of.up is True
    assert (of.server, of.context, of.trained, of.slots, of.accepts, of.tools, of.loaded, of.endpoints) == told
    assert sorted(of.models) == sorted(each["id"] for each in pages["/v1/models"]["data"])


LOADED_LAST = {**OLLAMA, "/api/ps": {"models": [{"model": "embeddinggemma"}, {"model": "llava:latest"}]}}


@pytest.mark.parametrize(
    ("pages", "first"),
    [
        (LOADED_LAST, "llava:latest"),
        ({**OLLAMA, "/api/ps": {"models": [{"model": "embeddinggemma"}]}}, "qwen3:8b"),
        (LM_STUDIO_V1, "gemma-3-4b"),
        (LM_STUDIO_V0, "gemma-3-4b"),
        (ROUTER, "org/seer-GGUF:Q4_K_M"),
    ],
)
async def test_where_no_model_is_named_the_one_in_memory_comes_first(pages: Mapping[str, Any], first: str) -> None:
    shuffled = {**pages, "/v1/models": {"data": [*pages["/v1/models"]["data"]]}}
    data = shuffled["/v1/models"]["data"]
    if first != "qwen3:8b":  # which is the first of the list, and nothing is in memory that could take its place
        data.reverse()
    of = await learned(shuffled, None)
    assert of.models[0] == first
    assert sorted(of.models) == sorted(each["id"] for each in data)
    assert of.context is None


@pytest.mark.parametrize("pages", [LLAMA, OLLAMA, LM_STUDIO_V1, VLLM])
async def test_what_the_yaml_says_stands_above_it(pages: Mapping[str, Any]) -> None:
    model = pages["/v1/models"]["data"][0]["id"]
    with upstream(serves(pages)) as server:
        backend = await asked(server, model, context=1234, accepts=["text", "audio"], tools=False, parallel=7)
    of = backend.facts
    assert (of.context, of.accepts, of.tools) == (1234, {"text", "audio"}, False)
    assert backend.slots.parallel == 7


async def test_parallel_left_out_is_what_the_server_tells() -> None:
    with upstream(serves(LLAMA)) as server:
        assert (await asked(server, "coder")).slots.parallel == 4
    with upstream(serves(VLLM)) as server:
        assert (await asked(server, "my-adapter")).slots.parallel is None


async def test_a_llama_server_that_loads_is_down_though_its_list_is_there() -> None:
    loading = {**LLAMA, "/health": 503, "/props": 503, "/slots": 503}
    loading["/v1/models"] = {"data": [{"id": "coder", "object": "model", "owned_by": "llamacpp", "meta": None}]}
    pages = dict(loading)
    with upstream(serves(pages)) as server:
        backend = await asked(server, "coder")
        assert (backend.facts.up, backend.facts.fault) == (False, "is loading its model")
        assert [request.target for request in server.requests] == ["/v1/models", "/health"]
        pages.update(LLAMA)
        await backend.prober.ask()
        assert (backend.facts.up, backend.facts.fault, backend.facts.context) == (True, None, 24576)
        backend.pool.close()


async def test_an_older_llama_server_answers_nothing_while_it_loads() -> None:
    of = await learned({"/v1/models": 503}, "coder")
    assert (of.up, of.fault) == (False, "is loading its model")


async def test_a_vllm_whose_engine_has_died_is_down_though_its_list_is_there() -> None:
    of = await learned({**VLLM, "/health": 503}, "my-adapter")
    assert (of.up, of.fault) == (False, "its engine has died")


async def test_slots_are_asked_only_where_props_are_not_told() -> None:
    with upstream(serves(LLAMA)) as server:
        await asked(server, "coder")
        assert [request.target for request in server.requests] == ["/v1/models", "/health", "/props", *ITS_DIALECTS]
    hidden = {page: answer for page, answer in LLAMA.items() if page != "/props"}
    with upstream(serves(hidden)) as server:
        of = (await asked(server, "coder")).facts
        assert (of.slots, of.context, of.loaded) == (4, 24576, None)


@pytest.mark.parametrize("model", ["org/seer-GGUF:Q4_K_M", "org/coder-GGUF:Q8_0", None])
async def test_no_question_makes_a_router_load_a_model(model: str | None) -> None:
    with upstream(serves(ROUTER)) as server:
        await asked(server, model)
        first, *others = server.requests
        assert first.target == "/v1/models"
        assert all((other.target, other.body) in [(path, b"{}") for path in ITS_DIALECTS] for other in others)


@pytest.mark.parametrize("status", [400, 422])
async def test_a_server_that_complains_of_an_empty_request_speaks_its_dialect(status: int) -> None:
    complains = serves({**VLLM, "/v1/messages": (status, {"error": {"message": "no messages"}})})
    with upstream(complains) as server:
        of = (await asked(server, None)).facts
        assert (of.plain_dialects, of.dialects) == ({"/v1/messages"}, frozenset())
        (sent,) = [request for request in server.requests if request.target == "/v1/messages"]
        assert sent.body == b"{}"


async def test_a_server_that_answers_anything_does_not_speak_every_dialect() -> None:
    pages = {**LM_STUDIO_V1, "/v1/messages": {"error": "Unexpected endpoint or method. (POST /v1/messages)"}}
    assert (await learned(pages, None)).plain_dialects == frozenset()


async def test_what_the_rules_say_of_dialects_stands_above_what_a_server_answers() -> None:
    pages = {**VLLM, "/v1/messages": (400, {"error": {"message": "no messages"}})}
    of = await learned(pages, None, dialects=["responses"])
    assert (of.dialects, of.plain_dialects) == ({"/v1/responses"}, frozenset())


async def test_a_sleeping_llama_cpp_is_not_woken_to_be_asked_for_its_dialects() -> None:
    with upstream(serves({**LLAMA, "/props": {**LLAMA["/props"], "is_sleeping": True}})) as server:
        await asked(server, "coder")
        assert not {request.target for request in server.requests} & set(ITS_DIALECTS)


async def test_a_model_that_sleeps_is_not_loaded_and_not_down() -> None:
    of = await learned({**LLAMA, "/props": {**LLAMA["/props"], "is_sleeping": True}}, "coder")
    assert (of.up, of.loaded, of.slots) == (True, False, 4)


async def test_the_context_of_a_model_that_was_put_out_of_memory_is_the_one_it_had() -> None:
    pages = dict(OLLAMA)
    with upstream(serves(pages)) as server:
        backend = await asked(server, "qwen3:8b")
        pages["/api/ps"] = {"models": []}
        await backend.prober.ask()
        assert (backend.facts.loaded, backend.facts.context) == (False, 4096)
        backend.pool.close()


async def test_a_server_that_comes_back_may_be_another_one() -> None:
    pages = dict(LLAMA)
    with upstream(serves(pages)) as server:
        backend = await asked(server, None)
        server.stop()
        await backend.prober.ask()
        assert backend.facts.up is False
        pages.clear()
        pages.update(STRANGE)
        server.start()
        await backend.prober.ask()
        of = backend.facts
        assert (of.up, of.server, of.context, of.trained, of.slots, of.accepts) == (True, None, None, None, None, TEXT)
        assert backend.slots.parallel is None
        backend.pool.close()


def listed(*names: str) -> dict[str, Any]:
    return {"data": [{"id": name, "object": "model", "owned_by": "library"} for name in names]}


async def test_what_was_said_of_the_only_model_is_forgotten_when_another_is_listed() -> None:
    pages = {**OLLAMA, "/v1/models": listed("embeddinggemma:latest"), "/api/ps": {"models": []}}
    with upstream(serves(pages)) as server:
        backend = await asked(server, None)
        of = backend.facts
        assert (of.endpoints, of.trained, of.tools, of.loaded) == (EMBEDDINGS, 2048, False, False)
        pages.update(OLLAMA)
        await backend.prober.ask()
        backend.pool.close()
        assert (of.endpoints, of.trained, of.tools, of.loaded) == (None, None, True, None)
        assert (of.up, of.server, of.models[0]) == (True, "ollama", "qwen3:8b")


@pytest.mark.parametrize("model", ["llava", "llava:latest"])
async def test_other_models_on_the_list_change_nothing_of_the_one_that_is_sent_there(model: str) -> None:
    pages = {**OLLAMA, "/api/ps": {"models": [{"model": "llava:latest", "context_length": 2048}]}}
    with upstream(serves(pages)) as server:
        backend = await asked(server, model)
        pages |= {"/v1/models": listed("llava:latest"), "/api/ps": {"models": []}, "/api/show": 503}
        await backend.prober.ask()
        of = backend.facts
        assert (of.loaded, of.context, of.accepts, of.tools, of.trained) == (False, 2048, IMAGES, False, 32768)
        pages["/v1/models"] = listed("qwen3:8b")
        await backend.prober.ask()
        backend.pool.close()
        assert (of.context, of.accepts, of.tools, of.trained) == (None, TEXT, True, None)


async def test_a_strange_server_that_lists_another_model_is_asked_like_one_that_has_come_back() -> None:
    pages = {page: answer for page, answer in LLAMA.items() if page != "/v1/models"}
    pages["/v1/models"] = STRANGE["/v1/models"]
    with upstream(serves(pages)) as server:
        backend = await asked(server, None)
        assert (backend.facts.server, backend.facts.context, backend.slots.parallel) == ("llama.cpp", 24576, 4)
        pages["/v1/models"] = {"data": [{"id": "other"}]}
        pages["/props"] = {**LLAMA["/props"], "default_generation_settings": {"n_ctx": 512}, "total_slots": 2}
        await backend.prober.ask()
        assert (backend.facts.models, backend.facts.context, backend.slots.parallel) == (("other",), 512, 2)
        before = len(server.requests)
        await backend.prober.ask()
        assert [request.target for request in server.requests[before:]] == ["/v1/models"]
        backend.pool.close()


async def test_a_strange_server_is_tried_once_and_then_only_asked_for_its_list() -> None:
    with upstream(serves(STRANGE)) as server:
        backend = await asked(server, "m")
        first = [request.target for request in server.requests]
        await backend.prober.ask()
        assert first == ["/v1/models", "/props", "/api/version", "/api/v0/models"]
        assert [request.target for request in server.requests][len(first) :] == ["/v1/models"]
        backend.pool.close()


async def test_an_ollama_with_models_of_others_only_is_found_by_its_version() -> None:
    pages = {**OLLAMA, "/v1/models": {"data": [{"id": "qwen3:8b", "object": "model", "owned_by": "somebody"}]}}
    of = await learned(pages, "qwen3:8b")
    assert (of.server, of.context, of.trained) == ("ollama", 4096, 40960)


async def test_a_server_that_answers_everything_with_its_list_is_none_of_these() -> None:
    pages = dict.fromkeys(("/v1/models", "/props", "/api/version", "/api/v0/models"), STRANGE["/v1/models"])
    of = await learned(pages, "m")
    assert (of.up, of.server, of.context, of.slots) == (True, None, None, None)


async def test_a_server_below_a_path_is_asked_below_it() -> None:
    pages = {f"/llama{page}": answer for page, answer in LLAMA.items()}
    with upstream(serves(pages)) as server:
        spec = Spec(url=server.url.replace("/v1", "/llama/v1"))
        backend = HttpBackend("here", spec, facts("here", spec))
        await backend.prober.ask()
        backend.pool.close()
        assert (backend.facts.server, backend.facts.slots) == ("llama.cpp", 4)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**6) | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "data",
                    "models",
                    "id",
                    "name",
                    "model",
                    "meta",
                    "n_ctx",
                    "status",
                    "value",
                    "capabilities",
                    "model_info",
                    "parameters",
                    "loaded_instances",
                    "config",
                    "context_length",
                    "key",
                    "type",
                    "state",
                    "total_slots",
                    "default_generation_settings",
                    "modalities",
                    "architecture",
                    "input_modalities",
                    "owned_by",
                    "parent",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@given(VALUES, st.sampled_from([200, 404, 503]))
def test_whatever_a_server_answers_the_readers_do_not_fail(value: Any, status: int) -> None:
    body = json.dumps(value).encode()
    listed = entries(status, body)
    told = [
        said_in_list(listed, "m"),
        llama_cpp.props(status, body),
        llama_cpp.slots(status, body),
        llama_cpp.routed(value if isinstance(value, dict) else {}),
        ollama.ps(status, body, "m"),
        ollama.show(status, body),
        lm_studio.v0_models(status, body, "m"),
        lm_studio.v1_models(status, body, "m"),
    ]
    llama_cpp.health(status, body)
    for each in told:
        assert isinstance(each, Told)
        assert each.context is None or each.context > 0
        assert each.slots is None or each.slots > 0
        assert each.accepts is None or "text" in each.accepts or each.accepts <= {"image", "audio"}


@pytest.mark.parametrize("owner", [[], {}, ["vllm"], 5, True, None])
async def test_an_owner_that_is_no_name_says_nothing(owner: Any) -> None:
    of = await learned({"/v1/models": {"data": [{"id": "m", "owned_by": owner}]}}, "m")
    assert (of.up, of.server, of.models) == (True, None, ("m",))


@pytest.mark.parametrize("body", [b"", b"\xff", b"[", b"null", b"<html>"])
def test_what_is_no_json_says_nothing(body: bytes) -> None:
    assert entries(200, body) == []
    assert llama_cpp.props(200, body) == ollama.show(200, body) == lm_studio.v0_models(200, body, "m") == Told()
