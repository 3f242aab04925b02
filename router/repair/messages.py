"""Messages as a chat template or a strict server takes them. Each function gives the same list where nothing changes;
messages themselves are never changed, only replaced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any

from router.config.repair import System
from router.repair.needs import Needs

__all__ = ["mend_messages"]

Messages = list[Any]

ORDERS = ("system", "developer")
"""Roles of the system's messages: of a backend that takes the second, too, they are the same."""
JOINT = "\n\n"
"""Between two texts that become one: a blank line."""


def mend_messages(messages: Messages, needs: Needs) -> tuple[Messages, list[str]]:
    """The messages as `needs` has them, and a word for each kind of change."""
    words: list[str] = []

    def took(word: str, new: Messages, old: Messages) -> Messages:
        if new is not old:
            words.append(word)
        return new

    for key in needs.inside("messages"):
        messages = took(f"dropped messages[].{key}", _each(messages, partial(_without, key)), messages)
    if needs.developer:
        messages = took("developer->system", _each(messages, _as_system), messages)
    if needs.plain:
        messages = took("content flattened", _each(messages, _flat), messages)
    if needs.filled:
        messages = took("content null->empty", _each(messages, _filled), messages)
    if needs.system != "any":
        messages, said = _with_system(messages, needs.system)
        words += said
    if needs.alternate:
        messages = took("messages merged", _alternating(messages), messages)
    return messages, words


def _each(messages: Messages, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Messages:
    changed = [change(each) if isinstance(each, dict) else each for each in messages]
    return messages if all(new is old for new, old in zip(changed, messages, strict=True)) else changed


def _without(key: str, message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != key} if key in message else message


def _as_system(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "role": "system"} if message.get("role") == "developer" else message


def _flat(message: dict[str, Any]) -> dict[str, Any]:
    """With its parts as one text, a line for each; a message that holds more than text stays as it is."""
    content = message.get("content")
    if not isinstance(content, list):
        return message
    texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
    if len(texts) < len(content) or not all(isinstance(text, str) for text in texts):
        return message
    return {**message, "content": "\n".join(text for text in texts if isinstance(text, str))}


def _filled(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "content": ""} if message.get("content") is None else message


def _with_system(messages: Messages, system: System) -> tuple[Messages, list[str]]:
    """One system message at the beginning at most.

    Those that open the conversation become one. A later one stays at its place and becomes part of the user's text
    there, unless the YAML says `hoist`: it may speak of what stands above it, is meant to be read last (clients that
    know that a model takes none there do the same), and at the beginning it would make the server read the whole
    conversation anew each time it changes. So its authority shrinks, and never that of the user's words grows.
    """
    orders = [_role(each) in ORDERS for each in messages]
    opening = orders.index(False) if False in orders else len(orders)
    late = [index for index in range(opening, len(orders)) if orders[index]]
    if system == "none":
        late, opening = [*range(opening), *late], 0
    if not late and opening < 2:
        return messages, []
    if system == "hoist":
        head = [each for each, order in zip(messages, orders, strict=True) if order]
        rest = [each for each, order in zip(messages, orders, strict=True) if not order]
        return [_joined(head), *rest], ["system merged"]
    head = [_joined(messages[:opening])] if opening else []
    words = ["system merged"] if opening > 1 else []
    if late:
        words.append("system->user")
    return head + _among_users(messages[opening:]), words


def _among_users(messages: Messages) -> Messages:
    """With what the system says as part of what the user says before it, else of what follows, else for itself; never
    between a call and its results."""
    out: Messages = []
    waiting: list[dict[str, Any]] = []

    def settle(following: Any = None) -> bool:
        """Put what waits somewhere; True where `following` has become part of it."""
        if not waiting:
            return False
        spoken = {**_joined(waiting), "role": "user"}
        waiting.clear()
        if out and _role(out[-1]) == "user":
            out[-1] = _joined([out[-1], spoken])
        elif _role(following) == "user":
            out.append({**following, "content": _join([spoken.get("content"), following.get("content")])})
            return True
        else:
            out.append(spoken)
        return False

    for each in messages:
        if _role(each) in ORDERS:
            waiting.append(each)
        elif _role(each) == "tool" or not settle(each):
            out.append(each)
    settle()
    return out


def _role(message: Any) -> Any:
    return message.get("role") if isinstance(message, dict) else None


def _alternating(messages: Messages) -> Messages:
    """With what one side says in a row as one message; calls of tools stand at the end of theirs."""
    turns: list[Messages] = []
    for each in messages:
        last = turns[-1][-1] if turns else None
        role = _role(each)
        if last is not None and role == _role(last) and role in ("user", "assistant") and not last.get("tool_calls"):
            turns[-1].append(each)
        else:
            turns.append([each])
    if len(turns) == len(messages):
        return messages
    return [_joined(turn) if len(turn) > 1 else turn[0] for turn in turns]


def _joined(messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One message; its other keys are the first's, then the later ones'. In linear time, however many they are."""
    one: dict[str, Any] = {}
    for each in reversed(messages):
        one.update(each)
    return {**one, "content": _join([each.get("content") for each in messages])}


def _join(contents: Sequence[Any]) -> Any:
    """Contents as one: texts with a blank line between them, else a list of parts."""
    said = [each for each in contents if each]
    if len(said) < 2:
        return said[0] if said else contents[0]
    if all(isinstance(each, str) for each in said):
        return JOINT.join(said)
    return list(chain.from_iterable(map(_parts, said)))


def _parts(content: Any) -> list[Any]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if isinstance(content, str) else [content]
