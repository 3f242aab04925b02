"""Texts of clients and backends, made fit to be written down."""

from __future__ import annotations

import json
from typing import Any

import orjson

__all__ = ["LONGEST", "dumped", "legible", "printable"]

LONGEST = 200
"""Characters of a name that are kept."""


def legible(text: str, most: int = LONGEST) -> str:
    """The first `most` characters. Half a surrogate pair, which JSON can hold and UTF-8 cannot, becomes a `?`."""
    return text[:most].encode("utf-8", "replace").decode()


def printable(text: str) -> str:
    """On one line, and nothing in it that a terminal obeys."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\ufffd" for c in legible(text, len(text)))


def dumped(value: Any) -> str:
    """What was read as JSON, written again; `null` where it is nested too deeply for that."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # half a surrogate pair, a large number, or deep nesting
        try:
            return json.dumps(value)
        except RecursionError:
            return "null"
