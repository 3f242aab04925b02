"""`signalbox setup`: look around, propose a rules file, and write it after a yes."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import sys
import time
from pathlib import Path

from router.backends.llama.installed import llama_is_installed
from router.commands.test import failures
from router.config.load import rules_file
from router.config.problems import RulesError
from router.routing.printout import Style
from router.routing.rulebook import read_rules
from router.setup import hardware
from router.setup.look import Around, around
from router.setup.proposal import Proposal, propose
from router.telemetry.text import printable

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Where to, and with how many questions."""
    parser.add_argument(
        "--file",
        type=Path,
        metavar="FILE",
        help="where the rules are written (default: as `serve` finds them, else ./signalbox.yaml)",
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing: every answer is the one that stands first")
    parser.add_argument(
        "--force", action="store_true", help="replace a file that is there; the old one is kept beside it"
    )
    parser.add_argument("--offline", action="store_true", help="no clouds, whatever keys there are")
    parser.add_argument("--json", action="store_true", help="print JSON, and write only with --yes")


def run(args: argparse.Namespace) -> int:
    """0: written, or shown and not wanted. 1: there is a file already, or it cannot be written. 2: wrong usage."""
    file: Path = args.file or rules_file() or Path("signalbox.yaml")
    if file.is_dir():
        print(f"{file} is a folder: --file names the file in it", file=sys.stderr)
        return 2
    found = asyncio.run(around(os.environ, Path.cwd()))
    machine = hardware.look()
    asks = not args.yes and not args.json and sys.stdin.isatty()
    clouds = bool(found.clouds) and not args.offline
    if clouds and asks:
        names = ", ".join(cloud.name for cloud, _ in found.clouds)
        clouds = _asked(f"May {names} be asked for what models here cannot do?", True)
    local = any(seen.program != "tofy" for seen in found.servers) or bool(found.files)
    private = not clouds or (asks and local and _asked("Shall code never leave this machine?", False))
    made = propose(found, machine, clouds=clouds, private=private, llama=llama_is_installed())
    _sound(made, file)
    if args.json:
        print(json.dumps(_as_json(made, found, file), indent=2, ensure_ascii=False))
    else:
        _show(made, file, Style.of(sys.stdout))
    if file.exists() and not args.force:
        print(f"{file} is there already and stays as it is: --force replaces it, and keeps it beside", file=sys.stderr)
        return 1
    if not args.yes and not asks:
        print(f"Nothing is written, as nobody can be asked: signalbox setup --yes --file {file}", file=sys.stderr)
        return 0
    if asks and not _asked(f"Write {file}?", True):
        print("Nothing is written.")
        return 0
    return _write(made.text, file, quiet=args.json)


def _asked(question: str, default: bool) -> bool:
    """Yes or no; an end of the input is a no."""
    try:
        answer = input(f"{question} [{'Y/n' if default else 'y/N'}] ").strip().lower()
    except EOFError:
        print()
        return False
    return default if answer not in ("y", "yes", "n", "no") else answer in ("y", "yes")


def _sound(made: Proposal, file: Path) -> None:
    """What is proposed passes `check` and its own tests, or is not proposed. Raises RuntimeError: a fault of ours."""
    try:
        book = read_rules(made.text.encode(), file, os.environ)
    except RulesError as error:
        raise RuntimeError(
            f"the proposal is not valid, which is a fault of Signalbox's:\n{error}\n{made.text}"
        ) from error
    for failed in failures(book, file.parent, Style(False)):
        raise RuntimeError(f"the proposal fails its own test {failed.case.name!r}:\n{failed.explanation}\n{made.text}")


def _show(made: Proposal, file: Path, style: Style) -> None:
    print(style.bold("Found"))
    for line in made.found:
        print(f"  {printable(line)}")
    print(f"\n{style.bold(f'Proposed as {file}')}\n")
    for line in made.text.splitlines():
        print(f"  {style.dim(line) if line.lstrip().startswith('#') else line}")
    if made.commands:
        print(f"\n{style.bold('Missing, and what brings it')}")
        for what, command in made.commands:
            print(f"  {printable(what)}\n    {style.bold(command)}")
    print()


def _write(text: str, file: Path, quiet: bool) -> int:
    """In one step: who watches the file sees the old or the new, and nothing between."""
    new = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        kept = None
        if file.exists():
            kept = file.with_name(f"{file.name}.{time.strftime('%Y%m%d-%H%M%S')}.bak")
            shutil.copy2(file, kept)
        new.write_text(text, encoding="utf-8")
        new.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        print(f"{file} cannot be written: {error.strerror or error}", file=sys.stderr)
        return 1
    if not quiet:
        print(f"Written: {file}" + (f"; what was there is in {kept}" if kept is not None else ""))
        print(
            "Next: signalbox doctor, then signalbox serve"
            + ("" if file == Path("signalbox.yaml") else f" --rules {file}")
        )
    return 0


def _as_json(made: Proposal, found: Around, file: Path) -> dict[str, object]:
    return {
        "file": str(file),
        "rules": made.text,
        "found": list(made.found),
        "missing": [{"what": what, "command": command} for what, command in made.commands],
        "servers": [{"title": seen.title, "url": seen.url, "models": list(seen.models)} for seen in found.servers],
    }
