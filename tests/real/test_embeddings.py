"""Embeddings through a running proxy, asked for as SDKs ask for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from router.backends.llama.installed import llama_is_installed
from tests import tiny_gguf
from tests.signalbox import Signalbox, post, signalbox
from tests.upstream import Request, Upstream, respond, upstream

RULES = """
version: 1
backends:
  numbers: {{url: "{url}", model: m}}
routes:
  - {{name: kept, when: {{model: kept}}, to: numbers, cache: 1h}}
  - {{name: all, to: numbers}}
"""


async def numbers(request: Request, writer: asyncio.StreamWriter) -> None:
    """A server that knows no `encoding_format`."""
    given = request.json["input"] if request.method == "POST" else []
    rows = [{"object": "embedding", "index": at, "embedding": [0.5, -0.1]} for at, _ in enumerate(given)]
    usage = {"prompt_tokens": 2, "total_tokens": 2}
    respond(writer, 200, {"object": "list", "data": rows, "model": "m", "usage": usage})


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    with upstream(numbers) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(server: Upstream) -> Iterator[Signalbox]:
    with signalbox(RULES.format(url=server.url)) as running:
        yield running


@pytest.mark.parametrize("form", [{}, {"encoding_format": "float"}, {"encoding_format": "base64"}])
def test_the_sdk_reads_vectors_of_a_server_that_knows_numbers_only(proxy: Signalbox, form: dict[str, str]) -> None:
    client = OpenAI(base_url=proxy.url, api_key="any")
    told = client.embeddings.create(model="auto", input=["a", "b"], dimensions=2, **form)  # type: ignore[call-overload]
    vectors = [row.embedding for row in told.data]
    if form.get("encoding_format") == "base64":
        assert vectors == ["AAAAP83MzL0="] * 2
    else:
        assert vectors == [pytest.approx([0.5, -0.1])] * 2


def test_token_ids_and_dimensions_go_to_the_server_as_they_came(proxy: Signalbox, server: Upstream) -> None:
    post(proxy, "/v1/embeddings", b'{"model": "auto", "input": [[1, 2], [3]], "dimensions": 256}')
    assert server.asked[-1].json == {"model": "m", "input": [[1, 2], [3]], "dimensions": 256}


def test_a_kept_answer_is_given_in_either_form(proxy: Signalbox) -> None:
    seen = []
    for form in ("float", "base64", "float"):
        body = json.dumps({"model": "kept", "input": ["same"], "encoding_format": form}).encode()
        _, headers, answer = post(proxy, "/v1/embeddings", body)
        seen.append((headers["x-signalbox-cache"], json.loads(answer)["data"][0]["embedding"]))
    assert seen == [("miss", [0.5, -0.1]), ("hit", "AAAAP83MzL0="), ("hit", [0.5, -0.1])]


@pytest.mark.skipif(not llama_is_installed(), reason="llama.cpp is not installed")
def test_a_model_in_process_takes_texts_and_token_ids_and_answers_both_forms(tmp_path: Path) -> None:
    model = tiny_gguf.write(tmp_path / "tiny.gguf", embeddings=True)
    rules = f"version: 1\nbackends: {{small: {{kind: gguf, path: {model}, embeddings: true}}}}\nroutes: [{{to: small}}]"
    with signalbox(rules) as proxy:
        client = OpenAI(base_url=proxy.url, api_key="any")
        by_default = client.embeddings.create(model="auto", input=["red lamp"]).data[0].embedding
        as_floats = client.embeddings.create(model="auto", input="red lamp", encoding_format="float").data[0].embedding
        by_tokens = client.embeddings.create(model="auto", input=[[1, 300, 301]]).data[0].embedding
    assert by_default == pytest.approx(as_floats)
    assert len(by_tokens) == len(as_floats) == tiny_gguf.EMBED
    assert by_tokens != as_floats
