"""The yard as a picture for the terminal: tracks from their buffer stops on the left to the switch on the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router.world.yard.state import CAPACITY, TRACKS, WAGONS, Yard

__all__ = ["draw", "draw_steps"]

COLOURS = (31, 32, 33, 34, 35, 36)
"""ANSI colours of the wagons A to F."""
GAP = 3


@dataclass(frozen=True, slots=True)
class _Pen:
    rail: str
    stop: str
    joints: tuple[str, ...]
    """Where each track meets the switch."""
    wagon: str


LINES = _Pen("─", "╞", ("╮", "┼──", "┤", "╯"), "[{}]")
ASCII = _Pen("-", "|", ("\\", "+--", "+", "/"), "[{}]")


def draw(yard: Yard, *, colour: bool = False, ascii_only: bool = False) -> str:
    """Four lines. `ascii_only` for terminals without line-drawing characters."""
    return "\n".join(_rows(yard, colour, ascii_only))


def draw_steps(
    steps: Sequence[tuple[str, Yard]], *, width: int = 80, colour: bool = False, ascii_only: bool = False
) -> str:
    """Titled pictures of one state after the other: side by side as far as `width` columns reach, then below."""
    blocks = [([title], _rows(yard, colour, ascii_only)) for title, yard in steps]
    plain = max((len(row) for _, yard in steps for row in _rows(yard, False, ascii_only)), default=0)
    columns = [max(plain, *(len(line) for line in title)) for title, _ in blocks]
    bands: list[str] = []
    start = 0
    while start < len(blocks):
        end = start + 1
        while end < len(blocks) and sum(columns[start : end + 1]) + GAP * (end - start) <= width:
            end += 1
        bands.append(_beside(blocks[start:end], columns[start:end], steps[start:end], ascii_only))
        start = end
    return "\n\n".join(bands)


def _beside(
    blocks: Sequence[tuple[list[str], list[str]]],
    columns: Sequence[int],
    steps: Sequence[tuple[str, Yard]],
    ascii_only: bool,
) -> str:
    lines = []
    for row in range(1 + TRACKS):
        cells = []
        for (title, rows), column, (_, yard) in zip(blocks, columns, steps, strict=True):
            shown = title[0] if row == 0 else rows[row - 1]
            seen = len(title[0]) if row == 0 else len(_rows(yard, False, ascii_only)[row - 1])
            cells.append(shown + " " * (column - seen))
        lines.append((" " * GAP).join(cells).rstrip())
    return "\n".join(lines)


def _rows(yard: Yard, colour: bool, ascii_only: bool) -> list[str]:
    pen = ASCII if ascii_only else LINES
    rows = []
    for number, wagons in enumerate(yard.tracks):
        places = [_wagon(pen, wagon, colour) for wagon in wagons] + [pen.rail * 3] * (CAPACITY - len(wagons))
        rows.append(f"{number + 1} {pen.stop}{pen.rail}{pen.rail.join(places)}{pen.rail}{pen.joints[number]}")
    return rows


def _wagon(pen: _Pen, wagon: str, colour: bool) -> str:
    shown = pen.wagon.format(wagon)
    return f"\x1b[1;{COLOURS[WAGONS.index(wagon)]}m{shown}\x1b[0m" if colour and wagon in WAGONS else shown
