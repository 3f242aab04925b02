"""Where entries are kept: one interface, chosen by URL."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from router.cache.key import Key

__all__ = ["Stats", "Store", "StoreError"]


@dataclass(slots=True)
class Stats:
    """What a store holds."""

    entries: int = 0
    bytes: int = 0
    """Of the entries as they are kept, compressed ones compressed."""
    routes: dict[str, list[int]] = field(default_factory=dict)
    """By route: entries, bytes."""

    def add(self, route: str, size: int) -> None:
        """One entry more."""
        self.entries += 1
        self.bytes += size
        share = self.routes.setdefault(route, [0, 0])
        share[0] += 1
        share[1] += size


class Store(ABC):
    """Entries by key, for a time. What it cannot do right now it leaves undone: `get` finds nothing, `put` keeps
    nothing; neither raises."""

    shared = False
    """Other processes see the same entries."""

    async def open(self) -> None:
        """Begin to connect, without waiting for it."""

    async def close(self) -> None:
        """Let go of everything."""

    @property
    def up(self) -> bool:
        """It is there."""
        return True

    @abstractmethod
    async def get(self, key: Key) -> bytes | None:
        """The entry, unless it is too old."""

    @abstractmethod
    async def put(self, key: Key, value: bytes, ttl: float) -> None:
        """Keep it for `ttl` seconds."""

    async def lock(self, key: Key, seconds: float) -> bool:
        """Say that this process is getting the answer; False when another one has said so. Ends by itself."""
        return True

    async def unlock(self, key: Key) -> None:
        """The answer is there, or will not come."""

    async def look(self, key: Key) -> tuple[bytes | None, bool]:
        """The entry, and whether somebody is getting it."""
        return await self.get(key), False

    @abstractmethod
    async def stats(self) -> Stats:
        """Counts everything. Raises StoreError when it cannot."""

    @abstractmethod
    async def clear(self, route: str | None = None) -> int:
        """Forget the entries of one route, or all; returns how many. Raises StoreError when it cannot."""


class StoreError(Exception):
    """A store could not be asked; the message is a sentence without its secrets."""
