"""An answer that goes out whole: as a response, or as the rest of a stream that has begun with comments."""

from __future__ import annotations

import contextlib

import orjson

from router.cache.forms import as_stream
from router.wire.exchange import Exchange
from router.wire.sse import StreamWatch

__all__ = ["as_error", "error_event", "respond"]

RawHeaders = list[tuple[bytes, bytes]]

NAMED = ("/v1/responses", "/v1/messages")
"""Paths whose events have names."""


def respond(
    exchange: Exchange, status: int, headers: RawHeaders, body: bytes, path: str, hide_usage: bool = False
) -> None:
    """Answer whole. Where a stream has begun with comments, the answer is told in its form: an error as an event, since
    its status can no longer be."""
    if not exchange.commented:
        exchange.respond(status, headers, body)
        return
    exchange.commented = False
    if status == 200:
        watch = StreamWatch(hide_usage)
        events = as_stream(body) or b"data: %b\n\n" % _on_one_line(body)
        exchange.write(watch.feed(events) + watch.close())
    else:
        exchange.write(error_event(path, body))
    exchange.finish()


def error_event(path: str, body: bytes) -> bytes:
    """An error object as an event of the path's dialect."""
    if path == "/v1/responses":  # whose clients go by the type, and OpenAI's own by `error`
        with contextlib.suppress(ValueError, TypeError, KeyError):
            told = orjson.loads(body)
            error = told["error"]
            said = {name: error.get(name) for name in ("code", "message", "param")}
            body = orjson.dumps({"type": "error", **said, **told})
    named = b"event: error\n" if path in NAMED else b""
    return b"%bdata: %b\n\n" % (named, _on_one_line(body))


def _on_one_line(body: bytes) -> bytes:
    """JSON without line ends, which may stand between its parts only."""
    return b" ".join(body.splitlines())


def as_error(status: int, body: bytes, backend: str) -> bytes:
    """An error page in words, put into OpenAI's shape so that clients can show it."""
    text = body[:1000].decode("utf-8", "replace").strip() or "no explanation"
    error = {"message": f"{backend} answered {status}: {text}", "type": "upstream_error", "param": None, "code": status}
    return orjson.dumps({"error": error})
