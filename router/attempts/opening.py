"""From when on an answer counts: until then it is held back, and another candidate may still take its place.

A stream counts from its first content: a role, a ping or an empty delta says nothing yet, and servers send them before
they fail. A plain answer counts when it is what it claims to be.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from router.attempts.accept import Judge, apart
from router.attempts.failure import CONTEXT, is_context_error, speaks_of_server
from router.backends.contract import BackendError
from router.wire.sse import each_event, event_data, split_events

__all__ = ["CHECKED", "Opening", "error_in"]

log = logging.getLogger("signalbox.attempts")

CHECKED = frozenset(
    "/v1/" + path
    for path in ("chat/completions", "completions", "fim/completions", "responses", "messages", "embeddings", "rerank")
)
"""Paths whose answers are JSON objects, or streams of them."""

HELD = 256 * 1024
"""Bytes of a stream held back at most: then it counts, whatever it is."""
JUDGED = 8 * 1024 * 1024
"""The same, where the whole is to be judged."""
LARGE = 64 * 1024
"""Bytes of a plain answer from which on only its first and last character are looked at."""

_SILENT = frozenset(
    {
        *("ping", "message_start", "response.created", "response.queued", "response.in_progress"),
        *("response.output_item.added", "response.content_part.added"),
    }
)
"""Types of events of the Messages and Responses dialects that say nothing yet."""
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "overloaded_error": 529,
}
"""Types of errors that OpenAI and Anthropic name, and their statuses."""
_FAILED = frozenset({"error", "response.failed"})


class Opening:
    """Watches one answer on one of the CHECKED paths until it counts."""

    __slots__ = ("_done", "_judge", "_rest", "_size", "_tail")

    def __init__(self, judge: Judge | None = None):
        self._judge = judge
        self._rest: list[bytes] = []
        """Pieces of an unfinished event, and their last bytes: a blank line may be cut in two."""
        self._tail = b""
        self._size = 0
        self._done = False
        """`[DONE]` or a finish reason came before any content: an empty answer, properly ended."""

    def feed(self, data: bytes) -> bool:
        """A piece of a stream. True: it counts from here. Raises BackendError when it tells a fault."""
        self._size += len(data)
        if self._judge is not None and self._judge.whole:
            return self._size > JUDGED
        with _malformed():
            if self._hears_something(data):
                return True
        return self._size > HELD

    async def end(self, held: bytes) -> None:
        """The stream has ended, and all of it is held back. Raises BackendError when it does not count."""
        judge = self._judge
        whole = judge is not None and judge.whole
        with _malformed():
            said = await apart(self._says, held) if whole else self._says(b"".join(self._rest))
            if not self._done and (whole or not said):
                raise BackendError(
                    "broken", "the stream ended before its end" if said else "the stream ended without a word"
                )
            if judge is not None and (whole or not said) and (fault := await judge.stream(held)) is not None:
                raise BackendError("rejected", fault)

    async def plain(self, body: bytes, kind: bytes) -> dict[str, Any] | None:
        """The parsed answer; None where it is too large to be parsed. Raises BackendError when it does not count."""
        with _malformed():
            answer = _parsed(body.strip(), kind)
            if self._judge is not None and (fault := await self._judge.plain(body)) is not None:
                raise BackendError("rejected", fault)
        return answer

    def _says(self, stream: bytes) -> bool:
        events, rest = split_events(stream)
        said = False
        for event in (*events, rest):
            said |= self._says_something(event)
        return said

    def _hears_something(self, data: bytes) -> bool:
        """Looks at the events that are whole with this piece, and keeps the rest. What was kept is not looked through
        again while no event ends: a long one may come in thousands of pieces."""
        near = self._tail + data
        self._rest.append(data)
        self._tail = near[-3:]
        if next(each_event(near), None) is None:
            return False
        whole, seen = b"".join(self._rest), 0
        for event, end in each_event(whole):
            if self._says_something(event):
                return True
            seen = end
        self._rest, self._tail = [whole[seen:]], whole[seen:][-3:]
        return False

    def _says_something(self, event: bytes) -> bool:
        data = event_data(event)
        if not data:
            return False  # a comment, or nothing
        if data == b"[DONE]":
            self._done = True
            return False
        try:
            chunk = orjson.loads(data)
        except ValueError:
            raise BackendError("malformed", "its stream holds what is no JSON") from None
        if not isinstance(chunk, dict):
            raise BackendError("malformed", "its stream holds what is no object")
        if chunk.get("error") or chunk.get("type") in _FAILED:
            raise error_in(chunk)
        return self._has_content(chunk)

    def _has_content(self, chunk: dict[str, Any]) -> bool:
        choices = chunk.get("choices")
        if isinstance(choices, list):
            said = False
            for choice in choices:
                said |= isinstance(choice, dict) and self._choice_says(choice)
            return said
        kind = chunk.get("type")
        if kind in ("message_stop", "message_delta", "response.completed", "response.incomplete"):
            self._done = True
            return False
        if kind == "content_block_start":
            block = chunk.get("content_block")
            return isinstance(block, dict) and block.get("type") not in ("text", "thinking")
        return kind not in _SILENT

    def _choice_says(self, choice: dict[str, Any]) -> bool:
        if choice.get("finish_reason"):
            self._done = True
        delta = choice.get("delta")
        said = [value for name, value in delta.items() if name != "role" and value] if isinstance(delta, dict) else []
        if text := choice.get("text"):
            said.append(text)
        if self._judge is not None and self._judge.wants_words:
            return any(not isinstance(part, str) or part.strip() for part in said)
        return bool(said)


@contextmanager
def _malformed() -> Iterator[None]:
    """What an answer raises that nobody thought of is its own fault: another candidate is asked."""
    try:
        yield
    except BackendError:
        raise
    except Exception as error:
        log.debug("an answer cannot be read: %s", type(error).__name__)
        raise BackendError("malformed", "its answer cannot be read") from None


def _parsed(text: bytes, kind: bytes) -> dict[str, Any] | None:
    """A plain answer without white space about it; None where it is too large. Raises BackendError."""
    if len(text) > LARGE:
        if not (text[:1] == b"{" and text[-1:] == b"}"):
            raise _no_json(kind)
        return None
    try:
        answer = orjson.loads(text)
    except ValueError:
        raise _no_json(kind) from None
    if not isinstance(answer, dict):
        raise _no_json(kind)
    if answer.get("error"):
        raise error_in(answer)
    return answer


def error_in(chunk: dict[str, Any]) -> BackendError:
    """An error object, told with status 200 or within a stream, as what it would have been by its own status."""
    inner = chunk.get("response") if chunk.get("type") == "response.failed" else chunk
    error = inner.get("error") if isinstance(inner, dict) else None
    if not isinstance(error, dict):
        error = {"message": error if isinstance(error, str) else chunk.get("message")}
    message = str(error.get("message") or "an error without words")[:1000]
    try:
        words = orjson.dumps(error)
    except TypeError:  # nested deeper than 254
        words = message.encode()
    if is_context_error(words):
        return BackendError("refused", message, status=400, code=CONTEXT)
    kind = error.get("type") if isinstance(error.get("type"), str) else None
    told = (error.get("code"), error.get("status"), _STATUS.get(kind or ""))
    status = next((code for code in told if isinstance(code, int) and 400 <= code < 600), 502)
    if speaks_of_server(status):
        return BackendError("broken", message, status=status)
    return BackendError("refused", message, status=status, code=kind)


def _no_json(kind: bytes) -> BackendError:
    what = kind.decode("latin-1").partition(";")[0].strip() or "something"
    return BackendError("malformed", f"answered {what[:80]} that is no JSON object")
