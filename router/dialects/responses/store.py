"""Answers that are kept, so that a client can go on by `previous_response_id` instead of sending everything again.

In the memory of one process, and nowhere else: what a private backend answered does not leave it, and a restart forgets
it. Bounded in number, bytes and age; what was not used for the longest goes first.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

__all__ = ["Memory", "Store"]

OVERHEAD = 1024
"""Bytes that an entry takes besides its items; rounded up."""

Item = dict[str, Any]
_Key = tuple[str, str]
"""The client, and the id of a response or an item."""


@dataclass(slots=True)
class _Entry:
    items: bytes
    """JSON of `[asked, answered]`: what the request brought, and what was answered."""
    previous: str | None
    names: tuple[str, ...]
    """Ids of the items answered."""
    used: float

    @property
    def size(self) -> int:
        return len(self.items) + OVERHEAD


class Store:
    """Kept answers of all clients. Large requests and answers are translated in threads, which may come here too."""

    def __init__(self, entries: int, size: int, ttl: float, clock: Callable[[], float] = time.monotonic):
        """At most so many entries, of so many bytes together, each for `ttl` seconds since it was last used."""
        self.entries = entries
        self.size = size
        self.ttl = ttl
        self.used = 0
        """Bytes taken."""
        self._clock = clock
        self._lock = threading.RLock()
        self._kept: OrderedDict[_Key, _Entry] = OrderedDict()
        """Whatever was used last stands last."""
        self._homes: dict[_Key, _Key] = {}
        """Of each item answered, its response."""

    def of(self, client: str | None) -> Memory:
        """What is kept for one client: the alias of its key, None where no key is asked for."""
        return Memory(self, client or "")

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, key: _Key, entry: _Entry) -> None:
        """Keep it. What is larger than the whole store is not kept."""
        with self._lock:
            self._drop(key)
            if entry.size > self.size:
                return
            self._kept[key] = entry
            self.used += entry.size
            self._homes |= dict.fromkeys(((key[0], name) for name in entry.names), key)
            while len(self._kept) > self.entries or self.used > self.size:
                self._drop(next(iter(self._kept)))
            self._expire()

    def get(self, key: _Key) -> _Entry | None:
        """What is kept under this name, which is used now."""
        with self._lock:
            self._expire()
            entry = self._kept.get(key)
            if entry is not None:
                entry.used = self._clock()
                self._kept.move_to_end(key)
            return entry

    def home(self, key: _Key) -> _Entry | None:
        """The entry that holds an item."""
        with self._lock:
            home = self._homes.get(key)
            return self.get(home) if home is not None else None

    def now(self) -> float:
        """Of its clock, in seconds."""
        return self._clock()

    def _expire(self) -> None:
        oldest = self._clock() - self.ttl
        while self._kept and next(iter(self._kept.values())).used < oldest:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: _Key) -> None:
        entry = self._kept.pop(key, None)
        if entry is not None:
            self.used -= entry.size
            for name in entry.names:
                self._homes.pop((key[0], name), None)


class Memory:
    """The answers kept for one client; another's cannot be seen."""

    def __init__(self, store: Store, client: str):
        self._store = store
        self._client = client

    def keep(self, response: dict[str, Any], asked: list[Item]) -> None:
        """`response`: whole, with what it repeats of its request; `asked`: the items that the request brought."""
        answered: list[Item] = response["output"]
        names = tuple(item["id"] for item in answered)
        items = orjson.dumps([asked, answered])
        entry = _Entry(items, response["previous_response_id"], names, self._store.now())
        self._store.put((self._client, response["id"]), entry)

    def conversation(self, response_id: str) -> list[Item] | None:
        """All items up to the end of this response; None: it, or what went before it, is not kept (any more)."""
        links: list[_Entry] = []
        wanted: str | None = response_id
        while wanted is not None:
            entry = self._store.get((self._client, wanted))
            if entry is None:
                return None
            links.append(entry)
            wanted = entry.previous
        return [item for link in reversed(links) for part in orjson.loads(link.items) for item in part]

    def item(self, item_id: str) -> Item | None:
        """One item of an answer; None: it is not kept (any more)."""
        entry = self._store.home((self._client, item_id))
        if entry is None:
            return None
        answered: list[Item] = orjson.loads(entry.items)[1]
        return next((item for item in answered if item["id"] == item_id), None)
