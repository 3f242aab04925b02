"""The in-process store: bounded in bytes, the least recently used goes first, nothing outlives its time."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from router.cache.key import Key
from router.cache.memory import OVERHEAD, MemoryStore


def key(number: int, route: str = "r") -> Key:
    return Key(route, f"{number:040x}")


def test_an_entry_is_there_until_its_time_is_over() -> None:
    now = [0.0]

    async def scenario() -> None:
        store = MemoryStore(10_000, lambda: now[0])
        await store.put(key(1), b"x", 10)
        now[0] = 9.9
        assert await store.get(key(1)) == b"x"
        now[0] = 10
        assert (await store.stats()).entries == 0
        assert await store.get(key(1)) is None
        assert store.size == 0

    asyncio.run(scenario())


def test_the_least_recently_used_goes_first() -> None:
    async def scenario() -> None:
        store = MemoryStore(3 * (OVERHEAD + 10))
        for number in (1, 2, 3):
            await store.put(key(number), b"x" * 10, 60)
        await store.get(key(1))
        await store.put(key(4), b"x" * 10, 60)
        assert [number for number in (1, 2, 3, 4) if await store.get(key(number)) is not None] == [1, 3, 4]

    asyncio.run(scenario())


def test_what_is_larger_than_all_of_it_is_not_kept_and_pushes_nothing_out() -> None:
    async def scenario() -> None:
        store = MemoryStore(2000)
        await store.put(key(1), b"x", 60)
        await store.put(key(2), b"x" * 3000, 60)
        assert await store.get(key(1)) == b"x"
        assert await store.get(key(2)) is None
        await store.put(key(1), b"x" * 3000, 60)
        assert await store.get(key(1)) is None  # and the older one is not given in its place

    asyncio.run(scenario())


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 2000)), max_size=60))
def test_its_size_is_that_of_what_is_in_it_and_never_above_the_limit(puts: list[tuple[int, int]]) -> None:
    async def scenario() -> None:
        store = MemoryStore(6000)
        for number, size in puts:
            await store.put(key(number), b"x" * size, 60)
            stats = await store.stats()
            assert store.size == stats.bytes + stats.entries * OVERHEAD <= 6000

    asyncio.run(scenario())


def test_routes_are_counted_and_cleared_apart() -> None:
    async def scenario() -> None:
        store = MemoryStore(100_000)
        for number in range(5):
            await store.put(key(number, "a" if number < 2 else "b"), b"xy", 60)
        assert (await store.stats()).routes == {"a": [2, 4], "b": [3, 6]}
        assert await store.clear("a") == 2
        assert await store.clear("nobody") == 0
        assert await store.clear() == 3
        assert store.size == 0

    asyncio.run(scenario())


def test_the_bound_is_one_of_real_memory() -> None:
    limit = 4_000_000

    async def fill() -> MemoryStore:
        store = MemoryStore(limit)
        for number in range(20_000):
            await store.put(key(number), bytes(300), 60)
        return store

    gc.collect()
    tracemalloc.start()
    try:
        store = asyncio.run(fill())
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert store.size <= limit
    assert taken < limit * 1.1
