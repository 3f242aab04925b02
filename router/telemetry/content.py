"""What was asked and answered, as text: for traces whose content is wanted."""

from __future__ import annotations

from typing import Any

import orjson

__all__ = ["answered", "as_parts"]

Message = dict[str, Any]


def as_parts(data: dict[str, Any]) -> list[Message]:
    """The messages of a request in the shape of `gen_ai.input.messages`: only their text, pictures by their type."""
    found: list[Message] = []
    system = data.get("system") or data.get("instructions")
    if system:
        found.append({"role": "system", "parts": _parts(system)})
    asked = data.get("messages") or data.get("input") or data.get("prompt")
    if isinstance(asked, str):
        return [*found, {"role": "user", "parts": _parts(asked)}]
    said = ((message.get("role"), message.get("content")) for message in _dicts(asked))
    return [*found, *({"role": str(role or "user")[:50], "parts": _parts(content)} for role, content in said)]


def _parts(content: Any) -> list[Message]:
    if isinstance(content, str):
        return [{"type": "text", "content": content}]
    parts: list[Message] = []
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            parts.append({"type": "text", "content": part["text"]})
        elif isinstance(part, dict):
            parts.append({"type": str(part.get("type"))[:50]})
    return parts


def answered(body: bytes, path: str) -> str:
    """The text of an answer, streamed or whole; "" where it is none. `body` may be cut off."""
    if not body or path == "/v1/embeddings":
        return ""
    if body.lstrip()[:1] == b"{":
        try:
            return _whole(orjson.loads(body))
        except ValueError:
            return ""
    texts = []
    for line in body.splitlines():
        if line.startswith(b"data:"):
            try:
                texts.append(_piece(orjson.loads(line[5:])))
            except ValueError:
                continue  # [DONE], or the end that was cut off
    return "".join(texts)


def _whole(answer: Any) -> str:
    if not isinstance(answer, dict):
        return ""
    for choice in _dicts(answer.get("choices"))[:1]:
        message = choice.get("message")
        return _text(message.get("content") if isinstance(message, dict) else choice.get("text"))
    items = _dicts(answer.get("output"))
    parts = [part for item in items for part in _dicts(item.get("content"))] or _dicts(answer.get("content"))
    return "".join(_text(part.get("text")) for part in parts)


def _piece(event: Any) -> str:
    if not isinstance(event, dict):
        return ""
    for choice in _dicts(event.get("choices"))[:1]:
        delta = choice.get("delta")
        return _text(delta.get("content") if isinstance(delta, dict) else choice.get("text"))
    delta = event.get("delta")
    if event.get("type") == "response.output_text.delta":
        return _text(delta)
    return _text(delta.get("text")) if isinstance(delta, dict) else ""


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
