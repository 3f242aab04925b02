"""`signalbox explain`: where a request would go, and why; nothing is sent."""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from router.accounts.key_table import KeyTable
from router.accounts.ledger import data_dir
from router.commands.budget import assumed, ledger_purse
from router.commands.recorded import Recorded, local_time, read_recorded
from router.config.client_keys import grants
from router.config.grant import Grant
from router.config.problems import RulesError
from router.config.schema import Rules
from router.foretold import foretell
from router.repair.repairs import Repairs
from router.request.signals import Purse, Signals
from router.routing.explain import explain
from router.routing.printout import Style, printout
from router.routing.rulebook import open_rules
from router.settings import Settings

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The request, the rules, and what a file cannot say about a request."""
    parser.add_argument(
        "request", metavar="REQUEST.json|-", help="a JSON body, or a request with path, headers and body"
    )
    parser.add_argument("--rules", type=Path, metavar="FILE", help="the rules file (default: as `serve` finds it)")
    parser.add_argument("--path", metavar="P", help="where it is sent (default: /v1/chat/completions)")
    parser.add_argument("--header", action="append", default=[], metavar="K:V", help="a header; may be repeated")
    parser.add_argument("--key", metavar="ALIAS", help="alias of the client key")
    parser.add_argument(
        "--budget",
        type=int,
        metavar="PERCENT",
        help="as if so much of its budgets were spent (default: as the ledger says)",
    )
    parser.add_argument("--at", metavar="TIME", help="local time it comes at: 23:00 or 2026-11-21T23:00 (default: now)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """0: explained, wherever it goes. 2: the request or the rules cannot be read."""
    try:
        recorded = _recorded(args)
        now: datetime | None = local_time(args.at) if args.at else None
        rulebook = open_rules(args.rules, os.environ)
        purse = _purse(args.budget, rulebook.rules)
    except (RulesError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    except sqlite3.Error as error:
        print(f"the ledger cannot be read ({error}): --budget says how far budgets are spent", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    envelope = recorded.envelope(args.key, granted(args.key, rulebook.rules) if args.key else None)
    plan, facts, signals = rulebook.plan, rulebook.facts, Signals(envelope, now, purse)
    repairs = {name: Repairs(spec, facts[name]) for name, spec in rulebook.rules.backends.items() if name in facts}
    told = explain(plan, signals, facts, foretell(plan, signals, facts, repairs))
    if args.json:
        print(json.dumps(told, indent=2))
    else:
        print(printout(rulebook.plan, told, Style.of(sys.stdout)), end="")
    return 0


def granted(alias: str, rules: Rules) -> Grant | None:
    """What the key with this alias may do: by the rules, else by the ledger."""
    if alias in rules.keys:
        return grants(rules.keys).get(alias)
    try:
        rows = KeyTable(data_dir(Settings().data_dir)).rows()
    except (ValidationError, OSError, ValueError, sqlite3.Error):
        return None
    return next((row.key.grant for row in rows if row.key.alias == alias and row.revoked is None), None)


def _purse(percent: int | None, rules: Rules) -> Purse | None:
    """Raises sqlite3.Error."""
    if rules.budgets is None and percent is None:
        return None
    return ledger_purse(rules).spent if percent is None else assumed(rules, percent)


def _recorded(args: argparse.Namespace) -> Recorded:
    content = sys.stdin.buffer.read() if args.request == "-" else Path(args.request).read_bytes()
    try:
        recorded = read_recorded(content)
    except ValueError as error:
        raise ValueError(f"{args.request}: {error}") from None
    if args.path:
        recorded.path = args.path
    for header in args.header:
        name, colon, value = header.partition(":")
        if not colon or not name.strip():
            raise ValueError(f'"{header}" is no header: write it like "x-task: world"')
        recorded.headers[name.strip()] = value.strip()
    return recorded
