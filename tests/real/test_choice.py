"""A choice among real servers, through a real proxy: shares, warm conversations, spills, and the state of backends."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.signalbox import Signalbox, post, signalbox
from tests.upstream import Request, Upstream, respond

RULES = """
version: 1
backends:
  a: {{url: "{a}", parallel: 2}}
  b: {{url: "{b}", parallel: 2}}
routes:
  - {{name: weighted, when: {{model: weighted}}, choice: weighted, to: [{{backend: a, weight: 3}}, b]}}
  - {{name: least busy, when: {{model: least-busy}}, choice: least_busy, to: [a, b]}}
  - {{name: sticky, when: {{model: sticky}}, choice: sticky, to: [a, b]}}
  - {{name: spill, when: {{model: spill}}, to: [{{backend: a, wait: 300ms}}, b]}}
  - {{name: only a, when: {{model: only-a}}, to: a}}
  - {{name: warm, when: {{model: state, backend: {{b: warm}}}}, to: b}}
  - {{name: queue, when: {{model: state, backend: {{a: [busy, {{queue: "> 0"}}]}}}}, to: b}}
  - {{name: down, when: {{model: state, backend: {{a: down}}}}, to: b}}
  - {{name: rest, to: a}}
"""
CHAT = "/v1/chat/completions"


class Caching(Upstream):
    """A server with a KV cache: of each prompt it tells how much of the longest prompt before it was the same."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    async def answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method == "GET" or request.json.get("stream"):
            await super().answer(request, writer)
            return
        if self.pause:
            await asyncio.sleep(self.pause)
        prompt = json.dumps(request.json["messages"])[:-1]
        cached = max((len(old) for old in self.seen if prompt.startswith(old)), default=0)
        self.seen.append(prompt)
        usage = {
            "prompt_tokens": len(prompt),
            "completion_tokens": 1,
            "prompt_tokens_details": {"cached_tokens": cached},
        }
        choice = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
        respond(writer, 200, {"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage})


@pytest.fixture
def servers() -> Iterator[tuple[Caching, Caching]]:
    made = (Caching(), Caching())
    for server in made:
        server.start()
    try:
        yield made
    finally:
        for server in made:
            server.end()


@pytest.fixture
def proxy(servers: tuple[Caching, Caching]) -> Iterator[Signalbox]:
    with signalbox(RULES.format(a=servers[0].url, b=servers[1].url)) as running:
        yield running


def chat(model: str, *messages: tuple[str, str], **more: Any) -> bytes:
    listed = [{"role": role, "content": content} for role, content in messages or (("user", "hi"),)]
    return json.dumps({"model": model, "messages": listed, **more}).encode()


def sent(proxy: Signalbox, body: bytes) -> tuple[str, str]:
    """Route and backend of an answer."""
    status, headers, answer = post(proxy, CHAT, body)
    assert status == 200, answer
    return headers["x-signalbox-route"], headers["x-signalbox-backend"]


def explained(proxy: Signalbox, body: bytes) -> dict[str, Any]:
    _, _, answer = post(proxy, "/api/explain", json.dumps({"body": json.loads(body)}).encode())
    found: dict[str, Any] = json.loads(answer)
    return found


def tokens(proxy: Signalbox, route: str, kind: str) -> float:
    """Of a route, over all backends."""
    lines = [line for line in proxy.get("/metrics")[1].splitlines() if line.startswith("signalbox_tokens_total{")]
    return sum(float(line.split()[-1]) for line in lines if f'route="{route}"' in line and f'type="{kind}"' in line)


def test_weights_are_shares_and_explain_takes_nobodys_turn(proxy: Signalbox) -> None:
    count: Counter[str] = Counter()
    for _ in range(12):
        assert explained(proxy, chat("weighted"))["choice"] == "weighted"
        count[sent(proxy, chat("weighted"))[1]] += 1
    assert count == {"a": 9, "b": 3}


SYSTEM = ("system", "You are a helpful assistant. " * 40)


def conversations(proxy: Signalbox, model: str, count: int, turns: int) -> list[set[str]]:
    """So many conversations, turn by turn among each other: the backends of each."""
    histories = [[SYSTEM, ("user", f"{model} question of {n}: {'word ' * 50}")] for n in range(count)]
    asked: list[set[str]] = [set() for _ in histories]
    for turn in range(turns):
        for history, backends in zip(histories, asked, strict=True):
            backends.add(sent(proxy, chat(model, *history))[1])
            history += [("assistant", "ok"), ("user", f"and {turn}? {'more ' * 20}")]
    return asked


def test_conversations_stay_where_their_cache_is_warm_and_do_not_pile_up(proxy: Signalbox) -> None:
    # A number that no round of weights divides: else each turn of a conversation would meet the same backend by chance.
    asked = conversations(proxy, "sticky", 23, 5)
    assert all(len(backends) == 1 for backends in asked)
    count = Counter(next(iter(backends)) for backends in asked)
    assert min(count["a"], count["b"]) >= 5, count
    sticky = tokens(proxy, "sticky", "cached") / tokens(proxy, "sticky", "input")
    conversations(proxy, "weighted", 23, 5)
    weighted = tokens(proxy, "weighted", "cached") / tokens(proxy, "weighted", "input")
    print(f"\nshare of the prompt that was cached: sticky {sticky:.2f}, weighted {weighted:.2f}")
    assert sticky > 0.7
    assert sticky > weighted + 0.1


def test_a_conversation_goes_on_elsewhere_when_its_backend_is_gone_and_new_ones_come_back(
    proxy: Signalbox, servers: tuple[Caching, Caching]
) -> None:
    histories = [[SYSTEM, ("user", f"question of {n}")] for n in range(12)]
    first = [sent(proxy, chat("sticky", *history))[1] for history in histories]
    assert set(first) == {"a", "b"}
    servers[0].stop()
    for history in histories:
        history += [("assistant", "ok"), ("user", "and?")]
        assert sent(proxy, chat("sticky", *history))[1] == "b"
    servers[0].start()
    until = time.monotonic() + 8
    while sent(proxy, chat("only-a"))[1] != "a" or explained(proxy, chat("state"))["route"] == "down":
        assert time.monotonic() < until
        time.sleep(0.1)
    new = Counter(sent(proxy, chat("sticky", SYSTEM, ("user", f"question of {n}")))[1] for n in range(100, 130))
    assert min(new["a"], new["b"]) >= 5, new


def test_the_least_busy_gets_the_next_request(proxy: Signalbox, servers: tuple[Caching, Caching]) -> None:
    servers[0].pause = 0.6
    with busy(proxy, "only-a", 2):
        (first, second) = explained(proxy, chat("least-busy"))["candidates"]
        assert sent(proxy, chat("least-busy"))[1] == "b"
    assert (first["backend"], second["backend"]) == ("b", "a")
    assert second["reason"].startswith("2 in flight, 2 slots")


def test_a_queue_that_would_take_too_long_spills_to_the_next_and_explain_tells_the_figures(
    proxy: Signalbox, servers: tuple[Caching, Caching]
) -> None:
    servers[0].pause = 0.5
    assert sent(proxy, chat("spill"))[1] == "a"
    with busy(proxy, "only-a", 4):
        told = explained(proxy, chat("spill"))["candidates"]
        assert sent(proxy, chat("spill"))[1] == "b"
    assert [each["backend"] for each in told] == ["b", "a"]
    assert "until the first token (3 in the queue with this one, 0.5" in told[1]["reason"]
    assert told[1]["reason"].endswith("and may take 0.3 s")
    assert sent(proxy, chat("spill"))[1] == "a"


def test_rules_see_the_state_of_backends(proxy: Signalbox, servers: tuple[Caching, Caching]) -> None:
    assert sent(proxy, chat("state")) == ("rest", "a")
    servers[0].pause = 0.5
    with busy(proxy, "only-a", 2):
        assert sent(proxy, chat("state")) == ("queue", "b")
    assert sent(proxy, chat("state", ("user", "hi"), ("assistant", "ok"), ("user", "again"))) == ("warm", "b")
    servers[0].stop()
    with pytest.raises(AssertionError):
        sent(proxy, chat("only-a"))
    assert sent(proxy, chat("state", ("user", "something new"))) == ("down", "b")
    (found,) = explained(proxy, chat("state", ("user", "something else")))["rules"][-1]["conditions"][1:]
    assert found["found"]["a"].startswith("down: cannot connect")


def test_the_turn_with_tool_results_stays_whatever_the_choice_says(proxy: Signalbox) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    for n in range(8):
        question = {"role": "user", "content": f"use f {n}"}
        status, headers, _ = post(
            proxy, CHAT, json.dumps({"model": "weighted", "messages": [question], "tools": tools}).encode()
        )
        assert status == 200
        call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        loop = [
            question,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": "done"},
        ]
        body = json.dumps({"model": "weighted", "messages": loop, "tools": tools}).encode()
        assert post(proxy, CHAT, body)[1]["x-signalbox-backend"] == headers["x-signalbox-backend"]


class busy:
    """So many requests on their way at once, for the length of a block; all of them are answered at its end."""

    def __init__(self, proxy: Signalbox, model: str, count: int):
        self.proxy = proxy
        self.threads = [threading.Thread(target=post, args=(proxy, CHAT, chat(model))) for _ in range(count)]

    def __enter__(self) -> None:
        for thread in self.threads:
            thread.start()
        until = time.monotonic() + 5
        while self.in_flight() < len(self.threads):
            assert time.monotonic() < until
            time.sleep(0.005)

    def in_flight(self) -> float:
        lines = self.proxy.get("/metrics")[1].splitlines()
        names = ("signalbox_backend_busy{", "signalbox_queue_depth{")
        return sum(float(line.split()[-1]) for line in lines if line.startswith(names))

    def __exit__(self, *_: object) -> None:
        for thread in self.threads:
            thread.join()
