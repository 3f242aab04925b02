"""One answer that is kept: as bytes for a store, and back as an answer for a client."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from router.backends.contract import Plain
from router.cache.forms import as_stream, as_whole
from router.cache.key import CONVERTIBLE

__all__ = ["MOST", "Entry", "Replayed"]

VERSION = 1
SQUEEZED_FROM = 2048
"""Bytes from which on a body is compressed; chunks of a stream repeat themselves and shrink to a tenth."""
MOST = 16_000_000
"""Bytes of the largest answer; the schema's bound of `max_bytes`."""
SLICE = 64 * 1024
"""Bytes given to a client before it is looked whether it still takes them."""

STREAM, JSON = b"text/event-stream; charset=utf-8", b"application/json"


@dataclass(frozen=True, slots=True)
class Entry:
    """A complete answer with status 200: events of a stream just as they came, or a JSON body."""

    body: bytes
    stream: bool
    stored: float
    """Unix time."""

    def dumps(self) -> bytes:
        """With its version, compressed when large."""
        body, squeezed = self.body, len(self.body) >= SQUEEZED_FROM
        if squeezed:
            body = zlib.compress(body, 1)
        head = {"v": VERSION, "at": round(self.stored, 3), "stream": self.stream, "zlib": squeezed}
        return orjson.dumps(head) + b"\n" + body

    @classmethod
    def loads(cls, data: bytes) -> Entry | None:
        """What `dumps` made; None for anything else, other versions of this program's entries included."""
        line, newline, body = data.partition(b"\n")
        try:
            head = orjson.loads(line)
            if not newline or head["v"] != VERSION:
                return None
            if head["zlib"]:
                unpack = zlib.decompressobj()
                body = unpack.decompress(body, MOST)
                if not unpack.eof:
                    return None
            return cls(body, bool(head["stream"]), float(head["at"]))
        except (ValueError, TypeError, KeyError, zlib.error):
            return None

    def answer(self, path: str, stream: bool) -> Replayed | None:
        """In the caller's form; None when it cannot be put into it. `age` is in its headers."""
        body: bytes | None = self.body
        if stream != self.stream:
            if path not in CONVERTIBLE:
                return None
            body = as_stream(self.body) if stream else as_whole(self.body)
            if body is None:
                return None
        assert body is not None
        age = b"%d" % max(0, int(time.time() - self.stored))
        return Replayed(body, 200, [(b"content-type", STREAM if stream else JSON), (b"age", age)])


class Replayed(Plain):
    """A kept answer on its way to a client."""

    async def pipe(self, sink: Callable[[bytes], None], ready: Callable[[], Any] | None = None) -> None:
        body = self.body
        if len(body) <= SLICE:
            sink(body)
            return
        for start in range(0, len(body), SLICE):
            sink(body[start : start + SLICE])
            if ready is not None and (wait := ready()) is not None:
                await wait
