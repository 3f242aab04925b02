"""The answer of `POST /v1/messages/count_tokens`."""

from __future__ import annotations

import orjson

__all__ = ["counted"]


def counted(tokens: int, estimated: bool = False) -> bytes:
    """The body of the answer, which says where it is an estimate."""
    return orjson.dumps({"input_tokens": tokens, **({"estimated": True} if estimated else {})})
