"""What is fed with arbitrary bytes, by Hypothesis in the suite and by a coverage-guided fuzzer beside it.

Each target takes bytes and raises when a promise is broken. The first bytes may say in which pieces the rest arrives.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import unquote

import uvicorn
from uvicorn.server import ServerState

from router.api.paths import canonical
from router.config.problems import RulesError
from router.request.edit import REMOVE, edit, parse
from router.request.envelope import Envelope, Headers
from router.request.multipart import ModelRewriter, fields
from router.request.signals import NAMES, Signals
from router.routing.rulebook import read_rules
from router.wire.connection import Connection, Limits, WireError
from router.wire.exchange import Exchange
from router.wire.inbound import InboundProtocol
from router.wire.outbox import Outbox
from router.wire.sse import StreamWatch, split_events
from router.wire.usage import usage_of

__all__ = ["TARGETS"]

_loop = asyncio.new_event_loop()


def _pieces(data: bytes) -> list[bytes]:
    """The first byte says how large they are; 0: all at once."""
    size, rest = (data[0], data[1:]) if data else (0, b"")
    return [rest[at : at + size] for at in range(0, len(rest), size)] if size else [rest]


class Socket(asyncio.Transport):
    """The far side of a protocol: keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        if not self.closed:
            self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading


class Echo:
    """Doors that give back what they were asked."""

    body_limit = 100_000

    def __init__(self) -> None:
        self.outbox = Outbox(_loop)

    def opens(self, method: str, path: str) -> bool:
        return method not in ("OPTIONS", "HEAD", "CONNECT", "TRACE") and canonical(path) is not None

    def streams_body(self, method: str, path: str, content_type: str) -> bool:
        return content_type.startswith("multipart/")

    def welcomes(self, headers: list[tuple[bytes, bytes]]) -> bool:
        return any(name == b"host" for name, _ in headers)

    async def answer(self, exchange: Exchange) -> None:
        if not self.welcomes(exchange.headers):
            exchange.respond(401, [], b"")
            return
        body = exchange.body() if not exchange.streaming else b"".join([piece async for piece in exchange.arriving()])
        exchange.respond(200, [], b"%d" % len(body))

    def complain(self, status: int, message: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
        return [], message.encode()


async def _asgi(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


_config = uvicorn.Config(_asgi, log_config=None, ws="none", access_log=False)
_STATUS = re.compile(rb"HTTP/1\.1 (\d+)")


def inbound(data: bytes) -> None:
    """A client's bytes at the door: never a 500, no exception, and only whole answers."""
    if not _config.loaded:
        _config.load()
    _loop.run_until_complete(_inbound(_pieces(data)))


async def _inbound(pieces: list[bytes]) -> None:
    faults: list[Any] = []
    _loop.set_exception_handler(lambda _, context: faults.append(context))
    state = ServerState()
    protocol = InboundProtocol(config=_config, server_state=state, app_state={"doors": Echo()}, _loop=_loop)
    client = Socket()
    protocol.connection_made(client)
    for piece in pieces:
        if client.closed:
            break
        protocol.data_received(piece)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    protocol.connection_lost(None)
    for task in list(state.tasks):
        task.cancel()
    await asyncio.gather(*state.tasks, return_exceptions=True)
    assert not faults, faults
    for status in _STATUS.findall(client.written):
        assert int(status) < 500 or int(status) == 505, client.written


class Owner:
    """Of one connection."""

    loop = _loop
    limits = Limits()

    def send_out(self, transport: asyncio.Transport, data: bytes) -> None:
        transport.write(data)

    def keep(self, connection: Connection) -> bool:
        return False

    def forget(self, connection: Connection) -> None:
        pass


def outbound(data: bytes) -> None:
    """A backend's bytes: an answer, or a WireError; who waits for it is woken by whatever ends it."""
    _loop.run_until_complete(_outbound(_pieces(data)))


async def _outbound(pieces: list[bytes]) -> None:
    connection = Connection(Owner())
    server = Socket()
    connection.connection_made(server)
    connection.begin(b"GET / HTTP/1.1\r\n\r\n", b"")

    async def read() -> None:
        while not connection.head_done:
            await connection.wait()
        assert 200 <= connection.status < 600
        assert sum(len(name) + len(value) for name, value in connection.headers) <= 64 * 1024
        while not connection.complete:
            await connection.wait()
            connection.take()
            connection.go_on()

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    for piece in pieces:
        if server.closed:
            break
        connection.data_received(piece)
        await asyncio.sleep(0)
    connection.connection_lost(None)
    try:
        async with asyncio.timeout(1):
            await reading
    except WireError:
        pass


def body(data: bytes) -> None:
    """A JSON body: an object or a ValueError; edited, it means the same with the changes."""
    try:
        said = parse(data)
    except ValueError:
        return
    for changes in ({"model": "x"}, {"model": REMOVE}, {"stream_options": {"include_usage": True}, "model": "y"}):
        edited = edit(data, said, changes)
        parse(edited)
        wanted = {key: value for key, value in {**_plain(data), **changes}.items() if value is not REMOVE}
        assert {key: repr(value) for key, value in _plain(edited).items()} == {k: repr(v) for k, v in wanted.items()}
    asked = Envelope("/v1/chat/completions", said, Headers(), data)
    for path in ("/v1/chat/completions", "/v1/responses", "/v1/messages"):
        asked.path = path
        signals = Signals(asked)
        for name in NAMES:
            if name != "header":
                getattr(signals, name)
        assert signals.session is not None


def _plain(data: bytes) -> dict[str, Any]:
    """As the standard library reads it, whatever else is in it."""
    try:
        said: dict[str, Any] = json.loads(data)
    except RecursionError:
        return {}
    return said


def multipart(data: bytes) -> None:
    """A form, split anywhere, comes to the same; only its model changes."""
    size = 1 + (data[0] if data else 0)
    kind, whole = "multipart/form-data; boundary=x", data[1:]
    try:
        fields(whole, kind)
        once = ModelRewriter(kind, "new")
        expected = once.feed(whole) + once.close()
        again = ModelRewriter(kind, "new")
        came = b"".join(again.feed(whole[at : at + size]) for at in range(0, len(whole), size)) + again.close()
    except ValueError:
        return
    assert came == expected
    try:
        fields(whole, whole[:200].decode("latin-1"))
    except ValueError:
        return


def events(data: bytes) -> None:
    """A stream, split anywhere: its bytes pass, and less only what was to be hidden."""
    pieces = _pieces(data)
    whole = b"".join(pieces)
    watch, hiding, once = StreamWatch(), StreamWatch(hide_usage=True), StreamWatch(hide_usage=True)
    assert b"".join([*map(watch.feed, pieces), watch.close()]) == whole
    hidden = b"".join([*map(hiding.feed, pieces), hiding.close()])
    assert len(hidden) <= len(whole)
    if b"usage" not in whole:
        assert hidden == whole == once.feed(whole) + once.close()
    found, rest = split_events(whole)
    assert b"".join(found) + rest == whole
    usage_of(whole)


def rules(data: bytes) -> None:
    """A rules file: rules, or a RulesError that says where."""
    refused = None
    try:
        read_rules(data, "rules.yaml", {})
    except RulesError as error:
        refused = error
    assert refused is None or (refused.problems and "rules.yaml:" in str(refused))


def path(data: bytes) -> None:
    """A path: a door or none, and never above its base."""
    name = canonical(data.decode("latin-1"))
    if name is not None:
        assert name.startswith("/v1/")
        assert ".." not in re.split(r"[/\\]", unquote(name))
        assert cast("str", canonical(name)) is not None


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (inbound, outbound, body, multipart, events, rules, path)
}
