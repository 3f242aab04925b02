"""The watcher beside a stream: nothing is lost, nothing delayed, the hidden usage event alone is taken out."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from router.wire.sse import CARRY_LIMIT, StreamWatch, split_events

USAGE = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}


def chunk(text: str, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
    return b"data: " + orjson.dumps({"id": "c", "choices": [choice], "usage": None}) + b"\n\n"


CONTENT = chunk("one") + b": keep-alive\n\n" + chunk('say "usage": {') + chunk("", "stop")
USAGE_EVENT = b"data: " + orjson.dumps({"id": "c", "choices": [], "usage": USAGE}) + b"\n\n"
DONE = b"data: [DONE]\n\n"
STREAM = CONTENT + USAGE_EVENT + DONE


def through(watch: StreamWatch, pieces: list[bytes]) -> bytes:
    return b"".join([*map(watch.feed, pieces), watch.close()])


def test_every_split_point_of_a_stream_gives_the_same_bytes_and_the_same_usage() -> None:
    for cut in range(len(STREAM) + 1):
        for hide, wanted in ((False, STREAM), (True, CONTENT + DONE)):
            watch = StreamWatch(hide)
            assert through(watch, [STREAM[:cut], STREAM[cut:]]) == wanted
            assert watch.usage == USAGE
            assert watch.finish_reason == "stop"


@given(st.lists(st.integers(1, 60), max_size=40), st.sampled_from([b"\n", b"\r\n"]))
def test_any_pieces_and_either_line_end_give_the_same_bytes(sizes: list[int], line_end: bytes) -> None:
    stream = STREAM.replace(b"\n", line_end)
    pieces, at = [], 0
    for size in sizes:
        pieces.append(stream[at : at + size])
        at += size
    pieces.append(stream[at:])
    assert through(StreamWatch(False), pieces) == stream
    hidden = StreamWatch(True)
    assert through(hidden, pieces) == (CONTENT + DONE).replace(b"\n", line_end)
    assert hidden.usage == USAGE


@given(st.lists(st.binary(max_size=80), max_size=20))
def test_arbitrary_bytes_pass_unchanged(pieces: list[bytes]) -> None:
    assert through(StreamWatch(False), pieces) == b"".join(pieces)
    assert through(StreamWatch(True), pieces) == b"".join(pieces)


@given(st.binary(max_size=200))
def test_splitting_into_events_loses_nothing(data: bytes) -> None:
    events, rest = split_events(data)
    assert b"".join(events) + rest == data


def test_a_complete_event_is_never_held_back() -> None:
    watch = StreamWatch(hide_usage=True)
    for event in (chunk("a"), chunk("b"), chunk("", "stop"), DONE):
        assert watch.feed(event) == event


def test_a_usage_event_with_choices_stays_and_is_counted() -> None:
    event = b"data: " + orjson.dumps({"choices": [{"delta": {"content": "x"}}], "usage": USAGE}) + b"\n\n"
    watch = StreamWatch(hide_usage=True)
    assert watch.feed(event) == event
    assert watch.usage == USAGE


def test_an_event_too_long_to_be_usage_is_let_through_before_its_end() -> None:
    watch = StreamWatch(hide_usage=True)
    long = b"data: " + b"x" * (CARRY_LIMIT + 1)
    assert watch.feed(long) == long


def test_usage_of_the_other_dialects_is_found() -> None:
    watch = StreamWatch()
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 7, "output_tokens": 1}}}
    delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
    for event in (start, delta):
        watch.feed(b"event: x\ndata: " + orjson.dumps(event) + b"\n\n")
    assert watch.usage == {"input_tokens": 7, "output_tokens": 9}
    assert watch.finish_reason == "end_turn"
    watch = StreamWatch()
    done = {"type": "response.completed", "response": {"usage": {"input_tokens": 2, "output_tokens": 3}}}
    watch.feed(b"data: " + orjson.dumps(done) + b"\n\n")
    assert watch.usage == {"input_tokens": 2, "output_tokens": 3}
