"""One field of a body, held against what it must be. Whatever else it is raises Unreadable, which says where."""

from __future__ import annotations

import math
from typing import Any

import orjson

from router.dialects.contract import Unreadable

__all__ = ["as_json", "fields", "flag", "number", "objects", "text", "whole_number", "wrong"]

Fields = dict[str, Any]


def wrong(where: str, must: str) -> Unreadable:
    """`where` is the path of the field, `must` the rest of the sentence."""
    return Unreadable(f"`{where}` {must}", param=where)


def fields(value: Any, where: str) -> Fields:
    """An object; {} where it is null or absent."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong(where, "must be an object")
    return value


def objects(value: Any, where: str) -> list[Fields]:
    """A list of objects; [] where it is null or absent."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong(where, "must be a list")
    for at, each in enumerate(value):
        if not isinstance(each, dict):
            raise wrong(f"{where}[{at}]", "must be an object")
    return value


def text(value: Any, where: str) -> str:
    """A string that is not empty."""
    if not isinstance(value, str) or not value:
        raise wrong(where, "must be a text that is not empty")
    return value


def flag(value: Any, where: str) -> bool | None:
    """None where it is null or absent."""
    if value is not None and not isinstance(value, bool):
        raise wrong(where, "must be true or false")
    return value


def number(value: Any, where: str, most: float) -> float | None:
    """From 0 to `most`; None where it is null or absent."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise wrong(where, f"must be a number from 0 to {most:g}")
    return value


def whole_number(value: Any, where: str) -> int | None:
    """From 0 on; None where it is null or absent."""
    if value is None:
        return None
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 53:
        raise wrong(where, "must be a whole number from 0 on")
    return value


def as_json(value: Any, where: str) -> str:
    """The value as JSON. Raises Unreadable where no JSON of it can be written: it is nested more than 254 deep."""
    try:
        return orjson.dumps(value).decode()
    except (TypeError, ValueError, RecursionError):
        raise wrong(where, "is nested too deeply, or is no JSON") from None
