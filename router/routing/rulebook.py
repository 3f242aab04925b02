"""Rules ready for use: read, checked, compiled, with what is known of each backend."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from router.config import catalogue
from router.config.backend import LitellmBackend
from router.config.discover import Found, discover
from router.config.facts import Facts
from router.config.known import all_facts
from router.config.load import Loaded, examine, read_content, rules_file
from router.config.problems import Problem, RulesError
from router.config.schema import Rules
from router.routing.plan import Plan, compile_plan

__all__ = ["Rulebook", "open_rules", "read_rules"]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What the server, `explain`, `test` and `check` all decide by."""

    rules: Rules
    plan: Plan
    facts: dict[str, Facts]
    """By the name of each backend in `rules`."""
    problems: tuple[Problem, ...] = ()
    """Warnings, with line and column."""
    loaded: Loaded | None = None
    """None for rules that were made from what is on this machine."""
    found: Found | None = None
    """What they were made from."""

    @property
    def path(self) -> Path | None:
        """The rules file; None when there is none."""
        return self.loaded.file if self.loaded is not None else None


def open_rules(path: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Rulebook:
    """The rules of a file. Without a path: of `$SIGNALBOX_RULES`, of `./signalbox.yaml`, else of what is found here.

    Raises OSError when the file cannot be read, RulesError with every fault when it cannot be used.
    """
    file = Path(path) if path is not None else rules_file(environ)
    if file is None:
        return _discovered(environ)
    return read_rules(read_content(file), file, environ)


def read_rules(content: bytes, file: str | Path, environ: Mapping[str, str] = os.environ) -> Rulebook:
    """`open_rules` for a content that is already read. Raises RulesError."""
    loaded, problems = examine(content, file, environ)
    if loaded is None:
        raise RulesError(problems)
    plan = None
    try:
        plan = compile_plan(loaded.rules)
        problems += [loaded.placed(problem) for problem in plan.problems]
    except RulesError as error:
        problems += [loaded.placed(problem) for problem in error.problems]
    problems += [loaded.placed(problem) for problem in _of_models(loaded.rules)]
    problems.sort(key=lambda problem: (problem.line, problem.column))
    if plan is None or any(problem.severity == "error" for problem in problems):
        raise RulesError(problems)
    return Rulebook(loaded.rules, plan, all_facts(loaded.rules.backends), tuple(problems), loaded)


def _of_models(rules: Rules) -> list[Problem]:
    remarks = (
        catalogue.remark(name, spec) for name, spec in rules.backends.items() if isinstance(spec, LitellmBackend)
    )
    return [remark for remark in remarks if remark is not None]


def _discovered(environ: Mapping[str, str]) -> Rulebook:
    # In a thread of its own: the caller may already be inside an event loop.
    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(asyncio.run, discover(environ, Path.cwd())).result()
    return Rulebook(found.rules, compile_plan(found.rules), all_facts(found.rules.backends), found=found)
