"""LiteLLM's answers as JSON in OpenAI's shapes."""

from __future__ import annotations

from typing import Any

import orjson

__all__ = ["DONE", "body", "event"]

DONE = b"data: [DONE]\n\n"


def body(response: Any) -> bytes:
    """A whole answer: LiteLLM's object without its empty fields."""
    answer = response.model_dump(exclude_none=True)
    for choice in answer.get("choices", ()):
        _tidy(choice)
        choice.setdefault("finish_reason", None)
        if isinstance(message := choice.get("message"), dict):
            _tidy(message)
            message.setdefault("content", None)
    if answer.get("object") == "list":
        # Embeddings complete nothing, and OpenAI's usage for them does not say so.
        answer.get("usage", {}).pop("completion_tokens", None)
    return orjson.dumps(answer)


def event(chunk: Any) -> bytes:
    """One chunk of a stream, as server-sent events: usage comes in one of its own, with no choices, as at OpenAI."""
    said = chunk.model_dump(exclude_none=True)
    usage = said.pop("usage", None)
    choices = said.get("choices", [])
    for choice in choices:
        _tidy(choice)
        choice.setdefault("finish_reason", None)
        if "delta" in choice:
            _tidy(choice["delta"])
        else:
            choice.setdefault("text", "")
    says_nothing = all(not c.get("delta") and not c.get("text") and c["finish_reason"] is None for c in choices)
    events = b"" if usage is not None and says_nothing else _event(said)
    return events if usage is None else events + _event({**said, "choices": [], "usage": usage})


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def _tidy(part: dict[str, Any]) -> None:
    """LiteLLM adds `provider_specific_fields` everywhere: kept only where the provider did say something."""
    fields = part.get("provider_specific_fields")
    if isinstance(fields, dict) and not any(value is not None for value in fields.values()):
        del part["provider_specific_fields"]
