"""What the dialects have in common: a prompt on its way to a backend, and the events of an answer on its way back.

A client's dialect is read into a `Prompt`; the backend's answer, in chat completions, is read into events; the client's
dialect writes these. So each dialect knows this form and no other dialect.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "Arguments",
    "Audio",
    "Began",
    "Called",
    "Ended",
    "Event",
    "Failed",
    "File",
    "Image",
    "Part",
    "Prompt",
    "Refused",
    "Role",
    "Said",
    "Stop",
    "Text",
    "Thinking",
    "Thought",
    "Tool",
    "ToolCall",
    "ToolResult",
    "Turn",
    "Usage",
    "Used",
]

Role = Literal["system", "developer", "user", "assistant"]
Stop = Literal["stop", "length", "tool_calls", "content_filter"]
"""Why an answer ended, in the words of chat completions."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture: `url` is a `data:` URL or an address."""

    url: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Audio:
    """Sound, in base64."""

    data: str
    format: str
    """`wav`, `mp3`."""


@dataclass(frozen=True, slots=True)
class File:
    """A document: its content as a `data:` URL, or the id of an uploaded one."""

    data: str | None = None
    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Thinking:
    """What the assistant thought before it spoke."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool the assistant called."""

    id: str
    name: str
    arguments: str
    """JSON, as the model wrote it."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave back."""

    id: str
    """Of the call."""
    parts: tuple[Text | Image | File, ...]
    failed: bool = False


Part = Text | Image | Audio | File | Thinking | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said. Results of tools stand in turns of the user, calls and thoughts in those of the assistant."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that is offered to the model."""

    name: str
    description: str | None
    parameters: dict[str, Any]
    """JSON schema of its arguments."""
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request for an answer. None: the client does not say."""

    model: str
    turns: tuple[Turn, ...]
    """System prompts among them, wherever the client put them."""
    tools: tuple[Tool, ...] = ()
    tool_choice: str | None = None
    """`auto`, `none`, `required`, or `=NAME` for one that must be called."""
    parallel_tool_calls: bool | None = None
    stream: bool = False
    max_tokens: int | None = None
    """Most tokens of the answer, thoughts included."""
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    response_format: dict[str, Any] | None = None
    """As chat completions have it: `{"type": "json_schema", "json_schema": {…}}` or `{"type": "json_object"}`."""
    reasoning_effort: str | None = None
    other: dict[str, Any] = field(default_factory=dict)
    """Fields that mean in chat completions what they mean in the client's dialect: `seed`, `metadata`, `top_k`."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens."""

    input: int
    """Of the whole prompt, with those read from a cache."""
    output: int
    """Of the whole answer, with those of its thoughts."""
    cached: int | None = None
    """Of `input`, read from the backend's cache. None: it does not say."""
    cache_write: int | None = None
    """Of `input`, written to it."""
    reasoning: int | None = None
    """Of `output`, thought."""


@dataclass(frozen=True, slots=True)
class Began:
    """The answer has begun. Always first, and once."""

    id: str
    model: str
    created: int
    """Seconds of the epoch."""


@dataclass(frozen=True, slots=True)
class Thought:
    """More of what is thought."""

    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """More of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """More of a refusal's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Called:
    """A tool call begins. Calls are numbered by `index` from 0; their arguments may come interleaved."""

    index: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Arguments:
    """More of the arguments (JSON) of the call with this index, which has begun."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Used:
    """What it took. Once, before `Ended`; missing where the backend does not say."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Ended:
    """The answer is whole. Always last, and missing where the answer breaks off."""

    reason: Stop
    matched: str | None = None
    """The stop sequence that was met, where the backend says which."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The backend tells a fault, within a stream or instead of an answer. Nothing follows."""

    message: str
    status: int
    """HTTP status that says it."""
    code: str | None = None
    """A word of OpenAI's, such as `context_length_exceeded`."""


Event = Began | Thought | Said | Refused | Called | Arguments | Used | Ended | Failed
