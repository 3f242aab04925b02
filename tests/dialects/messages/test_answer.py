"""Streams of Messages: exact to the byte, and to Anthropic's own SDK the very message that the whole answer is."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.dialects.messages import Messages
from router.dialects.neutral import Arguments, Began, Called, Ended, Event, Failed, Refused, Said, Thought, Usage, Used
from tests.dialects.messages.courses import BODY, COURSES, FAILURES, GOLDEN, streamed
from tests.dialects.messages.sdk import error, read_whole, snapshot

CUT_ARGUMENTS = "call cut by length"
"""Of this one the SDK's stream has what came of the arguments; as one object they must be wrapped."""


@pytest.mark.parametrize("name", COURSES | FAILURES)
def test_the_bytes_of_each_stream_are_the_golden_ones(name: str) -> None:
    assert b"".join(streamed((COURSES | FAILURES)[name])) == (GOLDEN / f"{name}.sse").read_bytes()


@pytest.mark.parametrize("name", [name for name in COURSES if name != CUT_ARGUMENTS])
def test_a_stream_adds_up_to_the_whole_answer(name: str) -> None:
    whole = Messages(BODY).whole(COURSES[name])
    added_up, seen = snapshot(b"".join(streamed(COURSES[name])))
    assert added_up == whole == read_whole(orjson.dumps(whole))
    assert seen[-1] == "message_stop"


@pytest.mark.parametrize("name", COURSES)
def test_a_cut_after_any_event_never_looks_like_a_finished_message(name: str) -> None:
    pieces = streamed(COURSES[name])
    for count in range(len(pieces)):
        message, seen = snapshot(b"".join(pieces[:count]))
        assert "message_stop" not in seen
        assert message is None or message["stop_reason"] is None


def test_a_cut_between_any_two_bytes_never_looks_finished_either() -> None:
    stream = b"".join(streamed(COURSES["call"]))
    for at in range(0, stream.rindex(b"event: message_delta") + 40, 17):
        message, seen = snapshot(stream[:at])
        assert "message_stop" not in seen
        assert message is None or message["stop_reason"] is None


def blocks_of(stream: bytes) -> list[tuple[str, int]]:
    """(what happens, to which block) of a stream."""
    told = [orjson.loads(event.partition(b"data: ")[2]) for event in stream.split(b"\n\n") if event]
    return [(each["type"], each["index"]) for each in told if "index" in each]


def in_order(steps: list[tuple[str, int]]) -> bool:
    """Each block starts, goes on and stops before the next one starts; their numbers have no gap."""
    at, is_open = -1, False
    for what, index in steps:
        if what == "content_block_start":
            if is_open or index != at + 1:
                return False
            at, is_open = index, True
        elif not is_open or index != at:
            return False
        elif what == "content_block_stop":
            is_open = False
    return not is_open


def test_calls_that_come_one_after_the_other_lose_nothing_of_their_streaming() -> None:
    for piece, event in zip(streamed(COURSES["two calls"]), COURSES["two calls"], strict=True):
        if isinstance(event, Arguments):
            assert orjson.dumps({"partial_json": event.text})[1:-1] in piece


@pytest.mark.parametrize(
    ("first", "is_over"),
    [
        (['{"a": "}', '"}'], True),
        (['{"a": "\\', '"}"', "}"], True),
        (['{"a": "\\\\"', "}"], True),
        ([" ", '{"a": {"b": [{}]}', "}"], True),
        (['{"a": {}'], False),
        (['{"a": "\\"}'], False),
        (['{"a": "\\', '"}'], False),
        (['[{"a": 1}]'], False),
        (['"{}"'], False),
        (["}{"], False),
        ([], False),
    ],
)
def test_a_call_is_over_when_its_object_is(first: list[str], is_over: bool) -> None:
    began: list[Event] = [Began("i", "m", 1), Called(0, "a", "f"), *(Arguments(0, piece) for piece in first)]
    pieces = streamed([*began, Called(1, "b", "g"), Ended("tool_calls")])
    assert (b'"name":"g"' in pieces[-2]) is is_over
    assert in_order(blocks_of(b"".join(pieces)))


@pytest.mark.parametrize("late", ['{"b": 2}', "}", "oops"])
def test_nothing_follows_a_whole_object(late: str) -> None:
    call = [Began("i", "m", 1), Called(0, "a", "f"), Arguments(0, '{"a": 1}'), Arguments(0, late), Ended("tool_calls")]
    message, _ = snapshot(b"".join(streamed(call)))
    assert message == Messages(BODY).whole(call)
    assert message["content"][0]["input"] == {"a": 1}


def test_nothing_is_written_after_the_end_or_a_fault() -> None:
    for last in (Ended("stop"), Failed("x", 500)):
        assert streamed([Began("i", "m", 1), last, Said("more"), Ended("stop")])[2:] == [b"", b""]


def test_ids_of_the_backend_come_as_they_are_and_missing_ones_are_made() -> None:
    whole = Messages(BODY).whole([Began("chatcmpl-7", "m", 1), Called(0, "", "f"), Ended("tool_calls")])
    assert whole["id"] == "chatcmpl-7"
    assert whole["content"][0]["id"].startswith("toolu_")
    assert Messages(BODY).whole([Began("", "m", 1), Ended("stop")])["id"].startswith("msg_")


def test_the_model_is_called_what_the_client_called_it() -> None:
    answer = [Began("i", "backend's own", 1), Ended("stop")]
    assert Messages({**BODY, "model": "claude-x"}).whole(answer)["model"] == "claude-x"
    assert Messages({"messages": BODY["messages"]}).whole(answer)["model"] == "backend's own"


@pytest.mark.parametrize("arguments", ["{", "[1]", "null", '"x"', '{"a": 1}}', "rm -rf"])
def test_arguments_that_are_no_object_are_kept_where_no_tool_takes_them_for_its_own(arguments: str) -> None:
    call = [Began("i", "m", 1), Called(0, "a", "f"), Arguments(0, arguments), Ended("tool_calls")]
    assert Messages(BODY).whole(call)["content"][0]["input"] == {"INVALID_JSON": arguments}


PING = b'event: ping\ndata: {"type":"ping"}\n\n'
THOUGHT = [Began("i", "m", 1), Thought("hm"), Thought("so"), Said("a"), Ended("stop")]


def test_thoughts_may_be_told_without_their_text() -> None:
    body = {**BODY, "thinking": {"type": "adaptive", "display": "omitted"}}
    whole = Messages(body).whole(THOUGHT)
    assert whole["content"][0] == {"type": "thinking", "thinking": "", "signature": "signalbox"}
    stream = b"".join(streamed(THOUGHT, body))
    assert b"hm" not in stream and stream.count(PING) == 2
    assert snapshot(stream)[0] == whole


def test_who_wants_no_thoughts_gets_pings_instead() -> None:
    body = {**BODY, "thinking": {"type": "disabled"}}
    assert [block["type"] for block in Messages(body).whole(THOUGHT)["content"]] == ["text"]
    pieces = streamed(THOUGHT, body)
    assert pieces[1:3] == [PING, PING]
    assert snapshot(b"".join(pieces))[0] == Messages(body).whole(THOUGHT)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (418, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_errors_have_the_types_that_belong_to_their_status(status: int, kind: str) -> None:
    failed = Failed("why", status)
    whole = Messages(BODY).error(failed)
    assert whole == {"type": "error", "error": {"type": kind, "message": "why"}}
    raised = error(orjson.dumps(whole), status)
    assert raised.status_code == status
    within = error(b"".join(streamed([Began("i", "m", 1), failed])), 200, "text/event-stream")
    assert within.body == whole


def test_a_full_context_is_told_in_the_words_that_clients_look_for() -> None:
    message = Messages(BODY).error(Failed("full", 400, "context_length_exceeded"))["error"]["message"]
    assert message == "prompt is too long: full"


# -- round trip ---------------------------------------------------------------------------------------------------

TEXTS = st.text(max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=3)


@st.composite
def split(draw: st.DrawFn, text: str) -> list[str]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """Any order that is legal: calls begin in the order of their numbers, their arguments come in any mixture."""
    waiting: dict[int, list[str]] = {}
    events: list[Event] = [Began(draw(st.text("ab1_", min_size=1, max_size=5)), draw(TEXTS), 1)]
    calls = draw(st.integers(0, 3))
    begun = 0
    for _ in range(draw(st.integers(0, 14))):
        kind = draw(st.sampled_from(["said", "thought", "refused", "call", "arguments", "arguments"]))
        if kind == "call" and begun < calls:
            given = draw(OBJECTS)
            waiting[begun] = [*draw(split(orjson.dumps(given).decode())), *draw(st.sampled_from([[], [" \n"]]))]
            events.append(Called(begun, f"c{begun}", draw(st.text("xyz", min_size=1, max_size=4))))
            begun += 1
        elif kind == "arguments" and waiting:
            index = draw(st.sampled_from(sorted(waiting)))
            events.append(Arguments(index, waiting[index].pop(0)))
            if not waiting[index]:
                del waiting[index]
        elif kind in ("said", "thought", "refused"):
            said = {"said": Said, "thought": Thought, "refused": Refused}[kind]
            events.append(said(draw(TEXTS)))
    events += [Arguments(index, piece) for index, left in waiting.items() for piece in left]
    if draw(st.booleans()):
        cached, written = draw(st.integers(0, 9)), draw(st.integers(0, 9))
        events.append(Used(Usage(cached + written + draw(st.integers(0, 9)), draw(st.integers(0, 9)), cached, written)))
    reason = draw(st.sampled_from(["stop", "length", "tool_calls", "content_filter"]))
    return [*events, Ended(reason, draw(st.none() | st.just("END")))]


def normal(events: list[Event]) -> list[tuple[Any, ...]]:
    """The blocks that events speak of, in the order in which they begin."""
    blocks: list[list[Any]] = []
    calls: dict[int, list[Any]] = {}
    for event in events:
        if isinstance(event, Said | Refused | Thought) and event.text:
            kind = "thought" if isinstance(event, Thought) else "said"
            if not blocks or blocks[-1][0] != kind:
                blocks.append([kind, ""])
            blocks[-1][1] += event.text
        elif isinstance(event, Called):
            calls[event.index] = ["called", event.id, event.name, ""]
            blocks.append(calls[event.index])
        elif isinstance(event, Arguments):
            calls[event.index][3] += event.text
    for call in calls.values():
        call[3] = orjson.loads(call[3])
    return [tuple(block) for block in blocks] or [("said", "")]


def back(message: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The same of a message."""
    read = {
        "text": lambda block: ("said", block["text"]),
        "thinking": lambda block: ("thought", block["thinking"]),
        "tool_use": lambda block: ("called", block["id"], block["name"], block["input"]),
    }
    return [read[block["type"]](block) for block in message["content"]]


@settings(max_examples=100, deadline=None)
@given(events=answers())
def test_whatever_an_answer_says_comes_back_out_of_the_sdk(events: list[Event]) -> None:
    pieces = streamed(events)
    assert in_order(blocks_of(b"".join(pieces)))
    message, _ = snapshot(b"".join(pieces))
    assert message is not None
    assert back(message) == normal(events)
    assert message == Messages(BODY).whole(events)
    assert message["id"] == events[0].id
    used = next((event.usage for event in events if isinstance(event, Used)), Usage(0, 0, 0, 0))
    usage = message["usage"]
    assert usage["input_tokens"] + usage["cache_read_input_tokens"] + usage["cache_creation_input_tokens"] == used.input
    assert usage["output_tokens"] == used.output
    assert (message["stop_reason"] == "stop_sequence") == (message["stop_sequence"] is not None)
    for count in range(len(pieces)):
        assert b'"message_stop"' not in b"".join(pieces[:count])
