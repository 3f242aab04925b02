"""The items of an answer while they are written: what each tells when it opens, grows and is done.

Thoughts are told as the summary of a reasoning item: that is what Codex and the AI SDK show; the raw thoughts
(`reasoning_text`) Codex hides by default, and the AI SDK does not read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Literal

from router.dialects.responses.actions import ITEMS, action
from router.dialects.responses.spelling import Spelling
from router.dialects.responses.tools import Native

__all__ = ["Call", "ClientCall", "CustomCall", "FunctionCall", "Message", "Piece", "Reasoning", "Status", "call_of"]

Status = Literal["in_progress", "completed", "incomplete"]
Told = dict[str, Any]
"""An event, without its number."""

_PREFIXES = {"function": "fc", "custom": "ctc", "local_shell": "lsh", "shell": "sh", "apply_patch": "apc"}
"""Of the ids of calls, by kind of tool."""


class Piece(ABC):
    """One item of the answer. Its events are made when they are asked for, in order."""

    def __init__(self, index: int, id: str):
        self.index = index
        """Among the items of the answer."""
        self.id = id

    @abstractmethod
    def item(self, status: Status) -> dict[str, Any]:
        """As it is so far."""

    def opened(self) -> Iterator[Told]:
        """What tells that it begins."""
        yield {"type": "response.output_item.added", "output_index": self.index, "item": self.item("in_progress")}

    def closed(self, status: Status) -> Iterator[Told]:
        """What tells that nothing more of it comes."""
        yield {"type": "response.output_item.done", "output_index": self.index, "item": self.item(status)}

    def told(self, kind: str, **more: Any) -> Told:
        """An event about it."""
        return {"type": f"response.{kind}", "item_id": self.id, "output_index": self.index, **more}


class Reasoning(Piece):
    """What is thought: a summary of one part."""

    def __init__(self, index: int, id: str):
        super().__init__(index, id)
        self._texts: list[str] = []

    def item(self, status: Status) -> dict[str, Any]:
        """See Piece. Its summary is empty until the first thought."""
        summary = [self._part()] if self._texts else []
        return {"id": self.id, "type": "reasoning", "summary": summary}

    def grow(self, text: str) -> Iterator[Told]:
        """More of it."""
        if not self._texts:
            part = {"type": "summary_text", "text": ""}
            yield self.told("reasoning_summary_part.added", summary_index=0, part=part)
        self._texts.append(text)
        yield self.told("reasoning_summary_text.delta", summary_index=0, delta=text)

    def closed(self, status: Status) -> Iterator[Told]:
        """See Piece."""
        part = self._part()
        yield self.told("reasoning_summary_text.done", summary_index=0, text=part["text"])
        yield self.told("reasoning_summary_part.done", summary_index=0, part=part)
        yield from super().closed(status)

    def _part(self) -> dict[str, Any]:
        return {"type": "summary_text", "text": "".join(self._texts)}


class Message(Piece):
    """What is said: parts of text and of refusal."""

    def __init__(self, index: int, id: str):
        super().__init__(index, id)
        self._parts: list[tuple[str, list[str]]] = []

    def item(self, status: Status) -> dict[str, Any]:
        """See Piece."""
        content = [_part(kind, "".join(texts)) for kind, texts in self._parts]
        return {"id": self.id, "type": "message", "status": status, "role": "assistant", "content": content}

    def grow(self, kind: Literal["output_text", "refusal"], text: str) -> Iterator[Told]:
        """More of it; what is of another kind than before begins a part."""
        if not self._parts or self._parts[-1][0] != kind:
            yield from self._part_done()
            self._parts.append((kind, []))
            yield self.told("content_part.added", content_index=self._last, part=_part(kind, ""))
        self._parts[-1][1].append(text)
        logprobs: dict[str, Any] = {"logprobs": []} if kind == "output_text" else {}
        yield self.told(f"{kind}.delta", content_index=self._last, delta=text, **logprobs)

    def closed(self, status: Status) -> Iterator[Told]:
        """See Piece."""
        yield from self._part_done()
        yield from super().closed(status)

    @property
    def _last(self) -> int:
        return len(self._parts) - 1

    def _part_done(self) -> Iterator[Told]:
        if self._parts:
            kind, texts = self._parts[-1]
            text = "".join(texts)
            whole = {"text": text, "logprobs": []} if kind == "output_text" else {"refusal": text}
            yield self.told(f"{kind}.done", content_index=self._last, **whole)
            yield self.told("content_part.done", content_index=self._last, part=_part(kind, text))


def _part(kind: str, text: str) -> dict[str, Any]:
    if kind == "refusal":
        return {"type": kind, "refusal": text}
    return {"type": kind, "text": text, "annotations": [], "logprobs": []}


class Call(Piece):
    """A tool call."""

    def __init__(self, index: int, id: str, call_id: str, native: Native):
        super().__init__(index, id)
        self.call_id = call_id
        self.native = native
        self._texts: list[str] = []

    @abstractmethod
    def grow(self, text: str) -> Iterator[Told]:
        """More of the arguments that the model writes."""

    def _called(self, kind: str, status: Status, **content: Any) -> dict[str, Any]:
        space = {} if self.native.namespace is None else {"namespace": self.native.namespace}
        return {"id": self.id, "type": kind, "status": status, "call_id": self.call_id, **space, **content}


class FunctionCall(Call):
    """Of a function."""

    def item(self, status: Status) -> dict[str, Any]:
        """See Piece."""
        return self._called("function_call", status, name=self.native.name, arguments="".join(self._texts))

    def grow(self, text: str) -> Iterator[Told]:
        """See Call."""
        self._texts.append(text)
        yield self.told("function_call_arguments.delta", delta=text)

    def closed(self, status: Status) -> Iterator[Told]:
        """See Piece."""
        whole = {"name": self.native.name, "arguments": "".join(self._texts)}
        yield self.told("function_call_arguments.done", **whole)
        yield from super().closed(status)


class CustomCall(Call):
    """Of a tool that takes any text."""

    def __init__(self, index: int, id: str, call_id: str, native: Native):
        super().__init__(index, id, call_id, native)
        self._spelling = Spelling()

    def item(self, status: Status) -> dict[str, Any]:
        """See Piece."""
        return self._called("custom_tool_call", status, name=self.native.name, input="".join(self._texts))

    def grow(self, text: str) -> Iterator[Told]:
        """See Call."""
        yield from self._more(self._spelling.feed(text))

    def closed(self, status: Status) -> Iterator[Told]:
        """See Piece."""
        yield from self._more(self._spelling.close())
        yield self.told("custom_tool_call_input.done", input="".join(self._texts))
        yield from super().closed(status)

    def _more(self, text: str) -> Iterator[Told]:
        if text:
            self._texts.append(text)
            yield self.told("custom_tool_call_input.delta", delta=text)


class ClientCall(Call):
    """Of a tool with a form of its own that the client runs; told as a whole when it is complete."""

    def item(self, status: Status) -> dict[str, Any]:
        """See Piece."""
        kind, name = ITEMS[self.native.kind]
        return self._called(kind, status, **{name: action(self.native.kind, "".join(self._texts))})

    def grow(self, text: str) -> Iterator[Told]:
        """See Call."""
        self._texts.append(text)
        yield from ()


def call_of(index: int, id: str, call_id: str, native: Native) -> Call:
    """The item that tells a call of this tool."""
    kinds: dict[str, type[Call]] = {"function": FunctionCall, "custom": CustomCall}
    return kinds.get(native.kind, ClientCall)(index, f"{_PREFIXES[native.kind]}_{id}", call_id, native)
