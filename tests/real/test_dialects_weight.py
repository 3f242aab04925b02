"""Large requests and answers are translated beside the others, and not before them."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from router.dialects.bridge import LARGE
from tests.real.spoken import chat_only
from tests.signalbox import Signalbox, ask, post, signalbox
from tests.upstream import upstream

RULES = """
version: 1
backends: {{small: {{url: "{small}", model: tiny, context: 100000000}}}}
routes: [{{name: all, to: small}}]
"""
PATIENCE = 1.0
"""Seconds that a small request may take meanwhile, on a busy machine."""


def _request(path: str) -> bytes:
    if path == "/v1/messages":
        turns = [{"role": "user" if at % 2 else "assistant", "content": "hello"} for at in range(60_000)]
        return json.dumps({"model": "auto", "max_tokens": 5, "messages": turns}).encode()
    items: list[dict[str, Any]] = []
    for at in range(30_000):
        items.append({"type": "function_call", "name": "f", "call_id": f"c{at}", "arguments": "{}"})
        items.append({"type": "function_call_output", "call_id": f"c{at}", "output": "x"})
    return json.dumps({"model": "auto", "input": items}).encode()


def _many_calls(_: dict[str, Any]) -> dict[str, Any]:
    function = {"name": "f", "arguments": '{"a": "%s"}' % ("b" * 20_000)}
    calls = [{"id": f"c{at}", "type": "function", "function": function} for at in range(100)]
    return {"role": "assistant", "content": None, "tool_calls": calls}


@pytest.mark.alone
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
def test_a_large_request_holds_nobody_up(path: str) -> None:
    with upstream() as small:
        small.play = chat_only(lambda _: {"role": "assistant", "content": "hi"})
        with signalbox(RULES.format(small=small.url)) as proxy:
            assert _longest_wait(proxy, path, _request(path)) < PATIENCE


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
def test_a_large_answer_is_told_whole(path: str) -> None:
    with upstream() as small:
        small.play = chat_only(_many_calls)
        with signalbox(RULES.format(small=small.url)) as proxy:
            body = {"model": "auto", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}], "input": "hi"}
            body.pop("input" if path == "/v1/messages" else "messages")
            status, _, told = post(proxy, path, json.dumps(body).encode())
    answer = json.loads(told)
    calls = answer["content"] if path == "/v1/messages" else answer["output"]
    assert (status, len(calls)) == (200, 100)
    assert len(told) > LARGE


def _longest_wait(proxy: Signalbox, path: str, body: bytes) -> float:
    """Seconds that the slowest of many small requests took while the large one was answered."""
    statuses: list[int] = []

    def large() -> None:
        statuses.append(ask(proxy, "POST", path, body, {"content-type": "application/json"}, patience=60)[0])

    asking = threading.Thread(target=large)
    asking.start()
    longest = 0.0
    while asking.is_alive():
        began = time.perf_counter()
        proxy.get("/health")
        longest = max(longest, time.perf_counter() - began)
        time.sleep(0.005)
    asking.join()
    assert statuses == [200]
    return longest
