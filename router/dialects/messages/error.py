"""Errors in Anthropic's words (docs.claude.com, API, Errors; `ErrorType` of its SDKs)."""

from __future__ import annotations

from typing import Any

from router.dialects.neutral import Failed

__all__ = ["error_of"]

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
TOO_LONG = "prompt is too long"
"""How Anthropic's messages about a full context begin. Clients look for these words, and then compact the conversation
instead of giving up."""


def error_of(failed: Failed) -> dict[str, Any]:
    """The body of an error answer, or the data of an `error` event."""
    other = "api_error" if failed.status >= 500 else "invalid_request_error"
    message = failed.message
    if failed.code == "context_length_exceeded" and TOO_LONG not in message.lower():
        message = f"{TOO_LONG}: {message}"
    return {"type": "error", "error": {"type": _TYPES.get(failed.status, other), "message": message}}
