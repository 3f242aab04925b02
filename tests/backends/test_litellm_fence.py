"""LiteLLM goes where the rules send it, and nowhere that a client or a provider points to."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from router.backends.contract import BackendError, Call
from router.backends.litellm import LitellmBackend
from router.backends.litellm_fence import NOT_FETCHED
from router.backends.litellm_library import library
from router.config.backend import LitellmBackend as Spec
from router.config.facts import Facts
from tests.backends.provider import Provider

pytestmark = pytest.mark.anyio

CHAT, KEY = "/v1/chat/completions", "sk-test-aVerySecretKey"


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


def call(content: Any = "hi", **fields: Any) -> Call:
    data = {"model": "auto", "messages": [{"role": "user", "content": content}], **fields}
    return Call(CHAT, b"", data, stream=bool(fields.get("stream")))


MODELS = ["openai/x", "anthropic/claude-haiku-4-5", "gemini/gemini-2.0-flash", "ollama_chat/x", "mistral/mistral-tiny"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("model", MODELS)
async def test_a_redirect_is_not_followed_and_neither_prompt_nor_key_goes_there(
    model: str, status: int, stream: bool
) -> None:
    async with Provider() as provider, Provider() as thief, running(model, provider.url) as backend:
        thief.json({})
        provider.json({}, status)
        provider.headers = {"location": f"{thief.url}/take?it=all"}
        with pytest.raises(BackendError) as raised:
            await (await backend.ask(call(stream=stream))).read()
        assert thief.requests == []
        assert len(provider.requests) >= 1
        assert raised.value.reason != "refused"
        assert KEY not in raised.value.message and "it=all" not in raised.value.message


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "URL/picture.png"}},
        {"type": "image_url", "image_url": "URL/picture.png"},
        {"type": "file", "file": {"file_id": "URL/a.pdf", "format": "application/pdf"}},
        {"type": "file", "file": {"file_data": "URL/a.pdf"}},
        {"type": "input_audio", "input_audio": {"data": "URL/a.wav", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "URL/a.mp4"}},
    ],
    ids=lambda part: f"{part['type']}-{len(str(part))}",
)
async def test_nothing_that_a_request_points_to_is_fetched(
    model: str, part: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else LiteLLM's own check would refuse this address because it is on loopback, and the test would show nothing.
    monkeypatch.setattr(library(), "user_url_allowed_hosts", ["127.0.0.1"])
    async with Provider() as provider, Provider() as other, running(model, provider.url) as backend:
        for server in (provider, other):
            server.json({"id": "x"})
        there = _pointing(part, other.url)
        for stream in (False, True):
            # The provider's answer is none, where the call comes so far.
            with contextlib.suppress(BackendError):
                await backend.ask(call([{"type": "text", "text": "look"}, there], stream=stream))
        assert other.requests == []


def _pointing(value: Any, url: str) -> Any:
    if isinstance(value, dict):
        return {name: _pointing(inner, url) for name, inner in value.items()}
    return value.replace("URL", url) if isinstance(value, str) else value


async def test_a_picture_that_would_have_to_be_fetched_is_a_400_that_says_what_to_do() -> None:
    async with Provider() as provider, running("gemini/gemini-2.0-flash", provider.url) as backend:
        picture = {"type": "image_url", "image_url": {"url": "http://models.example/x.png"}}
        with pytest.raises(BackendError) as raised:
            await backend.ask(call([picture]))
        assert (raised.value.reason, raised.value.status) == ("refused", 400)
        assert raised.value.message == NOT_FETCHED


@pytest.mark.parametrize("where", ["body", "query"])
async def test_no_field_of_a_request_sets_address_or_key(where: str) -> None:
    names = (
        *("api_base", "base_url", "url", "endpoint", "host", "organization", "custom_llm_provider", "proxy"),
        *("azure_endpoint", "aws_bedrock_runtime_endpoint", "vertex_location", "model_list", "deployment_id"),
    )
    fields = dict.fromkeys(names, "THIEF")
    fields |= {"api_key": "theirs", "aws_access_key_id": "theirs"}
    objects: dict[str, Any] = {
        "litellm_params": {"api_base": "THIEF"},
        "litellm_credential_name": "x",
        "extra_headers": {"host": "THIEF", "authorization": "Bearer theirs"},
        "headers": {"authorization": "Bearer theirs"},
        "extra_query": {"api_base": "THIEF"},
        "client": "THIEF",
        "metadata": {"api_base": "THIEF", "user_api_key": "theirs"},
        "fallbacks": [{"model": "openai/x", "api_base": "THIEF"}],
        "context_window_fallback_dict": {"x": "THIEF"},
        "tools": [{"type": "mcp", "server_url": "THIEF", "server_label": "x", "require_approval": "never"}],
        "user_config": {"model_list": [{"model_name": "x", "litellm_params": {"api_base": "THIEF"}}]},
    }
    for model in ("openai/x", "anthropic/claude-haiku-4-5", "ollama_chat/x"):
        async with Provider() as provider, Provider() as thief, running(model, provider.url) as backend:
            thief.json({})
            provider.json({"error": {"message": "no"}}, 400)
            told = {name: _told(value, thief.url) for name, value in {**fields, **objects}.items()}
            request = call(**told) if where == "body" else call()
            request.query = f"api_base={thief.url}".encode() if where == "query" else b""
            with pytest.raises(BackendError):
                await backend.ask(request)
            assert thief.requests == []
            for said in provider.requests:
                assert "theirs" not in str(said.headers)


def _told(value: Any, url: str) -> Any:
    if isinstance(value, dict):
        return {name: _told(inner, url) for name, inner in value.items()}
    if isinstance(value, list):
        return [_told(inner, url) for inner in value]
    return url if value == "THIEF" else value


async def test_a_provider_that_echoes_the_key_is_not_repeated() -> None:
    said = f"your key is {KEY}, I think"
    async with Provider() as provider, running("openai/x", provider.url) as backend:
        choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        provider.json({"id": "c", "object": "chat.completion", "created": 1, "model": "x", "choices": [choice]})
        whole = await (await backend.ask(call())).read()
        delta = {"index": 0, "delta": {"content": said}, "finish_reason": None}
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "x", "choices": [delta]}
        provider.events(["data: " + json.dumps(chunk), "data: [DONE]"])
        stream = await (await backend.ask(call(stream=True))).read()
        provider.json({"error": {"message": said, "code": "invalid_api_key"}}, 401)
        with pytest.raises(BackendError) as raised:
            await backend.ask(call())
    for text in (whole.decode(), stream.decode(), raised.value.message):
        assert "your key is ***" in text and ", I think" in text
        assert KEY not in text
