"""One answer in OpenAI's shapes: a chat completion or a completion, whole or as server-sent events."""

from __future__ import annotations

import time
import uuid
from typing import Any

import orjson

__all__ = ["Chunks"]

DONE = b"data: [DONE]\n\n"


class Chunks:
    """The shapes of one answer, all with the same id, time and model name."""

    __slots__ = ("_fixed", "_role_sent", "chat")

    def __init__(self, model: str, *, chat: bool, stream: bool):
        self.chat = chat
        kind = "text_completion" if not chat else "chat.completion.chunk" if stream else "chat.completion"
        self._fixed = {
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}",
            "object": kind,
            "created": int(time.time()),
            "model": model,
        }
        self._role_sent = False

    def text(self, text: str, logprobs: dict[str, Any] | None) -> bytes:
        """A chunk with more text; before the first of a chat, the one that names the role."""
        if self.chat:
            return self._opening() + self._chunk({"delta": {"content": text}}, logprobs, None)
        return self._chunk({"text": text}, logprobs, None)

    def tool_call(self, call: dict[str, Any]) -> bytes:
        """A chunk with one whole tool call."""
        return self._opening() + self._chunk({"delta": {"tool_calls": [call]}}, None, None)

    def end(self, reason: str, usage: dict[str, Any] | None, extension: dict[str, Any] | None = None) -> bytes:
        """The last chunks: the finish reason, with further top-level fields beside it where they are given, then the
        usage where it is given, then the mark of the end."""
        last = self._opening() + self._chunk({"delta": {}} if self.chat else {"text": ""}, None, reason, extension)
        if usage is not None:
            last += _event({**self._fixed, "choices": [], "usage": usage})
        return last + DONE

    def whole(
        self,
        text: str,
        calls: list[dict[str, Any]],
        reason: str,
        usage: dict[str, Any],
        logprobs: dict[str, Any] | None,
        extension: dict[str, Any] | None = None,
    ) -> bytes:
        """The answer at once, as a JSON body; `extension` holds further top-level fields."""
        choice: dict[str, Any] = {"index": 0, "logprobs": logprobs, "finish_reason": reason}
        if self.chat:
            message: dict[str, Any] = {"role": "assistant", "content": text if text or not calls else None}
            if calls:
                message["tool_calls"] = [{k: v for k, v in call.items() if k != "index"} for call in calls]
            choice["message"] = message
        else:
            choice["text"] = text
        return orjson.dumps({**self._fixed, "choices": [choice], "usage": usage, **(extension or {})})

    def _opening(self) -> bytes:
        if not self.chat or self._role_sent:
            return b""
        self._role_sent = True
        return self._chunk({"delta": {"role": "assistant", "content": ""}}, None, None)

    def _chunk(
        self,
        said: dict[str, Any],
        logprobs: dict[str, Any] | None,
        reason: str | None,
        extension: dict[str, Any] | None = None,
    ) -> bytes:
        choice = {"index": 0, **said, "logprobs": logprobs, "finish_reason": reason}
        return _event({**self._fixed, "choices": [choice], **(extension or {})})


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"
