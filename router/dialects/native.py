"""Which requests a backend takes as they come, and which are translated for it."""

from __future__ import annotations

from typing import Any

from router.config.facts import Facts

__all__ = ["COUNTING", "PATHS", "is_translated"]

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


_FUNCTION = {"/v1/messages": "custom", "/v1/responses": "function"}
"""The type of a tool that the client itself runs; in Messages it may be left out."""
_PLAIN = {"/v1/messages": _is_plain_message, "/v1/responses": _is_plain_item}
