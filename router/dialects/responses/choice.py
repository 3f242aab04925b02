"""`tool_choice`: which of the tools may be called, and whether one must."""

from __future__ import annotations

from typing import Any

from router.dialects.contract import Unreadable
from router.dialects.neutral import Tool
from router.dialects.responses import fields
from router.dialects.responses.tools import Toolbox

__all__ = ["chosen"]


def chosen(data: dict[str, Any], box: Toolbox) -> tuple[tuple[Tool, ...], str | None]:
    """The tools that are offered, and `Prompt.tool_choice` (None without tools, for then servers refuse one). Raises
    Unreadable."""
    asked = data.get("tool_choice")
    tools, mode = box.tools, None
    if isinstance(asked, dict):
        tools, mode = _of_object(asked, box)
    elif asked is not None:
        mode = fields.choice(data, "tool_choice", ("auto", "none", "required"))
    if not tools and mode == "required":
        raise Unreadable("`tool_choice` requires a call, but no tool is offered" + _but(box), param="tool_choice")
    return tools, mode if tools else None


def _of_object(asked: dict[str, Any], box: Toolbox) -> tuple[tuple[Tool, ...], str]:
    if fields.required(asked, "type", "tool_choice") != "allowed_tools":
        return box.tools, "=" + _one(asked, "tool_choice", box)
    mode = fields.choice(asked, "mode", ("auto", "required"), "tool_choice") or "auto"
    listed = fields.items(asked, "tools", "tool_choice")
    names = {_one(tool, place, box) for place, tool in listed if tool.get("type") not in box.left_out}
    return tuple(tool for tool in box.tools if tool.name in names), mode


def _one(asked: dict[str, Any], place: str, box: Toolbox) -> str:
    """The model's name of the tool that is meant."""
    kind = fields.required(asked, "type", place)
    name = fields.required(asked, "name", place) if kind in ("function", "custom") else kind
    found = box.find(kind, name, fields.text(asked, "namespace", place))
    if found is None:
        raise Unreadable(
            f"`{place}` names `{name[:64]}`, which is not among the tools" + _but(box), param="tool_choice"
        )
    return found


def _but(box: Toolbox) -> str:
    return f"; left out, as only OpenAI's servers run them: {', '.join(box.left_out)[:200]}" if box.left_out else ""
