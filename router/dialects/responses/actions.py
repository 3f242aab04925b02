"""Calls of the tools that have a form of their own: what the model wrote as arguments, in the form of the item."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["ITEMS", "action"]

ITEMS = {
    "local_shell": ("local_shell_call", "action"),
    "shell": ("shell_call", "action"),
    "apply_patch": ("apply_patch_call", "operation"),
}
"""By kind of tool: the type of the item, and its field that says what to do."""

_OPERATIONS = ("create_file", "update_file", "delete_file")


def action(kind: str, arguments: str) -> dict[str, Any]:
    """Always of the right form. Of arguments that cannot be read nothing is left to be done: an empty command."""
    try:
        told = json.loads(arguments, strict=False)
    except (ValueError, RecursionError):
        told = None
    given: dict[str, Any] = told if isinstance(told, dict) else {}
    return _FORMS[kind](given)


def _local_shell(given: dict[str, Any]) -> dict[str, Any]:
    command = given.get("command")
    env = given.get("env")
    found = {
        "type": "exec",
        "command": ["bash", "-lc", command] if isinstance(command, str) else _texts(command),
        "env": {name: value for name, value in env.items() if isinstance(value, str)} if isinstance(env, dict) else {},
    }
    if isinstance(folder := given.get("working_directory"), str):
        found["working_directory"] = folder
    return {**found, **_whole_numbers(given, "timeout_ms")}


def _shell(given: dict[str, Any]) -> dict[str, Any]:
    commands = given.get("commands")
    found = {"commands": [commands] if isinstance(commands, str) else _texts(commands)}
    return {**found, **_whole_numbers(given, "timeout_ms", "max_output_length")}


def _apply_patch(given: dict[str, Any]) -> dict[str, Any]:
    kind = given.get("type")
    found = {"type": kind if kind in _OPERATIONS else "update_file", "path": _text(given.get("path"))}
    return found if kind == "delete_file" else {**found, "diff": _text(given.get("diff"))}


_FORMS = {"local_shell": _local_shell, "shell": _shell, "apply_patch": _apply_patch}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def _whole_numbers(given: dict[str, Any], *names: str) -> dict[str, int]:
    return {name: value for name in names if type(value := given.get(name)) is int}
