"""Entries in this process, the least recently used going first when there are too many bytes."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from router.cache.key import Key
from router.cache.store import Stats, Store

__all__ = ["MemoryStore"]

OVERHEAD = 500
"""Bytes of an entry beside its value: key, dictionary, tuple. Measured with tracemalloc: 440."""


class MemoryStore(Store):
    """At most `limit` bytes, with what the entries themselves take in Python."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic):
        self._limit = limit
        self._clock = clock
        self._entries: OrderedDict[Key, tuple[float, bytes]] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes taken."""
        return self._size

    async def get(self, key: Key) -> bytes | None:
        found = self._entries.get(key)
        if found is None:
            return None
        if self._clock() >= found[0]:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return found[1]

    async def put(self, key: Key, value: bytes, ttl: float) -> None:
        if key in self._entries:
            self._drop(key)
        size = len(value) + OVERHEAD
        if size > self._limit:
            return
        self._entries[key] = (self._clock() + ttl, value)
        self._size += size
        while self._size > self._limit:
            self._drop(next(iter(self._entries)))

    async def stats(self) -> Stats:
        stats, now = Stats(), self._clock()
        for key, (until, value) in self._entries.items():
            if now < until:
                stats.add(key.route, len(value))
        return stats

    async def clear(self, route: str | None = None) -> int:
        gone = [key for key in self._entries if route is None or key.route == route]
        for key in gone:
            self._drop(key)
        return len(gone)

    def _drop(self, key: Key) -> None:
        self._size -= len(self._entries.pop(key)[1]) + OVERHEAD
