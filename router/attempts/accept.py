"""`accept:` what an answer must satisfy before it counts, so that a small model may be tried before a large one.

Only what the request makes checkable is judged: JSON where JSON was asked for, tool calls where tools were offered,
code where the answer holds some. An answer is judged as a whole; its stream is held back until then, and not at all
where nothing of it can be judged.
"""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from router.attempts.fitting import fault_by
from router.cache.forms import as_whole
from router.config.schema import Accept

__all__ = ["Judge", "judge_for"]

PATHS = frozenset({"/v1/chat/completions", "/v1/completions"})
"""Whose answers can be judged."""
LONGEST = 1024 * 1024
"""Characters of an answer, of a schema or of a code block beyond which they are not judged."""

_FENCE = re.compile(
    r"^[ \t]*(```+|~~~+)[ \t]*([\w+#.-]*)[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
_LEAKED = re.compile(r"^\s*(?:<tool_call>|<function[=_ ]|\[TOOL_CALLS\]|<\|tool_call|<\|python_tag\|>|functools\[)")
"""How Qwen, Llama, Mistral and others write a call that their server's template did not take out of the text."""


class Judge:
    """What is asked of the answers to one request."""

    __slots__ = ("_json", "_required", "_schema", "_tools", "_wanted", "wants_words", "whole")

    def __init__(self, wanted: Sequence[Accept], data: dict[str, Any], tools: Sequence[str]):
        """`tools`: names of the tools offered."""
        self._wanted = frozenset(wanted)
        self._tools = frozenset(tools) if "tools" in self._wanted else frozenset()
        choice = data.get("tool_choice")
        self._required = bool(self._tools) and (choice == "required" or isinstance(choice, dict))
        self._json = False
        self._schema: dict[str, Any] | None = None
        if "json" in self._wanted:
            self._json, self._schema = _asked(data)
        self.wants_words = "not_empty" in self._wanted
        self.whole = bool(self._tools) or self._json or "code" in self._wanted
        """The answer must be held back until its end."""

    async def plain(self, body: bytes) -> str | None:
        """What is wrong with a plain answer; None when it counts."""
        return await asyncio.to_thread(self._fault, body) if self.whole else self._fault(body)

    async def stream(self, body: bytes) -> str | None:
        """The same of a stream, of which all is here."""
        return await asyncio.to_thread(self._fault_of_stream, body)

    def _fault_of_stream(self, body: bytes) -> str | None:
        whole = as_whole(body)
        return "its stream cannot be put together" if whole is None else self._fault(whole)

    def _fault(self, body: bytes) -> str | None:
        try:
            choices = orjson.loads(body)["choices"]
            for choice in choices:
                message = choice.get("message") or {"content": choice.get("text")}
                if (fault := self._of(message)) is not None:
                    return fault
        except (ValueError, TypeError, KeyError, AttributeError):
            return "the answer has no choices"
        return "the answer has no choices" if not choices else None

    def _of(self, message: dict[str, Any]) -> str | None:
        text = message.get("content")
        text = text if isinstance(text, str) else ""
        calls = message.get("tool_calls") or []
        if self.wants_words and not text.strip() and not calls:
            return "the answer is empty"
        if self._tools and (fault := self._calls(calls, text)) is not None:
            return fault
        if self._json and not calls and (fault := self._as_json(text)) is not None:
            return fault
        if "code" in self._wanted:
            return next(_code_faults(text), None)
        return None

    def _calls(self, calls: Sequence[Any], text: str) -> str | None:
        if not calls:
            if _LEAKED.match(text):
                return "a tool call stands in the text"
            return "no tool is called, and one was asked for" if self._required else None
        for call in calls:
            function = call.get("function") or {}
            name, arguments = function.get("name"), function.get("arguments")
            if name not in self._tools:
                return f"calls {str(name)[:60]!r}, a tool that was not offered"
            try:
                parsed = orjson.loads(arguments or "{}") if isinstance(arguments, str | None) else arguments
            except ValueError:
                return f"the arguments of {name} are no JSON"
            if not isinstance(parsed, dict):
                return f"the arguments of {name} are no object"
        return None

    def _as_json(self, text: str) -> str | None:
        if len(text) > LONGEST:
            return None
        try:
            value = orjson.loads(text)
        except ValueError:
            return "the answer is no JSON"
        if self._schema is None:
            return None if isinstance(value, dict) else "the answer is no JSON object"
        place = fault_by(self._schema, value)
        return None if place is None else f"the answer does not fit the schema at {place}"


def judge_for(
    wanted: Sequence[Accept], path: str, data: dict[str, Any], tools: Callable[[], Sequence[str]]
) -> Judge | None:
    """The judge of a request; None where nothing is asked for, or nothing can be judged."""
    return Judge(wanted, data, tools()) if wanted and path in PATHS else None


def _asked(data: dict[str, Any]) -> tuple[bool, dict[str, Any] | None]:
    """Is JSON asked for, and by which schema?"""
    wanted = data.get("response_format")
    if not isinstance(wanted, dict) or wanted.get("type") not in ("json_object", "json_schema"):
        return False, None
    named = wanted.get("json_schema")
    schema = named.get("schema") if isinstance(named, dict) else wanted.get("schema")
    if not isinstance(schema, dict) or len(orjson.dumps(schema, default=str)) > LONGEST:
        schema = None
    return True, schema


def _code_faults(text: str) -> Iterator[str]:
    for match in _FENCE.finditer(text[:LONGEST]):
        language, code = match[2].lower(), match[3]
        if language in ("python", "py", "python3") and not _is_python(code):
            yield "a block of Python does not parse"
        elif language == "json" and not _is_json(code):
            yield "a block of JSON does not parse"


def _is_python(code: str) -> bool:
    indent = re.match(r"[ \t]*", code)
    code = (
        code
        if indent is None or not indent[0]
        else "\n".join(line.removeprefix(indent[0]) for line in code.split("\n"))
    )
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _is_json(code: str) -> bool:
    try:
        orjson.loads(code)
    except ValueError:
        return False
    return True
