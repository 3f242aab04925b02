"""What fills a gap, read from one form of answer and written in another, whole or piece by piece."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from router.backends.contract import Answer, BackendError
from router.endpoints.gap import Form
from router.wire.sse import event_data, split_events

__all__ = ["Filled", "Piece", "Writer", "read"]

_JSON = [(b"content-type", b"application/json")]
_EVENTS = [(b"content-type", b"text/event-stream; charset=utf-8")]
DONE = b"data: [DONE]\n\n"
LARGEST_EVENT = 4 * 1024 * 1024
"""Bytes of an event that does not end."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text, and at the end why it ended and what it cost."""

    text: str = ""
    reason: str | None = None
    """`stop` or `length`."""
    usage: dict[str, Any] | None = None


def read(said: dict[str, Any]) -> Piece:
    """An answer, or an event of one, in any of the forms."""
    usage = said.get("usage")
    usage = usage if isinstance(usage, dict) else None
    choices = said.get("choices")
    if isinstance(choices, list):
        choice = choices[0] if choices and isinstance(choices[0], dict) else {}
        inner = choice.get("delta") or choice.get("message") or {}
        text = choice.get("text") if "text" in choice else inner.get("content") if isinstance(inner, dict) else ""
        reason = choice.get("finish_reason")
        return Piece(text if isinstance(text, str) else "", reason if isinstance(reason, str) else None, usage)
    text = said.get("content")
    if not said.get("stop"):
        return Piece(text if isinstance(text, str) else "")
    cut = said.get("stop_type") == "limit" or said.get("stopped_limit") is True
    prompt, written = said.get("tokens_evaluated"), said.get("tokens_predicted")
    if usage is None and isinstance(prompt, int) and isinstance(written, int):
        usage = {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}
    return Piece(text if isinstance(text, str) else "", "length" if cut else "stop", usage)


@dataclass(slots=True)
class Writer:
    """Writes one answer in the client's form."""

    form: Form
    model: str
    usage: bool = False
    """A client of `/v1/completions` asked for the usage of a stream."""
    id: str = field(default_factory=lambda: f"cmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, piece: Piece) -> bytes:
        """The answer as one object."""
        reason = piece.reason or "stop"
        if self.form == "infill":
            return orjson.dumps(self._infill(Piece(piece.text, reason, piece.usage)))
        choice: dict[str, Any] = {"index": 0, "finish_reason": reason}
        if self.form == "fim":
            choice["message"] = {"role": "assistant", "content": piece.text, "tool_calls": None}
            told = self._about("chat.completion", [choice])
        else:
            told = self._about("text_completion", [{"text": piece.text, "logprobs": None, **choice}])
        return orjson.dumps({**told, "usage": piece.usage} if piece.usage else told)

    def event(self, piece: Piece) -> bytes:
        """The events that tell a piece of a stream; b"" where it tells nothing."""
        if self.form == "infill":
            return _event(self._infill(piece)) if piece.text or piece.reason else b""
        out = b""
        choice: dict[str, Any] = {"index": 0, "finish_reason": piece.reason}
        if self.form == "fim":
            choice["delta"] = {"role": "assistant", "content": piece.text}
            told = self._about("chat.completion.chunk", [choice])
            if piece.text or piece.reason or piece.usage:
                out = _event({**told, "usage": piece.usage} if piece.usage else told)
            return out
        if piece.text or piece.reason:
            out = _event(self._about("text_completion", [{"text": piece.text, "logprobs": None, **choice}]))
        if piece.usage and self.usage:
            out += _event({**self._about("text_completion", []), "usage": piece.usage})
        return out

    @property
    def end(self) -> bytes:
        """Behind the last event."""
        return b"" if self.form == "infill" else DONE

    def _about(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model, "choices": choices}

    def _infill(self, piece: Piece) -> dict[str, Any]:
        told: dict[str, Any] = {"index": 0, "content": piece.text, "stop": piece.reason is not None}
        if piece.reason is not None:
            told |= {"model": self.model, "stop_type": "limit" if piece.reason == "length" else "eos"}
        if piece.usage is not None:
            usage = piece.usage
            told |= {"tokens_evaluated": usage.get("prompt_tokens"), "tokens_predicted": usage.get("completion_tokens")}
            told["usage"] = usage
        return told


class Filled(Answer):
    """A server's answer in the client's form. An error goes through as it came."""

    def __init__(self, answer: Answer, writer: Writer, stream: bool):
        kind = dict(answer.headers).get(b"content-type", b"")
        self._answer = answer
        self._writer = writer
        self._passes = answer.status != 200
        self._events = kind.startswith(b"text/event-stream")
        self.status = answer.status
        self.headers = answer.headers if self._passes else _EVENTS if stream and self._events else _JSON
        self._rest = bytearray()
        self._usage: dict[str, Any] | None = None
        self._reason: str | None = None

    async def read(self) -> bytes:
        body = await self._answer.read()
        if self._passes:
            return body
        return self._writer.whole(read(_object(body)))

    async def pipe(self, sink: Callable[[bytes], None], ready: Callable[[], Any] | None = None) -> None:
        if self._passes or not self._events:
            sink(await self.read())
            return

        def take(data: bytes) -> None:
            if written := self._take(data):
                sink(written)

        await self._answer.pipe(take, ready)
        written = self._take(b"\n\n") if self._rest else b""
        if self._reason is None:
            if written:
                sink(written)
            raise BackendError("broken", "the stream ended without its proper end")
        last = self._writer.event(Piece(reason=self._reason, usage=self._usage))
        sink(written + last + self._writer.end)

    def abort(self) -> None:
        self._answer.abort()

    def _take(self, data: bytes) -> bytes:
        """The end is kept back: the usage may come behind it, in an event of its own."""
        self._rest += data
        events: list[bytes] = []
        if b"\n" in data or b"\r" in data:  # else no event ends in it, and the rest is not searched once more
            events, rest = split_events(bytes(self._rest))
            self._rest = bytearray(rest)
        if len(self._rest) > LARGEST_EVENT:
            raise BackendError("malformed", "its stream holds an event that does not end")
        out = []
        for event in events:
            said = event_data(event)
            if not said or said == b"[DONE]":
                continue
            chunk = _object(said)
            if chunk.get("error"):
                out.append(_event(chunk))
                continue
            piece = read(chunk)
            self._reason, self._usage = piece.reason or self._reason, piece.usage or self._usage
            if piece.text:
                out.append(self._writer.event(Piece(piece.text)))
        return b"".join(out)


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise BackendError("malformed", "answered what is no JSON object")
    return said


def _event(told: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % orjson.dumps(told)
