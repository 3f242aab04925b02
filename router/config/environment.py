"""`${NAME}` and `${NAME:-default}` in the strings of a rules file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from router.config.problems import Place

__all__ = ["Filled", "fill"]

_REFERENCE = re.compile(r"\$\$|\$\{([^}]*)(\}?)")
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?\Z", re.DOTALL)

UNSET = "http://unset.invalid"
"""Stands for a missing variable while the rest of its backend is examined; it passes for a name, a key and a URL."""


@dataclass(slots=True)
class Filled:
    """`data` with its references replaced. Raises nothing: what is missing or malformed is listed."""

    data: Any = None
    secret: set[Place] = field(default_factory=set)
    """Places whose text, or a part of it, comes from the environment, or would if the variable were set."""
    values: set[str] = field(default_factory=set)
    """What the environment gave: never to be shown."""
    missing: list[tuple[Place, str]] = field(default_factory=list)
    """(place, variable) for each variable that is not set, or is empty, and has no default."""
    malformed: list[Place] = field(default_factory=list)
    """Places with a `${` that is no reference."""


def fill(data: Any, environ: Mapping[str, str]) -> Filled:
    """Replace the references in every string of `data` (keys are left alone). `$$` is one dollar.

    As in a shell, `${NAME:-default}` also stands in for an empty variable; and because an empty key is never meant,
    `${NAME}` alone treats an empty variable as missing.
    """
    filled = Filled()
    filled.data = _walk(data, (), environ, filled)
    return filled


def _walk(value: Any, place: Place, environ: Mapping[str, str], filled: Filled) -> Any:
    if isinstance(value, str):
        return _text(value, place, environ, filled) if "$" in value else value
    if isinstance(value, dict):
        return {key: _walk(item, (*place, key), environ, filled) for key, item in value.items()}
    if isinstance(value, list):
        return [_walk(item, (*place, index), environ, filled) for index, item in enumerate(value)]
    return value


def _text(text: str, place: Place, environ: Mapping[str, str], filled: Filled) -> str:
    def put(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        inside = _INSIDE.match(match[1])
        if inside is None or not match[2]:
            filled.malformed.append(place)
            return match[0]
        if value := environ.get(inside[1], ""):
            filled.secret.add(place)
            filled.values.add(value)
            return value
        if inside[2] is not None:
            return str(inside[2])
        filled.secret.add(place)
        filled.missing.append((place, inside[1]))
        return UNSET

    return _REFERENCE.sub(put, text)
