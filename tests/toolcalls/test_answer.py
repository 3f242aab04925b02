from __future__ import annotations

import asyncio
import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.backends.contract import Answer, Call, Events, Plain
from router.cache.forms import as_whole
from router.toolcalls.answer import mended
from router.wire.sse import event_data, split_events
from tests.toolcalls.samples import CALLS, NO_CALLS, TOOLS
from tests.upstream import chat_answer, chat_chunks

ASKED = {"messages": [], "tools": TOOLS}


def call(**changed: Any) -> Call:
    return Call("/v1/chat/completions", b"", {**ASKED, **changed})


def plain(answer: dict[str, Any], asked: Call) -> bytes:
    return asyncio.run(mended(Plain(json.dumps(answer).encode()), asked).read())


def stream(pieces: list[bytes], asked: Call) -> bytes:
    async def come() -> Any:
        for piece in pieces:
            yield piece

    async def go() -> bytes:
        out: list[bytes] = []
        await mended(Events(come(), lambda: None), asked).pipe(out.append)
        return b"".join(out)

    return asyncio.run(go())


def cut(text: str, sizes: list[int]) -> list[str]:
    pieces = []
    for size in sizes:
        pieces.append(text[:size])
        text = text[size:]
    return [piece for piece in [*pieces, text] if piece]


@pytest.mark.parametrize("kind", CALLS)
def test_a_call_in_a_plain_answer_becomes_one(kind: str) -> None:
    wrapper, text, arguments = CALLS[kind]
    asked = call()
    answer = json.loads(plain({**chat_answer(text), "odd": 1}, asked))
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert [json.loads(each["function"]["arguments"]) for each in choice["message"]["tool_calls"]] == arguments
    assert len({each["id"] for each in choice["message"]["tool_calls"]}) == len(arguments)
    assert answer["x_signalbox"]["repaired"] == asked.repaired
    assert asked.repaired[0] == f"tool_call:{wrapper}"
    assert answer["odd"] == 1 and answer["usage"] == chat_answer()["usage"]


@pytest.mark.parametrize("kind", NO_CALLS)
def test_an_answer_without_a_call_is_the_same_bytes(kind: str) -> None:
    asked = call()
    answer = chat_answer(NO_CALLS[kind])
    assert plain(answer, asked) == json.dumps(answer).encode()
    assert asked.repaired == []


@pytest.mark.parametrize(
    "changed",
    [{"tools": None}, {"tools": []}, {"tool_choice": "none"}, {"n": 2}],
    ids=lambda changed: str(changed)[:20],
)
def test_without_offered_tools_nothing_is_looked_at(changed: dict[str, Any]) -> None:
    answer = Plain(b"{}")
    assert mended(answer, call(**changed)) is answer
    assert mended(answer, call(), wanted=False) is answer


TOLD_AS_JSON = {
    "llama": '{"name": "read", "parameters": {"path": "a.py"}}',
    "fenced": '```json\n{"name": "read", "arguments": {"path": "a.py"}}\n```',
}


@pytest.mark.parametrize("form", ["json_object", "json_schema"])
def test_where_json_is_asked_for_json_is_the_answer_and_no_call(form: str) -> None:
    wanted = {"response_format": {"type": form}}
    for kind in ("llama", "fenced"):
        text = TOLD_AS_JSON[kind]
        answer = chat_answer(text)
        assert plain(answer, call(**wanted)) == json.dumps(answer).encode()
        assert plain(answer, call()) != json.dumps(answer).encode()
    marked = chat_answer(CALLS["hermes"][1])
    assert plain(marked, call(**wanted)) != json.dumps(marked).encode()  # a wrapper of its own is no JSON


def test_what_is_repaired_of_one_answer_is_bounded_however_many_its_calls_are() -> None:
    broken = "{path: " + json.dumps("a" * 20_000) + "}"
    answer = chat_answer("")
    calls = [{"id": f"c{n}", "type": "function", "function": {"name": "read", "arguments": broken}} for n in range(9)]
    answer["choices"][0]["message"] = {"role": "assistant", "content": None, "tool_calls": calls}
    told = json.loads(plain(answer, call()))["choices"][0]["message"]["tool_calls"]
    assert [each["function"]["arguments"] == broken for each in told] == [False] + [True] * 8


def test_an_answer_that_was_cut_off_is_left_alone() -> None:
    answer = chat_answer(CALLS["hermes without its end"][1])
    answer["choices"][0]["finish_reason"] = "length"
    assert plain(answer, call()) == json.dumps(answer).encode()


def test_the_thoughts_of_a_model_are_not_looked_at() -> None:
    answer = chat_answer("Fine.")
    answer["choices"][0]["message"]["reasoning_content"] = CALLS["hermes"][1]
    assert plain(answer, call()) == json.dumps(answer).encode()


def test_broken_arguments_of_a_real_call_are_repaired_and_marked() -> None:
    answer = chat_answer("")
    function = {"name": "read", "arguments": "{'path': 'a.py',}"}
    answer["choices"][0]["message"] = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "type": "function", "function": function}],
    }
    asked = call()
    told = json.loads(plain(answer, asked))
    (made,) = told["choices"][0]["message"]["tool_calls"]
    assert made == {"id": "c1", "type": "function", "function": {"name": "read", "arguments": '{"path": "a.py"}'}}
    assert told["x_signalbox"] == {"repaired": ["arguments"]}
    assert asked.repaired == ["arguments"]


SIZES = st.lists(st.integers(1, 12), max_size=30)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(CALLS)), st.sampled_from(["", "Let me look.\n"]), SIZES, SIZES)
def test_a_call_in_a_stream_becomes_one_however_it_is_cut(
    kind: str, before: str, text_sizes: list[int], byte_sizes: list[int]
) -> None:
    wrapper, text, arguments = CALLS[kind]
    if wrapper in ("json", "fence", "pythonic"):
        before = ""
    events = chat_chunks(cut(before + text, text_sizes), usage=True)
    pieces, raw = [], b"".join(events)
    for size in byte_sizes:
        pieces.append(raw[: size * 9])
        raw = raw[size * 9 :]
    asked = call()
    out = stream([*pieces, raw], asked)
    chunks = [orjson.loads(data) for event in split_events(out)[0] if (data := event_data(event)).startswith(b"{")]
    whole = as_whole(out)
    assert whole is not None
    answer = json.loads(whole)
    (choice,) = answer["choices"]
    said = choice["message"].get("content") or ""
    assert said.strip() == before.strip() and said.startswith(before)
    assert [json.loads(each["function"]["arguments"]) for each in choice["message"]["tool_calls"]] == arguments
    assert choice["finish_reason"] == "tool_calls"
    assert asked.repaired[0] == f"tool_call:{wrapper}"
    assert [chunk["x_signalbox"]["repaired"] for chunk in chunks if "x_signalbox" in chunk] == [asked.repaired] * 2
    assert {chunk["id"] for chunk in chunks} == {"chatcmpl-1"}
    assert chunks[-1]["usage"] == chat_answer()["usage"]
    assert out.endswith(b"data: [DONE]\n\n")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(NO_CALLS)), SIZES, SIZES)
def test_a_stream_without_a_call_is_the_same_bytes(kind: str, text_sizes: list[int], byte_sizes: list[int]) -> None:
    raw = whole = b": hello\n\n" + b"".join(chat_chunks(cut(NO_CALLS[kind], text_sizes), usage=True))
    pieces = []
    for size in byte_sizes:
        pieces.append(raw[:size])
        raw = raw[size:]
    assert stream([*pieces, raw], call()) == whole


def fragments(pieces: list[str]) -> list[bytes]:
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "Well."}]
    first = {"index": 0, "id": "c1", "type": "function", "function": {"name": "read", "arguments": ""}}
    deltas.append({"tool_calls": [first]})
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
    chunks = [{**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    return [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks] + [b"data: [DONE]\n\n"]


@settings(max_examples=60, deadline=None)
@given(SIZES)
def test_arguments_of_a_stream_that_are_json_are_the_same_bytes(sizes: list[int]) -> None:
    events = fragments(cut('{"path": "a.py", "more": [1, 2]}', sizes))
    assert stream(events, call()) == b"".join(events)


@settings(max_examples=60, deadline=None)
@given(SIZES)
def test_broken_arguments_of_a_stream_are_repaired_however_they_are_cut(sizes: list[int]) -> None:
    asked = call()
    whole = as_whole(stream(fragments(cut("{'path': 'a.py', more: [1, 2,]}", sizes)), asked))
    assert whole is not None
    (choice,) = json.loads(whole)["choices"]
    assert choice["message"]["content"] == "Well."
    (made,) = choice["message"]["tool_calls"]
    assert made["id"] == "c1" and json.loads(made["function"]["arguments"]) == {"path": "a.py", "more": [1, 2]}
    assert asked.repaired == ["arguments"]


def test_text_is_sent_on_at_once_and_so_is_what_proves_to_be_none() -> None:
    out: list[bytes] = []

    class Slow(Answer):
        headers = [(b"content-type", b"text/event-stream")]  # noqa: RUF012

        async def read(self) -> bytes:
            raise AssertionError

        async def pipe(self, sink: Any, ready: Any = None) -> None:
            role, one, two, three, *rest = chat_chunks(["a <", "b <tool_", "bar>"])
            seen = []
            for event in (role, one, two, three):
                sink(event)
                seen.append(b"".join(out))
            assert seen[0] == role
            assert seen[1] == role  # `<` may be the beginning of a mark
            assert seen[2] == role + one
            assert seen[3] == role + one + two + three
            for event in rest:
                sink(event)

        def abort(self) -> None:
            return None

    asyncio.run(mended(Slow(), call()).pipe(out.append))
    assert b"[DONE]" in b"".join(out)


def test_a_call_that_is_too_long_is_sent_on_as_it_came() -> None:
    events = chat_chunks(['<tool_call>{"name": "read", "arguments": {"a": "', *(["x" * 9000] * 130), '"}}</tool_call>'])
    asked = call()
    assert stream(events, asked) == b"".join(events)
    assert asked.repaired == []
