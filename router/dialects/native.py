"""Which requests a backend takes as they come, and which are translated for it; and what of our own answers must not
come to a backend that speaks the dialect itself.
"""

from __future__ import annotations

import re
from typing import Any

from router.config.facts import Facts
from router.dialects.messages.course import SIGNATURE

__all__ = ["COUNTING", "PATHS", "is_translated", "without_ours"]

COUNTING = "/v1/messages/count_tokens"

PATHS = frozenset({"/v1/messages", "/v1/responses"})
"""Of the dialects that can be translated."""


def is_translated(path: str, data: dict[str, Any], facts: Facts) -> bool:
    """This backend gets this request as a chat completion."""
    if path == COUNTING:
        path = "/v1/messages"
    if path not in PATHS:
        return False
    if path in facts.dialects:
        return False
    return not (path in facts.plain_dialects and _is_plain(path, data))


def _is_plain(path: str, data: dict[str, Any]) -> bool:
    """It holds only what every server of the dialect takes. Of the rest (Codex' tools, documents, pictures out of
    tools) the servers on people's machines know little, and the translation more."""
    tools = data.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        if not isinstance(tool, dict) or tool.get("type", "custom") != _FUNCTION[path]:
            return False
    items = data.get("input" if path == "/v1/responses" else "messages")
    return all(map(_PLAIN[path], items)) if isinstance(items, list) else True


def _is_plain_item(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    kind = item.get("type", "message")
    if kind == "function_call_output":
        return isinstance(item.get("output"), str)
    return kind == "function_call" or (kind == "message" and item.get("role") != "developer")


def _is_plain_message(message: Any) -> bool:
    if not isinstance(message, dict):
        return False
    blocks = message.get("content")
    return all(map(_is_plain_block, blocks)) if isinstance(blocks, list) else True


def _is_plain_block(block: Any) -> bool:
    if not isinstance(block, dict):
        return False
    if block.get("type") == "tool_result":
        content = block.get("content")
        return not isinstance(content, list) or all(isinstance(p, dict) and p.get("type") == "text" for p in content)
    return block.get("type") in ("text", "image", "tool_use", "thinking")


def without_ours(path: str, data: dict[str, Any], body: bytes, facts: Facts) -> dict[str, Any]:
    """The top-level field that changes, where the history holds what this proxy answered for another backend: Anthropic
    refuses thoughts that it has not signed, OpenAI the ids of items that it does not know. Nothing, mostly. `data`, of
    which `body` are the bytes as they came, stays as it is.

    Servers that merely answer on the path check neither, and keep the thoughts.
    """
    dialect = "/v1/messages" if path == COUNTING else path
    if dialect not in PATHS or dialect not in facts.dialects:
        return {}
    name, found, foreign = (
        ("messages", _SIGNED, _unsigned) if dialect == "/v1/messages" else ("input", _NAMED, _nameless)
    )
    if not isinstance(items := data.get(name), list) or found.search(body) is None:
        return {}
    kept = [foreign(item) for item in items]
    if all(new is old for new, old in zip(kept, items, strict=True)):
        return {}
    return {name: [item for item in kept if item is not None]}


def _unsigned(message: Any) -> Any:
    """Without the thoughts that bear our signature; None where nothing else was said. The same where there are none."""
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list):
        return message
    kept = [block for block in content if not _is_our_thought(block)]
    if len(kept) == len(content):
        return message
    return {**message, "content": kept} if kept else None


def _is_our_thought(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "thinking" and block.get("signature") == SIGNATURE


def _nameless(item: Any) -> Any:
    """Without our id; None for thoughts under it. The same where it has none."""
    id_ = item.get("id") if isinstance(item, dict) else None
    if not isinstance(id_, str) or _OURS.fullmatch(id_) is None or item.get("type") == "item_reference":
        return item
    return None if item.get("type") == "reasoning" else {name: value for name, value in item.items() if name != "id"}


_SIGNED = re.compile(b'"%b"' % SIGNATURE.encode())
_OURS = re.compile(r"(?:rs|msg|fc|ctc|lsh|sh|apc)_[0-9a-f]{34,35}")
"""Ids that `responses/answer.py` gives. OpenAI's own have 48 digits."""
_NAMED = re.compile(b'"%b"' % _OURS.pattern.encode())
_FUNCTION = {"/v1/messages": "custom", "/v1/responses": "function"}
"""The type of a tool that the client itself runs; in Messages it may be left out."""
_PLAIN = {"/v1/messages": _is_plain_message, "/v1/responses": _is_plain_item}
