"""Servers that refuse what others take, through the running proxy."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import captures
from tests.real.attempted import CHAT, metric
from tests.signalbox import Signalbox, post, signalbox
from tests.upstream import Request, Upstream, respond, upstream

RULES = """
version: 1
backends:
  strict: {{url: "{strict}", circuit: {{failures: 1}}}}
  told:
    url: "{strict}"
    model: told
    max_output: 100
    repair: {{developer: false, system: one, tokens_field: max_completion_tokens, drop: [store, "tools[].strict"]}}
  never: {{url: "{strict}", model: never, repair: false}}
  other: {{url: "{other}", model: other}}
routes:
  - {{name: told, when: {{model: told}}, to: told}}
  - {{name: never, when: {{model: never}}, to: never}}
  - {{name: kept, when: {{model: "kept*"}}, to: strict, cache: 1h}}
  - {{name: hedged, when: {{model: "hedged*"}}, to: [strict, other], hedge: 2s}}
  - {{name: patient, when: {{model: "patient*"}}, to: strict, keep_alive: 100ms}}
  - {{name: rest, to: [strict, other]}}
"""

REPAIRED = 'signalbox_attempts_total{backend="strict",result="repaired"}'

Judge = Callable[[dict[str, Any]], tuple[int, dict[str, Any]] | None]
"""What a strict server finds wrong with a body: status and error."""


def wrong(message: str, status: int = 400, **more: Any) -> tuple[int, dict[str, Any]]:
    return status, {"error": {"message": message, "type": "invalid_request_error", **more}}


def refusing(server: Upstream, judge: Judge, after: float = 0.0) -> None:
    """Answer as usual what the judge finds nothing wrong with."""

    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        fault = judge(request.json) if request.method != "GET" else None
        if fault is None:
            await server.answer(request, writer)
        else:
            await asyncio.sleep(after)
            respond(writer, *fault)

    server.play = play


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Signalbox, Upstream, Upstream]]:
    with (
        upstream() as strict,
        upstream() as other,
        signalbox(RULES.format(strict=strict.url, other=other.url)) as proxy,
    ):
        yield proxy, strict, other


@pytest.fixture
def fresh(running: tuple[Signalbox, Upstream, Upstream], request: pytest.FixtureRequest) -> tuple[Signalbox, Upstream]:
    """With a model of which nothing is known: `ask` names it after the test."""
    proxy, strict, _ = running
    MODEL[0] = request.node.name
    return proxy, strict


MODEL = [""]


def ask(proxy: Signalbox, model: str = "", **fields: Any) -> tuple[int, dict[str, str], bytes]:
    body = {"model": model or MODEL[0], "messages": [{"role": "user", "content": "hi"}], **fields}
    return post(proxy, CHAT, json.dumps(body).encode())


def roles_refused(body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
    roles = [message["role"] for message in body["messages"]]
    if "developer" in roles:
        return wrong("messages[0].role: unknown variant `developer`, expected one of `system`, `user`", 422)
    if "system" in roles[1:]:
        return wrong("\n---\nError: Jinja Exception: System message must be at the beginning.", 500)
    return None


def openai_reasoning(body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
    if "max_tokens" in body:
        return wrong(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' …",
            param="max_tokens",
            code="unsupported_parameter",
        )
    if body.get("temperature", 1) != 1:
        return wrong("Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) …")
    if body.get("max_completion_tokens", 0) > 16384:
        return wrong("max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas …")
    return None


def pydantic(body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
    faults = [["body", name] for name in ("store", "metadata") if name in body]
    faults += [
        ["body", "tools", 0, "function", "strict"] for tool in body.get("tools", []) if "strict" in tool["function"]
    ]
    detail = [{"type": "extra_forbidden", "loc": loc, "msg": "Extra inputs are not permitted"} for loc in faults]
    return (422, {"object": "error", "message": {"detail": detail}}) if detail else None


def test_roles_are_repaired_at_once_and_known_from_then_on(fresh: tuple[Signalbox, Upstream]) -> None:
    proxy, strict = fresh
    repaired_before = metric(proxy, REPAIRED)
    refusing(strict, roles_refused)
    messages = [
        {"role": "developer", "content": "a"},
        {"role": "user", "content": "b"},
        {"role": "system", "content": "c"},
    ]
    status, headers, _ = ask(proxy, messages=messages)
    assert status == 200
    assert headers["x-signalbox-backend"] == "strict"
    assert headers["x-signalbox-changed"] == "developer->system, system->user"
    assert headers["x-signalbox-attempts"] == "3"
    repaired = [{"role": "system", "content": "a"}, {"role": "user", "content": "b\n\nc"}]
    assert strict.asked[-1].json["messages"] == repaired
    asked = len(strict.asked)
    status, headers, _ = ask(proxy, messages=messages)
    assert (status, headers["x-signalbox-attempts"], len(strict.asked)) == (200, "1", asked + 1)
    assert strict.asked[-1].json["messages"] == repaired
    # The circuit opens at the first failure, and none of these was one.
    assert metric(proxy, 'signalbox_backend_circuit{backend="strict"}') == 0
    assert metric(proxy, REPAIRED) == repaired_before + 2
    until = time.monotonic() + 5
    while f'"{MODEL[0]}"' not in proxy.log.read_text() and time.monotonic() < until:
        time.sleep(0.02)
    told = [json.loads(line) for line in proxy.log.read_text().splitlines() if f'"{MODEL[0]}"' in line]
    assert told[0]["changed"] == ["developer->system", "system->user"]
    assert told[0]["attempts"] == [["strict", "repaired"], ["strict", "repaired"], ["strict", None]]


def test_what_is_translated_is_repaired_too(fresh: tuple[Signalbox, Upstream]) -> None:
    proxy, strict = fresh
    refusing(strict, openai_reasoning)
    question = {"model": MODEL[0], "input": "hi", "max_output_tokens": 32000, "temperature": 0.2}
    status, headers, body = post(proxy, "/v1/responses", json.dumps(question).encode())
    assert (status, json.loads(body)["object"]) == (200, "response")
    assert headers["x-signalbox-changed"].startswith("translated, dropped temperature, ")
    field = {"max_tokens", "max_completion_tokens"} & set(strict.asked[-1].json)
    assert field == {"max_completion_tokens"} and strict.asked[-1].json["max_completion_tokens"] == 16384


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_reasons_is_asked_in_its_own_way(fresh: tuple[Signalbox, Upstream], stream: bool) -> None:
    proxy, strict = fresh
    refusing(strict, openai_reasoning)
    status, headers, body = ask(proxy, max_tokens=32000, temperature=0.2, stream=stream)
    assert status == 200 and (b"[DONE]" in body) == stream
    assert headers["x-signalbox-changed"] == (
        "dropped temperature, max_tokens->max_completion_tokens, max_completion_tokens clamped to 16384"
    )
    arrived = strict.asked[-1].json
    assert arrived["max_completion_tokens"] == 16384
    assert not {"max_tokens", "temperature"} & set(arrived)


def test_a_strict_server_names_all_at_once(fresh: tuple[Signalbox, Upstream]) -> None:
    proxy, strict = fresh
    refusing(strict, pydantic)
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}}]
    status, headers, _ = ask(proxy, store=False, metadata={"a": "b"}, tools=tools, seed=5)
    assert (status, headers["x-signalbox-attempts"]) == (200, "2")
    assert headers["x-signalbox-changed"] == "dropped metadata, dropped store, dropped tools[].strict"
    arrived = strict.asked[-1].json
    assert arrived["seed"] == 5 and "strict" not in arrived["tools"][0]["function"]


def test_an_answer_for_which_there_is_no_room_is_made_shorter(fresh: tuple[Signalbox, Upstream]) -> None:
    proxy, strict = fresh
    said = "'max_tokens' or 'max_completion_tokens' is too large: 8000. This model's maximum context length is 4096 "
    said += "tokens and your request has 2778 input tokens (8000 > 4096 - 2778)."
    refusing(strict, lambda body: wrong(said) if body["max_tokens"] > 1318 else None)
    status, headers, _ = ask(proxy, max_tokens=8000)
    assert (status, headers["x-signalbox-changed"]) == (200, "max_tokens clamped to 1318")


def test_what_the_rules_say_is_changed_before_anything_is_refused(
    running: tuple[Signalbox, Upstream, Upstream],
) -> None:
    proxy, strict, _ = running
    refusing(strict, lambda body: None)
    messages = [{"role": "developer", "content": "a"}, {"role": "system", "content": "b"}]
    status, headers, _ = ask(proxy, "told", messages=messages, max_tokens=500, store=True)
    assert (status, headers["x-signalbox-attempts"]) == (200, "1")
    assert headers["x-signalbox-changed"] == (
        "developer->system, system merged, dropped store, max_tokens->max_completion_tokens, "
        "max_completion_tokens clamped to 100"
    )
    assert strict.asked[-1].json == {
        "model": "told",
        "messages": [{"role": "system", "content": "a\n\nb"}],
        "max_completion_tokens": 100,
    }


def test_where_the_rules_forbid_it_nothing_is_changed(running: tuple[Signalbox, Upstream, Upstream]) -> None:
    proxy, strict, _ = running
    refusing(strict, openai_reasoning)
    status, headers, body = ask(proxy, "never", max_tokens=5)
    assert (status, headers["x-signalbox-attempts"]) == (400, "1")
    assert b"Unsupported parameter" in body and "x-signalbox-changed" not in headers


def test_a_fault_of_the_request_itself_is_the_client_s_to_see(running: tuple[Signalbox, Upstream, Upstream]) -> None:
    proxy, strict, _ = running
    refusing(strict, lambda body: wrong("Unsupported parameter: 'tools' is not supported with this model."))
    status, headers, body = ask(proxy, tools=[{"type": "function", "function": {"name": "f"}}], temperature=0)
    assert (status, headers["x-signalbox-attempts"]) == (400, "1")
    assert b"'tools' is not supported" in body


def test_an_error_that_stays_teaches_nobody(fresh: tuple[Signalbox, Upstream]) -> None:
    proxy, strict = fresh
    refusing(strict, lambda body: wrong("Unsupported parameter: 'seed'"))
    status, headers, _ = ask(proxy, seed=1)
    assert (status, headers["x-signalbox-attempts"], headers["x-signalbox-changed"]) == (400, "2", "dropped seed")
    refusing(strict, lambda body: None)
    status, headers, _ = ask(proxy, seed=1)
    assert status == 200 and "x-signalbox-changed" not in headers
    assert strict.asked[-1].json["seed"] == 1


def test_one_request_learns_three_things_at_most(fresh: tuple[Signalbox, Upstream]) -> None:
    proxy, strict = fresh
    fields = ["top_p", "seed", "user", "logit_bias", "top_k"]

    def one_by_one(body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        return next((wrong(f"Unknown parameter: '{name}'.") for name in fields if name in body), None)

    refusing(strict, one_by_one)
    status, headers, _ = ask(proxy, **dict.fromkeys(fields, 1))
    assert (status, headers["x-signalbox-attempts"]) == (400, "4")
    # The next one goes on from there.
    status, headers, _ = ask(proxy, **dict.fromkeys(fields, 1))
    assert (status, headers["x-signalbox-attempts"]) == (200, "3")


def test_a_stream_that_began_with_comments_is_repaired_too(fresh: tuple[Signalbox, Upstream]) -> None:
    proxy, strict = fresh
    refusing(strict, openai_reasoning, after=0.3)
    status, _, body = ask(proxy, "patient", max_tokens=5, stream=True)
    assert status == 200
    assert body.startswith(b": ") and b"hel" in body and b"[DONE]" in body and b"error" not in body


def test_the_same_candidate_is_asked_and_no_hedge_is_made(fresh: tuple[Signalbox, Upstream]) -> None:
    proxy, strict = fresh
    refusing(strict, openai_reasoning)
    status, headers, _ = ask(proxy, "hedged", max_tokens=5)
    assert (status, headers["x-signalbox-backend"], headers["x-signalbox-attempts"]) == (200, "strict", "2")


def test_what_was_repaired_is_found_again_in_the_cache(fresh: tuple[Signalbox, Upstream]) -> None:
    proxy, strict = fresh
    refusing(strict, openai_reasoning)
    asked = len(strict.asked)
    assert ask(proxy, "kept", max_tokens=5)[1]["x-signalbox-cache"] == "miss"
    status, headers, _ = ask(proxy, "kept", max_tokens=5)
    assert (status, headers["x-signalbox-cache"]) == (200, "hit")
    assert len(strict.asked) == asked + 2


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"auto", "messages":[ {"role":"developer","content":[{"type":"text","text":"\\u00e9"}]},'
        b'{"role":"user","content":"a"},{"role":"user","content":"b"},{"role":"assistant","content":null},'
        b'{"role":"system","content":"late"}],"max_tokens":99999999, "max_completion_tokens":1e9,"store":true,'
        b'"metadata":{},"temperature":1.0,"tools":[{"type":"function","function":{"name":"f","strict":true}}]}',
        b'{"model":"auto","messages":[],"x":[1.50,2e0]}',
    ],
)
def test_nothing_is_changed_toward_a_server_that_takes_everything(
    body: bytes, running: tuple[Signalbox, Upstream, Upstream]
) -> None:
    proxy, strict, _ = running
    refusing(strict, lambda body: None)
    status, headers, _ = post(proxy, CHAT, body)
    assert (status, "x-signalbox-changed" in headers) == (200, False)
    assert strict.asked[-1].body == body.replace(b'"auto"', b'"m"')  # the server's own only model


def test_every_recorded_request_arrives_byte_for_byte(running: tuple[Signalbox, Upstream, Upstream]) -> None:
    proxy, strict, _ = running
    refusing(strict, lambda body: None)
    for file in sorted(captures.needed().glob("*/*-chat-completions.json")):
        recorded = json.loads(file.read_text())["body"] | {"model": "auto"}
        if any("image_url" in str(message.get("content")) for message in recorded["messages"]):
            continue  # this server has no eyes
        if recorded.get("stream"):
            recorded["stream_options"] = {"include_usage": True}
        body = json.dumps(recorded, ensure_ascii=False).encode()
        status, headers, _ = post(proxy, CHAT, body)
        assert (status, "x-signalbox-changed" in headers) == (200, False), file.name
        assert strict.asked[-1].body == body.replace(b'"model": "auto"', b'"model": "m"', 1), file.name
