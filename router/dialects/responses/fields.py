"""Fields of a body, each of the type it should have; what is null is as if it were not there."""

from __future__ import annotations

import math
from typing import Any

from router.dialects.contract import Unreadable

__all__ = ["boolean", "choice", "items", "mapping", "number", "required", "text", "whole_number", "wrong"]

_KINDS = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}


def text(holder: dict[str, Any], name: str, place: str = "") -> str | None:
    """A text. Raises Unreadable, as all of these do, for anything else. `place`: of the holder in the body."""
    value = holder.get(name)
    if value is None or isinstance(value, str):
        return value
    raise wrong(value, _at(place, name), "a text")


def required(holder: dict[str, Any], name: str, place: str = "") -> str:
    """A text that must be there."""
    value = text(holder, name, place)
    if value is None:
        raise Unreadable(f"`{_at(place, name)}` is missing; it must be a text", param=_at(place, name))
    return value


def boolean(holder: dict[str, Any], name: str, place: str = "") -> bool | None:
    """True or false."""
    value = holder.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise wrong(value, _at(place, name), "true or false")


def number(holder: dict[str, Any], name: str, place: str = "") -> float | None:
    """Any finite number."""
    value = holder.get(name)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)):
        return value
    raise wrong(value, _at(place, name), "a number that is not too large")


def whole_number(holder: dict[str, Any], name: str, least: int, place: str = "") -> int | None:
    """A whole number, `least` or more."""
    value = holder.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong(value, _at(place, name), "a whole number")
    if value < least:
        raise Unreadable(f"`{_at(place, name)}` is {value}; it must be {least} or more", param=_at(place, name))
    return value


def mapping(holder: dict[str, Any], name: str, place: str = "") -> dict[str, Any] | None:
    """A JSON object."""
    value = holder.get(name)
    if value is None or isinstance(value, dict):
        return value
    raise wrong(value, _at(place, name), "an object")


def items(holder: dict[str, Any], name: str, place: str = "") -> list[tuple[str, dict[str, Any]]]:
    """A list of JSON objects, each with its own place in the body; none where there is no list."""
    value = holder.get(name)
    if value is None:
        return []
    where = _at(place, name)
    if not isinstance(value, list):
        raise wrong(value, where, "a list")
    found = []
    for index, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise wrong(entry, f"{where}[{index}]", "an object")
        found.append((f"{where}[{index}]", entry))
    return found


def choice(holder: dict[str, Any], name: str, words: tuple[str, ...], place: str = "") -> str | None:
    """One of some words."""
    value = text(holder, name, place)
    if value is None or value in words:
        return value
    where = _at(place, name)
    raise Unreadable(f'`{where}` is "{value[:40]}"; it may be {", ".join(words[:-1])} or {words[-1]}', param=where)


def wrong(value: Any, where: str, wanted: str) -> Unreadable:
    """What to raise for a value of another type."""
    kind = "null" if value is None else _KINDS.get(type(value), "something else")
    return Unreadable(f"`{where}` is {kind}; it must be {wanted}", param=where)


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
