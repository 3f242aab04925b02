"""A chat completion, streamed or whole, as events.

Servers differ: no id, no index of a tool call, a call in one piece, `stop` after calls, thoughts as `reasoning_content`
or `reasoning`, content in parts, usage beside the last words or in a chunk of its own, no `[DONE]`. All that is read.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from router.accounts.tokens import tokens_of
from router.attempts.opening import error_in
from router.dialects.neutral import (
    Arguments,
    Began,
    Called,
    Ended,
    Event,
    Failed,
    Refused,
    Said,
    Stop,
    Thought,
    Usage,
    Used,
)
from router.wire.sse import EventReader, event_data

__all__ = ["ChatStream", "events_of", "failure_of"]

_STOPS: dict[str, Stop] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
}
"""Finish reasons in the words of several servers; all others mean that the model came to its end."""
MOST_CALLS = 1024


@dataclass(slots=True)
class ChatStream:
    """Reads one stream of chunks."""

    model: str
    """For an answer that does not name its model."""
    _events: EventReader = field(default_factory=EventReader)
    _began: bool = False
    _closed: bool = False
    """`Ended` or `Failed` was told."""
    _finish: str | None = None
    _matched: str | None = None
    _done: bool = False
    _usage: dict[str, Any] | None = None
    _calls: list[str] = field(default_factory=list)
    """Ids of the calls, as the backend gave them, in order."""
    _nameless: dict[int, tuple[str, list[str]]] = field(default_factory=dict)
    """By the backend's index: id and arguments of calls whose names have not come yet."""
    _places: dict[int, int] = field(default_factory=dict)
    """The backend's index of a call, and ours."""

    def feed(self, data: bytes) -> Iterator[Event]:
        """A piece of the stream, cut anywhere."""
        for event in self._events.feed(data):
            yield from self._event(event)

    def end(self) -> Iterator[Event]:
        """The stream has ended. Without `Ended` among the events it was not whole."""
        if rest := self._events.close():
            yield from self._event(rest)
        if self._closed or not (self._done or self._finish):
            return
        yield from self._begin({})
        if self._usage is not None and (usage := _usage(self._usage)) is not None:
            yield Used(usage)
        self._closed = True
        yield Ended(_stop(self._finish, bool(self._calls)), self._matched)

    def _event(self, event: bytes) -> Iterator[Event]:
        data = event_data(event)
        if not data or self._closed:
            return
        if data == b"[DONE]":
            self._done = True
            yield from self.end()
            return
        try:
            chunk = orjson.loads(data)
        except ValueError:
            return
        if not isinstance(chunk, dict):
            return
        if chunk.get("error"):
            self._closed = True
            fault = error_in(chunk)
            yield Failed(fault.message, fault.status, fault.code)
            return
        if isinstance(chunk.get("usage"), dict):
            self._usage = {**(self._usage or {}), **chunk["usage"]}
        if (choice := _first(chunk.get("choices"))) is not None:
            yield from self._choice(chunk, choice)

    def _choice(self, chunk: dict[str, Any], choice: dict[str, Any]) -> Iterator[Event]:
        yield from self._begin(chunk)
        delta = choice.get("delta")
        if isinstance(delta, dict):
            yield from self._message(delta)
        if isinstance(reason := choice.get("finish_reason"), str):
            self._finish = reason
        if isinstance(matched := choice.get("stop_reason"), str):  # vLLM's: the sequence that was met
            self._matched = matched

    def _begin(self, chunk: dict[str, Any]) -> Iterator[Event]:
        if not self._began:
            self._began = True
            id_, model, created = chunk.get("id"), chunk.get("model"), chunk.get("created")
            yield Began(
                id_ if isinstance(id_, str) and id_ else uuid.uuid4().hex,
                model if isinstance(model, str) and model else self.model,
                created if isinstance(created, int) else int(time.time()),
            )

    def _message(self, message: dict[str, Any]) -> Iterator[Event]:
        """A delta, or the message of a whole answer."""
        thought = message.get("reasoning_content") or message.get("reasoning")
        if isinstance(thought, str) and thought:
            yield Thought(thought)
        content = message.get("content")
        if isinstance(content, str) and content:
            yield Said(content)
        elif isinstance(content, list):
            yield from _parts(content)
        if isinstance(refusal := message.get("refusal"), str) and refusal:
            yield Refused(refusal)
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                yield from self._call(call)
        if isinstance(old := message.get("function_call"), dict):
            yield from self._call({"index": 0, "function": old})

    def _call(self, call: dict[str, Any]) -> Iterator[Event]:
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        name, id_ = function.get("name"), call.get("id")
        name = name if isinstance(name, str) else ""
        id_ = id_ if isinstance(id_, str) else ""
        arguments = _arguments(function.get("arguments"))
        at = self._place(call.get("index"), name, id_)
        if at is None:
            if len(self._calls) >= MOST_CALLS:
                return
            index = call.get("index")
            if not name:
                self._wait(index, id_, arguments)
                return
            early_id, early = self._nameless.pop(index, ("", [])) if isinstance(index, int) else ("", [])
            at, id_, arguments = len(self._calls), id_ or early_id, "".join((*early, arguments))
            # Results name their call: where two have the same id, nobody could tell whose they are.
            told = id_ if id_ and id_ not in self._calls else f"call_{uuid.uuid4().hex[:24]}"
            self._calls.append(id_)
            if isinstance(index, int):
                self._places[index] = at
            yield Called(at, told, name)
        if arguments:
            yield Arguments(at, arguments)

    def _wait(self, index: Any, id_: str, arguments: str) -> None:
        """For the name of a call."""
        if isinstance(index, int) and (index in self._nameless or len(self._nameless) < MOST_CALLS):
            known, early = self._nameless.get(index, ("", []))
            self._nameless[index] = (id_ or known, [*early, arguments])

    def _place(self, index: Any, name: str, id_: str) -> int | None:
        """Which call goes on here; None where a new one begins. Some servers give every call the index 0, some none."""
        at = self._places.get(index) if isinstance(index, int) else (len(self._calls) - 1 if self._calls else None)
        if at is None:
            return None
        another = bool(name) and bool(id_) and id_ != self._calls[at]
        return None if another or (name and not isinstance(index, int)) else at


def events_of(body: bytes, model: str) -> list[Event]:
    """A whole answer. [Failed] for one that is none."""
    stream = ChatStream(model)
    try:
        answer = orjson.loads(body)
        if answer.get("error"):
            fault = error_in(answer)
            return [Failed(fault.message, fault.status, fault.code)]
        choice = _first(answer["choices"]) or {}
        message = dict(choice["message"])
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return [Failed("the backend's answer is no chat completion", 502)]
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        message["tool_calls"] = [{**call, "index": at} for at, call in enumerate(calls) if isinstance(call, dict)]
    reason, usage = choice.get("finish_reason"), answer.get("usage")
    stream._usage = usage if isinstance(usage, dict) else None
    heard = stream._choice(
        answer, {"delta": message, "finish_reason": reason, "stop_reason": choice.get("stop_reason")}
    )
    events = list(heard)
    stream._done = True
    return [*events, *stream.end()]


def failure_of(status: int, body: bytes) -> Failed:
    """An error answer of a server that speaks chat completions; its words may be in any form."""
    try:
        answer = orjson.loads(body)
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        error = answer.get("error")
        told = error if isinstance(error, dict) else answer
        message = next((told[name] for name in ("message", "detail", "error") if isinstance(told.get(name), str)), None)
        code = told.get("code")
        if message is not None:
            return Failed(message, status, code if isinstance(code, str) else None)
    words = body[:1000].decode("utf-8", "replace").strip()
    return Failed(words or f"the backend answered with status {status} and no explanation", status)


def _first(choices: Any) -> dict[str, Any] | None:
    """The answer; of several the dialects know only one, and servers do not always tell them in order."""
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("index", 0) in (0, None):
            return choice
    return None


def _arguments(said: Any) -> str:
    if isinstance(said, dict):  # Ollama's own API has an object there
        return orjson.dumps(said).decode()
    return said if isinstance(said, str) else ""


def _parts(content: list[Any]) -> Iterator[Event]:
    """Content in parts: Mistral's reasoning models answer so."""
    for part in content:
        if not isinstance(part, dict):
            continue
        if isinstance(text := part.get("text"), str) and text:
            yield Said(text)
        elif isinstance(thoughts := part.get("thinking"), list):
            for thought in thoughts:
                if isinstance(thought, dict) and isinstance(text := thought.get("text"), str) and text:
                    yield Thought(text)


def _stop(reason: str | None, called: bool) -> Stop:
    found = _STOPS.get(reason or "", "stop")
    return "tool_calls" if called and found == "stop" else "stop" if found == "tool_calls" and not called else found


def _usage(told: dict[str, Any]) -> Usage | None:
    tokens = tokens_of(told)
    if tokens is None:
        return None
    return Usage(
        tokens.input, tokens.output, tokens.cached or None, tokens.cache_write or None, tokens.reasoning or None
    )
