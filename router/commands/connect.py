"""`signalbox connect`: the clients it knows, and the change to the configuration of one of them."""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from router.accounts.ledger import data_dir
from router.clients.contract import Client, Machine, Model, Target
from router.clients.files import Refused, Step, Store, planned
from router.clients.registry import CLIENTS
from router.clients.served import Served, ask
from router.config.problems import did_you_mean
from router.routing.printout import Style
from router.settings import Settings, faults
from router.telemetry.text import printable

__all__ = ["arguments", "run"]

VARIABLE = "SIGNALBOX_KEY"
AUTO = "auto"
_SECRET = re.compile(
    r"""((?:key|token|secret|password|authorization|bearer)\w*["']?\s*[:=]\s*["']?)([^\s"',}]+)""", re.IGNORECASE
)
_LOOKS_SECRET = re.compile(r"\b(?:sk|pk|ghp|gho|xox\w|AIza)[-_]?[\w-]{12,}")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which client, where Signalbox is, and whether to do it."""
    parser.add_argument("client", nargs="?", metavar="NAME", help="the client; left out: a list of all")
    parser.add_argument("--url", metavar="URL", help="where Signalbox is (default: as `serve` would listen)")
    parser.add_argument(
        "--key", metavar="KEY|env", help=f"the client's key; env: it stands in {VARIABLE}, and in no file if possible"
    )
    parser.add_argument("--model", default=AUTO, metavar="NAME", help="the model it asks for (default: auto)")
    parser.add_argument("--write", action="store_true", help="make the change; without it is only shown")
    parser.add_argument("--undo", action="store_true", help="take back what --write did")
    parser.add_argument("--force", action="store_true", help="with --undo: put back the backup, whatever came since")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """0: shown or done. 1: refused, or a file cannot be used. 2: wrong usage."""
    if (wrong := _misused(args)) is not None:
        print(wrong, file=sys.stderr)
        return 2
    try:
        settings = Settings()
    except ValidationError as error:
        print(faults(error), file=sys.stderr)
        return 2
    machine = Machine(Path.home(), os.environ)
    root = _root(args.url or _own(settings))
    if args.client is None:
        return _list(machine, root, args.json)
    client = CLIENTS[args.client]
    store = Store(data_dir(settings.data_dir), client.name)
    try:
        return _undo(store, client, args) if args.undo else _connect(store, client, machine, root, args)
    except Refused as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
    return 1


def _misused(args: argparse.Namespace) -> str | None:
    if args.client is not None and args.client not in CLIENTS:
        hint = did_you_mean(args.client, CLIENTS)
        why = f'no client is called "{printable(args.client)}"{f": {hint}" if hint else ""}'
        return f"{why}; `signalbox connect` lists all"
    if args.client is None and (args.write or args.undo):
        return "say which client: signalbox connect NAME --write"
    if args.write and args.undo:
        return "--write or --undo, not both"
    if args.force and not args.undo:
        return "--force goes with --undo"
    if args.url is not None and not _is_address(args.url):
        return (
            f"--url {printable(args.url)}: an address such as http://127.0.0.1:4000 is needed, without user and query"
        )
    if args.key is not None and (not args.key.strip() or not args.key.isprintable()):
        return "--key: it is empty, or holds what no header can"
    if not args.model.strip() or not args.model.isprintable():
        return "--model: a name is needed"
    return None


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url.strip())
        whole = parts.hostname is not None and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    odd = "@" in parts.netloc or parts.query or parts.fragment or not url.isprintable()
    return parts.scheme in ("http", "https") and whole and not odd


def _own(settings: Settings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{settings.port}"


def _root(url: str) -> str:
    """The URL without /v1 and slashes at its end, as it may have been copied from elsewhere."""
    return url.strip().rstrip("/").removesuffix("/v1").rstrip("/")


def _connect(store: Store, client: Client, machine: Machine, root: str, args: argparse.Namespace) -> int:
    variable = VARIABLE if args.key == "env" else None
    key = os.environ.get(VARIABLE) if variable else args.key
    served = ask(root, key)
    target = _target(root, served, args.model, None if variable else key, variable)
    remarks = list(_remarks(client, target, served, args.model))
    changes = client.changes(machine, target) if client.changes is not None else ()
    steps = [planned(change, machine.home, target.key) for change in changes]
    told: dict[str, Any] = {"client": client.name, "url": root, "model": target.model.name, "written": False}
    told["files"] = [_as_dict(step, target.key) for step in steps]
    told["snippet"] = _filled(client.snippet, target) or None
    told["remarks"] = remarks
    if args.write:
        if not steps:
            print(f"{client.title} has no file to write: put the lines where they belong.", file=sys.stderr)
            return 1
        if served.locked:
            print(*remarks, "Nothing was written: it would not work.", sep="\n", file=sys.stderr)
            return 1
        store.write(steps)
        told["written"] = True
    if args.json:
        print(json.dumps(told, indent=2))
    else:
        _show(client, target, steps, told)
    return 0


def _target(root: str, served: Served, name: str, key: str | None, variable: str | None) -> Target:
    models = served.models or (Model(AUTO),)
    model = next((one for one in models if one.name == name), None)
    if model is None:  # the rules route names that nobody knows, as they route `auto`
        known = next((one for one in models if one.name == AUTO), models[0])
        model = Model(name, known.context, known.max_output, known.images)
        models = (model, *models)
    return Target(root, model, models, key, variable)


def _remarks(client: Client, target: Target, served: Served, name: str) -> Iterator[str]:
    if served.locked:
        yield (
            f"{served.fault}: it wants a key, or another one. `signalbox keys new {client.name}` makes one; then say "
            "--key KEY."
        )
    elif served.fault is not None:
        yield f"{served.fault}, so contexts and images are guessed. Start it (`signalbox serve`), and ask again."
    elif all(model.name != name for model in served.models):
        yield f'"{printable(name)}" is no name that it lists: the rules decide, as for `auto`.'
    elif not target.model.images:
        yield "It takes no images: `accepts: [text, image]` in the rules says which backend does; then connect again."
    if any(fnmatch(target.model.name, trap) for trap in client.traps):
        yield f"{client.title} speaks another wire format to a model with such a name. `auto` is safe."


def _filled(text: str, target: Target) -> str:
    names = {"url": target.url, "root": target.root, "model": target.model.name}
    names |= {"key": f"${target.variable}" if target.variable else target.said_key}
    names |= {"images": str(target.model.images), "context": str(target.model.window)}
    return Template(text).safe_substitute(names)


def _show(client: Client, target: Target, steps: list[Step], told: dict[str, Any]) -> None:
    style = Style.of(sys.stdout)
    for step in steps:
        if step.before == step.after:
            print(f"{printable(str(step.path))} says so already.")
        for line in _diff(step, target.key):
            print(_painted(line, style))
    if told["snippet"]:
        print(told["snippet"], end="")
    for remark in told["remarks"]:
        print(remark, file=sys.stderr)
    if told["written"]:
        print(f"Done. {_filled(client.after, target)} `signalbox connect {client.name} --undo` takes it back.")
    elif steps and any(step.before != step.after for step in steps):
        print("Nothing was written: --write does it.", file=sys.stderr)


def _as_dict(step: Step, key: str | None) -> dict[str, Any]:
    diff = "\n".join(_diff(step, key))
    return {
        "path": str(step.path),
        "exists": step.before is not None,
        "changes": step.before != step.after,
        "diff": diff,
    }


def _diff(step: Step, key: str | None) -> Iterator[str]:
    """A unified diff in which no secret is seen but the one that was given."""
    before, after = ("" if text is None else text for text in (step.before, step.after))
    names = (str(step.path) if step.before is not None else os.devnull, str(step.path))
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm="")
    return (_masked(printable(line.replace("\t", "    ")), key) for line in lines)


def _masked(line: str, key: str | None) -> str:
    def mask(value: str) -> str:
        return (
            value if value in (key, "any") or value.startswith(("{env:", "${", "$")) or len(value) < 6 else "********"
        )

    line = _SECRET.sub(lambda found: found[1] + mask(found[2]), line)
    return _LOOKS_SECRET.sub(lambda found: mask(found[0]), line)


def _painted(line: str, style: Style) -> str:
    if line.startswith(("+++", "---")):
        return style.bold(line)
    if line.startswith("@@"):
        return style.dim(line)
    return style.good(line) if line.startswith("+") else style.bad(line) if line.startswith("-") else line


def _undo(store: Store, client: Client, args: argparse.Namespace) -> int:
    steps = store.undo(args.force)
    if not steps:
        print(f"Nothing of {client.title} was written, or it was taken back already.", file=sys.stderr)
        return 1
    store.revert(steps)
    if args.json:
        print(json.dumps({"client": client.name, "undone": [str(step.path) for step in steps]}, indent=2))
        return 0
    for step in steps:
        what = "is gone, as it was not there before" if step.after is None else "is without our part"
        print(f"{printable(str(step.path))} {'is as it was' if args.force and step.after is not None else what}.")
    return 0


def _list(machine: Machine, root: str, as_json: bool) -> int:
    rows = [_row(client, machine, root) for client in CLIENTS.values()]
    if as_json:
        print(json.dumps({"url": root, "clients": rows}, indent=2))
        return 0
    lines = [("client", "what", "here", f"uses {root}", "configuration")]
    for row in rows:
        used = {True: "yes", False: "no", None: "-"}[row["connected"]]
        lines.append(
            (row["name"], row["title"], "yes" if row["found"] else "-", used, ", ".join(row["files"]) or "lines")
        )
    widths = [max(len(line[at]) for line in lines) for at in range(4)]
    for line in lines:
        print("  ".join([*(c.ljust(w) for c, w in zip(line, widths, strict=False)), printable(line[4])]))
    print("\n`signalbox connect NAME` shows the change, --write makes it.")
    return 0


def _row(client: Client, machine: Machine, root: str) -> dict[str, Any]:
    target = Target(root, Model(AUTO), (Model(AUTO),))
    files = [change.path for change in client.changes(machine, target)] if client.changes is not None else []
    here = any(shutil.which(program) for program in client.programs)
    folder = client.folder(machine) if client.folder is not None else None
    return {
        "name": client.name,
        "title": client.title,
        "files": [str(path).replace(str(machine.home), "~", 1) for path in files],
        "found": here or (folder is not None and folder.exists()),
        "connected": any(_names(path, root) for path in files) if files else None,
    }


def _names(path: Path, root: str) -> bool:
    """This address stands in the file, and not only a longer one that begins with it."""
    try:
        return re.search(re.escape(root) + r"(?![\w.:-])", path.read_text(errors="replace")) is not None
    except OSError:
        return False
