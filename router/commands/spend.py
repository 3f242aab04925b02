"""`signalbox spend`: what was spent, as a table or as JSON."""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import time

from pydantic import ValidationError

from router.accounts.ledger import FILE, data_dir
from router.accounts.spend import BY, Line, Spend, spend
from router.config.written import seconds
from router.settings import Settings, faults

__all__ = ["arguments", "run"]

ALL = "all"
HEAD = ("requests", "input", "output", "US$", "baseline", "saved", "unpriced")


def arguments(parser: argparse.ArgumentParser) -> None:
    """--by, --since, --json."""
    parser.add_argument("--by", choices=BY, default="model", help="what the lines are (default: model)")
    parser.add_argument(
        "--since", default="30d", metavar="TIME", help="how far back, in whole hours: 24h, 7d, all (default: 30d)"
    )
    parser.add_argument("--json", action="store_true", help="JSON with total_usd, requests and rows")


def run(args: argparse.Namespace) -> int:
    """0; 1 without a ledger, 2 for a time that is none, or settings that are not valid."""
    try:
        since = 0.0 if args.since == ALL else time.time() - seconds(args.since)
    except ValueError as error:
        print(f"--since {args.since}: {error}, or all", file=sys.stderr)
        return 2
    try:
        path = data_dir(Settings().data_dir) / FILE
    except ValidationError as error:
        print(faults(error), file=sys.stderr)
        return 2
    if not path.is_file():
        print(
            f"There is no ledger at {path} yet: it begins with the first request. SIGNALBOX_DATA_DIR names another "
            "folder.",
            file=sys.stderr,
        )
        return 1
    try:
        found = spend(path, args.by, since)
    except sqlite3.Error as error:
        print(f"The ledger {path} cannot be read: {error}", file=sys.stderr)
        return 1
    print(json.dumps(found.as_dict()) if args.json else table(found, args.by, args.since))
    return 0


def table(found: Spend, by: str, since: str) -> str:
    """For a terminal."""
    when = "ever" if since == ALL else f"in the last {since}"
    if not found.total.requests:
        return f"No requests {when}."
    baseline = any(line.baseline_usd for line in found.rows)
    dropped = {name for name, shown in (("baseline", baseline), ("saved", found.total.saved_usd > 0)) if not shown}
    if not found.total.unpriced:
        dropped.add("unpriced")
    shown = [at for at, name in enumerate(HEAD) if name not in dropped]
    lines = [(by, *(HEAD[at] for at in shown))]
    for line in (*found.rows, found.total):
        cells = _cells(line)
        lines.append((_name(line, found), *(cells[at] for at in shown)))
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    text = [_laid_out(line, widths) for line in lines]
    text.insert(1, "\u2500" * (sum(widths) + 2 * len(widths) - 2))
    text.insert(len(text) - 1, text[1])
    return "\n".join([*text, *_remarks(found.total, when)])


def _name(line: Line, found: Spend) -> str:
    return "total" if line is found.total else line.name or "(none)"


def _cells(line: Line) -> tuple[str, ...]:
    """Of what has no price at all, no sum is shown: it is not known to be nothing."""
    known = line.unpriced < line.requests
    return (
        *(f"{count:,}" for count in (line.requests, line.input, line.output)),
        *(_dollars(usd) if known else "?" for usd in (line.usd, line.baseline_usd, line.saved_usd)),
        f"{line.unpriced:,}",
    )


def _dollars(usd: float) -> str:
    return f"{usd:.6f}" if 0 < usd < 0.01 else f"{usd:,.4f}"


def _laid_out(line: tuple[str, ...], widths: list[int]) -> str:
    first, *others = line
    return "  ".join([first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(others, widths[1:], strict=True))])


def _remarks(total: Line, when: str) -> list[str]:
    found = []
    if total.estimated_usd:
        found.append(f"US$ {_dollars(total.estimated_usd)} of it from estimated tokens: the backend told none.")
    if total.unpriced:
        found.append(f"{total.unpriced:,} requests {when} have no known price and are not in the sums.")
    return ["", *found] if found else []
