"""What a person sees when the server starts: where it is, by which rules, who is up, and what to try next."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from router import __version__
from router.backends.contract import Backend
from router.box import Box
from router.config.backend import GgufBackend, HttpBackend, LitellmBackend, WorldBackend
from router.config.facts import Facts
from router.config.known import shown

__all__ = ["banner", "greet", "is_worker"]

log = logging.getLogger("signalbox")

PATIENCE = 1.0
"""Seconds to wait for the backends' first answers; what takes longer is shown as such."""

YARD = (
    "Track 1: A D. Track 2: empty. Track 3: B C. Track 4: E F. What does the yard look like after the last wagon of "
    "track 3 goes to track 2?"
)

_PAINT = {"bold": "1", "dim": "2", "green": "32", "red": "31", "yellow": "33"}


def is_worker() -> bool:
    """This process is one of several that serve on the same socket."""
    return multiprocessing.parent_process() is not None


async def greet(box: Box) -> None:
    """Print the banner once the backends have answered, from the first worker only."""
    if is_worker() and not multiprocessing.current_process().name.endswith("-1"):
        return
    waited = 0.0
    while waited < PATIENCE and any(facts.up is None for facts in box.state.facts.values()):
        await asyncio.sleep(0.02)
        waited += 0.02
    if box.settings.logs_json:  # whoever reads the log reads JSON
        _tell(box)
        return
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    print(banner(box, colour), file=sys.stderr, flush=True)


def _tell(box: Box) -> None:
    """What the banner says, as lines of the log."""
    up = [name for name, facts in box.state.facts.items() if facts.up is not False]
    rules = box.rulebook.path or "made from what is on this machine"
    log.info(
        "Signalbox %s listens on %s port %d; rules: %s; backends: %s",
        *(__version__, box.settings.host, box.settings.port, rules, ", ".join(up) or "none yet"),
    )
    for problem in box.rulebook.problems:
        log.warning("%s", problem)
    found = box.rulebook.found
    for what, command in found.missing if found is not None else ():
        log.info("not here: %s; what would provide it: %s", what, command)


def banner(box: Box, colour: bool) -> str:
    """The text, ending in a blank line."""

    def paint(text: str, *styles: str) -> str:
        codes = ";".join(_PAINT[style] for style in styles)
        return f"\033[{codes}m{text}\033[0m" if colour else text

    settings, state = box.settings, box.state
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    root = f"http://{host}:{settings.port}"
    aliases = box.keyring.aliases()
    keys = (
        f"client keys: {', '.join(aliases[:5])}{f' and {len(aliases) - 5} more' if len(aliases) > 5 else ''}"
        if box.keyring.keys
        else "no client keys: any will do, from this machine only"
    )
    rulebook = state.rulebook
    if rulebook.path is not None:
        rules = f"{rulebook.path} ({_count(len(rulebook.rules.routes), 'route')}; edits take effect as you save)"
    else:
        count = _count(len(rulebook.rules.routes), "route")
        rules = f"made from what is on this machine ({count}; signalbox.yaml would replace them)"
    lines = [
        "",
        f"  {paint(f'Signalbox {__version__}', 'bold')}",
        "",
        f"  URL       {paint(root + '/v1', 'bold')}   {paint(keys, 'dim')}",
        f"  Rules     {rules}",
        f"  Pages     {root}/docs   /ready   /metrics",
        "",
    ]
    lines += _backends(state.backends.values(), paint) or [f"  {paint('No backend yet.', 'yellow')}"]
    lines += [f"  {paint('!', 'yellow')} {problem}" for problem in rulebook.problems]
    if rulebook.found is not None and rulebook.found.missing:
        lines += ["", "  Not here (looked for every ten seconds); what would provide it:"]
        width = max(len(what) for what, _ in rulebook.found.missing)
        lines += [paint(f"    {what:<{width}}   {command}", "dim") for what, command in rulebook.found.missing]
    key = ' -H "Authorization: Bearer $KEY"' if box.keyring.keys else ""
    question = _question(state.backends.values())
    chat = f'{{"model": "auto", "messages": [{{"role": "user", "content": "{question}"}}]}}'
    lines += [
        "",
        "  Try",
        f"    curl {root}/v1/chat/completions{key} -d '{chat}'",
        f"    echo '{chat}' | {_command()} explain -",
        "",
    ]
    return "\n".join(lines)


def _backends(backends: Iterable[Backend], paint: Callable[..., str]) -> list[str]:
    rows = [_row(backend) for backend in backends]
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = []
    for name, word, where, about in rows:
        mark, style = {"up": ("●", "green"), "down": ("○", "red")}.get(word, ("◌", "yellow"))
        painted = paint(f"{mark} {word:<{widths[1]}}", style)
        lines.append(f"  {painted}  {name:<{widths[0]}}  {where:<{widths[2]}}  {about}".rstrip())
    return lines


def _row(backend: Backend) -> tuple[str, str, str, str]:
    facts = backend.facts
    word = {True: "up", False: "down", None: "starting"}[facts.up]
    return facts.name, word, _where(backend), facts.fault or "" if facts.up is False else _about(facts)


def _where(backend: Backend) -> str:
    spec = getattr(backend, "spec", None)
    if isinstance(spec, HttpBackend):
        return shown(spec.url)
    if isinstance(spec, LitellmBackend):
        return f"litellm {spec.model}"
    if isinstance(spec, GgufBackend):
        return spec.path
    if isinstance(spec, WorldBackend):
        return spec.checkpoint or "a world model of a switch yard, shipped here"
    return backend.facts.kind


def _question(backends: Iterable[Backend]) -> str:
    """What to try first: a greeting, or where only a world model is here, what it knows."""
    specs = [getattr(backend, "spec", None) for backend in backends]
    return YARD if specs and all(isinstance(spec, WorldBackend) for spec in specs) else "Say hello"


def _about(facts: Facts) -> str:
    parts = [facts.model or ", ".join(facts.models[:2]) + (" …" if len(facts.models) > 2 else "")]
    if facts.context:
        more = facts.trained is not None and facts.trained > facts.context
        parts.append(f"{facts.context:,}{f' of {facts.trained:,}' if more else ''} tokens")
    if facts.accepts != {"text"}:
        parts.append("+".join(sorted(facts.accepts - {"text"})))
    return "  ".join([*filter(None, parts), *facts.notes])


def _command() -> str:
    """`signalbox` as it can be typed here: on the PATH or not."""
    if shutil.which("signalbox"):
        return "signalbox"
    return os.path.relpath(Path(sys.executable).parent / "signalbox")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
