"""`signalbox extras`: what these rules and this environment need beside the base. `make run` asks it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from router.config.problems import RulesError
from router.routing.rulebook import open_rules
from router.telemetry.tracing import wanted

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """It is given the arguments of `serve`, of which it needs the rules."""
    parser.add_argument("--rules", type=Path, metavar="FILE", help="the rules file (default: as `serve` finds it)")
    for ignored in ("--host", "--port", "--workers"):
        parser.add_argument(ignored, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Prints one name a line. Rules that cannot be used need nothing: `serve` will say what is wrong with them."""
    if wanted(os.environ):
        print("otel")
    try:
        rules = open_rules(args.rules, os.environ).rules
    except (RulesError, OSError):
        return 0
    if any(spec.kind in ("gguf", "world") for spec in rules.backends.values()):
        print("gguf")
    return 0
