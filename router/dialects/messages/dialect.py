"""Anthropic's Messages as a dialect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from router.dialects.contract import Dialect, Writer
from router.dialects.messages.answer import MessagesWriter
from router.dialects.messages.error import error_of
from router.dialects.messages.request import read
from router.dialects.messages.thinking import told_of
from router.dialects.messages.tools import left_out
from router.dialects.messages.whole import whole_of
from router.dialects.neutral import Event, Failed

__all__ = ["Messages"]


class Messages(Dialect):
    """A body of `POST /v1/messages`, or of `/v1/messages/count_tokens`, which is the same without `max_tokens`."""

    def __init__(self, data: dict[str, Any]):
        self.prompt = read(data)
        self.left_out = left_out(data.get("tools"))
        self._thoughts = told_of(data)

    def writer(self) -> Writer:
        return MessagesWriter(self.prompt.model, self._thoughts)

    def whole(self, events: Sequence[Event]) -> dict[str, Any]:
        return whole_of(events, self.prompt.model, self._thoughts)

    def error(self, failed: Failed) -> dict[str, Any]:
        return error_of(failed)
