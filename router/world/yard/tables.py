"""A table with bars as statements of one track each: tracks as rows, or tracks as columns."""

from __future__ import annotations

import re
from collections.abc import Sequence

from router.world.yard.bearings import SIDES
from router.world.yard.words import TRACK_NOUNS, WAGON_NOUNS, words

__all__ = ["as_tracks", "cells_of", "is_ruler"]

NUMBERED = re.compile(r"(?:[a-z]+\W{0,3})?(?:no\W{0,2})?#?(\d{1,2})\.?", re.IGNORECASE)
PLACES = words("place places position positions slot slots spot spots pos")
RULER = re.compile(r"[\s|:+=-]*")


def cells_of(line: str) -> list[str]:
    """The cells of a table's row without the bars around it."""
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def is_ruler(line: str) -> bool:
    """Whether a line only parts a table's head from its body."""
    return RULER.fullmatch(line) is not None


def as_tracks(rows: Sequence[Sequence[str]]) -> str | None:
    """`track 1: A B; track 2: empty` for a table of a head and rows; None for any other."""
    if len(rows) < 2 or len({len(row) for row in rows}) != 1 or len(rows[0]) < 2:
        return None
    head, body = rows[0], rows[1:]
    if (said := _by_wagons(head, body)) is not None:
        return said
    down, across = [_number(row[0]) for row in body], [_number(cell) for cell in head[1:]]
    tracks_down = None not in down and _number(head[0]) is None and not _is_place(head[0])
    if tracks_down and (None in across or _names_tracks(head[0]) or len(body) != 1):
        backwards = _backwards(head[1:], across)
        return _said(down, [row[1:] for row in body], backwards)
    if None not in across and _number(head[0]) is None:
        first = [row[0] for row in body]
        columns = [[row[at] for row in body] for at in range(1, len(head))]
        return _said(across, columns, _backwards(first, [_number(cell) for cell in first]))
    return None


def _by_wagons(head: Sequence[str], body: Sequence[Sequence[str]]) -> str | None:
    """A table with a row for each wagon: which track it stands on, and maybe at which place."""
    names = [set(cell.lower().split()) for cell in head]
    wagon = next((at for at, name in enumerate(names) if name & WAGON_NOUNS), None)
    track = next((at for at, name in enumerate(names) if name & TRACK_NOUNS), None)
    place = next((at for at, name in enumerate(names) if name & PLACES), None)
    if wagon is None or track is None or any(re.fullmatch(r"[A-Za-z]", row[wagon]) is None for row in body):
        return None
    tracks = [_number(row[track]) for row in body]
    places = [0 if place is None else _number(row[place]) for row in body]
    if None in tracks or None in places:
        return None
    rows = sorted(
        zip(tracks, places, [row[wagon] for row in body], strict=True), key=lambda row: (row[0] or 0, row[1] or 0)
    )
    numbers = sorted({number or 0 for number in tracks} | {1, 2, 3, 4})
    return _said(numbers, [[letter for number, _, letter in rows if number == each] for each in numbers], False)


def _said(numbers: Sequence[int | None], lists: Sequence[Sequence[str]], backwards: bool) -> str:
    made = []
    for number, cells in zip(numbers, lists, strict=True):
        shown = [
            cell for cell in cells if cell.strip("-_. \u2205") and cell.lower() not in ("empty", "free", "x", "none")
        ]
        made.append(f"track {number}: {', '.join(shown[::-1] if backwards else shown) or 'empty'}")
    return "; ".join(made)


def _number(cell: str) -> int | None:
    match = NUMBERED.fullmatch(cell)
    return None if match is None else int(match[1])


def _names_tracks(cell: str) -> bool:
    return not TRACK_NOUNS.isdisjoint(cell.lower().split())


def _is_place(cell: str) -> bool:
    return not PLACES.isdisjoint(cell.lower().split())


def _backwards(names: Sequence[str], numbers: Sequence[int | None]) -> bool:
    """Whether places are listed from the switch."""
    said = [{SIDES[word] for word in name.lower().split() if word in SIDES} for name in names]
    if len(said) > 1 and ("switch" in said[0] or "buffer" in said[-1]):
        return True
    places = [number for number in numbers if number is not None]
    return len(places) > 1 and places == sorted(places, reverse=True)
