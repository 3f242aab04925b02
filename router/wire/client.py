"""The proxy's side of HTTP/1.1 toward a backend: pooled keep-alive connections that hand on bytes as they come.

A response is read by one of two means: `read()` for a whole body, `pipe(sink)` for one that is relayed. A piece goes
to the sink within the very callback in which it was received, so a relayed chunk costs no task switch.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

import httptools

__all__ = ["Connection", "Limits", "Origin", "Pool", "Response", "WireError"]

RawHeaders = list[tuple[bytes, bytes]]
Sink = Callable[[bytes], None]
Ready = Callable[[], Awaitable[None] | None]

HELD_LIMIT = 1024 * 1024
"""Bytes of a body held while nobody reads it; then the peer is made to wait."""
BODY_LIMIT = 256 * 1024 * 1024
"""Bytes `read()` takes at most."""
IDLE_CONNECTIONS = 256
"""Connections of one pool kept for the next request."""
IDLE_TIME = 60.0
"""Seconds an unused connection is kept."""


class WireError(Exception):
    """`reason`: connect, tls, timeout, broken. The message is a sentence for a person."""

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


@dataclass(frozen=True, slots=True)
class Origin:
    """Where to connect."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    authority: bytes = field(default=b"")
    """The Host header."""


class _Stale(Exception):
    """A kept connection was closed by the peer before it answered: the request was not taken."""


class Connection(asyncio.Protocol):
    """One connection and at most one request on it."""

    def __init__(self, pool: Pool):
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
            elif self.used and not self.heard:
                self.fail(_Stale())
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
        if not self.busy:  # an answer nobody asked for
            self.transport.abort()
            return
        self.heard = True
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self.complete:
                self.fail(WireError("broken", f"the answer is not valid HTTP/1.1: {error}"))
            self.transport.abort()
            return
        if not self.complete:
            self._watch(min(self.loop.time() + self.pool.limits.idle, self._total))
        if self.sink is not None:
            self._deliver()
        if self.complete or (self.head_done and self.sink is None):
            self._wake()
            if not self.complete and self.held > HELD_LIMIT and not self.held_back:
                self.held_back = True
                self.transport.pause_reading()

    # -- parser callbacks -----------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()
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

    def on_message_complete(self) -> None:
        if self.status >= 200:
            self.complete = True

    # -- one request ----------------------------------------------------------------------------------------------

    def begin(self, head: bytes, body: bytes) -> None:
        """Send a request whose body is at hand."""
        self._reset()
        self.busy = True
        now = self.loop.time()
        limits = self.pool.limits
        self._total = now + limits.total
        self._watch(min(now + limits.first_byte, self._total))
        self.transport.write(head + body if len(body) < 65536 else head)
        if len(body) >= 65536:
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


class Response:
    """An answer whose head is here."""

    __slots__ = ("_connection", "_upload", "headers", "status")

    def __init__(self, connection: Connection, upload: asyncio.Task[None] | None = None):
        self._connection = connection
        self._upload = upload
        self.status = connection.status
        self.headers = connection.headers

    async def read(self) -> bytes:
        """The whole body. Raises WireError."""
        connection = self._connection
        whole: list[bytes] = []
        size = 0
        try:
            while not connection.complete:
                await connection.wait()
                if not connection.complete:
                    whole.append(connection.take())
                    size += len(whole[-1])
                    if size > BODY_LIMIT:
                        raise WireError("broken", f"the answer is larger than {BODY_LIMIT:,} bytes")
                    connection.go_on()
        except BaseException:
            self.abort()
            raise
        whole.append(connection.take())
        self._done()
        return whole[0] if len(whole) == 1 else b"".join(whole)

    async def pipe(self, sink: Sink, ready: Ready | None = None) -> None:
        """Call `sink` with each piece as it comes, until the end; waits while `ready()` gives something to wait
        for. Raises WireError when the answer breaks off."""
        connection = self._connection
        try:
            connection.sink = sink
            connection.ready = ready
            if connection.pieces:
                sink(connection.take())
            connection.go_on()
            while not connection.complete:
                await connection.wait()
        except BaseException:
            self.abort()
            raise
        self._done()

    def abort(self) -> None:
        """Stop; closes the connection unless the answer is complete. Harmless when repeated."""
        if self._upload is not None:
            self._upload.cancel()
        if self._connection.busy and self._connection.headers is self.headers:
            self._connection.sink = None
            self._connection.abort()

    def _done(self) -> None:
        if self._upload is not None and not self._upload.done():  # answered before the whole body was sent
            self.abort()
        else:
            self._connection.release()


class Pool:
    """The connections to one origin."""

    def __init__(self, origin: Origin, limits: Limits):
        self.origin = origin
        self.limits = limits
        self.loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()

    async def send(self, head: bytes, body: bytes) -> Response:
        """Send a whole request; returns when the head of the answer is here. Raises WireError.

        A kept connection that the peer closed meanwhile is replaced by a new one, once.
        """
        while True:
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                connection.begin(head, body)
                while not connection.head_done:
                    await connection.wait()
            except _Stale:
                continue
            except BaseException:
                connection.abort()
                raise
            return Response(connection)

    async def stream(self, head: bytes, pieces: AsyncIterator[bytes], chunked: bool) -> Response:
        """As `send`, with a body that is still coming; on a connection of its own, since it cannot be repeated."""
        connection = await self._connect()
        upload: asyncio.Task[None] | None = None
        try:
            connection.begin(head, b"")
            upload = self.loop.create_task(connection.feed(pieces, chunked))
            upload.add_done_callback(lambda task: _carry(task, connection))
            while not connection.head_done:
                await connection.wait()
        except BaseException:
            if upload is not None:
                upload.cancel()
            connection.abort()
            raise
        return Response(connection, upload)

    async def knock(self) -> None:
        """See whether somebody listens: open a connection, unless one stands, and close it. Raises WireError."""
        if not self._all:
            (await self._connect()).transport.close()

    def keep(self, connection: Connection) -> bool:
        """Take back an unused connection; False when there are enough."""
        if len(self._idle) >= IDLE_CONNECTIONS or connection not in self._all:
            return False
        self._idle.append(connection)
        return True

    def forget(self, connection: Connection) -> None:
        """It is closed."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Close unused connections now and the others when their answers end."""
        for connection in self._idle:
            connection.transport.close()
        self._idle.clear()
        self._all.clear()

    async def _connect(self) -> Connection:
        origin = self.origin
        where = f"{origin.host}:{origin.port}"
        try:
            async with asyncio.timeout(self.limits.connect):
                _, connection = await self.loop.create_connection(
                    lambda: Connection(self),
                    origin.host,
                    origin.port,
                    ssl=origin.tls,
                    server_hostname=origin.host if origin.tls else None,
                )
        except TimeoutError:
            raise WireError("timeout", f"no connection to {where} within {self.limits.connect:g} s") from None
        except ssl.SSLError as error:
            raise WireError("tls", f"TLS with {where} failed: {error.reason or error}") from None
        except OSError as error:
            what = "connection refused" if isinstance(error, ConnectionRefusedError) else (error.strerror or str(error))
            raise WireError("connect", f"cannot connect to {where}: {what}") from None
        self._all.add(connection)
        return connection


def _carry(task: asyncio.Task[None], connection: Connection) -> None:
    """An upload that failed on our side fails its request."""
    if not task.cancelled() and (error := task.exception()) is not None:
        connection.fail(WireError("broken", f"the upload ended: {error}"))
        connection.transport.abort()
