"""The commands. Each is a module of `router.commands` with `arguments(parser)` and `run(args) -> exit code`."""

from __future__ import annotations

import argparse
import importlib
import sys

from router import __version__

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "serve": "serve the proxy",
    "setup": "look around, propose a rules file, and write it after a yes",
    "check": "check rules files; every fault with line, column and a hint",
    "test": "run the tests that stand in rules files",
    "doctor": "look whether all that the rules need is there and works, and say what to do where not",
    "explain": "show where a request would go, and why, without sending it",
    "connect": "point a client at this proxy: show the change to its configuration, or make it",
    "models": "what clients may name; `bench`: how fast and how good the backends are",
    "keys": "make, list and revoke client keys",
    "login": "log in at GitHub Copilot, once",
    "spend": "what was spent, by model, route, backend, key, harness or day",
    "budget": "what is left of the budgets",
    "extras": "print the optional parts (gguf) that the rules need installed",
    "cache": "show what is cached, or forget it",
    "world": "look into world models, or ask them",
    "schema": "print the JSON schema of rules files, for editors",
}


def main(argv: list[str] | None = None) -> int:
    """Run a command; returns its exit code (0 fine, 1 faults found, 2 wrong usage)."""
    words = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(
        prog="signalbox",
        description="One OpenAI-compatible URL in front of every model; YAML rules decide where each request goes.",
    )
    parser.add_argument("--version", action="version", version=f"signalbox {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in words if not word.startswith("-")), None)
    for name, line in COMMANDS.items():
        sub = commands.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
        if name == chosen:  # only the chosen command is imported: `signalbox check` does not pay for the server
            module = importlib.import_module(f"router.commands.{name}")
            module.arguments(sub)
            sub.set_defaults(run=module.run)
    args = parser.parse_args(words)
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
