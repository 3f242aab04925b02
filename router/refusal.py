"""The end of a request that gets an error of ours, and its shape in the caller's dialect.

Shapes: OpenAI's `{"error": {"message", "type", "param", "code"}}`, Anthropic's `{"type": "error", "error": {"type",
"message"}}`. 400 is the one status at which every client tried stops at once; 429 and 503 make them come again.
"""

from __future__ import annotations

import math

import orjson

__all__ = ["Refusal", "shape"]

RawHeaders = list[tuple[bytes, bytes]]

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    408: "timeout_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
    431: "invalid_request_error",
}
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}


class Refusal(Exception):
    """`status` is an HTTP status; `message` is a sentence for the person behind the client."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
    ):
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.retry_after = retry_after
        """Seconds."""
        self.cut = False
        """A stream that has begun with comments is cut, instead of ending with the error."""


def shape(refusal: Refusal, anthropic: bool = False) -> tuple[RawHeaders, bytes]:
    """Headers (without length) and body of an error answer."""
    status = refusal.status
    if anthropic:
        kind = _ANTHROPIC_TYPES.get(status, "api_error")
        body = orjson.dumps({"type": "error", "error": {"type": kind, "message": refusal.message}})
    else:
        kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
        error = {"message": refusal.message, "type": kind, "param": refusal.param, "code": refusal.code}
        body = orjson.dumps({"error": error})
    headers = [(b"content-type", b"application/json")]
    if refusal.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(refusal.retry_after))))
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return headers, body
