"""Servers that can count the tokens of a prompt are asked, each in its own words."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from router.backends.http import HttpBackend
from router.config.backend import HttpBackend as Spec
from router.config.known import facts
from tests.backends.servers.shapes import LLAMA, OLLAMA, ROUTER, VLLM, serves
from tests.upstream import Request, Upstream, upstream

pytestmark = pytest.mark.anyio

BODY: dict[str, Any] = {
    "model": "coder",
    "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "temperature": 0.5,
}
SEEN = {**BODY, "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]}
COUNTS = {"object": "response.input_tokens", "input_tokens": 11}
OLDER = {"/apply-template": {"prompt": "<|user|>hi"}, "/tokenize": {"tokens": [5, 6, 7]}}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def counted(server: Upstream, data: dict[str, Any] = BODY, model: str = "coder") -> int | None:
    """By a backend that has asked which program it is."""
    spec = Spec(url=server.url, model=model)
    backend = HttpBackend("here", spec, facts("here", spec))
    await backend.prober.ask()
    try:
        return await backend.count_tokens(data)
    finally:
        backend.pool.close()


@pytest.mark.parametrize(
    ("pages", "data", "tokens"),
    [
        (LLAMA | {"/v1/chat/completions/input_tokens": COUNTS}, BODY, 11),
        (LLAMA | {"/v1/chat/completions/input_tokens": COUNTS}, SEEN, 11),
        (LLAMA | OLDER, BODY, 3),
        (LLAMA | OLDER, SEEN, None),
        (LLAMA | {"/apply-template": {"prompt": 5}}, BODY, None),
        (LLAMA | {"/v1/chat/completions/input_tokens": {"input_tokens": "many"}}, BODY, None),
        (LLAMA, BODY, None),
        (VLLM | {"/tokenize": {"count": 17, "max_model_len": 99, "tokens": []}}, BODY, 17),
        (VLLM | {"/tokenize": 500}, BODY, None),
        (OLLAMA | {"/tokenize": {"count": 17}}, BODY, None),
    ],
)
async def test_each_server_is_asked_in_its_own_words(pages: Any, data: dict[str, Any], tokens: int | None) -> None:
    with upstream(serves(pages)) as server:
        assert await counted(server, data) == tokens


async def test_they_are_told_what_their_templates_see() -> None:
    with upstream(serves(LLAMA | OLDER)) as server:
        await counted(server)
        wrote, split = server.asked[-2:]
    assert (wrote.target, split.target) == ("/apply-template", "/tokenize")
    assert wrote.json == {name: BODY[name] for name in ("model", "messages", "tools")}
    assert split.json == {"model": "coder", "content": "<|user|>hi", "add_special": True, "parse_special": True}
    with upstream(serves(VLLM | {"/tokenize": {"count": 1}})) as server:
        await counted(server)
        assert server.asked[-1].json == {name: BODY[name] for name in ("model", "messages", "tools")}


async def test_no_model_is_loaded_to_count() -> None:
    with upstream(serves(ROUTER | {"/v1/chat/completions/input_tokens": COUNTS})) as server:
        assert await counted(server, model="org/seer-GGUF:Q4_K_M") == 11
        assert await counted(server, model="org/coder-GGUF:Q8_0") is None
        assert len(server.asked) == 1


async def test_a_server_that_breaks_off_is_no_error() -> None:
    pages = serves(LLAMA)

    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method == "POST":
            writer.close()
        else:
            await pages(request, writer)

    with upstream(play) as server:
        assert await counted(server) is None


async def test_what_cannot_be_written_is_not_asked() -> None:
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    with upstream(serves(LLAMA | {"/v1/chat/completions/input_tokens": COUNTS})) as server:
        assert await counted(server, {**BODY, "tools": deep}) is None
        assert not server.asked
