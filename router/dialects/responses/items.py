"""The items of `input`, read into turns. Kinds: OpenAI's reference of Responses, and those that Codex sends.

What OpenAI's servers did on their own (a search of the web, a picture made, a compaction nobody else can read) leaves
nothing that another model could use: such items are passed over, and told in `left_out`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import orjson

from router.dialects.contract import Unreadable
from router.dialects.neutral import Image, Role, Text, ToolCall, ToolResult
from router.dialects.responses import fields, parts
from router.dialects.responses.tools import FIELD, Native, Toolbox
from router.dialects.responses.turns import Turns

__all__ = ["CARRIERS", "Items"]

CARRIERS = ("additional_tools", "tool_search_output")
"""Items that bring tools."""

_ROLES: tuple[Role, ...] = get_args(Role)
_BARE_PARTS = ("input_text", "input_image", "input_file", "input_audio")

Given = dict[str, Any]


class Items:
    """Reads items, one after the other, into `turns`."""

    def __init__(self, box: Toolbox):
        self.turns = Turns()
        self.left_out: dict[str, None] = {}
        """Types of items passed over."""
        self._box = box
        self._readers: dict[str, Callable[[Given, str], None]] = {
            "message": self._message,
            "reasoning": self._reasoning,
            "function_call": self._function_call,
            "function_call_output": self._output,
            "custom_tool_call": self._custom_call,
            "custom_tool_call_output": self._output,
            "local_shell_call": self._local_shell_call,
            "local_shell_call_output": self._output,
            "shell_call": self._shell_call,
            "shell_call_output": self._shell_output,
            "apply_patch_call": self._patch_call,
            "apply_patch_call_output": self._patch_output,
            "computer_call": self._computer_call,
            "computer_call_output": self._computer_output,
            "mcp_call": self._mcp_call,
            **dict.fromkeys(_BARE_PARTS, self._bare_part),
            **dict.fromkeys(CARRIERS, self._nothing),
        }

    def read(self, item: Given, place: str) -> None:
        """One item. Raises Unreadable."""
        kind = fields.text(item, "type", place) or ("message" if "role" in item else None)
        if kind is None:
            raise Unreadable(f"`{place}` has neither a `type` nor a `role`", param=place)
        reader = self._readers.get(kind)
        if reader is not None:
            reader(item, place)
        else:
            self.left_out[kind] = None

    def _nothing(self, item: Given, place: str) -> None:
        pass

    def _message(self, item: Given, place: str) -> None:
        role = fields.choice(item, "role", _ROLES, place)
        if role is None:
            raise Unreadable(f"`{place}.role` is missing", param=f"{place}.role")
        self.turns.say(next(known for known in _ROLES if known == role), parts.content(item, "content", place))

    def _bare_part(self, item: Given, place: str) -> None:
        self.turns.say("user", parts.content({"content": [item]}, "content", place))

    def _reasoning(self, item: Given, place: str) -> None:
        """The thoughts themselves where they are there, else their summary; what is encrypted only OpenAI can read."""
        for name in ("content", "summary"):
            texts = [fields.required(part, "text", where) for where, part in fields.items(item, name, place)]
            if any(texts):
                self.turns.think("\n\n".join(filter(None, texts)))
                return

    def _call(self, id: str, native: Native, arguments: str) -> None:
        self.turns.call(ToolCall(id, self._box.name(native), arguments))

    def _function_call(self, item: Given, place: str) -> None:
        native = Native("function", fields.required(item, "name", place), fields.text(item, "namespace", place))
        self._call(_call_id(item, place), native, fields.required(item, "arguments", place))

    def _custom_call(self, item: Given, place: str) -> None:
        native = Native("custom", fields.required(item, "name", place), fields.text(item, "namespace", place))
        self._call(_call_id(item, place), native, _json({FIELD: fields.required(item, "input", place)}))

    def _local_shell_call(self, item: Given, place: str) -> None:
        action = fields.mapping(item, "action", place) or {}
        told = {name: value for name, value in action.items() if name != "type" and value is not None}
        self._call(_call_id(item, place), Native("local_shell", "local_shell"), _json(told))

    def _shell_call(self, item: Given, place: str) -> None:
        action = fields.mapping(item, "action", place) or {}
        told = {name: value for name, value in action.items() if value is not None}
        self._call(_call_id(item, place), Native("shell", "shell"), _json(told))

    def _patch_call(self, item: Given, place: str) -> None:
        operation = fields.mapping(item, "operation", place) or {}
        self._call(_call_id(item, place), Native("apply_patch", "apply_patch"), _json(operation))

    def _computer_call(self, item: Given, place: str) -> None:
        action = item.get("actions") or item.get("action")
        self._call(_call_id(item, place), Native("function", "computer"), _json({"actions": action}))

    def _mcp_call(self, item: Given, place: str) -> None:
        """OpenAI's server called it and got the answer, both in one item."""
        label, name = fields.required(item, "server_label", place), fields.required(item, "name", place)
        call_id = fields.text(item, "id", place) or place
        self._call(call_id, Native("function", name, label), fields.required(item, "arguments", place))
        error, said = item.get("error"), fields.text(item, "output", place)
        told = error if isinstance(error, str) else _json(error) if error else said or ""
        self.turns.result(ToolResult(call_id, (Text(told),), failed=bool(error)), place)

    def _output(self, item: Given, place: str) -> None:
        self.turns.result(ToolResult(_call_id(item, place), parts.output(item, place)), place)

    def _shell_output(self, item: Given, place: str) -> None:
        if isinstance(item.get("output"), str):
            self._output(item, place)
            return
        told = [_of_command(chunk, where) for where, chunk in fields.items(item, "output", place)]
        self.turns.result(ToolResult(_call_id(item, place), (Text("\n".join(told)),)), place)

    def _patch_output(self, item: Given, place: str) -> None:
        failed = item.get("status") == "failed"
        said = fields.text(item, "output", place) or ("failed" if failed else "done")
        self.turns.result(ToolResult(_call_id(item, place), (Text(said),), failed), place)

    def _computer_output(self, item: Given, place: str) -> None:
        shot = parts.content({"output": [fields.mapping(item, "output", place)]}, "output", place)
        pictures = tuple(part for part in shot if isinstance(part, Image))
        self.turns.result(ToolResult(_call_id(item, place), pictures or (Text(""),)), place)


def _call_id(item: Given, place: str) -> str:
    """Some outputs name their call by `id`."""
    return fields.text(item, "call_id", place) or fields.required(item, "id", place)


def _of_command(chunk: Given, place: str) -> str:
    """One command's output, and how it ended."""
    outcome = fields.mapping(chunk, "outcome", place) or {}
    said = [fields.text(chunk, name, place) or "" for name in ("stdout", "stderr")]
    if outcome.get("type") == "timeout":
        said.append("(stopped: it took too long)")
    elif (code := fields.whole_number(outcome, "exit_code", -(2**31), f"{place}.outcome")) not in (None, 0):
        said.append(f"(exit code {code})")
    return "\n".join(filter(None, said))


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
