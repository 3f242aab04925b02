"""`python -m bench.faults [NAME …] [--write]`: what is promised of faults, each with a figure.

Without names all of them, which takes half an hour; `--write` puts the tables into bench/faults-results.md, each in the
place of the one before. Exits with 1 when a target is missed. Faults are made by `tests/faults`.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import faults_inputs, faults_load
from bench.report import machine
from tests.faults.soak import Report, soak

__all__ = ["put", "soaked"]

RESULTS = Path(__file__).parent / "faults-results.md"
HEAD = """# Faults, in figures

Each table is of its own command, date and machine, and is put here by `--write`. Backends, clients and proxy share two
cores. What each fault of a backend or a client comes to, one by one, is in the tests of `tests/faults`.
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One table with its command."""

    title: str
    command: str
    table: str
    fine: bool

    def text(self) -> str:
        """Markdown, heading and all."""
        when = f"{datetime.date.today()} · {machine()} · Python {platform.python_version()} · `{self.command}`"
        return f"## {self.title}\n\n{when}\n\n{self.table}\n"


def soaked(report: Report) -> Section:
    """A long mixed run."""
    options = f"--minutes {report.seconds / 60:g} --workers {report.workers} --seed {report.seed}"
    title = f"{report.seconds / 60:g} minutes of mixed load with faults, {report.workers} workers"
    return Section(title, f"python -m tests.faults.soak {options}", report.table(), report.fine)


def _section(title: str, measure: Callable[[], tuple[str, bool]], name: str) -> Section:
    table, fine = measure()
    return Section(title, f"python -m bench.faults {name}", table, fine)


FIGURES: dict[str, Callable[[], Section]] = {
    "backend-killed": lambda: _section(
        "A backend is killed and brought back, 20 times", faults_load.backend_killed, "backend-killed"
    ),
    "worker-killed": lambda: _section("A worker is killed", faults_load.worker_killed, "worker-killed"),
    "slow-streams": lambda: _section("1,000 slow streams on one worker", faults_load.slow_streams, "slow-streams"),
    "idle-connections": lambda: _section(
        "10,000 idle connections on one worker", faults_load.idle_connections, "idle-connections"
    ),
    "sigterm": lambda: _section("SIGTERM under load", faults_load.sigterm, "sigterm"),
    "client-leaves": lambda: _section("A client leaves, 1,000 times", faults_load.client_leaves, "client-leaves"),
    "bad-inputs": lambda: _section("10,000 bad inputs and more", faults_inputs.bad_inputs, "bad-inputs"),
    "soak": lambda: soaked(soak(10, 2, 1)),
}


def put(section: Section) -> None:
    """Into the results, in the place of the one with the same title."""
    before = RESULTS.read_text() if RESULTS.exists() else HEAD
    parts = re.split(r"(?m)^(?=## )", before)
    at = next((n for n, part in enumerate(parts) if part.startswith(f"## {section.title}\n")), len(parts))
    parts[at : at + 1] = [section.text()]
    RESULTS.write_text("\n".join(part.strip("\n") + "\n" for part in parts))


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(FIGURES))
    parser.add_argument("--write", action="store_true", help="put them into bench/faults-results.md")
    told = parser.parse_args()
    if unknown := [name for name in told.names if name not in FIGURES]:
        parser.error(f"no figure is called {unknown[0]}; there are {', '.join(FIGURES)}")
    os.environ.pop("SIGNALBOX_RULES", None)
    fine = True
    for name in told.names or FIGURES:
        section = FIGURES[name]()
        print(section.text() + ("" if section.fine else "MISSED\n"), flush=True)
        fine = fine and section.fine
        if told.write:
            put(section)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
