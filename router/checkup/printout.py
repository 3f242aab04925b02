"""The doctor's findings as a person reads them in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from router.checkup.examine import Group
from router.checkup.result import Result
from router.routing.printout import Style

__all__ = ["group", "summary"]

TITLE = 10
"""Columns of a title."""
INDENT = " " * (TITLE + 6)


def group(told: Group, style: Style, width: int) -> Iterator[str]:
    """Lines of at most `width` columns, but for what cannot be broken."""
    if told.name:
        yield ""
        about = textwrap.shorten(told.about, max(20, width - len(told.name) - 4), placeholder=" …")
        yield f"  {style.bold(told.name)}  {style.dim(about)}"
    for result in told.results:
        yield from _lines(result, style, width)


def summary(counts: dict[str, int], style: Style) -> str:
    """One sentence: whether it is well."""
    parts = [
        _count(counts[state], noun) for state, noun in (("failure", "failure"), ("warning", "warning")) if counts[state]
    ]
    if not parts:
        return style.good(f"All is well: {counts['ok']} checks.")
    text = f"{' and '.join(parts)}; {counts['ok']} checks are fine."
    return style.bad(text) if counts["failure"] else style.warn(text)


def _lines(result: Result, style: Style, width: int) -> Iterator[str]:
    mark, paint = {
        "ok": ("✓", style.good),
        "warning": ("!", style.warn),
        "failure": ("✗", style.bad),
        "skipped": ("–", style.dim),
    }[result.state]
    first, *more = _wrapped(result.detail, width - len(INDENT)) or [""]
    words = style.dim if result.state == "skipped" else str
    yield f"  {paint(mark)} {result.title:<{TITLE}}  {words(first)}"
    for line in more:
        yield f"{INDENT}{words(line)}"
    if result.fix is not None:
        first, *more = _wrapped(result.fix, width - len(INDENT) - 5)
        yield f"{INDENT}{style.bold('fix:')} {first}"
        for line in more:
            yield f"{INDENT}     {line}"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(20, width), break_long_words=False, break_on_hyphens=False)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
