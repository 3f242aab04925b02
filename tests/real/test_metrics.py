"""/metrics of the running proxy: with several workers its sums are those of the requests, whoever is asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.signalbox import Signalbox, post, signalbox
from tests.telemetry.test_store import read
from tests.upstream import Upstream, upstream

CHAT = "/v1/chat/completions"
RULES = """
version: 1
backends:
  gone: {{url: "http://127.0.0.1:9/v1", price: 0}}
  here: {{url: "{url}", price: {{input: 1, output: 2}}}}
routes:
  - {{name: lost, when: {{model: lost}}, to: [gone, here]}}
  - {{name: all, to: here}}
"""
REQUESTS = 240


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


def ask(proxy: Signalbox, number: int) -> int:
    model = "lost" if number % 4 == 0 else "auto"
    messages = [{"role": "user", "content": f"hello {number}"}]
    return post(proxy, CHAT, json.dumps({"model": model, "stream": number % 2 == 0, "messages": messages}).encode())[0]


def load(proxy: Signalbox, count: int) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda number: ask(proxy, number), range(count))) == [200] * count


def sums(proxy: Signalbox) -> dict[str, float]:
    """Of each name over all of its series."""
    found: dict[str, float] = {}
    for (name, _), value in read(proxy.get("/metrics")[1].encode()).items():
        found[name] = found.get(name, 0.0) + value
    return found


def workers(proxy: Signalbox) -> list[int]:
    command = ["pgrep", "-P", str(proxy.process.pid), "-f", "spawn_main"]
    return [int(pid) for pid in subprocess.run(command, capture_output=True, text=True).stdout.split()]


@pytest.mark.parametrize("count", ["1", "2"])
def test_the_sums_are_those_of_the_requests_whichever_worker_is_asked(server: Upstream, count: str) -> None:
    with signalbox(RULES.format(url=server.url), "--workers", count) as proxy:
        before = sums(proxy).get("signalbox_requests_total", 0.0)
        load(proxy, REQUESTS)
        for _ in range(6):  # each on a connection of its own: both workers are asked
            found = sums(proxy)
            assert found["signalbox_requests_total"] - before == REQUESTS
            assert found["signalbox_request_duration_seconds_count"] - before == REQUESTS
            assert found["signalbox_tokens_total"] == 7 * REQUESTS
            assert found["signalbox_spend_usd_total"] == pytest.approx(REQUESTS * (5 + 2 * 2) / 1e6)
            assert found["signalbox_time_to_first_token_seconds_count"] == REQUESTS / 2
            assert found["signalbox_rule_matches_total"] == REQUESTS
            assert found["signalbox_requests_in_flight"] == 0
            assert found["signalbox_config_valid"] == found["signalbox_build_info"] == 1


def test_what_a_killed_worker_had_counted_stays(server: Upstream) -> None:
    with signalbox(RULES.format(url=server.url), "--workers", "2") as proxy:
        load(proxy, REQUESTS)
        time.sleep(1.5)  # its file is written once a second
        old = workers(proxy)
        os.kill(old[0], signal.SIGKILL)
        until = time.monotonic() + 20
        while len(now := workers(proxy)) < 2 or set(now) == set(old):
            assert time.monotonic() < until, proxy.log.read_text()
            time.sleep(0.1)
        proxy.wait_ready()
        load(proxy, 40)
        assert sums(proxy)["signalbox_tokens_total"] == 7 * (REQUESTS + 40)
