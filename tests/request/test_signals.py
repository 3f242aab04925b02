"""Each signal is what the rules are promised, for any JSON that a client may send."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.request.envelope import Envelope, Headers
from router.request.signals import HARNESSES, NAMES, TASKS, Signals
from router.request.wording import words
from tests.request.bodies import anthropic, chat, responses, signals

FUNCTION = {"type": "function", "function": {"name": "get_weather", "parameters": {}}}


def test_a_plain_request_has_plain_signals() -> None:
    found = signals(chat(("system", "be brief"), ("user", "hi"), max_tokens=5, stream=True))
    assert (found.model, found.path, found.dialect) == ("auto", "/v1/chat/completions", "openai")
    assert (found.harness, found.key, found.task) == ("other", None, "chat")
    assert (found.image, found.audio, found.file, found.tools, found.tool_loop) == (False, False, False, (), False)
    assert (found.max_tokens, found.turns, found.stream, found.json) == (5, 1, True, False)
    assert (found.language, found.text, found.system) == ("", "hi", "be brief")


def test_headers_are_found_without_case_and_none_when_absent() -> None:
    found = Signals(Envelope(path="/v1/models", headers=Headers.of({"X-Task": "world", "x-empty": ""})))
    assert found.header("x-task") == "world"
    assert found.header("X-TASK") == "world"
    assert found.header("x-empty") == ""
    assert found.header("x-none") is None


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/chat/completions", "openai"),
        ("/v1/embeddings", "openai"),
        ("/v1/responses", "responses"),
        ("/v1/responses/compact", "responses"),
        ("/v1/messages", "anthropic"),
        ("/v1/messages/count_tokens", "anthropic"),
    ],
)
def test_the_path_tells_the_dialect(path: str, dialect: str) -> None:
    assert signals({}, path).dialect == dialect


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (signals(chat(tools=[FUNCTION])), ("get_weather",)),
        (signals(chat(functions=[{"name": "old"}])), ("old",)),
        (anthropic(tools=[{"name": "bash", "type": "bash_20250124"}]), ("bash",)),
        (responses(tools=[{"type": "function", "name": "f"}, {"type": "web_search"}]), ("f", "web_search")),
        (responses(tools=[{"type": "custom", "name": "apply_patch"}]), ("apply_patch",)),
        (
            responses(tools=[{"type": "namespace", "name": "agents", "tools": [{"name": "spawn"}, {"name": "wait"}]}]),
            ("agents", "spawn", "wait"),
        ),
        (
            responses({"type": "additional_tools", "role": "developer", "tools": [{"type": "custom", "name": "exec"}]}),
            ("exec",),
        ),
        (signals(chat(tools=["x", 3, None, {"function": 1}, {}])), ()),
        (signals(chat(tools={"name": "x"})), ()),
    ],
)
def test_tools_are_named_in_order(found: Signals, names: tuple[str, ...]) -> None:
    assert found.tools == names


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens", "max_output_tokens"])
def test_the_limit_of_the_answer_has_three_names(field: str) -> None:
    assert signals({field: 7}).max_tokens == 7
    assert signals({field: "7"}).max_tokens is None
    assert signals({field: True}).max_tokens is None
    assert signals({}).max_tokens is None


@pytest.mark.parametrize(
    "body",
    [
        {"response_format": {"type": "json_schema", "json_schema": {}}},
        {"response_format": {"type": "json_object"}},
        {"text": {"format": {"type": "json_schema", "schema": {}}}},
        {"output_config": {"format": {"type": "json_schema"}}},
    ],
)
def test_json_is_asked_for_in_every_dialect(body: dict[str, Any]) -> None:
    assert signals(body).json is True
    assert signals({"response_format": {"type": "text"}, "text": {"format": {"type": "text"}}}).json is False


def test_streaming_is_what_the_body_says() -> None:
    assert signals({"stream": True}).stream is True
    assert not any(signals({"stream": value}).stream for value in (None, False, "true", 1))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("```py\nx = 1\n```", "python"),
        ("```C++\nint x;\n```", "cpp"),
        ("fix src/lib.rs", "rust"),
        ("def add(a, b):\n    return a", "python"),
        ("fn main() { let x = 1; }", "rust"),
        ("SELECT a FROM b WHERE c = 1", "sql"),
        ("write it in Go", "go"),
        ("a JavaScript question", "javascript"),
        ("C++ or C#?", "cpp"),
        ("go to the zoo and see a python", ""),
        ("who made Node.js?", ""),
        ("hello", ""),
    ],
)
def test_the_programming_language_is_seen(text: str, language: str) -> None:
    assert signals(chat(("user", text))).language == language


def test_the_session_is_what_the_client_says_or_the_beginning_of_the_talk() -> None:
    body = chat(("system", "s"), ("user", "first"))
    longer = chat(("system", "s"), ("user", "first"), ("assistant", "a"), ("user", "second"))
    assert signals(body).session == signals(longer).session
    assert signals(body).session != signals(chat(("system", "t"), ("user", "first"))).session
    assert signals(body).session != signals(chat(("system", "s"), ("user", "other"))).session
    assert signals(body, x_session_id="ses_1").session == "ses_1"
    assert signals({**body, "prompt_cache_key": "k"}).session == "k"
    assert anthropic(("user", "hi"), metadata={"user_id": "user_1_session_2"}).session == "user_1_session_2"


def test_the_time_can_be_given() -> None:
    at = datetime(2026, 11, 21, 23, 0)
    assert Signals(Envelope(path="/v1/models"), at).time == at
    assert abs((signals({}).time - datetime.now()).total_seconds()) < 5


def test_a_signal_is_worked_out_once() -> None:
    found = signals(chat(("user", "hi")))
    first = found.tools
    found.envelope.data["tools"] = [FUNCTION]
    assert found.tools is first


def test_what_is_no_signal_is_no_attribute() -> None:
    with pytest.raises(AttributeError):
        _ = signals({}).weather


def test_explain_gets_every_signal_as_json_has_it() -> None:
    found = Signals(Envelope(path="/v1/chat/completions", data=chat(tools=[FUNCTION])), datetime(2026, 1, 2, 3, 4, 5))
    values = found.as_dict()
    assert set(values) == {*NAMES, "session"} - {"header", "backend"}
    assert values["tools"] == ["get_weather"]
    assert values["time"] == "2026-01-02T03:04:05"


KEYS = words(
    "role type content text tools function name input output image_url url source system arguments format file"
)
KINDS = words("user system tool message input_text image_url file tool_result additional_tools function_call")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(sorted(KEYS)), inner | st.sampled_from(sorted(KINDS)), max_size=5)
    ),
    max_leaves=20,
)
FIELDS = words(
    "model messages input prompt suffix system instructions tools functions stream max_tokens text "
    "response_format query documents metadata prompt_cache_key output_config"
)
PATHS = [f"/v1/{name}" for name in ("chat/completions", "responses", "messages", "completions", "embeddings", "other")]


BODIES = st.dictionaries(st.sampled_from(sorted(FIELDS)), JSON | st.lists(JSON, max_size=4), max_size=8)


@given(BODIES, st.sampled_from(PATHS))
def test_no_json_makes_a_signal_raise(body: dict[str, Any], path: str) -> None:
    found = signals(body, path)
    values = found.as_dict()
    assert values["task"] in TASKS
    assert values["harness"] in HARNESSES
    assert isinstance(values["text"], str)
    assert isinstance(values["system"], str)
    assert values["tokens"] >= 0
    assert all(isinstance(name, str) for name in values["tools"])


def test_deep_nesting_makes_no_signal_raise() -> None:
    deep: Any = "x"
    for _ in range(3000):
        deep = {"content": [deep]}
    signals({"messages": [deep, {"role": "user", "content": [deep]}], "tools": [deep], "system": deep}).as_dict()
