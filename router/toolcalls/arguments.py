"""Arguments of a tool call that are nearly JSON: what small models write in its place, read as the object it is.

Nothing is guessed about what was not written: a text that ends within a string was cut off, and stays as it is.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

__all__ = ["Lenience", "as_object", "repaired"]

LONGEST = 32 * 1024
"""Characters beyond which only JSON itself is read: json_repair takes up to 8 µs for each on hostile input."""
MOST = 32 * 1024
"""The same of all arguments of one answer together: nothing else runs meanwhile."""
_ENDS = ("}", "]", '"', "'")
"""A text that ends otherwise was cut off."""

_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)
_WORD = re.compile(r"\w+")
_NONE = re.compile("none|null")

_lenient = json.JSONDecoder(strict=False)


@dataclass(slots=True)
class Lenience:
    """What of one answer may still be read as something that is nearly JSON."""

    left: int = MOST
    """Characters."""

    def allows(self, text: str) -> bool:
        """There is enough left for this; then it is used up."""
        if len(text) > min(self.left, LONGEST):
            return False
        self.left -= len(text)
        return True


def repaired(text: str, lenience: Lenience | None = None) -> str | None:
    """The arguments as JSON; None where they are a JSON object already, or can be none."""
    try:
        if isinstance(orjson.loads(text), dict):
            return None
    except ValueError:
        pass
    found = as_object(text, lenience)
    return None if found is None else json.dumps(found, ensure_ascii=False)


def as_object(text: str, lenience: Lenience | None = None) -> dict[str, Any] | None:
    """The object that a text means; None where it means none. `lenience`: of the answer in which it stands."""
    bare = _without_fence(text.strip())
    if not bare:
        return {}
    for read in (_json, _python, _nearly):
        if read is _python and not (lenience or Lenience()).allows(bare):
            return None
        value = _tried(read, bare)
        if isinstance(value, str) and value.lstrip().startswith("{"):  # JSON within a string of JSON
            value = _tried(_json, value)
        if isinstance(value, dict):
            return value
    return None


def _without_fence(text: str) -> str:
    if not (text.startswith("```") and text.endswith("```") and len(text) >= 6):
        return text
    first, newline, rest = text[:-3].partition("\n")
    return rest.strip() if newline else first[3:].removeprefix("json").strip()


def _tried(read: Callable[[str], Any], text: str) -> Any:
    try:
        value = read(text)
        json.dumps(value, allow_nan=False)  # sets, bytes and numbers without end are no JSON
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return value


def _json(text: str) -> Any:
    """With line ends within strings, which JSON would have written `\\n`."""
    return _lenient.decode(text)


def _python(text: str) -> Any:
    """Single quotes, `True`, `None`, a comma at the end."""
    return ast.literal_eval(text) if text[0] in "{'\"" else None


def _nearly(text: str) -> Any:
    """Keys without quotes, commas too many or too few, brackets that were not closed."""
    if text[0] != "{" or not text.endswith(_ENDS) or text.count("{") < text.count("}"):
        return None
    bare = _ESCAPE.sub("", text)
    if bare.count('"' if '"' in bare else "'") % 2:  # a string is open
        return None
    import json_repair

    value = json_repair.loads(text, skip_json_loads=True)
    # It drops what it cannot place. Of words and numbers nothing may be lost, and nothing come to them.
    told = _ESCAPE.sub("", json.dumps(value, ensure_ascii=False))
    return value if _words(bare) == _words(told) else None


def _words(text: str) -> str:
    return _NONE.sub("null", "".join(_WORD.findall(text)).casefold())
