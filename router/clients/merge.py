"""Configurations as plain data: what they become with our part in them, and what is left without it."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from router.clients.contract import Entry, Put

__all__ = ["GONE", "Edit", "Unmergeable", "difference", "merged", "without"]


class _Gone:
    def __repr__(self) -> str:
        return "GONE"

    def __deepcopy__(self, memo: object) -> _Gone:
        return self


GONE = _Gone()
"""The value of a place where nothing stands."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One step: a value for a place of keys and indexes whose parent is there, or GONE. An index that is the list's
    length appends."""

    place: tuple[Any, ...]
    value: Any


class Unmergeable(Exception):
    """Something else stands where a mapping or a list is needed; the message says where."""


def merged(data: Any, puts: Iterable[Put]) -> Any:
    """A copy of the data with the puts in it. Raises Unmergeable."""
    result = deepcopy(data)
    for put in puts:
        result = _put(result, put.place, put, ())
    return result


def _put(here: Any, rest: tuple[Any, ...], put: Put, path: tuple[Any, ...]) -> Any:
    if not rest:
        if (put.only == "absent" and here is not GONE) or (put.only == "present" and here is GONE):
            return here
        return _onto(here, put.value)
    step, *further = rest
    at = (*path, step.by if isinstance(step, Entry) else step)
    if isinstance(step, Entry):
        items = [] if here is GONE or here is None else here
        if not isinstance(items, list):
            raise Unmergeable(_wrong(path, "a list"))
        found = [n for n, item in enumerate(items) if isinstance(item, dict) and item.get(step.by) == step.name]
        if not found:
            fresh = _put(GONE, tuple(further), put, at)
            return here if fresh is GONE else [*items, fresh]
        items[found[0]] = _put(items[found[0]], tuple(further), put, at)
        return items
    mapping = {} if here is GONE or here is None else here
    if not isinstance(mapping, dict):
        raise Unmergeable(_wrong(path, "a mapping"))
    value = _put(mapping.get(step, GONE), tuple(further), put, at)
    if value is GONE:
        return here
    mapping[step] = value
    return mapping


def _onto(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return old if _same(old, new) else deepcopy(new)
    for key, value in new.items():
        old[key] = _onto(old.get(key, GONE), value)
    return old


def _wrong(path: tuple[Any, ...], wanted: str) -> str:
    return f"{'.'.join(map(str, path)) or 'the whole file'} is not {wanted}"


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def difference(old: Any, new: Any, place: tuple[Any, ...] = ()) -> list[Edit]:
    """The steps that make the new data of the old, deletions from the end of lists first."""
    if isinstance(old, dict) and isinstance(new, dict):
        edits = [Edit((*place, key), GONE) for key in old if key not in new]
        for key, value in new.items():
            edits += difference(old.get(key, GONE), value, (*place, key))
        return edits
    if isinstance(old, list) and isinstance(new, list):
        edits = []
        for at in range(min(len(old), len(new))):
            edits += difference(old[at], new[at], (*place, at))
        edits += [Edit((*place, at), GONE) for at in range(len(old) - 1, len(new) - 1, -1)]
        return edits + [Edit((*place, at), new[at]) for at in range(len(old), len(new))]
    return [] if _same(old, new) else [Edit(place, new)]


def without(now: Any, written: Any, before: Any) -> Any:
    """The present data without what was written: each of our values that still stands becomes what was there before.
    What has been changed since stays."""
    if _same(now, written):
        return deepcopy(before)
    if isinstance(now, dict) and isinstance(written, dict):
        old = before if isinstance(before, dict) else {}
        left = {}
        for key, value in now.items():
            kept = without(value, written[key], old.get(key, GONE)) if key in written else value
            if kept is not GONE:
                left[key] = kept
        return GONE if not left and before is GONE else left
    if isinstance(now, list) and isinstance(written, list):
        return _list_without(now, written, before if isinstance(before, list) else [], before is GONE)
    return now


def _list_without(now: list[Any], written: list[Any], before: list[Any], fresh: bool) -> Any:
    left = list(now)
    for at, ours in enumerate(written):
        old = before[at] if at < len(before) else GONE
        if _same(ours, old):
            continue
        found = next((n for n, item in enumerate(left) if _same(item, ours)), None)
        if found is not None and old is GONE:
            del left[found]
        elif found is not None:
            left[found] = old
    return GONE if fresh and not left else left
