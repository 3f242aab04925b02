"""Calls of tools to make, and objects to write: what is judged is whether a program could go on with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

__all__ = ["SCHEMAS", "TOOLS", "SchemaTask", "ToolTask"]


@dataclass(frozen=True, slots=True)
class ToolTask:
    """Words, and the one call that does what they ask; `call` None: none of the tools does."""

    name: str
    words: str
    call: str | None
    arguments: dict[str, Any] = field(default_factory=dict)
    """What must stand among the arguments, as it is."""
    says: str = ""
    """What must be said where no tool is called."""

    def fault(self, calls: list[dict[str, Any]], text: str) -> str | None:
        """What is wrong with an answer; None where it is right."""
        if self.call is None:
            if calls:
                return "it calls a tool where none fits"
            return None if self.says in text else "another answer than the right one"
        if not calls:
            return "it calls no tool"
        if len(calls) > 1:
            return "it calls more than one tool"
        function = calls[0].get("function") or {}
        if (name := function.get("name")) != self.call:
            return f"it calls {str(name)[:40]}, not {self.call}"
        try:
            given = orjson.loads(function.get("arguments") or "{}")
        except (ValueError, TypeError):
            return "the arguments are no JSON"
        if (place := _misfit(_OFFERED[self.call], given)) is not None:
            return f"the arguments do not fit the schema at {place}"
        wrong = [name for name, value in self.arguments.items() if not _same(given.get(name), value)]
        return f"another value for {wrong[0]} than was asked" if wrong else None


@dataclass(frozen=True, slots=True)
class SchemaTask:
    """Words, a schema, and what must stand in the object."""

    name: str
    words: str
    properties: dict[str, Any]
    values: dict[str, Any]

    @property
    def schema(self) -> dict[str, Any]:
        """Strict, as OpenAI wants it: all is required and nothing else allowed."""
        return _object(self.properties)

    def fault(self, text: str) -> str | None:
        """What is wrong with an answer; None where it is right."""
        try:
            value = orjson.loads(text)
        except ValueError:
            return "it is no JSON"
        if (place := _misfit(self.schema, value)) is not None:
            return f"it does not fit the schema at {place}"
        wrong = [name for name, want in self.values.items() if not _same(value.get(name), want)]
        return f"another value for {wrong[0]} than was told" if wrong else None


def _object(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    names = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False}


def _misfit(schema: dict[str, Any], value: Any) -> str | None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(schema).iter_errors(value))
    return None if error is None else error.json_path[:80]


def _same(got: Any, want: Any) -> bool:
    if isinstance(got, str) and isinstance(want, str):
        return got.strip().casefold() == want.casefold()
    return bool(got == want)


_TEXT, _WHOLE, _YES = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
_OFFERED = {
    "read_file": _object({"path": _TEXT, "first_line": _WHOLE, "last_line": _WHOLE}, ["path"]),
    "search": _object({"pattern": _TEXT, "folder": _TEXT, "ignore_case": _YES}, ["pattern"]),
    "set_signal": _object(
        {"signal": _TEXT, "state": {"type": "string", "enum": ["stop", "caution", "clear"]}}, ["signal", "state"]
    ),
    "book_track": _object(
        {"track": _WHOLE, "train": _TEXT, "wagons": {"type": "array", "items": _TEXT}}, ["track", "train", "wagons"]
    ),
}
_SAID = {
    "read_file": "Read a text file, or some lines of it.",
    "search": "Search files for a regular expression.",
    "set_signal": "Set a signal of the yard.",
    "book_track": "Reserve a track for a train with these wagons.",
}
OFFER = [
    {"type": "function", "function": {"name": name, "description": _SAID[name], "parameters": schema}}
    for name, schema in _OFFERED.items()
]
"""What each of the tasks offers."""

TOOLS = (
    ToolTask("a file", "Show me the file src/yard.py.", "read_file", {"path": "src/yard.py"}),
    ToolTask(
        "some lines",
        "I need lines 10 to 20 of README.md.",
        "read_file",
        {"path": "README.md", "first_line": 10, "last_line": 20},
    ),
    ToolTask(
        "a search",
        "Search for TODO in the folder docs; upper or lower case does not matter.",
        "search",
        {"pattern": "TODO", "folder": "docs", "ignore_case": True},
    ),
    ToolTask("a word of a list", "Signal S7 must show stop at once.", "set_signal", {"signal": "S7", "state": "stop"}),
    ToolTask(
        "a list",
        "Reserve track 4 for train IC 602 with the wagons A1, B2 and C3.",
        "book_track",
        {"track": 4, "train": "IC 602", "wagons": ["A1", "B2", "C3"]},
    ),
    ToolTask("no tool", "What is 6 times 7? Just tell me the number.", None, says="42"),
)

SCHEMAS = (
    SchemaTask(
        "two fields",
        "The train is ICE 75 and has 12 wagons.",
        {"train": _TEXT, "wagons": _WHOLE},
        {"train": "ICE 75", "wagons": 12},
    ),
    SchemaTask(
        "a word of a list",
        "The signal shows red, so nobody may pass.",
        {"colour": {"type": "string", "enum": ["red", "yellow", "green"]}, "may_pass": _YES},
        {"colour": "red", "may_pass": False},
    ),
    SchemaTask(
        "a list of texts",
        "On track 3 stand the wagons A, D and F, in this order.",
        {"track": _WHOLE, "wagons": {"type": "array", "items": _TEXT}},
        {"track": 3, "wagons": ["A", "D", "F"]},
    ),
    SchemaTask(
        "an object in an object",
        "Ida Berg runs the box Nord, which has 24 levers.",
        {"keeper": _object({"first": _TEXT, "last": _TEXT}), "box": _object({"name": _TEXT, "levers": _WHOLE})},
        {"keeper": {"first": "Ida", "last": "Berg"}, "box": {"name": "Nord", "levers": 24}},
    ),
    SchemaTask(
        "what is not told",
        "Train 9 leaves at 08:15. Nobody knows yet from which track.",
        {"train": _WHOLE, "leaves": _TEXT, "track": {"type": ["integer", "null"]}},
        {"train": 9, "leaves": "08:15", "track": None},
    ),
    SchemaTask(
        "a list of objects",
        "Two delays: train 5 by 3 minutes, train 8 by 12 minutes.",
        {"delays": {"type": "array", "items": _object({"train": _WHOLE, "minutes": _WHOLE})}},
        {"delays": [{"train": 5, "minutes": 3}, {"train": 8, "minutes": 12}]},
    ),
)
