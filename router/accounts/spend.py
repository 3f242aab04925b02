"""What was spent, out of the ledger's hourly sums."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from router.accounts.ledger import HOUR, NANO, SUMS

__all__ = ["BY", "Line", "Spend", "spend"]

BY = ("model", "route", "backend", "key", "harness", "day")
_DAY = "date(hour, 'unixepoch', 'localtime')"


@dataclass(frozen=True, slots=True)
class Line:
    """Sums of one model, route, …; US dollars. `estimated_usd` is a part of `usd`."""

    name: str
    requests: int
    failed: int
    unpriced: int
    input: int
    output: int
    cached: int
    reasoning: int
    usd: float
    estimated_usd: float
    baseline_usd: float
    saved_usd: float


@dataclass(frozen=True, slots=True)
class Spend:
    """The whole and its lines, the dearest first; by day the latest first."""

    total: Line
    rows: tuple[Line, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: `total_usd`, `requests`, the other sums, and `rows`."""
        sums = asdict(self.total)
        sums["total_usd"] = sums.pop("usd")
        del sums["name"]
        return {**sums, "rows": [asdict(line) for line in self.rows]}


def spend(path: Path, by: str, since: float) -> Spend:
    """From the whole hour in which `since` (seconds of the epoch) lies until now. Raises sqlite3.Error."""
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5)
    try:
        name = _DAY if by == "day" else by
        sums = ", ".join(f"coalesce(sum({each}), 0)" for each in SUMS)
        where = "FROM hours WHERE hour >= ?"
        first = int(since) // HOUR * HOUR
        order = "1 DESC" if by == "day" else "sum(nano_usd) DESC, sum(requests) DESC"
        rows = database.execute(f"SELECT {name}, {sums} {where} GROUP BY 1 ORDER BY {order}", (first,)).fetchall()
        total = database.execute(f"SELECT '', {sums} {where}", (first,)).fetchone()
    finally:
        database.close()
    return Spend(_line(total), tuple(map(_line, rows)))


def _line(row: tuple[Any, ...]) -> Line:
    name, *counts = row
    named = dict(zip(SUMS, counts, strict=True))
    money = {f"{short}_usd": named.pop(short) / NANO for short in ("estimated", "baseline", "saved")}
    return Line(name=name, usd=named.pop("nano_usd") / NANO, **named, **money)
