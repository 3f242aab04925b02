"""Chat templates, and the fields of a request."""

from __future__ import annotations

from typing import Any

import pytest

from router.backends.contract import BackendError
from router.backends.llama.file import GgufError
from router.backends.llama.prompt import ChatTemplate
from router.backends.llama.request import read
from router.backends.llama.sampler import gbnf

USER = {"role": "user", "content": "hi"}


def render(source: str | None, *messages: dict[str, Any], **fields: Any) -> str:
    return ChatTemplate(source, "<s>", "</s>").render({"messages": list(messages) or [USER], **fields})


def refusal(call: Any) -> str:
    with pytest.raises(BackendError) as raised:
        call()
    assert raised.value.reason == "refused"
    assert raised.value.status == 400
    return raised.value.message


def test_a_template_sees_bos_eos_and_the_generation_prompt() -> None:
    source = "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{% if add_generation_prompt %}>{% endif %}"
    assert render(source) == "<s>hi</s>>"


def test_without_a_template_a_conversation_is_a_plain_dialogue() -> None:
    assert render(None, {"role": "system", "content": "be brief"}, USER) == "System: be brief\n\nUser: hi\n\nAssistant:"


def test_a_developer_message_is_a_system_message_to_the_template() -> None:
    assert render("{{ messages[0].role }}", {"role": "developer", "content": "x"}) == "system"


def test_text_parts_are_joined_and_missing_content_is_empty() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    source = "{% for m in messages %}[{{ m.content }}]{% endfor %}"
    assert render(source, {"role": "user", "content": parts}, {"role": "assistant", "content": None}) == "[ab][]"


def test_an_image_is_refused_by_its_place() -> None:
    image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}
    assert "messages[0]" in refusal(lambda: render("x", image))


def test_arguments_of_earlier_tool_calls_are_objects_to_the_template() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": "<é>"}'}}
    source = "{{ messages[0].tool_calls[0].function.arguments | tojson }}"
    assert render(source, {"role": "assistant", "content": None, "tool_calls": [call]}) == '{"a": "<é>"}'


def test_tools_reach_the_template_unless_the_choice_is_none() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert render("{{ tools | length if tools else 0 }}", tools=tools) == "1"
    assert render("{{ tools | length if tools else 0 }}", tools=tools, tool_choice="none") == "0"


def test_raise_exception_refuses_the_request_in_the_template_s_words() -> None:
    assert "roles must alternate" in refusal(lambda: render("{{ raise_exception('roles must alternate') }}"))


def test_template_kwargs_of_the_request_reach_the_template() -> None:
    assert render("{{ enable_thinking }}", chat_template_kwargs={"enable_thinking": False}) == "False"


def test_loop_controls_dates_and_generation_marks_work() -> None:
    source = (
        "{% for m in messages %}{% break %}{% endfor %}{{ strftime_now('%Y') }}{% generation %}x{% endgeneration %}"
    )
    assert render(source)[:2] == "20"
    assert render(source)[-1] == "x"


@pytest.mark.parametrize(
    "attack",
    [
        "{{ messages.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{{ cycler.__init__.__globals__ }}",
    ],
)
def test_a_template_cannot_leave_its_sandbox(attack: str) -> None:
    refusal(lambda: render(attack))


def test_a_template_that_is_no_jinja_makes_the_model_unusable() -> None:
    with pytest.raises(GgufError, match="no Jinja"):
        ChatTemplate("{% if %}", "", "")


@pytest.mark.parametrize("messages", [None, [], "hi", [1], [{"content": "x"}], [{"role": "user", "content": 5}]])
def test_messages_of_a_wrong_shape_are_refused(messages: Any) -> None:
    refusal(lambda: ChatTemplate(None, "", "").render({"messages": messages}))


@pytest.mark.parametrize(
    "field",
    [
        {"n": 2},
        {"temperature": "hot"},
        {"temperature": -1},
        {"top_p": 2},
        {"max_tokens": 0},
        {"max_tokens": 1.5},
        {"stop": 5},
        {"stop": ["x"] * 33},
        {"logit_bias": {"x": 1}},
        {"logit_bias": [1]},
        {"seed": "a"},
        {"logprobs": True, "top_logprobs": 99},
    ],
)
def test_a_field_of_a_wrong_value_is_refused_by_name(field: dict[str, Any]) -> None:
    assert next(reversed(field)) in refusal(lambda: read(field, chat=True, stream=False))


def test_null_means_absent_everywhere() -> None:
    fields = ["n", "temperature", "top_p", "max_tokens", "stop", "seed", "logit_bias", "logprobs", "stream_options"]
    request = read(dict.fromkeys(fields), chat=True, stream=False)
    assert request.max_tokens is None
    assert request.sampling.temperature == 0.8


def test_completions_end_after_sixteen_tokens_unless_told_otherwise_and_chat_does_not() -> None:
    assert read({}, chat=False, stream=False).max_tokens == 16
    assert read({}, chat=True, stream=False).max_tokens is None
    assert read({"max_tokens": 9, "max_completion_tokens": 7}, chat=True, stream=False).max_tokens == 7


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "#/nowhere"},
        {"type": "nothing"},
        "object",
    ],
)
def test_a_schema_that_is_no_grammar_is_refused_and_nothing_is_fetched(schema: Any) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    refusal(lambda: gbnf({"response_format": wanted}))


def test_a_grammar_nested_without_end_is_refused_before_llama_cpp_recurses() -> None:
    assert "nested" in refusal(lambda: gbnf({"grammar": "root ::= " + "(" * 5000 + '"a"' + ")" * 5000}))
    assert gbnf({"grammar": 'root ::= "((((" [(] # ((('}) is not None
