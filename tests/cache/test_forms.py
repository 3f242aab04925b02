"""A plain answer becomes a stream and a stream a plain answer, with nothing lost."""

from __future__ import annotations

import json
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
    "body", [b"data: {\n\n", b"data: 5\n\n", events(delta(content="a"), delta(content=["b"])), events({"choices": 5})]
)
def test_what_cannot_be_added_up_is_said_to_be_so(body: bytes) -> None:
    assert as_whole(body) is None


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"choices": [5]}', b'{"choices": 7}'])
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
