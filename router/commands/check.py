"""`signalbox check`: every fault of rules files, with line, column and a hint."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from router.config.load import packaged, rules_file
from router.config.problems import Problem, RulesError
from router.routing.rulebook import Rulebook, open_rules

__all__ = ["Report", "arguments", "check", "run"]


@dataclass(slots=True)
class Report:
    """What came of checking one file."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    rulebook: Rulebook | None = None
    """None when the rules cannot be used."""
    unreadable: str | None = None
    """Why the file could not be read."""

    @property
    def code(self) -> int:
        """The exit code: 0 usable, 1 errors, 2 unreadable."""
        return 2 if self.unreadable else 0 if self.rulebook is not None else 1

    def count(self, severity: str) -> int:
        """How many problems are of this severity."""
        return sum(problem.severity == severity for problem in self.problems)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Files and the form of the answer."""
    help_files = (
        "rules files (default: $SIGNALBOX_RULES, else ./signalbox.yaml, else the rules that come with Signalbox)"
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help=help_files)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """0: all files can be used (there may be warnings). 1: one cannot. 2: one cannot be read."""
    files = args.files or [rules_file() or packaged()]
    reports = [check(file) for file in files]
    if args.json:
        print(json.dumps({"files": [_as_json(report) for report in reports]}, indent=2, ensure_ascii=False))
    else:
        painted = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        for number, report in enumerate(reports):
            if number:
                print()
            _print(report, painted)
    return max(report.code for report in reports)


def check(file: Path) -> Report:
    """Read the file and say all that is wrong with it. Raises nothing."""
    try:
        rulebook = open_rules(file)
    except RulesError as error:
        return Report(str(file), list(error.problems))
    except OSError as error:
        return Report(str(file), unreadable=error.strerror or str(error))
    return Report(str(file), list(rulebook.problems), rulebook)


_COLOURS = {"error": "31;1", "warning": "33;1", "fine": "32;1", "dim": "2"}


def _print(report: Report, painted: bool) -> None:
    def paint(text: str, colour: str) -> str:
        return f"\033[{_COLOURS[colour]}m{text}\033[0m" if painted else text

    for problem in report.problems:
        where = f"{problem.file}:{problem.line}:{problem.column}:"
        hint = paint(f" ({problem.hint})", "dim") if problem.hint else ""
        print(f"{where} {paint(problem.severity + ':', problem.severity)} {problem.message}{hint}")
    if report.unreadable:
        print(f"{report.file}: {paint('error:', 'error')} cannot be read: {report.unreadable}")
    elif report.rulebook is None:
        counts = [_plural(report.count("error"), "error")]
        if warnings := report.count("warning"):
            counts.append(_plural(warnings, "warning"))
        print(f"{report.file}: {paint('not usable', 'error')}: {', '.join(counts)}")
    else:
        warnings = report.count("warning")
        verdict = (
            paint("fine", "fine") if not warnings else f"{paint('usable', 'fine')}, {_plural(warnings, 'warning')}"
        )
        print(f"{report.file}: {verdict}: {_contents(report.rulebook)}")


def _contents(rulebook: Rulebook) -> str:
    rules = rulebook.rules
    parts = [_plural(len(rules.backends), "backend"), _plural(len(rules.routes), "route")]
    parts.append(_plural(len(rules.tests), "test"))
    if rulebook.loaded is not None and (left_out := len(rulebook.loaded.tests_left_out)):
        parts[-1] += f" ({left_out} left out)"
    return ", ".join(parts)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _as_json(report: Report) -> dict[str, Any]:
    said: dict[str, Any] = {
        "file": report.file,
        "ok": report.code == 0,
        "problems": [
            {
                "severity": problem.severity,
                "message": problem.message,
                "hint": problem.hint,
                "line": problem.line,
                "column": problem.column,
                "place": list(problem.place),
            }
            for problem in report.problems
        ],
    }
    if report.unreadable:
        said["unreadable"] = report.unreadable
    if report.rulebook is not None:
        rules = report.rulebook.rules
        said.update(backends=list(rules.backends), routes=[r.name for r in rules.routes], tests=len(rules.tests))
    return said
