"""A YAML file as plain data, with the line and column of everything in it.

PyYAML reads the text into events; the data is built here, because rules want other scalars than YAML 1.1 has (`22:00`
is no number in base sixty, `no` is no boolean), a complaint about a key that stands twice, and bounds: a file that
anyone may edit must not be able to fill the memory of the server that watches it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from router.config.problems import Place, Problem, RulesError

__all__ = ["DEPTH_LIMIT", "SIZE_LIMIT", "VALUE_LIMIT", "Document", "read_document", "scalar"]

SIZE_LIMIT = 1024 * 1024
"""Bytes of a rules file."""
DEPTH_LIMIT = 64
"""How deep mappings and lists may nest."""
VALUE_LIMIT = 200_000
"""Values in a file after its anchors are followed; what stops a file in which each alias stands for ten others."""

_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}\Z")
_REAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,4})?\Z")
_ODD_WHOLE = re.compile(r"0(?:o[0-7]{1,20}|x[0-9a-fA-F]{1,15})\Z")
_STRING_TAG = "tag:yaml.org,2002:str"

Mark = tuple[int, int]
"""Line and column, both from 1."""


@dataclass(slots=True)
class _Node:
    mark: Mark
    value: Any
    """A scalar's own value; the (node, mark) of a list's items; the (key, mark, node) of a mapping's entries."""
    kind: str = "scalar"


@dataclass(slots=True)
class Document:
    """`data` is what the file says; `marks` is where each key and list item of it stands."""

    file: str
    data: Any = None
    marks: dict[Place, Mark] = field(default_factory=dict)

    def mark(self, place: Place) -> Mark:
        """Where a key or a list item stands. For a place that is not in the file: the nearest above it."""
        return next((self.marks[here] for n in range(len(place), 0, -1) if (here := place[:n]) in self.marks), (1, 1))


def scalar(text: str) -> Any:
    """An unquoted YAML 1.2 scalar. What JSON has no form for (`.inf`, 400 digits) stays text."""
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if _WHOLE.match(text):
        return int(text)
    if _ODD_WHOLE.match(text):
        return int(text, 0)
    if _REAL.match(text) and math.isfinite(number := float(text)):
        return text if text.lstrip("+-").isdigit() else number
    return text


def read_document(content: bytes, file: str = "") -> Document:
    """Read one YAML document. Raises RulesError with the place of every fault that YAML itself can have."""
    if len(content) > SIZE_LIMIT:
        raise _fault(file, f"the file is larger than {SIZE_LIMIT // 1024} KiB", (1, 1))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _fault(file, "this line is not UTF-8 text", (line, 1), "save the file as UTF-8") from None
    try:
        return _Reader(text, file).read()
    except yaml.YAMLError as error:
        raise _syntax(error, text, file) from None


class _Reader:
    """Events in, one Document out."""

    def __init__(self, text: str, file: str):
        self.text = text
        self.document = Document(file)
        self.problems: list[Problem] = []
        self.count = 0

    def read(self) -> Document:
        root = self._compose()
        self.document.data = self._build(root, (), 0) if root is not None else None
        if self.problems:
            raise RulesError(self.problems)
        return self.document

    def _fault(self, message: str, mark: Mark, hint: str | None = None) -> RulesError:
        return RulesError([*self.problems, _problem(self.document.file, message, mark, hint)])

    def _note(self, message: str, mark: Mark, hint: str) -> None:
        self.problems.append(_problem(self.document.file, message, mark, hint))

    def _compose(self) -> _Node | None:
        """Events as a tree of nodes, without recursion; an alias is a second way to the node of its anchor."""
        root: _Node | None = None
        stack: list[tuple[_Node, str | None]] = []
        anchors: dict[str, _Node] = {}
        pending: dict[int, tuple[str, Mark]] = {}
        event: Any
        for event in yaml.parse(self.text, Loader=_PARSER):
            mark = (event.start_mark.line + 1, event.start_mark.column + 1)
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                raise self._fault("a second document begins here", mark, "a rules file holds one; remove the `---`")
            if isinstance(event, yaml.CollectionEndEvent):
                node, anchor = stack.pop()
                if anchor:
                    anchors[anchor] = node
                continue
            if not isinstance(event, yaml.NodeEvent):
                continue
            node = self._node(event, mark, anchors)
            if not stack:
                root = root or node
            elif stack[-1][0].kind == "list":
                stack[-1][0].value.append((node, mark))
            elif (parent := id(stack[-1][0])) in pending:
                stack[-1][0].value.append((*pending.pop(parent), node))
            else:
                pending[parent] = (self._key(event, mark), mark)
                continue
            if isinstance(event, yaml.CollectionStartEvent):
                stack.append((node, event.anchor))
                if len(stack) > DEPTH_LIMIT:
                    raise self._fault(f"this is nested deeper than {DEPTH_LIMIT} levels", mark)
            elif isinstance(event, yaml.ScalarEvent) and event.anchor:
                anchors[event.anchor] = node
        return root

    def _node(self, event: Any, mark: Mark, anchors: dict[str, _Node]) -> _Node:
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchors:
                hint = (
                    f"`&{event.anchor}` stands where it is defined, above its use; a text that begins with * is quoted"
                )
                raise self._fault(f"`*{event.anchor}` refers to nothing", mark, hint)
            return anchors[event.anchor]
        if event.tag not in (None, "!", _STRING_TAG):
            self._note("tags (`!…`) mean nothing in rules", mark, "quote the text")
        if isinstance(event, yaml.SequenceStartEvent):
            return _Node(mark, [], "list")
        if isinstance(event, yaml.MappingStartEvent):
            return _Node(mark, [], "map")
        plain = event.implicit[0] and event.tag is None
        return _Node(mark, scalar(event.value) if plain else event.value)

    def _key(self, event: Any, mark: Mark) -> str:
        if isinstance(event, yaml.ScalarEvent):
            return str(event.value)
        raise self._fault("a key is a plain word", mark, "a list or a mapping cannot be a key")

    def _count(self, mark: Mark, depth: int) -> None:
        """One value more, or one key that a merge looks at."""
        self.count += 1
        if self.count > VALUE_LIMIT or depth > DEPTH_LIMIT:
            limit = f"{VALUE_LIMIT} values" if self.count > VALUE_LIMIT else f"{DEPTH_LIMIT} levels"
            raise self._fault(f"with its aliases followed, the file has more than {limit}", mark)

    def _build(self, node: _Node, place: Place, depth: int) -> Any:
        self._count(node.mark, depth)
        if node.kind == "scalar":
            return node.value
        if node.kind == "list":
            for index, (_, mark) in enumerate(node.value):
                self.document.marks[(*place, index)] = mark
            return [self._build(item, (*place, index), depth + 1) for index, (item, _) in enumerate(node.value)]
        return self._mapping(node, place, depth)

    def _mapping(self, node: _Node, place: Place, depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        merged: list[tuple[_Node, Mark]] = []
        for key, key_mark, value in node.value:
            if key == "<<":
                merged.append((value, key_mark))
            elif key in data:
                first = self.document.marks[(*place, key)][0]
                self._note(
                    f"`{key}` stands here a second time; the first is in line {first}", key_mark, "keep one of them"
                )
            else:
                self.document.marks[(*place, key)] = key_mark
                data[key] = self._build(value, (*place, key), depth + 1)
        for value, mark in merged:
            self._merge(data, value, mark, place, depth)
        return data

    def _merge(self, data: dict[str, Any], value: _Node, mark: Mark, place: Place, depth: int) -> None:
        """`<<: *base` gives the keys of `base` that are not said here; of several bases the first wins."""
        for base in [item for item, _ in value.value] if value.kind == "list" else [value]:
            if base.kind != "map":
                raise self._fault(
                    "`<<` takes over a mapping", mark, "write `<<: *name`, with `&name` at a mapping above"
                )
            for key, key_mark, item in base.value:
                self._count(mark, depth)
                if key == "<<":
                    self._merge(data, item, key_mark, place, depth + 1)
                elif key not in data:
                    self.document.marks[(*place, key)] = key_mark
                    data[key] = self._build(item, (*place, key), depth + 1)


def _problem(file: str, message: str, mark: Mark, hint: str | None = None) -> Problem:
    return Problem(message, hint=hint, file=file, line=mark[0], column=mark[1])


def _fault(file: str, message: str, mark: Mark, hint: str | None = None) -> RulesError:
    return RulesError([_problem(file, message, mark, hint)])


_SYNTAX = (
    (
        "mapping values are not allowed",
        "a second colon in one line, or wrong indentation",
        "quote a text that holds `: `",
    ),
    ("sequence entries are not allowed", "a list cannot begin here", "begin each `- ` item on a line of its own"),
    ("cannot start any token", "a text cannot begin with this sign", 'put it in quotes: "…"'),
    ("unexpected end of stream", "the file ends within a quoted text", "a quotation mark is missing"),
    ("expected ',' or ']'", "a list that begins with `[` is not closed, or lacks a comma", None),
    ("expected ',' or '}'", "a mapping that begins with `{` is not closed, or lacks a comma", None),
    ("expected key", "this line is indented differently from its neighbours, or a `:` is missing", None),
    ("expected '-' indicator", "a list item is expected here", "begin it with `- `, or indent it like its neighbours"),
    ("could not find expected ':'", "a `:` is missing", "`key: value`, with a space after the colon"),
)


def _syntax(error: yaml.YAMLError, text: str, file: str) -> RulesError:
    """PyYAML's complaint in the words of someone who edits rules."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return _fault(file, "this line holds a control character", (line, 1), "remove it")
    problem = getattr(error, "problem", None) or "this is not YAML"
    at: Any = getattr(error, "problem_mark", None)
    mark = (at.line + 1, at.column + 1) if at is not None else (1, 1)
    lines = text.splitlines()
    line_text = lines[at.line] if at is not None and at.line < len(lines) else ""
    if "cannot start any token" in problem and line_text[mark[1] - 1 : mark[1]] == "\t":
        return _fault(file, "a tab cannot indent YAML", mark, "use spaces")
    for needle, message, hint in _SYNTAX:
        if needle in problem:
            return _fault(file, message, mark, hint)
    return _fault(file, f"this is not YAML: {problem}", mark)
