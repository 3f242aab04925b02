"""One connection toward a backend: an asyncio protocol that sends a request and takes in its answer.

A piece goes to the sink within the very callback in which it was received, so a relayed chunk costs no task switch.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, cast

import httptools

__all__ = ["Connection", "Limits", "Ready", "Sink", "Stale", "WireError"]

RawHeaders = list[tuple[bytes, bytes]]
Sink = Callable[[bytes], None]
Ready = Callable[[], Awaitable[None] | None]

HEAD_LIMIT = 64 * 1024
"""Bytes of the head of an answer, interim heads included; also of what comes in a row and is no content: trailers."""
HELD_LIMIT = 1024 * 1024
"""Bytes of a body held while nobody reads it; then the peer is made to wait."""
SMALL = 64 * 1024
"""Bytes up to which head and body are joined and leave in one write."""
IDLE_TIME = 60.0
"""Seconds an unused connection is kept."""
STALE_WITHIN = 1.0
"""Seconds after a request was sent within which a kept connection that closes without a word was closed before the
request came: that news takes a round trip, which is shorter to any place. Who closes later has worked on the request:
to send it again unseen would be a second attempt that nobody counts."""


class WireError(Exception):
    """`reason`: connect, tls, timeout, broken, refused (what was to be sent is at fault). The message is a sentence."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds."""

    connect: float = 5.0
    first_byte: float = 300.0
    idle: float = 300.0
    total: float = 3600.0


class Stale(Exception):
    """A kept connection was closed by the peer before it answered: the request was not taken."""


class Owner(Protocol):
    """Whose connection it is."""

    loop: asyncio.AbstractEventLoop
    limits: Limits

    def send_out(self, transport: asyncio.Transport, data: bytes) -> None:
        """Write now, or together with others that are about to leave."""

    def keep(self, connection: Connection) -> bool:
        """Take back an unused connection; False when there are enough."""

    def forget(self, connection: Connection) -> None:
        """It is closed."""


class Connection(asyncio.Protocol):
    """One connection and at most one request on it."""

    def __init__(self, pool: Owner):
        self.pool = pool
        self.loop = pool.loop
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.parser = httptools.HttpResponseParser(self)
        self.closed = False
        self.used = False
        """It has carried an answer before."""
        self._deadline: float | None = None
        self._total = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._drained: asyncio.Future[None] | None = None
        self._reset()

    def _reset(self) -> None:
        self.status = 0
        self.headers: RawHeaders = []
        self.pieces: list[bytes] = []
        self.held = 0
        self.waiter: asyncio.Future[None] | None = None
        self.sink: Sink | None = None
        self.ready: Ready | None = None
        self.busy = False
        self.head_done = False
        self.complete = False
        self.until_close = False
        self.keepable = False
        self.error: Exception | None = None
        self.heard = False
        self.held_back = False
        self._head_size = 0
        self._mute = 0
        """Bytes that have come since the last content."""
        self._sent = 0.0

    # -- asyncio.Protocol -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self.pool.forget(self)
        if self.busy and not self.complete:
            if self.head_done and self.until_close and exc is None:
                self.complete = True
                self._wake()
            elif self.used and not self.heard and self.loop.time() - self._sent < STALE_WITHIN:
                self.fail(Stale())
            elif self.head_done:
                self.fail(WireError("broken", "the connection was closed in the middle of the answer"))
            else:
                self.fail(WireError("broken", "the connection was closed before an answer"))

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._drained = self.loop.create_future()

    def resume_writing(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    def data_received(self, data: bytes) -> None:
        if not self.busy or self.complete:  # an answer nobody asked for
            self.keepable = False
            self.transport.abort()
            return
        self.heard = True
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.keepable = False
            if not self.complete:
                self._invalid(error)
                return
            self.transport.abort()  # words after the answer, which itself is whole
        if not self.complete:
            if not self.pieces and not self._goes_on(len(data)):
                return
            if self.head_done:
                self._watch(min(self.loop.time() + self.pool.limits.idle, self._total))
        if self.sink is not None:
            self._deliver()
        if self.complete or (self.head_done and self.sink is None):
            self._wake()
            if not self.complete and self.held > HELD_LIMIT and not self.held_back:
                self.held_back = True
                self.transport.pause_reading()

    def _goes_on(self, size: int) -> bool:
        """Bytes have come that hold no content. The parser keeps a line that does not end, however long it gets."""
        self._mute += size
        if self._mute <= HEAD_LIMIT:
            return True
        self.fail(WireError("broken", f"the head of the answer is larger than {HEAD_LIMIT:,} bytes"))
        self.transport.abort()
        return False

    def _invalid(self, error: Exception) -> None:
        cause = error.__context__  # what a callback of ours has raised
        if not isinstance(cause, WireError):
            cause = WireError("broken", f"the answer is not valid HTTP/1.1: {error}")
        self.fail(cause)
        self.transport.abort()

    # -- parser callbacks -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self.complete:
            raise WireError("broken", "more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head_done:
            return  # a trailer: nobody asked for one (RFC 9110 §6.5.1)
        self._head_size += len(name) + len(value) + 4
        if self._head_size > HEAD_LIMIT:
            raise WireError("broken", f"the head of the answer is larger than {HEAD_LIMIT:,} bytes")
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()
        if not 100 <= self.status < 600 or self.status == 101:
            raise WireError("broken", f"the answer has status {self.status}, which nobody asked for")
        if self.status < 200:
            self.headers = []
            return
        self.head_done = True
        self.keepable = self.parser.should_keep_alive()
        self.until_close = self.status not in (204, 304) and not any(
            name in (b"content-length", b"transfer-encoding") for name, _ in self.headers
        )

    def on_body(self, body: bytes) -> None:
        self.pieces.append(body)
        self.held += len(body)
        self._mute = 0

    def on_message_complete(self) -> None:
        if self.status >= 200:
            self.complete = True

    # -- one request ----------------------------------------------------------------------------------------------

    def begin(self, head: bytes, body: bytes) -> None:
        """Send a request whose body is at hand."""
        self._reset()
        self.busy = True
        now = self._sent = self.loop.time()
        limits = self.pool.limits
        self._total = now + limits.total
        self._watch(min(now + limits.first_byte, self._total))
        if len(body) < SMALL:
            self.pool.send_out(self.transport, head + body)
        else:
            self.transport.write(head)
            self.transport.write(body)

    async def feed(self, pieces: AsyncIterator[bytes], chunked: bool) -> None:
        """Send a body as it comes, no faster than the peer takes it."""
        async for piece in pieces:
            if self.closed:
                return
            if piece:
                self.transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                self._watch(min(self.loop.time() + self.pool.limits.first_byte, self._total))
            if self._drained is not None:
                await self._drained
        if chunked and not self.closed:
            self.transport.write(b"0\r\n\r\n")

    async def wait(self) -> None:
        """Until something has happened; raises what has gone wrong."""
        if self.error is None:
            self.waiter = self.loop.create_future()
            await self.waiter
        if self.error is not None:
            raise self.error

    def fail(self, error: Exception) -> None:
        """End this request with an error."""
        self.error = error
        self._deadline = None
        self._wake()

    def release(self) -> None:
        """The answer is complete: keep the connection for the next request, or close it."""
        self._deadline = None
        self.sink = None
        self.busy = False
        self.used = True
        if self.closed:
            return
        if self.until_close or not self.keepable or not self.pool.keep(self):
            self.transport.close()
        else:
            self._watch(self.loop.time() + IDLE_TIME)

    def abort(self) -> None:
        """Close at once; the peer sees that nobody waits any more."""
        if not self.closed and self.busy:
            self.closed = True
            self._deadline = None
            self.transport.abort()

    def take(self) -> bytes:
        """The pieces that have come."""
        pieces = self.pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.held = 0
        return data

    def go_on(self) -> None:
        """Read again after a pause."""
        if self.held_back:
            self.held_back = False
            if not self.closed:
                self.transport.resume_reading()
                self._watch(min(self.loop.time() + self.pool.limits.idle, self._total))

    def _deliver(self) -> None:
        if self.pieces and self.sink is not None:
            try:
                self.sink(self.take())
            except Exception as error:
                self.fail(error)
                self.transport.abort()
                return
            if self.ready is not None and not self.complete and (wait := self.ready()) is not None:
                self.held_back = True
                self.transport.pause_reading()
                self._deadline = self._total
                asyncio.ensure_future(wait).add_done_callback(lambda _: self.go_on())

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    # One timer a connection, set again only when it fires early: a request costs no timer of its own.

    def _watch(self, deadline: float) -> None:
        self._deadline = deadline
        if self._timer is None or self._timer_at > deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = deadline
            self._timer = self.loop.call_at(deadline, self._time_is_up)

    def _time_is_up(self) -> None:
        self._timer = None
        if self._deadline is None or self.closed:
            return
        if self.loop.time() < self._deadline - 0.001:
            self._watch(self._deadline)
        elif not self.busy:
            self.transport.close()
        else:
            limits, total = self.pool.limits, self.loop.time() >= self._total - 0.001
            what = (
                f"the answer took longer than {limits.total:g} s"
                if total
                else f"silent for {limits.idle:g} s in the middle of the answer"
                if self.head_done
                else f"no answer within {limits.first_byte:g} s"
            )
            self.fail(WireError("timeout", what))
            self.transport.abort()
