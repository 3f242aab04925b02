"""Tools on their way to chat completions, and the names by which their calls find back."""

from __future__ import annotations

import re
from typing import Any

import pytest

from router.dialects.neutral import Began, Called, Ended, Prompt
from router.dialects.responses import Responses
from tests.dialects.responses.client import TOOLS, asked

SPACE = {"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]}


def prompt(tools: list[Any], choice: Any = None) -> Prompt:
    return Responses({"input": "hi", "tools": tools, "tool_choice": choice}).prompt


def names(tools: list[Any]) -> list[str]:
    return [tool.name for tool in prompt(tools).tools]


def function(name: str) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": None}


def space(name: str, *inner: str) -> dict[str, Any]:
    return {"type": "namespace", "name": name, "description": "d", "tools": [function(tool) for tool in inner]}


def item(dialect: Responses, name: str) -> dict[str, Any]:
    """The item that tells of a call which the model makes by this name."""
    [found] = dialect.whole([Began("1", "m", 1), Called(0, "c", name), Ended("tool_calls")])["output"]
    return found


def test_each_tool_is_a_function_with_a_name_of_its_own() -> None:
    assert names(TOOLS) == [
        *("read", "patch", "agents__close", "agents__note", "local_shell", "shell", "apply_patch"),
    ]
    assert prompt([function("f")]).tools[0].parameters == {"type": "object", "properties": {}}


def test_a_custom_tool_takes_one_text_and_tells_its_grammar() -> None:
    tool = prompt(TOOLS).tools[1]
    assert list(tool.parameters["properties"]) == tool.parameters["required"] == ["input"]
    assert tool.description == "The text in `input` must follow this grammar (lark):\nstart: /x/"
    regex = {"type": "custom", "name": "n", "description": "N.", "format": {
        "type": "grammar", "syntax": "regex", "definition": "a+"}}  # fmt: skip
    assert prompt([regex]).tools[0].description == "N.\n\nThe text in `input` must match this regular expression:\na+"


def test_names_are_never_the_same_and_always_allowed() -> None:
    tools = [
        space("a", "b", "b__c"),
        space("a__b", "c"),
        function("a__b"),
        {"type": "custom", "name": "a__b"},
        function("mcp.server/tool"),
        space("n" * 50, "t" * 50, "t" * 51),
    ]
    found = names(tools)
    assert len(set(found)) == len(found) == 8
    assert all(re.fullmatch("[a-zA-Z0-9_-]{1,64}", name) for name in found)
    assert "a__b" in found, "a plain function keeps its name"
    dialect = Responses({"input": "hi", "tools": tools})
    back = {(told["type"], told.get("namespace"), told["name"]) for told in (item(dialect, name) for name in found)}
    assert back == {
        ("function_call", "a", "b"),
        ("function_call", "a", "b__c"),
        ("function_call", "a__b", "c"),
        ("function_call", None, "a__b"),
        ("custom_tool_call", None, "a__b"),
        ("function_call", None, "mcp.server/tool"),
        ("function_call", "n" * 50, "t" * 50),
        ("function_call", "n" * 50, "t" * 51),
    }


@pytest.mark.parametrize("name", ["agents__close", "close", "agents.close"])
def test_a_model_may_leave_the_namespace_out_or_write_a_dot(name: str) -> None:
    assert (item(asked(), name)["namespace"], item(asked(), name)["name"]) == ("agents", "close")


def test_a_name_that_two_tools_could_mean_is_left_as_the_model_wrote_it() -> None:
    dialect = Responses({"input": "hi", "tools": [space("a", "f"), space("b", "f")]})
    assert item(dialect, "f")["name"] == "f"
    assert "namespace" not in item(dialect, "f")


def test_tools_that_come_as_an_item_are_offered_and_called_as_those_of_the_body() -> None:
    brought = {"type": "additional_tools", "role": "developer", "tools": [SPACE, function("g")]}
    dialect = Responses({"input": [brought, {"role": "user", "content": "hi"}, brought]})
    assert [tool.name for tool in dialect.prompt.tools] == ["functions__exec", "g"]
    told = item(dialect, "functions__exec")
    assert (told["type"], told["namespace"], told["name"]) == ("custom_tool_call", "functions", "exec")


def test_calls_of_earlier_turns_have_the_name_that_the_tool_is_offered_by() -> None:
    call = {"type": "custom_tool_call", "call_id": "c", "namespace": "functions", "name": "exec", "input": "ls"}
    history = [{"role": "user", "content": "hi"}, call]
    with_tools = Responses({"input": history, "tools": [SPACE]}).prompt.turns[1].parts[0]
    without = Responses({"input": history}).prompt.turns[1].parts[0]
    assert with_tools == without
    assert with_tools.name == "functions__exec"  # type: ignore[union-attr]


def test_a_shell_in_a_container_is_openais_own() -> None:
    assert names([{"type": "shell", "environment": {"type": "local"}}]) == ["shell"]
    hosted = Responses({"input": "hi", "tools": [{"type": "shell", "environment": {"type": "container_auto"}}]})
    assert (hosted.prompt.tools, hosted.left_out) == ((), ("shell",))


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        (None, None),
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "name": "read"}, "=read"),
        ({"type": "function", "name": "close", "namespace": "agents"}, "=agents__close"),
        ({"type": "function", "name": "close"}, "=agents__close"),
        ({"type": "custom", "name": "patch"}, "=patch"),
        ({"type": "shell"}, "=shell"),
        ({"type": "apply_patch"}, "=apply_patch"),
    ],
)
def test_a_choice_of_tools_is_told_in_every_form(choice: Any, meant: str | None) -> None:
    assert prompt(TOOLS, choice).tool_choice == meant
    assert len(prompt(TOOLS, choice).tools) == 7


def test_of_allowed_tools_only_these_are_offered() -> None:
    allowed = [{"type": "function", "name": "read"}, {"type": "web_search"}, {"type": "custom", "name": "patch"}]
    found = prompt(TOOLS, {"type": "allowed_tools", "mode": "required", "tools": allowed})
    assert ([tool.name for tool in found.tools], found.tool_choice) == (["read", "patch"], "required")
