"""`signalbox doctor`: is everything there that the rules need, does it work, and what to do where it does not."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from router.checkup import printout
from router.checkup.examine import Ask, Group, examine
from router.config.load import rules_file
from router.config.problems import RulesError, did_you_mean
from router.config.written import seconds
from router.routing.printout import Style
from router.routing.rulebook import Rulebook, open_rules
from router.settings import Settings, faults

__all__ = ["arguments", "run"]

WIDTH = 100
"""Most columns of a line, however wide the terminal."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to look at, and how closely."""
    parser.add_argument("backends", nargs="*", metavar="BACKEND", help="look at these alone (default: at everything)")
    parser.add_argument(
        "--rules", type=Path, metavar="FILE", help="the rules file (default: as `serve` finds it, else what is here)"
    )
    parser.add_argument("--quick", action="store_true", help="no model has to answer: what servers say of themselves")
    parser.add_argument("--paid", action="store_true", help="ask models that cost money, too: some hundred tokens each")
    parser.add_argument(
        "--patience", default="10s", metavar="TIME", help="how long each answer may take (default: 10s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """0: nothing fails, there may be warnings. 1: something fails. 2: wrong usage, or settings that are not valid."""
    try:
        settings = Settings(**({"rules": args.rules} if args.rules is not None else {}))
    except ValidationError as error:
        print(faults(error), file=sys.stderr)
        return 2
    try:
        patience = seconds(args.patience)
    except ValueError as error:
        print(f"--patience {args.patience}: {error}", file=sys.stderr)
        return 2
    if not 0 < patience <= 3600:
        print(f"--patience {args.patience}: more than nothing, and an hour at most", file=sys.stderr)
        return 2
    path = settings.rules or rules_file()
    rules = _opened(path)
    if wrong := _unknown(args.backends, rules):
        print(wrong, file=sys.stderr)
        return 2
    ask = Ask(patience, args.quick, args.paid, tuple(args.backends))
    return asyncio.run(_run(ask, settings, rules, path, args.json))


def _opened(path: Path | None) -> Rulebook | RulesError | OSError:
    try:
        return open_rules(path)
    except (RulesError, OSError) as error:
        return error


def _unknown(names: list[str], rules: Rulebook | RulesError | OSError) -> str | None:
    """Which of these is no backend, in a sentence."""
    if not names:
        return None
    if not isinstance(rules, Rulebook):
        return f"the rules cannot be used, so no backend can be named: {rules}"
    known = rules.rules.backends
    for name in names:
        if name not in known:
            return f'there is no backend "{name}"; {did_you_mean(name, known) or "there are " + ", ".join(known)}'
    return None


async def _run(
    ask: Ask, settings: Settings, rules: Rulebook | RulesError | OSError, path: Path | None, as_json: bool
) -> int:
    counts: Counter[str] = Counter()
    groups: list[Group] = []
    style, width = Style.of(sys.stdout), min(WIDTH, shutil.get_terminal_size((80, 24)).columns)
    async for group in examine(ask, settings, rules, path):
        counts.update(result.state for result in group.results)
        groups.append(group)
        if not as_json:
            if not group.name and len(groups) > 1:
                print()
            for line in printout.group(group, style, width):
                print(line, flush=True)
    if as_json:
        print(json.dumps(_as_json(groups, counts), indent=2, ensure_ascii=False))
    else:
        print(f"\n  {printout.summary(counts, style)}")
    return 1 if counts["failure"] else 0


def _as_json(groups: list[Group], counts: Counter[str]) -> dict[str, Any]:
    checks = []
    for group in groups:
        for result in group.results:
            said = dataclasses.asdict(result)
            if result.milliseconds is not None:
                said["milliseconds"] = round(result.milliseconds, 2)
            checks.append({"backend": group.name or None, **({"about": group.about} if group.name else {}), **said})
    return {"ok": not counts["failure"], "counts": dict(counts), "checks": checks}
