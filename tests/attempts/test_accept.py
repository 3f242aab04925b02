"""What an answer must satisfy before it counts."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.attempts.accept import LONGEST, LONGEST_FIT, LONGEST_PYTHON, Judge, _blocks, judge_for
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
    "text",
    [
        '<tool_call>\n{"name": "read"}',
        "<function=read>",
        '[TOOL_CALLS][{"name"',
        "<|python_tag|>read()",
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.read:0",
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function",
        "<|channel|>commentary to=functions.read<|message|>{}",
        'functools[{"name": "read"}]',
    ],
)
def test_a_call_that_leaked_into_the_text_is_none(text: str) -> None:
    assert fault("tools", {"content": text}, tools=TOOLS) == "a tool call stands in the text"


@pytest.mark.parametrize("text", ["functools is a module", "<|start|>assistant<|channel|>final<|message|>Hi", "<tool"])
def test_what_begins_like_a_call_and_is_none_counts(text: str) -> None:
    assert fault("tools", {"content": text}, tools=TOOLS) is None
    assert fault("tools", {"content": text}) is None, "where no tools were offered it is only text"


@pytest.mark.parametrize(
    "choice",
    [
        "required",
        "any",
        {"type": "function", "function": {"name": "read"}},
        {"type": "custom", "custom": {"name": "read"}},
        {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}},
        {"type": "any"},
        {"type": "tool", "name": "read"},
    ],
)
def test_a_tool_that_was_required_must_be_called(choice: Any) -> None:
    assert fault("tools", {"content": "no"}, {"tool_choice": choice}, TOOLS) is not None
    assert fault("tools", call(), {"tool_choice": choice}, TOOLS) is None


@pytest.mark.parametrize(
    "choice",
    [
        "auto",
        "none",
        None,
        ["required"],
        {},
        {"type": "auto"},
        {"type": "none"},
        {"type": ["function"]},
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
        {"type": "allowed_tools"},
    ],
)
def test_where_none_was_required_a_text_will_do(choice: Any) -> None:
    assert fault("tools", {"content": "no need"}, {"tool_choice": choice}, TOOLS) is None


def test_a_call_of_a_custom_tool_is_free_text() -> None:
    called = {"id": "1", "type": "custom", "custom": {"name": "shell", "input": "ls -l"}}
    assert fault("tools", {"content": None, "tool_calls": [called]}, {"tool_choice": "required"}, ("custom",)) is None


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


def test_a_fence_ends_as_commonmark_has_it() -> None:
    assert fault("code", {"content": "````python\nx = '''\n```\n'''\n````"}) is None, "a shorter fence is code"
    assert fault("code", {"content": "```python\nx = 1\n`````\nnot python"}) is None, "a longer one ends it"
    assert fault("code", {"content": "```python\nx = '''\n~~~\n'''\n```"}) is None, "another is code"
    assert fault("code", {"content": "```python\r\nx = 1\r\n```\r\nnot python"}) is None
    assert fault("code", {"content": "```python x``` stands in a line\nnot python"}) is None
    assert fault("code", {"content": "~~~ PY title=`x`\nx = (\n~~~"}) == "a block of Python does not parse"


_FENCED = re.compile(r"^[ \t]*(```|~~~)[ \t]*([\w+#.-]*)[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
"""The same of ordinary texts, whose fences are of three."""


@given(
    st.lists(
        st.sampled_from(
            ["```", "~~~", "  ```", "```python", "``` json x", "x = 1", "", "  y", "`z`", "a ```", "``` \t"]
        )
    )
)
def test_blocks_are_found_as_by_a_regular_expression(lines: list[str]) -> None:
    text = "\n".join(lines) + "\n"
    blocks = [(language, code.rstrip("\n")) for language, code in _blocks(text)]
    assert blocks == [(match[2], match[3].rstrip("\n")) for match in _FENCED.finditer(text)]


MILLION = 1_000_000
HOSTILE = {
    "an opening fence that goes on": "```" + " " * MILLION,
    "an opening fence with a long info": "```" + "a" * MILLION,
    "a fence that goes on": "`" * MILLION,
    "spaces before a fence": " " * MILLION + "```",
    "fences that open": "```python\n~~~\n" * (MILLION // 14),
    "fences that do not close": "````\n" + "``` x\n" * (MILLION // 6),
    "blocks without end": "```python\n" + "x = 1\n" * (MILLION // 6),
    "many blocks": "```python\nx = 1\n```\n" * (MILLION // 20),
    "many blocks of JSON": "```json\n{}\n```\n" * (MILLION // 15),
    "empty lines": "\n" * MILLION,
    "spaces before a call": " " * MILLION + "<tool_cal",
    "what is nested": "[" * MILLION,
    "a block that is nested": "```python\n" + "(" * 30_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_stops_nobody(name: str) -> None:
    """Judged in three ways, while a clock goes on beside them."""
    text, asked = HOSTILE[name], {"response_format": {"type": "json_object"}}
    body = json.dumps({"choices": [{"message": {"content": text}}]}).encode()
    judges = [Judge([wanted], asked, TOOLS) for wanted in ("code", "tools", "json")]  # type: ignore[list-item]

    async def judged() -> float:
        longest, last, work = 0.0, time.monotonic(), [asyncio.create_task(judge.plain(body)) for judge in judges]
        while not all(task.done() for task in work):
            await asyncio.sleep(0.001)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        return longest

    began = time.process_time()
    assert asyncio.run(judged()) < 1
    assert time.process_time() - began < 3


def test_what_is_too_long_to_be_judged_counts() -> None:
    assert fault("code", {"content": "x" * LONGEST + "\n```python\n("}) is None
    assert fault("code", {"content": "```python\n" + "x = 1\n" * (LONGEST_PYTHON // 5) + "(\n```"}) is None
    assert fault("code", {"content": "```python\n" + "x = 1\n" * (LONGEST_PYTHON // 7) + "(\n```"}) is not None
    assert fault("json", {"content": json.dumps({"name": "a" * LONGEST_FIT, "age": "old"})}, ASKED) is None
    big = {"type": "array", "description": "x" * LONGEST_FIT}
    assert fault("json", {"content": "{}"}, schema_asked(big)) is None
    assert fault("json", {"content": "Sure!"}, schema_asked(big)) == "the answer is no JSON"


def schema_asked(schema: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}}


def test_a_schema_nested_deeper_than_can_be_written_is_not_judged_by() -> None:
    schema: Any = {"type": "array"}
    for _ in range(300):
        schema = {"items": schema}
    assert fault("json", {"content": "[1]"}, schema_asked(schema)) is None
    assert fault("json", {"content": "Sure!"}, schema_asked(schema)) == "the answer is no JSON"


def test_all_of_an_answer_is_judged_within_one_time() -> None:
    """However many choices it has."""
    levels = {f"l{at}": {"allOf": [{"$ref": f"#/$defs/l{at + 1}"}] * 2} for at in range(40)}
    asked = schema_asked({"$ref": "#/$defs/l0", "$defs": {**levels, "l40": {}}})
    body = json.dumps({"choices": [{"message": {"content": "{}"}}] * 100}).encode()
    judge = Judge(["json"], asked, ())
    asyncio.run(judge.plain(body))
    began = time.process_time()
    assert asyncio.run(judge.plain(body)) is None
    assert time.process_time() - began < 1


def test_nobody_waits_behind_what_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    monkeypatch.setattr("router.attempts.accept.orjson.loads", lambda _: go_on.wait(10))

    async def beside() -> bool:
        judged = [asyncio.create_task(Judge(["code"], {}, ()).plain(b"")) for _ in range(100)]
        await asyncio.sleep(0)
        done = await asyncio.wait_for(asyncio.to_thread(lambda: True), 5)
        go_on.set()
        await asyncio.gather(*judged)
        return done

    assert asyncio.run(beside())


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
