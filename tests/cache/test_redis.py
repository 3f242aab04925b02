"""Redis as it really is: alone, with TLS and passwords, behind a Sentinel, as a Cluster; killed, stalled, slow."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.cache.address import parse_address
from router.cache.guard import BUDGET, GuardedRedis
from router.cache.key import Key
from router.cache.store import StoreError
from tests.redis_servers import RedisProcess, redis_cluster, redis_sentinel, redis_server
from tests.signalbox import free_port

ONE, TWO = Key("code", "1" * 40), Key("chat *[?", "2" * 40)


@pytest.fixture
def server() -> Iterator[RedisProcess]:
    with redis_server() as running:
        yield running


async def opened(url: str, failures: list[str] | None = None) -> GuardedRedis:
    store = GuardedRedis(parse_address(url), (failures if failures is not None else []).append)
    await store.open()
    await until_up(store)
    return store


async def until_up(store: GuardedRedis, patience: float = 20) -> None:
    until = time.monotonic() + patience
    while not store.up:
        assert time.monotonic() < until, "it did not come up"
        await asyncio.sleep(0.01)


async def whole_life(url: str) -> None:
    """All that a cache asks of a store."""
    store = await opened(url)
    try:
        assert await store.get(ONE) is None
        await store.put(ONE, b"first\x00", 60)
        await store.put(TWO, b"second", 60)
        assert (await store.get(ONE), await store.get(TWO)) == (b"first\x00", b"second")
        assert await store.lock(TWO, 5) is True
        assert await store.lock(TWO, 5) is False
        assert await store.look(TWO) == (b"second", True)
        await store.unlock(TWO)
        assert await store.look(TWO) == (b"second", False)
        stats = await store.stats()
        assert (stats.entries, stats.bytes) == (2, 12)
        assert stats.routes == {"code": [1, 6], "chat *[?": [1, 6]}
        assert await store.clear("chat *[?") == 1
        assert await store.get(TWO) is None
        await store.put(TWO, b"gone soon", 0.05)
        assert await store.clear("nobody") == 0
        await asyncio.sleep(0.1)
        assert await store.get(TWO) is None
        assert await store.clear() == 1
    finally:
        await store.close()


def test_a_single_server_keeps_counts_and_forgets(server: RedisProcess) -> None:
    asyncio.run(whole_life(server.url))


def test_the_number_of_a_database_is_kept_to(server: RedisProcess) -> None:
    async def scenario() -> None:
        store = await opened(f"redis://127.0.0.1:{server.port}/3")
        await store.put(ONE, b"x", 60)
        await store.close()

    asyncio.run(scenario())
    assert server.cli("-n", "3", "dbsize") == "1"
    assert server.cli("-n", "0", "dbsize") == "0"


def test_user_and_password_are_used() -> None:
    with redis_server(
        *("--user", "box", "on", ">p%40ss", "~signalbox:*", "+@all"), *("--user", "default", "off")
    ) as server:
        asyncio.run(whole_life(f"redis://box:p%2540ss@127.0.0.1:{server.port}"))


def test_a_wrong_password_is_told_once_and_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(url: str) -> None:
        store = GuardedRedis(parse_address(url))
        await store.open()
        await asyncio.sleep(0.8)
        assert not store.up
        assert await store.get(ONE) is None
        await store.close()

    with redis_server("--requirepass", "right") as server, caplog.at_level(logging.DEBUG):
        asyncio.run(scenario(f"redis://someone:wrongpassword@127.0.0.1:{server.port}"))
    lines = [record.getMessage() for record in caplog.records if record.name == "signalbox.cache"]
    assert len(lines) == 1
    assert "is not there" in lines[0]
    assert "wrongpassword" not in caplog.text


def test_tls_with_an_authority_of_ones_own(tmp_path: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        str(tmp_path / "key"),
        "-out",
        str(tmp_path / "crt"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    files = ["--tls-cert-file", str(tmp_path / "crt"), "--tls-key-file", str(tmp_path / "key")]
    files += ["--tls-ca-cert-file", str(tmp_path / "crt"), "--tls-auth-clients", "no", "--requirepass", "word"]
    with redis_server(*files, tls=True) as server:
        asyncio.run(whole_life(f"rediss://:word@127.0.0.1:{server.port}/0?ssl_ca_certs={tmp_path / 'crt'}"))

        async def untrusted() -> bool:
            store = GuardedRedis(parse_address(f"rediss://:word@127.0.0.1:{server.port}/0"))
            await store.open()
            await asyncio.sleep(0.5)
            up = store.up
            await store.close()
            return up

        assert asyncio.run(untrusted()) is False


def test_a_cluster_of_three_keeps_counts_and_forgets() -> None:
    with redis_cluster() as servers:
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers[:2])
        asyncio.run(whole_life(f"redis+cluster://{hosts}"))

        async def spread() -> int:
            store = await opened(f"redis+cluster://{hosts}")
            for number in range(60):
                await store.put(Key("code", f"{number:040x}"), b"x", 60)
            held = [int(server.cli("dbsize")) for server in servers]
            assert sum(held) == 60
            assert min(held) > 0
            assert (await store.stats()).entries == 60
            cleared = await store.clear()
            await store.close()
            return cleared

        assert asyncio.run(spread()) == 60


def test_a_sentinel_leads_to_the_master_and_after_its_end_to_the_next() -> None:
    with redis_sentinel("mymaster") as (master, replica, port):
        url = f"redis+sentinel://127.0.0.1:{port}/mymaster/0"
        asyncio.run(whole_life(url))

        async def failover() -> None:
            store = await opened(url)
            await store.put(ONE, b"before", 60)
            master.kill()
            assert await store.get(ONE) is None
            assert not store.up
            await until_up(store)
            await store.put(ONE, b"after", 60)
            assert await store.get(ONE) == b"after"
            await store.close()

        asyncio.run(failover())
        assert replica.cli("get", ONE.name) == "after"


def test_a_stalled_server_is_a_miss_within_50_ms_and_then_none_at_all(server: RedisProcess) -> None:
    failures: list[str] = []

    async def scenario() -> tuple[list[float], list[float]]:
        store = await opened(server.url, failures)
        await store.put(ONE, b"x", 60)
        server.freeze()

        async def timed() -> float:
            begun = time.perf_counter()
            assert await store.get(ONE) is None
            return time.perf_counter() - begun

        together = list(await asyncio.gather(*(timed() for _ in range(200))))
        later = [await timed() for _ in range(200)]
        server.thaw()
        await until_up(store)
        assert await store.get(ONE) == b"x"
        await store.close()
        return together, later

    together, later = asyncio.run(scenario())
    assert max(together) < 0.05 + 0.02  # of the test's own: two hundred tasks in one loop
    assert sorted(later)[100] < 0.0005
    assert "timeout" in failures
    assert len(failures) <= 8 + 200
    assert BUDGET < 0.05


def test_an_outage_is_told_once_and_so_is_its_end(server: RedisProcess, caplog: pytest.LogCaptureFixture) -> None:
    failures: list[str] = []

    async def scenario() -> None:
        store = await opened(server.url, failures)
        server.kill()
        for _ in range(100):
            assert await store.get(ONE) is None
            await store.put(ONE, b"x", 60)
            assert await store.lock(ONE, 1) is True
        await asyncio.sleep(1)
        server.start()
        await until_up(store)
        await store.put(ONE, b"x", 60)
        assert await store.get(ONE) == b"x"
        await store.close()

    with caplog.at_level(logging.INFO):
        asyncio.run(scenario())
    lines = [record.getMessage() for record in caplog.records if record.name == "signalbox.cache"]
    assert len(lines) == 2, lines
    assert "fails" in lines[0]
    assert lines[1].endswith("is back")
    assert 1 <= len(failures) <= 3


def test_one_that_is_not_there_holds_up_neither_start_nor_requests() -> None:
    async def scenario() -> float:
        store = GuardedRedis(parse_address(f"redis://127.0.0.1:{free_port()}"))
        begun = time.perf_counter()
        await store.open()
        assert await store.get(ONE) is None
        took = time.perf_counter() - begun
        with pytest.raises(StoreError, match="could not be asked"):
            await store.stats()
        await store.close()
        return took

    asyncio.run(scenario())  # the first pays for the import of redis
    assert asyncio.run(scenario()) < 0.05


def test_requests_that_are_given_up_leave_the_connections_whole(server: RedisProcess) -> None:
    async def scenario() -> None:
        store = await opened(server.url)
        await store.put(ONE, b"one", 60)
        await store.put(TWO, b"two", 60)
        for _ in range(50):
            tasks = [asyncio.create_task(store.get(ONE)) for _ in range(20)]
            await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert [task.result() for task in tasks[1::2]] == [b"one"] * 10
            assert await store.get(TWO) == b"two"
        await store.close()

    asyncio.run(scenario())
    assert int(server.cli("info", "clients").split("connected_clients:")[1].split()[0]) <= 2
