"""From a backend's answer to the client: as it comes, or whole where it is a plain JSON answer."""

from __future__ import annotations

from functools import lru_cache
from time import perf_counter

import orjson

from router.accounts.bills import Meter
from router.backends.contract import Answer
from router.telemetry.record import Record
from router.wire.exchange import Exchange
from router.wire.sse import StreamWatch
from router.wire.usage import usage_of

__all__ = ["relay"]

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


async def relay(exchange: Exchange, answer: Answer, meter: Meter, hide_usage: bool) -> None:
    """Send the answer on. Raises BackendError when it breaks off; `exchange.started` tells whether the client has
    seen any of it."""
    record = meter.record
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
    record.status = answer.status
    if answer.status in (429, 503):
        record.retry_after = _retry_after(answer.headers)
    if kind.startswith(b"application/json") or answer.status >= 400:
        body = await answer.read()
        record.received = perf_counter()
        if record.trace is not None and record.trace.captures and not encoded:
            record.trace.heard(body)
        if answer.status == 200 and not encoded:
            record.usage, record.finish_reason = usage_of(body)
            meter.told()
            meter.heard(body)
        elif answer.status >= 400 and not encoded and not kind.startswith(b"application/json"):
            headers = [header for header in headers if header[0] != b"content-type"]
            headers.append((b"content-type", b"application/json"))
            body = _as_error(answer.status, body, record.backend)
        _trace(headers, record)
        exchange.respond(answer.status, headers, body)
        return
    watch = StreamWatch(hide_usage) if kind.startswith(b"text/event-stream") and not encoded else None
    stream = _Stream(exchange, answer.status, headers, record, watch, _length(answer))
    try:
        await answer.pipe(stream.take, exchange.ready)
        record.received = perf_counter()
        stream.end()
    finally:
        if watch is not None:
            record.usage, record.finish_reason = watch.usage, watch.finish_reason
            meter.told()
            meter.heard(*stream.heard())


class _Stream:
    """An answer on its way through. The head goes out with the first bytes: before them, another may answer."""

    __slots__ = ("_came", "_exchange", "_headers", "_kept", "_length", "_record", "_status", "_trace", "_watch")

    def __init__(
        self,
        exchange: Exchange,
        status: int,
        headers: RawHeaders,
        record: Record,
        watch: StreamWatch | None,
        length: int | None,
    ):
        self._exchange = exchange
        self._status = status
        self._headers = headers
        self._record = record
        self._watch = watch
        self._trace = record.trace if watch is not None and record.trace and record.trace.captures else None
        self._length = length
        self._came = 0
        self._kept: list[bytes] = []

    def heard(self) -> tuple[bytes, float]:
        """What was kept, and its share of all that came."""
        kept = b"".join(self._kept)
        return kept, len(kept) / self._came if self._came else 1.0

    def take(self, data: bytes) -> None:
        """A piece has come."""
        watch = self._watch
        if watch is not None:
            if self._came < KEPT:
                self._kept.append(data)
            self._came += len(data)
            if self._trace is not None:
                self._trace.heard(data)
            data = watch.feed(data)
        if data:
            self._send(data)

    def end(self) -> None:
        """The answer is complete."""
        if self._watch is not None and (rest := self._watch.close()):
            self._send(rest)
        if self._exchange.started:
            self._exchange.finish()
        else:
            _trace(self._headers, self._record)
            self._exchange.respond(self._status, self._headers, b"")

    def _send(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange.started:
            exchange.write(data)
        else:
            self._record.first = perf_counter()
            _trace(self._headers, self._record)
            exchange.write(data, exchange.start(self._status, self._headers, self._length))


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


def _retry_after(headers: RawHeaders) -> float | None:
    """Seconds; None where none are told, or a date is."""
    return next((float(value) for name, value in headers if name == b"retry-after" and value.isdigit()), None)


def _length(answer: Answer) -> int | None:
    for name, value in answer.headers:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return None


def _as_error(status: int, body: bytes, backend: str) -> bytes:
    """An error page in words, put into OpenAI's shape so that clients can show it."""
    text = body[:1000].decode("utf-8", "replace").strip() or "no explanation"
    error = {"message": f"{backend} answered {status}: {text}", "type": "upstream_error", "param": None, "code": status}
    return orjson.dumps({"error": error})
