"""A server that speaks chat completions and nothing else, and what it says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from tests.upstream import Play, Request, respond

__all__ = ["Said", "chat_only", "text", "thoughts_and_calls"]

Said = Callable[[dict[str, Any]], dict[str, Any]]
"""The message that answers a body."""

USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 60},
    "completion_tokens_details": {"reasoning_tokens": 5},
}


def text(_: dict[str, Any]) -> dict[str, Any]:
    """Words."""
    return {"role": "assistant", "content": "All is well: é, 漢, 😀 and \n two lines."}


def thoughts_and_calls(body: dict[str, Any]) -> dict[str, Any]:
    """Thoughts, words, and two calls of tools that are offered, where some are."""
    message = {**text(body), "reasoning_content": "I think of it."}
    names = [tool["function"]["name"] for tool in body.get("tools", ())]
    calls = [
        {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": arguments(body, name)}}
        for at, name in enumerate((*names[:1], *names[-1:]) if names else ())
    ]
    return {**message, **({"tool_calls": calls} if calls else {})}


def arguments(body: dict[str, Any], name: str) -> str:
    """Some that fit the tool's schema where it asks for strings."""
    schema = next(tool["function"]["parameters"] for tool in body["tools"] if tool["function"]["name"] == name)
    return json.dumps(dict.fromkeys(schema.get("required") or (), 'a "quoted"\n é'))


def chat_only(said: Said, faults: list[int] | None = None) -> Play:
    """`faults`: statuses that are answered first, one after the other."""

    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.target != "/v1/chat/completions" or request.method != "POST":
            respond(writer, 404, {"error": {"message": "unknown path", "type": "invalid_request_error"}})
            return
        if faults:
            respond(writer, faults.pop(0), {"error": {"message": "not now", "type": "x", "code": "y"}})
            return
        body = request.json
        message = said(body)
        reason = "tool_calls" if message.get("tool_calls") else "stop"
        base = {"id": "chatcmpl-1", "created": 1, "model": "tiny"}
        if not body.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": reason}
            respond(writer, 200, {**base, "object": "chat.completion", "choices": [choice], "usage": USAGE})
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for delta in _deltas(message):
            _send(writer, {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
            await writer.drain()
        _send(writer, {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        if body.get("stream_options", {}).get("include_usage"):
            _send(writer, {**base, "choices": [], "usage": USAGE})
        writer.write(b"data: [DONE]\n\n")
        await writer.drain()
        writer.close()

    return play


def _send(writer: asyncio.StreamWriter, chunk: dict[str, Any]) -> None:
    writer.write(b"data: " + json.dumps({**chunk, "object": "chat.completion.chunk"}).encode() + b"\n\n")


def _deltas(message: dict[str, Any]) -> list[dict[str, Any]]:
    """In pieces of three characters, parallel calls interleaved."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    for field in ("reasoning_content", "content"):
        deltas += [{field: piece} for piece in _pieces(message.get(field) or "")]
    calls = message.get("tool_calls") or []
    deltas += [
        {"tool_calls": [{"index": at, **call, "function": {**call["function"], "arguments": ""}}]}
        for at, call in enumerate(calls)
    ]
    left = [list(_pieces(call["function"]["arguments"])) for call in calls]
    while any(left):
        for at, pieces in enumerate(left):
            if pieces:
                deltas.append({"tool_calls": [{"index": at, "function": {"arguments": pieces.pop(0)}}]})
    return deltas


def _pieces(said: str) -> list[str]:
    return [said[at : at + 3] for at in range(0, len(said), 3)]
