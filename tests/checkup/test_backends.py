"""What the doctor finds wrong with a backend, and what it says to do."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from router.checkup.examine import Ask, Group, examine
from router.checkup.result import Result
from router.routing.rulebook import read_rules
from router.settings import Settings
from tests.backends.servers.shapes import LLAMA, LM_STUDIO_V1, OLLAMA, VLLM
from tests.checkup.servers import TOFY, model_server, said, under
from tests.signalbox import free_port
from tests.upstream import Play, Request, Upstream, upstream

SECRET = "sk-Capybara-0123456789"
CHAT = "/v1/chat/completions"


def rules(url: str, **options: Any) -> bytes:
    fields = "".join(f", {name}: {value}" for name, value in options.items())
    return f"version: 1\nbackends:\n  b: {{url: '{url}'{fields}}}\nroutes:\n  - {{name: r, to: b}}\n".encode()


def group(content: bytes, *, patience: float = 2.0, **ask: Any) -> Group:
    """What is told of backend `b`."""

    async def collect() -> list[Group]:
        book = read_rules(content, "signalbox.yaml", {"KEY": SECRET})
        wanted = Ask(patience, only=("b",), **ask)
        return [each async for each in examine(wanted, Settings(), book, None)]

    (only,) = asyncio.run(collect())
    for result in only.results:
        assert (result.fix is not None) or result.state != "failure", result
        assert "Capybara" not in f"{result.detail} {result.fix}"
    return only


def look(play: Play | None, *, patience: float = 2.0, ask: dict[str, Any] | None = None, **options: Any) -> Group:
    with upstream(play) as server:
        return group(rules(server.url, **options), patience=patience, **(ask or {}))


def told(group: Group, title: str) -> Result:
    (found,) = [result for result in group.results if result.title == title]
    return found


MSTY = under(
    OLLAMA,
    lambda pages: pages["/api/show"]["qwen3:8b"].update(
        modelfile="FROM /home/me/.config/MstyStudio/models/blobs/sha256-1"
    ),
)
MSTY_LLAMA = under(LLAMA, lambda pages: pages["/props"].update(model_path=r"C:\Users\me\AppData\Roaming\Msty\m.gguf"))


@pytest.mark.parametrize(
    ("pages", "model", "program"),
    [
        (LLAMA, "coder", "llama.cpp"),
        (OLLAMA, "qwen3:8b", "Ollama"),
        (LM_STUDIO_V1, "gemma-3-4b", "LM Studio"),
        (VLLM, "Qwen/Qwen3-8B", "vLLM"),
        (TOFY, "tofy", "a Tofy server"),
        (MSTY, "qwen3:8b", "Msty (Ollama)"),
        (MSTY_LLAMA, "coder", "Msty (llama.cpp)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_server_is_recognised_by_what_it_answers_on_any_port(
    pages: dict[str, Any], model: str, program: str
) -> None:
    found = look(model_server(pages), model=f"'{model}'")
    assert found.about.endswith(f", {program}")
    assert told(found, "models").state == "ok"
    assert "failure" not in {result.state for result in found.results}


def test_a_healthy_backend_is_looked_at_from_all_sides() -> None:
    found = look(model_server(LLAMA), model="coder", accepts="[text, image]")
    states = {result.title: result.state for result in found.results}
    assert states == dict.fromkeys(["reachable", "models", "context", "tool call", "stream", "image"], "ok") | {
        "template": "warning"
    }  # of three dots: it knows no tools
    assert told(found, "reachable").milliseconds is not None
    assert "get_weather(city='Oslo')" in told(found, "tool call").detail
    assert "red" in told(found, "image").detail


def test_nobody_there_is_told_with_the_command_that_starts_it() -> None:
    found = group(rules(f"http://127.0.0.1:{free_port()}/v1"))
    assert [result.title for result in found.results] == ["reachable"]
    assert "connection refused" in found.results[0].detail and "start the server" in str(found.results[0].fix)
    ollama = group(rules("http://127.0.0.2:11434/v1"))
    assert "ollama serve" in str(ollama.results[0].fix)


def test_a_key_that_is_refused_is_told_and_not_shown() -> None:
    found = look(model_server(LLAMA, key="another"), model="coder", api_key="'${KEY}'")
    assert told(found, "key").state == "failure" and "refused" in told(found, "key").detail
    assert found.results[-1].title == "key"


def test_a_key_that_is_missing_is_told() -> None:
    found = look(model_server(LLAMA, key="another"), model="coder")
    assert "asks for a key" in told(found, "key").detail and "export" in str(told(found, "key").fix)


def test_a_key_that_is_taken_is_told_and_not_shown() -> None:
    assert told(look(model_server(LLAMA, key=SECRET), model="coder", api_key="'${KEY}'"), "key").state == "ok"


def test_a_model_that_is_not_listed_is_told_with_the_one_that_was_meant() -> None:
    missing = told(look(model_server(OLLAMA), model="'qwen3:14b'"), "models")
    assert missing.state == "failure"
    assert 'did you mean "qwen3:8b"?' in str(missing.fix) and "ollama pull qwen3:14b" in str(missing.fix)
    assert told(look(model_server(OLLAMA), model="llava"), "models").state == "ok"  # listed as llava:latest


def test_a_model_that_ollama_asks_its_cloud_for_is_told() -> None:
    pages = under(OLLAMA, lambda each: each["/v1/models"]["data"][0].update(id="qwen3-coder:480b-cloud"))
    found = told(look(model_server(pages), model="'qwen3-coder:480b-cloud'"), "models")
    assert found.state == "warning" and "leaves this machine" in found.detail


def test_a_short_context_of_ollama_is_told_with_the_command_that_makes_it_longer() -> None:
    short = told(look(model_server(OLLAMA), model="'qwen3:8b'"), "context")
    assert short.state == "warning" and "4,096 of 40,960" in short.detail and "without a word" in short.detail
    assert short.fix == "OLLAMA_CONTEXT_LENGTH=32768 ollama serve"


def test_a_context_that_the_rules_promise_and_the_server_has_not_fails() -> None:
    broken = told(look(model_server(LLAMA), model="coder", context=65536), "context")
    assert broken.state == "failure" and "65,536" in broken.detail and "24,576 of 262,144" in broken.detail
    assert "-c 262144" in str(broken.fix) and "context: 24576" in str(broken.fix)


def test_the_template_is_read_where_a_server_shows_it() -> None:
    knowing = under(LLAMA, lambda pages: pages["/props"].update(chat_template="{% if tools %}{{ system }}{% endif %}"))
    assert told(look(model_server(knowing), model="coder"), "template").detail == "knows tools and a system prompt"
    bare = under(LLAMA, lambda pages: pages["/props"].update(chat_template=" "))
    assert told(look(model_server(bare), model="coder"), "template").state == "failure"


@pytest.mark.parametrize(
    ("answer", "state", "fix"),
    [
        (said('<tool_call>{"name": "get_weather"}</tool_call>'), "failure", "repair_tool_calls: true"),
        (said('{"name": "get_weather", "arguments": {"city": "Oslo"}}'), "failure", "repair_tool_calls: true"),
        (said("It rains."), "warning", "tools: false"),
        (400, "failure", "--jinja"),
        (said("", tool_calls=[{"function": {"name": "get_weather", "arguments": "Oslo"}}]), "failure", "quantization"),
        (said("", tool_calls=[None]), "failure", "quantization"),
        ({"choices": []}, "warning", "tools: false"),
    ],
)
def test_a_tool_call_that_does_not_work_is_told_by_how_it_fails(answer: Any, state: str, fix: str) -> None:
    result = told(look(model_server(LLAMA, tools=answer), model="coder"), "tool call")
    assert result.state == state and fix in str(result.fix)


@pytest.mark.parametrize(
    ("how", "state", "detail"),
    [
        ("whole", "failure", "whole"),
        ("unended", "failure", "[DONE]"),
        ("late", "warning", "all at once"),
        ("bare", "warning", "no usage"),
    ],
)
def test_a_stream_that_is_none_is_told_by_what_is_wrong_with_it(how: str, state: str, detail: str) -> None:
    result = told(look(model_server(LLAMA, stream=how), model="coder"), "stream")
    assert result.state == state and detail in result.detail


def test_an_image_that_is_refused_fails_and_a_wrong_colour_is_a_remark() -> None:
    refused = told(look(model_server(LLAMA, image=400), model="coder", accepts="[text, image]"), "image")
    assert refused.state == "failure" and "accepts: [text]" in str(refused.fix)
    blind = told(look(model_server(LLAMA, image=said("blue")), model="coder", accepts="[text, image]"), "image")
    assert blind.state == "ok" and "blue" in blind.detail


def test_an_embedding_model_is_asked_for_a_vector_alone() -> None:
    found = look(model_server(OLLAMA, embedding=768), model="embeddinggemma")
    assert told(found, "embedding").detail == "768 dimensions"
    assert not {"tool call", "stream", "image"} & {result.title for result in found.results}


def test_quick_asks_no_model() -> None:
    with upstream(model_server(LLAMA)) as server:
        found = group(rules(server.url, model="coder"), quick=True)
        assert not [request for request in server.requests if request.target == CHAT]
    assert told(found, "answers").detail == "not asked for: --quick"


def test_what_costs_money_is_asked_only_when_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.checkup.server.is_local", lambda _: False)
    with upstream(model_server(LLAMA)) as server:
        paid = rules(server.url, model="coder", private="false")
        assert told(group(paid), "answers").detail.startswith("not asked, as that may cost money (--paid")
        assert not [request for request in server.requests if request.target == CHAT]
        assert told(group(paid, paid=True), "stream").state == "ok"
        assert told(group(rules(server.url, model="coder", private="false", price=0)), "stream").state == "ok"


CLOUD = under(OLLAMA, lambda each: each["/v1/models"]["data"][0].update(id="qwen3-coder:480b-cloud"))
UNKNOWN = {"/v1/models": {"object": "list", "data": [{"id": "gpt-5", "object": "model", "owned_by": "someone"}]}}
SIGNALBOX = under(UNKNOWN, lambda each: each["/v1/models"]["data"][0].update(owned_by="signalbox"))


@pytest.mark.parametrize(
    ("pages", "options"),
    [
        (LLAMA, {"model": "coder", "price": "{input: 1, output: 2}"}),
        (LLAMA, {"model": "coder", "private": "true", "price": "{input: 1, output: 2}"}),
        (CLOUD, {"model": "'qwen3-coder:480b-cloud'"}),
        (CLOUD, {"model": "'qwen3-coder:480b-cloud'", "private": "true"}),
        (UNKNOWN, {"model": "gpt-5"}),
        (UNKNOWN, {"model": "gpt-5", "private": "true"}),
        (SIGNALBOX, {"model": "gpt-5"}),
    ],
)
def test_what_is_near_and_may_cost_money_all_the_same_is_not_asked(
    pages: dict[str, Any], options: dict[str, Any]
) -> None:
    with upstream(model_server(pages)) as server:
        content = rules(server.url, **options)
        assert "may cost money" in told(group(content), "answers").detail
        assert not [each for each in server.requests if each.target == CHAT]
        assert told(group(content, paid=True), "stream").state == "ok"


def test_what_is_said_to_be_free_is_asked_whatever_it_is() -> None:
    assert told(look(model_server(UNKNOWN), model="gpt-5", price=0), "stream").state == "ok"


@pytest.mark.parametrize(("serves", "path"), [("whisper.cpp", "transcriptions"), ("piper", "speech")])
def test_what_serves_no_language_model_is_asked_for_none(serves: str, path: str) -> None:
    with upstream(silent) as server:
        found = group(rules(server.url, serves=serves, price=0), patience=0.5)
        assert not server.requests
    assert {result.title: result.state for result in found.results} == {"reachable": "ok", "serves": "skipped"}
    assert found.about.endswith(f", {serves}") and path in told(found, "serves").detail
    gone = group(rules(f"http://127.0.0.1:{free_port()}/v1", serves=serves))
    assert [result.state for result in gone.results] == ["failure"]


def test_a_key_in_the_query_of_a_url_is_never_shown() -> None:
    async def echoing(request: Request, writer: asyncio.StreamWriter) -> None:
        body = b'{"error": {"message": "no: %s; a Capybara&1"}}' % request.target.encode()
        writer.write(b"HTTP/1.1 404 X\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    with upstream(echoing) as server:
        for url in (f"{server.url}?key=a%20Capybara%261", f"http://127.0.0.1:{server.port}?key=a+Capybara%261"):
            assert "Capybara" not in group(rules(url)).about
    # Of another machine a command is shown that asks it.
    assert "Capybara" not in group(rules(f"http://nowhere.invalid:{free_port()}/v1?key=Capybara")).about


def test_the_dialects_that_a_server_takes_as_they_come_are_told() -> None:
    spoken = told(look(model_server(LLAMA), model="coder", dialects="[messages]"), "speaks")
    assert (spoken.state, spoken.detail) == ("ok", "/v1/chat/completions, /v1/messages")
    assert "speaks" not in {result.title for result in look(model_server(LLAMA), dialects="[]").results}


async def garbage(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\0\xff" * 1000)
    writer.close()


async def huge(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(200):
        writer.write(b"10000\r\n" + b"9" * 65536 + b"\r\n")
        await writer.drain()


async def trickling(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def silent(_: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def elsewhere(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(f"HTTP/1.1 307 X\r\nlocation: http://x.test/?{SECRET}\r\ncontent-length: 0\r\n\r\n".encode())


async def nested(_: Request, writer: asyncio.StreamWriter) -> None:
    body = b"[" * 100_000
    writer.write(b"HTTP/1.1 200 X\r\ncontent-length: %d\r\n\r\n" % len(body) + body)


async def colourful(_: Request, writer: asyncio.StreamWriter) -> None:
    body = b'{"error": {"message": "\\u001b[31m\\u0007 red ' + SECRET.encode() + b'"}}'
    writer.write(b"HTTP/1.1 500 X\r\ncontent-length: %d\r\n\r\n" % len(body) + body)


@pytest.mark.parametrize("play", [garbage, huge, trickling, silent, elsewhere, nested, colourful])
def test_a_hostile_server_neither_hangs_the_doctor_nor_gets_through_to_the_terminal(play: Play) -> None:
    began = time.monotonic()
    found = look(play, patience=0.3, api_key="'${KEY}'")
    assert time.monotonic() - began < 5
    assert all(f"{result.detail}{result.fix or ''}".isprintable() for result in found.results)
    if play not in (nested, colourful):
        assert found.results[0].state == "failure"


def test_a_model_that_hangs_is_told_and_not_asked_again() -> None:
    pages = model_server(LLAMA)

    async def hanging(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.method == "POST":
            await asyncio.sleep(30)
        await pages(request, writer)

    with upstream(hanging) as server:
        found = group(rules(server.url, model="coder"), patience=0.3)
        assert len([request for request in server.requests if request.target == CHAT]) == 1
    assert "no answer within 0.3 s" in told(found, "tool call").detail
    assert "--patience" in str(told(found, "tool call").fix)


def test_backends_on_one_server_have_their_models_answer_one_after_the_other() -> None:
    at_once: list[int] = []
    working = 0
    pages = model_server(LLAMA)

    async def counting(request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal working
        working += request.target == CHAT
        at_once.append(working)
        await asyncio.sleep(0.02 if request.target == CHAT else 0)
        working -= request.target == CHAT
        await pages(request, writer)

    async def run(server: Upstream) -> None:
        lines = "".join(f"  {name}: {{url: '{server.url}', model: coder}}\n" for name in "abc")
        content = f"version: 1\nbackends:\n{lines}routes: [{{name: r, to: [a, b, c]}}]\n".encode()
        book = read_rules(content, "x.yaml", {})
        groups = [g async for g in examine(Ask(2, only=("a", "b", "c")), Settings(), book, None)]
        assert [g.name for g in groups] == ["a", "b", "c"]

    with upstream(counting) as server:
        asyncio.run(run(server))
    assert max(at_once) == 1


def test_a_cloud_is_asked_for_a_few_tokens_when_that_is_wanted() -> None:
    with upstream(model_server(UNKNOWN)) as server:
        content = (
            f"version: 1\nbackends:\n  b: {{kind: litellm, model: openai/gpt-5, api_key: '${{KEY}}', "
            f"api_base: '{server.url}'}}\nroutes: [{{name: r, to: b}}]\n"
        ).encode()
        assert told(group(content), "answers").detail == "not asked (--paid asks)"
        assert not server.requests
        assert told(group(content, paid=True, patience=30), "answers").state == "ok"
        assert [request.target for request in server.requests] == [CHAT]
