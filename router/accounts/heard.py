"""The text that a model wrote, out of the bytes of an answer: what is counted where no usage is told."""

from __future__ import annotations

from typing import Any

import orjson

from router.wire.sse import event_data, split_events

__all__ = ["written"]

WRITTEN = (
    *("name", "content", "reasoning_content", "reasoning", "text", "thinking", "arguments", "partial_json", "refusal"),
)
"""Fields of messages, deltas and content blocks, in any of the dialects, that hold what was written."""
INTO = (
    "choices",
    "delta",
    "message",
    "tool_calls",
    "function",
    "content",
    "content_block",
    "output",
    "item",
    "summary",
)
DEEPEST = 12


def written(body: bytes) -> str:
    """All text of a JSON answer or of a stream's events, whole or broken off; "" where there is none."""
    parts: list[str] = []
    if body.lstrip()[:1] == b"{":
        _collect(_parsed(body), parts, 0)
        return "".join(parts)
    events, rest = split_events(body)
    for event in [*events, rest]:
        _collect(_event(event), parts, 0)
    return "".join(parts)


def _event(event: bytes) -> Any:
    """What an event adds. The last events of Messages and Responses repeat what came before."""
    data = _parsed(event_data(event))
    if not isinstance(data, dict):
        return None
    kind = data.get("type")
    if isinstance(kind, str) and kind.startswith("response."):
        return {"text": data.get("delta")} if kind.endswith(".delta") else None
    return data


def _parsed(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except ValueError:
        return None


def _collect(value: Any, parts: list[str], depth: int) -> None:
    if depth > DEEPEST:
        return
    if isinstance(value, list):
        for each in value:
            _collect(each, parts, depth + 1)
    elif isinstance(value, dict):
        parts += [text for name in WRITTEN if isinstance(text := value.get(name), str)]
        for name in INTO:
            if isinstance(inner := value.get(name), dict | list):
                _collect(inner, parts, depth + 1)
