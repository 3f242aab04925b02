"""Any prompt that Responses can say is read as it was meant, and no body whatever is more than unreadable."""

from __future__ import annotations

import copy
import re
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.dialects.contract import Unreadable
from router.dialects.neutral import (
    Audio,
    Began,
    Called,
    Ended,
    File,
    Image,
    Prompt,
    Said,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from router.dialects.responses import Responses
from tests.dialects.responses.bodies import EVERYTHING, body_of
from tests.dialects.responses.client import sse

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
names = st.text(st.sampled_from("abcXYZ019_-"), min_size=1, max_size=64)
texts = st.builds(Text, words)
images = st.builds(Image, words.map("data:image/png;base64,{}".format), st.sampled_from([None, "low", "high"]))
files = st.builds(File, words.map("data:{}".format), st.none(), st.none() | words) | st.builds(File, id=words)
said = st.lists(texts | images | files | st.builds(Audio, words, words), min_size=1, max_size=3)
results = st.lists(texts | images | files, min_size=1, max_size=2).map(tuple)


def _turn(role: str) -> st.SearchStrategy[Turn]:
    return said.map(lambda parts: Turn(role, tuple(parts)))  # type: ignore[arg-type]


@st.composite
def steps(draw: Any) -> list[Turn]:
    """What the assistant did, and what its tools gave back."""
    thoughts = draw(st.lists(st.builds(Thinking, words), max_size=1))
    spoken = draw(st.lists(texts, max_size=2))
    calls = draw(st.lists(st.builds(ToolCall, words, names, words), max_size=3, unique_by=lambda call: call.id))
    turns = [Turn("assistant", (*thoughts, *spoken, *calls))] if spoken or calls else []
    answers = tuple(ToolResult(call.id, draw(results)) for call in calls)
    return [*turns, Turn("user", answers)] if answers else turns


@st.composite
def conversations(draw: Any) -> tuple[Turn, ...]:
    """Between two steps of the assistant there is always something: otherwise they would be one."""
    turns: list[Turn] = []
    for _ in range(draw(st.integers(1, 3))):
        turns += draw(st.lists(st.sampled_from(["system", "developer", "user"]).flatmap(_turn), min_size=1, max_size=2))
        turns += draw(steps())
    return tuple(turns)


schemas = st.just({"type": "object", "properties": {"a": {"type": "string"}}})
tools = st.builds(Tool, names, st.none() | words, schemas, st.none() | st.booleans())
formats = st.sampled_from([
    None,
    {"type": "json_object"},
    {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
    {"type": "json_schema", "json_schema": {"name": "n", "description": "d", "schema": {}, "strict": True}},
])  # fmt: skip
numbers = st.none() | st.floats(0, 2)


@st.composite
def prompts(draw: Any) -> Prompt:
    offered = tuple(draw(st.lists(tools, max_size=3, unique_by=lambda tool: tool.name)))
    choices = [None, "auto", "none", "required", *(f"={tool.name}" for tool in offered)]
    return Prompt(
        model=draw(words),
        turns=draw(conversations()),
        tools=offered,
        tool_choice=draw(st.sampled_from(choices)) if offered else None,
        parallel_tool_calls=draw(st.none() | st.booleans()) if offered else None,
        stream=draw(st.booleans()),
        max_tokens=draw(st.none() | st.integers(1, 10**6)),
        temperature=draw(numbers),
        top_p=draw(numbers),
        response_format=draw(formats),
        reasoning_effort=draw(st.none() | words),
        other=draw(st.dictionaries(st.sampled_from(["seed", "top_k", "user"]), words, max_size=2)),
    )


@settings(max_examples=60)
@given(prompts())
def test_any_prompt_is_read_as_it_was_meant(prompt: Prompt) -> None:
    body = body_of(prompt)
    before = copy.deepcopy(body)
    assert Responses(body).prompt == prompt
    assert body == before, "the body is never changed"


JUNK: list[Any] = [
    None,
    True,
    -1,
    0.5,
    2**70,
    "",
    "x",
    "\ud83d",
    "message",
    "function",
    [],
    ["x"],
    [[]],
    [{}],
    {},
    {"type": "x"},
]
"""What stands where it should not."""


def places(thing: Any) -> list[tuple[Any, Any]]:
    """Each container within a body with each of its keys."""
    keys = thing if isinstance(thing, dict) else range(len(thing)) if isinstance(thing, list) else ()
    return [(thing, key) for key in keys] + [place for key in keys for place in places(thing[key])]


@st.composite
def spoiled(draw: Any) -> dict[str, Any]:
    """A good body in which a few things are gone, or are something else."""
    body = copy.deepcopy(EVERYTHING)
    for _ in range(draw(st.integers(1, 3))):
        known = places(body)
        holder, key = known[draw(st.integers(0, len(known) - 1))]
        match draw(st.sampled_from(["gone", "junk", "moved"])):
            case "gone":
                del holder[key]
            case "junk":
                holder[key] = draw(st.sampled_from(JUNK))
            case "moved":
                other, name = known[draw(st.integers(0, len(known) - 1))]
                holder[key] = copy.deepcopy(other[name])
    return body


def said_why(unreadable: Unreadable) -> None:
    """A sentence, short enough to be read, that can be sent."""
    assert 10 < len(unreadable.message) < 700
    assert " " in unreadable.message
    orjson.dumps([unreadable.message, unreadable.param, unreadable.code])


@settings(max_examples=200)
@given(spoiled())
def test_whatever_is_sent_is_read_or_refused_with_a_sentence(body: dict[str, Any]) -> None:
    try:
        dialect = Responses(body)
    except Unreadable as unreadable:
        said_why(unreadable)
        return
    sent = [tool.name for tool in dialect.prompt.tools]
    assert len(set(sent)) == len(sent)
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", name) for name in sent)
    assert dialect.prompt.turns
    assert not {"messages", "tools", "stream", "model"} & dialect.prompt.other.keys()
    sse(dialect, [Began("1", "m", 1), Said("a"), *(Called(i, "c", name) for i, name in enumerate(sent)), Ended("stop")])


def test_each_value_of_a_body_may_be_of_a_wrong_type() -> None:
    body = copy.deepcopy(EVERYTHING)
    refused = 0
    for holder, key in places(body):
        good = holder[key]
        for junk in JUNK:
            holder[key] = junk
            try:
                Responses(body)
            except Unreadable as unreadable:
                refused += 1
                said_why(unreadable)
        holder[key] = good
    assert refused > 1000
    assert body == EVERYTHING


def test_what_orjson_cannot_write_is_mended_or_refused() -> None:
    half = Responses({"input": "a\ud83d", "instructions": "\ud83d\ude00", "seed": 2**70}).prompt
    assert half.turns == (Turn("system", (Text("\U0001f600"),)), Turn("user", (Text("a\ufffd"),)))
    assert half.other == {"seed": float(2**70)}
    deep: list[Any] = []
    for _ in range(245):
        deep = [deep]
    with pytest.raises(Unreadable, match="nested too deeply"):
        Responses({"input": "hi", "tools": [{"type": "web_search", "deep": deep}]})
    with pytest.raises(Unreadable, match="too large"):
        Responses({"input": "hi", "temperature": float("inf")})
