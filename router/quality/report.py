"""What was measured, for people: a table, and what may be concluded from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from router.quality.bench import Result
from router.quality.score import apart

__all__ = ["report"]

HEAD = ("backend", "first token", "reads", "writes", "context", "coding", "tool calls", "JSON", "cost")
NAMES = {"coding": "coding", "tools": "tool calls", "json": "JSON"}


def report(results: Sequence[Result]) -> str:
    """The table, remarks below it, and how to go on from there."""
    return "\n".join([*_table(results), "", *_remarks(results)])


def _table(results: Sequence[Result]) -> Iterator[str]:
    rows = [HEAD, *(_row(result) for result in results)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEAD))]
    for at, row in enumerate(rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        if not at:
            yield "─" * (sum(widths) + 2 * (len(widths) - 1))


def _row(result: Result) -> tuple[str, ...]:
    name = result.name if result.complete else f"{result.name} *"
    if result.fault is not None and not result.scores:
        return (name, "-", "-", "-", _count(result.context), "-", "-", "-", _cost(result))
    scores = (str(result.scores[part]) if part in result.scores else "-" for part in NAMES)
    speed = result.speed
    if speed is None:
        return (name, "-", "-", "-", _count(result.context), *scores, _cost(result))
    about = "~" if speed.estimated else ""
    first = f"{speed.first_token * 1000:,.0f} ms" if speed.first_token is not None else "-"
    rates = (f"{about}{rate:,.0f} tok/s" if rate else "-" for rate in (speed.prompt_rate, speed.write_rate))
    return (name, first, *rates, _count(result.context), *scores, _cost(result))


def _count(tokens: int | None) -> str:
    return f"{tokens:,}" if tokens is not None else "not told"


def _cost(result: Result) -> str:
    if result.free:
        return "free"
    return "no price" if result.usd is None else f"${result.usd:.4f}"


def _remarks(results: Sequence[Result]) -> Iterator[str]:
    for result in results:
        if result.fault is not None:
            yield f"* {result.name} was not measured: {result.fault}"
        elif not result.complete:
            yield f"* {result.name} was interrupted: what stands there is a part of it."
        if result.context_probe is not None:
            yield f"{result.name}: a prompt of nine tenths of its context was {result.context_probe}"
        if result.speed is not None and result.speed.estimated:
            yield f"~ {result.name} tells no usage: its tokens are counted by their length."
    if any(result.scores for result in results):
        yield "Right answers of how many, and where the true share lies 95 times of 100 (Wilson): few tasks say little."
        yield from _comparisons(results)
    yield "docs/models-bench.md tells what each figure is, and how rules are made of them."


def _comparisons(results: Sequence[Result]) -> Iterator[str]:
    for part, name in NAMES.items():
        having = [result for result in results if part in result.scores and result.complete]
        different = []
        for one, other in combinations(having, 2):
            first, second = one.scores[part], other.scores[part]
            if apart(first, second):
                better, worse = (one, other) if first.right > second.right else (other, one)
                different.append(f"{better.name} above {worse.name}")
        if different:
            yield f"{name}: {'; '.join(different)}. All other pairs: too few tasks to tell apart."
        elif len(having) > 1:
            yield f"{name}: too few tasks to tell {' and '.join(result.name for result in having)} apart."
