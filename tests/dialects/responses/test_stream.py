"""Streams of events, told in Responses' words: the whole sequence, that clients which need all of it can read."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.responses import Response

from router.dialects.neutral import (
    Arguments,
    Began,
    Called,
    Ended,
    Event,
    Failed,
    Refused,
    Said,
    Thought,
    Usage,
    Used,
)
from router.dialects.responses import Responses
from tests.dialects.responses.client import accumulated, asked, plain, sse, streamed, told

BEGAN = Began("chatcmpl-1", "qwen", 1_800_000_000)
USED = Used(Usage(30, 12, cached=20, reasoning=5))
TAG = asked().whole([BEGAN, Ended("stop")])["id"].removeprefix("resp_")

ANSWERS: dict[str, list[Event]] = {
    "nothing": [BEGAN, Ended("stop")],
    "text": [BEGAN, Said("Hel"), Said(""), Said("lo"), USED, Ended("stop")],
    "thoughts, then text": [BEGAN, Thought("Hm"), Thought("."), Said("Yes"), USED, Ended("stop")],
    "thoughts in between": [BEGAN, Said("a"), Thought("b"), Said("c"), Ended("stop")],
    "refusal": [BEGAN, Said("Well"), Refused("I "), Refused("won't"), Ended("stop")],
    "calls one after the other": [
        BEGAN, Said("Look"), Called(0, "c0", "read"), Arguments(0, '{"a":'), Arguments(0, "1}"),
        Called(1, "c1", "agents__close"), Arguments(1, "{}"), USED, Ended("tool_calls"),
    ],
    "interleaved calls": [
        BEGAN, Called(0, "c0", "read"), Called(1, "c1", "read"), Arguments(1, '{"b"'), Arguments(0, '{"a"'),
        Arguments(1, ":2}"), Arguments(0, ":1}"), Said("after"), Ended("tool_calls"),
    ],
    "custom tools": [
        BEGAN, Called(0, "c0", "patch"), Arguments(0, '{"inp'), Arguments(0, 'ut": "a\\'), Arguments(0, 'n\\ud83d'),
        Called(1, "c1", "agents__note"), Arguments(0, '\\ude00"}'), Arguments(1, '{"input":""}'), Ended("tool_calls"),
    ],
    "tools of the client": [
        BEGAN, Called(0, "c0", "local_shell"), Arguments(0, '{"command":["ls"],"timeout_ms":5}'),
        Called(1, "c1", "shell"), Arguments(1, '{"commands":"ls"}'),
        Called(2, "c2", "apply_patch"), Arguments(2, '{"type":"create_file","path":"a","diff":"+b"}'),
        Called(3, "c3", "shell"), Arguments(3, "what?"), Ended("tool_calls"),
    ],
    "too long": [BEGAN, Said("and so"), USED, Ended("length")],
    "too long in a call": [
        BEGAN, Called(0, "c0", "read"), Arguments(0, "{}"), Called(1, "c1", "read"), Arguments(1, '{"a'),
        Ended("length"),
    ],
    "too long in a thought": [BEGAN, Thought("Hm"), Ended("length")],
    "filtered": [BEGAN, Said("b"), Ended("content_filter")],
    "a call without an id": [BEGAN, Called(0, "", "unheard_of"), Ended("stop")],
}  # fmt: skip
FINISHED = {"response.completed", "response.incomplete", "response.failed"}


def short(events: list[dict[str, Any]]) -> list[Any]:
    """Without numbers and ids, responses as their status: what is left is written below."""
    found: list[Any] = []
    for event in events:
        rest = {name: value for name, value in event.items() if name not in ("type", "sequence_number", "item_id")}
        if "response" in rest:
            rest["response"] = rest["response"]["status"]
        if "item" in rest:
            rest["item"] = {name: value for name, value in rest["item"].items() if name != "id"}
        found.append((event["type"].removeprefix("response."), *rest.values()))
    return found


def text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def message(status: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "status": status, "role": "assistant", "content": list(parts)}


BEGINNING = [("created", "in_progress"), ("in_progress", "in_progress")]


def test_text_is_told_with_every_event_of_its_item_and_part() -> None:
    assert short(told(sse(asked(), ANSWERS["text"]))) == [
        *BEGINNING,
        ("output_item.added", 0, message("in_progress")),
        ("content_part.added", 0, 0, text_part("")),
        ("output_text.delta", 0, 0, "Hel", []),
        ("output_text.delta", 0, 0, "lo", []),
        ("output_text.done", 0, 0, "Hello", []),
        ("content_part.done", 0, 0, text_part("Hello")),
        ("output_item.done", 0, message("completed", text_part("Hello"))),
        ("completed", "completed"),
    ]


def test_thoughts_are_the_summary_of_a_reasoning_item_before_the_text() -> None:
    part = {"type": "summary_text", "text": "Hm."}
    assert short(told(sse(asked(), ANSWERS["thoughts, then text"])))[2:10] == [
        ("output_item.added", 0, {"type": "reasoning", "summary": []}),
        ("reasoning_summary_part.added", 0, 0, {"type": "summary_text", "text": ""}),
        ("reasoning_summary_text.delta", 0, 0, "Hm"),
        ("reasoning_summary_text.delta", 0, 0, "."),
        ("reasoning_summary_text.done", 0, 0, "Hm."),
        ("reasoning_summary_part.done", 0, 0, part),
        ("output_item.done", 0, {"type": "reasoning", "summary": [part]}),
        ("output_item.added", 1, message("in_progress")),
    ]


def test_a_refusal_is_a_part_of_its_own_after_the_text_before_it() -> None:
    refusal = {"type": "refusal", "refusal": "I won't"}
    assert short(told(sse(asked(), ANSWERS["refusal"])))[5:] == [
        ("output_text.done", 0, 0, "Well", []),
        ("content_part.done", 0, 0, text_part("Well")),
        ("content_part.added", 0, 1, {"type": "refusal", "refusal": ""}),
        ("refusal.delta", 0, 1, "I "),
        ("refusal.delta", 0, 1, "won't"),
        ("refusal.done", 0, 1, "I won't"),
        ("content_part.done", 0, 1, refusal),
        ("output_item.done", 0, message("completed", text_part("Well"), refusal)),
        ("completed", "completed"),
    ]


def call(status: str, call_id: str, name: str, arguments: str, **more: str) -> dict[str, Any]:
    return {"type": "function_call", "status": status, "call_id": call_id, **more, "name": name, "arguments": arguments}


def test_interleaved_calls_grow_each_at_its_own_index_and_are_done_at_the_end() -> None:
    assert short(told(sse(asked(), ANSWERS["interleaved calls"]))) == [
        *BEGINNING,
        ("output_item.added", 0, call("in_progress", "c0", "read", "")),
        ("output_item.added", 1, call("in_progress", "c1", "read", "")),
        ("function_call_arguments.delta", 1, '{"b"'),
        ("function_call_arguments.delta", 0, '{"a"'),
        ("function_call_arguments.delta", 1, ":2}"),
        ("function_call_arguments.delta", 0, ":1}"),
        ("output_item.added", 2, message("in_progress")),
        ("content_part.added", 2, 0, text_part("")),
        ("output_text.delta", 2, 0, "after", []),
        ("output_text.done", 2, 0, "after", []),
        ("content_part.done", 2, 0, text_part("after")),
        ("output_item.done", 2, message("completed", text_part("after"))),
        ("function_call_arguments.done", 0, "read", '{"a":1}'),
        ("output_item.done", 0, call("completed", "c0", "read", '{"a":1}')),
        ("function_call_arguments.done", 1, "read", '{"b":2}'),
        ("output_item.done", 1, call("completed", "c1", "read", '{"b":2}')),
        ("completed", "completed"),
    ]


def test_a_call_in_a_namespace_gets_it_back() -> None:
    output = asked().whole(ANSWERS["calls one after the other"])["output"]
    assert {name: value for name, value in output[2].items() if name != "id"} == call(
        "completed", "c1", "close", "{}", namespace="agents"
    )


def custom(status: str, call_id: str, name: str, text: str, **more: str) -> dict[str, Any]:
    return {"type": "custom_tool_call", "status": status, "call_id": call_id, **more, "name": name, "input": text}


def test_custom_tools_get_their_text_as_it_comes() -> None:
    assert short(told(sse(asked(), ANSWERS["custom tools"])))[2:] == [
        ("output_item.added", 0, custom("in_progress", "c0", "patch", "")),
        ("custom_tool_call_input.delta", 0, "a"),
        ("custom_tool_call_input.delta", 0, "\n"),
        ("output_item.added", 1, custom("in_progress", "c1", "note", "", namespace="agents")),
        ("custom_tool_call_input.delta", 0, "😀"),
        ("custom_tool_call_input.done", 0, "a\n😀"),
        ("output_item.done", 0, custom("completed", "c0", "patch", "a\n😀")),
        ("custom_tool_call_input.done", 1, ""),
        ("output_item.done", 1, custom("completed", "c1", "note", "", namespace="agents")),
        ("completed", "completed"),
    ]


def test_tools_of_the_client_get_calls_in_their_own_form() -> None:
    output = asked().whole(ANSWERS["tools of the client"])["output"]
    assert [item["type"] for item in output] == ["local_shell_call", "shell_call", "apply_patch_call", "shell_call"]
    assert output[0]["action"] == {"type": "exec", "command": ["ls"], "env": {}, "timeout_ms": 5}
    assert output[1]["action"] == {"commands": ["ls"]}
    assert output[2]["operation"] == {"type": "create_file", "path": "a", "diff": "+b"}
    assert output[3]["action"] == {"commands": []}, "what cannot be read runs nothing"


def test_where_an_answer_is_cut_short_only_what_lacks_its_end_is_incomplete() -> None:
    answer = asked().whole(ANSWERS["too long in a call"])
    assert [item["status"] for item in answer["output"]] == ["completed", "incomplete"]
    assert (answer["status"], answer["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    back = [*ANSWERS["too long in a call"][:-1], Arguments(0, "{"), Ended("length")]
    assert [item["status"] for item in asked().whole(back)["output"]] == ["incomplete", "completed"]
    assert asked().whole(ANSWERS["filtered"])["incomplete_details"] == {"reason": "content_filter"}
    assert asked().whole(ANSWERS["too long"])["output"][0]["status"] == "incomplete"


def test_what_was_said_is_done_before_a_call_begins() -> None:
    told_so_far = short(told(sse(asked(), ANSWERS["calls one after the other"][:3])))
    assert [name for name, *_ in told_so_far[-2:]] == ["output_item.done", "output_item.added"]


def test_usage_is_in_the_words_of_responses() -> None:
    assert asked().whole(ANSWERS["text"])["usage"] == {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 0},
        "output_tokens": 12,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 42,
    }
    assert asked().whole(ANSWERS["nothing"])["usage"] is None


def test_the_bytes_of_a_stream_are_these() -> None:
    text = sse(asked(), ANSWERS["text"]).decode().split("\n\n")
    assert text[4] == (
        "event: response.output_text.delta\n"
        'data: {"type":"response.output_text.delta","sequence_number":4,'
        f'"item_id":"msg_{TAG}00","output_index":0,"content_index":0,"delta":"Hel","logprobs":[]}}'
    )
    assert text[-1] == "", "each event is whole"


@pytest.mark.parametrize("name", ANSWERS)
def test_each_piece_of_a_stream_is_whole_events(name: str) -> None:
    writer = asked().writer()
    for event in ANSWERS[name]:
        piece = writer.write(event)
        assert piece == b"" or (piece.startswith(b"event: ") and piece.endswith(b"}\n\n"))


@pytest.mark.parametrize("name", ANSWERS)
def test_the_openai_package_makes_of_the_stream_the_very_answer_that_is_given_whole(name: str) -> None:
    dialect = asked()
    whole, stream = dialect.whole(ANSWERS[name]), sse(dialect, ANSWERS[name])
    told(stream)
    assert streamed(stream)[-1].response.to_dict() == whole
    assert plain(whole).to_dict() == whole
    assert Response.model_validate(whole, strict=True).output_text == "".join(
        event.text for event in ANSWERS[name] if isinstance(event, Said)
    )
    if whole["status"] == "completed":
        final = accumulated(stream).to_dict(exclude_unset=True)
        for item in final["output"]:  # the helper adds these
            item.pop("parsed_arguments", None)
            for part in item.get("content", ()):
                part.pop("parsed", None)
        assert final == whole


@pytest.mark.parametrize("name", ANSWERS)
def test_a_stream_cut_after_any_event_never_looks_finished(name: str) -> None:
    events = ANSWERS[name]
    for end in range(1, len(events)):
        stream = sse(asked(), events[:end])
        assert not FINISHED & {event["type"] for event in told(stream)}
        with pytest.raises(RuntimeError, match=r"response\.completed"):
            accumulated(stream)


def test_a_fault_in_a_stream_is_told_and_ends_it() -> None:
    writer = asked().writer()
    before = b"".join(map(writer.write, [BEGAN, Said("Hel")]))
    last = told(before + writer.write(Failed("gone", 502)))[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["error"] == {"code": "server_error", "message": "gone"}
    assert last["response"]["output"][0]["status"] == "incomplete"
    assert writer.write(Said("lo")) == writer.write(Ended("stop")) == b""


def test_a_fault_before_an_answer_is_told_as_a_response_too() -> None:
    stream = sse(asked(), [Failed("too long", 400, "context_length_exceeded")])
    events = streamed(stream)
    assert [event.type for event in events] == ["response.created", "response.in_progress", "response.failed"]
    assert events[-1].response.error.code == "context_length_exceeded"
    assert asked().writer().write(Failed("slow down", 429)).count(b"rate_limit_exceeded") == 1


def test_an_error_has_the_shape_that_openai_gives_it() -> None:
    assert asked().error(Failed("slow down", 429, "rate_limit_exceeded")) == {
        "error": {"message": "slow down", "type": "rate_limit_error", "param": None, "code": "rate_limit_exceeded"}
    }
    assert asked().error(Failed("no", 418))["error"]["type"] == "invalid_request_error"
    assert asked().error(Failed("no", 502))["error"]["type"] == "server_error"


def test_several_answers_to_one_request_do_not_touch_each_other() -> None:
    dialect = asked()
    one, other = dialect.writer(), dialect.writer()
    one.write(BEGAN), one.write(Said("a"))
    assert told(b"".join(map(other.write, ANSWERS["text"])))[-1]["response"] == dialect.whole(ANSWERS["text"])


def test_two_requests_never_share_an_id() -> None:
    ids = {Responses({"input": "hi"}).whole(ANSWERS["text"])["id"] for _ in range(50)}
    assert len(ids) == 50
