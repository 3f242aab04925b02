"""`signalbox budget`: what is left of each budget of the rules, by this machine's ledger."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

from router.accounts.budgets import Line, Purse
from router.accounts.ledger import FILE, data_dir
from router.accounts.tally import Closed, Tally
from router.config.problems import RulesError
from router.config.schema import Rules
from router.request.spent import Spent
from router.routing.rulebook import open_rules
from router.settings import Settings

__all__ = ["arguments", "assumed", "ledger_purse", "run"]

HEAD = ("budget", "period", "spent", "of", "left", "%", "begins anew")


def arguments(parser: argparse.ArgumentParser) -> None:
    """--rules, --json."""
    parser.add_argument("--rules", type=Path, metavar="FILE", help="the rules file (default: as `serve` finds it)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """0; 1 when the ledger cannot be read, 2 when the rules cannot."""
    try:
        rules = open_rules(args.rules, os.environ).rules
        purse = ledger_purse(rules)
    except RulesError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except sqlite3.Error as error:
        print(f"The ledger cannot be read: {error}", file=sys.stderr)
        return 1
    lines = list(purse.lines())
    if args.json:
        print(json.dumps([line.as_dict() for line in lines]))
    else:
        print(_table(lines) if lines else "The rules have no budgets.")
    return 0


def ledger_purse(rules: Rules) -> Purse:
    """The budgets of the rules against the ledger as it is now; nothing is spent where there is none. Raises
    sqlite3.Error."""
    path = data_dir(Settings().data_dir) / FILE
    tally = Tally(Closed(path) if path.is_file() else None)
    purse = Purse(rules.budgets, tally)
    tally.use(purse.periods)
    asyncio.run(tally.read())
    return purse


def assumed(rules: Rules, percent: int) -> Callable[[str | None], Spent]:
    """As if each budget were spent so far: for questions about the rules."""
    budgets = (rules.budgets.total, *rules.budgets.keys.values()) if rules.budgets is not None else ()
    marks = [budget.soft for budget in budgets if budget is not None and budget.soft is not None]
    over = f"the budget is spent ({percent} %)" if percent >= 100 else None
    told = Spent(percent, bool(marks) and percent >= min(marks), over)
    return lambda key: told


def _table(lines: list[Line]) -> str:
    rows = [HEAD, *map(_row, lines)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEAD))]
    text = []
    for row in rows:
        first, period, *numbers, until = row
        right = (cell.rjust(width) for cell, width in zip(numbers, widths[2:-1], strict=True))
        text.append("  ".join([first.ljust(widths[0]), period.ljust(widths[1]), *right, until]))
    text.insert(1, "\u2500" * max(map(len, text)))
    return "\n".join(text)


def _row(line: Line) -> tuple[str, ...]:
    whose = "total" if line.key is None else line.key or "(no key)"
    dollars = (f"{usd:,.4f}" for usd in (line.spent, line.budget, line.left))
    return (whose, line.period, *dollars, str(line.percent), f"{line.until:%Y-%m-%d %H:%M}")
