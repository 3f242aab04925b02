"""Real llama.cpp behind the proxy: a server of its own, and a GGUF in the proxy's own process."""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from router.backends import probe
from router.backends.contract import Call
from router.backends.http import HttpBackend
from router.config.backend import HttpBackend as HttpSpec
from router.config.known import facts
from tests import tiny_gguf
from tests.llama_server import llama_server
from tests.signalbox import Signalbox, signalbox

pytestmark = pytest.mark.real

RULES = """
version: 1
backends:
  server: {{url: "{url}", model: tiny}}
  inside: {{kind: gguf, path: "{path}", n_ctx: 512}}
routes:
  - {{name: in process, when: {{model: small}}, to: inside}}
  - {{name: by server, to: server}}
"""

QUESTIONS = ["Which track is free?", "Count to three.", "ä 🚂 ok"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    tiny_gguf.write(path)
    return path


@pytest.fixture(scope="module")
def llama(model: Path) -> Iterator[str]:
    """URL of a running `python -m llama_cpp.server`."""
    with llama_server(model) as url:
        yield url


@pytest.fixture(scope="module")
def proxy(model: Path, llama: str) -> Iterator[Signalbox]:
    with signalbox(RULES.format(url=llama, path=model)) as running:
        until = time.monotonic() + 30
        while "down" in running.get("/ready")[1] and time.monotonic() < until:
            time.sleep(0.05)
        yield running


def client(url: str) -> OpenAI:
    return OpenAI(base_url=url, api_key="none", max_retries=0, timeout=60)


def plain(api: OpenAI, model: str, question: str) -> str:
    answer = api.chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}], max_tokens=200, temperature=0, seed=1
    )
    return answer.choices[0].message.content or ""


def streamed(api: OpenAI, model: str, question: str) -> str:
    stream = api.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": question}],
        max_tokens=200,
        temperature=0,
        seed=1,
        stream=True,
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_sdk_gets_the_same_text_through_the_proxy_as_directly(question: str, llama: str, proxy: Signalbox) -> None:
    direct = plain(client(llama), "tiny", question)
    assert len(direct) > 3
    direct_stream = streamed(client(llama), "tiny", question)  # which loses characters of four bytes, unlike ours
    for name in ("auto", "server", "gpt-4o-mini"):
        assert plain(client(proxy.url), name, question) == direct
        assert streamed(client(proxy.url), name, question) == direct_stream


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_gguf_in_process_says_what_the_server_says(question: str, llama: str, proxy: Signalbox) -> None:
    direct = plain(client(llama), "tiny", question)
    for name in ("small", "inside"):
        assert plain(client(proxy.url), name, question) == direct
        assert streamed(client(proxy.url), name, question) == direct


def test_usage_of_a_stream_comes_only_when_asked_for_and_is_the_plain_answers(proxy: Signalbox) -> None:
    api = client(proxy.url)
    for name in ("server", "inside"):
        messages = [{"role": "user", "content": QUESTIONS[0]}]
        settings = {"model": name, "messages": messages, "max_tokens": 8, "temperature": 0}
        whole = api.chat.completions.create(**settings)  # type: ignore[call-overload]
        assert all(chunk.usage is None for chunk in api.chat.completions.create(**settings, stream=True))  # type: ignore[call-overload]
        asked = api.chat.completions.create(**settings, stream=True, stream_options={"include_usage": True})  # type: ignore[call-overload]
        usages = [chunk.usage for chunk in asked if chunk.usage is not None]
        if name == "inside":  # llama_cpp.server itself sends no usage chunk
            assert [usage.total_tokens for usage in usages] == [whole.usage.total_tokens]


def test_explain_names_the_route_that_was_used(proxy: Signalbox, tmp_path: Path) -> None:
    for name, route, backend in (("small", "in process", "inside"), ("auto", "by server", "server")):
        body = {"model": name, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 2}
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
        connection.request("POST", "/v1/chat/completions", json.dumps(body))
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert (answer.headers["x-signalbox-route"], answer.headers["x-signalbox-backend"]) == (route, backend)
        file = tmp_path / "request.json"
        file.write_text(json.dumps(body))
        command = [sys.executable, "-m", "router.cli", "explain", "--rules", str(proxy.rules), "--json", str(file)]
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)
        assert (told["route"], told["backend"]) == (route, backend)


def test_a_client_that_leaves_stops_the_model_in_process_within_100_ms(proxy: Signalbox) -> None:
    messages = [{"role": "user", "content": "go on"}]
    body = {"model": "inside", "messages": messages, "max_tokens": 400, "stream": True, "logit_bias": {"2": -100}}
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.readline()
    left = time.perf_counter()
    answer.close()
    connection.close()
    while 'signalbox_cancelled_total{backend="inside"' not in proxy.get("/metrics")[1]:
        assert time.perf_counter() - left < 0.1, "the request was not cancelled"
    begun = time.perf_counter()
    plain(client(proxy.url), "inside", "hi")  # its one slot is free
    assert time.perf_counter() - begun < 1


@pytest.mark.anyio
async def test_questions_to_a_server_that_knows_none_of_them_make_nothing_up_and_break_nothing_off(
    llama: str, monkeypatch: pytest.MonkeyPatch, anyio_backend: str
) -> None:
    """`llama_cpp.server` breaks off what it is writing when it is asked for its models."""
    expected = streamed(client(llama), "tiny", QUESTIONS[1])
    monkeypatch.setattr(probe, "KNOCK_HERE", 0.02)
    monkeypatch.setattr(probe, "ASK_AGAIN", 0.02)
    spec = HttpSpec(url=llama, model="tiny")
    backend = HttpBackend("server", spec, facts("server", spec))
    knocks = 0
    knock = backend.knock

    async def counted() -> None:
        nonlocal knocks
        knocks += 1
        await knock()

    monkeypatch.setattr(backend, "knock", counted)
    await backend.start()
    while backend.facts.up is None:
        await asyncio.sleep(0.01)
    told = backend.facts
    assert (told.up, told.models, told.server, told.context, told.slots) == (True, ("tiny",), None, None, None)
    messages = [{"role": "user", "content": QUESTIONS[1]}]
    body = {"model": "tiny", "messages": messages, "max_tokens": 200, "temperature": 0, "seed": 1, "stream": True}
    head = [(b"content-type", b"application/json")]
    for _ in range(3):
        pieces: list[bytes] = []
        answer = await backend.ask(Call("/v1/chat/completions", json.dumps(body).encode(), headers=head, stream=True))
        await answer.pipe(pieces.append)
        events = [line for line in b"".join(pieces).splitlines() if line.startswith(b"data: {")]
        text = "".join(json.loads(event[6:])["choices"][0]["delta"].get("content") or "" for event in events)
        assert b"".join(pieces).rstrip().endswith(b"data: [DONE]")
        assert text == expected
    assert knocks > 3
    assert told.up is True
    await backend.close()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
