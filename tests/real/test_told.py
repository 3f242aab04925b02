"""What servers say of themselves decides where requests go, and stands in /v1/models."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from tests.backends.servers.shapes import LLAMA, LM_STUDIO_V1, OLLAMA, VLLM, serves
from tests.signalbox import Signalbox, ask, post, signalbox
from tests.upstream import Play, Request, chat_answer, respond, upstream

RULES = """
version: 1
backends:
  told: {{url: "{told}", model: "{model}"}}
  large: {{url: "{large}", context: 200k, accepts: [text, image]}}
routes: [{{to: [told, large]}}]
"""
CHAT = "/v1/chat/completions"
IMAGE = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]
TOOL = {"type": "function", "function": {"name": "look", "parameters": {}}}


def answers(pages: Mapping[str, Any]) -> Play:
    """`serves`, and chats."""
    told = serves(pages)

    async def play(request: Request, writer: Any) -> None:
        if request.target == CHAT:
            respond(writer, 200, chat_answer())
        else:
            await told(request, writer)

    return play


@contextmanager
def proxy(pages: Mapping[str, Any], model: str) -> Iterator[Signalbox]:
    """Before a server with these pages, once it has been asked."""
    with upstream(answers(pages)) as told, upstream() as large:
        rules = RULES.format(told=told.url, model=model, large=large.url)
        with signalbox(rules) as running:
            until = time.monotonic() + 5
            while "context_length" not in entry(running) and "loaded" not in entry(running):
                assert time.monotonic() < until, entry(running)
                time.sleep(0.02)
            yield running


def entry(running: Signalbox) -> dict[str, Any]:
    of: dict[str, Any] = json.loads(ask(running, "GET", "/v1/models/told")[2])
    return of


def served_by(running: Signalbox, content: Any = "hi", **fields: Any) -> str:
    body = {"model": "auto", "messages": [{"role": "user", "content": content}], **fields}
    code, headers, answer = post(running, CHAT, json.dumps(body).encode())
    assert code == 200, answer
    return headers["x-signalbox-backend"]


@pytest.mark.parametrize(
    ("pages", "model", "about", "image", "tools", "of_10k_tokens"),
    [
        (LLAMA, "coder", {"context_length": 24576, "slots": 4, "loaded": True}, "told", "told", "told"),
        (OLLAMA, "qwen3:8b", {"context_length": 4096, "loaded": True}, "large", "told", "large"),
        (OLLAMA, "llava", {"context_length": 8192, "loaded": False}, "told", "large", "large"),
        (LM_STUDIO_V1, "gemma-3-4b", {"context_length": 8192, "slots": 3, "loaded": True}, "told", "told", "large"),
        (VLLM, "my-adapter", {"context_length": 32768}, "large", "told", "told"),
    ],
    ids=["llama.cpp", "ollama", "ollama, not loaded", "lm-studio", "vllm"],
)
def test_what_a_server_tells_is_what_the_gates_go_by(
    pages: Mapping[str, Any], model: str, about: dict[str, Any], image: str, tools: str, of_10k_tokens: str
) -> None:
    with proxy(pages, model) as running:
        told = entry(running)
        assert {name: told.get(name) for name in ("context_length", "slots", "loaded") if name in told} == about
        assert told["input_modalities"] == (["text", "image"] if image == "told" else ["text"])
        assert served_by(running) == "told"
        assert served_by(running, IMAGE) == image
        assert served_by(running, tools=[TOOL]) == tools
        assert served_by(running, "word " * 10_000) == of_10k_tokens
