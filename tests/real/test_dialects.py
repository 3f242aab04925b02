"""Clients of every dialect are served by a backend that speaks chat completions only, and never know."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import anthropic
import openai
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from router.wire.sse import event_data, split_events
from tests import captures
from tests.real.spoken import chat_only, text, thoughts_and_calls
from tests.signalbox import Signalbox, post, signalbox
from tests.upstream import Upstream, upstream

RULES = """
version: 1
backends:
  small:
    url: "{small}"
    model: tiny
    accepts: [text, image, audio, file]
    context: 1000000
    price: {{input: 1000, output: 1000}}
  spare: {{url: "{spare}", model: tiny, accepts: [text, image, audio, file], price: 0}}
  native: {{url: "{native}", model: big, dialects: [responses, messages], price: 0}}
routes:
  - {{name: native, when: {{model: native-please}}, to: native}}
  - {{name: cached, when: {{model: kept}}, to: small, cache: 1h}}
  - {{name: judged, when: {{model: judged}}, to: [small, spare], accept: [tools]}}
  - {{name: telling, when: {{model: telling}}, to: small, on_broken_stream: error}}
  - {{name: patient, when: {{model: patient}}, to: small, keep_alive: 0.05s}}
  - {{name: all, to: [small, spare]}}
"""

HELLO = {"model": "auto", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
TOOL = {"name": "look", "description": "looks", "input_schema": {"type": "object", "required": ["at"]}}


class Place:
    """A proxy and its backends."""

    def __init__(self, proxy: Signalbox, small: Upstream, spare: Upstream, native: Upstream):
        self.proxy, self.small, self.spare, self.native = proxy, small, spare, native
        self.anthropic = anthropic.Anthropic(base_url=proxy.root, api_key="none", max_retries=0)
        self.openai = openai.OpenAI(base_url=proxy.url, api_key="none", max_retries=0)

    def last(self) -> dict[str, Any]:
        """What the small backend was sent last."""
        body: dict[str, Any] = self.small.asked[-1].json
        return body


@pytest.fixture(scope="module")
def running() -> Iterator[Place]:
    with upstream() as small, upstream() as spare, upstream() as native:
        rules = RULES.format(small=small.url, spare=spare.url, native=native.url)
        with signalbox(rules) as proxy:
            yield Place(proxy, small, spare, native)


@pytest.fixture
def place(running: Place) -> Place:
    running.small.play = chat_only(text)
    running.spare.play = chat_only(text)
    running.native.play = running.native.answer
    for server in (running.small, running.spare, running.native):
        server.requests.clear()
    return running


def test_a_message_is_answered(place: Place) -> None:
    message = place.anthropic.messages.create(**HELLO)
    assert [block.model_dump() for block in message.content][-1]["text"] == text({})["content"]
    assert (message.stop_reason, message.usage.input_tokens) == ("end_turn", 40)
    assert (message.usage.cache_read_input_tokens, message.usage.output_tokens) == (60, 20)
    assert place.last()["messages"] == [{"role": "user", "content": "hi"}]
    assert place.last()["max_tokens"] == 50


def test_a_streamed_message_is_the_same(place: Place) -> None:
    with place.anthropic.messages.stream(**HELLO) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()
    assert "".join(pieces) == text({})["content"]
    assert len(pieces) > 5
    plain = place.anthropic.messages.create(**HELLO)
    assert message.usage.output_tokens == plain.usage.output_tokens
    assert [block.to_dict() for block in message.content] == [block.to_dict() for block in plain.content]


def test_a_tool_loop_in_messages(place: Place) -> None:
    place.small.play = chat_only(thoughts_and_calls)
    asked = {**HELLO, "tools": [TOOL]}
    with place.anthropic.messages.stream(**asked) as stream:
        message = stream.get_final_message()
    uses = [block for block in message.content if block.type == "tool_use"]
    assert [use.input for use in uses] == [{"at": 'a "quoted"\n é'}] * 2
    assert message.stop_reason == "tool_use"
    results = [{"type": "tool_result", "tool_use_id": use.id, "content": "seen"} for use in uses]
    turns = [
        *HELLO["messages"],
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": results},
    ]
    place.small.play = chat_only(text)
    place.anthropic.messages.create(**{**asked, "messages": turns})
    roles = [message["role"] for message in place.last()["messages"]]
    assert roles == ["user", "assistant", "tool", "tool"]
    assert [each["tool_call_id"] for each in place.last()["messages"][2:]] == ["call_0", "call_1"]


def test_a_response_is_answered_streamed_and_plain(place: Place) -> None:
    place.small.play = chat_only(thoughts_and_calls)
    tool = {"type": "function", "name": "look", "parameters": {"type": "object", "required": ["at"]}, "strict": False}
    asked = {"model": "auto", "input": "hi", "tools": [tool]}
    plain = place.openai.responses.create(**asked)
    with place.openai.responses.stream(**asked) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_response()
    assert plain.output_text == streamed.output_text == text({})["content"]
    for response in (plain, streamed):
        calls = [item for item in response.output if item.type == "function_call"]
        assert [(call.call_id, json.loads(call.arguments)) for call in calls] == [
            (f"call_{at}", {"at": 'a "quoted"\n é'}) for at in range(2)
        ]
        assert (response.usage.input_tokens, response.usage.output_tokens) == (100, 20)
        assert response.usage.output_tokens_details.reasoning_tokens == 5


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
@pytest.mark.parametrize("stream", [False, True])
def test_when_the_first_backend_fails_the_next_answers(place: Place, path: str, stream: bool) -> None:
    place.small.play = chat_only(text, faults=[500])
    status, headers, _ = post(place.proxy, path, _body(path, stream))
    assert (status, headers["x-signalbox-backend"], headers["x-signalbox-attempts"]) == (200, "spare", "2")


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_has_the_shape_of_its_dialect(place: Place, stream: bool) -> None:
    place.small.play = chat_only(text, faults=[400])
    with pytest.raises(anthropic.BadRequestError) as told:
        place.anthropic.messages.create(**HELLO, stream=stream)
    assert told.value.body == {"type": "error", "error": {"type": "invalid_request_error", "message": "not now"}}
    place.small.play = chat_only(text, faults=[400])
    with pytest.raises(openai.BadRequestError) as said:
        place.openai.responses.create(model="auto", input="hi", stream=stream)
    assert said.value.code == "y"


def test_what_is_wrong_with_a_request_is_said_before_anybody_is_asked(place: Place) -> None:
    status, _, body = post(place.proxy, "/v1/messages", b'{"messages":[{"role":"user","content":7}],"max_tokens":1}')
    assert status == 400
    assert json.loads(body)["error"]["type"] == "invalid_request_error"
    assert not place.small.asked


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
def test_a_backend_that_speaks_the_dialect_gets_what_came(place: Place, path: str) -> None:
    body = b'{ "model": "native-please",  "x": 1e400, "messages": [], "tools": [{"type": "odd"}], "input": 1.0 }'
    post(place.proxy, path, body)
    (asked,) = place.native.asked
    assert asked.target == path
    assert asked.body == body.replace(b"native-please", b"big")


def test_thoughts_that_were_signed_here_do_not_come_to_a_backend_that_checks_signatures(place: Place) -> None:
    place.small.play = chat_only(thoughts_and_calls)
    answered = place.anthropic.messages.create(**{**HELLO, "tools": [TOOL]}).to_dict()["content"]
    assert answered[0]["type"] == "thinking"
    theirs = {"type": "thinking", "thinking": "hm", "signature": "EqQBCgIYAhIM"}
    text_block = {"type": "text", "text": 'they say "signalbox"'}
    turns = [
        *HELLO["messages"],
        {"role": "assistant", "content": answered},
        {"role": "user", "content": "on"},
        {"role": "assistant", "content": [theirs, text_block]},
        {"role": "user", "content": "on"},
        {"role": "assistant", "content": answered[:1]},
    ]
    body = {**HELLO, "model": "native-please", "messages": turns}
    post(place.proxy, "/v1/messages", json.dumps(body).encode())
    post(place.proxy, "/v1/messages/count_tokens", json.dumps(body).encode())
    for asked in place.native.asked:
        sent = asked.json["messages"]
        assert sent[1]["content"] == answered[1:]
        assert sent[3:] == turns[3:5]
    assert len(place.native.asked) == 2


def test_items_that_were_named_here_come_without_their_ids_to_a_backend_that_knows_its_own(place: Place) -> None:
    place.small.play = chat_only(thoughts_and_calls)
    tool = {"type": "function", "name": "look", "parameters": {"type": "object"}}
    answered = json.loads(post(place.proxy, "/v1/responses", json.dumps({"input": "hi", "tools": [tool]}).encode())[2])
    ours = answered["output"]
    assert {item["id"].partition("_")[0] for item in ours} == {"rs", "msg", "fc"}
    theirs = {"type": "reasoning", "id": "rs_" + "68af4030592c8193" * 3, "summary": [], "encrypted_content": "x"}
    body = {"model": "native-please", "input": [*ours, theirs], "tools": [tool]}
    post(place.proxy, "/v1/responses", json.dumps(body).encode())
    sent = place.native.asked[-1].json["input"]
    bare = [
        {name: value for name, value in item.items() if name != "id"} for item in ours if item["type"] != "reasoning"
    ]
    assert sent == [*bare, theirs]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
def test_a_stream_that_breaks_off_is_not_finished(place: Place, path: str) -> None:
    place.small.play = _cut_after(b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"hal"}}]}\n\n')
    events = _until_it_breaks(place, path)
    assert b'"hal"' in events
    assert _ENDS[path].encode() not in events


@pytest.mark.parametrize("fault", [b"", b'data: {"error":{"message":"gone","code":500}}\n\n'])
@pytest.mark.parametrize(("path", "word"), [("/v1/messages", b"event: error"), ("/v1/responses", b"event: ")])
def test_a_stream_that_breaks_off_ends_with_one_error_where_the_route_wants_that(
    place: Place, path: str, word: bytes, fault: bytes
) -> None:
    place.small.play = _cut_after(b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"hal"}}]}\n\n' + fault)
    body = json.dumps({**json.loads(_body(path, True)), "model": "telling"}).encode()
    events = [event for event in split_events(post(place.proxy, path, body)[2])[0] if event.startswith(word)]
    ends = [event for event in events if b"event: error" in event or b"response.failed" in event]
    assert ends == events[-1:]


def test_both_dialects_and_chat_share_what_the_cache_keeps(place: Place) -> None:
    turns = [{"role": "user", "content": "what is kept?"}]
    kept: dict[str, Any] = {"model": "kept", "messages": turns, "extra_body": {"temperature": 0}}
    message = place.anthropic.messages.with_raw_response.create(**{**kept, "max_tokens": 50})
    assert message.headers["x-signalbox-cache"] == "miss"
    again = place.anthropic.messages.with_raw_response.create(**{**kept, "max_tokens": 50})
    assert again.headers["x-signalbox-cache"] == "hit"
    assert again.parse().content == message.parse().content
    with place.anthropic.messages.stream(**{**kept, "max_tokens": 50}) as stream:
        assert [block.text for block in stream.get_final_message().content] == [
            block.text for block in message.parse().content
        ]
    chat = place.openai.chat.completions.with_raw_response.create(**{**kept, "max_tokens": 50})
    assert chat.headers["x-signalbox-cache"] == "hit"
    assert len(place.small.asked) == 1


def test_what_a_route_asks_of_answers_is_asked_of_translated_ones(place: Place) -> None:
    def leaks(body: dict[str, Any]) -> dict[str, Any]:
        return {"role": "assistant", "content": '<tool_call>{"name": "look", "arguments": {}}</tool_call>'}

    place.small.play = chat_only(leaks)
    place.spare.play = chat_only(thoughts_and_calls)
    message = place.anthropic.messages.with_raw_response.create(**{**HELLO, "model": "judged", "tools": [TOOL]})
    assert message.headers["x-signalbox-backend"] == "spare"
    assert message.parse().stop_reason == "tool_use"


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
def test_comments_while_the_backend_is_slow_do_no_harm(place: Place, path: str) -> None:
    async def slow(request: Any, writer: Any) -> None:
        await asyncio.sleep(0.2)
        await chat_only(text)(request, writer)

    place.small.play = slow
    body = json.loads(_body(path, True))
    status, _, events = post(place.proxy, path, json.dumps({**body, "model": "patient"}).encode())
    assert status == 200
    assert events.startswith(b":")
    assert _judged(path, events, streamed=True)


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
def test_a_plain_answer_to_a_stream_is_told_as_one(place: Place, path: str) -> None:
    async def plain(request: Any, writer: Any) -> None:
        request.body = json.dumps({**request.json, "stream": False}).encode()
        await chat_only(thoughts_and_calls)(request, writer)

    place.small.play = plain
    status, headers, events = post(place.proxy, path, _body(path, True))
    assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert _judged(path, events, streamed=True)


@pytest.mark.parametrize("said", [text, thoughts_and_calls], ids=["text", "calls"])
def test_every_recorded_request_gets_an_answer_that_its_sdk_accepts(place: Place, said: Any) -> None:
    place.small.play = chat_only(said)
    files = sorted(captures.needed().rglob("*.json"))
    seen: dict[str, int] = {}
    for file in files:
        recorded = json.loads(file.read_bytes())
        path = "/v1/" + recorded["path"].removeprefix("/v1").removeprefix("/v1").lstrip("/")
        if path not in _ANSWERS:
            continue
        headers = {name: value for name, value in recorded["headers_map"].items() if name != "content-length"}
        body = json.dumps(recorded["body"]).encode()
        status, told, answer = post(place.proxy, recorded["path"], body, **headers)
        assert status == 200, (file.name, answer[:500])
        assert told["x-signalbox-backend"] == "small", file.name
        _judged(path, answer, streamed=recorded["body"].get("stream") is True)
        _legal_chat(place.last(), file.name)
        seen[path] = seen.get(path, 0) + 1
    assert all(seen.get(path, 0) >= 5 for path in _ANSWERS), seen


_ANSWERS: dict[str, tuple[Any, Any]] = {
    "/v1/chat/completions": (ChatCompletion, ChatCompletionChunk),
    "/v1/responses": (Response, ResponseStreamEvent),
    "/v1/messages": (Message, RawMessageStreamEvent),
}
_ENDS = {"/v1/responses": "response.completed", "/v1/messages": "message_stop"}


@cache
def _type(of: Any) -> TypeAdapter[Any]:
    return TypeAdapter(of)


def _judged(path: str, answer: bytes, streamed: bool) -> bool:
    """Held strictly against the types of the official SDK. Raises ValidationError."""
    whole, piece = _ANSWERS[path]
    if not streamed:
        _type(whole).validate_json(answer)
        return True
    events, rest = split_events(answer)
    assert not rest
    told = [data for event in events if (data := event_data(event)) and data != b"[DONE]"]
    adapter = _type(piece)
    for data in told:
        adapter.validate_json(data)
    if path in _ENDS:
        assert json.loads(told[-1])["type"] == _ENDS[path]
    return True


def _legal_chat(body: dict[str, Any], name: str) -> None:
    """What the backend was sent is a chat completion by OpenAI's own types, and its calls have their results."""
    streams = body.get("stream")
    _type(CompletionCreateParamsStreaming if streams else CompletionCreateParamsNonStreaming).validate_python(body)
    open_calls: set[str] = set()
    for message in body["messages"]:
        if message["role"] == "tool":
            assert message["tool_call_id"] in open_calls, name
            open_calls.discard(message["tool_call_id"])
        elif message["role"] == "assistant":
            open_calls |= {call["id"] for call in message.get("tool_calls") or ()}


def _body(path: str, stream: bool) -> bytes:
    body = HELLO if path == "/v1/messages" else {"model": "auto", "input": "hi"}
    return json.dumps({**body, "stream": stream}).encode()


def _until_it_breaks(place: Place, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", place.proxy.port, timeout=10)
    connection.request("POST", path, _body(path, True), {"content-type": "application/json"})
    told, answer = b"", connection.getresponse()
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):  # noqa: PT012
        while True:
            piece = answer.read1(65536)
            told += piece
            assert piece, "the stream has ended as if it were whole"
    connection.close()
    return told


def _cut_after(events: bytes) -> Any:
    async def play(request: Any, writer: Any) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        writer.write(b"%x\r\n%b\r\n" % (len(events), events))
        await writer.drain()
        writer.close()

    return play


def test_a_client_may_go_on_from_an_answer_that_was_kept(place: Place) -> None:
    rules = RULES.format(small=place.small.url, spare=place.spare.url, native=place.native.url)
    with signalbox(rules + "keys: {ada: sk-ada, bob: sk-bob}\n") as proxy:
        ada, bob = (openai.OpenAI(base_url=proxy.url, api_key=f"sk-{name}", max_retries=0) for name in ("ada", "bob"))
        first = ada.responses.create(model="auto", input="my name is Ada")
        ada.responses.create(model="auto", input="who am I?", previous_response_id=first.id)
        said = [(message["role"], message["content"]) for message in place.last()["messages"]]
        assert said == [("user", "my name is Ada"), ("assistant", text({})["content"]), ("user", "who am I?")]
        with pytest.raises(openai.BadRequestError, match="is not kept"):
            bob.responses.create(model="auto", input="who is she?", previous_response_id=first.id)


def test_a_client_may_refer_to_an_item_of_an_answer_as_the_ai_sdk_does(place: Place) -> None:
    place.small.play = chat_only(thoughts_and_calls)
    tool: Any = {
        "type": "function",
        "name": "look",
        "parameters": {"type": "object", "required": ["at"]},
        "strict": False,
    }
    first = place.openai.responses.create(model="auto", input="hi", tools=[tool])
    items: list[Any] = [{"role": "user", "content": "hi"}]
    items += [{"type": "item_reference", "id": item.id} for item in first.output]
    items += [
        {"type": "function_call_output", "call_id": item.call_id, "output": "seen"}
        for item in first.output
        if item.type == "function_call"
    ]
    place.openai.responses.create(model="auto", input=items, tools=[tool])
    assert [message["role"] for message in place.last()["messages"]] == ["user", "assistant", "tool", "tool"]


@pytest.mark.parametrize(("path", "kind"), [("/v1/messages", "web_search_20250305"), ("/v1/responses", "web_search")])
def test_what_only_the_providers_servers_can_run_is_left_out_and_that_is_said(
    place: Place, path: str, kind: str
) -> None:
    body = {**json.loads(_body(path, False)), "tools": [{"type": kind, "name": "web_search"}]}
    status, headers, _ = post(place.proxy, path, json.dumps(body).encode())
    assert (status, headers["x-signalbox-changed"]) == (200, f"translated, left out {kind}")
    assert "tools" not in place.last()
    asked = json.dumps({"path": path, "body": body}).encode()
    told = json.loads(post(place.proxy, "/api/explain", asked)[2])
    assert told["candidates"][0]["changed"] == ["translated", f"left out {kind}"]


def test_tokens_are_counted_or_estimated_and_cost_nothing(place: Place) -> None:
    asked = {"model": "auto", "messages": HELLO["messages"], "system": "Be brief. " * 100}
    counted = place.anthropic.messages.count_tokens(**asked)
    assert 100 < counted.input_tokens < 1000
    assert counted.estimated is True
    assert not place.small.asked
    status, headers, _ = post(place.proxy, "/v1/messages/count_tokens", json.dumps(asked).encode())
    assert (status, headers["x-signalbox-backend"]) == (200, "small")
    assert "x-signalbox-cost-usd" not in headers


KEYS = [
    *("role", "type", "content", "text", "input_text", "tool_use_id", "id", "name", "input", "output", "source", "url"),
    *("image_url", "call_id", "arguments", "thinking", "tools", "data", "media_type", "format", "summary"),
]
KINDS = [
    "text",
    "input_text",
    "image",
    "input_image",
    "tool_use",
    "tool_result",
    "function_call",
    "reasoning",
    "message",
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["user", "assistant", *KINDS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)
FIELDS = st.sampled_from(
    ["messages", "input", "tools", "tool_choice", "system", "instructions", "stream", "thinking", "text"]
)


@given(st.dictionaries(FIELDS, anything, max_size=5), st.sampled_from(sorted(_ENDS)))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_wrong_types_anywhere_are_a_clear_400(place: Place, body: dict[str, Any], path: str) -> None:
    status, _, answer = post(place.proxy, path, json.dumps({"max_tokens": 5, **body}).encode())
    assert status in (200, 400), answer
    if status == 400:
        assert json.loads(answer)["error"]["message"]
