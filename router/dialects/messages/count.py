"""The answer of `POST /v1/messages/count_tokens`."""

from __future__ import annotations

import orjson

__all__ = ["counted"]


def counted(tokens: int) -> bytes:
    """The body of the answer."""
    return orjson.dumps({"input_tokens": tokens})
