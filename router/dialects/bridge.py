"""Between a client's dialect and a backend that speaks chat completions only: which requests are translated, and how
their answers are told.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any, cast

import orjson

from router.backends.contract import BackendError
from router.config.facts import Facts
from router.dialects.chat.answer import ChatStream, events_of, failure_of
from router.dialects.contract import Dialect, Unreadable, Writer
from router.dialects.neutral import Event, Failed
from router.refusal import Refusal, shape

__all__ = ["DIALECTS", "Telling", "in_its_words", "is_translated", "opened"]

DIALECTS = {
    "/v1/messages": ("router.dialects.messages", "Messages"),
    "/v1/responses": ("router.dialects.responses", "Responses"),
}
"""By the path of their door. A dialect is imported when the first client speaks it."""


def is_translated(path: str, data: dict[str, Any], facts: Facts) -> bool:
    """This backend gets this request as a chat completion."""
    if path not in DIALECTS:
        return False
    if path in facts.dialects:
        return False
    return not (path in facts.plain_dialects and _is_plain(path, data))


def opened(path: str, data: dict[str, Any]) -> Dialect:
    """The request read. Raises Refusal (400)."""
    module, name = DIALECTS[path]
    dialect = cast("type[Dialect]", getattr(import_module(module), name))
    try:
        return dialect(data)
    except Unreadable as error:
        raise Refusal(400, error.message, code=error.code, param=error.param) from None


def in_its_words(path: str, status: int, body: bytes) -> bytes:
    """The body of an error answer as the clients of this path expect it; one that has that form already stays."""
    if path != "/v1/messages":
        return body
    try:
        told = orjson.loads(body)
    except ValueError:
        told = None
    if isinstance(told, dict) and told.get("type") == "error" and isinstance(told.get("error"), dict):
        return body
    failed = failure_of(status, body)
    return shape(Refusal(status, failed.message), anthropic=True)[1]


class Telling:
    """Tells one answer, a chat completion, in the client's dialect."""

    __slots__ = ("_dialect", "_reader", "_writer")

    def __init__(self, dialect: Dialect, model: str):
        self._dialect = dialect
        self._reader = ChatStream(model)
        self._writer: Writer | None = None

    def feed(self, data: bytes) -> bytes:
        """A piece of a stream, cut anywhere: what is to be sent on now."""
        return self._written(self._reader.feed(data))

    def end(self) -> bytes:
        """The stream has ended."""
        return self._written(self._reader.end())

    def whole(self, body: bytes) -> bytes:
        """A whole answer, as the client asked for it: one object, or a stream of all its events. Raises BackendError
        for one that is no chat completion."""
        events = events_of(body, self._reader.model)
        if isinstance(failed := events[-1], Failed):
            raise BackendError("malformed", failed.message, status=failed.status)
        if self.streams:
            return self._written(events)
        return orjson.dumps(self._dialect.whole(events))

    @property
    def streams(self) -> bool:
        """The client asked for a stream."""
        return self._dialect.prompt.stream

    def _written(self, events: Iterable[Event]) -> bytes:
        if self._writer is None:
            self._writer = self._dialect.writer()
        return b"".join(map(self._writer.write, events))


def _is_plain(path: str, data: dict[str, Any]) -> bool:
    """It holds only what every server of the dialect takes. Of the rest (Codex' tools, documents, pictures out of
    tools) the servers on people's machines know little, and the translation more."""
    tools = data.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        if not isinstance(tool, dict) or tool.get("type", "custom") != _FUNCTION[path]:
            return False
    items = data.get("input" if path == "/v1/responses" else "messages")
    return all(map(_PLAIN[path], items)) if isinstance(items, list) else True


def _is_plain_item(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    kind = item.get("type", "message")
    if kind == "function_call_output":
        return isinstance(item.get("output"), str)
    return kind == "function_call" or (kind == "message" and item.get("role") != "developer")


def _is_plain_message(message: Any) -> bool:
    if not isinstance(message, dict):
        return False
    blocks = message.get("content")
    return all(map(_is_plain_block, blocks)) if isinstance(blocks, list) else True


def _is_plain_block(block: Any) -> bool:
    if not isinstance(block, dict):
        return False
    if block.get("type") == "tool_result":
        content = block.get("content")
        return not isinstance(content, list) or all(isinstance(p, dict) and p.get("type") == "text" for p in content)
    return block.get("type") in ("text", "image", "tool_use", "thinking")


_FUNCTION = {"/v1/messages": "custom", "/v1/responses": "function"}
"""The type of a tool that the client itself runs; in Messages it may be left out."""
_PLAIN = {"/v1/messages": _is_plain_message, "/v1/responses": _is_plain_item}
