"""From when on an answer counts."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.attempts.accept import Judge
from router.attempts.failure import CONTEXT
from router.attempts.opening import HELD, Opening
from router.backends.contract import BackendError


def event(**data: Any) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def delta(finish: str | None = None, **said: Any) -> bytes:
    return event(choices=[{"index": 0, "delta": said, "finish_reason": finish}])


SILENT = [
    b": keepalive\n\n",
    b"\n\n",
    b"event: ping\ndata: {}\n\n"[:0] + event(type="ping"),
    event(choices=[]),
    event(choices=[], prompt_filter_results=[]),
    delta(role="assistant", content=""),
    delta(role="assistant", content=None),
    delta(),
    event(type="message_start", message={"role": "assistant", "content": []}),
    event(type="content_block_start", index=0, content_block={"type": "text", "text": ""}),
    event(type="response.created", response={}),
    event(type="response.in_progress", response={}),
]
CONTENT = [
    delta(content="h"),
    delta(content=" "),
    delta(reasoning_content="hm"),
    delta(reasoning="hm"),
    delta(tool_calls=[{"index": 0, "function": {"name": "read"}}]),
    delta(refusal="no"),
    event(choices=[{"index": 0, "text": "h"}]),
    event(type="content_block_start", index=0, content_block={"type": "tool_use", "name": "read"}),
    event(type="content_block_delta", delta={"type": "text_delta", "text": "h"}),
    event(type="response.output_text.delta", delta="h"),
    event(something="new"),
]


@pytest.mark.parametrize("silence", SILENT)
@pytest.mark.parametrize("content", CONTENT)
def test_a_stream_counts_from_its_first_content(silence: bytes, content: bytes) -> None:
    opening = Opening()
    assert not opening.feed(silence)
    assert opening.feed(content)


@given(st.lists(st.integers(1, 400), max_size=20))
def test_however_it_is_cut_into_pieces(cuts: list[int]) -> None:
    whole = b"".join(SILENT) + delta(content="h")
    opening, at, opened = Opening(), 0, False
    for cut in [*cuts, len(whole)]:
        opened = opened or opening.feed(whole[at : at + cut])
        assert opened == (at + cut >= len(whole) and at < len(whole)) or opened
        at += cut
    assert opened


def test_what_says_nothing_for_ever_is_held_back_within_bounds() -> None:
    opening, fed = Opening(), 0
    while not opening.feed(b": x\n\n" * 1000):
        fed += 5000
        assert fed <= HELD


@pytest.mark.parametrize(
    ("sent", "reason", "status"),
    [
        (event(error={"message": "overloaded", "code": 503}), "broken", 503),
        (event(error={"message": "rate limited", "code": 429}), "broken", 429),
        (event(error="went wrong"), "broken", 502),
        (event(type="error", error={"type": "overloaded_error", "message": "x"}), "broken", 529),
        (event(type="error", error={"type": "invalid_request_error", "message": "x"}), "refused", 400),
        (event(type="response.failed", response={"error": {"message": "x"}}), "broken", 502),
        (event(error={"message": "no such parameter", "code": 400}), "refused", 400),
        (b"data: hello\n\n", "malformed", 502),
        (b"data: [1]\n\n", "malformed", 502),
    ],
)
def test_a_fault_told_before_any_content_is_a_failure(sent: bytes, reason: str, status: int) -> None:
    with pytest.raises(BackendError) as error:
        Opening().feed(sent)
    assert (error.value.reason, error.value.status) == (reason, status)


def nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize("depth", [300, 600])
def test_an_error_nested_deeper_than_can_be_written_is_told_all_the_same(depth: int) -> None:
    error = {"message": "overloaded", "code": 503, "details": nested(depth)}
    with pytest.raises(BackendError) as told:
        Opening().feed(event(error=error))
    assert (told.value.reason, told.value.message, told.value.status) == ("broken", "overloaded", 503)
    with pytest.raises(BackendError) as told:
        plain(json.dumps({"error": {**error, "message": "prompt is too long"}}).encode())
    assert told.value.code == CONTEXT


def test_what_nobody_thought_of_is_the_answers_own_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = b'data: {"error": {"message": ' + b"[" * 990 + b"]" * 990 + b"}}\n\n"
    for sent in (event(type=[]), event(type={}, choices=None), deep):
        with pytest.raises(BackendError) as told:
            Opening().feed(sent)
        assert told.value.reason == "malformed"
    with pytest.raises(BackendError, match="its answer cannot be read"):
        end(event(type=[]), Judge(["code"], {}, ()))

    async def broken(*_: object) -> None:
        raise RuntimeError("words of the answer")

    for name in ("plain", "stream"):
        monkeypatch.setattr(Judge, name, broken)
    with pytest.raises(BackendError, match="its answer cannot be read"):
        plain(b"{}", judge=Judge(["not_empty"], {}, ()))
    with pytest.raises(BackendError, match="its answer cannot be read"):
        end(b"data: [DONE]\n\n", Judge(["not_empty"], {}, ()))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 999) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "delta", "error", "message", "code", "status", "type", "response", "content_block", "text"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["choices", "error", "type", "response", "content_block"]), json_values))
def test_whatever_is_sent_raises_nothing_else(chunk: Any) -> None:
    sent = json.dumps(chunk).encode()
    for judge in (None, Judge(["not_empty", "code", "tools", "json"], {}, TOOLS)):
        with suppress(BackendError):
            plain(sent, judge=judge)
        with suppress(BackendError):
            Opening(judge).feed(b"data: " + sent + b"\n\n")
        with suppress(BackendError):
            asyncio.run(Opening(judge).end(b"data: " + sent))


def test_a_prompt_too_long_may_be_told_with_status_200() -> None:
    with pytest.raises(BackendError) as error:
        Opening().feed(event(error={"message": "Context size has been exceeded."}))
    assert error.value.code == CONTEXT


def end(held: bytes, judge: Judge | None = None) -> None:
    opening = Opening(judge)
    assert not opening.feed(held)
    asyncio.run(opening.end(held))


def test_an_event_in_thousands_of_pieces_takes_no_longer() -> None:
    opening, began = Opening(), time.thread_time()
    for piece in [b"data: ", *[b"x"] * 100_000]:
        assert not opening.feed(piece)
    assert time.thread_time() - began < 5


@pytest.mark.parametrize(
    "said",
    [delta(content="[DONE]"), delta(content="data: [DONE]"), delta(content="a\ndata: [DONE]\n\n"), b": [DONE]\n\n"],
)
def test_words_are_not_the_end_of_a_stream(said: bytes) -> None:
    with pytest.raises(BackendError, match=r"the stream ended (before its end|without a word)"):
        end(said, Judge(["code"], {}, ()))
    with pytest.raises(BackendError, match="without a word"):
        end(delta(role="data: [DONE]") + event(choices=[], model="[DONE]") + b"event: [DONE]\n\n")
    with pytest.raises(BackendError, match="no JSON"):
        end(b"data: x [DONE]\n\n", Judge(["code"], {}, ()))


def test_an_empty_answer_that_ended_properly_counts() -> None:
    end(delta(role="assistant", content="") + delta("stop") + b"data: [DONE]\n\n")
    end(b"data: [DONE]\n\n")


@pytest.mark.parametrize("held", [b"", b": hm\n\n", delta(role="assistant", content="")])
def test_a_stream_that_ends_without_a_word_and_without_an_end_is_a_failure(held: bytes) -> None:
    with pytest.raises(BackendError, match="without a word"):
        end(held)


def plain(body: bytes, kind: bytes = b"application/json", judge: Judge | None = None) -> Any:
    return asyncio.run(Opening(judge).plain(body, kind))


def test_a_plain_answer_is_parsed_once() -> None:
    assert plain(b' {"choices": []}\n') == {"choices": []}
    assert plain(b"{" + b" " * 70_000 + b"}") is None, "a large one is only looked at from outside"


def test_white_space_before_an_answer_that_was_slow_to_come_is_none_of_it() -> None:
    assert plain(b"\n" * 70_000 + b'{"choices": []}\r\n') == {"choices": []}
    assert plain(b" \n" * 40_000 + b"{" + b" " * 70_000 + b"}\n") is None
    with pytest.raises(BackendError) as error:
        plain(b" " * 70_000 + b'{"error": {"message": "no credits", "code": 402}}')
    assert error.value.status == 402


@pytest.mark.parametrize(
    "body", [b"", b"<html>busy</html>", b'{"choices": [', b"[]", b"null", b"x" * 70_000, b"{" + b"x" * 70_000]
)
def test_a_plain_answer_that_is_not_what_it_claims_is_a_failure(body: bytes) -> None:
    with pytest.raises(BackendError) as error:
        plain(body, b"text/html; charset=utf-8")
    assert error.value.reason == "malformed"
    assert "text/html that is no JSON object" in error.value.message


def test_an_error_told_with_status_200_is_a_failure() -> None:
    with pytest.raises(BackendError) as error:
        plain(b'{"error": {"message": "no credits", "code": 402}}')
    assert (error.value.reason, error.value.status) == ("refused", 402)
    assert plain(b'{"error": null, "choices": []}') is not None, "OpenAI's own answers have an empty one"


# -- what is asked of it ----------------------------------------------------------------------------------------------

TOOLS = ("read", "write")


def called(name: str, arguments: str) -> bytes:
    return delta(
        tool_calls=[{"index": 0, "id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}]
    )


def test_only_what_must_be_judged_is_held_back() -> None:
    for wanted, data, tools, holds in (
        (["tools"], {}, TOOLS, True),
        (["tools"], {}, (), False),
        (["json"], {"response_format": {"type": "json_object"}}, (), True),
        (["json"], {}, TOOLS, False),
        (["code"], {}, (), True),
        (["not_empty"], {}, TOOLS, False),
    ):
        opening = Opening(Judge(wanted, data, tools))  # type: ignore[arg-type]
        assert opening.feed(delta(content="h")) is not holds, wanted


def test_blank_words_do_not_count_where_words_are_wanted() -> None:
    opening = Opening(Judge(["not_empty"], {}, ()))
    assert not opening.feed(delta(content="\n "))
    assert opening.feed(delta(content="h"))
    with pytest.raises(BackendError, match="empty"):
        end(delta(content=" ") + delta("stop"), Judge(["not_empty"], {}, ()))


def test_a_stream_that_is_held_back_whole_is_judged_at_its_end() -> None:
    good = (
        delta(content="I read.")
        + called("read", '{"path"')
        + delta(tool_calls=[{"index": 0, "function": {"arguments": ': "a"}'}}])
    )
    end(good + delta("tool_calls") + b"data: [DONE]\n\n", Judge(["tools"], {}, TOOLS))
    with pytest.raises(BackendError) as error:
        end(called("read", '{"path": ') + delta("tool_calls"), Judge(["tools"], {}, TOOLS))
    assert (error.value.reason, error.value.message) == ("rejected", "the arguments of read are no JSON")


def test_a_stream_that_is_held_back_and_breaks_off_is_a_failure_unseen() -> None:
    with pytest.raises(BackendError, match="before its end"):
        end(delta(content="Let me"), Judge(["tools"], {}, TOOLS))
    with pytest.raises(BackendError) as error:
        end(event(error={"message": "overloaded", "code": 503}), Judge(["tools"], {}, TOOLS))
    assert error.value.status == 503
