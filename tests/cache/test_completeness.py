"""Only what a model has ended by itself is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from router.cache.completeness import is_complete
from tests.upstream import chat_answer, chat_chunks

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"


def answer(reason: Any = "stop", **more: Any) -> bytes:
    return json.dumps({"choices": [{"index": 0, "message": {}, "finish_reason": reason}], **more}).encode()


def events(*chunks: Any) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks)


def choice(reason: Any = None, index: int = 0) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": {}, "finish_reason": reason}]}


@pytest.mark.parametrize("reason", ["stop", "tool_calls", "function_call"])
def test_a_finished_chat_completion_is_complete(reason: str) -> None:
    assert is_complete(CHAT, answer(reason), False)
    assert is_complete(CHAT, events(choice(), choice(reason)) + b"data: [DONE]\n\n", True)


@pytest.mark.parametrize("reason", ["length", "content_filter", None, "", "error", 5])
def test_one_that_was_cut_off_or_filtered_is_not(reason: Any) -> None:
    assert not is_complete(CHAT, answer(reason), False)
    assert not is_complete(CHAT, events(choice(), choice(reason)) + b"data: [DONE]\n\n", True)


def test_every_choice_must_be_finished() -> None:
    two = {"choices": [{"finish_reason": "stop"}, {"finish_reason": "length"}]}
    assert not is_complete(CHAT, json.dumps(two).encode(), False)
    assert not is_complete(CHAT, events(choice("stop"), choice(None, 1)), True)
    assert is_complete(CHAT, events(choice("stop"), choice("stop", 1)), True)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b"{", b'{"choices": []}', b'{"choices": null}', b'{"choices": [5]}']
)
def test_what_is_no_answer_is_not(body: bytes) -> None:
    assert not is_complete(CHAT, body, False)
    assert not is_complete(CHAT, b"data: " + body + b"\n\n", True)


def test_an_error_in_the_middle_of_a_stream_makes_it_incomplete() -> None:
    assert not is_complete(CHAT, events(choice(), {"error": {"message": "x"}}, choice("stop")), True)
    assert not is_complete(CHAT, answer(error={"message": "x"}), False)


def test_the_usual_answers_are_complete_and_no_beginning_of_a_stream_is() -> None:
    whole = chat_chunks(["a", "b"], usage=True)
    assert is_complete(CHAT, json.dumps(chat_answer()).encode(), False)
    assert is_complete(CHAT, b"".join(whole), True)
    finish = next(n for n, event in enumerate(whole) if b'"stop"' in event)
    for length in range(finish):
        assert not is_complete(CHAT, b"".join(whole[: length + 1])[:-1], True) or length == finish


@pytest.mark.parametrize(
    ("body", "complete"),
    [
        ({"status": "completed", "output": []}, True),
        ({"status": "incomplete", "output": []}, False),
        ({"status": "queued"}, False),
    ],
)
def test_responses_say_so_themselves(body: Any, complete: bool) -> None:
    assert is_complete(RESPONSES, json.dumps(body).encode(), False) is complete
    kind = "response.completed" if complete else "response.incomplete"
    assert (
        is_complete(RESPONSES, events({"type": "response.created"}, {"type": kind, "response": body}), True) is complete
    )


@pytest.mark.parametrize(("reason", "complete"), [("end_turn", True), ("tool_use", True), ("max_tokens", False)])
def test_messages_end_with_their_own_words(reason: str, complete: bool) -> None:
    assert is_complete(MESSAGES, json.dumps({"stop_reason": reason}).encode(), False) is complete
    delta = {"type": "message_delta", "delta": {"stop_reason": reason}}
    assert is_complete(MESSAGES, events(delta, {"type": "message_stop"}), True) is complete
    assert not is_complete(MESSAGES, events(delta), True)


def test_embeddings_are_complete_when_they_are_there() -> None:
    assert is_complete("/v1/embeddings", b'{"data": [{"embedding": [0.1]}]}', False)
    assert not is_complete("/v1/embeddings", b'{"data": []}', False)
    assert is_complete("/v1/rerank", b'{"results": [{"index": 0}]}', False)
