"""The cache of one process: its stores, the requests in the air, and what it is asked to show or forget."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial

from router.backends.contract import Backend, Call
from router.cache.address import parse_address
from router.cache.flight import Flights
from router.cache.guard import GuardedRedis
from router.cache.key import Key, Unkeyable, key_of
from router.cache.memory import MemoryStore
from router.cache.similar import Likeness, Neighbours, last_turn, prepare, without_last_turn
from router.cache.store import Store
from router.cache.visit import Visit
from router.cache.wish import allows, wish_of
from router.config.schema import Cache as Policy
from router.config.schema import Rules
from router.request.signals import Signals
from router.telemetry.record import Attempt, Record

__all__ = ["Cache", "open_store"]


def open_store(url: str | None, limit: int, on_failure: Callable[[str], None] = lambda _: None) -> Store:
    """By URL: Redis; without one, this process's memory, `limit` bytes of it. Raises ValueError for a faulty URL."""
    return GuardedRedis(parse_address(url), on_failure) if url else MemoryStore(limit)


class Cache:
    """`open()` with rules that cache, as often as there are new ones; `close()` at the end.

    What is private lives in this process's memory only, whatever the URL says.
    """

    def __init__(
        self,
        url: str | None,
        limit: int,
        on_failure: Callable[[str], None] = lambda _: None,
        on_kept: Callable[[str, int], None] = lambda route, size: None,
    ):
        """`on_failure(reason)` is told of operations of Redis that failed, `on_kept(route, bytes)` of kept answers."""
        self._on_kept = on_kept
        self.store = open_store(url, limit, on_failure)
        self.memory = self.store if isinstance(self.store, MemoryStore) else MemoryStore(limit)
        self.flights = Flights()
        self.neighbours: dict[str, Neighbours] = {}
        """By route: questions whose answers are kept, for those that also take the answer to a similar one."""
        self.results: Counter[str] = Counter()
        """Requests by their record's `cache`."""
        self._open = False

    @property
    def up(self) -> bool | None:
        """It can be asked; None while no rules make use of it."""
        return self.store.up if self._open else None

    async def open(self, rules: Rules) -> None:
        """Connect, if there is anything to be kept."""
        if any(route.cache is not None and route.cache.similar is not None for route in rules.routes):
            await asyncio.to_thread(prepare)
        if not self._open and any(route.cache is not None for route in rules.routes):
            self._open = True
            await self.store.open()

    async def close(self) -> None:
        """End what is in the air, and the connections."""
        await self.flights.close()
        await self.store.close()

    async def clear(self, route: str | None = None) -> int:
        """Forget the entries of one route, or all. Returns how many there were. Raises StoreError."""
        gone = await self.memory.clear(route)
        return gone if self.store is self.memory else gone + await self.store.clear(route)

    def visit(
        self,
        policy: Policy,
        route: str,
        private: bool,
        signals: Signals,
        backend: Backend,
        call: Call,
        record: Record,
        attempt: Attempt,
        embedder: Backend | None,
    ) -> Visit | None:
        """This request at the cache, before this backend; None, and `bypass` in record and attempt, where its answer is
        not to be kept. `private`: not beyond the client's key, and not beyond this process. `embedder`: of `similar`.
        Raises Refusal."""
        record.cache = attempt.cache = "bypass"
        wish = wish_of(signals.envelope)
        if wish == "bypass" or not isinstance(call.body, bytes) or not allows(policy, signals, call.data):
            return None
        everyone = policy.scope == "everyone" and not private
        key_for = partial(
            key_of,
            route,
            call.path,
            call.query,
            call.headers,
            backend=backend.name,
            client=record.key,
            everyone=everyone,
        )
        try:
            key = key_for(call.data, revision=policy.revision)
            likeness = self._likeness(policy, route, embedder, call, key_for) if embedder is not None else None
        except Unkeyable:
            return None
        options = call.data.get("stream_options")
        return Visit(
            self.memory if private else self.store,
            self.flights,
            policy,
            key,
            backend,
            call,
            record,
            attempt,
            refresh=wish == "refresh",
            shared=everyone,
            gives_usage=isinstance(options, dict) and options.get("include_usage") is True,
            on_kept=self._on_kept,
            likeness=likeness,
        )

    def _likeness(
        self, policy: Policy, route: str, embedder: Backend, call: Call, key_for: Callable[..., Key]
    ) -> Likeness | None:
        """None where the request has no question that may vary. Raises Unkeyable."""
        settings, text = policy.similar, last_turn(call.path, call.data)
        if settings is None or text is None:
            return None
        neighbours = self.neighbours.get(route)
        if neighbours is None or neighbours.limit != settings.entries:
            neighbours = self.neighbours[route] = Neighbours(settings.entries)
        frame = key_for(without_last_turn(call.data), revision=f"{policy.revision} {embedder.fingerprint}")
        return Likeness(settings, neighbours, embedder, frame, text)
