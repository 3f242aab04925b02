"""What an answer must satisfy before it counts."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.attempts.accept import Judge, judge_for
from router.attempts.fitting import fault_by

TOOLS = ("read", "write")


def fault(
    wanted: str, message: dict[str, Any], data: dict[str, Any] | None = None, tools: tuple[str, ...] = ()
) -> str | None:
    answer = {"choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}]}
    return asyncio.run(Judge([wanted], data or {}, tools).plain(json.dumps(answer).encode()))  # type: ignore[list-item]


def call(name: str = "read", arguments: Any = "{}") -> dict[str, Any]:
    return {
        "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}],
    }


def test_tool_calls_must_name_an_offered_tool_and_parse() -> None:
    assert fault("tools", call(), tools=TOOLS) is None
    assert fault("tools", call(arguments=""), tools=TOOLS) is None
    assert fault("tools", call("rm"), tools=TOOLS) == "calls 'rm', a tool that was not offered"
    assert fault("tools", call(arguments='{"path": "a'), tools=TOOLS) == "the arguments of read are no JSON"
    assert fault("tools", call(arguments="[1]"), tools=TOOLS) == "the arguments of read are no object"
    assert fault("tools", {"content": "no need"}, tools=TOOLS) is None


@pytest.mark.parametrize(
    "text", ['<tool_call>\n{"name": "read"}', "<function=read>", '[TOOL_CALLS][{"name"', "<|python_tag|>read()"]
)
def test_a_call_that_leaked_into_the_text_is_none(text: str) -> None:
    assert fault("tools", {"content": text}, tools=TOOLS) == "a tool call stands in the text"
    assert fault("tools", {"content": text}) is None, "where no tools were offered it is only text"


def test_a_tool_that_was_required_must_be_called() -> None:
    for choice in ("required", {"type": "function", "function": {"name": "read"}}):
        assert fault("tools", {"content": "no"}, {"tool_choice": choice}, TOOLS) is not None
        assert fault("tools", call(), {"tool_choice": choice}, TOOLS) is None


SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "pattern": "^[a-z]+$"}, "age": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}
ASKED = {"response_format": {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}}


def test_json_must_parse_and_fit_the_schema_that_was_asked_for() -> None:
    assert fault("json", {"content": '{"name": "ada", "age": 36}'}, ASKED) is None
    assert fault("json", {"content": "Sure! {}"}, ASKED) == "the answer is no JSON"
    assert (
        fault("json", {"content": '{"name": "ada", "age": "old"}'}, ASKED)
        == "the answer does not fit the schema at $.age"
    )
    assert fault("json", {"content": '{"name": "ADA"}'}, ASKED) == "the answer does not fit the schema at $.name"
    assert fault("json", {"content": '{"age": 3}'}, ASKED) == "the answer does not fit the schema at $"
    loose = {"response_format": {"type": "json_object"}}
    assert fault("json", {"content": '{"a": 1}'}, loose) is None
    assert fault("json", {"content": "[1]"}, loose) == "the answer is no JSON object"
    assert fault("json", {"content": "hello"}) is None, "none was asked for"


def test_code_must_parse_where_there_is_some() -> None:
    assert fault("code", {"content": "no code"}) is None
    assert fault("code", {"content": "```python\nx = 1\n```\nand\n```py\nprint(x)\n```"}) is None
    assert fault("code", {"content": "1. so:\n   ```python\n   def f():\n       return 1\n   ```"}) is None
    assert fault("code", {"content": "```python\ndef f(:\n```"}) == "a block of Python does not parse"
    assert fault("code", {"content": "```python\ndef f():\n    return (1,"}) == "a block of Python does not parse"
    assert fault("code", {"content": '```json\n{"a": }\n```'}) == "a block of JSON does not parse"
    assert fault("code", {"content": "```rust\nfn main( {\n```"}) is None, "nobody here reads Rust"


def test_an_empty_answer_is_none() -> None:
    assert fault("not_empty", {"content": " \n"}) == "the answer is empty"
    assert fault("not_empty", {"content": None}) == "the answer is empty"
    assert fault("not_empty", call()) is None
    assert fault("not_empty", {"content": "x"}) is None


def test_a_completion_is_judged_by_its_text() -> None:
    judge = Judge(["not_empty"], {}, ())
    assert asyncio.run(judge.plain(b'{"choices": [{"text": ""}]}')) == "the answer is empty"
    assert asyncio.run(judge.plain(b'{"choices": [{"text": "x"}]}')) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_whatever_a_backend_answers_is_judged_and_raises_nothing(choices: Any) -> None:
    body = json.dumps({"choices": choices}).encode("utf-8", "surrogatepass")
    judge = Judge(["not_empty", "tools", "code", "json"], ASKED, TOOLS)
    verdict = asyncio.run(judge.plain(body))
    assert verdict is None or isinstance(verdict, str)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["type", "properties", "items", "$ref", "enum", "pattern", "required", "anyOf", "x"]),
                inner,
            )
        ),
        max_leaves=10,
    )
)
def test_whatever_a_client_calls_a_schema_raises_nothing(schema: Any) -> None:
    if isinstance(schema, dict):
        fault_by(schema, {"x": "y"})


def test_a_schema_can_neither_fetch_nor_run_for_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[object] = []
    monkeypatch.setattr("urllib.request.urlopen", lambda *args, **_: fetched.append(args))
    assert fault_by({"$ref": "http://127.0.0.1:9/schema.json"}, {}) is None
    assert fetched == []
    began = time.monotonic()
    slow = {"type": "object", "properties": {"a": {"pattern": "^(a+)+$"}}}
    assert fault_by(slow, {"a": "a" * 40 + "b"}) == "$.a"
    assert fault_by({"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False}, {"a" * 40 + "b": 1}) is None
    assert time.monotonic() - began < 2


def test_nothing_is_judged_where_nothing_is_asked_for_or_the_path_is_another() -> None:
    assert judge_for([], "/v1/chat/completions", {}, tuple) is None
    assert judge_for(["not_empty"], "/v1/embeddings", {}, tuple) is None
    assert judge_for(["not_empty"], "/v1/chat/completions", {}, tuple) is not None
