"""Whatever a backend answers, told as a stream and read by the openai package, is what it answered."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from router.dialects.neutral import (
    Arguments,
    Began,
    Called,
    Ended,
    Event,
    Refused,
    Said,
    Thought,
    Usage,
    Used,
)
from router.dialects.responses.tools import FIELD
from tests.dialects.responses.client import asked, sse, streamed, told

words = st.text(st.characters(codec="utf-8"), max_size=6)
counts = st.integers(0, 10**6)
usages = st.builds(Usage, counts, counts, st.none() | counts, st.none() | counts, st.none() | counts)
CUSTOM = ("patch", "agents__note")


@st.composite
def calls(draw: Any) -> tuple[str, list[str]]:
    """A tool's name, and the pieces of its arguments."""
    name = draw(st.sampled_from(["read", "agents__close", *CUSTOM]))
    text = json.dumps({FIELD: draw(words)}, ensure_ascii=draw(st.booleans())) if name in CUSTOM else draw(words)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    return name, [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@st.composite
def answers(draw: Any) -> list[Event]:
    """A legal sequence of events: arguments come in order within a call, and interleaved between calls."""
    waiting = draw(st.lists(calls(), max_size=4))
    events: list[Event] = [Began(draw(words), draw(words), draw(st.integers(0, 2**33)))]
    running: dict[int, list[str]] = {}
    begun = 0
    for step in draw(st.lists(st.sampled_from(["speak", "call", "argue"]), max_size=14)):
        if step == "speak":
            events.append(draw(st.sampled_from([Thought, Said, Refused]))(draw(words)))
        elif step == "call" and begun < len(waiting):
            name, running[begun] = waiting[begun]
            events.append(Called(begun, f"c{begun}", name))
            begun += 1
        elif step == "argue" and running:
            index = draw(st.sampled_from(sorted(running)))
            events.append(Arguments(index, running[index].pop(0)))
            running = {index: left for index, left in running.items() if left}
    events += [Arguments(index, piece) for index, left in running.items() for piece in left]
    if draw(st.booleans()):
        events.append(Used(draw(usages)))
    return [*events, Ended(draw(st.sampled_from(["stop", "length", "tool_calls", "content_filter"])))]


Block = list[str]


def blocks_of(events: list[Event]) -> list[Block]:
    """What is said, thought and called, in order; what belongs together is one block."""
    found: list[Block] = []
    speech: Block | None = None
    running: dict[int, Block] = {}
    for event in events:
        if isinstance(event, Thought | Said | Refused) and event.text:
            kind = type(event).__name__
            if speech is None or speech[0] != kind:
                speech = [kind, ""]
                found.append(speech)
            speech[1] += event.text
        elif isinstance(event, Called):
            speech = None
            running[event.index] = ["Called", event.id, event.name, ""]
            found.append(running[event.index])
        elif isinstance(event, Arguments):
            running[event.index][3] += event.text
    for block in running.values():
        if block[2] in CUSTOM:
            block[3] = json.loads(block[3])[FIELD]
    return found


def blocks_in(output: list[Any]) -> list[Block]:
    """The same of the items that the openai package reads."""
    found: list[Block] = []
    for item in output:
        if item.type == "reasoning":
            found.append(["Thought", "".join(part.text for part in item.summary)])
        elif item.type == "message":
            for part in item.content:
                said = ["Said", part.text] if part.type == "output_text" else ["Refused", part.refusal]
                found.append(said)
        else:
            name = item.name if item.namespace is None else f"{item.namespace}__{item.name}"
            found.append(["Called", item.call_id, name, item.input if item.type[0] == "c" else item.arguments])
    return found


@settings(max_examples=60)
@given(answers())
def test_what_the_openai_package_reads_of_a_stream_is_what_was_answered(events: list[Event]) -> None:
    dialect = asked()
    response = streamed(sse(dialect, events))[-1].response
    assert blocks_in(response.output) == blocks_of(events)
    assert response.to_dict() == dialect.whole(events)
    ended = events[-1]
    assert isinstance(ended, Ended)
    reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
    why = response.incomplete_details and response.incomplete_details.reason
    assert why == reasons.get(ended.reason)
    used = next((event.usage for event in events if isinstance(event, Used)), None)
    if used is None:
        assert response.usage is None
    else:
        assert (response.usage.input_tokens, response.usage.output_tokens) == (used.input, used.output)
        assert response.usage.input_tokens_details.cached_tokens == (used.cached or 0)
        assert response.usage.output_tokens_details.reasoning_tokens == (used.reasoning or 0)


@settings(max_examples=60)
@given(answers())
def test_the_deltas_alone_add_up_to_the_items(events: list[Event]) -> None:
    """Some clients read nothing else; each delta goes to an item and a part that have been announced."""
    items: dict[str, dict[str, Any]] = {}
    stream = told(sse(asked(), events))
    for event in stream:
        kind = event["type"].removeprefix("response.")
        if kind == "output_item.added":
            assert event["output_index"] == len(items)
            items[event["item"]["id"]] = {**event["item"], "deltas": {}}
        elif kind in ("content_part.added", "reasoning_summary_part.added"):
            items[event["item_id"]]["deltas"][event.get("content_index", 0)] = ""
        elif kind.endswith(".delta"):
            item = items[event["item_id"]]
            assert list(items).index(event["item_id"]) == event["output_index"]
            if item["type"].endswith("_call"):
                item["deltas"].setdefault(0, "")
            item["deltas"][event.get("content_index", 0)] += event["delta"]
    for item in stream[-1]["response"]["output"]:
        parts = item.get("content") or item.get("summary") or [item]
        whole = [part.get("text", part.get("refusal", part.get("arguments", part.get("input")))) for part in parts]
        assert list(items[item["id"]]["deltas"].values()) == [text for text in whole if text]
