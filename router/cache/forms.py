"""A chat completion (or a completion) as one object and as a stream of chunks: each made of the other."""

from __future__ import annotations

from typing import Any

import orjson

from router.cache.completeness import events_in

__all__ = ["as_stream", "as_whole"]

_OBJECTS = {"chat.completion.chunk": "chat.completion", "chat.completion": "chat.completion.chunk"}
_FAULTS = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""What an answer raises that is not made as it should be. `orjson.dumps` raises TypeError below a depth of 254."""


class _Text:
    """A text of which more may come. Joined once at its end: one by one, the time would grow by the square."""

    __slots__ = ("pieces",)

    def __init__(self, *pieces: str):
        self.pieces = list(pieces)


def as_whole(body: bytes) -> bytes | None:
    """The answer that a stream's chunks add up to; None when they hold what cannot be added up."""
    whole: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    try:
        for chunk in events_in(body):
            for choice in chunk.pop("choices", None) or ():
                _add_choice(choices.setdefault(choice.get("index", 0), {}), choice)
            whole.update((name, value) for name, value in chunk.items() if value is not None or name not in whole)
        whole["object"] = _OBJECTS.get(whole.get("object", ""), whole.get("object"))
        whole["choices"] = [choices[index] for index in sorted(choices)]
        return orjson.dumps(whole, default=_joined)
    except _FAULTS:
        return None


def _joined(text: _Text) -> str:
    return "".join(text.pieces)


def _add_choice(sum_: dict[str, Any], choice: dict[str, Any]) -> None:
    for name, value in choice.items():
        if name == "delta":
            message = sum_.setdefault("message", {"role": "assistant", "content": None})
            for part, said in (value or {}).items():
                message[part] = (
                    _tool_calls(message.get(part), said)
                    if part == "tool_calls"
                    else _sum(None if part == "role" else message.get(part), said)
                )
        elif name == "logprobs":
            sum_[name] = _sum(sum_.get(name), value)
        elif name == "text":
            sum_[name] = _sum(sum_.get(name, ""), value)
        elif value is not None or name not in sum_:
            sum_[name] = value


def _sum(old: Any, new: Any) -> Any:
    """Texts and lists follow each other, objects are added up by name; `old` may be changed. Raises TypeError for what
    has no sum."""
    if new is None or old is None:
        return old if new is None else new
    if isinstance(old, str) and isinstance(new, str):
        return _Text(old, new)
    if isinstance(old, _Text) and isinstance(new, str):
        old.pieces.append(new)
        return old
    if isinstance(old, list) and isinstance(new, list):
        old += new
        return old
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{name: _sum(old.get(name), value) for name, value in new.items()}}
    if old == new:
        return old
    raise TypeError("two values that have no sum")


def _tool_calls(old: list[dict[str, Any]] | None, new: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Calls begin with id and name; what comes later under the same index goes on with their arguments. `old` may be
    changed. Raises ValueError for an index below zero."""
    calls = [] if old is None else old
    for delta in new or ():
        fields = {name: value for name, value in delta.items() if name != "index"}
        index = delta.get("index", len(calls))
        if index < 0:
            raise ValueError("a call before the first")
        if index >= len(calls):
            calls.append(fields)
            continue
        call = calls[index]
        for name, value in fields.items():
            # An id or a type that is said again is the same one, not more of it.
            call[name] = _function(call.get(name), value) if name == "function" else value or call.get(name)
    return calls


def _function(old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    old, new = old or {}, new or {}
    arguments = _sum(old.get("arguments") or "", new.get("arguments") or "")
    return {**old, **{name: value for name, value in new.items() if value}, "arguments": arguments}


def as_stream(body: bytes) -> bytes | None:
    """The answer as chunks: its beginning, all that is said, its end, usage, `[DONE]`; None when it is no such answer.

    A usage chunk is always among them: the relay hides it from clients that did not ask for it.
    """
    try:
        answer = orjson.loads(body)
        choices = answer.pop("choices")
        usage = answer.pop("usage", None)
        answer["object"] = _OBJECTS.get(answer.get("object", ""), answer.get("object"))
        chunks = [[part] for choice in choices for part in _parts(choice)]
        events = [{**answer, "choices": chunk} for chunk in chunks]
        if usage is not None:
            events.append({**answer, "choices": [], "usage": usage})
        return b"".join(b"data: %b\n\n" % orjson.dumps(event) for event in events) + b"data: [DONE]\n\n"
    except _FAULTS:
        return None


def _parts(choice: dict[str, Any]) -> list[dict[str, Any]]:
    index, reason = choice.get("index", 0), choice.get("finish_reason")
    rest = {name: value for name, value in choice.items() if name not in ("index", "finish_reason", "message")}
    if "message" not in choice:
        return [{"index": index, **rest, "finish_reason": None}, {"index": index, "text": "", "finish_reason": reason}]
    message = dict(choice["message"])
    begin = {"role": message.pop("role", "assistant"), "content": ""}
    said = {name: value for name, value in message.items() if value is not None}
    if "tool_calls" in said:
        said["tool_calls"] = [{"index": at, **call} for at, call in enumerate(said["tool_calls"])]
    return [
        {"index": index, "delta": begin, "finish_reason": None},
        {"index": index, "delta": said, "finish_reason": None, **rest},
        {"index": index, "delta": {}, "finish_reason": reason},
    ]
