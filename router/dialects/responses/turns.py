"""The turns of a conversation, put in order as its items are read."""

from __future__ import annotations

from dataclasses import dataclass, field

from router.dialects.contract import Unreadable
from router.dialects.neutral import Part, Role, Thinking, ToolCall, ToolResult, Turn

__all__ = ["Turns"]


@dataclass(slots=True)
class _Draft:
    role: Role
    parts: list[Part] = field(default_factory=list)
    results: list[Part] = field(default_factory=list)
    """Of this turn's calls: the turn behind it."""


class Turns:
    """What the assistant does without a break is one turn; results stand right after the turn with their calls, as chat
    completions want it, even where something was said in between."""

    def __init__(self) -> None:
        self._drafts: list[_Draft] = []
        self._calls: dict[str, _Draft] = {}

    def say(self, role: Role, parts: tuple[Part, ...]) -> None:
        """A message; one without parts is none."""
        if role == "assistant":
            self._assistant().parts += parts
        elif parts:
            self._drafts.append(_Draft(role, list(parts)))

    def think(self, text: str) -> None:
        """What the assistant thought."""
        if text:
            self._assistant().parts.append(Thinking(text))

    def call(self, call: ToolCall) -> None:
        """The assistant calls a tool."""
        draft = self._assistant()
        draft.parts.append(call)
        self._calls[call.id] = draft

    def result(self, result: ToolResult, place: str) -> None:
        """A tool answers. Raises Unreadable where it was not called."""
        draft = self._calls.get(result.id)
        if draft is None:
            message = f'`{place}` is the output of the call "{result.id[:64]}", and no earlier item makes this call'
            raise Unreadable(message, param=place)
        draft.results.append(result)

    def all(self) -> tuple[Turn, ...]:
        """In order, without those that hold nothing but thoughts: an answer that broke off left them."""
        found: list[Turn] = []
        for draft in self._drafts:
            if any(not isinstance(part, Thinking) for part in draft.parts):
                found.append(Turn(draft.role, tuple(draft.parts)))
            if draft.results:
                found.append(Turn("user", tuple(draft.results)))
        return tuple(found)

    def _assistant(self) -> _Draft:
        last = self._drafts[-1] if self._drafts else None
        if last is None or last.role != "assistant" or last.results:
            last = _Draft("assistant")
            self._drafts.append(last)
        return last
