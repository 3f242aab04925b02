"""`signalbox world …`: world models from the command line. Each sub-command is a module `world_NAME` beside this."""

from __future__ import annotations

import argparse
import importlib

__all__ = ["COMMANDS", "arguments", "run"]

COMMANDS = {
    "encode": "print what a checkpoint of Tofy's makes of a prompt: ids, latents, conditioning",
    "ask": "answer a question with a world model and its decoder",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands and what each takes."""
    commands = parser.add_subparsers(dest="world_command", metavar="COMMAND", required=True)
    for name, line in COMMANDS.items():
        module = importlib.import_module(f"router.commands.world_{name}")
        sub = commands.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
        module.arguments(sub)
        sub.set_defaults(run_world=module.run)


def run(args: argparse.Namespace) -> int:
    """The exit code of the sub-command."""
    return int(args.run_world(args))
