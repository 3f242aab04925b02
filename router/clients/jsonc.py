"""JSON as editors and tools keep it: comments and trailing commas allowed, and edited without touching the rest.

No library for Python does this without a Node process beside it; a scanner that knows where each value stands
is enough.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from router.clients.merge import GONE, Edit

__all__ = ["apply", "read"]

_SPACE = re.compile(r"(?:[ \t\r\n]|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_WORD = re.compile(r"-?\d[\d.eE+-]*|true|false|null")
_REST = re.compile(r"[ \t]*(?://[^\n]*|/\*[^\n]*?\*/[ \t]*(?=\r?\n))?")


@dataclass(slots=True)
class _Node:
    start: int
    end: int
    value: Any
    kind: str = ""
    """`{`, `[`, or nothing."""
    items: list[tuple[Any, int, _Node]] = field(default_factory=list)
    """Key or index, where it starts, and its value."""
    commas: list[int] = field(default_factory=list)


def read(text: str) -> Any:
    """The data. Raises ValueError with `line`, a colon and the fault."""
    return _scan(text).value


def apply(text: str, edits: list[Edit]) -> str:
    """The text with these edits in it."""
    for edit in edits:
        text = _apply(text, edit)
    return text


def _scan(text: str) -> _Node:
    try:
        node = _value(text, _skip(text, 0))
    except RecursionError:
        raise ValueError("1: it is nested too deeply") from None
    if (end := _skip(text, node.end)) != len(text):
        raise _fault(text, end, "something follows the value")
    return node


def _fault(text: str, at: int, what: str) -> ValueError:
    return ValueError(f"{text.count(chr(10), 0, at) + 1}: {what}")


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int) -> _Node:
    opening = text[at : at + 1]
    if opening in ("{", "["):
        return _container(text, at, opening)
    found = _STRING.match(text, at) if opening == '"' else _WORD.match(text, at)
    if not found:
        raise _fault(text, at, "a value is expected here" if opening else "it ends too early")
    try:
        return _Node(at, found.end(), json.loads(found[0]))
    except ValueError:
        raise _fault(text, at, f"{found[0][:40]} is no JSON value") from None


def _container(text: str, start: int, kind: str) -> _Node:
    close = "}" if kind == "{" else "]"
    node, at = _Node(start, start, {} if kind == "{" else [], kind), _skip(text, start + 1)
    while text[at : at + 1] != close:
        first = at
        key: str | int = len(node.items)
        if kind == "{":
            name = _value(text, at)
            if not isinstance(name.value, str):
                raise _fault(text, at, "a name in double quotes is expected here")
            key, at = name.value, _skip(text, name.end)
            if text[at : at + 1] != ":":
                raise _fault(text, at, "a colon is expected here")
            at = _skip(text, at + 1)
        child = _value(text, at)
        node.items.append((key, first, child))
        if kind == "{":
            node.value[key] = child.value
        else:
            node.value.append(child.value)
        at = _skip(text, child.end)
        if text[at : at + 1] == ",":
            node.commas.append(at)
            at = _skip(text, at + 1)
        elif text[at : at + 1] != close:
            raise _fault(text, at, f"a comma or {close} is expected here")
    node.end = at + 1
    return node


def _apply(text: str, edit: Edit) -> str:
    root = _scan(text)
    if not edit.place:
        return text[: root.start] + _dumped(edit.value, text, root, "") + text[root.end :]
    node = root
    for step in edit.place[:-1]:
        node = next(child for key, _, child in reversed(node.items) if key == step)
    found = [n for n, (key, _, _) in enumerate(node.items) if key == edit.place[-1]]
    if edit.value is GONE:
        text = _deleted(text, node, found[-1])
        return _apply(text, edit) if len(found) > 1 else text
    if found:
        child = node.items[found[-1]][2]
        return text[: child.start] + _dumped(edit.value, text, root, _indent(text, child.start)) + text[child.end :]
    return _added(text, root, node, edit)


def _added(text: str, root: _Node, node: _Node, edit: Edit) -> str:
    own, unit, line = _indent(text, node.start), _unit(text, root), "\r\n" if "\r\n" in text else "\n"
    name = f"{json.dumps(edit.place[-1], ensure_ascii=False)}: " if node.kind == "{" else ""
    if not node.items:
        inner = text[node.start + 1 : node.end - 1].rstrip()
        fresh = f"{line}{own}{unit}{name}{_dumped(edit.value, text, root, own + unit)}{line}{own}"
        return text[: node.start + 1] + inner + fresh + text[node.end - 1 :]
    _, first, last = node.items[-1]
    trailing = len(node.commas) == len(node.items)
    if "\n" not in text[node.start : first]:
        at = node.commas[-1] + 1 if trailing else last.end
        fresh = f"{name}{json.dumps(edit.value, ensure_ascii=False)}"
        return text[:at] + (f" {fresh}," if trailing else f", {fresh}") + text[at:]
    indent = _indent(text, first)
    fresh = f"{line}{indent}{name}{_dumped(edit.value, text, root, indent)}"
    at = node.commas[-1] + 1 if trailing else last.end
    rest = _REST.match(text, at)
    end = rest.end() if rest else at
    between = text[at:end] if text[end : end + 1] in ("\n", "\r") else ""
    end = at + len(between)
    return text[:at] + ("" if trailing else ",") + between + fresh + ("," if trailing else "") + text[end:]


def _deleted(text: str, node: _Node, at: int) -> str:
    _, start, child = node.items[at]
    end = child.end
    if at < len(node.commas):
        end = node.commas[at] + 1
    before = text[:start].rstrip(" \t")
    if before.endswith("\n"):
        rest = _REST.match(text, end)
        stop = rest.end() if rest else end
        if text[stop : stop + 1] in ("\n", "\r"):
            start, end = len(before), stop + (2 if text[stop : stop + 2] == "\r\n" else 1)
    elif at + 1 < len(node.items):
        end += len(text[end:]) - len(text[end:].lstrip(" \t"))
    head = text[:start]
    if at and at >= len(node.commas):  # the last one, and no comma after it: the one before it goes too
        comma = node.commas[at - 1]
        head = head[:comma] + head[comma + 1 :]
    return head + text[end:]


def _indent(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str, root: _Node) -> str:
    if root.items and "\n" in text[root.start : root.items[0][1]]:
        return _indent(text, root.items[0][1]) or "  "
    return "  "


def _dumped(value: Any, text: str, root: _Node, indent: str) -> str:
    unit, line = _unit(text, root), "\r\n" if "\r\n" in text else "\n"
    lines = json.dumps(value, indent=unit, ensure_ascii=False).split("\n")
    return (line + indent).join(lines)
