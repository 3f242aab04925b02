"""Bodies of Messages are read into prompts, whoever wrote them and whatever is in them."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.dialects.contract import Unreadable
from router.dialects.messages import Messages
from router.dialects.messages.anthropic_tools import known
from router.dialects.neutral import File, Image, Part, Prompt, Text, Thinking, Tool, ToolCall, ToolResult, Turn
from tests import captures

USER = {"role": "user", "content": "hi"}


def read(**more: Any) -> Prompt:
    return Messages({"model": "m", "max_tokens": 9, "messages": [USER], **more}).prompt


def parts(*blocks: dict[str, Any], role: str = "user") -> tuple[Part, ...]:
    return read(messages=[{"role": role, "content": list(blocks)}]).turns[0].parts


def refusal(**more: Any) -> Unreadable:
    with pytest.raises(Unreadable) as raised:
        read(**more)
    return raised.value


def test_a_plain_request() -> None:
    assert read(system="be brief", temperature=0.5, top_p=1, top_k=7, stop_sequences=["END"], stream=True) == Prompt(
        model="m",
        turns=(Turn("system", (Text("be brief"),)), Turn("user", (Text("hi"),))),
        stream=True,
        max_tokens=9,
        temperature=0.5,
        top_p=1,
        stop=("END",),
        other={"top_k": 7},
    )


def test_system_prompts_may_be_blocks_and_may_stand_among_the_messages() -> None:
    prompt = read(
        system=[{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "b"}],
        messages=[USER, {"role": "system", "content": "c"}, {"role": "assistant", "content": "d"}],
    )
    assert [(turn.role, turn.parts) for turn in prompt.turns] == [
        ("system", (Text("a"), Text("b"))),
        ("user", (Text("hi"),)),
        ("system", (Text("c"),)),
        ("assistant", (Text("d"),)),
    ]


def test_a_system_message_for_one_turn_is_gone_in_the_next() -> None:
    once = {"role": "system", "content": "now", "clear_at": "next_user_message"}
    assert len(read(messages=[USER, once]).turns) == 2
    assert len(read(messages=[USER, once, USER]).turns) == 2


BILLING = "x-anthropic-billing-header: cc_version=2; cch=abcde;"


@pytest.mark.parametrize(
    "system",
    [[{"type": "text", "text": BILLING}, {"type": "text", "text": "You are"}], f"{BILLING}\nYou are"],
)
def test_a_line_that_differs_with_each_request_does_not_spoil_the_cache_of_prompts(system: Any) -> None:
    assert read(system=system).turns[0] == Turn("system", (Text("You are"),))
    assert read(system=BILLING).turns[0].role == "user"


PNG = {"type": "base64", "media_type": "image/png", "data": "iVBO"}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}


@pytest.mark.parametrize(
    ("block", "read_as"),
    [
        ({"type": "text", "text": "a", "citations": None}, [Text("a")]),
        ({"type": "image", "source": PNG}, [Image("data:image/png;base64,iVBO")]),
        ({"type": "image", "source": {"type": "url", "url": "https://x/y"}}, [Image("https://x/y")]),
        ({"type": "document", "source": PDF, "title": "t"}, [File("data:application/pdf;base64,JVBE", name="t")]),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "title": "t"},
            [Text("t\n\nd")],
        ),
        (
            {
                "type": "document",
                "context": "c",
                "source": {
                    "type": "content",
                    "content": [{"type": "text", "text": "a"}, {"type": "image", "source": PNG}],
                },
            },
            [Text("c"), Text("a"), Image("data:image/png;base64,iVBO")],
        ),
        ({"type": "document", "source": {"type": "content", "content": "a"}}, [Text("a")]),
        (
            {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "a"}]},
            [Text("t\ns\na")],
        ),
        ({"type": "container_upload", "file_id": "f"}, [Text("")]),
        ({"type": "hologram", "text": "seen as words"}, [Text("seen as words")]),
    ],
)
def test_what_a_user_shows(block: dict[str, Any], read_as: list[Part]) -> None:
    assert parts(block) == tuple(read_as)


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "kept at Anthropic"),
        ({"type": "document", "source": {"type": "url", "url": "https://x"}}, "by its address"),
        ({"type": "hologram", "depth": 3}, "hologram, which no chat completion can show"),
        ({"type": "tool_use", "id": "a", "name": "f", "input": {}}, "only in messages of the assistant"),
        ({"type": "image", "source": {**PNG, "media_type": "png, or so"}}, "media type"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_its_place(block: dict[str, Any], says: str) -> None:
    refused = refusal(messages=[USER, {"role": "user", "content": [{"type": "text", "text": "a"}, block]}])
    assert says in refused.message
    assert "messages[1].content[1]" in refused.message


def test_an_assistants_turn_keeps_its_order_and_leaves_out_what_only_anthropic_can_read() -> None:
    assert parts(
        {"type": "redacted_thinking", "data": "xx"},
        {"type": "thinking", "thinking": "hm", "signature": "signalbox"},
        {"type": "thinking", "thinking": "", "signature": "of another"},
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": [1]}, "caller": {"type": "direct"}},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "s",
            "content": [{"type": "web_search_result", "title": "T", "url": "https://t", "encrypted_content": "zz"}],
        },
        {
            "type": "code_execution_tool_result",
            "tool_use_id": "s",
            "content": {"type": "x", "stdout": "4", "stderr": ""},
        },
        {"type": "compaction", "content": "so far"},
        {"type": "fallback", "to": {}},
        {"type": "hologram", "depth": 3},
        role="assistant",
    ) == (
        Thinking("hm"),
        Text("I look."),
        ToolCall("call_1", "f", '{"a":[1]}'),
        Text("T\nhttps://t"),
        Text("4"),
        Text("so far"),
    )


def test_a_turn_of_which_nothing_is_left_stays_a_turn() -> None:
    assert parts({"type": "redacted_thinking", "data": "x"}, role="assistant") == (Text(""),)


@pytest.mark.parametrize(
    ("content", "read_as"),
    [
        (None, []),
        ("", []),
        ([], []),
        ("ok", [Text("ok")]),
        (
            [{"type": "text", "text": "a"}, {"type": "image", "source": PNG}, {"type": "document", "source": PDF}],
            [Text("a"), Image("data:image/png;base64,iVBO"), File("data:application/pdf;base64,JVBE")],
        ),
        ([{"type": "tool_reference", "tool_name": "grep"}], [Text("grep")]),
        ([{"type": "browser_state", "tabs": [], "cache_control": {}}], [Text('{"type":"browser_state","tabs":[]}')]),
    ],
)
def test_results_of_tools(content: Any, read_as: list[Any]) -> None:
    block = {"type": "tool_result", "tool_use_id": "call_1", "content": content, "is_error": True}
    assert parts(block, {"type": "text", "text": "go on"}) == (
        ToolResult("call_1", tuple(read_as), failed=True),
        Text("go on"),
    )


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
OWN = {"name": "f", "description": "d", "input_schema": SCHEMA, "strict": True, "defer_loading": True}


def test_tools_that_the_client_runs_are_offered_and_those_of_anthropic_are_not() -> None:
    tools = read(
        tools=[
            {**OWN, "type": "custom", "cache_control": {"type": "ephemeral"}, "eager_input_streaming": True},
            {"name": "bare", "input_schema": {}},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 5},
            {"type": "code_execution_20250825", "name": "code_execution"},
            {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"},
            {"type": "mcp_toolset", "mcp_server_name": "x"},
            {"type": "bash_20250124", "name": "bash"},
            {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
            {"type": "memory_20250818", "name": "memory"},
        ]
    ).tools
    assert [tool.name for tool in tools] == ["f", "bare", "bash", "str_replace_based_edit_tool", "memory"]
    assert tools[0] == Tool("f", "d", SCHEMA, True)
    assert tools[1].parameters == {"type": "object", "properties": {}}


def test_each_version_of_the_text_editor_has_its_own_words() -> None:
    old, middle, new = (known(f"text_editor_{version}") for version in ("20250124", "20250429", "20250728"))
    assert old is not None and middle is not None and new is not None
    assert [each.name for each in (old, middle)] == ["str_replace_editor", "str_replace_based_edit_tool"]
    assert "undo_edit" in old.parameters["properties"]["command"]["enum"]
    assert "undo_edit" not in middle.parameters["properties"]["command"]["enum"]
    assert "insert_text" not in middle.parameters["properties"] and "insert_text" in new.parameters["properties"]


@pytest.mark.parametrize(
    ("choice", "read_as"),
    [
        ({"type": "auto"}, ("auto", None)),
        ({"type": "any"}, ("required", None)),
        ({"type": "none"}, ("none", None)),
        ({"type": "tool", "name": "f"}, ("=f", None)),
        ({"type": "auto", "disable_parallel_tool_use": True}, ("auto", False)),
        ({"type": "auto", "disable_parallel_tool_use": False}, ("auto", None)),
        (None, (None, None)),
    ],
)
def test_how_tools_may_be_chosen(choice: Any, read_as: tuple[str | None, bool | None]) -> None:
    prompt = read(tools=[OWN], tool_choice=choice)
    assert (prompt.tool_choice, prompt.parallel_tool_calls) == read_as


def test_without_tools_there_is_no_choice() -> None:
    prompt = read(tools=[{"type": "web_search_20250305", "name": "w"}], tool_choice={"type": "any"})
    assert (prompt.tools, prompt.tool_choice) == ((), None)
    forced = refusal(tools=[{"type": "web_search_20250305", "name": "w"}], tool_choice={"type": "tool", "name": "w"})
    assert "only Anthropic can run" in forced.message
    assert "computer_20250124" in refusal(tools=[{"type": "computer_20250124", "name": "computer"}]).message


@pytest.mark.parametrize(
    ("thinking", "effort", "read_as"),
    [
        (None, None, None),
        ({"type": "disabled"}, "high", "none"),
        ({"type": "adaptive"}, None, None),
        ({"type": "adaptive"}, "medium", "medium"),
        ({"type": "enabled", "budget_tokens": 1024}, None, "low"),
        ({"type": "enabled", "budget_tokens": 10000}, None, "medium"),
        ({"type": "enabled", "budget_tokens": 31999}, None, "high"),
        ({"type": "enabled", "budget_tokens": 31999}, "low", "low"),
        (None, "xhigh", "high"),
        (None, "max", "high"),
    ],
)
def test_how_much_is_thought(thinking: Any, effort: str | None, read_as: str | None) -> None:
    assert read(thinking=thinking, output_config={"effort": effort}).reasoning_effort == read_as


@pytest.mark.parametrize("where", ["output_format", "output_config"])
def test_an_answer_may_be_asked_for_by_its_schema(where: str) -> None:
    asked = {"type": "json_schema", "schema": SCHEMA}
    more = {where: asked} if where == "output_format" else {where: {"format": asked}}
    assert read(**more).response_format == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SCHEMA},
    }


def test_what_only_anthropics_servers_do_is_left_out() -> None:
    assert (
        read(
            metadata={"user_id": "u"},
            service_tier="auto",
            container="c",
            mcp_servers=[{"type": "url", "url": "https://x", "name": "x"}],
            context_management={"edits": []},
            cache_control={"type": "ephemeral"},
            speed="fast",
        )
        == read()
    )


def test_a_request_that_only_fills_a_cache_asks_for_one_token() -> None:
    assert read(max_tokens=0).max_tokens == 1


def test_a_question_for_a_number_of_tokens_needs_no_max_tokens() -> None:
    assert Messages({"model": "m", "messages": [USER]}).prompt.max_tokens is None


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": [], "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": []}]}]}, "messages[0].content[0].type"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "name": "f"}]}]},
            "messages[0].content[0].id",
        ),
        ({"system": 1}, "system"),
        ({"model": 1}, "model"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": 1e999}, "temperature"),
        ({"temperature": 10**400}, "temperature"),
        ({"top_p": "x"}, "top_p"),
        ({"stream": "yes"}, "stream"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"stop_sequences": [1]}, "stop_sequences[0]"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"name": 1, "input_schema": {}}]}, "tools[0].name"),
        ({"tools": [{"name": "f", "input_schema": []}]}, "tools[0].input_schema"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": {"type": "maybe"}}, "tool_choice.type"),
        ({"thinking": "yes"}, "thinking"),
        ({"output_config": {"effort": "some"}}, "output_config.effort"),
        ({"output_format": {"type": "xml"}}, "output_format"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(more: dict[str, Any], param: str) -> None:
    refused = refusal(**more)
    assert refused.param == param
    assert param in refused.message


def test_what_is_nested_too_deeply_is_refused() -> None:
    deep: Any = {}
    for _ in range(900):
        deep = {"properties": deep, "content": [deep]}
    for more in (
        {"tools": [{"name": "f", "input_schema": deep}]},
        {"output_format": {"type": "json_schema", "schema": deep}},
        {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": deep}]}]},
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [deep]}]}]},
    ):
        assert "nested too deeply" in refusal(**more).message


KINDS = st.sampled_from(
    [
        "text",
        "image",
        "document",
        "thinking",
        "tool_use",
        "tool_result",
        "search_result",
        "base64",
        "url",
        "content",
        "redacted_thinking",
        "web_search_tool_result",
        "custom",
        "bash_20250124",
        "tool",
        "enabled",
        "json_schema",
        "user",
        "assistant",
        "system",
    ]
)
NAMES = st.sampled_from(
    [
        "type",
        "role",
        "content",
        "text",
        "source",
        "data",
        "media_type",
        "input",
        "id",
        "name",
        "tool_use_id",
        "title",
        "is_error",
        "input_schema",
        "budget_tokens",
        "effort",
        "format",
        "schema",
        "thinking",
        "url",
        "context",
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | KINDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=5),
    max_leaves=12,
)
TOP = st.sampled_from(
    [
        "model",
        "max_tokens",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "output_format",
        "stop_sequences",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "metadata",
    ]
)
BLOCKS = st.lists(
    st.fixed_dictionaries({"type": KINDS}, optional={"content": ANYTHING, "source": ANYTHING}), max_size=3
)
MESSAGES = st.lists(st.fixed_dictionaries({"role": KINDS, "content": ANYTHING | BLOCKS}), max_size=3)


@settings(max_examples=300, deadline=None)
@given(data=st.dictionaries(TOP, ANYTHING, max_size=6), messages=MESSAGES | ANYTHING)
def test_whatever_is_sent_is_read_or_refused_with_a_sentence(data: dict[str, Any], messages: Any) -> None:
    before = repr(data)
    with contextlib.suppress(Unreadable):
        assert Messages({"messages": messages, **data}).prompt.turns
    assert repr(data) == before


# -- round trip ---------------------------------------------------------------------------------------------------

SOME = st.text(min_size=1, max_size=8).filter(lambda text: not text.startswith("x-anthropic"))
SHOWN = (
    st.builds(Text, SOME)
    | st.builds(lambda data: Image(f"data:image/png;base64,{data}"), st.text("abc", min_size=1))
    | st.builds(lambda name: Image(f"https://x/{name}"), st.text("abc"))
    | st.builds(
        lambda data, name: File(f"data:application/pdf;base64,{data}", name=name), st.text("abc", min_size=1), SOME
    )
)
SAID = (
    st.builds(Text, SOME)
    | st.builds(Thinking, SOME)
    | st.builds(
        lambda id, name, given: ToolCall(id, name, orjson.dumps(given).decode()),
        *(SOME, SOME, st.dictionaries(st.text(max_size=3), st.integers(0, 9) | st.text(max_size=3), max_size=3)),
    )
)
RESULT = st.builds(ToolResult, SOME, st.lists(SHOWN, max_size=3).map(tuple), st.booleans())


def turn(role: str, part: st.SearchStrategy[Any]) -> st.SearchStrategy[Turn]:
    return st.builds(Turn, st.just(role), st.lists(part, min_size=1, max_size=3).map(tuple))


TURNS = st.lists(
    turn("user", SHOWN | RESULT) | turn("assistant", SAID) | turn("system", st.builds(Text, SOME)),
    min_size=1,
    max_size=4,
)
TOOLS = st.lists(st.builds(Tool, SOME, st.none() | SOME, st.just(SCHEMA), st.none() | st.booleans()), max_size=2).map(
    tuple
)


@st.composite
def prompts(draw: st.DrawFn) -> Prompt:
    tools = draw(TOOLS)
    choices = [None, "auto", "required", "none", *(f"={tool.name}" for tool in tools)]
    choice = draw(st.sampled_from(choices)) if tools else None
    return Prompt(
        model=draw(SOME),
        turns=tuple(draw(TURNS)),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=draw(st.sampled_from([None, False])) if choice else None,
        stream=draw(st.booleans()),
        max_tokens=draw(st.none() | st.integers(1, 1 << 40)),
        temperature=draw(st.none() | st.floats(0, 1)),
        top_p=draw(st.none() | st.floats(0, 1)),
        stop=tuple(draw(st.lists(SOME, max_size=2))),
        response_format=draw(
            st.none() | st.just({"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}})
        ),
        reasoning_effort=draw(st.sampled_from([None, "none", "low", "medium", "high"])),
        other=draw(st.just({}) | st.builds(lambda k: {"top_k": k}, st.integers(0, 99))),
    )


def block(part: Part) -> dict[str, Any]:
    """A part as a block of Messages."""
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Thinking(text):
            return {"type": "thinking", "thinking": text, "signature": "signalbox"}
        case ToolCall(id, name, arguments):
            return {"type": "tool_use", "id": id, "name": name, "input": orjson.loads(arguments)}
        case ToolResult(id, shown, failed):
            content = [block(each) for each in shown]
            return {"type": "tool_result", "tool_use_id": id, "content": content, "is_error": failed}
        case Image(url) if url.startswith("data:"):
            return {"type": "image", "source": source(url)}
        case Image(url):
            return {"type": "image", "source": {"type": "url", "url": url}}
        case File(data, _, name):
            return {"type": "document", "source": source(data or ""), "title": name}
    raise AssertionError(part)


def source(url: str) -> dict[str, Any]:
    media, _, data = url.removeprefix("data:").partition(";base64,")
    return {"type": "base64", "media_type": media, "data": data}


def body(prompt: Prompt) -> dict[str, Any]:
    """A prompt as a client of Anthropic's would send it."""
    sent: dict[str, Any] = {
        "model": prompt.model,
        "stream": prompt.stream,
        "messages": [{"role": each.role, "content": [block(part) for part in each.parts]} for each in prompt.turns],
        "tools": [
            {"name": tool.name, "input_schema": tool.parameters}
            | ({} if tool.description is None else {"description": tool.description})
            | ({} if tool.strict is None else {"strict": tool.strict})
            for tool in prompt.tools
        ],
        "stop_sequences": list(prompt.stop),
        "output_config": {},
        **prompt.other,
    }
    for name in ("max_tokens", "temperature", "top_p"):
        if (value := getattr(prompt, name)) is not None:
            sent[name] = value
    if (choice := prompt.tool_choice) is not None:
        types = {"auto": "auto", "required": "any", "none": "none"}
        sent["tool_choice"] = {"type": "tool", "name": choice[1:]} if choice[0] == "=" else {"type": types[choice]}
        if prompt.parallel_tool_calls is False:
            sent["tool_choice"]["disable_parallel_tool_use"] = True
    if prompt.response_format is not None:
        sent["output_config"]["format"] = {"type": "json_schema", "schema": SCHEMA}
    if prompt.reasoning_effort == "none":
        sent["thinking"] = {"type": "disabled"}
    else:
        sent["output_config"]["effort"] = prompt.reasoning_effort
    return sent


@settings(max_examples=100, deadline=None)
@given(prompt=prompts())
def test_a_prompt_that_is_sent_is_the_prompt_that_is_read(prompt: Prompt) -> None:
    assert Messages(orjson.loads(orjson.dumps(body(prompt)))).prompt == prompt


# -- real clients -------------------------------------------------------------------------------------------------


def test_every_recorded_request_is_read() -> None:
    read_ones = 0
    for path in sorted(captures.needed().glob("*/*.json")):
        recorded = orjson.loads(path.read_bytes())
        if "/messages" in recorded["path"] and recorded["method"] == "POST":
            prompt = Messages(recorded["body"]).prompt
            assert prompt.turns[-1].parts and len(prompt.tools) == len(recorded["body"].get("tools", []))
            read_ones += 1
    assert read_ones
