"""A scripted server on a real socket, in a thread of its own: it records what reaches it and answers as it is told."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Request", "Upstream", "chat_answer", "chat_chunks", "upstream"]

Play = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Request:
    """One request as it reached the server."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    closed: threading.Event = field(default_factory=threading.Event)
    """Set when the client's side of the connection is closed while the answer is on its way."""
    closed_at: float = 0.0

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def chat_answer(text: str = "hello", model: str = "m") -> dict[str, Any]:
    """A plain answer in OpenAI's shape."""
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [choice],
        "usage": usage,
    }


def chat_chunks(pieces: list[str], usage: bool = False) -> list[bytes]:
    """The events of a stream, the usage event before `[DONE]` when asked for."""
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choices: list[dict[str, Any]] = [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]
    choices += [{"index": 0, "delta": {"content": piece}, "finish_reason": None} for piece in pieces]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    events: list[dict[str, Any]] = [{**base, "choices": [choice]} for choice in choices]
    if usage:
        events.append({**base, "choices": [], "usage": chat_answer()["usage"]})
    return [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events] + [b"data: [DONE]\n\n"]


class Upstream:
    """`play(request, writer)` writes the answer; the connection is kept while it leaves the writer open."""

    def __init__(self, play: Play | None = None, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"):
        self.play = play or self.answer
        self.tls = tls
        self.host = host
        self.requests: list[Request] = []
        self.models = ["m"]
        self.pause = 0.0
        self.pieces = ["hel", "lo"]
        self.status = 200
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/v1" if self.tls else f"http://{self.host}:{self.port}/v1"

    @property
    def asked(self) -> list[Request]:
        """What clients asked, without the probes."""
        return [request for request in self.requests if request.method != "GET" and request.body != b"{}"]

    def start(self, port: int = 0) -> None:
        if not self._thread.is_alive():
            self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._connected, self.host, port or self.port, ssl=self.tls), self._loop
        ).result(5)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Stop listening and close all connections; `start()` listens on the same port again."""
        if self._server is None:
            return
        server, self._server = self._server, None

        async def close() -> None:
            server.close()
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(5)

    def end(self) -> None:
        self.stop()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)

    async def answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """The usual: models, a plain answer, or a stream with `pause` seconds before each event."""
        if request.method == "GET":
            if request.target.endswith("/models"):
                respond(
                    writer, 200, {"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]}
                )
            else:
                respond(writer, 404, {"error": {"message": "nothing here"}})
        elif self.status != 200:
            respond(writer, self.status, {"error": {"message": f"scripted {self.status}", "type": "x"}})
        elif (
            request.body
            and request.headers.get("content-type", "").startswith("application/json")
            and request.json.get("stream")
        ):
            options = request.json.get("stream_options") or {}
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            for event in chat_chunks(self.pieces, bool(options.get("include_usage"))):
                if self.pause:
                    await asyncio.sleep(self.pause)
                writer.write(b"%x\r\n%b\r\n" % (len(event), event))
                await writer.drain()
            writer.write(b"0\r\n\r\n")
        else:
            respond(writer, 200, chat_answer())

    async def hang_up(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """Tells its models, and closes the connection on every question."""
        if request.method == "GET":
            await self.answer(request, writer)
        else:
            writer.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                watch = asyncio.create_task(_watch(reader, request))
                await self.play(request, writer)
                await writer.drain()
                watch.cancel()
                if writer.is_closing():
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def respond(writer: asyncio.StreamWriter, status: int, answer: Any, headers: str = "") -> None:
    """A whole JSON answer."""
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    line, *lines = head.split("\r\n")
    method, target, _ = line.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in lines if text)}
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, target, headers, body)


async def _watch(reader: asyncio.StreamReader, request: Request) -> None:
    """Nothing is read here: only the end of the connection is waited for."""
    while not (reader.at_eof() or reader.exception()):
        await asyncio.sleep(0.002)
    request.closed_at = time.perf_counter()
    request.closed.set()


@contextmanager
def upstream(
    play: Play | None = None, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[Upstream]:
    """A server for the length of a test."""
    server = Upstream(play, tls, host)
    server.start()
    try:
        yield server
    finally:
        server.end()
