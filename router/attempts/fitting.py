"""Does a value fit a JSON schema that came with a request?

The schema is the client's own, so it must not do harm. Nothing is fetched for a `$ref`. Its patterns run in RE2, whose
time is linear whatever they are; a schema with a keyword of UNSEEN is not looked at. Its time is limited too: a few
`$ref` that name each other twice would run for years.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import cache
from time import thread_time
from typing import Any

import orjson
import re2

__all__ = ["SECONDS", "fault_by", "load"]

DEEPEST = 100
"""Characters of a place that are told."""
SECONDS = 0.1
"""Of computing (the thread's own) within which a value is judged: some ten thousand subschemas."""
PATTERN = 10_000_000
"""Instructions of a pattern times bytes of a text, beyond which it is not looked at: up to half a second, where RE2
runs out of memory for states and follows each of them."""
UNSEEN = frozenset({"patternProperties", "unevaluatedItems", "unevaluatedProperties"})
"""The library hands the first to Python's own regular expressions, and takes time by the square for the others."""

_until: ContextVar[float] = ContextVar("_until")
_RE2 = re2.Options()
_RE2.log_errors = False  # they hold the client's text
_RE2.max_mem = 1024 * 1024  # of a compiled pattern: it takes 0.1 s at most

Keyword = Callable[[Any, Any, Any, Any], Iterator[Any] | None]
"""How the library judges by one keyword: validator, the keyword's value, what is judged, the schema about it."""


def load() -> None:
    """Import the library, which takes longer than most judging: most requests ask for no JSON."""
    _validator()


def fault_by(schema: dict[str, Any], value: object, until: float | None = None) -> str | None:
    """Where `value` does not fit (`$.items[2].name`); None where it does, where that is not found out until then (a
    `thread_time()`; without one, SECONDS from now), or where the schema itself is at fault: that is the backend's to
    complain of."""
    if _names_unseen(schema):
        return None
    validator = _validator()
    from jsonschema.exceptions import best_match
    from referencing import Registry

    _until.set(thread_time() + SECONDS if until is None else until)
    try:
        fault = best_match(validator(schema, registry=Registry()).iter_errors(value))
    except Exception:  # a schema may be wrong in any way
        return None
    return None if fault is None else str(fault.json_path)[:DEEPEST]


def _check_time() -> None:
    if thread_time() > _until.get():
        raise TimeoutError


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    own = {"pattern": _pattern, "uniqueItems": _unique_items}
    keywords = {name: _timed(keyword) for name, keyword in (Draft202012Validator.VALIDATORS | own).items()}
    validator = extend(Draft202012Validator, keywords)
    validator.evolve = _evolve
    return validator


def _timed(keyword: Keyword) -> Keyword:
    def judged(validator: Any, asked: Any, value: Any, schema: Any) -> Iterator[Any]:
        _check_time()
        for error in keyword(validator, asked, value, schema) or ():
            _check_time()
            yield error

    return judged


def _evolve(self: Any, **changes: Any) -> Any:
    """The validator of a subschema. The library's own would take another, with the keywords replaced here as they
    were, wherever a subschema names a `$schema`."""
    _check_time()
    return type(self)(changes.get("schema", self.schema), _resolver=changes.get("_resolver", self._resolver))


def _pattern(validator: Any, pattern: str, value: object, schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if isinstance(value, str) and _search(pattern, value) is False:
        yield ValidationError(f"does not match {pattern[:DEEPEST]}")


def _unique_items(validator: Any, wanted: Any, value: object, schema: Any) -> Iterator[Any]:
    """The library compares each with each. Here 1 and 1.0 are two."""
    from jsonschema import ValidationError

    if wanted and isinstance(value, list):
        items = {orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in value}
        if len(items) < len(value):
            yield ValidationError("holds an item twice")


def _names_unseen(schema: object) -> bool:
    parts = [schema]
    for part in parts:
        if isinstance(part, dict):
            if not UNSEEN.isdisjoint(part):
                return True
            parts += part.values()
        elif isinstance(part, list):
            parts += part
    return False


def _search(pattern: str, text: str) -> bool | None:
    """None for a pattern that RE2 does not know (look-around, back-references) or that takes too long: it is not looked
    at."""
    searched = text.encode()
    try:
        compiled = re2.compile(pattern, _RE2)
    except re2.error:
        return None
    return compiled.search(searched) is not None if compiled.programsize * len(searched) <= PATTERN else None
