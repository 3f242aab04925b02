"""The backends of these runs: one scripted model under several names and ports, with faults that are played once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.harnesses.model import Text, reply, spoken
from tests.upstream import Request, Upstream, respond, upstream

__all__ = ["NAMES", "Backends", "backends"]

NAMES = ("small", "vision", "coder", "general")
USAGE = {"prompt_tokens": 40, "completion_tokens": 8, "total_tokens": 48}
PIECE = 4
"""Characters in one event of a stream."""
BEFORE_CUT = 3
"""Pieces of a text that are sent before a stream is cut: less than what comes before an answer's word."""
TITLE = Text("Words spelled backwards")
"""What `small` says: it is asked for titles, and never for an answer."""


@dataclass
class Backends:
    """All of them; `fault` is played at the next question to any but `small`, once."""

    urls: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    """"429": too many requests, try again in a second; "cut": the answer breaks off in the middle."""
    played: int = 0

    def due(self) -> str:
        """The fault to play now."""
        fault, self.fault = self.fault, ""
        self.played += bool(fault)
        return fault


@contextmanager
def backends() -> Iterator[Backends]:
    """Started and ended."""
    all_of_them = Backends()
    with ExitStack() as stack:
        for name in NAMES:
            server = stack.enter_context(upstream())
            server.models = [f"{name}-model"]
            server.play = _play(all_of_them, server, name)
            all_of_them.urls[name] = server.url
        yield all_of_them


def _play(shared: Backends, server: Upstream, name: str) -> Any:
    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method == "GET":
            await server.answer(request, writer)
            return
        if not request.target.endswith("/chat/completions"):
            respond(writer, 404, {"error": {"message": f"{request.target} is not served here", "type": "not_found"}})
            return
        asked = request.json
        said = TITLE if name == "small" else reply(asked)
        fault = "" if name == "small" else shared.due()
        if fault == "429":
            busy = {"error": {"message": "Rate limit reached, try again in 1s", "type": "rate_limit_exceeded"}}
            respond(writer, 429, busy, "retry-after: 1\r\n")
            return
        message = {"role": "assistant", "content": said.text} if isinstance(said, Text) else _calling(said)
        if asked.get("stream"):
            await _stream(writer, asked, message, f"{name}-model", fault == "cut")
        else:
            _whole(writer, message, f"{name}-model", fault == "cut")

    return play


def _calling(call: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [spoken(call)]}


def _finish(message: dict[str, Any]) -> str:
    return "tool_calls" if message.get("tool_calls") else "stop"


def _whole(writer: asyncio.StreamWriter, message: dict[str, Any], model: str, cut: bool) -> None:
    choice = {"index": 0, "message": message, "finish_reason": _finish(message)}
    answer = {"id": "chatcmpl-s1", "object": "chat.completion", "created": 1, "model": model}
    answer |= {"choices": [choice], "usage": USAGE}
    if not cut:
        respond(writer, 200, answer)
        return
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body[:60])
    writer.close()


async def _stream(
    writer: asyncio.StreamWriter, asked: dict[str, Any], message: dict[str, Any], model: str, cut: bool
) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    base = {"id": "chatcmpl-s1", "object": "chat.completion.chunk", "created": 1, "model": model}
    deltas = list(_deltas(message))
    for delta in deltas[: 1 + BEFORE_CUT] if cut else deltas:
        await _event(writer, {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    if cut:
        writer.close()
        return
    await _event(writer, {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": _finish(message)}]})
    if (asked.get("stream_options") or {}).get("include_usage"):
        await _event(writer, {**base, "choices": [], "usage": USAGE})
    writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


def _deltas(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    text = message.get("content") or ""
    for at in range(0, len(text), PIECE):
        yield {"content": text[at : at + PIECE]}
    for index, call in enumerate(message.get("tool_calls") or []):
        arguments = call["function"]["arguments"]
        yield {"tool_calls": [{"index": index, **call, "function": {**call["function"], "arguments": ""}}]}
        for at in range(0, len(arguments), PIECE * 4):
            yield {"tool_calls": [{"index": index, "function": {"arguments": arguments[at : at + PIECE * 4]}}]}


async def _event(writer: asyncio.StreamWriter, event: dict[str, Any]) -> None:
    line = b"data: " + json.dumps(event).encode() + b"\n\n"
    writer.write(b"%x\r\n%b\r\n" % (len(line), line))
    await writer.drain()
