from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.toolcalls.answer import _offered
from router.toolcalls.arguments import repaired
from router.toolcalls.scanner import Scanner
from tests.toolcalls.samples import CALLS, NO_CALLS, TOOLS


def scanner() -> Scanner:
    tools = _offered({"tools": TOOLS})
    assert tools is not None
    return Scanner(tools)


@pytest.mark.parametrize("before", ["", "Let me look.\n\n", "<think>hm</think>"])
@pytest.mark.parametrize("kind", CALLS)
def test_a_call_in_a_known_wrapper_is_found(kind: str, before: str) -> None:
    wrapper, text, arguments = CALLS[kind]
    scan = scanner()
    scan.feed(before + text)
    found = scan.end()
    if before and wrapper in ("json", "fence", "pythonic"):
        assert found is None  # such a text must be the whole answer
        return
    assert found is not None
    assert found[2] == wrapper
    assert [json.loads(call.arguments) for call in found[1]] == arguments
    assert {call.name for call in found[1]} <= {"get_weather", "read"}


@pytest.mark.parametrize("kind", NO_CALLS)
def test_what_only_speaks_of_a_call_stays_text(kind: str) -> None:
    scan = scanner()
    scan.feed(NO_CALLS[kind])
    assert scan.end() is None


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([text for _, text, _ in CALLS.values()] + list(NO_CALLS.values())), st.data())
def test_it_does_not_matter_how_a_text_is_cut(text: str, data: st.DataObject) -> None:
    whole, cut = scanner(), scanner()
    whole.feed(text)
    rest = text
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        cut.feed(rest[:size])
        rest = rest[size:]
    assert whole.held == cut.held
    assert whole.end() == cut.end()


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="<[{`f|>tool_cal TOOL\n\"'x", max_size=200))
def test_any_text_is_read_without_an_error(text: str) -> None:
    scan = scanner()
    scan.feed(text)
    assert scan.held <= len(text)
    scan.end()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{'city': 'x', 'open': True, 'more': None}", {"city": "x", "open": True, "more": None}),
        ('{"city": "x",}', {"city": "x"}),
        ('{city: "x", "tags": [1, 2,]}', {"city": "x", "tags": [1, 2]}),
        ('{"text": "she said "yes" to it"}', {"text": 'she said "yes" to it'}),
        ('{text: "a\\nb", "none": None}', {"text": "a\nb", "none": None}),
        ('{"a": {"b": [1, 2]', {"a": {"b": [1, 2]}}),
        ('```json\n{"city": "x"}\n```', {"city": "x"}),
        ('"{\\"city\\": \\"x\\"}"', {"city": "x"}),
        ('{"text": "one\ntwo"}', {"text": "one\ntwo"}),
        ("", {}),
    ],
)
def test_arguments_that_are_nearly_json_become_json(written: str, meant: dict[str, Any]) -> None:
    better = repaired(written)
    assert better is not None
    assert json.loads(better) == meant


@pytest.mark.parametrize(
    "written",
    [
        '{"city": "x"}',  # nothing to repair
        "[1, 2]",
        "42",
        "rm -rf /",
        '{"command": "rm -rf /tmp/build',  # cut off within a string: half a command is another command
        '{"command": "echo ${HOME}',  # the same, and it ends like an object
        "{'command': 'echo ${HOME}",
        '{"a": 1}} trailing',
        '{"a" 1}',  # nobody knows where the 1 belongs
        '{"a": 1e999}',
        "{" * 30_000,
        "[" * 30_000,
    ],
)
def test_what_is_json_or_can_be_none_is_left_alone(written: str) -> None:
    assert repaired(written) is None


@pytest.mark.alone
@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>{" * 80_000,
        "<function=read><parameter=a>" * 30_000,
        "<" * 1_000_000,
        "`" * 1_000_000,
        "functools[{" * 90_000,
        "[TOOL_CALLS]read{" * 60_000,
        "<tool_call>get_weather<arg_key>a</arg_key><arg_value>" * 20_000,
        '<tool_call>{"name": "read", "arguments": {"a": "' + '",' * 500_000,
        "[read(" * 100_000,
    ],
    ids=lambda text: text[:24],
)
def test_hostile_text_takes_no_more_than_its_length_allows(text: str) -> None:
    began = time.thread_time()
    scan = scanner()
    scan.feed(text)
    scan.end()
    assert time.thread_time() - began < 3


@pytest.mark.alone
@pytest.mark.parametrize("between", ["to=read{}x", "{}to=read x", "to=read{}<|constrain|>{}x"])
def test_many_spaces_in_the_header_of_a_call_cost_no_more_than_their_number(between: str) -> None:
    began = time.thread_time()
    scan = scanner()
    scan.feed("<|start|>assistant<|channel|>commentary " + between.replace("{}", " " * 100_000))
    assert scan.end() is None
    assert time.thread_time() - began < 1
