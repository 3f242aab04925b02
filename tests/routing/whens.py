"""Hypothesis strategies: conditions and requests over so few words that they often meet."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.routing.sample import CHAT, IMAGE, Still, facts, signals, tools

MODELS = ("auto", "tofy", "world/a", "world/b", "gpt-4o")
WORDS = ("translate", "deploy", "weather")


def one_or_more(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values | st.lists(values, min_size=1, max_size=3)


numbers = st.sampled_from([0, 1, 2, "3", "< 2", "<= 3", "> 1", ">= 20", "1..3", "10..2k", "< 1k"])
flags = st.booleans()
states = st.sampled_from(["up", "down", "busy", "free", {"queue": "< 2"}, {"queue": 1, "up": True}, {"busy": False}])
simple = {
    "backend": st.dictionaries(st.sampled_from(["home", "cloud", "left-out"]), one_or_more(states), min_size=1),
    "model": one_or_more(st.sampled_from([*MODELS, "world/*", "*", "gpt*o", "*/a"])),
    "path": one_or_more(st.sampled_from([CHAT, "/v1/chat/*", "/v1/embeddings"])),
    "key": one_or_more(st.sampled_from(["ann", "bob", "a*", "*"])),
    "header": st.dictionaries(
        st.sampled_from(["x-task", "X-Team"]), flags | st.sampled_from(["world", "w*"]), min_size=1
    ),
    "image": flags,
    "stream": flags,
    "json": flags,
    "tool_loop": flags,
    "tools": flags | one_or_more(st.sampled_from([0, 2, "> 1", "bash", "b*", "edit"])),
    "tokens": one_or_more(numbers),
    "max_tokens": one_or_more(numbers),
    "turns": one_or_more(numbers),
    "task": one_or_more(st.sampled_from(["chat", "code", "title"])),
    "harness": one_or_more(st.sampled_from(["other", "open*", "aider"])),
    "dialect": one_or_more(st.sampled_from(["openai", "responses"])),
    "language": one_or_more(st.sampled_from(["python", "Go"])),
    "text": one_or_more(st.sampled_from([*WORDS, r"\btrans", r"we?ather$", r"\d", "^$", "(?-i)Deploy"])),
    "system": st.sampled_from(["be (brief|kind)", "."]),
    "time": one_or_more(
        st.sampled_from(["22:00..07:00", "mon..fri", "sat", "fri..mon 09:00..17:00", "sun 23:00..01:00"])
    ),
}


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(sorted(simple)), min_size=1, max_size=2, unique=True))
    return {name: draw(simple[name]) for name in names}


def _grouped(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    listed = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda entries: {"any": entries}, listed),
        st.builds(lambda entries: {"all": entries}, listed),
        st.builds(lambda entries: {"not": entries}, listed | inner),
        st.builds(lambda one, entries: {**one, "any": entries}, leaves(), listed),
    )


whens = st.recursive(leaves(), _grouped, max_leaves=6)


@st.composite
def requests(draw: st.DrawFn) -> Any:
    """Signals of a small request."""
    words = draw(st.lists(st.sampled_from([*WORDS, "Deploy", "7", "```python\nimport os\n```"]), max_size=3))
    messages: list[Any] = [{"role": "user", "content": " ".join(words)}]
    if draw(flags):
        messages.insert(
            0, {"role": "system", "content": draw(st.sampled_from(["be brief", "You are a title generator."]))}
        )
    if draw(flags):
        messages.append(IMAGE)
    if draw(flags):
        messages.append({"role": "tool", "tool_call_id": "1", "content": "done"})
    body = {
        "model": draw(st.sampled_from([*MODELS, "", None, 5])),
        "stream": draw(flags),
        "max_tokens": draw(st.none() | st.integers(0, 30)),
        "tools": tools(*draw(st.lists(st.sampled_from(["bash", "edit", "b"]), max_size=3))),
        "response_format": draw(st.none() | st.just({"type": "json_object"})),
    }
    made = signals(
        messages=messages,
        path=draw(st.sampled_from([CHAT, "/v1/responses"])),
        headers=draw(st.dictionaries(st.sampled_from(["x-task", "x-team"]), st.sampled_from(["world", "we", ""]))),
        key=draw(st.sampled_from([None, "ann", "bob"])),
        at=datetime(2026, 11, 16) + timedelta(minutes=draw(st.integers(0, 10_079))),
        **body,
    )
    if draw(flags):
        made.backend = draw(backends())
    return made


@st.composite
def backends(draw: st.DrawFn) -> dict[str, Any]:
    """Facts of two backends in some state."""
    known = facts()
    for name in ("home", "cloud"):
        known[name].up = draw(st.none() | flags)
        if draw(flags):
            known[name].load = Still(draw(st.none() | st.just(1)), draw(st.integers(0, 1)), draw(st.integers(0, 3)))
    return known
