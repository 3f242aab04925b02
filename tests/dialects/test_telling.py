"""Any stream of chat completions, cut anywhere, adds up to the same answer in the SDKs of both dialects."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from router.dialects.bridge import Telling, opened
from tests.dialects.messages import sdk
from tests.dialects.responses.client import accumulated

MESSAGES = {"model": "m", "max_tokens": 5, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
RESPONSES = {"model": "m", "stream": True, "input": "hi"}
ARGUMENTS = ['{"at": "é \\"}\\" 漢", "deep": {"a": [1, {}]}}', "{}"]
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}

words = st.tuples(st.sampled_from(["content", "reasoning_content"]), st.text('aé漢\n\r"\\ ', min_size=1, max_size=5))
steps = st.lists(words | st.tuples(st.just("call"), st.integers(0, 2)), max_size=25)


@given(steps, st.sampled_from(["\n", "\r\n"]), st.lists(st.integers(1, 60), min_size=1, max_size=40))
@settings(max_examples=40, deadline=None)
def test_an_answer_is_the_same_in_every_dialect(steps: list[Any], line: str, sizes: list[int]) -> None:
    stream, said = _stream(steps, line)
    told = [
        b"".join(_told(path, body, stream, sizes)) for path, body in (("messages", MESSAGES), ("responses", RESPONSES))
    ]
    message, _ = sdk.snapshot(told[0])
    assert message is not None
    assert _of_message(message) == said
    assert (message["usage"]["input_tokens"], message["usage"]["output_tokens"]) == (9, 4)
    response = accumulated(told[1])
    assert _of_response(response.to_dict()) == said
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (9, 4)
    assert message["stop_reason"] == ("tool_use" if said["calls"] else "end_turn")


def _told(path: str, body: dict[str, Any], stream: bytes, sizes: list[int]) -> list[bytes]:
    telling, told, at = Telling(opened(f"/v1/{path}", body), "m"), [], 0
    while at < len(stream):
        size = sizes[at % len(sizes)]
        told.append(telling.feed(stream[at : at + size]))
        at += size
    return [*told, telling.end()]


def _stream(steps: list[Any], line: str) -> tuple[bytes, dict[str, Any]]:
    """The stream, and what it says. A call begins where it is first met, and goes on, three characters at a time, where
    it is met again; what is left comes at the end."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    said: dict[str, Any] = {"content": "", "reasoning_content": "", "calls": []}
    left: dict[int, str] = {}
    for kind, what in steps:
        if kind != "call":
            said[kind] += what
            deltas.append({kind: what})
        elif what not in left:
            left[what] = ARGUMENTS[what % 2]
            said["calls"].append((f"c{what}", f"f{what}", json.loads(left[what])))
            deltas.append(_call(what, {"name": f"f{what}", "arguments": ""}, id=f"c{what}", type="function"))
        elif left[what]:
            deltas.append(_call(what, {"arguments": left[what][:3]}))
            left[what] = left[what][3:]
    deltas += [_call(index, {"arguments": rest}) for index, rest in left.items() if rest]
    choices: list[list[dict[str, Any]]] = [[{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas]
    choices += [[{"index": 0, "delta": {}, "finish_reason": "tool_calls" if left else "stop"}], []]
    chunks: list[dict[str, Any]] = [{"id": "x", "created": 1, "model": "m", "choices": each} for each in choices]
    chunks[-1]["usage"] = USAGE
    events = [json.dumps(chunk, ensure_ascii=False) for chunk in chunks]
    return "".join(f"data: {event}{line * 2}" for event in (*events, "[DONE]")).encode(), said


def _call(index: int, function: dict[str, str], **more: str) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, **more, "function": function}]}


def _of_message(message: dict[str, Any]) -> dict[str, Any]:
    blocks = message["content"]
    return {
        "content": "".join(block["text"] for block in blocks if block["type"] == "text"),
        "reasoning_content": "".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
        "calls": [(block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"],
    }


def _of_response(response: dict[str, Any]) -> dict[str, Any]:
    items = response["output"]
    return {
        "content": "".join(part["text"] for item in items if item["type"] == "message" for part in item["content"]),
        "reasoning_content": "".join(
            part["text"] for item in items if item["type"] == "reasoning" for part in item["summary"]
        ),
        "calls": [
            (item["call_id"], item["name"], json.loads(item["arguments"]))
            for item in items
            if item["type"] == "function_call"
        ],
    }
