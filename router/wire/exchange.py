"""One request at a door and the answer to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

if TYPE_CHECKING:
    from router.wire.inbound import InboundProtocol

__all__ = ["Exchange"]

RawHeaders = list[tuple[bytes, bytes]]

COMMENT = b": waiting\n\n"
"""WHATWG HTML §9.2.6: a line that begins with a colon is ignored."""


class Exchange:
    """One request at a door and the answer to it. Not shared between tasks.

    It also fulfils what uvicorn's protocol asks of its cycle (`response_complete`, `disconnected`, `keep_alive`,
    `message_event`), so that keep-alive, pipelining and shutdown treat it like any other.
    """

    __slots__ = (
        "_arrived",
        "_chunked",
        "_expect_continue",
        "_flow",
        "_pieces",
        "_size",
        "_wake",
        "commented",
        "complete",
        "disconnected",
        "events",
        "extra",
        "headers",
        "keep_alive",
        "last",
        "method",
        "path",
        "protocol",
        "query",
        "response_complete",
        "started",
        "streaming",
        "task",
        "transport",
    )

    def __init__(self, protocol: InboundProtocol, method: str, path: str, query: bytes, streaming: bool):
        self.protocol = protocol
        self.transport = protocol.transport
        self._flow = protocol.flow
        self.method = method
        self.path = path
        self.query = query
        self.headers: RawHeaders = protocol.headers
        self.streaming = streaming
        self.task: asyncio.Task[None] | None = None
        self.complete = False
        """The whole request has arrived."""
        self.started = False
        self.last = b""
        """What was written last."""
        self.commented = False
        """It has started as a stream of events of which only comments have been sent: the answer is still to come."""
        self.events = False
        """What has started is a stream of events, between which comments may stand."""
        self.extra: RawHeaders = []
        """Headers that the answer carries, whoever gives it."""
        self._chunked = False
        self._pieces: list[bytes] = []
        self._size = 0
        self._wake: asyncio.Future[None] | None = None
        self._expect_continue = protocol.expect_100_continue
        self.keep_alive = True
        self.disconnected = False
        self.response_complete = False

    # -- what arrives ---------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """A piece of the body has arrived."""
        self._pieces.append(data)
        self._size += len(data)
        if self.streaming and self._size > HIGH_WATER_LIMIT:
            self._flow.pause_reading()
        self.set()

    @property
    def size(self) -> int:
        """Bytes of the body that wait to be read."""
        return self._size

    def body(self) -> bytes:
        """The whole body, once; for exchanges that do not stream it."""
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    @property
    def message_event(self) -> Exchange:
        """uvicorn calls `message_event.set()` when the connection is lost."""
        return self

    async def arriving(self) -> AsyncIterator[bytes]:
        """The body as it comes, for exchanges that stream it. Raises ConnectionError when the client goes away: an end
        would make a part of it pass for the whole."""
        while True:
            if self._pieces:
                piece = b"".join(self._pieces)
                self._pieces.clear()
                self._size = 0
                self._flow.resume_reading()
                yield piece
            elif self.complete:
                return
            elif self.disconnected:
                raise ConnectionError("the client went away")
            else:
                self.go_on()
                self._wake = self.protocol.loop.create_future()
                await self._wake

    def go_on(self) -> None:
        """Tell a client that waits for `100 Continue` to send its body."""
        if self._expect_continue and not self.started:
            self._expect_continue = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def set(self) -> None:
        """Wake a reader of the body."""
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def answered(self, task: asyncio.Task[None]) -> None:
        """The task has ended. Letting go of it frees the request now, not when the collector finds the circle."""
        self.task = None
        self.protocol.tasks.discard(task)

    def lost(self) -> None:
        """The client has gone: stop working for it."""
        self.disconnected = True
        self.set()
        if self.task is not None and not self.response_complete:
            self.task.cancel()

    # -- what is answered -----------------------------------------------------------------------------------------

    def respond(self, status: int, headers: RawHeaders, body: bytes) -> None:
        """Answer whole, in one write."""
        if self.disconnected or self.started:
            return
        self.started = True
        head = self._head(status, headers, b"content-length: %d\r\n" % len(body))
        protocol = self.protocol
        if self.keep_alive and not protocol.pipeline:
            protocol.doors.outbox.write(self.transport, head + body, alone=len(protocol.tasks) <= 1)
        else:  # the connection closes, or the next answer is about to be written to it
            self.transport.write(head + body)
        self._end()

    def start(self, status: int, headers: RawHeaders, length: int | None = None) -> bytes:
        """Begin an answer that comes in pieces; returns the head, to be sent with the first piece."""
        self.started = True
        if length is not None:
            framing = b"content-length: %d\r\n" % length
        elif self.keep_alive or self.protocol.speaks_1_1:
            self._chunked = True
            framing = b"transfer-encoding: chunked\r\n"
        else:
            framing = b""
        return self._head(status, headers, framing)

    def write(self, data: bytes, head: bytes = b"") -> None:
        """Send a piece of the answer (not empty), after `head` if this is the first."""
        if self.disconnected or self.response_complete:
            return
        self.last = data
        if self._chunked:
            self.transport.write(b"%b%x\r\n%b\r\n" % (head, len(data), data))
        else:
            self.transport.write(head + data if head else data)

    def comment(self, headers: RawHeaders) -> None:
        """Send a line that readers of an event stream pass over, so that a silent one is not given up; `headers` are
        those of a stream that has not started. Only between two events."""
        if self.disconnected or self.response_complete:
            return
        head = b""
        if not self.started:
            head = self.start(200, headers)
            self.commented = self.events = True
        elif not self.events:
            return
        self.write(COMMENT, head)

    def finish(self, head: bytes = b"") -> None:
        """End the answer properly."""
        if self.disconnected or self.response_complete:
            return
        if self._chunked or head:
            self.transport.write(head + b"0\r\n\r\n" if self._chunked else head)
        self._end()

    def cut(self) -> None:
        """End the answer without its proper end, so that the client sees that it is not whole."""
        self.response_complete = True
        if not self.disconnected:
            self.transport.close()

    def ready(self) -> Awaitable[None] | None:
        """None while the client takes what is sent, else an awaitable that ends when it does again."""
        return self._flow.drain() if self._flow.write_paused and not self.disconnected else None

    def _head(self, status: int, headers: RawHeaders, framing: bytes) -> bytes:
        parts = [STATUS_LINE[status], self.protocol.default_head()]
        if self.extra:  # what we say ourselves, a backend does not say as well
            own = {name for name, _ in self.extra if name.startswith(b"x-ratelimit-")}
            headers = [header for header in headers if header[0] not in own]
        for name, value in headers:
            parts += (name, b": ", value, b"\r\n")
        for name, value in self.extra:
            parts += (name, b": ", value, b"\r\n")
        parts.append(framing)
        if not self.complete:  # the rest of the request is not wanted: it would be read as the next one
            self.keep_alive = False
        parts.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        return b"".join(parts)

    def _end(self) -> None:
        self.response_complete = True
        if self.keep_alive:
            self.protocol.on_response_complete()
        else:
            self.protocol.server_state.total_requests += 1
            self.protocol.linger()
