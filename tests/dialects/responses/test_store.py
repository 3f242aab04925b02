"""Answers that are kept for clients which go on from one by its name."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.dialects.contract import Unreadable
from router.dialects.neutral import (
    Arguments,
    Began,
    Called,
    Ended,
    Event,
    Failed,
    Said,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from router.dialects.responses import Responses
from router.dialects.responses.store import OVERHEAD, Memory, Store
from tests.dialects.responses.client import TOOLS

HOUR = 3600.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def store(entries: int = 100, size: int = 10**6) -> tuple[Store, Clock]:
    clock = Clock()
    return Store(entries, size, HOUR, clock), clock


ANSWER: list[Event] = [Began("1", "m", 1), Said("Hello"), Ended("stop")]


def ask(memory: Memory, text: Any, previous: str | None = None, events: list[Event] = ANSWER, **more: Any) -> str:
    """Ask, and give the id of the answer."""
    body = {"input": text, "previous_response_id": previous, "tools": TOOLS, **more}
    answer: str = Responses(body, memory).whole(events)["id"]
    return answer


def turns(memory: Memory, previous: str, given: Any = "and?") -> tuple[Turn, ...]:
    return Responses({"input": given, "previous_response_id": previous, "tools": TOOLS}, memory).prompt.turns


def user(text: str) -> Turn:
    return Turn("user", (Text(text),))


SAID = Turn("assistant", (Text("Hello"),))


def test_a_conversation_goes_on_where_it_was() -> None:
    memory = store()[0].of("ann")
    first = ask(memory, "one", instructions="Be brief.")
    second = ask(memory, "two", first)
    assert turns(memory, second) == (user("one"), SAID, user("two"), SAID, user("and?"))
    assert turns(memory, first) == (user("one"), SAID, user("and?")), "it may branch; instructions are not carried on"


def test_a_call_is_answered_in_the_next_request() -> None:
    memory = store()[0].of(None)
    events: list[Event] = [Began("1", "m", 1), Called(0, "c", "patch"), Arguments(0, '{"input":"x"}'), Ended("stop")]
    first = ask(memory, "one", events=events)
    output = {"type": "custom_tool_call_output", "call_id": "c", "output": "done"}
    assert turns(memory, first, [output])[1:] == (
        Turn("assistant", (ToolCall("c", "patch", '{"input":"x"}'),)),
        Turn("user", (ToolResult("c", (Text("done"),)),)),
    )


def test_an_item_may_be_named_instead_of_sent() -> None:
    memory = store()[0].of("ann")
    dialect = Responses({"input": "one"}, memory)
    item = dialect.whole(ANSWER)["output"][0]
    named = [{"role": "user", "content": "one"}, {"type": "item_reference", "id": item["id"]}]
    again = Responses({"input": named}, memory)
    assert again.prompt.turns == (user("one"), SAID)
    assert turns(memory, again.whole(ANSWER)["id"])[:3] == (
        user("one"),
        Turn("assistant", (Text("Hello"),) * 2),
        user("and?"),
    )


def test_a_stream_is_kept_when_it_has_ended_and_not_before() -> None:
    kept, _ = store()
    dialect = Responses({"input": "one", "stream": True}, kept.of("ann"))
    writer = dialect.writer()
    for event in ANSWER[:-1]:
        writer.write(event)
    assert len(kept) == 0
    writer.write(ANSWER[-1])
    assert turns(kept.of("ann"), dialect.whole(ANSWER)["id"])[0] == user("one")
    assert len(kept) == 1


def test_what_failed_or_is_not_to_be_stored_is_not_kept() -> None:
    kept, _ = store()
    ask(kept.of("ann"), "one", store=False)
    writer = Responses({"input": "one"}, kept.of("ann")).writer()
    writer.write(ANSWER[0]), writer.write(Failed("gone", 502))
    assert len(kept) == 0
    assert Responses({"input": "one"}, kept.of("ann")).whole(ANSWER)["store"] is True


def test_no_client_sees_what_another_was_answered() -> None:
    kept, _ = store()
    dialect = Responses({"input": "one"}, kept.of("ann"))
    answer = dialect.whole(ANSWER)
    for other in ("bob", "", None):
        with pytest.raises(Unreadable, match="not kept") as caught:
            turns(kept.of(other), answer["id"])
        assert caught.value.code == "previous_response_not_found"
        with pytest.raises(Unreadable, match="not kept"):
            Responses({"input": [{"type": "item_reference", "id": answer["output"][0]["id"]}]}, kept.of(other))


def test_an_answer_is_forgotten_when_it_was_not_used_for_its_time() -> None:
    kept, clock = store()
    memory = kept.of("ann")
    first = ask(memory, "one")
    clock.now += HOUR - 1
    assert turns(memory, first)
    clock.now += HOUR - 1
    assert turns(memory, first), "it was used in between"
    clock.now += HOUR + 1
    with pytest.raises(Unreadable, match="not any more"):
        turns(memory, first)
    assert (len(kept), kept.used) == (0, 0)
    assert not kept._homes


def test_of_too_many_the_one_goes_that_was_not_used_for_the_longest() -> None:
    kept, _ = store(entries=2)
    memory = kept.of("ann")
    first, second = ask(memory, "one"), ask(memory, "two")
    assert turns(memory, first)
    ask(memory, "three")
    assert turns(memory, first)
    with pytest.raises(Unreadable):
        turns(memory, second)


def test_a_conversation_whose_beginning_is_gone_is_gone() -> None:
    kept, _ = store(entries=2)
    memory = kept.of("ann")
    last = ask(memory, "three", ask(memory, "two", ask(memory, "one")))
    with pytest.raises(Unreadable, match="not kept"):
        turns(memory, last)


def test_what_is_larger_than_the_store_is_not_kept_and_nothing_goes_for_it() -> None:
    kept, _ = store(size=4 * OVERHEAD)
    memory = kept.of("ann")
    first = ask(memory, "one")
    ask(memory, "x" * 5 * OVERHEAD)
    assert (len(kept), bool(turns(memory, first))) == (1, True)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.integers(0, 3000), st.integers(0, 2000))))
def test_it_never_holds_more_than_it_may(steps: list[tuple[str, int, int, int]]) -> None:
    kept, clock = store(entries=3, size=8000)
    for client, name, length, passes in steps:
        clock.now += passes
        answer = {"id": f"r{name}", "previous_response_id": None, "output": [{"id": f"m{name}", "text": "x" * length}]}
        memory = kept.of(client)
        memory.keep(answer, [])
        assert len(kept) <= 3
        assert kept.used <= 8000
        held = [memory.item(f"m{number}") for number in range(6)]
        alike = [memory.conversation(f"r{number}") for number in range(6)]
        assert [[item] if item else None for item in held] == alike
        size = sum(len(orjson.dumps([[], found])) + OVERHEAD for found in alike if found)
        assert size <= kept.used
