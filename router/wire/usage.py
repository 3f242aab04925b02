"""Usage and finish reason of an answer that came whole."""

from __future__ import annotations

import json
from typing import Any

import orjson

__all__ = ["usage_in", "usage_of"]

SMALL = 64 * 1024
"""Bytes up to which the whole body is parsed: a few tens of microseconds at most."""
TAIL = 4096

_decode = json.JSONDecoder().raw_decode


def usage_of(body: bytes) -> tuple[dict[str, Any] | None, str | None]:
    """(`usage`, finish reason) of a JSON answer; None where it does not say.

    Of a large body, such as a thousand embeddings, only the object after the last `"usage"` is parsed.
    """
    if len(body) <= SMALL:
        try:
            answer = orjson.loads(body)
        except ValueError:
            return None, None
        return usage_in(answer) if isinstance(answer, dict) else (None, None)
    at = body.rfind(b'"usage"')
    if at < 0:
        return None, None
    tail = body[at + 7 : at + 7 + TAIL].decode("utf-8", "replace").lstrip(" \t\r\n:")
    try:
        usage, _ = _decode(tail)
    except ValueError:
        return None, None
    return (usage if isinstance(usage, dict) else None), None


def usage_in(answer: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
    """As `usage_of`, of an answer that is parsed."""
    usage = answer.get("usage")
    return (usage if isinstance(usage, dict) else None), _finish_reason(answer)


def _finish_reason(answer: dict[str, Any]) -> str | None:
    choices = answer.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        reason = choices[0].get("finish_reason")
    else:
        reason = answer.get("stop_reason")
    return reason if isinstance(reason, str) else None
