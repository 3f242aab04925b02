"""From a backend's answer to the client: as it comes, or whole where it is a plain JSON answer.

Nothing goes out before the answer counts (`attempts/opening.py`): until then it is held back, and another candidate may
take its place unseen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Any

from router.accounts.bills import Meter
from router.attempts.opening import Opening
from router.backends.contract import Answer, BackendError
from router.dialects.bridge import LARGE, Telling, in_its_words
from router.respond import as_error, respond
from router.telemetry.record import Record
from router.wire.exchange import Exchange
from router.wire.sse import StreamWatch
from router.wire.usage import usage_in, usage_of

__all__ = ["Beaten", "Terms", "relay"]

RawHeaders = list[tuple[bytes, bytes]]

NOT_PASSED_BACK = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate te trailer transfer-encoding upgrade content-length "
    b"date server set-cookie x-request-id strict-transport-security alt-svc access-control-allow-origin "
    b"access-control-allow-credentials access-control-expose-headers access-control-allow-headers "
    b"access-control-allow-methods".split()
)
"""Hop by hop (RFC 9110 §7.6.1), or spoken for another host than this one."""

KEPT = 256 * 1024
"""Bytes of a stream that are kept, by reference, until its usage has come; of a longer one the rest is extrapolated."""

LONGEST_LIST = 1000
"""Bytes of `x-signalbox-changed`."""


class Beaten(Exception):
    """Another candidate's answer has come first: this one is not wanted."""


@dataclass(slots=True)
class Terms:
    """On what terms an answer is relayed."""

    claim: Callable[[], bool]
    """Asked once, when the answer counts. False: another was quicker."""
    path: str
    """Whose dialect the backend answers in."""
    opening: Opening | None = None
    """None: it counts from its first byte."""
    first_content: float | None = None
    """Seconds within which the first content must come."""
    hide_usage: bool = False
    """The proxy asked for the usage of the stream, and the client did not."""
    telling: Telling | None = None
    """Tells the answer in the client's dialect, where that is another."""
    open: bool = False
    """The answer counts, and some of it may have gone out: nothing is repeated from here."""
    usage: dict[str, Any] | None = None
    """Told of an answer that does not count. It is paid for all the same."""
    heard: tuple[bytes, float] = (b"", 1.0)
    """What came of such an answer, and its share of the whole."""

    def take(self) -> None:
        """The answer counts from here. Raises Beaten."""
        if not self.claim():
            raise Beaten
        self.open = True


async def relay(exchange: Exchange, answer: Answer, meter: Meter, terms: Terms) -> None:
    """Send the answer on. Raises BackendError when it does not count or breaks off; `terms.open` tells which."""
    kind = b""
    encoded = False
    headers = []
    for header in answer.headers:
        name = header[0]
        if name == b"content-type":
            kind = header[1]
        elif name == b"content-encoding":
            encoded = True
        if name not in NOT_PASSED_BACK:
            headers.append(header)
    if encoded and exchange.commented:
        raise BackendError("malformed", "its answer came compressed, and a stream has begun that is not")
    stream = kind.startswith(b"text/event-stream")
    if terms.telling is not None and answer.status < 400:
        headers = _translatable(terms.telling, headers, stream, encoded)
    checked = None if encoded or answer.status != 200 else terms.opening
    if kind.startswith(b"application/json") or answer.status >= 400 or (checked is not None and not stream):
        await _relay_whole(exchange, answer, headers, kind, meter, terms, checked, encoded)
        return
    watch = StreamWatch(terms.hide_usage, terms.path) if stream and not encoded else None
    await _relay_stream(exchange, answer, headers, meter, terms, watch, checked if stream else None)


def _translatable(telling: Telling, headers: RawHeaders, stream: bool, encoded: bool) -> RawHeaders:
    """The headers of an answer that is translated. Raises BackendError for one that cannot be."""
    if encoded:
        raise BackendError("malformed", "its answer came compressed, though that was not asked for")
    if stream and not telling.streams:
        raise BackendError("malformed", "its answer is a stream, though none was asked for")
    kind = b"text/event-stream; charset=utf-8" if telling.streams else b"application/json"
    return [(b"content-type", kind), *(header for header in headers if header[0] != b"content-type")]


async def _relay_whole(
    exchange: Exchange,
    answer: Answer,
    headers: RawHeaders,
    kind: bytes,
    meter: Meter,
    terms: Terms,
    opening: Opening | None,
    encoded: bool,
) -> None:
    record = meter.record
    body = await answer.read()
    try:
        parsed = await opening.plain(body, kind) if opening is not None else None
        told = body
        if terms.telling is not None and answer.status < 400:
            whole = terms.telling.whole
            told = whole(body) if len(body) < LARGE else await asyncio.to_thread(whole, body)
        terms.take()
    except (BackendError, Beaten):
        terms.usage, terms.heard = usage_of(body)[0], (body, 1.0)
        raise
    record.status, record.received = answer.status, perf_counter()
    if record.trace is not None and record.trace.captures and not encoded:
        record.trace.heard(body)
    if answer.status == 200 and not encoded:
        record.usage, record.finish_reason = usage_of(body) if parsed is None else usage_in(parsed)
        meter.told()
        meter.heard(body)
    elif answer.status >= 400 and not encoded and not (kind.startswith(b"application/json") and body):
        headers = [header for header in headers if header[0] != b"content-type"]
        headers.append((b"content-type", b"application/json"))
        told = as_error(answer.status, body, record.backend)
    if answer.status >= 400 and not encoded:
        told = in_its_words(record.path, answer.status, told)
    _trace(headers, record)
    if terms.telling is not None and terms.telling.streams and exchange.commented and answer.status < 400:
        exchange.commented = False
        exchange.write(told)
        exchange.finish()
    else:
        respond(exchange, answer.status, headers, told, record.path, terms.hide_usage)


async def _relay_stream(
    exchange: Exchange,
    answer: Answer,
    headers: RawHeaders,
    meter: Meter,
    terms: Terms,
    watch: StreamWatch | None,
    opening: Opening | None,
) -> None:
    record = meter.record
    # Of a stream that is watched the length may change: an event is taken out, an error is put at its end.
    length = _length(answer) if watch is None else None
    stream = _Stream(exchange, answer.status, headers, record, watch, length, terms, opening)
    try:
        if opening is None or terms.first_content is None:
            await answer.pipe(stream.take, exchange.ready)
        else:
            await stream.pipe_within(answer, terms.first_content)
        await stream.end()
        record.received = perf_counter()
    finally:
        if watch is not None and not terms.open:
            terms.usage, terms.heard = watch.usage, stream.heard()
        elif watch is not None:
            record.usage, record.finish_reason = watch.usage, watch.finish_reason
            meter.told()
            meter.heard(*stream.heard())


class _Stream:
    """An answer on its way through. The head goes out with the first content: before it, another may answer."""

    __slots__ = (
        "_came",
        "_exchange",
        "_headers",
        "_held",
        "_kept",
        "_length",
        "_opening",
        "_patience",
        "_record",
        "_status",
        "_terms",
        "_trace",
        "_watch",
    )

    def __init__(
        self,
        exchange: Exchange,
        status: int,
        headers: RawHeaders,
        record: Record,
        watch: StreamWatch | None,
        length: int | None,
        terms: Terms,
        opening: Opening | None,
    ):
        self._exchange = exchange
        self._status = status
        self._headers = headers
        self._record = record
        self._watch = watch
        self._trace = record.trace if watch is not None and record.trace and record.trace.captures else None
        self._length = length
        self._terms = terms
        self._opening = opening
        self._patience: asyncio.Timeout | None = None
        self._held: list[bytes] = []
        """What came before it did."""
        self._came = 0
        self._kept: list[bytes] = []

    def heard(self) -> tuple[bytes, float]:
        """What was kept, and its share of all that came."""
        kept = b"".join(self._kept)
        return kept, len(kept) / self._came if self._came else 1.0

    async def pipe_within(self, answer: Answer, seconds: float) -> None:
        """As `answer.pipe`, until the first content no longer than that. Raises BackendError."""
        try:
            async with asyncio.timeout(seconds) as self._patience:
                await answer.pipe(self.take, self._exchange.ready)
        except TimeoutError:
            if self._terms.open:  # not ours: that of the whole request
                raise
            raise BackendError("timeout", f"no content within {seconds:g} s", status=504) from None
        finally:
            self._patience = None

    def take(self, data: bytes) -> None:
        """A piece has come."""
        watch = self._watch
        if watch is not None:
            if self._came < KEPT:
                self._kept.append(data)
            self._came += len(data)
            data = watch.feed(data)
        if not data:
            return
        if self._terms.open:
            self._send(data)
        elif self._opening is None or self._opening.feed(data):
            self._open(data)
        else:
            self._held.append(data)

    async def end(self) -> None:
        """The answer is complete, or claims to be. Raises BackendError when it is not."""
        rest = self._watch.close() if self._watch is not None else b""
        terms = self._terms
        if terms.open:
            if rest:
                self._send(rest)
        else:
            self._held.append(rest)
            if self._opening is not None:
                await self._opening.end(b"".join(self._held))
            self._open(b"")
        if self._opening is not None and self._watch is not None and not self._watch.ended:
            raise BackendError("broken", "the stream ended without its proper end")
        if terms.telling is not None and (last := terms.telling.end()):
            self._write(last)
        if self._exchange.started and not self._exchange.commented:
            self._exchange.finish()
        else:
            _trace(self._headers, self._record)
            respond(self._exchange, self._status, self._headers, b"", self._record.path)

    def _open(self, data: bytes) -> None:
        if self._patience is not None:
            if self._patience.expired():  # in this very moment; it raises for us
                return
            self._patience.reschedule(None)
        self._terms.take()
        self._record.status = self._status
        if self._held:
            data = b"".join((*self._held, data))
            self._held.clear()
        if data:
            self._send(data)

    def _send(self, data: bytes) -> None:
        if self._trace is not None:
            self._trace.heard(data)
        telling = self._terms.telling
        if telling is None:
            self._write(data)
        elif told := telling.feed(data):
            self._write(told)

    def _write(self, data: bytes) -> None:
        exchange = self._exchange
        if not exchange.started:
            self._record.first = perf_counter()
            _trace(self._headers, self._record)
            exchange.events = self._watch is not None
            exchange.write(data, exchange.start(self._status, self._headers, self._length))
            return
        if exchange.commented:
            self._record.first = perf_counter()
            exchange.commented = False
        exchange.write(data)


def _trace(headers: RawHeaders, record: Record) -> None:
    """Add what the decision was and where the time went (`server-timing`, milliseconds)."""
    now = perf_counter()
    upstream = (record.answered or now) - record.asked if record.asked else 0.0
    headers += (
        (b"x-request-id", record.id.encode("latin-1")),
        (b"x-signalbox-route", _label(record.route)),
        (b"x-signalbox-backend", _label(record.backend)),
        (b"x-signalbox-model", _label(record.model)),
        (b"x-signalbox-attempts", b"%d" % len(record.attempts)),
        (
            b"server-timing",
            b"overhead;dur=%.2f, upstream;dur=%.2f" % ((now - record.started - upstream) * 1000, upstream * 1000),
        ),
    )
    if record.changed or record.repaired:
        told = ", ".join((*record.changed, *record.repaired))
        headers.append((b"x-signalbox-changed", _label(told)[:LONGEST_LIST]))
    if record.cache:
        headers.append((b"x-signalbox-cache", record.cache.encode("ascii")))
    if record.similarity:
        headers.append((b"x-signalbox-similarity", b"%.4f" % record.similarity))
    if record.cost is not None:
        headers.append((b"x-signalbox-cost-usd", b"%.9f" % record.cost.usd))


@lru_cache(maxsize=512)
def _label(text: str) -> bytes:
    """A header value: printable ASCII, anything else percent-encoded as in a URL."""
    if text.isascii() and text.isprintable():
        return text.encode("ascii")
    return b"".join(bytes((b,)) if 32 <= b < 127 else b"%%%02X" % b for b in text.encode("utf-8", "replace"))


def _length(answer: Answer) -> int | None:
    for name, value in answer.headers:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return None
