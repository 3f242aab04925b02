"""Limits in a real Redis: the same windows as in process, exact for all who ask, and never in the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count

import pytest

from router.cache.address import parse_address
from router.cache.guard import BUDGET
from router.limits.local import LocalCounts, Standing, Ticket
from router.limits.rates import Limit
from router.limits.shared import SharedCounts
from tests.redis_servers import RedisProcess, redis_cluster, redis_server

_numbers = count(1)
SECONDS = Limit("requests", "seconds", 5, 1.0, "all")
TOKENS = Limit("tokens", "tokens", 1000, 60.0, "all")
PLACES = Limit("parallel", "places", 3, 0.0, "all")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisProcess]:
    with redis_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _empty(redis: RedisProcess) -> None:
    redis.cli("flushall")


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is about numbers and not about time: the machine may be busy."""
    for module in ("router.limits.shared", "router.cache.guard"):
        monkeypatch.setattr(f"{module}.BUDGET", 5.0)
    monkeypatch.setattr("router.limits.shared.LONGEST", 20.0)


@asynccontextmanager
async def counts(url: str) -> AsyncIterator[SharedCounts]:
    shared = SharedCounts(parse_address(url))
    await shared.open()
    try:
        async with asyncio.timeout(20):
            while not shared.up:
                await asyncio.sleep(0.01)
        yield shared
    finally:
        await shared.close()


def ticket(*limits: Limit, tokens: int = 1) -> Ticket:
    return Ticket(f"t{next(_numbers)}", limits, tuple(tokens if each.kind == "tokens" else 1 for each in limits))


def fits(standings: list[Standing] | None) -> bool:
    assert standings is not None, "Redis did not answer"
    return not any(each.wait for each in standings)


@pytest.mark.usefixtures("patient")
def test_several_processes_let_through_exactly_the_limit(redis: RedisProcess) -> None:
    limit = Limit("requests", "burst", 60, 60.0, "all")

    async def burst() -> int:
        async with counts(redis.url) as one, counts(redis.url) as two, counts(redis.url) as three:
            asked = [shared.take(ticket(limit)) for _ in range(100) for shared in (one, two, three)]
            return sum(map(fits, await asyncio.gather(*asked)))

    assert asyncio.run(burst()) == 60


@pytest.mark.usefixtures("patient")
def test_redis_and_this_process_judge_alike(redis: RedisProcess) -> None:
    """The same requests at the same moments; a part of a second-long window is 17 ms, so the edges are left out."""

    async def both() -> list[tuple[bool, bool]]:
        local, judged = LocalCounts(), []
        async with counts(redis.url) as shared:
            for pause in (0, 0, 0, 0, 0, 0, 0.3, 0, 0.8, 0, 0, 0, 0, 0, 0.4, 0, 0.7, 0, 0, 0):
                await asyncio.sleep(pause)
                there = await shared.take(ticket(SECONDS))
                here = local.take(ticket(SECONDS), time.monotonic())
                judged.append((fits(there), fits(here)))
                assert there is not None
                assert there[0].used == here[0].used
                assert there[0].wait == pytest.approx(here[0].wait, abs=0.05)
                assert there[0].reset == pytest.approx(here[0].reset, abs=0.05)
        return judged

    judged = asyncio.run(both())
    assert all(there == here for there, here in judged)
    assert {True, False} == {there for there, _ in judged}


@pytest.mark.usefixtures("patient")
def test_who_waits_as_told_is_let_in(redis: RedisProcess) -> None:
    async def wait() -> bool:
        async with counts(redis.url) as shared:
            for _ in range(5):
                assert fits(await shared.take(ticket(SECONDS)))
            refused = await shared.take(ticket(SECONDS))
            assert refused is not None and 0.9 < refused[0].wait <= 1.05
            await asyncio.sleep(refused[0].wait - 0.1)
            assert not fits(await shared.take(ticket(SECONDS)))
            await asyncio.sleep(0.13)
            return fits(await shared.take(ticket(SECONDS)))

    assert asyncio.run(wait())


@pytest.mark.usefixtures("patient")
def test_tokens_are_corrected_by_what_was_used(redis: RedisProcess) -> None:
    async def used() -> list[float]:
        async with counts(redis.url) as shared:
            seen = []
            for tokens in (150, 900, 0):
                one = ticket(TOKENS, tokens=100)
                assert fits(await shared.take(one))
                shared.give_back(one, tokens)
                look = await shared.take(ticket(TOKENS, tokens=10_000))
                assert look is not None
                seen.append(look[0].used)
                if tokens == 900:
                    assert not fits(await shared.take(ticket(TOKENS, tokens=1)))
                    redis.cli("flushall")
            return seen

    assert asyncio.run(used()) == [150, 1050, 0]


@pytest.mark.usefixtures("patient")
def test_what_fits_one_limit_and_not_the_other_is_counted_in_neither(redis: RedisProcess) -> None:
    async def refused() -> float:
        async with counts(redis.url) as shared:
            for _ in range(3):
                assert fits(await shared.take(ticket(PLACES)))
            assert not fits(await shared.take(ticket(TOKENS, PLACES, tokens=500)))
            look = await shared.take(ticket(TOKENS, tokens=1))
            assert look is not None
            return look[0].used

    assert asyncio.run(refused()) == 1


@pytest.mark.usefixtures("patient")
def test_places_come_back_and_are_kept_as_long_as_their_process_lives(
    redis: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.limits.shared.LEASE", 0.6)
    monkeypatch.setattr("router.limits.shared.RENEWED", 0.2)

    async def places() -> None:
        async with counts(redis.url) as one:
            held = [ticket(PLACES) for _ in range(3)]
            for each in held:
                assert fits(await one.take(each))
            await asyncio.sleep(1.2)
            assert not fits(await one.take(ticket(PLACES)))
            one.give_back(held[0], 0)
            assert fits(await one.take(ticket(PLACES)))
            assert one._renewing is not None
            one._renewing.cancel()  # as if the process had been killed
            await asyncio.sleep(0.9)
            for _ in range(3):
                assert fits(await one.take(ticket(PLACES)))

    asyncio.run(places())


def test_a_place_that_is_given_back_while_redis_is_away_is_free_when_it_is_back(redis: RedisProcess) -> None:
    async def away() -> None:
        async with counts(redis.url) as shared:
            held = ticket(PLACES)
            assert fits(await shared.take(held))
            redis.freeze()
            try:
                other = ticket(PLACES)
                assert await shared.take(other) is None
                shared.give_back(held, 0)
                shared.give_back(other, 0)  # Redis reads its question when it thaws
            finally:
                redis.thaw()
            until = time.monotonic() + 8
            while redis.cli("zcard", "signalbox:{limits}:places") != "0":
                assert time.monotonic() < until
                await asyncio.sleep(0.05)

    asyncio.run(away())


@pytest.mark.usefixtures("patient")
def test_a_client_that_leaves_while_redis_is_asked_holds_nothing(redis: RedisProcess) -> None:
    async def leave() -> None:
        async with counts(redis.url) as shared:
            for _ in range(20):
                one = ticket(PLACES)
                asking = asyncio.create_task(shared.take(one))
                await asyncio.sleep(0)
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
                shared.give_back(one, 0)
            await asyncio.sleep(0.1)
            assert redis.cli("zcard", "signalbox:{limits}:places") == "0"
            assert not shared._places

    asyncio.run(leave())


def test_a_redis_that_hangs_is_given_up_within_its_time_and_nobody_queues_behind_it(redis: RedisProcess) -> None:
    async def hang() -> list[float]:
        async with counts(redis.url) as shared:
            redis.freeze()
            try:
                took = []
                for several in (300, 50):
                    began = time.perf_counter()
                    found = await asyncio.gather(*(shared.take(ticket(SECONDS)) for _ in range(several)))
                    took.append(time.perf_counter() - began)
                    assert found == [None] * several
                return took
            finally:
                redis.thaw()

    first, second = asyncio.run(hang())
    assert first < 0.25
    assert second < BUDGET


def test_it_is_used_again_when_it_is_back_with_nothing_in_it(redis: RedisProcess) -> None:
    async def back() -> None:
        async with counts(redis.url) as shared:
            assert fits(await shared.take(ticket(SECONDS)))
            redis.kill()
            assert await shared.take(ticket(SECONDS)) is None
            redis.start()
            async with asyncio.timeout(20):
                while not shared.up:
                    await asyncio.sleep(0.02)
            assert fits(await shared.take(ticket(SECONDS)))

    asyncio.run(back())


@pytest.mark.usefixtures("patient")
def test_a_cluster_keeps_all_limits_together() -> None:
    with redis_cluster() as servers:
        url = f"redis+cluster://127.0.0.1:{servers[0].port}"

        async def cluster() -> int:
            async with counts(url) as one, counts(url) as two:
                limits = (Limit("requests", "a", 20, 60.0, "all"), TOKENS, Limit("parallel", "b", 50, 0.0, "all"))
                asked = [shared.take(ticket(*limits)) for _ in range(20) for shared in (one, two)]
                return sum(map(fits, await asyncio.gather(*asked)))

        assert asyncio.run(cluster()) == 20
