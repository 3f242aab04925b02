"""The end of a request that gets an error of ours; `api/errors.py` gives it the caller's shape."""

from __future__ import annotations

__all__ = ["Refusal"]


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
