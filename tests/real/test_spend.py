"""Money through the real proxy: streamed costs what plain costs, nothing unknown is free, and the ledger adds it up."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from router.accounts.ledger import FILE
from router.accounts.prices import usd
from router.accounts.spend import spend
from router.config.price import Price
from router.telemetry.record import Tokens
from tests.accounts.usages import USAGES
from tests.real.test_metrics import sums
from tests.signalbox import Signalbox, open_stream, post, signalbox
from tests.upstream import Request, Upstream, chat_answer, chat_chunks, respond

CHAT = "/v1/chat/completions"
PROVIDERS = ["openai", "litellm of anthropic", "deepseek", "gemini", "llama.cpp"]
PRICE = Price(2e-6, 8e-6, cached=2e-7, cache_write=3e-6)
RULES = """
version: 1
baseline: gpt-5.4-mini
backends:
  priced: {{url: "{url}", price: {{input: 2.0, output: 8.0, cached: 0.2, cache_write: 3.0}}}}
  free: {{url: "{url}", price: 0}}
  powered: {{url: "{url}", power: {{watts: 360, per_kwh: 0.5}}}}
  unknown: {{url: "{url}"}}
routes: [{{name: all, to: [priced, free, powered, unknown]}}]
"""


class Metered(Upstream):
    """Answers with the usage that the request's `user` names; `silent`: with none."""

    async def tell(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method == "GET":
            await self.answer(request, writer)
            return
        said = request.json
        usage = USAGES[said["user"]][0] if said.get("user") in USAGES else None
        await asyncio.sleep(self.pause)
        if not said.get("stream"):
            answer = chat_answer("hello there")
            del answer["usage"]
            respond(writer, 200, answer if usage is None else {**answer, "usage": usage})
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        *events, done = chat_chunks(["hello", " there"])
        if usage is not None:
            events.append(b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n")
        for event in [*events, done]:
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await writer.drain()
            if said.get("user") == "stays":
                await asyncio.sleep(0.2)
        writer.write(b"0\r\n\r\n")


@pytest.fixture(scope="module")
def server() -> Iterator[Metered]:
    running = Metered()
    running.play = running.tell
    running.start()
    yield running
    running.end()


@pytest.fixture
def proxy(server: Metered) -> Iterator[Signalbox]:
    with signalbox(RULES.format(url=server.url)) as running:
        yield running


def body(user: str, *, stream: bool = False, model: str = "auto") -> bytes:
    messages = [{"role": "user", "content": "What is the time at the second platform?"}]
    return json.dumps({"model": model, "stream": stream, "user": user, "messages": messages}).encode()


def rows(proxy: Signalbox, count: int) -> list[dict[str, Any]]:
    """The ledger's requests in their order, as soon as there are so many."""
    import sqlite3

    until = time.monotonic() + 5
    while True:
        database = sqlite3.connect(proxy.rules.parent / FILE)
        database.row_factory = sqlite3.Row
        found = [dict(row) for row in database.execute("SELECT * FROM requests WHERE backend != '' ORDER BY at")]
        database.close()
        if len(found) >= count or time.monotonic() > until:
            return found
        time.sleep(0.05)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stream_costs_what_the_plain_answer_costs(proxy: Signalbox, provider: str) -> None:
    status, headers, _ = post(proxy, CHAT, body(provider))
    assert status == 200
    status, streamed, text = post(proxy, CHAT, body(provider, stream=True))
    assert status == 200 and b"[DONE]" in text and b'"usage"' not in text
    plain, stream = rows(proxy, 2)
    expected = usd(PRICE, USAGES[provider][1])
    assert plain["nano_usd"] == stream["nano_usd"] == round(expected * 1e9) > 0
    assert (plain["source"], stream["source"]) == ("reported", "reported")
    assert float(headers["x-signalbox-cost-usd"]) == expected
    assert "x-signalbox-cost-usd" not in streamed  # its head was sent before anybody knew


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_without_usage_is_counted_and_marked_as_estimated(proxy: Signalbox, stream: bool) -> None:
    assert post(proxy, CHAT, body("none", stream=stream))[0] == 200
    (row,) = rows(proxy, 1)
    assert (row["source"], row["estimated"]) == ("estimated", 1)
    assert 8 <= row["input"] <= 30 and 1 <= row["output"] <= 4
    assert row["nano_usd"] == round(usd(PRICE, Tokens(row["input"], row["output"])) * 1e9)


def test_a_stream_whose_client_leaves_is_paid_for_what_came(proxy: Signalbox) -> None:
    with open_stream(proxy) as answer:
        answer.readline()
    (row,) = rows(proxy, 1)
    assert row["estimated"] == 1 and row["input"] > 0


def test_a_model_without_a_price_is_unpriced_and_never_free_and_said_once(proxy: Signalbox) -> None:
    for _ in range(3):
        status, headers, _ = post(proxy, CHAT, body("openai", model="unknown"))
        assert status == 200 and "x-signalbox-cost-usd" not in headers
    assert [row["nano_usd"] for row in rows(proxy, 3)] == [None, None, None]
    total = spend(proxy.rules.parent / FILE, "backend", 0.0).total
    assert (total.unpriced, total.usd) == (3, 0.0)
    assert proxy.log.read_text().count("no price is known for") == 1


@pytest.mark.parametrize(("model", "cost"), [("free", 0), ("unknown", None), ("priced", None)])
def test_an_answer_without_tokens_is_free_where_all_is_and_else_unpriced(
    proxy: Signalbox, model: str, cost: int | None
) -> None:
    question = json.dumps({"model": model, "query": "q", "documents": ["d"]}).encode()
    assert post(proxy, "/v1/rerank", question)[0] == 200
    (row,) = rows(proxy, 1)
    assert row["nano_usd"] == cost


def test_a_free_backend_saves_what_the_baseline_costs(proxy: Signalbox) -> None:
    from router.accounts.prices import baseline_price

    _, headers, _ = post(proxy, CHAT, body("openai", model="free"))
    assert float(headers["x-signalbox-cost-usd"]) == 0
    (row,) = rows(proxy, 1)
    price = baseline_price("gpt-5.4-mini")
    assert price is not None
    assert row["nano_usd"] == 0 and row["saved"] == row["baseline"] == round(usd(price, USAGES["openai"][1]) * 1e9) > 0


def test_electricity_is_paid_by_the_time_of_work(server: Metered, proxy: Signalbox) -> None:
    server.pause = 0.4
    try:
        post(proxy, CHAT, body("openai", model="powered"))
    finally:
        server.pause = 0.0
    (row,) = rows(proxy, 1)
    assert row["source"] == "power"
    assert 0.4 * 50_000 <= row["nano_usd"] <= 0.8 * 50_000  # 360 W for a second are 0.1 Wh: 50 micro-dollars


def test_requests_at_once_share_the_electricity(server: Metered, proxy: Signalbox) -> None:
    server.pause = 0.6
    began = time.monotonic()
    try:
        with ThreadPoolExecutor(3) as threads:
            list(threads.map(lambda _: post(proxy, CHAT, body("openai", model="powered")), range(3)))
    finally:
        server.pause = 0.0
    passed = time.monotonic() - began
    paid = sum(row["nano_usd"] for row in rows(proxy, 3)) / 50_000
    assert 0.6 <= paid <= passed + 0.01


def test_command_and_metrics_tell_the_sum_by_hand_of_two_workers(server: Metered) -> None:
    users = [*PROVIDERS, "none", "anthropic"]
    models = ["priced", "free", "unknown"]
    asked = [(users[n % len(users)], bool(n % 2), models[n % 3]) for n in range(420)]
    with signalbox(RULES.format(url=server.url), "--workers", "2") as proxy:
        with ThreadPoolExecutor(8) as threads:
            statuses = list(threads.map(lambda a: post(proxy, CHAT, body(a[0], stream=a[1], model=a[2]))[0], asked))
        assert statuses == [200] * len(asked)
        sure = sum(
            round(usd(PRICE, USAGES[user][1]) * 1e9) for user, _, model in asked if model == "priced" and user in USAGES
        )
        found = rows(proxy, len(asked))
        guessed = sum(row["nano_usd"] for row in found if row["source"] == "estimated")
        told = json.loads(command(proxy, "--by", "backend", "--json"))
        by_name = {row["name"]: row for row in told["rows"]}
        assert told["requests"] == len(found) + sum(row["requests"] for row in told["rows"] if not row["name"])
        assert told["total_usd"] == (sure + guessed) / 1e9
        metrics = sums(proxy)
        assert metrics["signalbox_spend_usd_total"] == pytest.approx(told["total_usd"], abs=1e-9)
        assert metrics["signalbox_saved_usd_total"] == pytest.approx(told["saved_usd"], abs=1e-9)
        assert metrics["signalbox_unpriced_requests_total"] == told["unpriced"]
        assert metrics["signalbox_requests_total"] == told["requests"]
        assert told["unpriced"] == by_name["unknown"]["unpriced"] == sum(model == "unknown" for _, _, model in asked)
        assert by_name["free"]["usd"] == 0 and by_name["free"]["saved_usd"] > 0
        text = command(proxy)
        assert "have no known price" in text and "from estimated tokens" in text and "total" in text


def command(proxy: Signalbox, *arguments: str) -> str:
    environment = {**os.environ, "SIGNALBOX_DATA_DIR": str(proxy.rules.parent)}
    line = [sys.executable, "-m", "router.cli", "spend", *arguments]
    return subprocess.run(line, env=environment, capture_output=True, text=True, check=True).stdout


def test_without_a_ledger_the_command_says_where_it_would_be(tmp_path: Path) -> None:
    environment = {**os.environ, "SIGNALBOX_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "router.cli", "spend"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1 and str(tmp_path) in done.stderr


def test_a_folder_that_cannot_be_written_costs_the_ledger_and_no_request(server: Metered, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with signalbox(RULES.format(url=server.url), SIGNALBOX_DATA_DIR=str(tmp_path / "file" / "x")) as proxy:
        assert post(proxy, CHAT, body("openai"))[0] == 200
        assert "there is no ledger" in proxy.log.read_text()
