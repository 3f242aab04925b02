"""What a model wrote is found in any dialect, whole, streamed, or broken off."""

from __future__ import annotations

import json

import pytest

from router.accounts.heard import written
from tests.upstream import chat_answer, chat_chunks

ANTHROPIC = [
    {"type": "message_start", "message": {"role": "assistant", "content": []}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hel"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
]
RESPONSES = [
    {"type": "response.output_text.delta", "delta": "hel"},
    {"type": "response.output_text.delta", "delta": "lo"},
    {"type": "response.output_text.done", "text": "hello"},
    {"type": "response.completed", "response": {"output": [{"content": [{"text": "hello"}]}]}},
]


def stream(events: list[dict]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(chat_answer("hello")).encode(),
        b"".join(chat_chunks(["hel", "lo"])),
        b"".join(chat_chunks(["hel", "lo"]))[:-60],
        stream(ANTHROPIC),
        stream(RESPONSES),
        json.dumps({"type": "message", "content": [{"type": "text", "text": "hello"}]}).encode(),
        json.dumps({"choices": [{"text": "hello"}]}).encode(),
    ],
)
def test_the_words_are_found(body: bytes) -> None:
    assert written(body) == "hello"


def test_thoughts_and_the_arguments_of_tools_are_written_too() -> None:
    call = {"function": {"name": "run", "arguments": '{"a": 1}'}}
    message = {"content": None, "reasoning_content": "hm", "tool_calls": [call]}
    assert written(json.dumps({"choices": [{"message": message}]}).encode()) == 'hmrun{"a": 1}'


@pytest.mark.parametrize("body", [b"", b"data: [DONE]\n\n", b"{", b"[1]", b"data: 3\n\n", b"\xff\xfe"])
def test_what_holds_none_is_empty(body: bytes) -> None:
    assert written(body) == ""
