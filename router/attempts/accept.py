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
from concurrent.futures import ThreadPoolExecutor
from time import thread_time
from typing import Any, TypeVar

import orjson

from router.attempts.fitting import SECONDS, fault_by, load
from router.cache.forms import as_whole
from router.config.schema import Accept
from router.toolcalls.wrappers import LEAKED

__all__ = ["Judge", "apart", "judge_for"]

T = TypeVar("T")

PATHS = frozenset({"/v1/chat/completions", "/v1/completions"})
"""Whose answers can be judged."""
LONGEST = 1024 * 1024
"""Characters of an answer beyond which its JSON or its code is not judged."""
LONGEST_FIT = 256 * 1024
"""The same of a schema (bytes), and of an answer that is held against one."""
LONGEST_PYTHON = 32 * 1024
"""The same of a block of Python: its parser lets nothing else run meanwhile, for up to 0.15 s of so much."""

_JUDGES = ThreadPoolExecutor(1, "signalbox-judge")
"""A thread of its own, so that no one waits behind an answer that is slow to judge but those to be judged."""
_LANGUAGE = re.compile(r"[\w+#.-]*")


class Judge:
    """What is asked of the answers to one request."""

    __slots__ = ("_json", "_required", "_schema", "_tools", "_wanted", "wants_words", "whole")

    def __init__(self, wanted: Sequence[Accept], data: dict[str, Any], tools: Sequence[str]):
        """`tools`: names of the tools offered."""
        self._wanted = frozenset(wanted)
        self._tools = frozenset(tools) if "tools" in self._wanted else frozenset()
        self._required = bool(self._tools) and _requires(data.get("tool_choice"))
        self._json = False
        self._schema: dict[str, Any] | None = None
        if "json" in self._wanted:
            self._json, self._schema = _asked(data)
        self.wants_words = "not_empty" in self._wanted
        self.whole = bool(self._tools) or self._json or "code" in self._wanted
        """The answer must be held back until its end."""

    async def plain(self, body: bytes) -> str | None:
        """What is wrong with a plain answer; None when it counts."""
        return await apart(self._fault, body) if self.whole else self._fault(body)

    async def stream(self, body: bytes) -> str | None:
        """The same of a stream, of which all is here."""
        return await apart(self._fault_of_stream, body)

    def _fault_of_stream(self, body: bytes) -> str | None:
        whole = as_whole(body)
        return "its stream cannot be put together" if whole is None else self._fault(whole)

    def _fault(self, body: bytes) -> str | None:
        if self._schema is not None:
            load()
        until = thread_time() + SECONDS
        try:
            choices = orjson.loads(body)["choices"]
            for choice in choices:
                message = choice.get("message") or {"content": choice.get("text")}
                if (fault := self._of(message, until)) is not None:
                    return fault
        except (ValueError, TypeError, KeyError, AttributeError):
            return "the answer has no choices"
        return "the answer has no choices" if not choices else None

    def _of(self, message: dict[str, Any], until: float) -> str | None:
        """What is wrong with one choice, as far as that is found out until then: a `thread_time()`."""
        text = message.get("content")
        text = text if isinstance(text, str) else ""
        calls = message.get("tool_calls") or []
        if self.wants_words and not text.strip() and not calls:
            return "the answer is empty"
        if self._tools and (fault := self._calls(calls, text)) is not None:
            return fault
        if self._json and not calls and (fault := self._as_json(text, until)) is not None:
            return fault
        if "code" in self._wanted:
            return next(_code_faults(text, until), None)
        return None

    def _calls(self, calls: Sequence[Any], text: str) -> str | None:
        if not calls:
            if LEAKED.match(text.lstrip()):
                return "a tool call stands in the text"
            return "no tool is called, and one was asked for" if self._required else None
        for call in calls:
            if call.get("type") == "custom":  # OpenAI's: its input is free text
                continue
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

    def _as_json(self, text: str, until: float) -> str | None:
        if len(text) > LONGEST:
            return None
        try:
            value = orjson.loads(text)
        except ValueError:
            return "the answer is no JSON"
        if self._schema is None:
            return None if isinstance(value, dict) else "the answer is no JSON object"
        place = fault_by(self._schema, value, until) if len(text) <= LONGEST_FIT else None
        return None if place is None else f"the answer does not fit the schema at {place}"


def judge_for(
    wanted: Sequence[Accept], path: str, data: dict[str, Any], tools: Callable[[], Sequence[str]]
) -> Judge | None:
    """The judge of a request; None where nothing is asked for, or nothing can be judged."""
    return Judge(wanted, data, tools()) if wanted and path in PATHS else None


async def apart(work: Callable[[bytes], T], body: bytes) -> T:
    """Done in the thread in which answers are judged: one of 8 MB takes seconds."""
    return await asyncio.get_running_loop().run_in_executor(_JUDGES, work, body)


def _requires(choice: object) -> bool:
    """Must a tool be called? In OpenAI's words, Mistral's (`any`) and Anthropic's, which gateways take as well."""
    if not isinstance(choice, dict):
        return choice in ("required", "any")
    if choice.get("type") == "allowed_tools":
        allowed = choice.get("allowed_tools")
        return isinstance(allowed, dict) and allowed.get("mode") == "required"
    return choice.get("type") in ("function", "custom", "tool", "any")


def _asked(data: dict[str, Any]) -> tuple[bool, dict[str, Any] | None]:
    """Is JSON asked for, and by which schema? None: any object; an empty one, which all fits, where it cannot be judged
    by."""
    wanted = data.get("response_format")
    if not isinstance(wanted, dict) or wanted.get("type") not in ("json_object", "json_schema"):
        return False, None
    named = wanted.get("json_schema")
    schema = named.get("schema") if isinstance(named, dict) else wanted.get("schema")
    if not isinstance(schema, dict):
        return True, None
    try:
        return True, schema if len(orjson.dumps(schema)) <= LONGEST_FIT else {}
    except TypeError:  # nested deeper than 254
        return True, {}


def _code_faults(text: str, until: float) -> Iterator[str]:
    if len(text) > LONGEST:
        return
    for language, code in _blocks(text):
        if thread_time() > until:
            return
        if language in ("python", "py", "python3") and len(code) <= LONGEST_PYTHON and not _is_python(code):
            yield "a block of Python does not parse"
        elif language == "json" and not _is_json(code):
            yield "a block of JSON does not parse"


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Fenced code, its language in lower case before it, as CommonMark has it (0.31, §4.5), but however deep it is
    indented: models put blocks into lists."""
    fence, language, code = "", "", list[str]()
    for line in text.split("\n"):
        words = line.strip(" \t\r")
        mark = words[:1]
        if fence:
            if words.startswith(fence) and not words.strip(mark):
                yield language, "".join(code)
                fence = ""
            else:
                code.append(line + "\n")
        elif mark in ("`", "~"):
            info = words.lstrip(mark)
            length = len(words) - len(info)
            if length >= 3 and not (mark == "`" and "`" in info):
                found = _LANGUAGE.match(info.lstrip(" \t"))
                fence, language, code = mark * length, found[0].lower() if found else "", []
    if fence:
        yield language, "".join(code)


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
