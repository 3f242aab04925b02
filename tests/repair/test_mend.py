"""What of a request changes for a backend that does not take it as it is."""

from __future__ import annotations

from time import thread_time
from typing import Any

import pytest

from router.repair.mend import UNCHANGED, mend
from router.repair.needs import NOTHING, Needs, dropping
from router.request.edit import REMOVE

Message = dict[str, Any]


def says(role: str, content: Any = "x", **more: Any) -> Message:
    return {"role": role, "content": content, **more}


def messages(needs: Needs, *given: Message) -> tuple[list[Message], tuple[str, ...]]:
    mended = mend({"messages": list(given)}, needs)
    return mended.changes.get("messages", list(given)), mended.words


def roles(given: list[Message]) -> list[str]:
    return [each["role"] for each in given]


BARE = {"model": "m", "messages": [says("system"), says("user")], "max_tokens": 5, "tools": [{"type": "function"}]}
EVERYTHING = Needs(True, "one", True, True, True, "max_tokens", 100, True, frozenset({"store", "tools[].strict"}))


def test_what_is_taken_as_it_is_does_not_change() -> None:
    assert mend(BARE, EVERYTHING, lambda: 1000) is UNCHANGED
    assert mend({"messages": "nonsense", "tools": 3, "max_tokens": "5"}, EVERYTHING) is UNCHANGED
    assert mend({}, EVERYTHING) is UNCHANGED


def test_odd_messages_do_no_harm() -> None:
    odd: list[Any] = [None, 3, "x", [], {}, {"role": None}, {"role": ["user"]}, {"role": "system"}, {"role": "user"}]
    mended, _ = messages(EVERYTHING, *odd)
    assert mended[:4] == odd[:4]


def test_the_request_itself_is_never_changed() -> None:
    given = [says("developer"), says("system"), says("user", [{"type": "text", "text": "a"}]), says("user", None)]
    before = [dict(each) for each in given]
    messages(EVERYTHING, *given)
    assert given == before


def test_a_developer_becomes_the_system() -> None:
    mended, words = messages(Needs(developer=True), says("developer", "be brief"), says("user"))
    assert (mended[0], words) == (says("system", "be brief"), ("developer->system",))


def test_system_messages_at_the_beginning_become_one_in_their_order() -> None:
    mended, words = messages(Needs(system="one"), says("system", "a"), says("system", "b", name="n"), says("user"))
    assert mended == [says("system", "a\n\nb", name="n"), says("user")]
    assert words == ("system merged",)


def test_lists_of_parts_are_merged_as_lists() -> None:
    part = {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}
    mended, _ = messages(Needs(system="one"), says("system", "a"), says("system", [part]), says("user"))
    assert mended[0]["content"] == [{"type": "text", "text": "a"}, part]


def test_a_late_system_message_becomes_part_of_what_the_user_said_before_it() -> None:
    mended, words = messages(Needs(system="one"), says("system"), says("user", "fix it"), says("system", "in diffs"))
    assert mended == [says("system"), says("user", "fix it\n\nin diffs")]
    assert words == ("system->user",)


def test_a_late_system_message_before_a_user_opens_what_that_one_says() -> None:
    given = says("user", "a"), says("assistant", "b"), says("system", "c"), says("user", "d", name="n")
    mended, _ = messages(Needs(system="one"), *given)
    assert mended[2:] == [says("user", "c\n\nd", name="n")]


def test_a_late_system_message_never_comes_between_a_call_and_its_results() -> None:
    call = says("assistant", None, tool_calls=[{"id": "1"}])
    given = says("user"), call, says("system", "s"), says("tool", "r", tool_call_id="1")
    mended, _ = messages(Needs(system="one"), *given)
    assert roles(mended) == ["user", "assistant", "tool", "user"]


def test_late_system_messages_go_to_the_beginning_where_the_rules_say_so() -> None:
    mended, words = messages(Needs(system="hoist"), says("user", "u"), says("system", "a"), says("system", "b"))
    assert (mended, words) == ([says("system", "a\n\nb"), says("user", "u")], ("system merged",))


def test_without_a_system_role_its_words_are_the_user_s() -> None:
    mended, words = messages(Needs(system="none"), says("system", "be brief"), says("user", "hi"))
    assert (mended, words) == ([says("user", "be brief\n\nhi")], ("system->user",))


def test_developers_are_merged_with_the_system() -> None:
    mended, words = messages(
        Needs(developer=True, system="one"), says("developer", "a"), says("system", "b"), says("user")
    )
    assert mended[0] == says("system", "a\n\nb")
    assert words == ("developer->system", "system merged")


def test_a_developer_that_is_taken_counts_as_the_system() -> None:
    given = says("developer", "a"), says("system", "b"), says("user", "u"), says("developer", "c")
    mended, words = messages(Needs(system="one"), *given)
    assert mended == [says("developer", "a\n\nb"), says("user", "u\n\nc")]
    assert words == ("system merged", "system->user")


def test_what_one_side_says_in_a_row_is_one_message_where_sides_take_turns() -> None:
    call = says("assistant", None, tool_calls=[{"id": "1"}])
    given = (
        *(says("system"), says("user", "a"), says("user", "b"), says("assistant", "c"), call, says("tool", "r")),
        *(says("tool", "s"), says("assistant", "d"), says("user", [{"type": "image_url"}]), says("user", "e")),
    )
    mended, words = messages(Needs(alternate=True), *given)
    assert roles(mended) == ["system", "user", "assistant", "tool", "tool", "assistant", "user"]
    assert mended[1]["content"] == "a\n\nb"
    assert (mended[2]["content"], mended[2]["tool_calls"]) == ("c", [{"id": "1"}])
    assert mended[-1]["content"] == [{"type": "image_url"}, {"type": "text", "text": "e"}]
    assert words == ("messages merged",)


def test_parts_of_text_become_a_text_and_pictures_stay() -> None:
    two = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    picture = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:"}}]
    mended, words = messages(
        Needs(plain=True), says("tool", two), says("user", picture), says("user", [{"type": "text"}])
    )
    assert [each["content"] for each in mended] == ["a\nb", picture, [{"type": "text"}]]
    assert words == ("content flattened",)


def test_a_missing_content_becomes_an_empty_one() -> None:
    mended, words = messages(Needs(filled=True), says("assistant", None), {"role": "assistant"}, says("user"))
    assert [each["content"] for each in mended] == ["", "", "x"]
    assert words == ("content null->empty",)


@pytest.mark.parametrize(
    ("given", "needs", "changes", "words"),
    [
        (
            {"max_tokens": 9},
            Needs(tokens_field="max_completion_tokens"),
            {"max_tokens": REMOVE, "max_completion_tokens": 9},
            ("max_tokens->max_completion_tokens",),
        ),
        (
            {"max_completion_tokens": 9},
            Needs(tokens_field="max_tokens", most=5),
            {"max_completion_tokens": REMOVE, "max_tokens": 5},
            ("max_completion_tokens->max_tokens", "max_tokens clamped to 5"),
        ),
        (
            {"max_completion_tokens": 9, "max_tokens": 8},
            Needs(tokens_field="max_completion_tokens"),
            {"max_tokens": REMOVE},
            ("dropped max_tokens",),
        ),
        ({"max_tokens": 9}, Needs(most=8), {"max_tokens": 8}, ("max_tokens clamped to 8",)),
        ({"max_tokens": 9}, Needs(fits=True), {"max_tokens": 7}, ("max_tokens clamped to 7",)),
        ({"store": None, "seed": 1}, dropping("store"), {"store": REMOVE}, ("dropped store",)),
    ],
)
def test_fields(given: dict[str, Any], needs: Needs, changes: dict[str, Any], words: tuple[str, ...]) -> None:
    mended = mend({"model": "m", "messages": [], **given}, needs, lambda: 7)
    assert (mended.changes, mended.words) == (changes, words)


@pytest.mark.parametrize("asked", [True, 0, -1, 2.5, "9", None])
def test_a_length_that_is_none_is_the_backend_s_to_complain_of(asked: Any) -> None:
    assert mend({"messages": [], "max_tokens": asked}, Needs(most=1)) is UNCHANGED


@pytest.mark.parametrize("most", [0, 1, 7, 100])
def test_no_answer_is_asked_for_that_is_longer_or_empty(most: int) -> None:
    changes = mend({"max_tokens": 7}, Needs(most=most, fits=True), lambda: 0).changes
    assert changes == ({"max_tokens": 1} if most == 1 else {})


def test_the_room_is_asked_for_only_where_it_matters() -> None:
    def never() -> int:
        raise AssertionError

    mend({"messages": [], "max_tokens": 9}, Needs(most=100), never)
    mend({"messages": []}, Needs(fits=True), never)


def test_strict_is_dropped_from_tools_and_their_functions() -> None:
    bare = {"type": "function", "function": {"name": "b"}}
    tools = [{"type": "function", "strict": True, "function": {"name": "a", "strict": False}}, bare, None]
    mended = mend({"messages": [], "tools": tools}, dropping("tools[].strict"))
    assert mended.changes == {"tools": [{"type": "function", "function": {"name": "a"}}, bare, None]}
    assert mended.words == ("dropped tools[].strict",)


def test_completions_have_no_messages_and_one_field_for_their_length() -> None:
    needs = Needs(system="one", tokens_field="max_completion_tokens", most=5, drop=frozenset({"store"}))
    mended = mend({"prompt": "x", "max_tokens": 9, "store": True}, needs)
    assert mended.changes == {"max_tokens": 5, "store": REMOVE}


def test_what_would_be_another_request_without_a_field_is_not_made() -> None:
    assert mend(BARE, dropping("messages", "model", "tools", "stream")) is UNCHANGED


def test_needs_add_up() -> None:
    one, two = Needs(developer=True, most=9, drop=frozenset({"a"})), Needs(system="one", most=7, drop=frozenset({"b"}))
    assert one | two == Needs(developer=True, system="one", most=7, drop=frozenset({"a", "b"}))
    assert (one | NOTHING, NOTHING | one) == (one, one)


@pytest.mark.alone
@pytest.mark.parametrize("pattern", [("system",), ("user",), ("user", "system"), ("system", "tool"), ("assistant",)])
@pytest.mark.parametrize("system", ["one", "hoist", "none"])
def test_many_messages_are_merged_in_linear_time(pattern: tuple[str, ...], system: Any) -> None:
    given = [says(pattern[index % len(pattern)], "x" * 100) for index in range(20_000)]
    began = thread_time()
    mend({"messages": given}, Needs(developer=True, system=system, alternate=True, plain=True, filled=True))
    assert thread_time() - began < 1
