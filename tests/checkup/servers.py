"""Model servers of the tests' own: the pages of a program, and a model behind them that answers as it is told."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any

from tests.backends.servers.shapes import serves
from tests.upstream import Play, Request, chat_answer, chat_chunks, respond

__all__ = ["TOFY", "model_server", "said", "under"]

TOFY: dict[str, Any] = {
    "/v1/models": {"object": "list", "data": [{"id": "tofy", "object": "model", "owned_by": "Tofy"}]},
}
CALL = {
    "id": "1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'},
}


def said(text: str, **message: Any) -> dict[str, Any]:
    """A whole answer with this message."""
    answer = chat_answer(text)
    answer["choices"][0]["message"] |= message
    return answer


def model_server(
    pages: dict[str, Any],
    *,
    tools: Any = None,
    image: Any = None,
    stream: str = "sse",
    key: str | None = None,
    embedding: int = 3,
) -> Play:
    """`tools`, `image`: an answer, or a status to refuse with. `stream`: `sse`, `whole`, `late`, `unended`, `bare`."""
    listed = serves(pages)

    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if key is not None and request.headers.get("authorization") != f"Bearer {key}":
            sent = request.headers.get("authorization", "")
            respond(writer, 401, {"error": {"message": f"Incorrect API key provided: {sent}"}})
        elif request.target == "/v1/embeddings":
            respond(writer, 200, {"data": [{"embedding": [0.1] * embedding}]})
        elif request.target != "/v1/chat/completions":
            await listed(request, writer)
        elif request.json.get("stream"):
            await streamed(stream, writer)
        else:
            asked = tools if "tools" in request.json else image
            if isinstance(asked, int):
                respond(writer, asked, {"error": {"message": "that is not supported"}})
            else:
                respond(writer, 200, asked or said("red", tool_calls=[CALL]))

    return play


async def streamed(how: str, writer: asyncio.StreamWriter) -> None:
    """A stream of six pieces."""
    if how == "whole":
        respond(writer, 200, chat_answer())
        return
    if how == "late":
        await asyncio.sleep(0.6)
    events = chat_chunks(list("abcdef"), usage=how != "bare")
    body = b"".join(events[:-1] if how == "unended" else events)
    writer.write(b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(body))
    writer.write(body)


def under(pages: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """A copy with a change."""
    copied = copy.deepcopy(pages)
    change(copied)
    return copied
