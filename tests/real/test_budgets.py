"""Budgets on real sockets: they turn requests to what costs nothing, refuse what does not fit, and forget nothing."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.redis_servers import RedisProcess, redis_server
from tests.signalbox import Signalbox, ask, post, signalbox
from tests.upstream import Request, Upstream, respond, upstream

CHAT = "/v1/chat/completions"
KEYS = "ci:k1,laptop:k2"
RULES = """
version: 1
backends:
  cloud: {{url: "{cloud}", model: c, price: {{input: 1000000}}}}
  home: {{url: "{home}", model: h, price: 0, context: 200}}
  box: {{url: "{home}", model: b, power: {{watts: 300, per_kwh: 0.3}}}}
  unknown: {{url: "{home}", model: u}}
budgets:
  total: {{month: 100}}
  keys: {{ci: {{day: 10, soft: 50%}}}}
routes:
  - {{name: turns, when: {{budget: ">= 80", model: turns}}, to: home}}
  - {{name: dear, when: {{model: [dear, turns]}}, to: cloud}}
  - {{name: powered, when: {{model: powered}}, to: [cloud, box]}}
  - {{name: unpriced, when: {{model: unpriced}}, to: unknown}}
  - {{name: both, to: [cloud, home]}}
"""
_numbers = itertools.count(1)


async def _one_dollar_a_token(request: Request, writer: asyncio.StreamWriter) -> None:
    if request.method == "GET":
        respond(writer, 404, {})
    else:
        spent = request.json.get("user", "1")
        respond(writer, 200, {"choices": [], "usage": {"prompt_tokens": int(spent), "completion_tokens": 0}})


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Upstream, Upstream]]:
    with upstream(_one_dollar_a_token) as cloud, upstream() as home:
        yield cloud, home


@pytest.fixture(scope="module")
def rules(servers: tuple[Upstream, Upstream]) -> str:
    return RULES.format(cloud=servers[0].url, home=servers[1].url)


def spend(
    proxy: Signalbox, dollars: int = 1, key: str = "k1", model: str = "auto", said: str = "", **headers: str
) -> tuple[int, str, str]:
    """Status, backend (or code of the error) and message; at the cloud it costs so many dollars."""
    messages = [{"role": "user", "content": f"question {next(_numbers)} {said}"}]
    sent = json.dumps({"model": model, "user": str(dollars), "messages": messages}).encode()
    code, told, answer = post(proxy, CHAT, sent, authorization=f"Bearer {key}", **headers)
    error = json.loads(answer).get("error", {})
    return code, told.get("x-signalbox-backend") or error["code"], error.get("message", "")


def page(proxy: Signalbox) -> str:
    return ask(proxy, "GET", "/metrics", headers={"authorization": "Bearer k2"})[2].decode()


def spent(proxy: Signalbox, key: str = "ci", period: str = "day") -> float:
    found = re.search(rf'signalbox_budget_spent_usd\{{key="{re.escape(key)}",period="{period}"\}} (\S+)', page(proxy))
    return float(found[1]) if found else -1.0


def test_at_the_soft_mark_it_turns_to_what_is_free_and_at_the_hard_one_refuses_what_is_not(rules: str) -> None:
    with signalbox(rules, SIGNALBOX_KEYS=KEYS) as proxy:
        assert spend(proxy, 4)[:2] == (200, "cloud")
        assert spend(proxy, 1)[:2] == (200, "cloud")
        assert spend(proxy)[:2] == (200, "home")  # 50 %: what is free goes first
        assert spend(proxy, 3, model="dear")[:2] == (200, "cloud")
        assert spend(proxy, 1, model="turns")[:2] == (200, "home")  # 80 %: the signal
        assert spend(proxy, 3, model="dear")[:2] == (200, "cloud")  # the last one may go over
        code, error, message = spend(proxy, model="dear")
        assert (code, error) == (400, "insufficient_quota")
        assert 'the budget of key "ci" for today is spent: 11.00 of 10.00 US dollars, until 20' in message
        assert spend(proxy)[:2] == (200, "home")
        assert spend(proxy, model="cloud")[:2] == (400, "insufficient_quota")  # named directly
        assert spend(proxy, model="powered")[:2] == (200, "box")
        assert spend(proxy, model="unpriced")[:2] == (400, "insufficient_quota")
        code, _, message = spend(proxy, said="word " * 2000)
        assert code == 400
        assert "cloud: costs money" in message and "home: needs about" in message
        assert spend(proxy, key="k2", model="dear")[:2] == (200, "cloud")  # another key, and 12 of the total's 100
        told = page(proxy)
        assert 'signalbox_budget_usd{key="ci",period="day"} 10.0' in told
        assert 'signalbox_budget_spent_usd{key="*",period="month"} 12.' in told
        assert 'signalbox_limit_refusals_total{key="ci",limit="budget",route="dear"} 1.0' in told


def test_explain_and_the_command_tell_how_it_stands(rules: str) -> None:
    with signalbox(rules, SIGNALBOX_KEYS=KEYS) as proxy:
        spend(proxy, 10)
        question = {"body": {"model": "dear", "messages": []}}
        sent = json.dumps(question).encode()
        answer = json.loads(post(proxy, "/api/explain", sent, authorization="Bearer k2")[2])
        assert (answer["backend"], answer["signals"]["budget"]) == ("cloud", 10)  # no key: the total's
        time.sleep(1)
        told = _command(proxy, "budget", "--json")
        lines = {(line["key"], line["period"]): line for line in json.loads(told)}
        assert lines["ci", "day"]["percent"] == 100 and lines["ci", "day"]["left_usd"] == 0
        assert lines[None, "month"]["spent_usd"] == 10
        assert "total" in _command(proxy, "budget")
        file = proxy.rules.with_name("q.json")
        file.write_text(json.dumps(question["body"]))
        explained = json.loads(_command(proxy, "explain", "--key", "ci", "--json", str(file)))
        assert (explained["backend"], explained["candidates"][0]["gate"]) == (None, "budget")
        assumed = json.loads(_command(proxy, "explain", "--key", "ci", "--budget", "20", "--json", str(file)))
        assert assumed["backend"] == "cloud"


def _command(proxy: Signalbox, name: str, *words: str) -> str:
    environ = {**os.environ, "SIGNALBOX_DATA_DIR": str(proxy.rules.parent)}
    command = [sys.executable, "-m", "router.cli", name, "--rules", str(proxy.rules), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environ).stdout


def test_a_restart_forgets_nothing(rules: str, tmp_path: Path) -> None:
    folder = {"SIGNALBOX_DATA_DIR": str(tmp_path)}
    with signalbox(rules, SIGNALBOX_KEYS=KEYS, **folder) as proxy:
        assert spend(proxy, 10)[0] == 200
    with signalbox(rules, SIGNALBOX_KEYS=KEYS, **folder) as proxy:
        assert spent(proxy) == 10
        assert spend(proxy, model="dear")[:2] == (400, "insufficient_quota")


def test_workers_of_one_machine_share_it(rules: str) -> None:
    with signalbox(rules, "--workers", "2", SIGNALBOX_KEYS=KEYS) as proxy:
        for _ in range(6):
            spend(proxy, 1, model="dear")
        until_spent(proxy, 6)
        assert spent(proxy) == 6
        assert spend(proxy, 4, model="dear")[0] == 200
        until_spent(proxy, 10)
        assert {spend(proxy, model="dear")[:2] for _ in range(8)} == {(400, "insufficient_quota")}


@pytest.fixture
def redis() -> Iterator[RedisProcess]:
    with redis_server() as running:
        yield running


def until_spent(proxy: Signalbox, dollars: float, patience: float = 15) -> None:
    """Each worker knows it: so often in a row, on a connection of its own each time."""
    until, agreed = time.monotonic() + patience, 0
    while agreed < 10:
        told = json.loads(ask(proxy, "GET", "/api/budgets", headers={"authorization": "Bearer k2"})[2])
        found = [line["spent_usd"] for line in told if line["key"] == "ci"]
        agreed = agreed + 1 if found == [dollars] else 0
        assert time.monotonic() < until, (found, proxy.log.read_text())
        time.sleep(0 if agreed else 0.1)


def test_replicas_add_up_in_redis_also_when_it_has_lost_everything(rules: str, redis: RedisProcess) -> None:
    with ExitStack() as stack:
        told = {"REDIS_URL": redis.url, "SIGNALBOX_KEYS": KEYS}
        one, other = (stack.enter_context(signalbox(rules, "--workers", "2", **told)) for _ in range(2))
        for _ in range(3):
            spend(one, 1, model="dear")
            spend(other, 1, model="dear")
        until_spent(one, 6)
        until_spent(other, 6)
        redis.kill()
        assert spend(one, 1, model="dear")[0] == 200
        until_spent(one, 7)  # its own at once, of the other the last that was heard
        redis.start()
        until_spent(other, 7, 40)
        redis.cli("flushall")
        assert spend(other, 3, model="dear")[0] == 200
        until_spent(one, 10, 40)
        until_spent(other, 10, 40)
        assert spend(one, model="dear")[:2] == (400, "insufficient_quota")
        assert spend(other, model="dear")[:2] == (400, "insufficient_quota")


def test_rules_without_budgets_look_into_no_ledger(servers: tuple[Upstream, Upstream]) -> None:
    cloud, _ = servers
    rules = f'version: 1\nbackends: {{c: {{url: "{cloud.url}"}}}}\nroutes: [{{to: c}}]\n'
    with signalbox(rules) as proxy:
        assert post(proxy, CHAT, b'{"messages": []}')[0] == 200
        assert "signalbox_budget_usd{" not in proxy.get("/metrics")[1]
        proxy.rules.write_text(rules + "budgets: {total: {day: 0}}\n")
        until = time.monotonic() + 5
        while post(proxy, CHAT, b'{"messages": []}')[0] != 400:
            assert time.monotonic() < until
            time.sleep(0.1)
