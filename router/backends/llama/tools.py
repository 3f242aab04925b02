"""Tool calls in a model's text: JSON between `<tool_call>` and `</tool_call>`, as Qwen, Hermes and others write it."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from router.backends.llama.request import refuse
from router.backends.llama.sampler import from_schema

__all__ = ["ToolCalls", "forced"]

OPEN, CLOSE = "<tool_call>", "</tool_call>"
_ROOT = re.compile(r"^root ::=", re.MULTILINE)


class ToolCalls:
    """Takes the calls out of a text as it grows.

    `feed` gives the text that is no call; `calls` holds the calls found so far, in OpenAI's shape. What stands
    between the tags and is no call stays text, tags included.
    """

    __slots__ = ("_held", "calls")

    def __init__(self) -> None:
        self._held = ""
        self.calls: list[dict[str, Any]] = []

    def feed(self, text: str) -> str:
        """More text has come: what of it, and of what was held, is certainly no part of a call."""
        text = self._held + text
        out = []
        while (start := text.find(OPEN)) >= 0:
            end = text.find(CLOSE, start)
            if end < 0:
                out.append(text[:start])
                self._held = text[start:]
                return "".join(out)
            # The line breaks around a call belong to its tags.
            out.append(text[:start].rstrip("\n"))
            out.append(self._take(text[start : end + len(CLOSE)]))
            text = text[end + len(CLOSE) :].lstrip("\n")
        keep = next((n for n in range(min(len(OPEN) - 1, len(text)), 0, -1) if OPEN.startswith(text[-n:])), 0)
        self._held = text[len(text) - keep :]
        out.append(text[: len(text) - keep])
        return "".join(out)

    def close(self) -> str:
        """No more text comes. A call whose closing tag the model forgot counts when its JSON is whole."""
        held, self._held = self._held, ""
        return self._take(held) if held.startswith(OPEN) else held

    def _take(self, tagged: str) -> str:
        inner = tagged.removeprefix(OPEN).removesuffix(CLOSE).strip()
        try:
            call = json.loads(inner)
        except (ValueError, RecursionError):
            return tagged
        if not isinstance(call, dict) or not isinstance(call.get("name"), str):
            return tagged
        arguments = call.get("arguments", call.get("parameters", {}))
        written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        self.calls.append(
            {
                "index": len(self.calls),
                "id": f"call_{uuid.uuid4().hex[:24]}",
                "type": "function",
                "function": {"name": call["name"], "arguments": written},
            }
        )
        return ""


def forced(data: dict[str, Any]) -> str | None:
    """A grammar for one call, when `tool_choice` is `required` or names a function; None when the model may choose.

    Raises BackendError("refused").
    """
    choice = data.get("tool_choice")
    named = choice.get("function") if isinstance(choice, dict) else None
    if choice != "required" and named is None:
        return None
    wanted = named.get("name") if isinstance(named, dict) else None
    calls = [_call(tool) for tool in data.get("tools") or [] if named is None or _name(tool) == wanted]
    if not calls:
        raise refuse('"tool_choice" asks for a tool that is not in "tools"')
    grammar = from_schema({"anyOf": calls} if len(calls) > 1 else calls[0])
    return _ROOT.sub("call ::=", grammar, count=1) + f'\nroot ::= "{OPEN}\\n" call "\\n{CLOSE}"\n'


def _name(tool: Any) -> Any:
    function = tool.get("function") if isinstance(tool, dict) else None
    return function.get("name") if isinstance(function, dict) else None


def _call(tool: Any) -> dict[str, Any]:
    name = _name(tool)
    if not isinstance(name, str):
        raise refuse('each of "tools" must hold a function with a name')
    parameters = tool["function"].get("parameters")
    return {
        "type": "object",
        "properties": {
            "name": {"const": name},
            "arguments": parameters if isinstance(parameters, dict) else {"type": "object"},
        },
        "required": ["name", "arguments"],
    }
