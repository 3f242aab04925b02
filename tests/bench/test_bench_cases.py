"""A benchmark that counts wrong answers measures nothing: what the cases send, and which answers they refuse."""

from __future__ import annotations

import json

import pytest

from bench.cases import CASES, STREAM_TEXT


def _event(content: str) -> str:
    return "data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": content}}]}) + "\n\n"


USAGE = 'data: {"choices":[],"usage":{"total_tokens":158}}\n\n'
DONE = "data: [DONE]\n\n"


@pytest.mark.parametrize(("name", "size"), [("small", 300), ("agent", 44_000), ("stream", 340), ("usage", 340)])
def test_a_request_is_valid_json_of_the_promised_size(name: str, size: int) -> None:
    assert len(CASES[name].body) == size
    assert json.loads(CASES[name].body)["messages"][-1]["role"] == "user"


def test_the_agent_request_brings_16_tools_and_the_result_of_one_call() -> None:
    data = json.loads(CASES["agent"].body)
    assert len({tool["function"]["name"] for tool in data["tools"]}) == 16
    assert [message["role"] for message in data["messages"]].count("tool") == 1


def test_a_whole_stream_is_right() -> None:
    assert CASES["stream"].fault(_event(STREAM_TEXT) + DONE) is None
    assert CASES["usage"].fault(_event(STREAM_TEXT) + USAGE + DONE) is None


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (_event(STREAM_TEXT), "has no end"),
        (_event(STREAM_TEXT[:-3]) + DONE, "another text"),
        (_event(STREAM_TEXT) + DONE, "usage was asked for"),
        ('data: {"error":{"message":"no"}}\n\n' + DONE, "not a stream"),
        ("", "has no end"),
    ],
)
def test_a_stream_that_is_cut_or_lacks_something_is_a_fault(answer: str, fault: str) -> None:
    assert fault in (CASES["usage"].fault(answer) or "")


@pytest.mark.parametrize("answer", ["", "[]", '{"error":{"message":"no"}}', '{"choices":[]}'])
def test_an_error_in_place_of_a_completion_is_a_fault(answer: str) -> None:
    assert "not a chat completion" in (CASES["small"].fault(answer) or "")
