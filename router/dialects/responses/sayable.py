"""Bodies that can be said again: an answer repeats much of its request, and the backend is told the rest."""

from __future__ import annotations

import json
from typing import Any

import orjson

from router.dialects.contract import Unreadable

__all__ = ["sayable"]

_MARGIN = 8
"""Levels that a body may be nested deeper where it is repeated."""


def sayable(data: dict[str, Any]) -> dict[str, Any]:
    """The body itself, or in its place one in which halves of surrogate pairs are U+FFFD and numbers beyond 64 bits are
    floats, as orjson writes neither. Raises Unreadable where it is nested deeper than orjson writes (254 levels)."""
    if _can_be_said(data):
        return data
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False)
        mended: dict[str, Any] = orjson.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    except (ValueError, RecursionError):
        mended = data
    if mended is data or not _can_be_said(mended):
        raise Unreadable("the body is nested too deeply: 240 levels can be read")
    return mended


def _can_be_said(data: dict[str, Any]) -> bool:
    thing: Any = data
    for _ in range(_MARGIN):
        thing = [thing]
    try:
        orjson.dumps(thing)
    except orjson.JSONEncodeError:
        return False
    return True
