"""A provider on loopback: answers as it is told, remembers what it was sent, and when its caller hung up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any


@dataclass
class Said:
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Provider:
    """Sends `pieces` one by one, `pause` seconds apart.

    With `hang` the connection then stays open in silence; `silent` gives no answer at all; `cut` ends a
    stream without its proper end.
    """

    status: int = 200
    kind: str = "application/json"
    pieces: Sequence[bytes] = (b"{}",)
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    hang: bool = False
    silent: bool = False
    cut: bool = False
    requests: list[Said] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    gone_at: float = 0.0
    url: str = ""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Provider:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def json(self, answer: dict[str, Any], status: int = 200) -> None:
        """Answer with one JSON body from now on."""
        self.status, self.kind, self.pieces = status, "application/json", (json.dumps(answer).encode(),)

    def events(self, events: Sequence[str], *, pause: float = 0.0, hang: bool = False) -> None:
        """Answer with server-sent events from now on."""
        self.status, self.kind, self.pause, self.hang = 200, "text/event-stream", pause, hang
        self.pieces = [f"{text}\n\n".encode() for text in events]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            self.gone_at = perf_counter()
            self.gone.set()
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.requests.append(Said(head[0].split()[1], headers, json.loads(body or b"{}")))
        if self.silent:
            await reader.read()
            return False
        extra = "".join(f"{k}: {v}\r\n" for k, v in self.headers.items())
        length = "" if self.kind == "text/event-stream" else f"content-length: {sum(map(len, self.pieces))}\r\n"
        chunked = "" if length else "transfer-encoding: chunked\r\n"
        writer.write(f"HTTP/1.1 {self.status} X\r\ncontent-type: {self.kind}\r\n{length}{chunked}{extra}\r\n".encode())
        for piece in self.pieces:
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            await writer.drain()
            if self.pause:
                await asyncio.sleep(self.pause)
        if self.hang:
            await reader.read()
            return False
        if self.cut:
            return False
        if chunked:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True
