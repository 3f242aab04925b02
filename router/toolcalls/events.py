"""A stream of chat completion chunks with its tool calls put right.

An event is sent on as it came, unless a call may be beginning in it: then it waits, with all that follow, until that is
decided. So where nothing is repaired, the bytes out are the bytes in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from router.toolcalls.arguments import repaired
from router.toolcalls.marks import ARGUMENTS, called, marked, shaped
from router.toolcalls.reading import Tools
from router.toolcalls.scanner import Found, Scanner
from router.wire.sse import each_event, event_data

__all__ = ["Events"]

HELD = 1024 * 1024
"""Bytes of events that wait at most; what is longer is sent on as it came."""


class Events:
    """One stream. `note(mark)` is told of each repair."""

    __slots__ = (
        "_calling",
        "_chars",
        "_given_up",
        "_held",
        "_note",
        "_over",
        "_rest",
        "_scanner",
        "_sink",
        "_size",
        "_tail",
        "_tools",
    )

    def __init__(self, tools: Tools, sink: Callable[[bytes], None], note: Callable[[str], None]):
        self._sink = sink
        self._note = note
        self._tools = tools
        self._scanner = Scanner(tools)
        self._rest: list[bytes] = []
        """Pieces of an unfinished event, and their last bytes: a blank line may be cut in two."""
        self._tail = b""
        self._held: list[tuple[bytes, dict[str, Any] | None]] = []
        """Events that wait, each with its chunk where it has one."""
        self._chars = 0
        """Of the text in them."""
        self._size = 0
        """Bytes of both."""
        self._calling = False
        """Real tool calls have begun."""
        self._over = False
        """The answer is whole, and decided."""
        self._given_up = False

    def feed(self, data: bytes) -> None:
        """A piece has come."""
        if self._given_up:
            self._sink(data)
            return
        self._size += len(data)
        near = self._tail + data
        self._rest.append(data)
        self._tail = near[-3:]
        if next(each_event(near), None) is None:
            self._bound()
            return
        whole, seen, out = b"".join(self._rest), 0, list[bytes]()
        for event, end in each_event(whole):
            out += self._event(event)
            seen = end
        rest = whole[seen:]
        self._rest, self._tail = [rest] if rest else [], rest[-3:]
        if out:
            self._sink(b"".join(out))
        self._bound()

    def end(self) -> None:
        """The stream has ended: what still waits is sent as it came."""
        self._release()

    def _bound(self) -> None:
        if not self._held:
            self._size = sum(map(len, self._rest)) if len(self._rest) < 2 else self._size
        if self._size > HELD:
            self._release()
            self._given_up = True

    def _release(self) -> None:
        waiting = [*(event for event, _ in self._held), *self._rest]
        self._held, self._rest, self._tail = [], [], b""
        if waiting:
            self._sink(b"".join(waiting))

    def _event(self, event: bytes) -> list[bytes]:
        """What is to be sent now that this event has come."""
        if self._over:
            return [event]
        chunk = _chunk(event)
        choice = _choice(chunk)
        if choice is None:
            return self._beside(event, chunk)
        delta = choice.get("delta")
        delta = delta if isinstance(delta, dict) else {}
        if not self._calling and isinstance(delta.get("tool_calls"), list):
            self._calling = True
        if not self._calling and isinstance(text := delta.get("content"), str):
            self._scanner.feed(text)
            self._chars += len(text)
        self._held.append((event, chunk))
        if (reason := choice.get("finish_reason")) is not None:
            return self._decided(reason)
        return [] if self._calling else self._certain()

    def _certain(self) -> list[bytes]:
        """Those of the waiting events whose text stands before the one in which a call may be beginning."""
        if not self._scanner.held:
            return self._as_it_came()
        left = self._chars - self._scanner.held
        out = []
        while (length := len(_content(self._held[0][1]))) <= left:
            out.append(self._held.pop(0)[0])
            left -= length
            self._chars -= length
        return out

    def _beside(self, event: bytes, chunk: dict[str, Any] | None) -> list[bytes]:
        """An event without a piece of the answer. The end of a stream ends an answer that gave no reason, too."""
        if not self._held:
            return [event]
        if event_data(event) == b"[DONE]":
            return [*self._decided(None), event]
        self._held.append((event, chunk))
        return []

    def _as_it_came(self) -> list[bytes]:
        out = [event for event, _ in self._held]
        self._held.clear()
        self._chars = 0
        return out

    def _decided(self, reason: Any) -> list[bytes]:
        """The answer is whole. One that was cut off is not repaired: its call would be half of one."""
        self._over = True
        if reason == "length":
            return self._as_it_came()
        if self._calling:
            return self._with_arguments()
        held = self._scanner.held
        found = self._scanner.end()
        return self._as_it_came() if found is None else self._with_calls(found, held)

    def _with_calls(self, found: Found, held: int) -> list[bytes]:
        before, calls, wrapper = found
        marks = called(wrapper, calls)
        for mark in marks:
            self._note(mark)
        # What of the waiting text stood before the scanner's.
        texts = [_content(chunk) for _, chunk in self._held]
        left = sum(map(len, texts)) - held + len(before)
        out = []
        last = _last(self._held)
        for at, ((event, chunk), text) in enumerate(zip(self._held, texts, strict=True)):
            said, left = text[:left], max(0, left - len(text))
            if at != last:
                out.append(event if said == text else _event(_saying(chunk, said)))
                continue
            assert chunk is not None
            opening = {**chunk, "choices": [{**chunk["choices"][0], "finish_reason": None}]}
            opening.pop("usage", None)
            if said:
                out.append(_event(_saying(opening, said)))
            numbered = [{"index": number, **call} for number, call in enumerate(shaped(calls))]
            opening["choices"][0]["delta"] = {"tool_calls": numbered}
            out.append(_event(marked(opening, marks)))
            choice = {**_without_text(chunk["choices"][0]), "finish_reason": "tool_calls"}
            out.append(_event(marked({**chunk, "choices": [choice]}, marks)))
        self._held.clear()
        return [each for each in out if each]

    def _with_arguments(self) -> list[bytes]:
        written: dict[int, str] = {}
        for _, chunk in self._held:
            for index, call in _fragments(chunk):
                written[index] = written.get(index, "") + _arguments(call)
        better = {
            index: text for index, said in written.items() if (text := repaired(said, self._tools.lenience)) is not None
        }
        if not better:
            return self._as_it_came()
        for _ in better:
            self._note(ARGUMENTS)
        out = []
        told = set[int]()
        last = _last(self._held)
        for at, (event, chunk) in enumerate(self._held):
            touched = False
            for index, call in _fragments(chunk):
                if index in better:
                    touched = True
                    call["function"] = {
                        **(call.get("function") or {}),
                        "arguments": "" if index in told else better[index],
                    }
                    told.add(index)
            if chunk is not None and (touched or at == last):
                event = _event(marked(chunk, [ARGUMENTS]))
            out.append(event)
        self._held.clear()
        return out


def _chunk(event: bytes) -> dict[str, Any] | None:
    data = event_data(event)
    if not data.startswith(b"{"):
        return None
    try:
        chunk = orjson.loads(data)
    except ValueError:
        return None
    return chunk if isinstance(chunk, dict) else None


def _choice(chunk: dict[str, Any] | None) -> dict[str, Any] | None:
    """The one choice of a chunk."""
    choices = chunk.get("choices") if chunk is not None else None
    if isinstance(choices, list) and len(choices) == 1 and isinstance(choices[0], dict):
        return choices[0]
    return None


def _last(held: list[tuple[bytes, dict[str, Any] | None]]) -> int:
    """The last event with a piece of the answer."""
    return max(at for at, (_, chunk) in enumerate(held) if _choice(chunk) is not None)


def _content(chunk: dict[str, Any] | None) -> str:
    choice = _choice(chunk)
    delta = choice.get("delta") if choice is not None else None
    text = delta.get("content") if isinstance(delta, dict) else None
    return text if isinstance(text, str) else ""


def _saying(chunk: dict[str, Any] | None, text: str) -> dict[str, Any] | None:
    """The chunk with this text instead of its own; None where nothing of it is left."""
    choice = _choice(chunk)
    if chunk is None or choice is None:
        return chunk
    delta = {name: value for name, value in choice["delta"].items() if name != "content"}
    if text or "role" in delta:
        delta["content"] = text
    if not delta and chunk.get("usage") is None:
        return None
    return {**chunk, "choices": [{**choice, "delta": delta}]}


def _without_text(choice: dict[str, Any]) -> dict[str, Any]:
    delta = choice.get("delta")
    kept = {name: value for name, value in delta.items() if name != "content"} if isinstance(delta, dict) else {}
    return {**choice, "delta": kept}


def _fragments(chunk: dict[str, Any] | None) -> list[tuple[int, dict[str, Any]]]:
    """Pieces of tool calls, each with the number of its call."""
    choice = _choice(chunk)
    delta = choice.get("delta") if choice is not None else None
    calls = delta.get("tool_calls") if isinstance(delta, dict) else None
    if not isinstance(calls, list):
        return []
    found = []
    for at, call in enumerate(calls):
        if isinstance(call, dict) and isinstance(call.get("function"), dict):
            index = call.get("index", at)
            if isinstance(index, int):
                found.append((index, call))
    return found


def _arguments(call: dict[str, Any]) -> str:
    text = call["function"].get("arguments")
    return text if isinstance(text, str) else ""


def _event(chunk: dict[str, Any] | None) -> bytes:
    return b"" if chunk is None else b"data: " + orjson.dumps(chunk) + b"\n\n"
