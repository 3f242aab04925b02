"""`python -m bench.cache`: how long a hit takes, from memory and from Redis, beside a miss and a route without a cache.

The upstream answers from memory (upstream.c), so that a miss shows what the cache costs and not what a model costs.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter, sleep, time
from typing import Any

import orjson

from bench.cases import CASES
from bench.clients import Heard, clients
from bench.report import machine, number, table
from router.backends.contract import Backend, Call
from router.cache.cache import Cache
from router.cache.entry import Entry
from router.cache.key import key_of
from router.config.schema import Cache as Policy
from router.request.envelope import Envelope
from router.request.signals import Signals
from router.telemetry.record import Record
from tests.redis_servers import redis_server
from tests.signalbox import Signalbox, free_port, signalbox

BENCH = Path(__file__).parent
RESULTS = BENCH / "cache-results.md"
RULES = """
version: 1
backends: {{b: {{url: "http://127.0.0.1:{port}/v1", model: bench}}}}
routes:
  - {{name: none, when: {{model: none}}, to: b}}
  - {{name: kept, to: b, cache: {{ttl: 1h, sampled: true, max_bytes: 4M}}}}
"""
SHOWN = {"small": "300 bytes, plain", "agent": "44 kB agent request, plain", "stream": "stream of 100 events"}
NEW = 6000
"""Different questions, more than are asked in one figure: each is a miss."""


def _request(case: str, model: str, **fields: Any) -> str:
    body = json.dumps({**json.loads(CASES[case].body), "model": model, **fields})
    head = f"host: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return f"POST /v1/chat/completions HTTP/1.1\r\n{head}\r\n\r\n{body}"


def _heard(proxy: Signalbox, requests: list[str], seconds: float, told: str) -> Heard:
    """One client for so long; every answer must have come by this way. Exits when one did not."""
    holds = f"x-signalbox-cache: {told}" if told else "x-signalbox-route: none"
    with clients(proxy.port, requests, holds=holds) as heard:
        sleep(seconds)
    if heard.wrong or not heard.wholes:
        sys.exit(f"bench: a wrong answer, not {told or 'uncached'}: {heard.wrong[:400] or 'none came'}")
    return heard


def _through(rounds: int, seconds: float, memory: Signalbox, redis: Signalbox | None) -> list[list[str]]:
    rows = []
    for case, title in SHOWN.items():
        kept = [_request(case, "kept")]
        ways: dict[str, tuple[Signalbox, list[str], str]] = {"no cache": (memory, [_request(case, "none")], "")}
        proxies = {"memory": memory, **({"Redis": redis} if redis else {})}
        for name, proxy in proxies.items():
            ways[f"miss, {name}"] = (proxy, [], "miss")
            ways[f"hit, {name}"] = (proxy, kept, "hit")
            with clients(proxy.port, kept):
                pass  # it is kept now
        found: dict[str, list[Heard]] = {way: [] for way in ways}
        for turn in range(rounds):
            for way, (proxy, requests, told) in ways.items():
                # Another word in each round, or the second round's misses would be the first's hits.
                new = [_request(case, "kept", user_word=f"{turn} {n}") for n in range(NEW if case != "agent" else 1500)]
                found[way].append(_heard(proxy, requests or new, seconds, told))
        plain = statistics.median(heard.whole(50) for heard in found["no cache"])
        for way, those in found.items():
            p50, p99 = (statistics.median(heard.whole(percent) for heard in those) for percent in (50, 99))
            rows.append([f"{title}: {way}", number(p50), number(p99), number(p50 - plain)])
    return rows


class _Nobody(Backend):
    """Is not asked: everything here is a hit."""

    name = "b"

    async def ask(self, call: Call) -> Any:
        raise NotImplementedError

    @property
    def fingerprint(self) -> str:
        return ""


def _inside(count: int = 2000) -> list[list[str]]:
    """Microseconds of the cache's own work in one request: key, lookup, and the answer in the caller's form."""
    rows = []
    for case, title in SHOWN.items():
        data = orjson.loads(CASES[case].body)
        answer = _answer(case)
        rows.append([title, *map(number, asyncio.run(_timed(data, answer, count)))])
    return rows


async def _timed(data: dict[str, Any], answer: bytes, count: int) -> tuple[float, float]:
    policy, path = Policy(ttl=3600, sampled=True), "/v1/chat/completions"
    cache, call = Cache(None, 1 << 26), Call(path, b"{}", data, stream=data.get("stream") is True)
    key = key_of("kept", path, b"", [], data, backend="b", revision="", client=None, everyone=False)
    await cache.memory.put(key, Entry(answer, call.stream, time()).dumps(), 3600)
    times = []
    for _ in range(count):
        signals, record = Signals(Envelope(path, data)), Record("r", path, 0.0)
        begun = perf_counter()
        visit = cache.visit(policy, "kept", False, signals, _Nobody(), call, record, None)
        found = await visit.look() if visit is not None else None
        times.append(1e6 * (perf_counter() - begun))
        if found is None:
            sys.exit("bench: what was kept is not found")
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def _answer(case: str) -> bytes:
    base = {"id": "c", "object": "chat.completion", "created": 1, "model": "bench"}
    if case != "stream":
        message = {"role": "assistant", "content": "The points are set."}
        return orjson.dumps({**base, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    chunks = [{"index": 0, "delta": {"content": f" {n}"}, "finish_reason": None} for n in range(99)]
    chunks.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    base["object"] = "chat.completion.chunk"
    return b"".join(b"data: %b\n\n" % orjson.dumps({**base, "choices": [c]}) for c in chunks) + b"data: [DONE]\n\n"


@contextmanager
def _upstream() -> Iterator[int]:
    with tempfile.TemporaryDirectory() as folder:
        program, port = Path(folder, "upstream"), free_port()
        try:
            subprocess.run(["cc", "-O2", "-o", str(program), str(BENCH / "upstream.c")], check=True)
        except FileNotFoundError:
            sys.exit("bench: there is no C compiler for upstream.c: apt-get install gcc")
        process = subprocess.Popen([str(program), str(port)])
        try:
            yield port
        finally:
            process.kill()
            process.wait()


def _until_up(proxy: Signalbox) -> None:
    until = perf_counter() + 10
    while "signalbox_cache_up 1.0" not in proxy.get("/metrics")[1]:
        if perf_counter() > until:
            sys.exit("bench: the proxy does not reach its Redis")
        sleep(0.02)


def main() -> None:
    """Measure, print, and write the results unless told not to."""
    parser = argparse.ArgumentParser(prog="python -m bench.cache", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured (default 3)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement (default 1)")
    parser.add_argument("--print", action="store_true", help="print only")
    args = parser.parse_args()
    with ExitStack() as stack:
        rules = RULES.format(port=stack.enter_context(_upstream()))
        memory, redis = stack.enter_context(signalbox(rules)), None
        if shutil.which("redis-server"):
            server = stack.enter_context(redis_server())
            redis = stack.enter_context(signalbox(rules, REDIS_URL=server.url))
            _until_up(redis)
        through = _through(args.rounds, args.seconds, memory, redis)
    parts = [
        "# What a cached answer costs",
        f"{datetime.date.today()} · {machine()}\nPython {platform.python_version()}. `python -m bench.cache`: "
        f"{args.rounds} rounds of {args.seconds:g} s, medians. One client, one request at a time; client, proxy, Redis "
        "and upstream share the cores.",
        "" if redis else "**redis-server is not installed: Redis was not measured.**",
        "## Through the proxy\n\nMilliseconds from the request sent to the last byte of the answer. The upstream "
        "answers in a few hundredths of a millisecond; a model takes seconds, which a hit saves.\n\n"
        + table(["", "p50", "p99", "p50 over no cache"], through),
        "## The cache alone\n\nMicroseconds of a hit in memory without everything around it: the key, the lookup, the "
        "answer in the caller's form.\n\n" + table(["", "p50", "p99"], _inside()),
    ]
    text = "\n\n".join(part for part in parts if part) + "\n"
    print(text)
    if not args.print:
        RESULTS.write_text(text)


if __name__ == "__main__":
    main()
