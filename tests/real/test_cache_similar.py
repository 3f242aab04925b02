"""Answers to similar questions, through a proxy and a backend that embeds: by the letters a text has in a row."""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from collections.abc import Iterator

import pytest

from tests.real.cached import KEYS, chat
from tests.signalbox import Signalbox, ask, signalbox
from tests.upstream import Request, Upstream, respond, upstream

RULES = """
version: 1
backends:
  model: {{url: "{model}", model: m}}
  embedder: {{url: "{embedder}", model: e}}
routes:
  - {{name: strict, when: {{model: strict}}, to: model, cache: {{ttl: 1h, similar: {{backend: embedder, threshold: 0.999}}}}}}
  - {{name: shared, when: {{model: shared}}, to: model, cache: {{ttl: 1h, scope: everyone, similar: {{backend: embedder, threshold: 0.8}}}}}}
  - {{name: brief, when: {{model: brief}}, to: model, cache: {{ttl: 200ms, similar: {{backend: embedder, threshold: 0.8}}}}}}
  - {{name: rest, to: model, cache: {{ttl: 1h, similar: {{backend: embedder, threshold: 0.8}}}}}}
"""  # noqa: E501
FIRST = "What is the capital of France, and how many people live there?"
ALIKE = "What's the capital of France and how many people live there?"
OTHER = "Write a haiku about a switch yard in the rain."


async def embed(request: Request, writer: asyncio.StreamWriter) -> None:
    """Counts of three letters in a row, in 512 places."""
    if request.method == "GET":
        respond(writer, 200, {"object": "list", "data": [{"id": "e", "object": "model"}]})
        return
    assert request.target == "/v1/embeddings"
    text, counts = request.json["input"].lower(), [0] * 512
    for at in range(len(text) - 2):
        counts[zlib.crc32(text[at : at + 3].encode()) % 512] += 1
    respond(writer, 200, {"object": "list", "data": [{"index": 0, "object": "embedding", "embedding": counts}]})


@pytest.fixture(scope="module")
def embedder() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


@pytest.fixture
def proxy(server: Upstream, embedder: Upstream) -> Iterator[Signalbox]:
    embedder.play = embed
    server.requests.clear()
    embedder.requests.clear()
    with signalbox(RULES.format(model=server.url, embedder=embedder.url), SIGNALBOX_KEYS=KEYS) as running:
        yield running


def body(text: str, model: str = "auto", system: str = "Be brief.", **fields: object) -> bytes:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    return json.dumps({"model": model, "messages": messages, **fields}).encode()


def said(proxy: Signalbox, request: bytes, **options: str) -> str:
    return chat(proxy, request, **options)[1]["x-signalbox-cache"]


def test_a_similar_question_gets_the_answer_and_the_score(
    proxy: Signalbox, server: Upstream, embedder: Upstream
) -> None:
    first = chat(proxy, body(FIRST))
    alike = chat(proxy, body(ALIKE))
    assert (first[1]["x-signalbox-cache"], alike[1]["x-signalbox-cache"]) == ("miss", "similar")
    assert 0.8 <= float(alike[1]["x-signalbox-similarity"]) < 1
    assert alike[1]["x-signalbox-attempts"] == "0"
    assert alike[2] == first[2]
    assert "x-signalbox-similarity" not in first[1]
    assert len(server.asked) == 1
    assert [request.json["input"] for request in embedder.asked] == [FIRST, ALIKE]
    assert said(proxy, body(FIRST)) == "hit"  # and nobody is asked for an embedding
    assert len(embedder.asked) == 2
    page = ask(proxy, "GET", "/metrics", headers={"authorization": "Bearer ka"})[2].decode()
    assert 'signalbox_cache_requests_total{result="similar",route="rest"} 1.0' in page


def test_it_is_given_as_a_stream_too(proxy: Signalbox) -> None:
    chat(proxy, body(FIRST))
    _, headers, events = chat(proxy, body(ALIKE, stream=True))
    assert headers["x-signalbox-cache"] == "similar"
    assert events.endswith(b"data: [DONE]\n\n")


def test_another_question_and_another_frame_are_misses(proxy: Signalbox) -> None:
    said(proxy, body(FIRST))
    assert said(proxy, body(OTHER)) == "miss"
    assert said(proxy, body(ALIKE, system="Be long.")) == "miss"
    assert said(proxy, body(ALIKE, max_tokens=5)) == "miss"


def test_the_threshold_is_the_routes(proxy: Signalbox) -> None:
    assert [said(proxy, body(text, "strict")) for text in (FIRST, ALIKE)] == ["miss", "miss"]


def test_keys_do_not_share_unless_the_route_says_so(proxy: Signalbox) -> None:
    said(proxy, body(FIRST))
    assert said(proxy, body(ALIKE), key="kb") == "miss"
    said(proxy, body(FIRST, "shared"))
    assert said(proxy, body(ALIKE, "shared"), key="kb") == "similar"


def test_an_answer_that_is_gone_is_a_miss(proxy: Signalbox) -> None:
    said(proxy, body(FIRST, "brief"))
    time.sleep(0.3)
    assert said(proxy, body(ALIKE, "brief")) == "miss"


@pytest.mark.parametrize("answer", [{"data": []}, {"data": [{"embedding": [0, 0]}]}, {"data": [{"embedding": "x"}]}, 7])
def test_an_embedder_that_answers_nonsense_is_a_miss(answer: object, proxy: Signalbox, embedder: Upstream) -> None:
    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        respond(writer, 200, answer)

    said(proxy, body(FIRST))
    embedder.play = play
    assert said(proxy, body(ALIKE)) == "miss"
    assert "no embedding from embedder" in proxy.log.read_text()


def test_an_embedder_that_is_gone_is_a_miss(proxy: Signalbox, embedder: Upstream) -> None:
    said(proxy, body(FIRST))
    embedder.stop()
    try:
        status, headers, _ = chat(proxy, body(ALIKE))
    finally:
        embedder.start()
    assert (status, headers["x-signalbox-cache"]) == (200, "miss")
