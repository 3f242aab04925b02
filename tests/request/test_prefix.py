"""The beginnings of a conversation: equal over its turns, different between conversations."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.request.prefix import LONGEST
from tests.request.bodies import chat, signals
from tests.request.test_signals import BODIES, FUNCTION, PATHS

SYSTEM = ("system", "You are a helpful assistant.")


def beginnings(*turns: tuple[str, str], **more: Any) -> tuple[bytes, ...]:
    return signals({**chat(*turns), **more}).prefixes


def test_a_later_turn_begins_as_the_turns_before_it() -> None:
    first = beginnings(SYSTEM, ("user", "hello"))
    second = beginnings(SYSTEM, ("user", "hello"), ("assistant", "hi"), ("user", "and now?"))
    assert len(first) == 1
    assert len(second) == 3
    assert second[: len(first)] == first


def test_a_common_system_prompt_does_not_make_two_conversations_one() -> None:
    assert not set(beginnings(SYSTEM, ("user", "a"))) & set(beginnings(SYSTEM, ("user", "b"), ("assistant", "x")))


def test_what_a_client_puts_before_the_first_real_turn_does_not_make_two_conversations_one() -> None:
    wrapped = ("user", "<environment_context>\n  <cwd>/home/me</cwd>\n</environment_context>")
    first, second = beginnings(SYSTEM, wrapped, ("user", "a")), beginnings(SYSTEM, wrapped, ("user", "b"))
    assert len(first) == len(second) == 1
    assert first != second


@pytest.mark.parametrize("change", [{"tools": [FUNCTION]}, {"functions": [{"name": "f"}]}, {"system": "x"}])
def test_other_tools_or_another_system_prompt_make_another_prompt(change: dict[str, Any]) -> None:
    assert not set(beginnings(("user", "a"))) & set(beginnings(("user", "a"), **change))


def test_fields_that_do_not_change_the_prompt_do_not_change_the_beginnings() -> None:
    assert beginnings(("user", "a")) == beginnings(("user", "a"), temperature=1, stream=True, model="x")


def test_of_a_long_item_the_ends_and_the_length_tell_it_apart() -> None:
    long = "x" * LONGEST
    texts = [long, "y" + long[1:], long[:-1] + "y", long + "x"]
    assert len({beginnings(("user", text)) for text in texts}) == len(texts)


def test_a_request_without_a_conversation_has_no_beginnings() -> None:
    assert signals({}).prefixes == ()


def test_a_large_conversation_is_quickly_digested() -> None:
    turns = [("user" if n % 2 else "assistant", "word " * 200) for n in range(300)]
    found = signals(chat(*turns))
    _ = found.conversation.first
    begin = time.perf_counter()
    assert len(found.prefixes) == 299
    assert time.perf_counter() - begin < 0.05


DEEP: Any = "x"
for _ in range(3000):
    DEEP = {"content": [DEEP]}


@pytest.mark.parametrize("content", ["\ud800", 10**30, DEEP])
def test_what_only_the_lenient_reader_lets_through_is_digested(content: Any) -> None:
    assert len(signals({"messages": [{"role": "user", "content": content}]}).prefixes) == 1


@given(BODIES, st.sampled_from(PATHS))
def test_no_json_makes_it_raise(body: dict[str, Any], path: str) -> None:
    found = signals(body, path).prefixes
    assert len(set(found)) == len(found)
