"""Texts with a gap through a running proxy: as Tabby, Continue and llama.cpp's editors send them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI

from router.backends.llama.installed import llama_is_installed
from tests import tiny_gguf
from tests.absent import absent
from tests.signalbox import Signalbox, post, signalbox
from tests.upstream import Request, Upstream, respond, upstream

PREFIX, SUFFIX = "the red lamp ", " over the bridge"
STREAMED = [
    {"content": "turns ", "stop": False},
    {"content": "green", "stop": False},
    {"content": "", "stop": True, "stop_type": "eos", "tokens_evaluated": 11, "tokens_predicted": 2},
]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signalbox]:
    """A GGUF in process whose file names its tokens."""
    if not llama_is_installed():
        absent("llama.cpp is not installed: make llama")
    model = tiny_gguf.write(tmp_path_factory.mktemp("gguf") / "tiny.gguf")
    rules = f"version: 1\nbackends: {{tiny: {{kind: gguf, path: {model}}}}}\n"
    rules += "routes: [{when: {task: autocomplete}, to: tiny}]"
    with signalbox(rules) as running:
        yield running


async def llama(request: Request, writer: asyncio.StreamWriter) -> None:
    """Answers `/infill` as llama.cpp's server does, and refuses a `suffix` elsewhere."""
    if request.target.endswith("/models"):
        respond(writer, 200, {"data": [{"id": "coder", "owned_by": "llamacpp", "meta": {"n_ctx": 4096}}]})
    elif request.target == "/props":
        respond(writer, 200, {"default_generation_settings": {"n_ctx": 4096}, "total_slots": 1})
    elif request.method == "GET":
        respond(writer, 200, {"status": "ok"})
    elif request.target != "/infill":
        respond(writer, 500, {"error": {"message": "Unsupported param: suffix", "code": 500}})
    elif request.json.get("stream"):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for event in STREAMED:
            data = b"data: " + json.dumps(event).encode() + b"\n\n"
            writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        writer.write(b"0\r\n\r\n")
    else:
        respond(writer, 200, {**STREAMED[2], "content": "turns green"})


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    with upstream(llama) as running:
        yield running


@pytest.fixture(scope="module")
def far(server: Upstream) -> Iterator[Signalbox]:
    with signalbox(f"version: 1\nbackends: {{coder: {{url: '{server.url}'}}}}\nroutes: [{{to: coder}}]") as running:
        yield running


@pytest.fixture(params=["in process", "llama.cpp"])
def proxy(request: pytest.FixtureRequest) -> Signalbox:
    found: Signalbox = request.getfixturevalue("local" if request.param == "in process" else "far")
    return found


def sent(proxy: Signalbox, path: str, body: dict[str, Any]) -> Any:
    status, _, answer = post(proxy, path, json.dumps({"model": "auto", **body}).encode())
    assert status == 200, answer
    return json.loads(answer)


def streamed(proxy: Signalbox, path: str, body: dict[str, Any]) -> tuple[list[Any], bool]:
    status, headers, answer = post(proxy, path, json.dumps({"model": "auto", "stream": True, **body}).encode())
    assert (status, headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
    lines = [line[6:] for line in answer.split(b"\n\n") if line]
    return [json.loads(line) for line in lines if line != b"[DONE]"], lines[-1] == b"[DONE]"


def test_a_client_of_llama_cpp_s_completion_is_answered_in_its_words(local: Signalbox) -> None:
    tabby = {"prompt": "the <PRE> red <SUF> lamp <MID>", "n_predict": 4, "temperature": 0.0, "seed": 1, "stream": True}
    status, headers, answer = post(local, "/completion", json.dumps({**tabby, "penalty_last_n": 0}).encode())
    assert (status, headers["content-type"].partition(";")[0]) == (200, "text/event-stream"), headers
    events = [json.loads(line[6:]) for line in answer.split(b"\n\n") if line]
    assert all(isinstance(event["content"], str) for event in events)
    assert [event["stop"] for event in events] == [False] * (len(events) - 1) + [True]
    assert events[-1]["tokens_predicted"] == 4


def test_a_gap_without_a_limit_is_filled_to_its_end(local: Signalbox) -> None:
    """A plain completion without one would end after 16 tokens."""
    told = sent(local, "/infill", {"input_prefix": PREFIX, "input_suffix": SUFFIX, "temperature": 0, "seed": 1})
    assert told["tokens_predicted"] > 16 or told["stop_type"] == "eos"


def test_the_three_doors_fill_the_same_gap_with_the_same_words(proxy: Signalbox) -> None:
    how = {"temperature": 0, "seed": 1}
    client = OpenAI(base_url=proxy.url, api_key="any")
    first = client.completions.create(model="auto", prompt=PREFIX, suffix=SUFFIX, max_tokens=8, **how)  # type: ignore[call-overload]
    text = first.choices[0].text
    assert text
    assert first.usage is not None
    fim = sent(proxy, "/v1/fim/completions", {"prompt": PREFIX, "suffix": SUFFIX, "max_tokens": 8, **how})
    assert fim["choices"][0]["message"]["content"] == text
    assert fim["usage"]["total_tokens"] == first.usage.total_tokens
    infill = sent(proxy, "/infill", {"input_prefix": PREFIX, "input_suffix": SUFFIX, "n_predict": 8, **how})
    assert (infill["content"], infill["stop"]) == (text, True)


def test_streams_hold_the_same_words_and_end_as_their_clients_expect(proxy: Signalbox) -> None:
    how = {"temperature": 0, "seed": 1, "max_tokens": 8}
    body = {"prompt": PREFIX, "suffix": SUFFIX, **how}
    whole = sent(proxy, "/v1/completions", body)["choices"][0]["text"]
    chunks, done = streamed(proxy, "/v1/completions", body)
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == whole
    assert (done, all("usage" not in chunk for chunk in chunks)) == (True, True)
    chunks, done = streamed(proxy, "/v1/completions", {**body, "stream_options": {"include_usage": True}})
    assert chunks[-1]["usage"]["completion_tokens"] > 0
    chunks, done = streamed(proxy, "/v1/fim/completions", body)
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks) == whole
    assert (done, chunks[-1]["choices"][0]["finish_reason"] is not None) == (True, True)
    body = {"input_prefix": PREFIX, "input_suffix": SUFFIX, **how}
    chunks, done = streamed(proxy, "/infill", body)
    assert "".join(chunk["content"] for chunk in chunks) == whole
    assert (done, chunks[-1]["stop"]) == (False, True)


def test_what_a_filled_gap_used_is_counted(far: Signalbox) -> None:
    def counted() -> float:
        lines = far.get("/metrics")[1].splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("signalbox_tokens_total"))

    before = counted()
    streamed(far, "/v1/completions", {"prompt": PREFIX, "suffix": SUFFIX})
    streamed(far, "/v1/fim/completions", {"prompt": PREFIX, "suffix": SUFFIX})
    assert counted() - before == 26


def test_the_task_of_a_gap_is_autocomplete_and_a_bad_one_is_refused(local: Signalbox) -> None:
    for path in ("/v1/fim/completions", "/v1/infill"):
        status, _, answer = post(local, path, b'{"model": "auto", "prompt": 7}')
        assert (status, "prompt" in json.loads(answer)["error"]["message"]) == (400, True)
