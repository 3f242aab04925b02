"""An answer of Messages as one object: the very message that its stream adds up to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from router.dialects.messages.course import SIGNATURE, Course
from router.dialects.messages.thinking import Thoughts
from router.dialects.neutral import Event

__all__ = ["INVALID", "whole_of"]

INVALID = "INVALID_JSON"
"""Where arguments that are no JSON object are kept. `input` must be an object, and {} would be a call that the model
did not make. Anthropic's page on fine-grained tool streaming wraps such texts under this name: no tool has such a
field, so it refuses the call, and the model reads in the history what it wrote."""


def whole_of(events: Sequence[Event], model: str, thoughts: Thoughts) -> dict[str, Any]:
    """`events` from `Began` to `Ended`; `model` and `thoughts` as in `Course`."""
    course = Course(model, thoughts)
    message: dict[str, Any] = {}
    content: list[dict[str, Any]] = []
    pieces: list[str] = []
    for told in (told for event in events for told in course.take(event)):
        kind = told["type"]
        if kind == "message_start":
            message = told["message"]
        elif kind == "content_block_start":
            content.append(dict(told["content_block"]))
            pieces = []
        elif kind == "content_block_delta":
            delta = told["delta"]
            pieces.append(delta.get("text") or delta.get("thinking") or delta.get("partial_json") or "")
        elif kind == "content_block_stop":
            _fill(content[-1], "".join(pieces))
        elif kind == "message_delta":
            message.update(told["delta"], content=content, usage=told["usage"])
    return message


def _fill(block: dict[str, Any], text: str) -> None:
    if block["type"] == "tool_use":
        block["input"] = _input(text)
    elif block["type"] == "thinking":
        block.update(thinking=text, signature=SIGNATURE)
    else:
        block["text"] = text


def _input(arguments: str) -> dict[str, Any]:
    if not arguments.strip():
        return {}
    try:
        given = orjson.loads(arguments)
    except ValueError:
        given = None
    return given if isinstance(given, dict) else {INVALID: arguments}
