"""Answers as the openai package reads them, and the tools that the tests offer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx
import openai
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from router.dialects.neutral import Event
from router.dialects.responses import Responses

__all__ = ["TOOLS", "accumulated", "asked", "plain", "sse", "streamed", "told"]

TOOLS: list[dict[str, Any]] = [
    {"type": "function", "name": "read", "description": "Reads.", "parameters": {"type": "object"}, "strict": False},
    {"type": "custom", "name": "patch", "format": {"type": "grammar", "syntax": "lark", "definition": "start: /x/"}},
    {"type": "namespace", "name": "agents", "description": "Others.", "tools": [
        {"type": "function", "name": "close", "parameters": {"type": "object", "properties": {}}},
        {"type": "custom", "name": "note"},
    ]},
    {"type": "local_shell"},
    {"type": "shell"},
    {"type": "apply_patch"},
    {"type": "web_search"},
]  # fmt: skip

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def asked(**more: Any) -> Responses:
    """A request that offers TOOLS. Its answers' ids are always the same."""
    return Responses({"model": "auto", "input": "hi", "tools": TOOLS, **more}, seed="s")


def sse(dialect: Responses, events: Sequence[Event]) -> bytes:
    """The stream that tells these events."""
    writer = dialect.writer()
    return b"".join(map(writer.write, events))


def told(stream: bytes) -> list[dict[str, Any]]:
    """A stream's events, each of them as the openai package's types want it, named as it says, and numbered."""
    found = []
    for number, block in enumerate(stream.decode().removesuffix("\n\n").split("\n\n") if stream else []):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        assert event["sequence_number"] == number
        EVENT.validate_python(event, strict=True)
        found.append(event)
    return found


def _client(body: bytes, kind: str) -> openai.OpenAI:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": kind}, content=body)

    http = httpx.Client(transport=httpx.MockTransport(answer))
    return openai.OpenAI(base_url="http://box/v1", api_key="k", http_client=http, max_retries=0)


def streamed(stream: bytes) -> list[Any]:
    """What `create(stream=True)` yields."""
    with _client(stream, "text/event-stream") as client:
        return list(client.responses.create(model="auto", input="hi", stream=True))


def accumulated(stream: bytes) -> Response:
    """What `responses.stream()` makes of the stream. Raises RuntimeError where it never came to its end."""
    with _client(stream, "text/event-stream") as client, client.responses.stream(model="auto", input="hi") as events:
        return events.get_final_response()


def plain(answer: dict[str, Any]) -> Response:
    """What `create()` makes of the plain answer."""
    with _client(json.dumps(answer).encode(), "application/json") as client:
        return client.responses.create(model="auto", input="hi")
