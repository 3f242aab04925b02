"""One route, several dialects: who is asked in which, and what it costs."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.real.spoken import chat_only, text
from tests.signalbox import Signalbox, post, signalbox
from tests.upstream import respond, upstream

RULES = """
version: 1
backends:
  small: {{url: "{small}", model: tiny, price: {{input: 1000, cached: 100, output: 3000}}}}
  native: {{url: "{native}", model: big, dialects: [responses, messages], price: 0}}
routes:
  - {{name: there, when: {{model: there}}, to: [native, small]}}
  - {{name: back, when: {{model: back}}, to: [small, native]}}
  - {{name: all, to: small}}
"""
PATHS = ["/v1/messages", "/v1/responses"]


async def fails(request: Any, writer: Any) -> None:
    respond(writer, 500, {"error": {"message": "no"}})


def asked_for(path: str, model: str = "auto", stream: bool = False) -> bytes:
    said = {"input": "hi"} if path == "/v1/responses" else {"messages": [{"role": "user", "content": "hi"}]}
    limit = {"max_output_tokens": 50} if path == "/v1/responses" else {"max_tokens": 50}
    return json.dumps({"model": model, "stream": stream, **limit, **said}).encode()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("model", "served"), [("there", "small"), ("back", "native")])
def test_a_route_may_go_from_a_backend_that_speaks_the_dialect_to_one_that_does_not_and_back(
    path: str, model: str, served: str
) -> None:
    with upstream() as small, upstream() as native, signalbox(rules(small.url, native.url)) as proxy:
        small.play = chat_only(text)
        first, last = (native, small) if served == "small" else (small, native)
        first.play = fails
        status, headers, _ = post(proxy, path, asked_for(path, model))
        assert (status, headers["x-signalbox-backend"]) == (200, served)
        assert first.asked
        assert last.asked[-1].target == ("/v1/chat/completions" if served == "small" else path)
        assert ("x-signalbox-changed" in headers) == (served == "small")


def test_an_answer_costs_the_same_in_every_dialect_streamed_or_not() -> None:
    costs = []
    with upstream() as small, signalbox(rules(small.url, small.url)) as proxy:
        small.play = chat_only(text)
        for path in ("/v1/chat/completions", *PATHS):
            for stream in (False, True):
                status, headers, _ = post(proxy, path, asked_for(path, stream=stream))
                assert status == 200
                costs += [] if stream else [float(headers["x-signalbox-cost-usd"])]
        assert costs == [pytest.approx((40 * 1000 + 60 * 100 + 20 * 3000) / 1e6)] * 3
        told = sums(proxy, requests=6)
    assert told["signalbox_spend_usd_total"] == pytest.approx(6 * costs[0])
    assert told["signalbox_tokens_total"] == 6 * 120


def rules(small: str, native: str) -> str:
    return RULES.format(small=small, native=native)


def sums(proxy: Signalbox, requests: int) -> dict[str, float]:
    """What the metrics say when so many requests are counted: each is once it is over."""
    until = time.monotonic() + 5
    while True:
        found: dict[str, float] = {}
        for line in proxy.get("/metrics")[1].splitlines():
            name, _, rest = line.partition("{")
            inside = 'type="input"' in rest or 'type="output"' in rest
            if 'backend="small"' in rest and (name != "signalbox_tokens_total" or inside):
                found[name] = found.get(name, 0) + float(line.split()[-1])
        if found.get("signalbox_requests_total") == requests or time.monotonic() > until:
            return found
        time.sleep(0.02)
