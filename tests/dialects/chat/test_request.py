"""A prompt becomes a chat completion that small servers take, and nothing of it is lost."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from router.dialects.chat.request import ATTACHED, chat_body
from router.dialects.neutral import (
    Audio,
    File,
    Image,
    Part,
    Prompt,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)

RED = "data:image/png;base64,iVBORw0KGgo="


def messages(*turns: Turn) -> list[dict[str, Any]]:
    return chat_body(Prompt("m", turns))["messages"]


def user(*parts: Part) -> Turn:
    return Turn("user", parts)


def test_several_system_prompts_at_the_beginning_are_one() -> None:
    said = messages(Turn("system", (Text("a"),)), Turn("developer", (Text("b"), Text("c"))), user(Text("hi")))
    assert said == [{"role": "system", "content": "a\n\nb\n\nc"}, {"role": "user", "content": "hi"}]


def test_a_system_prompt_in_the_middle_stays_there() -> None:
    said = messages(user(Text("hi")), Turn("developer", (Text("be brief"),)), user(Text("go on")))
    assert [message["role"] for message in said] == ["user", "system", "user"]


def test_what_the_assistant_says_in_pieces_is_one_message_with_its_calls() -> None:
    said = messages(
        user(Text("hi")),
        Turn("assistant", (Text("I look."),)),
        Turn("assistant", (ToolCall("c1", "read", '{"path":"a"}'),)),
        Turn("assistant", (ToolCall("c2", "read", '{"path":"b"}'),)),
        user(ToolResult("c1", (Text("A"),)), ToolResult("c2", (Text("B"),))),
    )
    assert [message["role"] for message in said] == ["user", "assistant", "tool", "tool"]
    assert said[1]["content"] == "I look."
    assert [call["id"] for call in said[1]["tool_calls"]] == ["c1", "c2"]
    assert [(each["tool_call_id"], each["content"]) for each in said[2:]] == [("c1", "A"), ("c2", "B")]


def test_results_stand_right_behind_the_calls_and_new_words_after_them() -> None:
    said = messages(
        Turn("assistant", (ToolCall("c1", "read", "{}"),)),
        user(Text("and hurry"), ToolResult("c1", (Text("A"),))),
    )
    assert [message["role"] for message in said] == ["assistant", "tool", "user"]


def test_a_picture_out_of_a_tool_comes_in_a_user_message_after_the_results() -> None:
    said = messages(
        Turn("assistant", (ToolCall("c1", "look", "{}"), ToolCall("c2", "look", "{}"))),
        user(ToolResult("c1", (Image(RED),)), ToolResult("c2", (Text("none"),))),
    )
    assert [message["role"] for message in said] == ["assistant", "tool", "tool", "user"]
    assert said[1]["content"]
    assert said[3]["content"] == [
        {"type": "text", "text": ATTACHED},
        {"type": "image_url", "image_url": {"url": RED}},
    ]


def test_a_result_that_failed_says_so() -> None:
    told = [
        messages(user(ToolResult("c", parts, failed=True)))[0]["content"]
        for parts in ((Text("no such file"),), (Text("Error: no such file"),), ())
    ]
    assert told == ["Error: no such file", "Error: no such file", "Error"]


def test_thoughts_go_back_within_a_tool_loop_and_not_beyond_it() -> None:
    thinks = Turn("assistant", (Thinking("hm"), ToolCall("c1", "read", "{}")))
    loop = messages(user(Text("hi")), thinks, user(ToolResult("c1", (Text("A"),))))
    assert loop[1]["reasoning_content"] == "hm"
    later = messages(user(Text("hi")), thinks, user(ToolResult("c1", (Text("A"),))), user(Text("thanks")))
    assert all("reasoning_content" not in message for message in later)


def test_pictures_sounds_and_files_are_parts() -> None:
    parts = (
        Text("see"),
        Image(RED, "high"),
        Audio("QQ==", "wav"),
        File("data:application/pdf;base64,QQ==", None, "a.pdf"),
    )
    assert messages(user(*parts))[0]["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": RED, "detail": "high"}},
        {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,QQ==", "filename": "a.pdf"}},
    ]


def test_what_the_prompt_does_not_say_is_absent() -> None:
    assert chat_body(Prompt("m", (user(Text("hi")),))) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
    }


def test_without_tools_no_choice_among_them_is_sent() -> None:
    body = chat_body(Prompt("m", (user(Text("hi")),), tool_choice="auto", parallel_tool_calls=True))
    assert "tool_choice" not in body
    assert "parallel_tool_calls" not in body


words = st.text(max_size=20)
names = st.text("abcdef_", min_size=1, max_size=8)
media = st.one_of(
    st.builds(Image, st.just(RED), st.sampled_from([None, "low"])),
    st.builds(Audio, st.just("QQ=="), st.just("wav")),
    st.builds(File, st.just("data:text/plain;base64,QQ=="), st.none(), names),
)
user_turns = st.one_of(
    st.builds(lambda parts: Turn("user", tuple(parts)), st.lists(st.one_of(st.builds(Text, words), media), min_size=1)),
    st.builds(lambda text: Turn("user", (Text(text),)), words),
)


@st.composite
def loops(draw: st.DrawFn) -> list[Turn]:
    """An assistant's turn, and the results of its calls."""
    ids = draw(st.lists(names, unique=True, max_size=3))
    calls = tuple(ToolCall(id_, draw(names), json.dumps({"x": draw(words)})) for id_ in ids)
    text = (Text(draw(words.filter(bool))),) if draw(st.booleans()) or not calls else ()
    turns = [Turn("assistant", (*text, *calls))]
    if calls:
        turns.append(Turn("user", tuple(ToolResult(id_, (Text(draw(words)),)) for id_ in ids)))
    return turns


@st.composite
def prompts(draw: st.DrawFn) -> Prompt:
    turns: list[Turn] = []
    if draw(st.booleans()):
        turns.append(Turn("system", (Text(draw(words)),)))
    for _ in range(draw(st.integers(1, 3))):
        turns.append(draw(user_turns))
        turns += draw(loops())
    tools = tuple(
        Tool(name, draw(st.none() | words.filter(bool)), {"type": "object"}, draw(st.none() | st.booleans()))
        for name in draw(st.lists(names, unique=True, max_size=3))
    )
    choices = ["auto", "none", "required", *(f"={tool.name}" for tool in tools)]
    return Prompt(
        draw(names),
        tuple(turns),
        tools,
        draw(st.sampled_from(choices)) if tools and draw(st.booleans()) else None,
        draw(st.none() | st.booleans()) if tools else None,
        draw(st.booleans()),
        draw(st.none() | st.integers(1, 10**6)),
        draw(st.none() | st.floats(0, 2)),
        draw(st.none() | st.floats(0, 1)),
        tuple(draw(st.lists(words, max_size=2))),
        draw(st.none() | st.just({"type": "json_object"})),
        draw(st.none() | st.sampled_from(["low", "high"])),
        draw(st.just({}) | st.just({"seed": 7})),
    )


@given(prompts())
def test_a_prompt_comes_back_out_of_its_chat_completion(prompt: Prompt) -> None:
    assert read(json.loads(json.dumps(chat_body(prompt)))) == prompt


def read(body: dict[str, Any]) -> Prompt:
    """The prompt of a body that is written as ours are."""
    turns: list[Turn] = []
    for message in body.pop("messages"):
        role = message["role"]
        if role == "tool":
            result = ToolResult(message["tool_call_id"], (Text(message["content"]),))
            if turns[-1].role == "user":
                turns[-1] = Turn("user", (*turns[-1].parts, result))
            else:
                turns.append(Turn("user", (result,)))
            continue
        content = message["content"]
        if role == "assistant":
            parts: tuple[Part, ...] = (Text(content),) if content else ()
            calls = message.get("tool_calls", ())
            parts += tuple(ToolCall(c["id"], c["function"]["name"], c["function"]["arguments"]) for c in calls)
            turns.append(Turn("assistant", parts))
        else:
            turns.append(Turn(role, (Text(content),) if isinstance(content, str) else tuple(map(_part, content))))
    choice = body.pop("tool_choice", None)
    return Prompt(
        body.pop("model"),
        tuple(turns),
        tuple(
            Tool(f["name"], f.get("description"), f["parameters"], f.get("strict"))
            for f in (tool["function"] for tool in body.pop("tools", ()))
        ),
        "=" + choice["function"]["name"] if isinstance(choice, dict) else choice,
        body.pop("parallel_tool_calls", None),
        body.pop("stream", False),
        body.pop("max_tokens", None),
        body.pop("temperature", None),
        body.pop("top_p", None),
        tuple(body.pop("stop", ())),
        body.pop("response_format", None),
        body.pop("reasoning_effort", None),
        body,
    )


def _part(part: dict[str, Any]) -> Part:
    match part["type"]:
        case "text":
            return Text(part["text"])
        case "image_url":
            return Image(part["image_url"]["url"], part["image_url"].get("detail"))
        case "input_audio":
            return Audio(**part["input_audio"])
        case _:
            file = part["file"]
            return File(file.get("file_data"), file.get("file_id"), file.get("filename"))


def test_words_beside_the_results_of_tools_do_not_end_the_loop_in_which_thoughts_go_back() -> None:
    turns = (
        Turn("user", (Text("look"),)),
        Turn("assistant", (Thinking("hm"), ToolCall("a", "f", "{}"))),
        Turn("user", (ToolResult("a", (Text("seen"),)), Text("<system-reminder>be brief</system-reminder>"))),
    )
    messages = chat_body(Prompt("m", turns))["messages"]
    assert messages[1]["reasoning_content"] == "hm"
    assert [each["role"] for each in messages] == ["user", "assistant", "tool", "user"]
