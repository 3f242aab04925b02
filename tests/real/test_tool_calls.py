"""`repair_tool_calls` as a client meets it: a small model behind a scripted server, which writes its calls as text."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from tests import tiny_gguf
from tests.signalbox import Signalbox, post, signalbox
from tests.toolcalls.samples import CALLS, TOOLS
from tests.upstream import Request, Upstream, chat_answer, respond, upstream

CHAT = "/v1/chat/completions"
TEXT = CALLS["hermes"][1]


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    with upstream() as server:
        server.pieces = ["Let me look. ", *(TEXT[at : at + 5] for at in range(0, len(TEXT), 5))]

        async def play(request: Request, writer: object) -> None:
            if request.method == "POST" and not request.json.get("stream"):
                respond(writer, 200, chat_answer(TEXT))  # type: ignore[arg-type]
            else:
                await server.answer(request, writer)  # type: ignore[arg-type]

        server.play = play
        yield server


@pytest.fixture(scope="module")
def proxy(server: Upstream) -> Iterator[Signalbox]:
    rules = f"""
version: 1
backends:
  small: {{url: "{server.url}", model: m, repair_tool_calls: true}}
  plain: {{url: "{server.url}", model: m}}
routes:
  - {{name: kept, when: {{header: {{x-kept: true}}}}, to: small, cache: 1h}}
  - {{to: [small, plain]}}
"""
    with signalbox(rules, SIGNALBOX_LOG_FORMAT="json") as proxy:
        yield proxy


def asked(**fields: object) -> bytes:
    return json.dumps(
        {"model": "small", "messages": [{"role": "user", "content": "hi"}], "tools": TOOLS, **fields}
    ).encode()


def test_a_call_in_the_text_becomes_one_and_is_told_everywhere(proxy: Signalbox) -> None:
    status, headers, body = post(proxy, CHAT, asked())
    answer = json.loads(body)
    assert status == 200
    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    assert answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "get_weather"
    assert answer["x_signalbox"] == {"repaired": ["tool_call:tool_call"]}
    assert headers["x-signalbox-changed"] == "tool_call:tool_call"
    line = 'signalbox_repaired_tool_calls_total{backend="small",repair="tool_call:tool_call"}'
    assert line in proxy.get("/metrics")[1]


def test_a_real_client_sees_the_call_of_a_stream(proxy: Signalbox) -> None:
    client = OpenAI(base_url=proxy.url, api_key="any")
    chunks = list(
        client.chat.completions.create(
            model="small", messages=[{"role": "user", "content": "hi"}], tools=TOOLS, stream=True
        )
    )
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == "Let me look. "
    calls = [call for choice in choices for call in choice.delta.tool_calls or ()]
    assert [call.function.name for call in calls if call.function] == ["get_weather"]
    assert choices[-1].finish_reason == "tool_calls"


def test_the_log_tells_of_the_repair(proxy: Signalbox) -> None:
    _, headers, _ = post(proxy, CHAT, asked())
    for _ in range(100):
        lines = [json.loads(line) for line in proxy.log.read_text().splitlines() if headers["x-request-id"] in line]
        if lines:
            break
        time.sleep(0.05)
    assert lines[0]["repaired"] == ["tool_call:tool_call"]


def test_a_backend_without_the_option_answers_as_it_does(proxy: Signalbox) -> None:
    _, headers, body = post(proxy, CHAT, asked(model="plain"))
    assert json.loads(body) == chat_answer(TEXT)
    assert "x-signalbox-changed" not in headers


def test_the_cache_keeps_the_repaired_answer(proxy: Signalbox) -> None:
    first = post(proxy, CHAT, asked(model="auto", temperature=0), **{"x-kept": "1"})
    again = post(proxy, CHAT, asked(model="auto", temperature=0), **{"x-kept": "1"})
    assert [each[1]["x-signalbox-cache"] for each in (first, again)] == ["miss", "hit"]
    assert first[2] == again[2]
    assert b'"x_signalbox"' in again[2]


def test_an_agent_of_another_api_gets_the_call_too(proxy: Signalbox) -> None:
    tool = {"name": "get_weather", "input_schema": TOOLS[0]["function"]["parameters"]}  # type: ignore[index]
    body = {"model": "small", "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}], "tools": [tool]}
    _, headers, answer = post(proxy, "/v1/messages", json.dumps(body).encode())
    told = json.loads(answer)
    assert told["stop_reason"] == "tool_use"
    assert [block["name"] for block in told["content"] if block["type"] == "tool_use"] == ["get_weather"]
    assert headers["x-signalbox-changed"] == "translated, tool_call:tool_call"


def test_a_model_in_process_says_the_same_with_it_and_without(tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp")
    template = tmp_path / "template.jinja"
    template.write_text("{% for m in messages %}{{ m.content }}{% endfor %}{# <tool_call> #}")
    model = tiny_gguf.write(tmp_path / "tiny.gguf")
    backends = (
        "".join(
            f'  {name}: {{kind: gguf, path: "{model}", chat_template: "{template}", repair_tool_calls: {name}}}\n'
            for name in ("true", "false")
        )
        .replace("  true:", "  with:")
        .replace("  false:", "  without:")
    )
    with signalbox(f"version: 1\nbackends:\n{backends}routes: [{{to: with}}]\n") as proxy:
        for choice in ("auto", {"type": "function", "function": {"name": "read"}}):
            said = []
            for name in ("with", "without"):
                body = asked(model=name, tool_choice=choice, temperature=0, max_tokens=400)
                message = json.loads(post(proxy, CHAT, body)[2])["choices"][0]["message"]
                calls = [call.pop("id") and call for call in message.get("tool_calls", ())]
                said.append((message["content"], calls))
            assert said[0] == said[1]
