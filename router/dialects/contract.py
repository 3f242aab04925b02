"""What a client's dialect promises: its request read, and the events of an answer written.

A new dialect is a folder that fulfils this and a line in `bridge.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from router.dialects.chat.request import chat_body
from router.dialects.neutral import Event, Failed, Prompt

__all__ = ["Dialect", "Unreadable", "Writer"]


class Unreadable(Exception):
    """The request is not what its dialect says, or asks for what no chat completion can give: status 400, and a
    sentence for the person behind the client."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None):
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code


class Writer(ABC):
    """Writes one answer as a stream of the client's dialect."""

    @abstractmethod
    def write(self, event: Event) -> bytes:
        """The server-sent events, each whole, that tell this one; b"" where it tells nothing yet. After `Failed` and
        `Ended` nothing is written. All that a client needs to see the answer as ended comes at `Ended`."""


class Dialect(ABC):
    """One request in a client's dialect, and how its answer is told. Made anew for each request, never changed by what
    it is asked: several answers to the same request may be written at once."""

    @abstractmethod
    def __init__(self, data: dict[str, Any]):
        """`data`: the body; never changed. Raises Unreadable for whatever is wrong with it, and nothing else."""

    prompt: Prompt
    left_out: tuple[str, ...] = ()
    """Types of tools and items that the model is not told of, since only the dialect's own servers can run them."""

    @cached_property
    def chat(self) -> dict[str, Any]:
        """The prompt as the body of a chat completion; never changed."""
        return chat_body(self.prompt)

    @abstractmethod
    def writer(self) -> Writer:
        """Of a stream."""

    @abstractmethod
    def whole(self, events: Sequence[Event]) -> dict[str, Any]:
        """The answer as one object. `events`: from `Began` to `Ended`, without `Failed`."""

    @abstractmethod
    def error(self, failed: Failed) -> dict[str, Any]:
        """The body of an error answer."""
