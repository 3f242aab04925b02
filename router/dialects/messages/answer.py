"""An answer as a stream of Messages: server-sent events with names."""

from __future__ import annotations

from typing import Any

import orjson

from router.dialects.contract import Writer
from router.dialects.messages.course import Course
from router.dialects.messages.error import error_of
from router.dialects.messages.thinking import Thoughts
from router.dialects.neutral import Ended, Event, Failed

__all__ = ["MessagesWriter"]


class MessagesWriter(Writer):
    """Arguments go out as they come, whatever they are: where they turn out to be no JSON, the client's own reader says
    so, and none of it can be taken back."""

    def __init__(self, model: str, thoughts: Thoughts):
        self._course = Course(model, thoughts)
        self._over = False

    def write(self, event: Event) -> bytes:
        if self._over:
            return b""
        self._over = isinstance(event, Failed | Ended)
        if isinstance(event, Failed):
            return _sse(error_of(event))
        return b"".join([_sse(told) for told in self._course.take(event)])


def _sse(told: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (told["type"].encode(), orjson.dumps(told))
