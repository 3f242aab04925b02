"""Tools in chat completions' words and back: there, each tool is a function with a name of its own.

A tool in a namespace becomes a function called `NAMESPACE__NAME`; a custom tool, which takes any text, a function with
one text; those that a client runs itself (`local_shell`, `shell`, `apply_patch`) functions with what their calls hold.
What OpenAI's own servers run, such as `web_search`, is left out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from router.dialects.contract import Unreadable
from router.dialects.neutral import Tool
from router.dialects.responses import fields

__all__ = ["FIELD", "Kind", "Native", "Toolbox"]

Kind = Literal["function", "custom", "local_shell", "shell", "apply_patch"]

FIELD = "input"
"""The one field of a function that stands for a custom tool."""
LONGEST = 64
"""Characters of a function's name: letters, digits, `_` and `-` (OpenAI's reference of chat completions)."""

_FORBIDDEN = re.compile(r"[^a-zA-Z0-9_-]")
_NOTHING: dict[str, Any] = {"type": "object", "properties": {}}

_TEXT = {"type": "string"}
_MILLISECONDS = {"type": "integer", "description": "Milliseconds after which it is stopped."}
_CLIENTS: dict[Kind, tuple[str, dict[str, Any]]] = {
    "local_shell": (
        "Runs a command on the user's machine.",
        {
            "type": "object",
            "properties": {
                "command": {"type": "array", "items": _TEXT, "description": "The program and its arguments."},
                "working_directory": _TEXT,
                "timeout_ms": _MILLISECONDS,
                "env": {"type": "object", "additionalProperties": _TEXT},
            },
            "required": ["command"],
        },
    ),
    "shell": (
        "Runs shell commands on the user's machine, one after the other.",
        {
            "type": "object",
            "properties": {
                "commands": {"type": "array", "items": _TEXT},
                "timeout_ms": _MILLISECONDS,
                "max_output_length": {"type": "integer", "description": "Most characters of output."},
            },
            "required": ["commands"],
        },
    ),
    "apply_patch": (
        "Creates, changes or deletes a file of the user's.",
        {
            "type": "object",
            "properties": {
                "type": {"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
                "path": {"type": "string", "description": "Of the file, relative to the workspace."},
                "diff": {
                    "type": "string",
                    "description": "In the V4A diff format: lines begin with `+`, `-` or a space, sections with `@@`. "
                    "Not for delete_file.",
                },
            },
            "required": ["type", "path"],
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Native:
    """A tool as the client knows it."""

    kind: Kind
    name: str
    namespace: str | None = None


class Toolbox:
    """The tools of one request, by the names that both sides give them."""

    def __init__(self, offered: Iterable[tuple[str, dict[str, Any]]]):
        """`offered`: tools with their places in the body. Raises Unreadable."""
        self._functions: dict[Native, Tool] = {}
        """With the name that the client gives; whichever comes last holds."""
        left_out: dict[str, None] = {}
        for place, tool in offered:
            left_out |= dict.fromkeys(self._read(tool, place, None))
        self.left_out = tuple(left_out)
        """Kinds of tools that no model but OpenAI's can be offered, in order."""
        self._natives: dict[str, Native] = {}
        for native in sorted(self._functions, key=lambda native: native.namespace is not None):
            self._natives[_name(native, self._natives.keys())] = native
        self._names = {native: name for name, native in self._natives.items()}
        self._loose = _loose(self._natives.values())
        self.tools = tuple(_renamed(tool, self._names[native]) for native, tool in self._functions.items())
        """As they are offered to the model."""

    def native(self, name: str) -> Native:
        """What the model calls by this name. Some leave the namespace out, or write a dot after it."""
        found = self._natives.get(name) or self._loose.get(name)
        return found if found is not None else Native("function", name)

    def name(self, native: Native) -> str:
        """What the model is told it is called: also of tools that are offered no longer, for calls of earlier turns."""
        return self._names.get(native) or _name(native, ())

    def find(self, kind: str, name: str, namespace: str | None) -> str | None:
        """The model's name for a tool that the client names; None: it is not offered."""
        loose = self._loose.get(name) if namespace is None else None
        if loose is not None and loose.kind == kind:
            return self._names[loose]
        known = next((known for known in get_args(Kind) if known == kind), None)
        return self._names.get(Native(known, name, namespace)) if known is not None else None

    def _read(self, tool: dict[str, Any], place: str, namespace: str | None) -> Iterable[str]:
        """Takes it in; yields its type where it must be left out."""
        kind = fields.required(tool, "type", place)
        if kind == "namespace" and namespace is None:
            name = _named(tool, place)
            for where, inner in fields.items(tool, "tools", place):
                yield from self._read(inner, where, name)
        elif kind == "function":
            self._add(Native("function", _named(tool, place), namespace), _function(tool, place))
        elif kind == "custom":
            self._add(Native("custom", _named(tool, place), namespace), _custom(tool, place))
        elif kind in ("local_shell", "apply_patch") or (kind == "shell" and _is_local(tool, place)):
            client: Kind = "shell" if kind == "shell" else "local_shell" if kind == "local_shell" else "apply_patch"
            self._add(Native(client, kind), Tool(kind, *_CLIENTS[client]))
        else:
            yield kind

    def _add(self, native: Native, tool: Tool) -> None:
        self._functions[native] = tool


def _name(native: Native, taken: Collection[str]) -> str:
    """Of the function that stands for it; the same in each turn of a conversation, for the same tools."""
    wanted = native.name if native.namespace is None else f"{native.namespace}__{native.name}"
    name = _FORBIDDEN.sub("_", wanted)
    if name == wanted and len(name) <= LONGEST and name not in taken:
        return name
    digest = hashlib.sha256(f"{native.kind}\0{native.namespace}\0{native.name}".encode()).hexdigest()[:8]
    return f"{name[: LONGEST - 9]}_{digest}"


def _loose(natives: Iterable[Native]) -> dict[str, Native]:
    """Other names under which a tool in a namespace can be meant, and no other."""
    found: dict[str, list[Native]] = {}
    for native in natives:
        found.setdefault(native.name, []).append(native)
        if native.namespace is not None:
            found.setdefault(f"{native.namespace}.{native.name}", []).append(native)
    return {name: natives[0] for name, natives in found.items() if len(natives) == 1}


def _renamed(tool: Tool, name: str) -> Tool:
    return Tool(name, tool.description, tool.parameters, tool.strict)


def _named(tool: dict[str, Any], place: str) -> str:
    name = fields.required(tool, "name", place)
    if not name:
        raise Unreadable(f"`{place}.name` is empty; a tool needs a name", param=f"{place}.name")
    return name


def _function(tool: dict[str, Any], place: str) -> Tool:
    parameters = fields.mapping(tool, "parameters", place)
    return Tool(
        tool["name"],
        fields.text(tool, "description", place),
        _NOTHING if parameters is None else parameters,
        fields.boolean(tool, "strict", place),
    )


def _custom(tool: dict[str, Any], place: str) -> Tool:
    """A grammar cannot be enforced, but it can be told."""
    said = fields.text(tool, "description", place) or ""
    about = "The whole input of the tool, as plain text."
    form = fields.mapping(tool, "format", place) or {}
    if fields.choice(form, "type", ("text", "grammar"), f"{place}.format") == "grammar":
        syntax = fields.required(form, "syntax", f"{place}.format")
        definition = fields.required(form, "definition", f"{place}.format")
        what = "match this regular expression" if syntax == "regex" else f"follow this grammar ({syntax})"
        said = f"{said}\n\nThe text in `{FIELD}` must {what}:\n{definition}".lstrip()
    properties = {FIELD: {"type": "string", "description": about}}
    parameters = {"type": "object", "properties": properties, "required": [FIELD], "additionalProperties": False}
    return Tool(tool["name"], said or None, parameters)


def _is_local(tool: dict[str, Any], place: str) -> bool:
    """Containers are OpenAI's."""
    environment = fields.mapping(tool, "environment", place)
    return environment is None or environment.get("type") == "local"
