"""The tools that a body offers, and how they may be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from router.dialects.contract import Unreadable
from router.dialects.messages.anthropic_tools import SCREENS, known
from router.dialects.messages.field import as_json, fields, flag, objects, text, wrong
from router.dialects.neutral import Tool

__all__ = ["choice_of", "left_out", "tools_of"]

_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def tools_of(value: Any) -> tuple[Tool, ...]:
    """Those that a client runs. Tools that run at Anthropic (searching and fetching the web, code execution, search
    among tools) are left out; those of `defer_loading` are offered with the others, since nobody could load them later.
    Raises Unreadable."""
    read = [_tool(each, f"tools[{at}]") for at, each in enumerate(objects(value, "tools"))]
    return tuple(tool for tool in read if tool is not None)


def left_out(value: Any) -> tuple[str, ...]:
    """Types of those that `tools_of` leaves out, of tools that it has read."""
    kinds = (tool["type"] for tool in objects(value, "tools") if _tool(tool, "tools") is None)
    return tuple(dict.fromkeys(kinds))


def _tool(tool: dict[str, Any], where: str) -> Tool | None:
    kind = tool.get("type")
    if kind is not None and not isinstance(kind, str):
        raise wrong(f"{where}.type", "must be a text")
    strict = flag(tool.get("strict"), f"{where}.strict")
    if kind in (None, "custom") or "input_schema" in tool:
        schema = fields(tool.get("input_schema"), f"{where}.input_schema")
        as_json(schema, f"{where}.input_schema")
        about = tool.get("description")
        if about is not None and not isinstance(about, str):
            raise wrong(f"{where}.description", "must be a text")
        return Tool(
            text(tool.get("name"), f"{where}.name"), about, schema or {"type": "object", "properties": {}}, strict
        )
    assert kind is not None
    if kind.startswith(SCREENS):
        raise Unreadable(f"{kind[:40]} needs a model that was trained for it, and such a backend", param=where)
    ours = known(kind)
    if ours is None:
        return None
    called = ours.name if tool.get("name") is None else text(tool["name"], f"{where}.name")
    return Tool(called, ours.description, ours.parameters, strict)


def choice_of(value: Any, tools: Sequence[Tool]) -> tuple[str | None, bool | None]:
    """(`tool_choice`, `parallel_tool_calls`). Both None where there is nothing to choose: chat completions refuse them
    without tools. Raises Unreadable."""
    asked = fields(value, "tool_choice")
    alone = flag(asked.get("disable_parallel_tool_use"), "tool_choice.disable_parallel_tool_use")
    kind = asked.get("type")
    choice = _CHOICES.get(kind) if isinstance(kind, str) else None
    if kind == "tool":
        name = text(asked.get("name"), "tool_choice.name")
        if all(tool.name != name for tool in tools):
            raise wrong("tool_choice.name", "names a tool that is not offered, or that only Anthropic can run")
        choice = f"={name}"
    elif asked and choice is None:
        raise wrong("tool_choice.type", "must be auto, any, tool or none")
    return (choice, False if alone else None) if tools else (None, None)
