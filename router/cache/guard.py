"""Redis within bounds: each operation has its time, and a Redis that is not well is not asked until it is again."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from router.cache.address import Address
from router.cache.key import Key
from router.cache.store import Stats, Store, StoreError

if TYPE_CHECKING:
    from router.cache.redis import RedisServer

__all__ = ["BUDGET", "Guarded", "GuardedRedis"]

log = logging.getLogger("signalbox.cache")

BUDGET = 0.045
"""Seconds an operation may take, waiting for a free connection included. A miss comes within 50 ms, and after it the
guard is up: the next operation of the same request takes no time."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 15.0
"""Seconds until Redis is tried again; doubled each time, and varied so that replicas do not come together."""
STABLE = 60.0
"""Seconds up after which an outage is a new one, and the pauses begin with the shortest again."""
SETUP = 2.0
"""Seconds to connect; nobody waits for it."""
PATIENCE = 30.0
"""Seconds for counting or clearing everything."""

T = TypeVar("T")


class Guarded:
    """Asks Redis while it is well. `on_failure(reason)` is told of each operation that failed (`timeout`, `error`)."""

    whose = "the cache's"
    without = "all is a miss"
    """For the log: what holds until it is back."""

    def __init__(self, address: Address, on_failure: Callable[[str], None] = lambda _: None):
        self._address = address
        self._on_failure = on_failure
        self._server: RedisServer | None = None
        self._slots: asyncio.Semaphore | None = None
        self._up = False
        self._since: float | None = None
        """When it came up, on the loop's clock."""
        self._pause = FIRST_PAUSE
        self._recovering: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        return self._up

    async def open(self) -> None:
        """Connects in the background; until it stands, nothing is asked of it."""
        # Here and not above: its import takes 0.2 s, which only those pay who use it.
        from router.cache.redis import CONNECTIONS, RedisServer

        self._server = RedisServer(self._address)
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._recovering = asyncio.create_task(self._recover(None))

    async def close(self) -> None:
        self._up = False
        if self._recovering is not None:
            self._recovering.cancel()
        if self._server is not None:
            try:
                async with asyncio.timeout(1):
                    await self._server.close()
            except Exception as error:  # it is going away anyhow
                log.debug("closing the connections to Redis: %s", error)

    async def _within(self, operation: Callable[[RedisServer], Awaitable[T]], otherwise: T) -> T:
        """The operation's result, or `otherwise` when there is none within the time."""
        if not self._up:
            return otherwise
        assert self._server is not None and self._slots is not None
        try:
            async with asyncio.timeout(BUDGET), self._slots:
                if not self._up:  # it went while this one waited
                    return otherwise
                return await operation(self._server)
        except Exception as error:  # whatever it is, the request goes on without it
            self._failed(error)
            return otherwise

    async def _patiently(self, operation: Callable[[RedisServer], Awaitable[T]]) -> T:
        if self._server is None:
            raise StoreError("no route has a cache, so Redis is not connected to")
        try:
            async with asyncio.timeout(PATIENCE):
                return await operation(self._server)
        except Exception as error:
            raise StoreError(f"Redis at {self._address} could not be asked: {_told(error)}") from None

    def _failed(self, error: Exception) -> None:
        self._on_failure("timeout" if isinstance(error, TimeoutError) else "error")
        if self._up:
            self._up = False
            stable = self._since is not None and asyncio.get_running_loop().time() - self._since > STABLE
            self._pause = FIRST_PAUSE if stable else self._pause
            self._recovering = asyncio.create_task(self._recover(_told(error)))

    async def _recover(self, why: str | None) -> None:
        """Connect anew, after longer and longer pauses; alone, so that no request waits for it. One line is logged
        when it goes and one when it is back. `why`: it was up until now."""
        if why is not None:
            log.warning("%s Redis at %s fails (%s): %s until it is back", self.whose, self._address, why, self.without)
            await self._rest()
        while (fault := await self._fault()) is not None:
            if why is None:
                why = fault
                log.warning("%s Redis at %s is not there (%s): %s", self.whose, self._address, why, self.without)
            await self._rest()
        self._up, self._since = True, asyncio.get_running_loop().time()
        if why is not None:
            log.warning("%s Redis at %s is back", self.whose, self._address)

    async def _rest(self) -> None:
        await asyncio.sleep(self._pause * random.uniform(0.5, 1))
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    async def _fault(self) -> str | None:
        """Why it cannot be used, None when it can: connected, and quick enough once connected."""
        assert self._server is not None
        try:
            async with asyncio.timeout(SETUP):
                await self._server.warm()
            async with asyncio.timeout(BUDGET):
                await self._server.ping()
        except Exception as error:
            return _told(error)
        return None


class GuardedRedis(Guarded, Store):
    """The cache's: what fails is a miss."""

    shared = True

    async def get(self, key: Key) -> bytes | None:
        return await self._within(lambda server: server.get(key), None)

    async def put(self, key: Key, value: bytes, ttl: float) -> None:
        await self._within(lambda server: server.put(key, value, ttl), None)

    async def lock(self, key: Key, seconds: float) -> bool:
        return await self._within(lambda server: server.lock(key, seconds), True)

    async def unlock(self, key: Key) -> None:
        await self._within(lambda server: server.unlock(key), None)

    async def look(self, key: Key) -> tuple[bytes | None, bool]:
        return await self._within(lambda server: server.look(key), (None, False))

    async def stats(self) -> Stats:
        return await self._patiently(lambda server: server.stats())

    async def clear(self, route: str | None = None) -> int:
        return await self._patiently(lambda server: server.clear(route))


def _told(error: Exception) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"[:200]
