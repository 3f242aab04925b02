"""The three forms of files: read as plain data, and edited so that comments, order and all else stay."""

from __future__ import annotations

import contextlib
import difflib
import io
import re
from typing import Any

import tomlkit
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from tomlkit.exceptions import TOMLKitError

from router.clients import jsonc
from router.clients.merge import GONE, Edit, difference

__all__ = ["Unreadable", "edited", "read"]


class Unreadable(Exception):
    """It cannot be parsed, or not edited safely; the message is `line: what is wrong`, or what is wrong alone."""


def read(form: str, text: str) -> Any:
    """Plain data; an empty file is an empty mapping, GONE for YAML, whose root may be a list. Raises Unreadable."""
    if not text.strip():
        return GONE
    try:
        if form == "json":
            return jsonc.read(text)
        if form == "toml":
            return tomlkit.parse(text).unwrap()
        data = YAML(typ="safe", pure=True).load(text)
        return GONE if data is None else data
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise Unreadable(f"{mark.line + 1}: {what}" if mark else what) from None
    except TOMLKitError as error:
        line = getattr(error, "line", None)
        raise Unreadable(f"{line}: {error}" if line else str(error)) from None
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from None


def edited(form: str, text: str, new: Any) -> str:
    """The text with the new data in it; what is equal in both is not touched. Raises Unreadable."""
    old = read(form, text)
    start = text
    if old is GONE:
        old = [] if isinstance(new, list) else {}
        start = ("{}\n" if form == "json" else text) if isinstance(old, dict) else text
    edits = difference(old, new)
    if not edits:
        return text
    try:
        result = {"json": jsonc.apply, "toml": _toml, "yaml": _yaml}[form](start, edits)
    except (TOMLKitError, YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unreadable(f"it cannot be edited safely ({type(error).__name__}): change it by hand") from None
    again = read(form, result)
    if again != new and not (again is GONE and not new):
        raise Unreadable("it cannot be edited safely: change it by hand")
    return result


def _toml(text: str, edits: list[Edit]) -> str:
    document = tomlkit.parse(text)
    fresh = []
    for edit in edits:
        parent: Any = document
        for step in edit.place[:-1]:
            parent = parent[step]
        if edit.value is GONE:
            del parent[edit.place[-1]]
        elif len(edit.place) == 1 and edit.place[0] not in document and not isinstance(edit.value, dict | list):
            fresh.append(edit)
        else:
            parent[edit.place[-1]] = _table(edit.value)
    return _at_the_top(tomlkit.dumps(document), fresh)


def _at_the_top(text: str, fresh: list[Edit]) -> str:
    """New values of the root go below the last one there; tomlkit would put them below the comment of a first table."""
    if not fresh:
        return text
    lines = text.splitlines(keepends=True)
    table = next((n for n, line in enumerate(lines) if re.match(r"\s*\[", line)), len(lines))
    last = next((n + 1 for n in range(table - 1, -1, -1) if lines[n].strip() and lines[n].lstrip()[0] != "#"), 0)
    if 0 < last < len(lines) or last == 0:
        new = tomlkit.dumps({edit.place[0]: edit.value for edit in fresh})
        gap = "\n" if last == 0 and lines else ""
        placed = "".join([*lines[:last], new, gap, *lines[last:]])
        with contextlib.suppress(TOMLKitError):
            wanted = tomlkit.parse(text).unwrap() | {edit.place[0]: edit.value for edit in fresh}
            if tomlkit.parse(placed).unwrap() == wanted:
                return placed
    document = tomlkit.parse(text)
    for edit in fresh:
        document[edit.place[0]] = edit.value
    return tomlkit.dumps(document)


def _table(value: Any) -> Any:
    """Mappings of mappings alone get no heading of their own: [a.b], not [a] and [a.b]."""
    if not isinstance(value, dict):
        return value
    table = tomlkit.table(is_super_table=bool(value) and all(isinstance(v, dict) for v in value.values()))
    for key, inner in value.items():
        table[key] = _table(inner)
    return table


def _yaml(text: str, edits: list[Edit]) -> str:
    """What the edits change in ruamel's own layout of the file, as lines, in the layout that the file has."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes, yaml.width = True, 1_000_000
    flush = re.search(r"^( *)[^\s#-][^\n]*:[ \t]*\n\1- ", text, re.MULTILINE)  # dashes stand below their key
    yaml.indent(mapping=2, sequence=2 if flush else 4, offset=0 if flush else 2)
    data = yaml.load(text)
    if data is None:
        data = [] if isinstance(edits[0].place[0], int) else {}
        return text + ("" if not text or text.endswith("\n") else "\n") + _laid(yaml, _edit_yaml(data, edits))
    plain = _laid(yaml, data)
    changed = _laid(yaml, _edit_yaml(yaml.load(text), edits))
    patched = _patched(text, plain, changed)
    try:
        if read("yaml", patched) == read("yaml", changed):
            return patched
    except Unreadable:
        pass
    return changed


def _laid(yaml: YAML, data: Any) -> str:
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()


def _edit_yaml(data: Any, edits: list[Edit]) -> Any:
    for edit in edits:
        parent: Any = data
        for step in edit.place[:-1]:
            parent = parent[step]
        at = edit.place[-1]
        if edit.value is GONE:
            del parent[at]
        elif isinstance(parent, list) and at == len(parent):
            parent.append(edit.value)
        else:
            parent[at] = edit.value
    return data


def _patched(text: str, plain: str, changed: str) -> str:
    """The lines that differ between plain and changed, put where they belong in the text."""
    mine, theirs, new = (part.splitlines(keepends=True) for part in (text, plain, changed))
    if mine and not mine[-1].endswith("\n"):
        mine[-1] += "\n"
    where = {}
    for tag, a, b, c, d in difflib.SequenceMatcher(None, theirs, mine, autojunk=False).get_opcodes():
        for n in range(a, b + 1):
            where[n] = c + (n - a) if tag == "equal" or b - a == d - c else (c if n == a else d)
    result: list[str] = []
    done = 0
    for tag, a, b, c, d in difflib.SequenceMatcher(None, theirs, new, autojunk=False).get_opcodes():
        if tag != "equal":
            result += mine[done : where[a]] + new[c:d]
            done = where[b]
    return "".join(result + mine[done:])
