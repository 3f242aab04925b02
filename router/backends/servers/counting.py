"""How many tokens a prompt has, asked of the server whose model will read it.

* llama.cpp: `/v1/chat/completions/input_tokens` takes the body of a chat completion (tools/server/README.md). Before it
  had that, `/apply-template` writes the prompt and `/tokenize` splits it, as long as it is text only: pictures become
  tokens nowhere but in the first.
* vLLM: `/tokenize` takes the messages and tools of a chat completion (vllm/entrypoints/serve/tokenize/protocol.py).

Neither waits for a slot of the model. Others have no such page.
"""

from __future__ import annotations

from typing import Any

import orjson

from router.backends.servers.told import Server, number, parsed

__all__ = ["count"]

_WRITTEN = ("messages", "tools", "tool_choice", "chat_template_kwargs", "reasoning_effort", "response_format")
"""Fields that a chat template sees."""
_VLLM = ("model", "messages", "tools", "chat_template_kwargs")


async def count(server: Server, base: bytes, program: str | None, data: dict[str, Any]) -> int | None:
    """Tokens of the prompt in `data`, a body of chat completions; None where it does not say. `base` is the path of its
    API, `program` as in `Facts.server`. Raises WireError."""
    root = base.removesuffix(b"/v1")
    if program == "llama.cpp":
        return await _llama_cpp(server, root, base, data)
    if program == "vllm":
        body = _body({name: data[name] for name in _VLLM if name in data})
        return None if body is None else number((await _asked(server, root + b"/tokenize", body)).get("count"))
    return None


async def _llama_cpp(server: Server, root: bytes, base: bytes, data: dict[str, Any]) -> int | None:
    body = _body(data)
    if body is None:
        return None
    told = number((await _asked(server, base + b"/chat/completions/input_tokens", body)).get("input_tokens"))
    if told is not None or _shows_media(data):
        return told
    model = {"model": data["model"]} if "model" in data else {}
    body = _body(model | {name: data[name] for name in _WRITTEN if name in data})
    prompt = (await _asked(server, root + b"/apply-template", body or b"")).get("prompt")
    if not isinstance(prompt, str):
        return None
    body = _body({**model, "content": prompt, "add_special": True, "parse_special": True})
    tokens = (await _asked(server, root + b"/tokenize", body or b"")).get("tokens")
    return number(len(tokens)) if isinstance(tokens, list) else None


async def _asked(server: Server, path: bytes, body: bytes) -> dict[str, Any]:
    return parsed(*await server.fetch(path, body))


def _body(data: dict[str, Any]) -> bytes | None:
    """None for what cannot be written: it is nested too deeply."""
    try:
        return orjson.dumps(data)
    except TypeError:
        return None


def _shows_media(data: dict[str, Any]) -> bool:
    messages = data.get("messages")
    contents = (
        [each.get("content") for each in messages if isinstance(each, dict)] if isinstance(messages, list) else []
    )
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return any(not isinstance(part, dict) or part.get("type") != "text" for part in parts)
