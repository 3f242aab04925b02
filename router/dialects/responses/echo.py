"""What an answer repeats of its request, as OpenAI's reference of Responses has it."""

from __future__ import annotations

from typing import Any

from router.dialects.contract import Unreadable
from router.dialects.responses import fields

__all__ = ["echo"]

_SECRETS = ("authorization", "headers")
"""Of a tool on an MCP server: how to sign in there, which is not said again."""


def echo(data: dict[str, Any], stored: bool) -> dict[str, Any]:
    """A response without its answer. Raises Unreadable for what no response could repeat. Where the request leaves it
    to the backend (`temperature`, `top_p`) nothing is claimed."""
    parallel = fields.boolean(data, "parallel_tool_calls")
    choice = data.get("tool_choice")
    return {
        "id": "",
        "object": "response",
        "created_at": 0,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": fields.text(data, "instructions"),
        "max_output_tokens": fields.whole_number(data, "max_output_tokens", 1),
        "max_tool_calls": fields.whole_number(data, "max_tool_calls", 0),
        "model": "",
        "output": [],
        "parallel_tool_calls": True if parallel is None else parallel,
        "previous_response_id": fields.text(data, "previous_response_id"),
        "prompt_cache_key": fields.text(data, "prompt_cache_key"),
        "reasoning": _reasoning(data),
        "safety_identifier": fields.text(data, "safety_identifier"),
        "service_tier": "default",
        "store": stored,
        "temperature": fields.number(data, "temperature"),
        "text": _text(data),
        "tool_choice": "auto" if choice is None else choice,
        "tools": [_tool(tool, place) for place, tool in fields.items(data, "tools")],
        "top_logprobs": fields.whole_number(data, "top_logprobs", 0) or 0,
        "top_p": fields.number(data, "top_p"),
        "truncation": fields.choice(data, "truncation", ("auto", "disabled")) or "disabled",
        "usage": None,
        "user": fields.text(data, "user"),
        "metadata": _metadata(data),
    }


def _reasoning(data: dict[str, Any]) -> dict[str, Any]:
    given = fields.mapping(data, "reasoning") or {}
    return {name: fields.text(given, name, "reasoning") for name in ("effort", "summary")}


def _metadata(data: dict[str, Any]) -> dict[str, Any]:
    metadata = fields.mapping(data, "metadata") or {}
    for name in metadata:
        if fields.text(metadata, name, "metadata") is None:
            raise Unreadable(f"`metadata.{name[:64]}` is null; it must be a text", param="metadata")
    return metadata


def _tool(tool: dict[str, Any], place: str) -> dict[str, Any]:
    """With what the reference requires of one."""
    if tool.get("type") == "function":
        return {"parameters": None, "strict": None, **tool}
    if tool.get("type") == "namespace":
        inner = [_tool(entry, where) for where, entry in fields.items(tool, "tools", place)]
        return {"description": "", **tool, "tools": inner}
    if tool.get("type") == "mcp":
        return {name: value for name, value in tool.items() if name not in _SECRETS}
    return tool


def _text(data: dict[str, Any]) -> dict[str, Any]:
    given = fields.mapping(data, "text") or {}
    said: dict[str, Any] = {"format": fields.mapping(given, "format", "text") or {"type": "text"}}
    verbosity = fields.text(given, "verbosity", "text")
    return said if verbosity is None else {**said, "verbosity": verbosity}
