"""An entry comes out of a store as it went in, in its caller's form; anything else that lies there is a miss."""

from __future__ import annotations

import asyncio
import json
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.cache.entry import MOST, SLICE, SQUEEZED_FROM, Entry, Replayed
from tests.upstream import chat_answer, chat_chunks

CHAT = "/v1/chat/completions"
PLAIN = json.dumps(chat_answer("hello")).encode()
STREAM = b"".join(chat_chunks(["hel", "lo"], usage=True))


@given(st.binary(max_size=3 * SQUEEZED_FROM), st.booleans(), st.floats(0, 1e10))
def test_an_entry_comes_back_as_it_was(body: bytes, stream: bool, stored: float) -> None:
    entry = Entry.loads(Entry(body, stream, stored).dumps())
    assert entry is not None
    assert (entry.body, entry.stream) == (body, stream)
    assert entry.stored == pytest.approx(stored, abs=0.001)


def test_a_large_one_is_compressed_and_a_small_one_is_not() -> None:
    large = b"".join(chat_chunks(["word "] * 200))
    assert len(Entry(large, True, 0).dumps()) < len(large) / 10
    assert PLAIN in Entry(PLAIN, False, 0).dumps()


@given(st.binary(max_size=200))
def test_whatever_else_lies_there_is_no_entry(data: bytes) -> None:
    assert Entry.loads(data) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"v":1}\nx',
        b'{"v":2,"at":0,"stream":false,"zlib":false}\n{}',
        b'{"v":1,"at":0,"stream":false,"zlib":true}\nno zlib',
        b'{"v":1,"at":0,"stream":false,"zlib":true}\n' + zlib.compress(b"x" * 5000)[:-9],
        b'{"v":1,"at":0,"stream":false,"zlib":true}\n' + zlib.compress(bytes(MOST + 1)),
        b'{"v":1,"at":"then","stream":false,"zlib":false}\n{}',
    ],
)
def test_other_versions_damage_and_bombs_are_no_entry(data: bytes) -> None:
    assert Entry.loads(data) is None


def test_a_stream_is_replayed_byte_for_byte() -> None:
    answer = Entry(STREAM, True, 0).answer(CHAT, True)
    assert answer is not None
    assert answer.body == STREAM


def test_each_form_is_made_of_the_other() -> None:
    plain = Entry(STREAM, True, 0).answer(CHAT, False)
    assert plain is not None
    assert json.loads(plain.body) == chat_answer("hello")
    assert (b"content-type", b"application/json") in plain.headers
    stream = Entry(PLAIN, False, 0).answer(CHAT, True)
    assert stream is not None
    assert stream.body.endswith(b"data: [DONE]\n\n")
    assert b'"content":"hello"' in stream.body


def test_other_dialects_are_replayed_in_their_own_form_only() -> None:
    assert Entry(STREAM, True, 0).answer("/v1/messages", False) is None
    assert Entry(PLAIN, False, 0).answer("/v1/responses", True) is None
    assert Entry(PLAIN, False, 0).answer("/v1/responses", False) is not None


@pytest.mark.parametrize(("ago", "age"), [(0, b"0"), (90.5, b"90"), (-60, b"0")])
def test_the_age_is_told_in_whole_seconds_and_never_below_zero(ago: float, age: bytes) -> None:
    answer = Entry(PLAIN, False, time.time() - ago).answer(CHAT, False)
    assert answer is not None
    assert (b"age", age) in answer.headers


def test_a_client_that_takes_no_more_is_waited_for() -> None:
    body, taken, waits = bytes(3 * SLICE + 5), [], []

    async def wait() -> None:
        waits.append(len(taken))

    asyncio.run(Replayed(body).pipe(taken.append, wait))
    assert b"".join(taken) == body
    assert waits == [1, 2, 3, 4]
