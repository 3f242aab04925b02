"""From an answer's events to Anthropic's: one block after the other.

Chat completions may go back and forth between calls; a block of Messages is over before the next one starts, and
clients fail where it is not. So what comes meanwhile for a later block is held back. A call is over as soon as its
arguments are a whole JSON object, and what follows that is dropped; everything else is over when something new begins.
Backends that write call after call, which is nearly all, lose nothing of their streaming.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from router.dialects.messages.ending import stop_of, usage_of
from router.dialects.messages.object_end import ObjectEnd
from router.dialects.messages.thinking import Thoughts
from router.dialects.neutral import (
    Arguments,
    Began,
    Called,
    Ended,
    Event,
    Failed,
    Refused,
    Said,
    Thought,
    Usage,
    Used,
)

__all__ = ["SIGNATURE", "Course"]

SIGNATURE = "signalbox"
"""Of our thinking blocks: the SDKs' types want a text. Thoughts that come back are read, whoever signed them."""

Told = dict[str, Any]


class _Segment:
    """A block, and what is held back of it until it is its turn."""

    __slots__ = ("_end", "block", "held")

    def __init__(self, block: Told):
        self.block = block
        self.held: list[str] = []
        self._end = ObjectEnd() if block["type"] == "tool_use" else None

    @property
    def shut(self) -> bool:
        """Over as soon as another block begins."""
        return self._end is None or self._end.reached

    def add(self, text: str) -> None:
        self.held.append(text)
        if self._end is not None:
            self._end.feed(text)


class Course:
    """The course of one answer. `take` gives Anthropic's events for each of ours, as objects."""

    def __init__(self, model: str, thoughts: Thoughts):
        """`model`: the name that the client asked for, which the answer bears too, as Anthropic's own do: clients keep
        what belongs to a model, such as its thoughts, by it. "": it asked for none, and is told the backend's."""
        self._model = model
        self._thoughts = thoughts
        self._segments: deque[_Segment] = deque()
        """The first is open, if there is any."""
        self._calls: dict[int, _Segment] = {}
        self._index = -1
        """Of the open block."""
        self._usage: Usage | None = None
        self._refused = False

    def take(self, event: Event) -> Iterator[Told]:
        """`Failed` tells nothing here: its error belongs to whoever writes the answer."""
        if isinstance(event, Began):
            yield _start(event, self._model)
        elif isinstance(event, Said | Refused):
            self._refused = self._refused or isinstance(event, Refused)
            yield from self._more("text", {"type": "text", "text": ""}, event.text)
        elif isinstance(event, Thought):
            yield from self._think(event.text)
        elif isinstance(event, Called):
            yield from self._call(event)
        elif isinstance(event, Arguments):
            yield from self._argue(event)
        elif isinstance(event, Used):
            self._usage = event.usage
        elif isinstance(event, Ended):
            yield from self._end(event)
        else:
            assert isinstance(event, Failed)

    def _think(self, text: str) -> Iterator[Told]:
        if self._thoughts == "hidden":
            yield {"type": "ping"}
        else:
            yield from self._more("thinking", {"type": "thinking", "thinking": "", "signature": ""}, text)

    def _more(self, kind: str, block: Told, text: str) -> Iterator[Told]:
        if not text:
            return
        if not self._segments or self._segments[-1].block["type"] != kind:
            yield from self._begin(_Segment(block))
        self._segments[-1].add(text)
        yield from self._go_on()

    def _call(self, event: Called) -> Iterator[Told]:
        block = {"type": "tool_use", "id": event.id or f"toolu_{uuid4().hex}", "name": event.name, "input": {}}
        segment = self._calls[event.index] = _Segment(block)
        yield from self._begin(segment)

    def _argue(self, event: Arguments) -> Iterator[Told]:
        segment = self._calls[event.index]
        if not segment.shut:
            segment.add(event.text)
            yield from self._go_on()

    def _begin(self, segment: _Segment) -> Iterator[Told]:
        self._segments.append(segment)
        if len(self._segments) == 1:
            yield self._open()
        yield from self._go_on()

    def _go_on(self, ended: bool = False) -> Iterator[Told]:
        """Tell what may be told now."""
        while self._segments:
            first = self._segments[0]
            yield from self._flush(first)
            if not ended and (len(self._segments) == 1 or not first.shut):
                return
            yield from self._close(first)
            self._segments.popleft()
            if self._segments:
                yield self._open()

    def _open(self) -> Told:
        self._index += 1
        return {"type": "content_block_start", "index": self._index, "content_block": self._segments[0].block}

    def _flush(self, segment: _Segment) -> Iterator[Told]:
        text = "".join(segment.held)
        segment.held.clear()
        kind = segment.block["type"]
        if not text:
            return
        if kind == "thinking" and self._thoughts == "omitted":
            yield {"type": "ping"}
        elif kind == "text":
            yield self._delta({"type": "text_delta", "text": text})
        elif kind == "thinking":
            yield self._delta({"type": "thinking_delta", "thinking": text})
        else:
            yield self._delta({"type": "input_json_delta", "partial_json": text})

    def _close(self, segment: _Segment) -> Iterator[Told]:
        if segment.block["type"] == "thinking":
            yield self._delta({"type": "signature_delta", "signature": SIGNATURE})
        yield {"type": "content_block_stop", "index": self._index}

    def _delta(self, delta: Told) -> Told:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _end(self, event: Ended) -> Iterator[Told]:
        """An answer without any block gets an empty text: clients read the first block without looking for it."""
        yield from self._go_on(ended=True)
        if self._index < 0:
            yield from self._begin(_Segment({"type": "text", "text": ""}))
            yield from self._go_on(ended=True)
        reason, sequence = stop_of(event, called=bool(self._calls), refused=self._refused)
        stop = {"stop_reason": reason, "stop_sequence": sequence}
        yield {"type": "message_delta", "delta": stop, "usage": usage_of(self._usage)}
        yield {"type": "message_stop"}


def _start(event: Began, model: str) -> Told:
    """The tokens of the prompt are not known before the end: the SDKs take them from `message_delta`."""
    message: Told = {
        "id": event.id or f"msg_{uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "model": model or event.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage_of(None),
    }
    return {"type": "message_start", "message": message}
