"""Beside a stream of server-sent events: what goes by is watched, not parsed.

The bytes are relayed as they came. Only events that hold one of a few words (usage, a finish reason) are looked into.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

__all__ = ["EventReader", "StreamWatch", "each_event", "event_data", "split_events"]

CARRY_LIMIT = 64 * 1024
"""Bytes of an unfinished event kept. A usage event is a few hundred bytes; a longer one is content, and passes."""

_BOUNDARY = re.compile(rb"\r\n\r\n|\n\n|\r\r|\r\n\n|\n\r\n")
_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_FINISH = re.compile(rb'"(?:finish_reason|stop_reason)"\s*:\s*"([A-Za-z_]{1,40})"')
_ENDS = {
    "/v1/responses": re.compile(rb'"type"\s*:\s*"response\.(?:completed|incomplete|failed)"').search,
    "/v1/messages": re.compile(rb'"type"\s*:\s*"message_stop"').search,
}
"""By path, what finds the event that ends a stream. Within a text of the answer its quotes have backslashes before
them."""
_DONE = re.compile(rb"(?:\A|[\r\n])data: ?\[DONE\]").search
_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')


def split_events(data: bytes) -> tuple[list[bytes], bytes]:
    """Complete events, each with its closing blank line, and the unfinished rest. Lossless: joined, they are `data`.

    Line ends are LF, CR or CRLF, as the WHATWG standard (HTML, §9.2.5) has them.
    """
    events = []
    start = 0
    for match in _BOUNDARY.finditer(data):
        events.append(data[start : match.end()])
        start = match.end()
    return events, data[start:]


def each_event(data: bytes) -> Iterator[tuple[bytes, int]]:
    """As `split_events`, one after the other: each complete event, and where in `data` it ends."""
    start = 0
    for match in _BOUNDARY.finditer(data):
        yield data[start : match.end()], match.end()
        start = match.end()


def event_data(event: bytes) -> bytes:
    """The `data:` lines of one event, joined by LF."""
    lines = [line for line in event.splitlines() if line.startswith(b"data:")]
    return b"\n".join([line[6:] if line[5:6] == b" " else line[5:] for line in lines])


class EventReader:
    """Gives the events of a stream that is cut anywhere. What it keeps of an unfinished one is not looked through again
    while no event ends: a long one may come in thousands of pieces."""

    __slots__ = ("_pieces", "_tail")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._tail = b""
        """Their last bytes: a blank line may be cut in two."""

    def feed(self, data: bytes) -> list[bytes]:
        """The events that are whole with this piece."""
        near = self._tail + data
        self._pieces.append(data)
        self._tail = near[-3:]
        if _BOUNDARY.search(near) is None:
            return []
        events, rest = split_events(b"".join(self._pieces))
        self._pieces, self._tail = [rest], rest[-3:]
        return events

    def close(self) -> bytes:
        """The stream has ended: what is left of an event without its blank line."""
        rest = b"".join(self._pieces)
        self._pieces, self._tail = [], b""
        return rest


class StreamWatch:
    """Watches one stream. With `hide_usage` a usage event without choices, which the proxy asked for and the client
    did not, is taken out; only then the bytes of an unfinished event are held until it is whole."""

    __slots__ = ("_carry", "_ends", "ended", "finish_reason", "hide_usage", "usage")

    def __init__(self, hide_usage: bool = False, path: str = ""):
        """`path`: of the request, whose dialect says how such a stream ends."""
        self.hide_usage = hide_usage
        self._carry = b""
        self._ends = _ENDS.get(path, _is_done)
        self.ended = False
        """Its proper end was seen: that event, or a finish reason."""
        self.usage: dict[str, Any] | None = None
        self.finish_reason: str | None = None

    def feed(self, data: bytes) -> bytes:
        """What is to be sent on now: `data`, possibly less hidden events, possibly later with what follows."""
        whole = self._carry + data if self._carry else data
        if whole.endswith((b"\n\n", b"\r\n\r\n")):
            done, rest = whole, b""
        else:
            cut = _last_boundary(whole)
            done, rest = whole[:cut], whole[cut:]
        if len(rest) > CARRY_LIMIT:
            # Too long to be a usage event: let it through, and go on looking from its end.
            done, rest = whole, b""
        self._carry = rest
        kept = self._look(done) if done else done
        return kept if self.hide_usage else data

    def close(self) -> bytes:
        """The stream has ended: what was still held."""
        rest, self._carry = self._carry, b""
        kept = self._look(rest) if rest else rest
        return kept if self.hide_usage else b""

    def _look(self, events: bytes) -> bytes:
        if b"_reason" in events and (match := _FINISH.search(events)):
            self.finish_reason = match[1].decode("ascii")
            self.ended = True
        if not self.ended and self._ends(events):
            self.ended = True
        if b'"usage"' in events and _USAGE.search(events):
            return self._find_usage(events)
        return events

    def _find_usage(self, data: bytes) -> bytes:
        kept, done, at = b"", 0, 0
        while (match := _USAGE.search(data, at)) is not None:
            start = max(done, _last_boundary(data[: match.start()]))
            end = _BOUNDARY.search(data, match.end())
            at = end.end() if end is not None else len(data)
            event = data[start:at]
            if self._take_usage(event) and self.hide_usage and _NO_CHOICES.search(event):
                kept += data[done:start]
                done = at
        return kept + data[done:] if done else data

    def _take_usage(self, event: bytes) -> bool:
        try:
            chunk = orjson.loads(event_data(event))
        except ValueError:
            return False
        usage = chunk.get("usage") if isinstance(chunk, dict) else None
        if not isinstance(usage, dict) and isinstance(chunk, dict):
            # Responses and Messages keep it one level down, in the event's response or message.
            inner = chunk.get("response") or chunk.get("message")
            usage = inner.get("usage") if isinstance(inner, dict) else None
        if not isinstance(usage, dict):
            return False
        self.usage = {**(self.usage or {}), **usage}
        return bool(chunk.get("choices") == [])


def _is_done(events: bytes) -> bool:
    """They end with `[DONE]`, OpenAI's end of a stream, and do not just speak of it."""
    at = events.rfind(b"[DONE]")
    return at >= 0 and _DONE(events, max(0, at - 8)) is not None


def _last_boundary(data: bytes) -> int:
    """End of the last complete event in `data`; 0 when there is none."""
    cut = data.rfind(b"\n\n") + 2 if b"\n\n" in data else 0
    if b"\r" in data:
        for match in _BOUNDARY.finditer(data, cut):
            cut = match.end()
    return cut
