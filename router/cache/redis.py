"""Entries in Redis: a single server, what a Sentinel watches over, or a Cluster. Whoever asks keeps the time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from hashlib import sha1
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from router.cache.address import Address
from router.cache.key import PREFIX, Key
from router.cache.store import Stats

__all__ = ["CONNECTIONS", "RedisServer"]

CONNECTIONS = 8
"""Opened before the first request and kept: no request waits for one to be set up."""
PATIENCE = 2.0
"""Seconds to connect, when no request waits for it."""
BATCH = 500


class RedisServer:
    """The commands a cache needs. They raise what redis-py and sockets raise when Redis is not well."""

    def __init__(self, address: Address):
        self.client = _client(address)

    async def warm(self) -> None:
        """Open the connections."""
        if isinstance(self.client, RedisCluster):
            await self.client.initialize()
        await asyncio.gather(*(self.ping() for _ in range(CONNECTIONS)))

    async def close(self) -> None:
        """Close them."""
        await self.client.aclose()

    async def get(self, key: Key) -> bytes | None:
        """The entry."""
        value: bytes | None = await self.client.get(key.name)
        return value

    async def put(self, key: Key, value: bytes, ttl: float) -> None:
        """Redis forgets it by itself."""
        await self.client.set(key.name, value, px=max(1, round(ttl * 1000)))

    async def lock(self, key: Key, seconds: float) -> bool:
        """True for the first who asks."""
        return bool(await self.client.set(key.lock, b"1", nx=True, px=max(1, round(seconds * 1000))))

    async def unlock(self, key: Key) -> None:
        """Let go of it."""
        await self.client.delete(key.lock)

    async def look(self, key: Key) -> tuple[bytes | None, bool]:
        """The entry, and whether the lock stands; in one go."""
        value, lock = await self.client.mget(key.name, key.lock)
        return value, lock is not None

    async def stats(self) -> Stats:
        """Counts this program's entries, whichever process put them there."""
        stats = Stats()
        async for names in self._batches(PREFIX + "*"):
            sizes = await self._each("STRLEN", names)
            for name, size in zip(names, sizes, strict=True):
                if size:
                    stats.add(Key.route_of(name.decode()), size)
        return stats

    async def clear(self, route: str | None) -> int:
        """UNLINK: Redis frees them in the background."""
        pattern = PREFIX + "*" if route is None else Key(route, "").name.removesuffix("{}") + "*"
        gone = 0
        async for names in self._batches(pattern):
            gone += sum(await self._each("UNLINK", names))
        return gone

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int]) -> Any:
        """A Lua script, whole and alone; on a Cluster its keys must lie together (`{…}` in their names)."""
        try:
            digest = sha1(script.encode(), usedforsecurity=False).hexdigest()  # it is how Redis names a script
            return await self.client.evalsha(digest, len(keys), *keys, *arguments)
        except NoScriptError:  # the first time, and after Redis was started anew
            return await self.client.eval(script, len(keys), *keys, *arguments)

    async def ping(self) -> None:
        """A lookup and no PING: on a Cluster, and with rights that allow but keys, it is what must work."""
        await self.client.get(PREFIX + "ping")

    async def _each(self, command: str, names: list[bytes]) -> list[int]:
        async with self.client.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.execute_command(command, name)
            return list(await pipeline.execute())

    async def _batches(self, pattern: str) -> AsyncIterator[list[bytes]]:
        names: list[bytes] = []
        async for name in self.client.scan_iter(match=pattern, count=BATCH):
            names.append(name)
            if len(names) == BATCH:
                yield names
                names = []
        if names:
            yield names


def _client(address: Address) -> Any:
    """redis-py's own, without its second attempts: who waits for an answer is better served by the model."""
    told: dict[str, Any] = {
        "username": address.username,
        "password": address.password,
        "socket_connect_timeout": PATIENCE,
        "socket_timeout": PATIENCE,
        "protocol": 2,
        "driver_info": None,
    }
    told.update(_tls(address) if address.tls else {})
    if address.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        return RedisCluster(startup_nodes=nodes, retry=_once(), **told)
    told.update(db=address.database, retry=_once())
    if address.kind == "single":
        ((host, port),) = address.hosts
        return Redis(host=host, port=port, **told)
    own = {name.removeprefix("sentinel_"): value for name, value in address.options.items() if "sentinel_" in name}
    watchers = {name: value for name, value in told.items() if name not in ("db", "username", "password")}
    sentinel = Sentinel(address.hosts, sentinel_kwargs={**watchers, **own}, **told)  # type: ignore[no-untyped-call]
    return sentinel.master_for(address.service)


def _once() -> Retry:
    return Retry(NoBackoff(), 0)


def _tls(address: Address) -> dict[str, Any]:
    told: dict[str, Any] = {name: value for name, value in address.options.items() if name.startswith("ssl_")}
    if "ssl_check_hostname" in told:
        told["ssl_check_hostname"] = told["ssl_check_hostname"].lower() not in ("0", "false", "no")
    return {"ssl": True, **told}
