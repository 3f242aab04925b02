"""LiteLLM's providers, for real, against servers on loopback that speak their dialects."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from router.backends.contract import BackendError, Call, Events
from router.backends.litellm import LitellmBackend
from router.backends.litellm_errors import Redactor
from router.backends.litellm_request import arguments
from router.config.backend import LitellmBackend as Spec
from router.config.facts import Facts
from tests import tiny_gguf
from tests.backends.provider import Provider
from tests.signalbox import free_port

pytestmark = pytest.mark.anyio

CHAT, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
KEY = "sk-test-aVerySecretKey"
USER = [{"role": "user", "content": "hi"}]
LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15, "prompt_tokens_details": {"cached_tokens": 4}}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def running(model: str, url: str, **settings: Any) -> AsyncIterator[LitellmBackend]:
    spec = Spec(kind="litellm", model=model, api_key=KEY, api_base=url, **settings)
    backend = LitellmBackend("cloud", spec, Facts("cloud", "litellm"))
    await backend.start()
    try:
        yield backend
    finally:
        await backend.close()


@asynccontextmanager
async def openai(**settings: Any) -> AsyncIterator[tuple[LitellmBackend, Provider]]:
    async with Provider() as provider, running("openai/model-x", provider.url + "/v1", **settings) as backend:
        provider.json(completion("hello"))
        yield backend, provider


@asynccontextmanager
async def anthropic() -> AsyncIterator[tuple[LitellmBackend, Provider]]:
    async with Provider() as provider, running("anthropic/claude-haiku-4-5", provider.url) as backend:
        yield backend, provider


def call(path: str = CHAT, **fields: Any) -> Call:
    data = {"model": "auto", **({"messages": USER} if path == CHAT else {}), **fields}
    return Call(path, b"", data, stream=bool(fields.get("stream")))


async def answered(backend: LitellmBackend, *args: Any, **fields: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(await (await backend.ask(call(*args, **fields))).read())
    return answer


async def streamed(backend: LitellmBackend, *args: Any, **fields: Any) -> list[dict[str, Any]]:
    answer = await backend.ask(call(*args, stream=True, **fields))
    parts = (await answer.read()).decode().split("\n\n")
    assert parts[-2:] == ["data: [DONE]", ""]
    return [json.loads(part.removeprefix("data: ")) for part in parts[:-2]]


async def fault(backend: LitellmBackend, **fields: Any) -> BackendError:
    with pytest.raises(BackendError) as raised:
        await backend.ask(call(**fields))
    assert KEY not in raised.value.message
    assert "litellm" not in raised.value.message.lower()
    assert "Traceback" not in raised.value.message
    return raised.value


def completion(text: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "x", "choices": [choice], "usage": USAGE}


def chunk(delta: dict[str, Any], reason: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
    said = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "x", "choices": [choice]}
    return "data: " + json.dumps(said)


def usage_chunk() -> str:
    return "data: " + json.dumps(
        {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "x", "choices": [], "usage": USAGE}
    )


CHUNKS = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "hel"}),
    chunk({"content": "lo 🚂"}),
    chunk({"tool_calls": [{"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}),
    chunk({}, "tool_calls"),
    usage_chunk(),
    "data: [DONE]",
]


def message_event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: " + json.dumps({"type": kind, **fields})


CLAUDE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5", "stop_sequence": None}
MESSAGES = [
    message_event(
        "message_start",
        message={
            **CLAUDE,
            "content": [],
            "stop_reason": None,
            "usage": {"input_tokens": 8, "cache_read_input_tokens": 4, "output_tokens": 1},
        },
    ),
    message_event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    message_event("ping"),
    message_event("content_block_delta", index=0, delta={"type": "text_delta", "text": "hel"}),
    message_event("content_block_delta", index=0, delta={"type": "text_delta", "text": "lo 🚂"}),
    message_event("content_block_stop", index=0),
    message_event(
        "content_block_start", index=1, content_block={"type": "tool_use", "id": "t1", "name": "look", "input": {}}
    ),
    message_event("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": '{"a":'}),
    message_event("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": " 1}"}),
    message_event("content_block_stop", index=1),
    message_event(
        "message_delta", delta={"stop_reason": "tool_use", "stop_sequence": None}, usage={"output_tokens": 3}
    ),
    message_event("message_stop"),
]


def text_of(chunks: list[dict[str, Any]]) -> str:
    return "".join(choice["delta"].get("content") or "" for c in chunks for choice in c["choices"])


async def test_a_plain_answer_has_openai_s_shape_and_the_provider_s_usage() -> None:
    async with openai() as (backend, provider):
        answer = await answered(backend)
        assert backend.facts.up is True
    assert ChatCompletion.model_validate(answer).choices[0].message.content == "hello"
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == 4
    assert provider.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert provider.requests[0].body["model"] == "model-x"


async def test_fields_nobody_knows_reach_a_provider_that_speaks_openai() -> None:
    async with openai(params={"temperature": 0.5, "seed": 3}) as (backend, provider):
        await answered(backend, temperature=1, min_p=0.1, brand_new={"a": [1]}, metadata={"k": "v"}, tools=[LOOK])
        sent = provider.requests[0].body
    assert sent["brand_new"] == {"a": [1]}
    assert sent["metadata"] == {"k": "v"}
    assert (sent["min_p"], sent["temperature"], sent["seed"]) == (0.1, 0.5, 3)
    assert sent["tools"][0]["function"]["name"] == "look"


async def test_a_client_cannot_steer_the_call_or_the_key_elsewhere() -> None:
    async with openai() as (backend, provider), Provider() as thief:
        switches = {
            "api_base": thief.url,
            "base_url": thief.url,
            "api_key": "other",
            "custom_llm_provider": "anthropic",
            "fallbacks": ["gpt-x"],
            "mock_response": "no",
            "extra_headers": {"x": "y"},
            "extra_body": {"model": "other"},
            "num_retries": 5,
            "timeout": 0,
        }
        answer = await answered(backend, **switches)
        assert answer["choices"][0]["message"]["content"] == "hello"
        assert thief.requests == []
        assert provider.requests[0].headers["authorization"] == f"Bearer {KEY}"
        assert provider.requests[0].body["model"] == "model-x"


def test_only_fields_on_the_list_become_arguments() -> None:
    data = {"messages": USER, "api_base": "x", "litellm_params": {}, "top_k": 3, "stream": True, "user": None}
    assert arguments(CHAT, data, openai=False) == {"messages": USER, "top_k": 3}
    with_rest = arguments(CHAT, data, openai=True)
    assert with_rest == {"messages": USER, "extra_body": {"api_base": "x", "litellm_params": {}, "top_k": 3}}


async def test_a_stream_is_openai_s_with_the_usage_in_a_chunk_of_its_own() -> None:
    async with openai() as (backend, provider):
        provider.events(CHUNKS)
        chunks = await streamed(backend)
        assert provider.requests[0].body["stream_options"] == {"include_usage": True}
    for said in chunks:
        ChatCompletionChunk.model_validate(said)
    assert text_of(chunks) == "hello 🚂"
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["prompt_tokens"] == 12
    assert sum("usage" in said for said in chunks) == 1


async def test_the_messages_api_is_spoken_and_its_stream_becomes_openai_s() -> None:
    async with anthropic() as (backend, provider):
        provider.events(MESSAGES)
        chunks = await streamed(
            backend, messages=[{"role": "system", "content": "be brief"}, *USER], tools=[LOOK], top_k=5
        )
        sent = provider.requests[0]
    assert sent.path == "/v1/messages"
    assert sent.headers["x-api-key"] == KEY
    assert sent.body["system"][0]["text"] == "be brief"
    assert sent.body["tools"][0]["name"] == "look"
    assert sent.body["top_k"] == 5
    for said in chunks:
        ChatCompletionChunk.model_validate(said)
    assert text_of(chunks) == "hello 🚂"
    calls = [c for said in chunks for choice in said["choices"] for c in choice["delta"].get("tool_calls", [])]
    assert calls[0]["function"]["name"] == "look"
    assert json.loads("".join(c["function"]["arguments"] for c in calls)) == {"a": 1}
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert chunks[-1]["usage"]["prompt_tokens"] == 12
    assert chunks[-1]["usage"]["completion_tokens"] == 3


async def test_a_plain_answer_of_the_messages_api_becomes_openai_s_and_unknown_fields_stay_here() -> None:
    async with anthropic() as (backend, provider):
        usage = {"input_tokens": 12, "output_tokens": 3}
        text = [{"type": "text", "text": "hello"}]
        provider.json({**CLAUDE, "content": text, "stop_reason": "end_turn", "usage": usage})
        answer = await answered(backend, brand_new=1, prompt_cache_key="k", store=False, max_tokens=7)
        sent = provider.requests[0].body
    assert ChatCompletion.model_validate(answer).choices[0].message.content == "hello"
    assert answer["usage"]["total_tokens"] == 15
    assert {"brand_new", "prompt_cache_key", "store"}.isdisjoint(sent)
    assert sent["max_tokens"] == 7


async def test_a_model_of_the_responses_api_is_reached_by_it_tools_included() -> None:
    async with Provider() as provider, running("openai/gpt-5-codex", provider.url) as backend:
        content = [{"type": "output_text", "text": "hello", "annotations": []}]
        item = {"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": content}
        usage = {"input_tokens": 12, "output_tokens": 3, "total_tokens": 15}
        response = {"id": "r1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5-codex"}
        settings = {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True}
        provider.json({**response, **settings, "output": [item], "usage": usage})
        answer = await answered(backend, tools=[LOOK])
        assert provider.requests[0].path == "/responses"
    assert answer["choices"][0]["message"]["content"] == "hello"


async def test_completions_and_embeddings_have_openai_s_shape_too() -> None:
    async with openai() as (backend, provider):
        choice = {"index": 0, "text": "hello", "finish_reason": "stop", "logprobs": None}
        text = {"id": "c1", "object": "text_completion", "created": 1, "model": "x", "choices": [choice]}
        provider.json({**text, "usage": USAGE})
        answer = await answered(backend, COMPLETIONS, prompt="a", suffix="b")
        assert Completion.model_validate(answer).choices[0].text == "hello"
        assert provider.requests[0].path == "/v1/completions"
        assert provider.requests[0].body["suffix"] == "b"
        last = {**text, "choices": [], "usage": USAGE}
        provider.events(["data: " + json.dumps(text), "data: " + json.dumps(last), "data: [DONE]"])
        chunks = await streamed(backend, COMPLETIONS, prompt="a")
        assert "".join(choice["text"] for said in chunks for choice in said["choices"]) == "hello"
        assert chunks[-1]["usage"]["total_tokens"] == 15
        vectors = [{"object": "embedding", "index": 0, "embedding": [0.5, -0.5]}]
        count = {"prompt_tokens": 3, "total_tokens": 3}
        provider.json({"object": "list", "data": vectors, "model": "x", "usage": count})
        embedded = await answered(backend, EMBEDDINGS, input=["a"])
        assert CreateEmbeddingResponse.model_validate(embedded).data[0].embedding == [0.5, -0.5]
        assert embedded["usage"] == count


@pytest.mark.parametrize(
    ("status", "body", "reason", "seen", "code"),
    [
        (400, {"message": "bad temperature", "code": "bad"}, "refused", 400, "bad"),
        (400, {"message": "too long", "code": "context_length_exceeded"}, "refused", 400, "context_length_exceeded"),
        (401, {"message": f"Incorrect API key provided: {KEY}"}, "refused", 401, None),
        (404, {"message": "no such model"}, "refused", 404, None),
        (429, {"message": "slow down"}, "status 429", 429, None),
        (500, {"message": "oops"}, "broken", 500, None),
        (503, {"message": "overloaded"}, "broken", 503, None),
    ],
)
async def test_an_error_of_the_provider_keeps_its_meaning_and_loses_its_secrets(
    status: int, body: dict[str, Any], reason: str, seen: int, code: str | None
) -> None:
    async with openai() as (backend, provider):
        provider.json({"error": body}, status)
        provider.headers = {"retry-after": "7"}
        for stream in (False, True):
            error = await fault(backend, stream=stream)
            assert (error.reason, error.status, error.code) == (reason, seen, code)
            assert error.message.startswith(str(body["message"]).split(KEY)[0].strip())
            assert error.retry_after == (7 if reason != "refused" else None)
        assert len(provider.requests) == 2  # once each: trying again is not LiteLLM's business
        assert backend.slots.busy == 0


async def test_errors_of_the_messages_api_are_read_down_to_their_sentence() -> None:
    async with anthropic() as (backend, provider):
        inner = {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > 200000 maximum"}
        provider.json({"type": "error", "error": inner}, 400)
        error = await fault(backend)
        assert (error.reason, error.code, error.message) == ("refused", "context_length_exceeded", inner["message"])
        provider.json({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, 529)
        assert (await fault(backend)).reason == "broken"


async def test_a_provider_that_is_not_there_is_no_connection() -> None:
    async with running("openai/model-x", "http://127.0.0.1:9/v1") as backend:
        assert (await fault(backend)).reason == "connect"
    async with running("anthropic/claude-haiku-4-5", "http://127.0.0.1:9") as backend:
        assert (await fault(backend, stream=True)).reason == "connect"


async def test_silence_before_the_answer_and_inside_it_runs_out_of_time() -> None:
    async with openai(timeouts={"first_byte": 0.2, "idle": 0.2}) as (backend, provider):
        await answered(backend)
        provider.silent = True
        for stream in (False, True):
            error = await fault(backend, stream=stream)
            assert (error.reason, error.status) == ("timeout", 504)
        provider.silent = False
        provider.events(CHUNKS[:2], hang=True)
        answer = await backend.ask(call(stream=True))
        with pytest.raises(BackendError) as raised:
            await answer.read()
        assert raised.value.reason == "timeout"
        assert backend.slots.busy == 0


async def test_a_stream_that_breaks_off_says_so() -> None:
    async with openai() as (backend, provider):
        provider.events(CHUNKS[:3])
        provider.cut = True
        answer = await backend.ask(call(stream=True))
        with pytest.raises(BackendError):
            await answer.read()


DIALECTS = {
    "openai": ("openai/model-x", CHUNKS[:3]),
    "anthropic": ("anthropic/claude-haiku-4-5", MESSAGES[:5]),
    "gemini": (
        "gemini/gemini-2.5-flash",
        ["data: " + json.dumps({"candidates": [{"content": {"role": "model", "parts": [{"text": "x"}]}}]})],
    ),
    "mistral": ("mistral/mistral-small-latest", CHUNKS[:3]),
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("moment", ["before the answer", "while reading", "between two reads"])
async def test_who_leaves_closes_the_connection_to_the_provider_at_once(dialect: str, moment: str) -> None:
    model, events = DIALECTS[dialect]
    async with Provider() as provider, running(model, provider.url) as backend:
        provider.events(events, hang=True)
        provider.silent = moment == "before the answer"
        if provider.silent:
            reading: asyncio.Task[Any] | None = asyncio.create_task(backend.ask(call(stream=True)))
        else:
            answer = await backend.ask(call(stream=True))
            assert isinstance(answer, Events)
            reading = asyncio.create_task(answer.read()) if moment == "while reading" else None
        async with asyncio.timeout(10):
            while not provider.requests:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        start = perf_counter()
        if reading is not None:
            reading.cancel()
        else:
            answer.abort()
            answer.abort()
        await asyncio.wait_for(provider.gone.wait(), 2)
        assert provider.gone_at - start < 0.1
        await asyncio.sleep(0)
        assert backend.slots.busy == 0


async def test_calls_beyond_parallel_and_queue_are_sent_on() -> None:
    async with openai(parallel=1, queue=0) as (backend, provider):
        await answered(backend)
        provider.events(CHUNKS[:3], hang=True)
        answer = await backend.ask(call(stream=True))
        with pytest.raises(BackendError) as raised:
            await backend.ask(call())
        assert raised.value.reason == "full"
        answer.abort()
        provider.hang = False
        provider.json(completion("again"))
        assert (await answered(backend))["choices"][0]["message"]["content"] == "again"


async def test_a_model_of_no_known_provider_is_down_with_the_reason() -> None:
    backend = LitellmBackend("odd", Spec(kind="litellm", model="no-such-provider/x"), Facts("odd", "litellm"))
    await backend.start()
    with pytest.raises(BackendError) as raised:
        await backend.ask(call())
    assert raised.value.reason == "down"
    assert backend.facts.up is False
    assert "no-such-provider/x" in (backend.facts.fault or "")


async def test_a_header_among_the_parameters_is_a_secret_with_its_scheme_and_without() -> None:
    secret = "hel-9876543210zyxwvutsrq"
    params = {"extra_headers": {"Helicone-Auth": f"Bearer {secret}", "x-tenant": "production-of-the-north"}}
    async with openai(params=params) as (backend, provider):
        provider.json(completion(f"{secret} production-of-the-north"))
        text = (await answered(backend))["choices"][0]["message"]["content"]
        assert provider.requests[-1].headers["helicone-auth"] == f"Bearer {secret}"
        assert text == "*" * len(secret) + " production-of-the-north"
        provider.json({"error": {"message": f"no such key: {secret}"}}, 401)
        assert secret not in (await fault(backend)).message


def test_known_secrets_and_what_looks_like_one_are_taken_out() -> None:
    redact = Redactor(["hunter22", None, ""])
    text = "hunter22 failed; sk-ant-abcdef1234, Bearer abc.def-ghi, https://x/?key=AbC123&a=1, AIza" + "x" * 30
    assert redact(text) == "*** failed; ***, Bearer *** https://x/?key=***&a=1, ***"


@pytest.fixture(scope="module")
def llama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real llama.cpp server."""
    pytest.importorskip("llama_cpp")
    pytest.importorskip("starlette_context", reason="the server extra of llama-cpp-python is not installed")
    model, port = tiny_gguf.write(tmp_path_factory.mktemp("gguf") / "tiny.gguf"), free_port()
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(model), "--port", str(port), "--n_ctx", "512"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url, until = f"http://127.0.0.1:{port}/v1", perf_counter() + 60
    try:
        while True:
            try:
                urllib.request.urlopen(f"{url}/models", timeout=2).read()
                break
            except OSError:
                assert process.poll() is None
                assert perf_counter() < until
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


@pytest.mark.real
async def test_a_real_llama_cpp_server_says_through_litellm_what_it_says_directly(llama_server: str) -> None:
    async with (
        AsyncOpenAI(api_key=KEY, base_url=llama_server) as client,
        running("openai/tiny", llama_server) as backend,
    ):
        direct = await client.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": "hi"}], temperature=0, max_tokens=60
        )
        text = direct.choices[0].message.content
        assert text
        assert (await answered(backend, temperature=0, max_tokens=60))["choices"][0]["message"]["content"] == text
        assert text_of(await streamed(backend, temperature=0, max_tokens=60)) == text


IMPORT = """
    import logging, os, sys
    logging.basicConfig(level=logging.DEBUG)
    connections = []
    sys.addaudithook(lambda event, args: connections.append((event, args[1:])) if event.split(".")[0] == "socket"
                     and event.split(".")[1] in ("connect", "getaddrinfo", "gethostbyname", "sendto") else None)
    os.environ.pop("LITELLM_LOCAL_MODEL_COST_MAP", None)
    from router.backends.litellm_library import library
    litellm = library()
    litellm.get_llm_provider(model="anthropic/claude-haiku-4-5")
    assert not connections, connections
    assert "dotenv_was_here" not in os.environ
"""


def test_importing_opens_no_connection_reads_no_env_file_and_prints_nothing(tmp_path: Any) -> None:
    (tmp_path / ".env").write_text("dotenv_was_here=1\n")
    code = textwrap.dedent(IMPORT)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "LiteLLM" not in done.stderr + done.stdout


async def test_prompts_and_keys_are_never_logged(caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
    caplog.set_level("DEBUG")
    secret = "a prompt nobody may read"
    async with openai() as (backend, provider):
        await answered(backend, messages=[{"role": "user", "content": secret}])
        provider.json({"error": {"message": "no"}}, 400)
        await fault(backend, messages=[{"role": "user", "content": secret}])
    out, err = capfd.readouterr()
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name != "asyncio")
    for text in (out, err, logged):
        assert secret not in text
        assert KEY not in text
    assert out + err == ""
