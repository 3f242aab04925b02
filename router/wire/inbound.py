"""The server's side of HTTP/1.1: a lane for the doors, beside uvicorn's ASGI cycle for everything else.

uvicorn's protocol parses, keeps connections alive, queues pipelined requests and shuts down gracefully; all of that
is kept. What a request to a door (`/v1/…`) skips is the ASGI cycle: scope, events and message dicts cost as much as
the whole decision. Such a request becomes an `Exchange`, which the doors read from and write to directly. Requests
that are no door's go on to the ASGI application (admin pages, health, metrics) as always.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, ClassVar, Protocol, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from router.wire.exchange import Exchange
from router.wire.outbox import Outbox
from router.wire.pauses import Pauses

__all__ = ["Doors", "InboundProtocol"]

RawHeaders = list[tuple[bytes, bytes]]

HEAD_LIMIT = 64 * 1024
"""Bytes of request line and headers; nginx allows 32 KiB, Node 16 KiB. Trailers may be as long, and are dropped."""
SMALL = 64 * 1024
"""Bytes of a body that is waited for from anybody: to look twice at who sends it would cost more than to keep it."""
ARRIVAL_PATIENCE = 60.0
"""Seconds for the head of a request to arrive, and after it between two pieces of its body."""
GONE = 60.0
"""Seconds that a client may take in nothing of what is sent to it, as nginx has it (`send_timeout`). One that has lost
power or its network says no goodbye; without this the kernel waits for a quarter of an hour."""
LINGER = 5.0
"""Seconds to go on reading, and throw away, what a refused client still sends: closing at once would reset the
connection, and the client would never read why it was refused."""


class Doors(Protocol):
    """Who answers exchanges; found by the protocol in the lifespan state under "doors"."""

    body_limit: int
    outbox: Outbox

    def opens(self, method: str, path: str) -> bool:
        """True when a door answers this path; else the ASGI application does."""

    def streams_body(self, method: str, path: str, content_type: str) -> bool:
        """True when the door wants the body as it arrives; else it gets it whole."""

    def welcomes(self, headers: RawHeaders) -> bool:
        """False when a request with this head is refused whatever its body holds."""

    async def answer(self, exchange: Exchange) -> None:
        """Answer it. Cancelled when the client goes away. Of one that was not welcome, the body is never whole."""

    def complain(self, status: int, message: str) -> tuple[RawHeaders, bytes]:
        """Headers and body of an error found before a door was reached."""


class InboundProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with the lane for the doors."""

    _joined: ClassVar[tuple[object, bytes]] = (None, b"")

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.doors = cast("Doors", self.app_state["doors"])
        self.exchange: Exchange | None = None
        """The newest exchange; None while the newest request is ASGI's."""
        self._running: Exchange | None = None
        """The one that is being answered; newer ones may wait behind it."""
        self.speaks_1_1 = True
        self._head_size = 0
        self._in_body = False
        self._moved = False
        """What has just arrived was content, or began or ended something."""
        self._mute = 0
        """Bytes that have come since then."""
        self._arriving = False
        """A request has begun and is not all here."""
        self._refused = False
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = self._pauses = Pauses(transport, self.loop)
        self._notice_the_gone(transport)
        self._arm_patience()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm_patience()
        self._pauses.stop()
        waiting = [cycle for cycle, _ in self.pipeline if isinstance(cycle, Exchange)]
        super().connection_lost(exc)
        for exchange in {cast("Any", self.cycle), self._running, *waiting}:
            if isinstance(exchange, Exchange) and not exchange.response_complete:
                exchange.lost()
        self._running = None

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._unset_keepalive_if_required()
        self._moved = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_offer(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            if not self._refused:
                self.refuse(400, f"this is not valid HTTP/1.1: {error}")
        if self._moved:
            self._mute = 0
            if self._arriving and not self._refused:
                self._arm_patience()
        else:  # lines of a head or of trailers that do not end: the parser keeps them
            self._mute += len(data)
            self._limit_head(self._mute)

    # -- parser callbacks -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self.exchange = None
        self._head_size = 0
        self._in_body = False
        self._arriving = self._moved = True

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value) + 4)
        if self._in_body:
            return  # a trailer: it must not pass for a header (RFC 9110 §6.5.1)
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_body = self._moved = True
        if self._refused or self.parser.should_upgrade():
            return
        method = self.parser.get_method().decode("ascii")
        url = self.url
        if url.startswith(b"/"):
            path, _, query = url.partition(b"?")
        else:
            parsed = httptools.parse_url(url)
            path, query = parsed.path or b"/", parsed.query or b""
        name = path.decode("latin-1")
        if not self.doors.opens(method, name):
            self._hand_to_asgi()
            return
        kind, length, chunked = "", 0, False
        for header, value in self.headers:
            if header == b"content-type":
                kind = value.decode("latin-1").lower()
            elif header == b"content-length" and value.isdigit():
                length = int(value)
            elif header == b"transfer-encoding":
                chunked = True
        streaming = self.doors.streams_body(method, name, kind)
        if length > self.doors.body_limit and not streaming:
            self.refuse(413, f"the body is larger than {self.doors.body_limit:,} bytes")
            return
        small = length <= SMALL and not chunked and not self.expect_100_continue
        if not (small or streaming or self.doors.welcomes(self.headers)):
            streaming = True  # refused as soon as its turn comes, and not when its body is here
        exchange = Exchange(self, method, name, query, streaming)
        self.speaks_1_1 = self.parser.get_http_version() != "1.0"
        exchange.keep_alive = self.speaks_1_1 and self.parser.should_keep_alive()
        previous = cast("Any", self.cycle)
        self.exchange = exchange
        self.cycle = cast("Any", exchange)
        if previous is None or previous.response_complete:
            if streaming:
                self._begin(exchange)
            else:
                exchange.go_on()
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cast("Any", exchange), self.app))

    def on_body(self, body: bytes) -> None:
        self._moved = True
        exchange = self.exchange
        if exchange is None:
            super().on_body(body)
        elif not exchange.response_complete:
            exchange.feed(body)
            if not exchange.streaming and exchange.size > self.doors.body_limit:
                self.refuse(413, f"the body is larger than {self.doors.body_limit:,} bytes")

    def on_message_complete(self) -> None:
        self._moved = True
        if self.parser.should_upgrade():
            return
        self._arriving = False
        self._disarm_patience()
        exchange = self.exchange
        if exchange is None:
            if not self._refused:
                super().on_message_complete()
            return
        exchange.complete = True
        exchange.set()
        waits = exchange.task is None and not exchange.started
        if waits and cast("Any", self.cycle) is exchange and not self.pipeline and not self._refused:
            self._begin(exchange)

    # -- the lane -------------------------------------------------------------------------------------------------

    def _begin(self, exchange: Exchange) -> None:
        self._running = exchange
        exchange.task = task = self.loop.create_task(self.doors.answer(exchange))
        self.tasks.add(task)
        task.add_done_callback(exchange.answered)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if not isinstance(cycle, Exchange):
            super()._start_asgi_task(cycle, app)
        elif cycle.complete or cycle.streaming:
            self._begin(cycle)

    def _ignore_offer(self, rest: bytes) -> None:
        """A client offered to switch protocols (Java's HTTP client offers HTTP/2 with every first request). That may
        be ignored, but the parser has stopped before the body: it is given the request again without the offer."""
        offer = (b"connection", b"upgrade", b"http2-settings")
        lines = [b"%b: %b\r\n" % header for header in self.headers if header[0] not in offer]
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":  # the method is the offer itself
            if not self._refused:
                self.refuse(405, "there is no tunnel to other servers here")
            return
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(
            b"%b %b HTTP/%b\r\n%bconnection: close\r\n\r\n%b" % (method, self.url, version, b"".join(lines), rest)
        )

    def _hand_to_asgi(self) -> None:
        url, headers = self.url, self.headers
        expects = self.expect_100_continue
        super().on_message_begin()
        self.url = url
        self.headers.extend(headers)
        self.expect_100_continue = expects
        super().on_headers_complete()

    def refuse(self, status: int, message: str) -> None:
        """Answer with an error and close: what follows on this connection cannot be understood."""
        self._refused = True
        current = cast("Any", self.cycle)
        under_way = current is not None and not current.response_complete and getattr(current, "task", self) is not None
        if under_way or self.pipeline:  # words in between would be taken for part of the answer that is on its way
            self.transport.close()
            return
        headers, body = self.doors.complain(status, message)
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(
            b"%b%b%bcontent-length: %d\r\nconnection: close\r\n\r\n%b"
            % (STATUS_LINE[status], self.default_head(), lines, len(body), body)
        )
        if self.exchange is not None:
            self.exchange.response_complete = True
        self.linger()

    def linger(self) -> None:
        """Close, but let a client that is still sending read its answer first."""
        self._refused = True
        self._disarm_patience()
        if self._arriving and self.transport.can_write_eof():
            self.flow.resume_reading()
            self.transport.write_eof()
            self.loop.call_later(LINGER, self.transport.close)
        else:
            self.transport.close()

    def eof_received(self) -> None:
        if self._refused:
            self.transport.close()

    def default_head(self) -> bytes:
        """uvicorn's own headers (`date`), joined once a second."""
        headers = self.server_state.default_headers
        if InboundProtocol._joined[0] is not headers:
            InboundProtocol._joined = (headers, b"".join(b"%b: %b\r\n" % header for header in headers))
        return InboundProtocol._joined[1]

    def _count_head(self, size: int) -> None:
        self._head_size += size
        self._limit_head(self._head_size)

    def _limit_head(self, size: int) -> None:
        if size > HEAD_LIMIT and not self._refused:
            self.refuse(431, f"request line and headers are larger than {HEAD_LIMIT:,} bytes")

    def _notice_the_gone(self, transport: asyncio.Transport) -> None:
        peer = transport.get_extra_info("socket")
        if peer is not None and peer.family != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * GONE))
            # While nothing is sent, a client that waits is asked whether it is there.
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)

    def _arm_patience(self) -> None:
        self._disarm_patience()
        self._patience = self.loop.call_later(ARRIVAL_PATIENCE, self._out_of_patience)

    def _disarm_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _out_of_patience(self) -> None:
        if self.transport.is_closing():
            return
        exchange = self.exchange
        if exchange is not None and not exchange.complete and exchange.task is None and not exchange.started:
            self.refuse(408, f"the request stopped arriving for {ARRIVAL_PATIENCE:.0f} s")
        else:
            self.transport.close()
