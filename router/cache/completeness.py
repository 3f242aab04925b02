"""Is an answer whole, and did its model end it by itself? Only such an answer may be given a second time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from router.wire.sse import event_data, split_events

__all__ = ["FINISHED", "events_in", "is_complete"]

FINISHED = frozenset({"stop", "tool_calls", "function_call", "end_turn", "tool_use", "stop_sequence"})
"""`stop` and `tool_calls`, and their names in other dialects. Cut off at a length or by a filter is not finished."""


def events_in(body: bytes) -> Iterator[dict[str, Any]]:
    """The JSON objects of a stream's events; comments and `[DONE]` are passed over. Raises ValueError."""
    events, rest = split_events(body)
    for event in [*events, rest] if rest else events:
        data = event_data(event)
        if data and data != b"[DONE]":
            chunk = orjson.loads(data)
            if not isinstance(chunk, dict):
                raise ValueError("an event that is no object")
            yield chunk


def is_complete(path: str, body: bytes, stream: bool) -> bool:
    """By the words of the path's dialect."""
    try:
        return _stream(path, body) if stream else _plain(path, orjson.loads(body))
    except (ValueError, TypeError, AttributeError, KeyError):
        return False


def _plain(path: str, answer: Any) -> bool:
    if answer.get("error"):
        return False
    if path == "/v1/responses":
        return bool(answer.get("status") == "completed")
    if path == "/v1/messages":
        return answer.get("stop_reason") in FINISHED
    if path in ("/v1/embeddings", "/v1/rerank"):
        return bool(answer.get("data") or answer.get("results"))
    choices = answer["choices"]
    return bool(choices) and all(choice.get("finish_reason") in FINISHED for choice in choices)


def _stream(path: str, body: bytes) -> bool:
    reasons: dict[int, Any] = {}
    ended = False
    for chunk in events_in(body):
        kind = chunk.get("type")
        if chunk.get("error") or kind in ("error", "response.failed", "response.incomplete"):
            return False
        if kind == "response.completed":
            ended = True
        elif kind == "message_delta":
            reasons[0] = chunk["delta"].get("stop_reason") or reasons.get(0)
        elif kind == "message_stop":
            ended = True
        for choice in chunk.get("choices") or ():
            at = choice.get("index", 0)
            reasons[at] = choice.get("finish_reason") or reasons.get(at)
    if path == "/v1/responses":
        return ended
    finished = bool(reasons) and all(reason in FINISHED for reason in reasons.values())
    return finished and (ended or path != "/v1/messages")
