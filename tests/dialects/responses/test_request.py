"""Bodies of Responses, read into prompts: the forms that clients send, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from router.dialects.contract import Unreadable
from router.dialects.neutral import Began, Ended, File, Image, Prompt, Text, Thinking, ToolCall, ToolResult, Turn
from router.dialects.responses import Responses
from tests.dialects.responses.bodies import EVERYTHING, PNG


def prompt(*items: Any, **fields: Any) -> Prompt:
    return Responses({"model": "auto", "input": list(items), **fields}).prompt


def turns(*items: Any, **fields: Any) -> tuple[Turn, ...]:
    return prompt(*items, **fields).turns


def refused(body: dict[str, Any]) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        Responses(body)
    return caught.value


USER = {"role": "user", "content": "hi"}
HI = Turn("user", (Text("hi"),))


def called(call_id: str, name: str = "f") -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}", "status": "completed"}


def output(call_id: str, what: Any = "ok", **more: Any) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": what, **more}


def test_a_text_is_a_turn_of_the_user_and_instructions_come_first() -> None:
    body = {"model": "m", "input": "hi", "instructions": "Be brief."}
    assert Responses(body).prompt.turns == (Turn("system", (Text("Be brief."),)), HI)


def test_messages_keep_their_roles_with_and_without_a_type() -> None:
    parts = [{"type": "input_text", "text": "hi"}, {"type": "input_image", "image_url": PNG, "detail": "high"}]
    assert turns(
        {"type": "message", "role": "developer", "content": [{"type": "text", "text": "a"}]},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": [{"type": "output_text", "text": "b"}, {"type": "refusal", "refusal": "c"}]},
        USER,
    ) == (
        Turn("developer", (Text("a"),)),
        Turn("user", (Text("hi"), Image(PNG, "high"))),
        Turn("assistant", (Text("b"), Text("c"))),
        HI,
    )


def test_what_the_assistant_does_without_a_break_is_one_turn_and_the_results_follow_it() -> None:
    thought = {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "hm"}]}
    secret = {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "gAAA"}
    said = {"type": "message", "role": "assistant", "content": "look"}
    assert turns(USER, thought, secret, said, called("a"), called("b"), output("a"), output("b", "no")) == (
        HI,
        Turn("assistant", (Thinking("hm"), Text("look"), ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}"))),
        Turn("user", (ToolResult("a", (Text("ok"),)), ToolResult("b", (Text("no"),)))),
    )


def test_a_result_stands_behind_its_call_whatever_was_said_in_between() -> None:
    assert turns(USER, called("a"), called("b"), output("a"), USER, output("b")) == (
        HI,
        Turn("assistant", (ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}"))),
        Turn("user", (ToolResult("a", (Text("ok"),)), ToolResult("b", (Text("ok"),)))),
        HI,
    )


def test_calls_after_a_result_are_a_turn_of_their_own() -> None:
    found = turns(USER, called("a"), output("a"), called("b"), output("b"))
    assert [turn.role for turn in found] == ["user", "assistant", "user", "assistant", "user"]


def test_an_output_may_hold_pictures_and_files() -> None:
    parts = [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": PNG},
        {"type": "input_file", "file_data": "JVBERi0=", "filename": "a.pdf"},
    ]
    result = turns(USER, called("a"), output("a", parts))[-1].parts[0]
    file = File("data:application/pdf;base64,JVBERi0=", None, "a.pdf")
    assert result == ToolResult("a", (Text("see"), Image(PNG), file))


def test_raw_thoughts_are_taken_before_their_summary() -> None:
    item = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "short"}],
        "content": [{"type": "reasoning_text", "text": "long"}],
    }
    assert turns(USER, item, {"role": "assistant", "content": "x"})[1].parts[0] == Thinking("long")


def test_an_answer_that_broke_off_while_it_thought_leaves_nothing() -> None:
    assert turns(USER, {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}) == (HI,)


def test_calls_and_outputs_of_all_kinds_of_tools_find_each_other() -> None:
    found = Responses(EVERYTHING).prompt.turns
    calls = [part for turn in found for part in turn.parts if isinstance(part, ToolCall)]
    results = [part for turn in found for part in turn.parts if isinstance(part, ToolResult)]
    assert [(call.id, call.name, call.arguments) for call in calls] == [
        ("f", "agents__close", "{}"),
        ("c", "patch", '{"input":"x"}'),
        ("l", "local_shell", '{"command":["ls"],"env":{}}'),
        ("s", "shell", '{"commands":["ls"]}'),
        ("a", "apply_patch", '{"type":"delete_file","path":"p"}'),
        ("o", "computer", '{"actions":{"type":"screenshot"}}'),
        ("p", "wiki__ask", "{}"),
    ]
    assert [(result.id, result.parts, result.failed) for result in results] == [
        ("f", (Text("x"), Image(PNG)), False),
        ("c", (Text("done"),), False),
        ("l", (Text("README"),), False),
        ("s", (Text("a\nb\n(exit code 1)\n(stopped: it took too long)"),), False),
        ("a", (Text("no"),), True),
        ("o", (Image(PNG),), False),
        ("p", (Text("x"),), False),
    ]


def test_what_only_openai_can_do_is_left_out_and_told() -> None:
    dialect = Responses(EVERYTHING)
    assert dialect.left_out == ("web_search", "mcp", "web_search_call", "compaction")
    item = {"type": "of_next_year", "what": 1}
    assert Responses({"input": [item, USER]}).left_out == ("of_next_year",)


def test_fields_become_those_of_chat_completions() -> None:
    found = Responses(EVERYTHING).prompt
    assert (found.max_tokens, found.temperature, found.top_p, found.reasoning_effort) == (100, 0.5, 1, "low")
    assert found.response_format == {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    assert found.stream is True
    assert found.parallel_tool_calls is False
    assert found.other == {"user": "u", "seed": 7}


def test_without_tools_nothing_is_said_of_how_to_call_them() -> None:
    found = prompt(USER, tools=[{"type": "web_search"}], tool_choice="auto", parallel_tool_calls=True)
    assert (found.tools, found.tool_choice, found.parallel_tool_calls) == ((), None, None)


def test_an_answer_repeats_the_request_without_its_secrets() -> None:
    answer = Responses(EVERYTHING).whole([Began("1", "qwen", 5), Ended("stop")])
    assert (answer["model"], answer["created_at"], answer["instructions"]) == ("qwen", 5, "Be brief.")
    assert answer["tools"][-1] == {"type": "mcp", "server_label": "wiki"}
    assert answer["reasoning"] == {"effort": "low", "summary": "auto"}
    assert (answer["metadata"], answer["store"], answer["max_output_tokens"]) == ({"a": "b"}, False, 100)


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({}, "input", "`input` is missing"),
        ({"input": 5}, "input", "`input` is a number; it must be a text or a list of items"),
        ({"input": []}, "input", "nothing to answer"),
        ({"input": ["hi"]}, "input[0]", "is a text; it must be an object"),
        ({"input": [{"content": "hi"}]}, "input[0]", "neither a `type` nor a `role`"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role", "may be system, developer, user or assistant"),
        ({"input": [{"role": "user", "content": [{"type": "video"}]}]}, "input[0].content[0].type", '"video"'),
        ({"input": [output("a")]}, "input[0]", "no earlier item makes this call"),
        ({"input": "hi", "background": True}, "background", "this connection"),
        ({"input": "hi", "conversation": "conv_1"}, "conversation", "`input`"),
        ({"input": "hi", "prompt": {"id": "pmpt_1"}}, "prompt", "`instructions`"),
        ({"input": "hi", "previous_response_id": "resp_1"}, "previous_response_id", "the whole conversation"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]", "send the item itself"),
        ({"input": "hi", "max_output_tokens": 0}, "max_output_tokens", "1 or more"),
        ({"input": "hi", "temperature": "hot"}, "temperature", "a number"),
        ({"input": "hi", "tools": [{"type": "function"}]}, "tools[0].name", "missing"),
        ({"input": "hi", "tool_choice": "must"}, "tool_choice", "auto, none or required"),
        ({"input": "hi", "tool_choice": "required", "tools": [{"type": "web_search"}]}, "tool_choice", "web_search"),
        ({"input": "hi", "tool_choice": {"type": "function", "name": "f"}}, "tool_choice", "`f`"),
        ({"input": "hi", "text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema", "missing"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}]},
            "input[0].content[0].file_id",
            "data: URL",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "http://x/a.pdf"}]}]},
            "input[0].content[0].file_url",
            "`file_data`",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_where_and_why(body: dict[str, Any], param: str, words: str) -> None:
    unreadable = refused(body)
    assert unreadable.param == param
    assert words in unreadable.message


def test_a_client_that_names_an_earlier_response_learns_that_it_is_not_there() -> None:
    assert refused({"input": "hi", "previous_response_id": "r"}).code == "previous_response_not_found"
