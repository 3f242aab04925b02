"""The answer to one request as it grows, token by token."""

from __future__ import annotations

from typing import Any

from router.backends.llama.chunks import Chunks
from router.backends.llama.context import Context
from router.backends.llama.job import Job
from router.backends.llama.logprobs import Logprobs
from router.backends.llama.model import Model
from router.backends.llama.prompt import ChatTemplate
from router.backends.llama.request import CompletionRequest
from router.backends.llama.text import Text
from router.backends.llama.tools import ToolCalls

__all__ = ["Growing"]


class Growing:
    """What of its text may be shown goes into the job; the rest waits until it is certain."""

    def __init__(self, name: str, model: Model, template: ChatTemplate, job: Job, request: CompletionRequest):
        self._job = job
        self._request = request
        self._chunks = Chunks(name, chat=request.chat, stream=request.stream)
        self._text = Text((*request.stops, *template.stops) if request.chat else request.stops)
        wants_tools = request.chat and template.calls_are_tagged and bool(request.data.get("tools"))
        self._tools = ToolCalls() if wants_tools and request.data.get("tool_choice") != "none" else None
        self._sent_calls = 0
        self._logprobs = (
            Logprobs(model, chat=request.chat, top=request.logprobs) if request.logprobs is not None else None
        )
        self._shown: list[str] = []
        self._prompt_tokens = self._cached_tokens = self._completion_tokens = 0

    @property
    def stopped(self) -> bool:
        """A stop sequence has come."""
        return self._text.stopped

    @property
    def tokens(self) -> int:
        """Drawn so far."""
        return self._completion_tokens

    def prompted(self, tokens: int, cached: int, echo: str) -> None:
        """The prompt is computed: its length, how much of it was there already, and what to repeat of it."""
        self._prompt_tokens, self._cached_tokens = tokens, cached
        self._show(echo)

    def take(self, context: Context, token: int, piece: bytes) -> None:
        """A token was drawn."""
        self._completion_tokens += 1
        if self._logprobs is not None:
            self._logprobs.add(context.logits(), token)
        text = self._text.feed(piece)
        self._show(self._tools.feed(text) if self._tools is not None and text else text)

    def end(self, reason: str) -> bytes:
        """The last bytes of the answer."""
        rest = self._text.close()
        if self._tools is not None:
            rest = self._tools.feed(rest) + self._tools.close()
        self._show(rest)
        calls = self._tools.calls if self._tools is not None else []
        if calls and reason == "stop":
            reason = "tool_calls"
        if self._request.stream:
            self._show_logprobs_alone()
            return self._chunks.end(reason, self._usage() if self._request.include_usage else None)
        logprobs = self._logprobs.take() if self._logprobs is not None else None
        return self._chunks.whole("".join(self._shown), calls, reason, self._usage(), logprobs)

    def _show_logprobs_alone(self) -> None:
        """Those of tokens that never became text, such as half a character at the end."""
        if self._logprobs is not None and self._logprobs.waiting:
            self._job.put(self._chunks.text("", self._logprobs.take()))

    def _usage(self) -> dict[str, Any]:
        return {
            "prompt_tokens": self._prompt_tokens,
            "completion_tokens": self._completion_tokens,
            "total_tokens": self._prompt_tokens + self._completion_tokens,
            "prompt_tokens_details": {"cached_tokens": self._cached_tokens},
        }

    def _show(self, text: str) -> None:
        if not self._request.stream:
            self._shown.append(text)
            return
        if text:
            self._job.put(self._chunks.text(text, self._logprobs.take() if self._logprobs is not None else None))
        if self._tools is not None:
            for call in self._tools.calls[self._sent_calls :]:
                self._job.put(self._chunks.tool_call(call))
            self._sent_calls = len(self._tools.calls)
