"""`signalbox schema`: the JSON schema of rules files."""

from __future__ import annotations

import argparse
import sys

from router.config.editor import schema_text

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """None; the description says how to use what is printed."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Print the JSON schema of rules files, for editors:\n\n"
        "  signalbox schema > signalbox.schema.json\n\n"
        "and as the first line of the rules file:\n\n"
        "  # yaml-language-server: $schema=signalbox.schema.json"
    )


def run(args: argparse.Namespace) -> int:
    """Prints it; 0."""
    sys.stdout.write(schema_text())
    return 0
