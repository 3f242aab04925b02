"""What a request names instead of sending it: an earlier response, or items of one."""

from __future__ import annotations

from typing import Any

from router.dialects.contract import Unreadable
from router.dialects.responses import fields
from router.dialects.responses.request import Given
from router.dialects.responses.store import Memory

__all__ = ["earlier", "resolved"]

_OFF = "answers are not kept here (`responses: {store: false}` in the rules file turned it off)"
_AI_SDK = "with `store: false` clients such as the AI SDK do so"


def earlier(data: dict[str, Any], memory: Memory | None) -> Given:
    """The items of the conversation before this request. Raises Unreadable where they are not known."""
    previous = fields.text(data, "previous_response_id")
    if previous is None:
        return []
    items = memory.conversation(previous) if memory is not None else None
    if items is None:
        reason = _OFF if memory is None else f'the response "{previous[:64]}" is not kept, or not any more'
        raise Unreadable(
            f"`previous_response_id` cannot be followed: {reason}; send the whole conversation in `input`",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    return [(f"previous_response_id[{index}]", item) for index, item in enumerate(items)]


def resolved(items: Given, memory: Memory | None) -> Given:
    """With the items themselves in place of references to them. Raises Unreadable where they are not known."""
    return [
        (place, _referred(item, place, memory) if item.get("type") == "item_reference" else item)
        for place, item in items
    ]


def _referred(item: dict[str, Any], place: str, memory: Memory | None) -> dict[str, Any]:
    name = fields.required(item, "id", place)
    found = memory.item(name) if memory is not None else None
    if found is None:
        reason = _OFF if memory is None else "it is not kept, or not any more"
        message = f'`{place}` refers to the item "{name[:64]}", which is not known: {reason}'
        raise Unreadable(f"{message}; send the item itself ({_AI_SDK})", param=place, code="item_not_found")
    return found
