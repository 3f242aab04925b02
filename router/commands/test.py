"""`signalbox test`: the tests that stand in rules files, run like unit tests of the rules."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from router.commands.budget import assumed
from router.commands.recorded import Recorded, read_recorded
from router.config.client_keys import grants
from router.config.grant import Grant
from router.config.load import packaged, rules_file
from router.config.problems import Problem, RulesError
from router.config.schema import Case, Rules
from router.request.signals import Signals
from router.routing.decision import Decision
from router.routing.explain import explain
from router.routing.printout import Style, printout
from router.routing.rulebook import Rulebook, open_rules
from router.routing.supposed import supposed

__all__ = ["Difference", "Failure", "arguments", "failures", "run"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One expectation that was not met."""

    what: str
    wanted: str
    got: str


@dataclass(frozen=True, slots=True)
class Failure:
    """One test that failed."""

    position: int
    """In the rules' `tests`."""
    case: Case
    differences: tuple[Difference, ...] = ()
    explanation: str = ""
    """As `signalbox explain` prints it."""
    fault: str | None = None
    """Why its request could not be read."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The files."""
    default = "$SIGNALBOX_RULES, else ./signalbox.yaml, else the rules that come with Signalbox"
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help=f"rules files (default: {default})")


def run(args: argparse.Namespace) -> int:
    """0: all tests pass. 1: one fails. 2: rules do not load."""
    style = Style.of(sys.stdout)
    return max(_run_file(file, style) for file in args.files or [rules_file() or packaged()])


def failures(rulebook: Rulebook, folder: Path, style: Style) -> Iterator[Failure]:
    """The tests of these rules that fail. Files they name are looked for from `folder`; nothing is sent."""
    limits = grants(rulebook.rules.keys)
    for position, case in enumerate(rulebook.rules.tests):
        try:
            signals = _signals(case, folder, limits.get(case.key or ""), rulebook.rules)
        except (OSError, ValueError) as error:
            fault = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
            yield Failure(position, case, fault=fault)
            continue
        facts = supposed(rulebook.facts, case.given, rulebook.rules.backends, signals)
        decision = rulebook.plan.decide(signals, facts)
        differences = tuple(_differences(case, signals, decision))
        if differences:
            told = explain(rulebook.plan, signals, facts)
            yield Failure(position, case, differences, printout(rulebook.plan, told, style))


def _run_file(file: Path, style: Style) -> int:
    try:
        rulebook = open_rules(file, os.environ)
    except RulesError as error:
        print(f"{error}\n{file}: {style.bad('the rules do not load')}, so no test was run")
        return 2
    except OSError as error:
        print(f"{file}: {style.bad('cannot be read')}: {error.strerror}")
        return 2
    failed = 0
    for failure in failures(rulebook, file.parent, style):
        failed += 1
        _print_failure(failure, rulebook, style)
    print(f"{file}: {_summary(rulebook, failed, style)}")
    return 1 if failed else 0


def _summary(rulebook: Rulebook, failed: int, style: Style) -> str:
    total = len(rulebook.rules.tests)
    left_out = len(rulebook.loaded.tests_left_out) if rulebook.loaded is not None else 0
    more = f" ({left_out} left out, as their backends are)" if left_out else ""
    if not total:
        return f"no tests{more or '; write some under `tests:`'}"
    if failed:
        return f"{style.bad(f'{failed} of {total} tests failed')}{more}"
    return f"{style.good(f'{total} tests passed' if total > 1 else '1 test passed')}{more}"


def _print_failure(failure: Failure, rulebook: Rulebook, style: Style) -> None:
    print(f"{_where(failure, rulebook)}{style.bad('✗')} {style.bold(failure.case.name)}")
    if failure.fault is not None:
        print(f"    its request cannot be read: {failure.fault}")
    for difference in failure.differences:
        print(f"    {difference.what:<10} wanted {style.bold(difference.wanted)}, got {style.bold(difference.got)}")
    if failure.explanation:
        print()
    for line in failure.explanation.splitlines():
        print(f"    {line}" if line else "")
    print()


def _where(failure: Failure, rulebook: Rulebook) -> str:
    if rulebook.loaded is None:
        return ""
    placed = rulebook.loaded.placed(Problem("", ("tests", failure.position)))
    return f"{placed.file}:{placed.line}: "


def _signals(case: Case, folder: Path, grant: Grant | None, rules: Rules) -> Signals:
    """Raises OSError or ValueError when the request is in a file that cannot be read."""
    file = case.request.get("file") if len(case.request) == 1 else None
    in_file = isinstance(file, str)
    recorded = read_recorded((folder / str(file)).read_bytes()) if in_file else Recorded.of(case.request)
    if "path" in case.model_fields_set:
        recorded.path = case.path
    recorded.headers = {**recorded.headers, **case.headers}
    now = datetime.fromisoformat(case.at) if case.at is not None else None
    return Signals(recorded.envelope(case.key, grant), now, assumed(rules, case.budget))


def _differences(case: Case, signals: Signals, decision: Decision) -> Iterator[Difference]:
    expect = case.expect
    if expect.route is not None and expect.route != decision.route:
        yield Difference("route", expect.route, decision.route or "none")
    if expect.backend is not None and expect.backend != decision.backend:
        yield Difference("backend", expect.backend, decision.backend or "none")
    for signal in ("task", "harness"):
        wanted = getattr(expect, signal)
        if wanted is not None and wanted != getattr(signals, signal):
            yield Difference(signal, wanted, getattr(signals, signal))
    if expect.refused_by is not None:
        gates = [candidate.gate for candidate in decision.candidates if candidate.gate is not None]
        if decision.backend is not None or expect.refused_by not in gates:
            got = f"backend {decision.backend}" if decision.backend else ", ".join(gates) or "no route"
            yield Difference("refused by", expect.refused_by, got)
