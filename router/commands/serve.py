"""`signalbox serve`: check that it may, tell what there is, and run."""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
from pathlib import Path

from pydantic import ValidationError

from router.accounts.key_table import KeyTable
from router.accounts.ledger import data_dir
from router.config.known import is_loopback_host
from router.config.problems import RulesError
from router.config.schema import Rules
from router.settings import Settings, faults

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """What is not said here comes from the environment: SIGNALBOX_RULES, SIGNALBOX_HOST, …"""
    parser.add_argument(
        "--rules",
        type=Path,
        metavar="FILE",
        help="the rules file (default: ./signalbox.yaml, else what is found on this machine)",
    )
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default: 4000)")
    parser.add_argument("--workers", type=int, help="processes (default: 1)")


def run(args: argparse.Namespace) -> int:
    """0 after a proper stop, 1 when the rules are not valid, 2 when the settings are not, 3 when it cannot listen."""
    said = {name: value for name in ("rules", "host", "port", "workers") if (value := getattr(args, name)) is not None}
    try:
        settings = Settings(**said)
    except ValidationError as error:
        print(faults(error), file=sys.stderr)
        return 2
    for name, value in said.items():  # worker processes read the environment
        os.environ[f"SIGNALBOX_{name.upper()}"] = str(value)
    from router.routing.rulebook import open_rules
    from router.server import run as serve

    try:
        rulebook = open_rules(settings.rules, os.environ)
    except RulesError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{settings.rules}: {error.strerror or error}", file=sys.stderr)
        return 1
    if refusal := _unsafe(settings, rulebook.rules):
        print(refusal, file=sys.stderr)
        return 2
    return serve(settings, rulebook)


def _unsafe(settings: Settings, rules: Rules) -> str | None:
    """Why this address may not be listened on, or None."""
    if settings.keys or rules.keys or is_loopback_host(settings.host.strip("[]")):
        return None
    try:
        if any(row.revoked is None for row in KeyTable(data_dir(settings.data_dir)).rows()):
            return None
    except (OSError, ValueError, sqlite3.Error) as error:
        print(f"the client keys of the ledger cannot be read: {error}", file=sys.stderr)
    return (
        f"Not listening on {settings.host}: others could then use your models and your cloud keys, since there are no "
        "client keys.\nMake one, and start again:\n  signalbox keys new me"
    )
