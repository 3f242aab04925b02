"""A backend's answer with its tool calls put right (`repair_tool_calls`): what is plainly a call in the text becomes
one, and arguments that are nearly JSON become JSON. What was done is told, in the answer and to the record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from router.backends.contract import Answer, Call
from router.toolcalls.arguments import repaired
from router.toolcalls.events import Events
from router.toolcalls.marks import ARGUMENTS, called, marked, shaped
from router.toolcalls.reading import Tools
from router.toolcalls.scanner import Scanner
from router.toolcalls.wrappers import Names

__all__ = ["mended"]

PATH = "/v1/chat/completions"
LONGEST = 1024 * 1024
"""Bytes of a plain answer beyond which it is passed on as it came."""


def mended(answer: Answer, call: Call, wanted: bool = True) -> Answer:
    """The answer, watched for calls where the request offers tools. `wanted`: the backend's option."""
    if not wanted or call.path != PATH or answer.status != 200 or (tools := _offered(call.data)) is None:
        return answer
    if any(name == b"content-encoding" for name, _ in answer.headers):
        return answer
    kind = next((value for name, value in answer.headers if name == b"content-type"), b"")
    if kind.startswith((b"text/event-stream", b"application/json")):
        return _Mended(answer, tools, call.repaired, kind.startswith(b"text/event-stream"))
    return answer


def _offered(data: dict[str, Any]) -> Tools | None:
    """None where nothing may be called, or where several answers are asked for at once."""
    tools = data.get("tools")
    if not isinstance(tools, list) or data.get("tool_choice") == "none" or data.get("n") not in (None, 1):
        return None
    types: dict[str, dict[str, Any]] = {}
    for tool in tools:
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict) and isinstance(name := function.get("name"), str) and name:
            schema = function.get("parameters")
            properties = schema.get("properties") if isinstance(schema, dict) else None
            types[name] = properties if isinstance(properties, dict) else {}
    form = data.get("response_format")
    asked = isinstance(form, dict) and form.get("type") in ("json_object", "json_schema")
    return Tools(Names(types), types, asked) if types else None


class _Mended(Answer):
    """Around another answer, nearest to the backend: whoever reads it sees the calls where they belong."""

    def __init__(self, answer: Answer, tools: Tools, marks: list[str], stream: bool):
        self._answer = answer
        self._tools = tools
        self._marks = marks
        self._stream = stream
        self.status = answer.status
        self.headers = [header for header in answer.headers if header[0] != b"content-length"]

    async def read(self) -> bytes:
        body = await self._answer.read()
        if self._stream:
            pieces: list[bytes] = []
            events = Events(self._tools, pieces.append, self._note)
            events.feed(body)
            events.end()
            return b"".join(pieces)
        return _plain(body, self._tools, self._note)

    async def pipe(self, sink: Callable[[bytes], None], ready: Callable[[], Any] | None = None) -> None:
        if not self._stream:
            sink(await self.read())
            return
        events = Events(self._tools, sink, self._note)
        await self._answer.pipe(events.feed, ready)
        events.end()

    def abort(self) -> None:
        self._answer.abort()

    def _note(self, mark: str) -> None:
        if mark not in self._marks:
            self._marks.append(mark)


def _plain(body: bytes, tools: Tools, note: Callable[[str], None]) -> bytes:
    if len(body) > LONGEST:
        return body
    try:
        answer = orjson.loads(body)
        choices = answer["choices"]
        (choice,) = choices
        message = choice["message"]
        if not isinstance(message, dict) or choice.get("finish_reason") == "length":
            return body
    except (ValueError, TypeError, KeyError, AttributeError):
        return body
    marks = _of_calls(message, tools) if message.get("tool_calls") else _of_text(choice, message, tools)
    for mark in marks:
        note(mark)
    return orjson.dumps(marked(answer, marks)) if marks else body


def _of_calls(message: dict[str, Any], tools: Tools) -> list[str]:
    """Repairs the arguments of real calls."""
    marks = []
    calls = message["tool_calls"]
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            continue
        text = function.get("arguments")
        if isinstance(text, str) and (better := repaired(text, tools.lenience)) is not None:
            function["arguments"] = better
            marks = [ARGUMENTS]
    return marks


def _of_text(choice: dict[str, Any], message: dict[str, Any], tools: Tools) -> list[str]:
    """Takes calls out of the text."""
    text = message.get("content")
    if not isinstance(text, str):
        return []
    scanner = Scanner(tools)
    scanner.feed(text)
    held = scanner.held
    found = scanner.end()
    if found is None:
        return []
    before, calls, wrapper = found
    message["content"] = (text[: len(text) - held] + before).rstrip() or None
    message["tool_calls"] = shaped(calls)
    choice["finish_reason"] = "tool_calls"
    return called(wrapper, calls)
