"""A plain answer becomes a stream and a stream a plain answer, with nothing lost."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from router.cache.completeness import events_in, is_complete
from router.cache.forms import as_stream, as_whole
from tests.upstream import chat_answer, chat_chunks

CHAT = "/v1/chat/completions"
TOOL_CALLS = [
    {"id": "a", "type": "function", "function": {"name": "read", "arguments": '{"path": "x"}'}},
    {"id": "b", "type": "function", "function": {"name": "list", "arguments": "{}"}},
]
DEEP: Any = {}
"""Nested deeper than orjson writes, and (the second) than Python may call itself; orjson reads both."""
for _ in range(300):
    DEEP = {"a": DEEP}
DEEPER = DEEP
for _ in range(600):
    DEEPER = {"a": DEEPER}


def events(*chunks: Any) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"


def delta(index: int = 0, reason: str | None = None, **said: Any) -> dict[str, Any]:
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**base, "choices": [{"index": index, "delta": said, "finish_reason": reason}]}


def whole(*chunks: Any) -> dict[str, Any]:
    body = as_whole(events(*chunks))
    assert body is not None
    made: dict[str, Any] = json.loads(body)
    ChatCompletion.model_validate(made, strict=False)
    return made


def test_a_stream_adds_up_to_its_plain_answer() -> None:
    made = json.loads(as_whole(b"".join(chat_chunks(["hel", "lo"], usage=True))) or b"")
    assert made == chat_answer("hello")


def test_tool_calls_are_put_together_from_their_pieces() -> None:
    made = whole(
        delta(role="assistant", content=None),
        delta(tool_calls=[{"index": 0, "id": "a", "type": "function", "function": {"name": "read", "arguments": ""}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": '{"path": '}}]),
        delta(
            tool_calls=[{"index": 1, "id": "b", "type": "function", "function": {"name": "list", "arguments": "{}"}}]
        ),
        delta(tool_calls=[{"index": 0, "id": "a", "type": "function", "function": {"arguments": '"x"}'}}]),
        delta(reason="tool_calls"),
    )
    assert made["choices"][0]["message"] == {"role": "assistant", "content": None, "tool_calls": TOOL_CALLS}
    assert made["choices"][0]["finish_reason"] == "tool_calls"


def test_reasoning_logprobs_and_several_choices_are_added_up() -> None:
    first = delta(role="assistant", reasoning_content="thi", content="a")
    first["choices"][0]["logprobs"] = {
        "content": [{"token": "a", "logprob": -1, "bytes": None, "top_logprobs": []}],
        "refusal": None,
    }
    second = delta(reasoning_content="nk", content="b", reason="stop")
    second["choices"][0]["logprobs"] = {
        "content": [{"token": "b", "logprob": -2, "bytes": None, "top_logprobs": []}],
        "refusal": None,
    }
    made = whole(first, delta(1, content="other", role="assistant"), second, delta(1, "stop"))
    one, two = made["choices"]
    assert (one["message"]["reasoning_content"], one["message"]["content"]) == ("think", "ab")
    assert [token["token"] for token in one["logprobs"]["content"]] == ["a", "b"]
    assert (two["index"], two["message"]["content"]) == (1, "other")


def test_what_stands_beside_the_choices_is_kept() -> None:
    chunk = {**delta(content="x", reason="stop"), "system_fingerprint": "fp", "signalbox": {"world": {"a": 1}}}
    made = whole(
        chunk, {**delta(), "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
    )
    assert (made["system_fingerprint"], made["signalbox"], made["usage"]["total_tokens"]) == (
        "fp",
        {"world": {"a": 1}},
        2,
    )
    assert made["object"] == "chat.completion"


def test_completions_are_added_up_too() -> None:
    def piece(text: str, reason: str | None = None) -> dict[str, Any]:
        return {
            "id": "c",
            "object": "text_completion",
            "choices": [{"index": 0, "text": text, "finish_reason": reason}],
        }

    body = as_whole(events(piece("a"), piece("b", "stop")))
    assert json.loads(body or b"")["choices"] == [{"index": 0, "text": "ab", "finish_reason": "stop"}]
    stream = as_stream(body or b"")
    assert as_whole(stream or b"") == body
    assert is_complete("/v1/completions", stream or b"", True)


@pytest.mark.parametrize(
    "body",
    [
        b"data: {\n\n",
        b"data: 5\n\n",
        events(delta(content="a"), delta(content=["b"])),
        events({"choices": 5}),
        events({"choices": [{"index": None}, {"index": 0}]}),
        events({"object": [], "choices": []}),
        events({"choices": [], "deep": DEEP}),
        events(delta(a=DEEPER), delta(a=DEEPER)),
        events(delta(tool_calls=[{"index": -5, "function": {}}])),
        events(delta(tool_calls=[{"index": 0}]), delta(tool_calls=[{"index": -1}])),
        events(delta(tool_calls=[{"index": 0, "function": {}}]), delta(tool_calls=[{"index": 0, "function": 5}])),
    ],
)
def test_what_cannot_be_added_up_is_said_to_be_so(body: bytes) -> None:
    assert as_whole(body) is None


def test_adding_up_takes_time_by_the_length_and_not_by_its_square() -> None:
    names, n = {"name": "read", "arguments": ""}, 20_000
    pieces = [
        delta(content="x" * 1_000_000, tool_calls=[{"index": 0, "function": names}]),
        *[delta(content="a", tool_calls=[{"index": 0, "function": {"arguments": "b" * 50}}])] * n,
    ]
    for piece in pieces:
        piece["choices"][0]["logprobs"] = {"content": [{"token": "a"}]}
    body, began = events(*pieces), time.thread_time()
    choice = json.loads(as_whole(body) or b"")["choices"][0]
    assert time.thread_time() - began < 2
    assert choice["message"]["content"] == "x" * 1_000_000 + "a" * n
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == "b" * 50 * n
    assert len(choice["logprobs"]["content"]) == n + 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "index",
                    "delta",
                    "message",
                    "tool_calls",
                    "function",
                    "arguments",
                    "text",
                    "object",
                    "role",
                ]
            ),
            inner,
        )
    ),
    max_leaves=20,
)


@given(st.lists(st.fixed_dictionaries({"choices": st.lists(json_values, max_size=3)}) | json_values, max_size=4))
def test_whatever_an_answer_holds_raises_nothing(chunks: list[Any]) -> None:
    as_whole(events(*chunks))
    for chunk in chunks:
        as_stream(json.dumps(chunk).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"choices": [5]}',
        b'{"choices": 7}',
        b'{"choices": [], "object": []}',
        json.dumps({"choices": [{"message": {"content": DEEP}}]}).encode(),
        json.dumps({"choices": [], "usage": DEEP}).encode(),
    ],
)
def test_what_is_no_plain_answer_makes_no_stream(body: bytes) -> None:
    assert as_stream(body) is None


messages = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.one_of(st.none(), st.text(max_size=20))},
    optional={"reasoning_content": st.text(min_size=1, max_size=9), "tool_calls": st.just(TOOL_CALLS)},
)


@given(st.lists(st.tuples(messages, st.sampled_from(["stop", "tool_calls"])), min_size=1, max_size=3), st.booleans())
def test_a_plain_answer_made_a_stream_and_back_is_itself(said: list[tuple[dict[str, Any], str]], usage: bool) -> None:
    answer = chat_answer()
    answer["choices"] = [
        {"index": at, "message": message, "finish_reason": reason} for at, (message, reason) in enumerate(said)
    ]
    if not usage:
        del answer["usage"]
    stream = as_stream(json.dumps(answer).encode())
    assert stream is not None
    for chunk in events_in(stream):
        ChatCompletionChunk.model_validate(chunk)
    back = json.loads(as_whole(stream) or b"")
    for choice in (*answer["choices"], *back["choices"]):
        choice["message"]["content"] = choice["message"]["content"] or None  # a stream cannot tell "" from null
    assert back == answer
    assert is_complete(CHAT, stream, True)
