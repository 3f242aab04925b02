"""Chat completions of servers that differ are read into the same events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.dialects.chat.answer import ChatStream, events_of, failure_of
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

BEGAN = Began("chatcmpl-1", "m", 7)
DONE = b"data: [DONE]\n\n"


def chunk(delta: dict[str, Any] | None = None, reason: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": reason}]
    body = {"id": "chatcmpl-1", "model": "m", "created": 7, "choices": choices, **more}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def heard(pieces: Iterable[bytes]) -> list[Event]:
    stream = ChatStream("asked")
    events = [event for piece in pieces for event in stream.feed(piece)]
    return [*events, *stream.end()]


def call(index: int | None, id_: str | None, name: str | None, arguments: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"function": {"arguments": arguments}}
    said |= {} if index is None else {"index": index}
    said |= {} if id_ is None else {"id": id_}
    if name is not None:
        said["function"]["name"] = name
    return {"tool_calls": [said]}


def test_thoughts_words_and_usage() -> None:
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 4,
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    pieces = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "hm"}),
        chunk({"content": "hi"}),
        chunk({}, "stop"),
        chunk(None, usage=usage),
        DONE,
    ]
    said = [BEGAN, Thought("hm"), Said("hi"), Used(Usage(9, 4, 8, None, 3)), Ended("stop")]
    assert heard(pieces) == said


@pytest.mark.parametrize("word", ["reasoning_content", "reasoning"])
def test_thoughts_have_two_names(word: str) -> None:
    assert Thought("hm") in heard([chunk({word: "hm"}), chunk({}, "stop")])


def test_interleaved_calls_are_told_apart_by_their_index() -> None:
    pieces = [
        chunk(call(0, "a", "read", "")),
        chunk(call(1, "b", "list", "")),
        chunk(call(0, None, None, '{"p')),
        chunk(call(1, None, None, "{}")),
        chunk(call(0, None, None, '":1}')),
        chunk({}, "tool_calls"),
    ]
    assert heard(pieces) == [
        BEGAN,
        Called(0, "a", "read"),
        Called(1, "b", "list"),
        Arguments(0, '{"p'),
        Arguments(1, "{}"),
        Arguments(0, '":1}'),
        Ended("tool_calls"),
    ]


@pytest.mark.parametrize("index", [0, None])
def test_calls_that_all_have_one_index_or_none_are_told_apart_by_their_ids(index: int | None) -> None:
    pieces = [chunk(call(index, "a", "read", "{}")), chunk(call(index, "b", "read", "{}")), chunk({}, "stop")]
    said = [Called(0, "a", "read"), Arguments(0, "{}"), Called(1, "b", "read"), Arguments(1, "{}")]
    assert heard(pieces) == [BEGAN, *said, Ended("tool_calls")]


def test_a_call_without_an_id_gets_one() -> None:
    (_, called, *_) = heard([chunk(call(0, None, "read", {"path": "a"})), chunk({}, "stop")])
    assert isinstance(called, Called)
    assert called.id.startswith("call_")


def test_arguments_as_an_object_are_written_as_json() -> None:
    assert Arguments(0, '{"path":"a"}') in heard([chunk(call(0, "a", "read", {"path": "a"})), chunk({}, "stop")])


def test_the_old_function_call_is_a_call() -> None:
    pieces = [
        chunk({"function_call": {"name": "read", "arguments": ""}}),
        chunk({"function_call": {"arguments": "{}"}}),
        chunk({}, "function_call"),
    ]
    _, called, arguments, ended = heard(pieces)
    assert isinstance(called, Called)
    assert (called.name, arguments, ended) == ("read", Arguments(0, "{}"), Ended("tool_calls"))


def test_content_in_parts_is_words_and_thoughts() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "hi"}]
    assert heard([chunk({"content": parts}), chunk({}, "stop")]) == [BEGAN, Thought("hm"), Said("hi"), Ended("stop")]


def test_a_refusal_is_one() -> None:
    assert heard([chunk({"refusal": "no"}), chunk({}, "stop")]) == [BEGAN, Refused("no"), Ended("stop")]


@pytest.mark.parametrize(
    ("reason", "told"),
    [("length", "length"), ("content_filter", "content_filter"), ("eos", "stop"), ("tool_calls", "stop")],
)
def test_reasons_in_the_words_of_servers(reason: str, told: str) -> None:
    assert heard([chunk({"content": "x"}, reason)])[-1] == Ended(told)  # type: ignore[arg-type]


def test_a_stream_that_breaks_off_has_no_end() -> None:
    assert heard([chunk({"content": "hal"})]) == [BEGAN, Said("hal")]
    assert heard([]) == []


def test_done_alone_is_an_end() -> None:
    assert heard([chunk({"content": "x"}), DONE])[-1] == Ended("stop")


def test_an_error_in_the_stream_is_a_fault_and_nothing_follows() -> None:
    error = b'data: {"error": {"message": "out of memory", "code": 500}}\n\n'
    assert heard([chunk({"content": "x"}), error, chunk({"content": "y"}), DONE]) == [
        BEGAN,
        Said("x"),
        Failed("out of memory", 500),
    ]


def test_only_the_first_of_several_answers_is_told() -> None:
    other = json.dumps({"choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "stop"}]}).encode()
    pieces = [chunk({"content": "x"}), b"data: " + other + b"\n\n", chunk({}, "stop")]
    assert heard(pieces) == [BEGAN, Said("x"), Ended("stop")]


def test_comments_and_pieces_that_are_no_json_are_passed_over() -> None:
    pieces = [b": ping\n\n", b"data: {\n\n", b"data: []\n\n", chunk({"content": "x"}, "stop")]
    assert heard(pieces) == [BEGAN, Said("x"), Ended("stop")]


def test_a_whole_answer_is_the_same_events() -> None:
    message = {
        "role": "assistant",
        "content": "hi",
        "reasoning_content": "hm",
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "read", "arguments": "{}"}},
            {"id": "b", "type": "function", "function": {"name": "read", "arguments": "{}"}},
        ],
    }
    body = {
        "id": "chatcmpl-1",
        "model": "m",
        "created": 7,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }
    assert events_of(json.dumps(body).encode(), "asked") == [
        BEGAN,
        Thought("hm"),
        Said("hi"),
        Called(0, "a", "read"),
        Arguments(0, "{}"),
        Called(1, "b", "read"),
        Arguments(1, "{}"),
        Used(Usage(3, 2)),
        Ended("tool_calls"),
    ]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"null", b'{"choices":[]}', b'{"choices":[{"message":7}]}', b"\xff"]
)
def test_what_is_no_chat_completion_is_a_fault(body: bytes) -> None:
    (event,) = events_of(body, "m")
    assert isinstance(event, Failed)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"error":{"message":"no","code":"c"}}', ("no", "c")),
        (b'{"error":{"message":"no","code":400}}', ("no", None)),
        (b'{"error":"no"}', ("no", None)),
        (b'{"detail":"no"}', ("no", None)),
        (b"<html>no</html>", ("<html>no</html>", None)),
        (b"", ("the backend answered with status 404 and no explanation", None)),
    ],
)
def test_errors_in_any_form_have_words(body: bytes, told: tuple[str, str | None]) -> None:
    failed = failure_of(404, body)
    assert (failed.message, failed.code, failed.status) == (*told, 404)


KEYS = [
    *("choices", "delta", "message", "content", "tool_calls", "function", "index", "id", "name", "arguments", "type"),
    *("finish_reason", "usage", "error", "reasoning", "text", "thinking", "prompt_tokens", "refusal"),
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)


@given(st.lists(anything, max_size=5))
def test_whatever_a_server_sends_the_events_are_in_order(chunks: list[Any]) -> None:
    events = heard([*(b"data: " + json.dumps(each).encode() + b"\n\n" for each in chunks), DONE])
    legal(events)


@given(anything)
def test_whatever_a_server_answers_whole_is_read(body: Any) -> None:
    legal(events_of(json.dumps(body).encode(), "m"))


@given(st.data())
def test_a_stream_may_be_cut_anywhere(data: st.DataObject) -> None:
    stream = b"".join([chunk({"content": "hé"}), chunk(call(0, "a", "read", '{"x":1}')), chunk({}, "stop"), DONE])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert heard(pieces) == heard([stream])


def legal(events: list[Event]) -> None:
    """As `neutral.py` promises it."""
    assert all(isinstance(event, Failed) == (event is events[-1]) for event in events if isinstance(event, Failed))
    kinds = [type(event) for event in events]
    assert kinds.count(Began) <= 1 and kinds.count(Ended) <= 1 and kinds.count(Used) <= 1
    if events and not isinstance(events[0], Failed):
        assert kinds[0] is Began
    if Ended in kinds:
        assert kinds[-1] is Ended
    begun: list[int] = []
    for event in events:
        if isinstance(event, Called):
            begun.append(event.index)
        if isinstance(event, Arguments):
            assert event.index in begun
    assert begun == list(range(len(begun)))


@pytest.mark.alone
def test_a_long_event_in_many_pieces_is_read_in_time_that_grows_with_its_length() -> None:
    event = chunk({"content": "a" * 2_000_000})
    pieces = [event[at : at + 1024] for at in range(0, len(event), 1024)]
    began = time.perf_counter()
    assert heard([*pieces, chunk({}, "stop")])[1] == Said("a" * 2_000_000)
    assert time.perf_counter() - began < 1


@given(st.data())
def test_events_are_the_same_wherever_the_stream_is_cut(data: st.DataObject) -> None:
    stream = b": hi\r\n\r\n" + chunk({"content": "a"}) + chunk(call(0, "x", "f", "{}")) + chunk({}, "stop") + DONE
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1))))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert heard(pieces) == heard([stream])


def test_of_several_answers_the_first_is_told_wherever_it_stands() -> None:
    second = {"index": 1, "delta": {"content": "no"}, "message": {"content": "no"}, "finish_reason": "stop"}
    first = {"index": 0, "delta": {"content": "yes"}, "message": {"content": "yes"}, "finish_reason": "stop"}
    body = {"id": "chatcmpl-1", "model": "m", "created": 7, "choices": [second, first]}
    told = [BEGAN, Said("yes"), Ended("stop")]
    assert heard([b"data: " + json.dumps(body).encode() + b"\n\n"]) == told
    assert events_of(json.dumps(body).encode(), "m") == told


def test_arguments_that_come_before_the_name_are_not_lost() -> None:
    pieces = [chunk(call(3, "a", None, '{"x"')), chunk(call(3, None, None, ":")), chunk(call(3, None, "f", "1}"))]
    assert heard([*pieces, chunk({}, "tool_calls")])[1:] == [
        Called(0, "a", "f"),
        Arguments(0, '{"x":1}'),
        Ended("tool_calls"),
    ]


def test_calls_with_the_same_id_are_told_with_two() -> None:
    pieces = [chunk(call(at, "same", "f", f'{{"at":{at}}}')) for at in (0, 1)]
    events = heard([*pieces, chunk({}, "tool_calls")])
    first, second = (event for event in events if isinstance(event, Called))
    assert first.id == "same" != second.id
    assert [event.index for event in events if isinstance(event, Arguments)] == [0, 1]
