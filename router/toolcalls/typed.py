"""Values that stand as text in XML, as the tool's schema has them."""

from __future__ import annotations

import ast
import json
from typing import Any

__all__ = ["typed"]

LONGEST = 16 * 1024
"""Characters of a value that is read as Python."""


def typed(text: str, schema: Any) -> Any:
    """A value that stood as text in XML, by the type that the tool's schema gives it; text where it gives none."""
    text = text.removeprefix("\n").removesuffix("\n")
    wanted = schema.get("type") if isinstance(schema, dict) else None
    kinds = {wanted} if isinstance(wanted, str) else set(wanted) if isinstance(wanted, list) else set()
    if not kinds or "string" in kinds:
        return text
    for read in (json.loads, ast.literal_eval):
        if len(text) > LONGEST and read is not json.loads:
            break
        try:
            value = read(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if any(_is_a(value, kind) for kind in kinds):
            return value
    words = {"true": True, "false": False}
    return words.get(text.strip().lower(), text) if "boolean" in kinds else text


_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


def _is_a(value: Any, kind: Any) -> bool:
    if isinstance(value, bool):
        return bool(kind == "boolean")
    allowed: tuple[type, ...] = _TYPES.get(kind, ())
    return isinstance(value, allowed)
