"""Prompts written as Responses bodies: the other way round from what is tested."""

from __future__ import annotations

from typing import Any

from router.dialects.neutral import (
    Audio,
    File,
    Image,
    Part,
    Prompt,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from tests.dialects.responses.client import TOOLS

__all__ = ["EVERYTHING", "body_of"]


PNG = "data:image/png;base64,iVBORw0KGgo="
EVERYTHING: dict[str, Any] = {
    "model": "auto",
    "instructions": "Be brief.",
    "input": [
        {"type": "message", "role": "developer", "content": "x"},
        {"type": "additional_tools", "role": "developer", "tools": [
            {"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]},
        ]},
        {"role": "user", "content": [
            {"type": "input_text", "text": "x"},
            {"type": "input_image", "image_url": PNG, "detail": "high"},
            {"type": "input_file", "file_data": "JVBERi0=", "filename": "a.pdf"},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        ]},
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "e"},
        {"type": "message", "id": "m", "status": "completed", "role": "assistant", "phase": "commentary", "content": [
            {"type": "output_text", "text": "x", "annotations": []}, {"type": "refusal", "refusal": "no"},
        ]},
        {"type": "function_call", "call_id": "f", "name": "close", "namespace": "agents", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "x"},
        {"type": "local_shell_call", "id": "l", "action": {"type": "exec", "command": ["ls"], "env": {}}},
        {"type": "shell_call", "call_id": "s", "action": {"commands": ["ls"], "timeout_ms": None}},
        {"type": "apply_patch_call", "call_id": "a", "operation": {"type": "delete_file", "path": "p"}},
        {"type": "computer_call", "call_id": "o", "action": {"type": "screenshot"}},
        {"type": "function_call_output", "call_id": "f", "output": [
            {"type": "input_text", "text": "x"}, {"type": "input_image", "image_url": PNG},
        ]},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "done"},
        {"type": "local_shell_call_output", "id": "l", "output": "README"},
        {"type": "shell_call_output", "call_id": "s", "output": [
            {"stdout": "a", "stderr": "b", "outcome": {"type": "exit", "exit_code": 1}},
            {"stdout": "", "stderr": "", "outcome": {"type": "timeout"}},
        ]},
        {"type": "apply_patch_call_output", "call_id": "a", "status": "failed", "output": "no"},
        {"type": "computer_call_output", "call_id": "o", "output": {"type": "computer_screenshot", "image_url": PNG}},
        {"type": "mcp_call", "id": "p", "server_label": "wiki", "name": "ask", "arguments": "{}", "output": "x"},
        {"type": "web_search_call", "id": "w", "status": "completed", "action": {"type": "search", "query": "x"}},
        {"type": "compaction", "encrypted_content": "e"},
    ],
    "tools": [*TOOLS, {"type": "mcp", "server_label": "wiki", "authorization": "s", "headers": {"x": "s"}}],
    "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [
        {"type": "function", "name": "read"}, {"type": "custom", "name": "patch"}, {"type": "web_search"},
    ]},
    "parallel_tool_calls": False,
    "stream": True,
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}, "verbosity": "low"},
    "metadata": {"a": "b"},
    "max_output_tokens": 100,
    "max_tool_calls": 3,
    "temperature": 0.5,
    "top_p": 1,
    "truncation": "auto",
    "prompt_cache_key": "k",
    "safety_identifier": "i",
    "user": "u",
    "service_tier": "auto",
    "client_metadata": {"session_id": "s"},
    "background": False,
    "seed": 7,
}  # fmt: skip
"""A body with something of all that can be read."""


def _part(part: Part, role: str) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "output_text" if role == "assistant" else "input_text", "text": text}
        case Image(url, detail):
            return {"type": "input_image", "image_url": url, "detail": detail}
        case Audio(data, form):
            return {"type": "input_audio", "input_audio": {"data": data, "format": form}}
        case File(data, file_id, name):
            return {"type": "input_file", "file_data": data, "file_id": file_id, "filename": name}
    raise AssertionError(part)


def _items(turn: Turn) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for part in turn.parts:
        match part:
            case Thinking(text):
                items.append({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": text}]})
            case ToolCall(call_id, name, arguments):
                items.append({"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments})
            case ToolResult(call_id, parts):
                output = [_part(part, "user") for part in parts]
                items.append({"type": "function_call_output", "call_id": call_id, "output": output})
            case _:
                if not items or "content" not in items[-1]:
                    items.append({"type": "message", "role": turn.role, "content": []})
                items[-1]["content"].append(_part(part, turn.role))
    return items


def _tool(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": tool.strict,
    }


def _choice(choice: str | None) -> Any:
    return {"type": "function", "name": choice[1:]} if choice and choice[0] == "=" else choice


def _text(prompt: Prompt) -> dict[str, Any] | None:
    form = prompt.response_format
    if form is None:
        return None
    return {"format": {"type": form["type"], **form.get("json_schema", {})}}


def body_of(prompt: Prompt) -> dict[str, Any]:
    """A body that asks for this, with null for what it does not say."""
    return {
        "model": prompt.model,
        "input": [item for turn in prompt.turns for item in _items(turn)],
        "tools": [_tool(tool) for tool in prompt.tools],
        "tool_choice": _choice(prompt.tool_choice),
        "parallel_tool_calls": prompt.parallel_tool_calls,
        "stream": prompt.stream,
        "max_output_tokens": prompt.max_tokens,
        "temperature": prompt.temperature,
        "top_p": prompt.top_p,
        "text": _text(prompt),
        "reasoning": {"effort": prompt.reasoning_effort},
        **prompt.other,
    }
