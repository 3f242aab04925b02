from __future__ import annotations

from typing import Any

import pytest

from router.backends.contract import BackendError, Call
from router.backends.world.question import Question, pack
from router.backends.world.settings import Settings
from tests.backends.world.worlds import CHAT, COMPLETIONS, asked, call

SETTINGS = Settings("tofy", temperature=0.7, repeat_penalty=1.12, max_tokens=4096)


def of(messages: list[Any], **fields: Any) -> Question:
    return Question.loads(pack(Call(CHAT, b"", {"messages": messages, **fields})), SETTINGS)


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def test_the_prompt_is_the_last_user_message_and_earlier_turns_come_before_it() -> None:
    question = of(
        [
            {"role": "system", "content": "be brief"},
            user("one"),
            {"role": "assistant", "content": "two"},
            user([{"type": "text", "text": "three"}]),
        ]
    )
    assert question.prompt == "three"
    assert question.turns == ("one", "two", "three")


def test_what_an_agent_wraps_around_the_prompt_and_its_tools_are_left_out() -> None:
    wrapped = "<system-reminder>Mind the gap.</system-reminder>\nWhere is F?"
    tools = [{"type": "function", "function": {"name": "bash"}}]
    question = of([user(wrapped)], tools=tools, tool_choice="auto")
    assert question.prompt == "Where is F?"
    assert "tools" not in question.request.data


def test_where_a_request_is_silent_the_settings_speak() -> None:
    sampling = of([user("hi")]).request.sampling
    assert (sampling.temperature, sampling.repeat_penalty) == (0.7, 1.12)
    assert of([user("hi")]).request.max_tokens == 4096
    said = of([user("hi")], temperature=0, repeat_penalty=1, max_tokens=5, seed=3, stop="x", top_p=0.5)
    assert (said.request.sampling.temperature, said.request.sampling.repeat_penalty) == (0, 1)
    assert (said.request.max_tokens, said.request.stops, said.request.sampling.top_p) == (5, ("x",), 0.5)
    assert of([user("hi")], max_completion_tokens=6).request.max_tokens == 6
    assert of([user("hi")], temperature=None, max_tokens=None).request.max_tokens == 4096


def test_a_completion_s_prompt_is_the_user_s_message() -> None:
    question = Question.loads(pack(call("Where is F?", path=COMPLETIONS)), SETTINGS)
    assert (question.prompt, question.request.chat, question.request.max_tokens) == ("Where is F?", False, 4096)


def test_ablation_and_the_world_are_asked_for_by_a_field() -> None:
    assert (asked().ablate, asked().world) == (False, False)
    both = asked(signalbox={"ablate": True, "world": True})
    assert (both.ablate, both.world) == (True, True)
    assert asked(settings=Settings("tofy", ablate=True)).ablate
    for odd in (None, [], "world", {"world": "yes"}, {"ablate": 1}):
        assert (asked(signalbox=odd).ablate, asked(signalbox=odd).world) == (False, False)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"messages": []},
        {"messages": "hi"},
        {"messages": [None, 5, {"role": "user"}]},
        {"messages": [{"role": "user", "content": " \n"}]},
        {"messages": [{"role": "assistant", "content": "I spoke last"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": None}]}]},
    ],
)
def test_a_request_in_which_no_user_says_a_word_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(BackendError) as raised:
        pack(Call(CHAT, b"", data))
    assert (raised.value.reason, raised.value.status) == ("refused", 400)


@pytest.mark.parametrize(
    "fields", [{"temperature": "hot"}, {"n": 2}, {"max_tokens": 0}, {"stop": 5}, {"logit_bias": {"a": 1}}]
)
def test_a_field_that_cannot_be_meant_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BackendError) as raised:
        of([user("hi")], **fields)
    assert raised.value.status == 400


def test_a_long_history_is_cut_and_a_prompt_beyond_every_context_refused() -> None:
    turns = [user("x" * 10_000) for _ in range(100)]
    assert len(of([*turns, user("the question")]).turns) < 10
    assert len(of([user("short")] * 100).turns) == 33
    with pytest.raises(BackendError) as raised:
        of([user("x" * (17 << 20))])
    assert raised.value.code == "context_length_exceeded"
    with pytest.raises(BackendError, match="no Unicode"):
        of([user("\ud800")])
