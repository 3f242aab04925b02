"""A chat completion as a backend takes it: which of its fields change, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from router.config.repair import NOT_DROPPED
from router.repair.messages import mend_messages
from router.repair.needs import NOTHING, Needs
from router.request.edit import REMOVE

__all__ = ["PATHS", "UNCHANGED", "Mended", "mend"]

PATHS = frozenset({"/v1/chat/completions", "/v1/completions"})
"""Paths whose requests are repaired."""
FIELDS = ("max_tokens", "max_completion_tokens")

Room = Callable[[], int | None]
"""Tokens that the prompt leaves of the context; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Mended:
    """What differs from the request."""

    changes: dict[str, Any] = field(default_factory=dict)
    """Top-level fields with their new values, REMOVE for those taken out."""
    words: tuple[str, ...] = ()
    """One for each repair, of a closed list but for names that the YAML says."""


UNCHANGED = Mended()


def mend(data: dict[str, Any], needs: Needs, room: Room = lambda: None) -> Mended:
    """`data`: a body of chat completions, or of completions; it is not changed. `room` is asked only where needed."""
    if needs is NOTHING:
        return UNCHANGED
    messages = data.get("messages")
    if not isinstance(messages, list):
        needs = needs.without_messages()
    changes: dict[str, Any] = {}
    words: list[str] = []
    if needs.reads_messages and isinstance(messages, list):
        mended, words = mend_messages(messages, needs)
        if words:
            changes["messages"] = mended
    for name in sorted(needs.drop):
        if name in data and name not in NOT_DROPPED:
            changes[name] = REMOVE
            words.append(f"dropped {name}")
    for key in needs.inside("tools"):
        tools = changes.get("tools", data.get("tools"))
        if (bare := _without(tools, key)) is not None:
            changes["tools"] = bare
            words.append(f"dropped tools[].{key}")
    _tokens(data, needs, room, changes, words)
    return Mended(changes, tuple(words)) if changes else UNCHANGED


def _without(tools: Any, key: str) -> list[Any] | None:
    """Tools without this key, of themselves and of their functions; None where none has it."""
    if not isinstance(tools, list):
        return None
    bare = [_bare(tool, key) for tool in tools]
    return None if all(new is old for new, old in zip(bare, tools, strict=True)) else bare


def _bare(tool: Any, key: str) -> Any:
    if not isinstance(tool, dict):
        return tool
    function = tool.get("function")
    inside = isinstance(function, dict) and key in function
    if key not in tool and not inside:
        return tool
    kept = {name: value for name, value in tool.items() if name != key}
    if inside and isinstance(function, dict):
        kept["function"] = {name: value for name, value in function.items() if name != key}
    return kept


def _tokens(data: dict[str, Any], needs: Needs, room: Room, changes: dict[str, Any], words: list[str]) -> None:
    """The length of the answer: in the field that is taken, and no longer than is possible."""
    present = [name for name in FIELDS if data.get(name) is not None and name not in changes]
    for name in present:
        wanted = needs.tokens_field or name
        value: Any = data[name]
        if name != wanted:
            changes[name] = REMOVE
            if data.get(wanted) is not None:  # both are said: the one that is taken goes on
                words.append(f"dropped {name}")
                continue
            changes[wanted] = value
            words.append(f"{name}->{wanted}")
        most = _most(value, needs, room)
        if most is not None:
            changes[wanted] = most
            words.append(f"{wanted} clamped to {most}")


def _most(asked: Any, needs: Needs, room: Room) -> int | None:
    """What is asked for instead; None where it is possible as it stands."""
    if type(asked) is not int or asked < 1:
        return None
    most = min(asked, needs.most) if needs.most else asked  # an answer of 0 tokens is none
    if needs.fits and (left := room()) is not None and left > 0:
        most = min(most, left)
    return most if most < asked else None
