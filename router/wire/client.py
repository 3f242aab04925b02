"""The proxy's side of HTTP/1.1 toward a backend: a pool of kept connections, and the responses that come over them.

A response is read by one of two means: `read()` for a whole body, `pipe(sink)` for one that is relayed as it comes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

from router.wire.connection import Connection, Limits, Ready, Sink, Stale, WireError
from router.wire.outbox import Outbox

__all__ = ["Limits", "Origin", "Pool", "Response", "WireError"]

BODY_LIMIT = 256 * 1024 * 1024
"""Bytes `read()` takes at most, where nothing else is said."""
IDLE_CONNECTIONS = 256
"""Connections of one pool kept for the next request."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where to connect."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


class Response:
    """An answer whose head is here."""

    __slots__ = ("_connection", "_upload", "headers", "status")

    def __init__(self, connection: Connection, upload: asyncio.Task[None] | None = None):
        self._connection = connection
        self._upload = upload
        self.status = connection.status
        self.headers = connection.headers

    async def read(self, limit: int = BODY_LIMIT) -> bytes:
        """The whole body, of `limit` bytes at most. Raises WireError."""
        connection = self._connection
        whole: list[bytes] = []
        size, complete = 0, False
        try:
            while not complete:
                if not connection.complete:
                    await connection.wait()
                complete = connection.complete
                whole.append(connection.take())
                size += len(whole[-1])
                if size > limit:
                    raise WireError("broken", f"the answer is larger than {limit:,} bytes")
                connection.go_on()
        except BaseException:
            self.abort()
            raise
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
        self._outbox = Outbox(self.loop)
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
            except Stale:
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

    def send_out(self, transport: asyncio.Transport, data: bytes) -> None:
        """Write a request: at once when it is the only one under way."""
        self._outbox.write(transport, data, alone=len(self._all) - len(self._idle) <= 1)

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
        except UnicodeError:
            raise WireError(
                "connect", f"cannot connect to {where}: the host is no name that can be looked up"
            ) from None
        except OSError as error:
            what = "connection refused" if isinstance(error, ConnectionRefusedError) else (error.strerror or str(error))
            raise WireError("connect", f"cannot connect to {where}: {what}") from None
        self._all.add(connection)
        return connection


def _carry(task: asyncio.Task[None], connection: Connection) -> None:
    """An upload that failed on our side fails its request; ValueError says that the client's form is at fault."""
    if not task.cancelled() and (error := task.exception()) is not None:
        reason = "refused" if isinstance(error, ValueError) else "broken"
        connection.fail(WireError(reason, f"the upload ended: {error}"))
        connection.transport.abort()
