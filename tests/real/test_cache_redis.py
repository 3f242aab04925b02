"""The cache in a real Redis: shared by processes, gone and back under load, and never holding what is private."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from tests.real.cached import KEYS, chat, question, results
from tests.redis_servers import RedisProcess, redis_server
from tests.signalbox import Signalbox, ask, signalbox
from tests.upstream import Request, Upstream, respond

RULES = """
version: 1
backends:
  open: {{url: "{url}", model: one}}
  vouched: {{url: "{url}", model: two, private: true}}
routes:
  - {{name: private route, when: {{model: private-route}}, to: open, private: true, cache: 1h}}
  - {{name: private backend, when: {{model: private-backend}}, to: vouched, cache: 1h}}
  - {{name: shared, when: {{model: shared}}, to: open, cache: {{ttl: 1h, scope: everyone}}}}
  - {{name: code, to: open, cache: 1h}}
"""


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisProcess]:
    with redis_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _usual(server: Upstream) -> None:
    server.play, server.pause, server.pieces, server.status = server.answer, 0.0, ["hel", "lo"], 200
    server.requests.clear()


@pytest.fixture(scope="module")
def two(server: Upstream, redis: RedisProcess) -> Iterator[tuple[Signalbox, Signalbox]]:
    """Two replicas that share a Redis."""
    rules = RULES.format(url=server.url)
    with (
        signalbox(rules, REDIS_URL=redis.url, SIGNALBOX_KEYS=KEYS) as one,
        signalbox(rules, SIGNALBOX_REDIS_URL=redis.url, SIGNALBOX_KEYS=KEYS) as other,
    ):
        until_up(one)
        until_up(other)
        yield one, other


def until_up(proxy: Signalbox, up: bool = True, patience: float = 20) -> None:
    until = time.monotonic() + patience
    while state(proxy)["redis"]["up"] is not up:
        assert time.monotonic() < until, proxy.log.read_text()
        time.sleep(0.02)


def state(proxy: Signalbox, key: str = "ka") -> dict[str, dict[str, object]]:
    told: dict[str, dict[str, object]] = json.loads(
        ask(proxy, "GET", "/api/cache", headers={"authorization": f"Bearer {key}"})[2]
    )
    return told


def test_what_one_replica_has_asked_the_other_has_too(two: tuple[Signalbox, Signalbox], server: Upstream) -> None:
    one, other = two
    body = question()
    assert results(one, body) == ["miss"]
    assert results(other, body) == ["hit"]
    stream = json.dumps({**json.loads(body), "stream": True}).encode()
    assert results(other, stream) == ["hit"]
    assert chat(other, body, "kb")[1]["x-signalbox-cache"] == "miss"
    assert len(server.asked) == 2


def test_equal_requests_to_two_replicas_ask_once(two: tuple[Signalbox, Signalbox], server: Upstream) -> None:
    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.4)
        await server.answer(request, writer)

    server.play = play
    body = question()
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda n: chat(two[n % 2], body), range(8)))
    assert {status for status, _, _ in told} == {200}
    assert len({answer for _, _, answer in told}) == 1
    assert sorted(headers["x-signalbox-cache"] for _, headers, _ in told) == ["joined"] * 7 + ["miss"]
    assert len(server.asked) == 1


def test_a_replica_that_waits_in_vain_asks_for_itself(two: tuple[Signalbox, Signalbox], server: Upstream) -> None:
    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        if len(server.asked) == 1:
            await asyncio.sleep(0.3)
            respond(writer, 503, {"error": {"message": "the first fails"}})
        else:
            await server.answer(request, writer)

    server.play = play
    body = question()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(chat, two[0], body)
        time.sleep(0.1)
        second = pool.submit(chat, two[1], body)
        assert first.result()[0] == 503
        assert second.result()[0] == 200
    assert len(server.asked) == 2


@pytest.mark.parametrize("model", ["private-route", "private-backend"])
def test_what_is_private_is_never_in_redis(
    model: str, two: tuple[Signalbox, Signalbox], server: Upstream, redis: RedisProcess
) -> None:
    redis.cli("flushall")
    body = question(model)
    one, other = two
    assert results(one, body, body) == ["miss", "hit"]  # but in the memory of the process that asked
    assert redis.cli("dbsize") == "0"
    assert results(other, body) == ["miss"]
    assert chat(one, body, "kb")[1]["x-signalbox-cache"] == "miss"  # and for this client key alone
    assert state(one)["memory"]["entries"] >= 1  # type: ignore[operator]


def test_no_prompt_and_no_key_stands_in_a_name(two: tuple[Signalbox, Signalbox], redis: RedisProcess) -> None:
    redis.cli("flushall")
    results(two[0], question())
    (name,) = redis.cli("keys", "*").split("\n")
    assert name.startswith("signalbox:1:code:{")
    assert len(name) == len("signalbox:1:code:{}") + 40
    assert 3_500_000 < int(redis.cli("pttl", name)) <= 3_600_000


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "router.cli", "cache", *words]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALBOX_", "REDIS_"))}
    return subprocess.run(command, capture_output=True, text=True, env={**clean, **environment}, timeout=30)


def test_the_command_counts_and_clears_redis(two: tuple[Signalbox, Signalbox], redis: RedisProcess) -> None:
    redis.cli("flushall")
    redis.cli("set", "somebody:elses", "x")
    body = question("shared")
    results(two[0], question(), question(), body)
    told = json.loads(run("stats", "--json", REDIS_URL=redis.url).stdout)["redis"]
    assert {name: share["entries"] for name, share in told["routes"].items()} == {"code": 2, "shared": 1}
    assert told["bytes"] > 0
    assert "3 answers" in run("stats", REDIS_URL=redis.url).stdout
    assert run("clear", "--route", "code", REDIS_URL=redis.url).stdout == "2 answers of route code forgotten\n"
    assert results(two[1], body) == ["hit"]
    assert run("clear", REDIS_URL=redis.url).stdout == "1 answers forgotten\n"
    assert redis.cli("keys", "*") == "somebody:elses"


def test_the_command_asks_the_proxy_where_there_is_no_redis(two: tuple[Signalbox, Signalbox]) -> None:
    proxy = two[0]
    results(proxy, question("private-route"), question())
    told = json.loads(run("stats", "--json", "--proxy", proxy.root, "--key", "ka").stdout)
    assert told["memory"]["routes"]["private route"]["entries"] >= 1
    assert "code" in told["redis"]["routes"]
    only = json.loads(run("stats", "--json", "--route", "code", "--proxy", proxy.root, "--key", "ka").stdout)
    assert list(only["redis"]["routes"]) == ["code"]
    cleared = run("clear", "--route", "private route", SIGNALBOX_PORT=str(proxy.port), SIGNALBOX_KEYS=KEYS)
    assert cleared.stdout.endswith("of route private route forgotten\n")
    refused = run("stats", "--proxy", proxy.root, "--key", "wrong")
    assert refused.returncode == 1
    assert "401" in refused.stderr


def test_the_command_says_when_redis_is_not_there(redis: RedisProcess) -> None:
    told = run("stats", REDIS_URL="redis://me:secretword@127.0.0.1:1")
    assert told.returncode == 1
    assert "Redis at 127.0.0.1:1 could not be asked" in told.stderr
    assert "secretword" not in told.stderr + told.stdout


# -- gone and back ------------------------------------------------------------------------------------------------


HEAD = (
    "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ka\r\n"
    "content-type: application/json\r\ncontent-length: {}\r\n\r\n"
)


@dataclass
class Load:
    """Requests one after the other on some connections, half of them hits; times in seconds."""

    port: int
    connections: int = 8
    phase: str = "before"
    times: dict[str, list[float]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    told: dict[str, dict[str, int]] = field(default_factory=dict)
    stopped: bool = False

    async def run(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(self.connections)))

    async def _client(self, number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        turn = 0
        while not self.stopped:
            turn += 1
            content = f"again {number} {turn % 5}" if turn % 2 else f"new {number} {turn}"
            body = json.dumps(
                {"model": "auto", "stream": turn % 3 == 0, "messages": [{"role": "user", "content": content}]}
            )
            head = HEAD.format(len(body))
            phase, begun = self.phase, time.perf_counter()
            try:
                writer.write((head + body).encode())
                answer = await asyncio.wait_for(self._answer(reader), 5)
            except Exception as error:
                self.failed.append(f"{phase}: {error!r}")
                return
            self.times.setdefault(phase, []).append(time.perf_counter() - begun)
            if not answer.startswith(b"HTTP/1.1 200"):
                self.failed.append(f"{phase}: {answer[:300]!r}")
            cache = answer.partition(b"x-signalbox-cache: ")[2].partition(b"\r\n")[0].decode()
            counts = self.told.setdefault(phase, {})
            counts[cache] = counts.get(cache, 0) + 1
            await asyncio.sleep(0.01)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"transfer-encoding: chunked" in head:
            return head + await reader.readuntil(b"0\r\n\r\n")
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return head + await reader.readexactly(length)

    def p99(self, phase: str) -> float:
        return statistics.quantiles(self.times[phase], n=100)[98]


@pytest.mark.alone
@pytest.mark.parametrize("how", ["killed", "stalled"])
def test_redis_goes_and_comes_back_under_load_and_no_request_notices(how: str, server: Upstream) -> None:
    with (
        redis_server() as redis,
        signalbox(RULES.format(url=server.url), REDIS_URL=redis.url, SIGNALBOX_KEYS=KEYS) as proxy,
    ):
        until_up(proxy)

        async def scenario() -> Load:
            load = Load(proxy.port)
            task = asyncio.create_task(load.run())
            await asyncio.sleep(2.5)
            load.phase = "without"
            await asyncio.to_thread(redis.kill if how == "killed" else redis.freeze)
            await asyncio.sleep(2.5)
            await asyncio.to_thread(redis.start if how == "killed" else redis.thaw)
            await asyncio.to_thread(until_up, proxy)
            load.phase = "after"
            await asyncio.sleep(2)
            load.stopped = True
            await task
            return load

        load = asyncio.run(scenario())
        told = f"{how}: " + ", ".join(
            f"{phase} n={len(times)} p50={statistics.median(times) * 1000:.1f} ms p99={load.p99(phase) * 1000:.1f} ms "
            f"max={max(times) * 1000:.1f} ms {load.told[phase]}"
            for phase, times in load.times.items()
        )
        print(told)
        assert load.failed == []
        assert load.p99("without") - load.p99("before") < 0.05, told
        assert load.p99("after") - load.p99("before") < 0.05, told
        assert load.told["before"].get("hit", 0) > 50
        assert load.told["without"].get("miss", 0) > 50
        assert load.told["after"].get("hit", 0) > 50
        log = [line for line in proxy.log.read_text().splitlines() if "the cache's Redis" in line]
        assert len(log) == 2, log
        failures = [line for line in metrics(proxy).splitlines() if line.startswith("signalbox_cache_failures_total")]
        assert sum(float(line.split()[-1]) for line in failures) >= 1
        assert "signalbox_cache_up 1.0" in metrics(proxy)


def metrics(proxy: Signalbox) -> str:
    return ask(proxy, "GET", "/metrics", headers={"authorization": "Bearer ka"})[2].decode()


def test_without_its_redis_the_proxy_starts_and_answers(server: Upstream) -> None:
    url = "redis://someone:secretword@127.0.0.1:1/0"
    with signalbox(RULES.format(url=server.url), REDIS_URL=url, SIGNALBOX_KEYS=KEYS) as proxy:
        body = question()
        assert results(proxy, body, body) == ["miss", "miss"]
        assert results(proxy, question("private-route")) == ["miss"]
        assert "signalbox_cache_up 0.0" in metrics(proxy)
        status, _, answer = ask(proxy, "DELETE", "/api/cache", headers={"authorization": "Bearer ka"})
        assert status == 503
        assert b"could not be asked" in answer
        assert proxy.log.read_text().count("the cache's Redis at 127.0.0.1:1 is not there") == 1
        assert "secretword" not in proxy.log.read_text()


def test_rules_without_a_cache_leave_redis_alone(server: Upstream) -> None:
    rules = f'version: 1\nbackends: {{b: {{url: "{server.url}", model: m}}}}\nroutes: [{{name: r, to: b}}]\n'
    with redis_server() as redis, signalbox(rules, REDIS_URL=redis.url) as proxy:
        assert chat(proxy, question())[0] == 200
        assert redis.cli("info", "stats").split("total_connections_received:")[1].split()[0] in ("1", "2")  # the test's
        proxy.rules.write_text(rules.replace("to: b}", "to: b, cache: 1h}"))
        until = time.monotonic() + 10
        while results(proxy, question()) == ["none"]:
            assert time.monotonic() < until
            time.sleep(0.1)
        until_up(proxy)
        body = question()
        assert results(proxy, body, body) == ["miss", "hit"]
        assert redis.cli("dbsize") != "0"


def test_several_workers_share_it(server: Upstream, redis: RedisProcess) -> None:
    with signalbox(RULES.format(url=server.url), "--workers", "2", REDIS_URL=redis.url, SIGNALBOX_KEYS=KEYS) as proxy:
        for _ in range(10):  # whichever worker answers
            until_up(proxy)
        body = question()
        told = results(proxy, *[body] * 20)
        assert told == ["miss"] + ["hit"] * 19
        assert len(server.asked) == 1
