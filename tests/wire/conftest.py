"""Real sockets on loopback: a server that plays a script, and the inbound lane with doors of a test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from router.wire.client import Limits, Origin, Pool
from router.wire.exchange import Exchange
from router.wire.inbound import InboundProtocol
from router.wire.outbox import Outbox

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def upstream(play: Play, limits: Limits | None = None) -> AsyncIterator[Pool]:
    """A server that runs `play` on each connection, and a pool toward it."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await play(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pool = Pool(Origin("127.0.0.1", port), limits or Limits())
    try:
        yield pool
    finally:
        pool.close()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class PlainDoors:
    """Doors whose one answer is a function of the test."""

    body_limit = 100_000

    def __init__(self, answer: Callable[[Exchange], Awaitable[None]]):
        self._answer = answer
        self.outbox = Outbox(asyncio.get_running_loop())

    def opens(self, method: str, path: str) -> bool:
        return path.startswith("/v1/")

    def streams_body(self, method: str, path: str, content_type: str) -> bool:
        return content_type.startswith("multipart/")

    def complain(self, status: int, message: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
        return [(b"content-type", b"text/plain")], message.encode()

    def welcomes(self, headers: list[tuple[bytes, bytes]]) -> bool:
        return (b"x-stranger", b"1") not in headers

    async def answer(self, exchange: Exchange) -> None:
        await self._answer(exchange)


async def _asgi(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"asgi"})


@asynccontextmanager
async def inbound(answer: Callable[[Exchange], Awaitable[None]]) -> AsyncIterator[int]:
    """The port of a server whose doors answer so; other paths reach an ASGI application that says `asgi`."""
    config = uvicorn.Config(_asgi, log_config=None, ws="none", access_log=False, timeout_keep_alive=5)
    config.load()
    state = ServerState()
    doors = PlainDoors(answer)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: InboundProtocol(config=config, server_state=state, app_state={"doors": doors}), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        for task in list(state.tasks):
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)


async def exchange_bytes(port: int, *pieces: bytes, pause: float = 0.0, eof: bool = False) -> bytes:
    """Send these bytes on one connection; all that comes back until it closes, or half a second passes in silence."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            if pause:
                await asyncio.sleep(pause)
        if eof:
            writer.write_eof()
        while True:
            data = await asyncio.wait_for(reader.read(65536), 0.5)
            if not data:
                break
            answer += data
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return answer


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
