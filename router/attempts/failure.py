"""Why a candidate did not answer, and what that means for the others."""

from __future__ import annotations

import re
from dataclasses import dataclass

from router.backends.contract import BackendError, Plain
from router.wire.retry_after import retry_after

__all__ = ["CONTEXT", "Failure", "is_context_error", "of_error", "of_status", "speaks_of_server"]

RawHeaders = list[tuple[bytes, bytes]]

CONTEXT = "context_length_exceeded"
"""OpenAI's code for a prompt that does not fit."""

_SERVER = frozenset({408, 409, 425, 429})
LOOKED_AT = 16 * 1024
"""Bytes of an error in which the words are looked for."""

# OpenAI, Azure and vLLM ("maximum context length"), llama.cpp ("exceed_context_size_error"; "exceeds the available
# context size"), llama_cpp.server ("exceed context window"), Anthropic ("prompt is too long"), Gemini ("input token
# count … exceeds"), Ollama ("input length exceeds the context length"), LM Studio ("when context the overflows",
# lmstudio-bug-tracker#2322; "Context size has been exceeded").
_TOO_LONG = re.compile(
    rb"context_length_exceeded|exceed_context_size|maximum context length|context the overflows|prompt is too long"
    rb"|exceed(?:s|ed|ing)?(?: (?:the|its|this|available|maximum|allowed|model'?s?))* context\b"
    rb"|\bcontext (?:size|length|window)[^.\"]{0,40}\bexceed"
    rb"|input token count[^.\"]{0,40}exceed",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt that failed before anything of its answer had gone to the client."""

    reason: str
    """A word of BackendError's list, `status 503`, `context`, `open` (its circuit is), or `beaten` (another was
    quicker)."""
    message: str
    status: int = 502
    """What the client sees where nothing better comes."""
    code: str | None = None
    retry_after: float | None = None
    """Seconds after which the backend wants to be asked again."""
    answer: Plain | None = None
    """The backend's own error: it is shown where no other candidate is left."""
    final: bool = False
    """The request itself is at fault: nobody else is asked."""

    @property
    def context(self) -> bool:
        """The prompt does not fit: only a candidate with more context can help."""
        return self.code == CONTEXT


def speaks_of_server(status: int) -> bool:
    """An error of the server and not of the request: another may do better, or the same one later."""
    return status >= 500 or status in _SERVER


def is_context_error(body: bytes) -> bool:
    """Does an error say that the prompt is too long? By the words of the servers named above."""
    return _TOO_LONG.search(body, 0, LOOKED_AT) is not None


def of_error(error: BackendError) -> Failure:
    """A backend's exception as a failure."""
    final = error.reason == "refused" and error.code != CONTEXT
    reason = "context" if error.code == CONTEXT else error.reason
    return Failure(reason, error.message, error.status, error.code, error.retry_after, final=final)


def of_status(status: int, headers: RawHeaders, body: bytes) -> Failure | None:
    """What an error status means; None where it is the client's to see and no other candidate's business."""
    code = CONTEXT if is_context_error(body) else None
    if code is None and not speaks_of_server(status):
        return None
    reason = "context" if code else f"status {status}"
    message = "the prompt does not fit its context" if code else f"answered with status {status}"
    return Failure(reason, message, status, code, retry_after(headers), Plain(body, status, headers))
