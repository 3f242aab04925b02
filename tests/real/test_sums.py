"""`signalbox spend`, Prometheus and the sum by hand are one figure: 10,000 mixed requests, two workers."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.prometheus import Prometheus, prometheus
from tests.real.mixed import KEYS, shaky
from tests.signalbox import Signalbox, free_port, signalbox
from tests.upstream import Request, chat_answer, chat_chunks, respond, upstream

REQUESTS = 10_000
CONNECTIONS = 8
NANO = 1_000_000_000
RULES = """
version: 1
backends:
  dear: {{url: "{url}", price: {{input: 2, output: 8, cached: 0.2}}}}
  cheap: {{url: "{url}", model: cheap, price: {{input: 0.15, output: 0.6}}}}
  ours: {{url: "{url}", model: ours, price: 0}}
  mystery: {{url: "{url}", model: mystery}}
  shaky: {{url: "{shaky}", model: shaky, price: 1}}
  gone: {{url: "http://127.0.0.1:{gone}/v1", model: gone, price: 1}}
routes:
  - {{name: cheap, when: {{model: cheap-please}}, to: cheap, cache: 1h}}
  - {{name: helped out, when: {{model: shaky-please}}, to: [shaky, dear]}}
  - {{name: nowhere, when: {{model: gone-please}}, to: gone}}
  - {{name: unknown, when: {{model: mystery-please}}, to: mystery}}
  - {{name: free, when: {{model: ours-please}}, to: ours}}
  - {{name: all, to: dear}}
""".replace("price: 1}", "price: {{input: 1, output: 1}}}")
NANO_USD = {"dear": (2000, 200, 8000), "cheap": (150, 150, 600), "ours": (0, 0, 0)}
"""Nano-dollars per token read, read from the provider's cache, written."""
LEADS = {"any": "dear", "shaky-please": "dear", "cheap-please": "cheap", "ours-please": "ours"}
"""Model asked for, and the backend that is paid for it; what is missing costs nobody anything that could be told."""
KINDS = ("any", "any", "shaky-please", "cheap-please", "ours-please", "mystery-please", "gone-please", "wrong")


async def by_order(request: Request, writer: asyncio.StreamWriter) -> None:
    """Uses as many tokens as the question says: read, cached, written."""
    if request.method == "GET":
        respond(writer, 200, {"object": "list", "data": [{"id": "m", "object": "model"}]})
        return
    asked = request.json
    if asked["model"] == "wrong":
        respond(writer, 400, {"error": {"message": "that is wrong", "type": "invalid_request_error"}})
        return
    read, cached, written = map(int, asked["messages"][-1]["content"].split())
    usage = {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    if not asked.get("stream"):
        respond(writer, 200, {**chat_answer(), "usage": usage})
        return
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
    *events, done = chat_chunks(["hel", "lo"])
    whole = b"".join([*events, b"data: " + json.dumps({**base, "usage": usage}).encode() + b"\n\n", done])
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(whole), whole))


@dataclass(frozen=True, slots=True)
class Order:
    """One request, and what it must cost."""

    model: str
    stream: bool
    key: str
    read: int
    cached: int
    written: int

    @property
    def body(self) -> bytes:
        content = f"{self.read} {self.cached} {self.written}"
        asked = {"model": self.model, "stream": self.stream, "messages": [{"role": "user", "content": content}]}
        return json.dumps(asked).encode()

    @property
    def nano(self) -> int:
        """By hand."""
        plain, cached, written = NANO_USD.get(LEADS.get(self.model, ""), (0, 0, 0))
        return (self.read - self.cached) * plain + self.cached * cached + self.written * written

    @property
    def status(self) -> int:
        return {"gone-please": 503, "wrong": 400}.get(self.model, 200)


@dataclass
class Bill:
    """The sums by hand."""

    nano: Counter[str] = field(default_factory=Counter)
    """By `key ALIAS` and `backend NAME`."""
    requests: Counter[str] = field(default_factory=Counter)
    unpriced: int = 0
    helped: int = 0
    spared: int = 0

    def add(self, order: Order, headers: dict[str, str]) -> None:
        spared = headers.get("x-signalbox-cache") in ("hit", "joined")
        self.spared += spared
        self.requests[order.key] += 1
        self.helped += order.model == "shaky-please" and not spared and headers["x-signalbox-attempts"] == "2"
        self.unpriced += order.model == "mystery-please"
        if not spared:
            self.nano[f"key {order.key}"] += order.nano
            self.nano[f"backend {LEADS.get(order.model)}"] += order.nano

    @property
    def total(self) -> int:
        return sum(count for name, count in self.nano.items() if name.startswith("key"))


def orders() -> list[Order]:
    """The same each time, in a wild order; of the cheap ones many alike, for a cache to find."""
    dice = random.Random(11)
    made = []
    for _ in range(REQUESTS):
        model, stream, key = dice.choice(KINDS), dice.random() < 0.5, dice.choice(("one", "two"))
        few = model == "cheap-please" and dice.random() < 0.5
        read = dice.randrange(10, 15 if few else 4000)
        made.append(Order(model, stream, key, read, read // 3, dice.randrange(1, 4 if few else 900)))
    return made


def send(proxy: Signalbox, work: list[Order], bill: Bill, lock: threading.Lock, wrong: list[str]) -> None:
    """Some requests on each connection, so that both workers get theirs."""
    for start in range(0, len(work), 25):
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
        for order in work[start : start + 25]:
            headers = {"content-type": "application/json", "authorization": f"Bearer sk-{order.key}"}
            connection.request("POST", "/v1/chat/completions", order.body, headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != order.status:
                wrong.append(f"{order}: {answer.status} {body[:200]!r}")
            with lock:
                bill.add(order, {name.lower(): value for name, value in answer.getheaders()})
        connection.close()


@dataclass(frozen=True, slots=True)
class Done:
    proxy: Signalbox
    prometheus: Prometheus
    bill: Bill

    def spend(self, *arguments: str) -> Any:
        """`signalbox spend --json`, of the running proxy."""
        command = [sys.executable, "-m", "router.cli", "spend", "--json", *arguments]
        environment = {"SIGNALBOX_DATA_DIR": str(self.proxy.rules.parent), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=True)
        return json.loads(done.stdout)

    def rows(self, by: str) -> dict[str, Any]:
        """Rows of `signalbox spend`, each by the one text in it: its name."""
        rows = self.spend("--by", by)["rows"]
        return {next(value for value in row.values() if isinstance(value, str)): row for row in rows}

    def nano(self, metric: str, by: str) -> dict[str, int]:
        """Of money in Prometheus, by label, in whole nano-dollars."""
        found = self.prometheus.query(f"sum by ({by}) ({metric}) > 0")
        return {series["metric"].get(by, ""): round(float(series["value"][1]) * NANO) for series in found}


@pytest.fixture(scope="module")
def done() -> Iterator[Done]:
    with ExitStack() as stack:
        rules = RULES.format(
            url=stack.enter_context(upstream(by_order)).url,
            shaky=stack.enter_context(upstream(shaky)).url,
            gone=free_port(),
        )
        proxy = stack.enter_context(signalbox(rules, "--workers", "2", SIGNALBOX_KEYS=KEYS))
        server = stack.enter_context(prometheus(proxy, key="sk-metrics"))
        bill, work, lock, wrong = Bill(), orders(), threading.Lock(), list[str]()
        threads = [
            threading.Thread(target=send, args=(proxy, work[n::CONNECTIONS], bill, lock, wrong))
            for n in range(CONNECTIONS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(240)
        assert not wrong and sum(bill.requests.values()) == REQUESTS, wrong[:3]
        server.wait("sum(signalbox_requests_total)", REQUESTS)
        server.wait("sum(sum_over_time(signalbox:requests:increase1m[1h]))", REQUESTS)
        told = Done(proxy, server, bill)
        until = time.monotonic() + 20
        while told.spend()["requests"] < REQUESTS:  # the ledger is written in batches
            assert time.monotonic() < until
            time.sleep(0.2)
        yield told


def test_the_total_is_one_figure(done: Done) -> None:
    spend = done.spend()
    assert done.bill.total > 10 * NANO  # some dollars: it is a sum, and not nothing
    assert round(spend["total_usd"] * NANO) == done.bill.total
    assert round(done.prometheus.value("sum(signalbox_spend_usd_total)") * NANO) == done.bill.total
    grown = done.prometheus.value("sum(sum_over_time(signalbox:spend_usd:increase1m[1h]))")
    assert round(grown * NANO) == done.bill.total  # what the dashboards show
    assert spend["requests"] == REQUESTS


@pytest.mark.parametrize("by", ["key", "backend"])
def test_each_part_is_one_figure(done: Done, by: str) -> None:
    wanted = {name.split(" ")[1]: count for name, count in done.bill.nano.items() if name.startswith(by) and count}
    rows = {name: round(row["usd"] * NANO) for name, row in done.rows(by).items() if row["usd"]}
    assert rows == wanted
    assert done.nano("signalbox_spend_usd_total", by) == wanted


def test_what_nobody_can_price_is_counted_alike_and_is_in_no_sum(done: Done) -> None:
    spend = done.spend()
    assert spend["unpriced"] == done.bill.unpriced > 0
    assert done.prometheus.value("sum(signalbox_unpriced_requests_total)") == done.bill.unpriced
    assert spend["estimated_usd"] == 0


def test_requests_fallbacks_and_routes_are_counted_alike(done: Done) -> None:
    rows = {name: row["requests"] for name, row in done.rows("key").items()}
    found = done.prometheus.query("sum by (key) (signalbox_requests_total)")
    assert rows == dict(done.bill.requests)
    assert {series["metric"]["key"]: int(series["value"][1]) for series in found} == rows
    assert done.prometheus.value("sum(signalbox_fallbacks_total)") == done.bill.helped > 0
    routes = {name: row["requests"] for name, row in done.rows("route").items()}
    told = done.prometheus.query("sum by (route) (signalbox_rule_matches_total)")
    assert {series["metric"]["route"]: int(series["value"][1]) for series in told} == routes


def test_what_came_out_of_the_cache_cost_nothing(done: Done) -> None:
    counted = 'sum(signalbox_cache_requests_total{result=~"hit|joined"})'
    assert done.prometheus.value(counted) == done.bill.spared > 0
