"""Between a client's dialect and a backend that speaks chat completions only: its request is read, and the answer told
in its words.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from router.backends.contract import BackendError
from router.dialects.chat.answer import ChatStream, events_of, failure_of
from router.dialects.contract import Dialect, Unreadable, Writer
from router.dialects.messages.dialect import Messages
from router.dialects.neutral import Event, Failed
from router.dialects.responses.dialect import Responses
from router.dialects.responses.store import Memory
from router.refusal import Refusal, shape

__all__ = ["LARGE", "Telling", "in_its_words", "opened", "words_of"]


LARGE = 256 * 1024
"""Bytes of a request, or of a whole answer, from which on a thread translates it: there are some of which it takes
seconds, and all others would wait for it."""


def opened(path: str, data: dict[str, Any], memory: Memory | None = None) -> Dialect:
    """The request read, and written as a chat completion. `memory`: what this client may go on from. Raises Refusal
    (400)."""
    try:
        dialect: Dialect = Responses(data, memory) if path == "/v1/responses" else Messages(data)
        dialect.chat  # noqa: B018  # written here, in the same thread
        return dialect
    except Unreadable as error:
        raise Refusal(400, error.message, code=error.code, param=error.param) from None


def words_of(dialect: Dialect) -> tuple[str, ...]:
    """What becomes of the request on the way, a word for each, as `x-signalbox-changed` has them."""
    return ("translated", *(f"left out {kind}" for kind in dialect.left_out))


def in_its_words(path: str, status: int, body: bytes) -> bytes:
    """The body of an error answer as the clients of this path expect it; one that has that form already stays."""
    if not path.startswith("/v1/messages"):
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

    __slots__ = ("_dialect", "_reader", "_writer", "failed")

    def __init__(self, dialect: Dialect, model: str):
        self._dialect = dialect
        self._reader = ChatStream(model)
        self._writer: Writer | None = None
        self.failed = False
        """The backend has told a fault in its stream, and the client knows of it."""

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
        told = []
        for event in events:
            told.append(self._writer.write(event))
            self.failed = self.failed or isinstance(event, Failed)
        return b"".join(told)
