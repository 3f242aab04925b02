"""Pictures that a model does not need any more become a short text, so that a text model can take over."""

from __future__ import annotations

from typing import Any

from router.request.content import Conversation, Media, count_media

__all__ = ["REMOVED", "without_images"]

REMOVED = "[an image was here]"


def without_images(data: dict[str, Any], scope: str) -> dict[str, Any]:
    """The top-level fields of the body that change, `messages` or `input`; nothing when there is no picture to remove.

    `scope`: "history" removes pictures before the latest real user turn, "all" every one. `data` itself stays as it
    is. The words around a picture, its place and everything else in the message are kept.
    """
    key = "messages" if isinstance(data.get("messages"), list) else "input"
    messages = data.get(key)
    if not isinstance(messages, list):
        return {}
    end = len(messages) if scope == "all" else _latest_turn(data, messages)
    kept = [_bare(message) for message in messages[:end]]
    if all(new is old for new, old in zip(kept, messages, strict=False)):
        return {}
    return {key: kept + messages[end:]}


def _latest_turn(data: dict[str, Any], messages: list[Any]) -> int:
    conversation = Conversation(data)
    if conversation.last < 0:
        return 0
    latest = conversation.items[conversation.last].raw
    return next((index for index, message in enumerate(messages) if message is latest), 0)


def _bare(node: Any) -> Any:
    """The same object when it holds no picture."""
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("type"), str) and count_media([{**node, "content": None, "output": None}]) != Media():
        if count_media([node]).images == 0:
            return node
        return {"type": "input_text" if node["type"].startswith("input_") else "text", "text": REMOVED}
    changed = {}
    for key in ("content", "output"):
        inner = node.get(key)
        if isinstance(inner, list):
            bare = [_bare(part) for part in inner]
            if any(new is not old for new, old in zip(bare, inner, strict=True)):
                changed[key] = bare
    return {**node, **changed} if changed else node
