"""Does a value fit a JSON schema that came with a request?

The schema is the client's own, so it must not do harm: nothing is fetched for a `$ref`, its patterns run in RE2, whose
time is linear whatever they are, and a schema with `patternProperties`, which the library would hand to Python's own
regular expressions, is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import re2

__all__ = ["fault_by"]

DEEPEST = 100
"""Characters of a place that are told."""


def fault_by(schema: dict[str, Any], value: object) -> str | None:
    """Where `value` does not fit (`$.items[2].name`); None where it does, or where the schema itself is at fault:
    that is the backend's to complain of."""
    if _names_patterns(schema):
        return None
    from jsonschema.exceptions import best_match
    from referencing import Registry

    try:
        fault = best_match(_validator()(schema, registry=Registry()).iter_errors(value))
    except Exception:  # a schema may be wrong in any way
        return None
    return None if fault is None else str(fault.json_path)[:DEEPEST]


@cache
def _validator() -> Any:
    """Imported where it is first needed: most requests ask for no JSON."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    return extend(Draft202012Validator, {"pattern": _pattern})


def _pattern(validator: Any, pattern: str, value: object, schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if isinstance(value, str) and _search(pattern, value) is False:
        yield ValidationError(f"does not match {pattern[:DEEPEST]}")


def _names_patterns(schema: object) -> bool:
    parts = [schema]
    for part in parts:
        if isinstance(part, dict):
            if "patternProperties" in part:
                return True
            parts += part.values()
        elif isinstance(part, list):
            parts += part
    return False


def _search(pattern: str, text: str) -> bool | None:
    """None for a pattern that RE2 does not know (look-around, back-references): it is not looked at."""
    try:
        return re2.search(pattern, text) is not None
    except re2.error:
        return None
