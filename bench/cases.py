"""What is asked in each case, and what a right answer to it looks like. Every text here is made up by this program."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["CASES", "Case"]

STREAM_TEXT = "".join(f" {i}" for i in range(1, 99))
"""What the 100 events of upstream.c spell: role, 98 pieces, finish."""

_RULES = (
    "the file path must be absolute and inside of workspace read before you write never guess a line number report "
    "what was changed run tests after each edit keep answers short ask when unsure prefer small patches quote exact "
    "text search first then open one function per step follow existing style explain why not how stop when done"
)
_WORDS = _RULES.split()
_TOOLS = (
    *("read_file", "write_file", "edit_file", "list_folder", "search_text", "find_files", "run_command", "run_tests"),
    *("git_diff", "git_log", "web_fetch", "ask_user", "plan_update", "symbol_lookup", "rename_symbol", "apply_patch"),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of request. `fault(answer)` is None for a right answer (the body, as text), else what is wrong."""

    name: str
    title: str
    body: bytes
    fault: Callable[[str], str | None]
    noun: str = "requests"


def _body(size: int, messages: list[dict[str, Any]], **fields: Any) -> bytes:
    """The request as compact JSON of exactly `size` bytes: the last message is filled up."""
    data = {"model": "auto", "messages": messages, "temperature": 0.2, "max_tokens": 512, **fields}
    short = size - len(json.dumps(data, separators=(",", ":")))
    assert short >= 0, f"{-short} bytes too many"
    messages[-1]["content"] += ("." if short else "").rjust(short)
    return json.dumps(data, separators=(",", ":")).encode()


def _question(extra: str = "") -> list[dict[str, Any]]:
    return [
        {"role": "system", "content": "You are the signalman of a small country station."},
        {"role": "user", "content": f"Which train goes first when two are due at 14:05?{extra}"},
    ]


def _prose(words: random.Random, length: int) -> str:
    text = ""
    while len(text) < length:
        text += " ".join(words.choices(_WORDS, k=14)).capitalize() + ".\n"
    return text[:length]


def _tool(words: random.Random, name: str) -> dict[str, Any]:
    fields = {f"{words.choice(_WORDS)}_{i}": {"type": "string", "description": _prose(words, 150)} for i in range(5)}
    parameters = {"type": "object", "properties": fields, "required": list(fields)[:2], "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": _prose(words, 380), "parameters": parameters}}


def _agent() -> bytes:
    """A coding agent's second turn: a long system prompt, 16 tools, one call and its result, 44,000 bytes."""
    words = random.Random(1)
    call = {"id": "call_1", "type": "function", "function": {"name": "read_file", "arguments": '{"path":"src/box.py"}'}}
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "You are a coding agent.\n" + _prose(words, 18_400)},
        {"role": "user", "content": "The points in src/box.py switch too late. Find out why and repair it."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "def switch(points):\n    return points.later()\n"},
        {"role": "assistant", "content": "It waits for the next tick. I will make it switch at once."},
        {"role": "user", "content": "Good, do that, and add a test."},
    ]
    return _body(44_000, messages, tools=[_tool(words, name) for name in _TOOLS], tool_choice="auto")


def _plain_fault(answer: str) -> str | None:
    try:
        data = json.loads(answer)
        text, tokens = data["choices"][0]["message"]["content"], data["usage"]["total_tokens"]
    except (ValueError, LookupError, TypeError):
        return f"not a chat completion: {answer[:200]}"
    return None if text.startswith("The points are set") and tokens == 104 else f"another text: {text[:100]}"


def _stream_fault(answer: str, usage: bool) -> str | None:
    events = [line.removeprefix("data: ") for line in answer.splitlines() if line.startswith("data: ")]
    if not events or events[-1] != "[DONE]":
        return f"the stream has no end: {answer[-200:]}"
    try:
        chunks = [json.loads(event) for event in events[:-1]]
        text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    except (ValueError, LookupError, TypeError):
        return f"not a stream of chat completion chunks: {answer[:200]}"
    if text != STREAM_TEXT:
        return f"another text: {text[:100]}"
    if usage and not any((chunk.get("usage") or {}).get("total_tokens") for chunk in chunks):
        return "usage was asked for and is not there"
    return None


def _stream(name: str, title: str, extra: str = "", usage: bool = False) -> Case:
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if usage else {}
    body = _body(340, _question(extra), stream=True, **options)
    return Case(name, title, body, lambda answer: _stream_fault(answer, usage), "streams")


CASES = {
    case.name: case
    for case in (
        Case("small", "Small request (300 bytes)", _body(300, _question()), _plain_fault),
        Case("agent", "Agent request (44 kB, 16 tools)", _agent(), _plain_fault),
        _stream("stream", "Stream of 100 events, as fast as they go"),
        _stream("usage", "The same stream, usage asked for", usage=True),
        _stream("paced", "Stream of 100 events, one every 2 ms", extra=" [paced]"),
    )
}
"""By name, in the order in which they are measured."""
