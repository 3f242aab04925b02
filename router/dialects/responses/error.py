"""Faults in OpenAI's words."""

from __future__ import annotations

from typing import Any

from router.dialects.neutral import Failed

__all__ = ["code_of", "error_body"]

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    408: "timeout_error",
    429: "rate_limit_error",
}


def error_body(failed: Failed) -> dict[str, Any]:
    """Of an answer with a status that tells of an error."""
    kind = _TYPES.get(failed.status, "server_error" if failed.status >= 500 else "invalid_request_error")
    return {"error": {"message": failed.message, "type": kind, "param": None, "code": failed.code}}


def code_of(failed: Failed) -> str:
    """Of a failed response, where a code must stand. Codex goes by `context_length_exceeded`, `insufficient_quota` and
    `rate_limit_exceeded`, and tries again after any other."""
    if failed.code:
        return failed.code
    if failed.status == 429:
        return "rate_limit_exceeded"
    return "server_error" if failed.status >= 500 else "invalid_prompt"
