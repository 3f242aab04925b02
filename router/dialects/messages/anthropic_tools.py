"""Tools whose schema Anthropic's models know by heart, and that run at the client: told to other models in full.

Commands and arguments are those of the documentation (docs.claude.com, agents and tools: bash, text editor, memory) and
of the SDK's types; `undo_edit` was there until text_editor_20250124.
"""

from __future__ import annotations

from typing import Any

from router.dialects.neutral import Tool

__all__ = ["SCREENS", "known"]

SCREENS = ("computer_", "browser_")
"""Beginnings of the tools that drive a screen or a browser by what is seen there."""

_STRING = {"type": "string"}
_RANGE = {
    "type": "array",
    "items": {"type": "integer"},
    "minItems": 2,
    "maxItems": 2,
    "description": "First and last line to view, counted from 1; -1 as the last: to the end.",
}
_EDITS: dict[str, Any] = {
    "path": {**_STRING, "description": "Absolute path of the file or folder."},
    "view_range": _RANGE,
    "file_text": {**_STRING, "description": "For create: the content of the file."},
    "old_str": {**_STRING, "description": "For str_replace: the text to replace, which must be there exactly once."},
    "new_str": {**_STRING, "description": "For str_replace: the text to put in its place."},
    "insert_line": {"type": "integer", "description": "For insert: the line after which to insert; 0: at the top."},
}
_INSERTED = {"insert_text": {**_STRING, "description": "For insert: the text to insert."}}


def known(kind: str) -> Tool | None:
    """The tool of this type (`bash_20250124`), where a client runs it; None: only Anthropic could."""
    family, _, version = kind.rpartition("_")
    if family == "bash":
        return _BASH
    if family == "text_editor":
        return _editor(version)
    return _MEMORY if family == "memory" else None


def _commands(commands: list[str], more: dict[str, Any], required: list[str]) -> dict[str, Any]:
    command = {"type": "string", "enum": commands, "description": "What to do."}
    return {"type": "object", "properties": {"command": command, **more}, "required": ["command", *required]}


_BASH = Tool(
    "bash",
    "Runs a command in a bash session that lasts from call to call. `restart` begins a new one.",
    {
        "type": "object",
        "properties": {
            "command": {**_STRING, "description": "The command. Needed unless `restart` is true."},
            "restart": {"type": "boolean", "description": "Begin a new session."},
        },
    },
)
_MEMORY = Tool(
    "memory",
    "A folder of files under /memories that outlasts this conversation. View it before you begin to work, and write "
    "down there what will be needed later.",
    _commands(
        ["view", "create", "str_replace", "insert", "delete", "rename"],
        {
            **_EDITS,
            **_INSERTED,
            "path": {**_STRING, "description": "Path under /memories; for all but rename."},
            "old_path": {**_STRING, "description": "For rename: the path it has."},
            "new_path": {**_STRING, "description": "For rename: the path it gets."},
        },
        [],
    ),
)


def _editor(version: str) -> Tool:
    """Text is inserted as `new_str` by the versions before that of July 2025, and as `insert_text` by it."""
    old = version < "20250429"
    commands = ["view", "create", "str_replace", "insert", *(["undo_edit"] if old else [])]
    inserted: dict[str, Any] = _INSERTED if version >= "20250728" else {}
    return Tool(
        "str_replace_editor" if old else "str_replace_based_edit_tool",
        "Views, creates and edits text files." + ("" if inserted else " For insert, `new_str` is the text to insert."),
        _commands(commands, {**_EDITS, **inserted}, ["path"]),
    )
