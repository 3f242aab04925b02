"""`signalbox models`: what clients may name, and how fast and how good the backends behind it are."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from router.accounts.bills import Bills
from router.api.models import model_list
from router.backends.contract import Backend
from router.backends.registry import build
from router.box import State
from router.config.facts import Facts
from router.config.problems import RulesError, did_you_mean
from router.quality.asking import CHAT, Asker
from router.quality.bench import PARTS, Part, Result, bench
from router.quality.report import report
from router.routing.rulebook import Rulebook, open_rules

__all__ = ["arguments", "run"]

LOOK = 4.0
"""Seconds that servers get to say what they are, for the list."""
LOAD = 300.0
"""Seconds that a model in process, or LiteLLM, gets to be ready."""
HEAD = ("name", "model", "context", "takes", "state")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The list, or the benchmark and which backends."""
    parser.add_argument("--rules", type=Path, metavar="FILE", help="the rules file (default: as `serve` finds it)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(what=None)
    what = parser.add_subparsers(dest="what", metavar="bench")
    measured = what.add_parser("bench", help="measure speed, and check quality with small tasks")
    measured.add_argument("backends", nargs="*", metavar="BACKEND", help="which (default: all that cost nothing)")
    measured.add_argument("--rules", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="the rules file")
    measured.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    measured.add_argument("--only", action="append", choices=PARTS, help="a part of it; repeatable")
    measured.add_argument("--run-code", action="store_true", help="run the programs that the models write, fenced in")
    measured.add_argument("--paid", action="store_true", help="ask backends as well that cost money")
    measured.add_argument("--probe-context", action="store_true", help="fill nine tenths of the context, and look")


def run(args: argparse.Namespace) -> int:
    """0; 1 when a backend could not be measured, 2 for wrong usage or rules that cannot be used, 130 at Ctrl-C."""
    try:
        rulebook = open_rules(args.rules, os.environ)
        chosen = _chosen(rulebook, args) if args.what == "bench" else ()
    except RulesError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if args.what is None:
        return asyncio.run(_list(rulebook, args.json))
    if not chosen:
        print("No backend is left to measure: name one, or say --paid.", file=sys.stderr)
        return 2
    return asyncio.run(_measure(rulebook, chosen, args))


async def _list(rulebook: Rulebook, as_json: bool) -> int:
    http = [name for name, facts in rulebook.facts.items() if facts.kind == "http"]
    async with _running(rulebook, http) as backends:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK):
                while any(backend.facts.up is None for backend in backends.values()):
                    await asyncio.sleep(0.02)
        told = model_list(State(rulebook, backends, rulebook.facts, False, frozenset(), Bills(rulebook.rules)))
    if as_json:
        print(told.decode())
    else:
        print("\n".join(_lines([HEAD, *(_row(entry, rulebook.facts) for entry in orjson.loads(told)["data"])])))
    return 0


def _row(entry: dict[str, Any], facts: dict[str, Facts]) -> tuple[str, ...]:
    known = facts.get(entry.get("backend", ""))
    context = entry.get("context_length")
    takes = [*entry["input_modalities"], *(name for name in ("tools", "json_schema") if entry["capabilities"][name])]
    model = (known.model or next(iter(known.models), "")) if known is not None else "as the rules decide"
    return (entry["id"], model, f"{context:,}" if context else "not told", " ".join(takes), _state(known))


def _state(facts: Facts | None) -> str:
    if facts is None:
        return ""
    if facts.up is None:
        return "not asked"
    return "up" if facts.up else f"down: {facts.fault}"


def _lines(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _chosen(rulebook: Rulebook, args: argparse.Namespace) -> tuple[str, ...]:
    """The backends to measure. Raises ValueError with a sentence."""
    facts, aliases = rulebook.facts, rulebook.rules.aliases
    names = tuple(dict.fromkeys(aliases.get(name, name) for name in args.backends)) or tuple(facts)
    for name in names:
        if name not in facts:
            hint = did_you_mean(name, facts) or f"there are {', '.join(facts) or 'none'}"
            raise ValueError(f'no backend is called "{name}": {hint}')
    chatting = tuple(name for name in names if facts[name].endpoints is None or CHAT in (facts[name].endpoints or ()))
    for name in names:
        if args.backends and name not in chatting:
            raise ValueError(f'"{name}" does not chat, and nothing else is measured')
    left = tuple(name for name in chatting if args.paid or facts[name].free or facts[name].private)
    if passed_over := [name for name in chatting if name not in left]:
        told = "costs money, or may" if len(passed_over) == 1 else "cost money, or may"
        print(f"{', '.join(passed_over)} {told}: left out without --paid.", file=sys.stderr)
    return left


async def _measure(rulebook: Rulebook, names: Sequence[str], args: argparse.Namespace) -> int:
    parts: Collection[Part] = args.only or PARTS
    if "coding" in parts and not args.run_code:
        parts = [part for part in parts if part != "coding"]
        print("The coding tasks are left out: they run what the models write. --run-code does that.", file=sys.stderr)
    results: list[Result] = []
    work = asyncio.create_task(_each(rulebook, names, parts, args.probe_context, results))
    with _interruptible(work):
        await asyncio.wait({work})
    _clear()
    if args.json:
        print(json.dumps({"results": [result.as_dict() for result in results], "complete": not work.cancelled()}))
    else:
        print(report(results))
    if work.cancelled():
        return 130
    work.result()
    return 1 if any(result.fault is not None for result in results) else 0


async def _each(
    rulebook: Rulebook, names: Sequence[str], parts: Collection[Part], probe: bool, results: list[Result]
) -> None:
    """One after the other: two at once would measure each other."""
    for name in names:
        _progress(f"{name}: getting ready")
        async with _running(rulebook, [name]) as backends:
            backend = backends[name]
            result = Result(name, backend.facts.model or "", None)
            results.append(result)
            result.fault = await _ready(backend)
            result.context = backend.facts.context
            if result.fault is None:
                asker = Asker(backend, rulebook.rules.backends[name])
                result.model = asker.model
                await bench(asker, parts, probe, _progress, result)


async def _ready(backend: Backend) -> str | None:
    """Wait until it can be asked; why it cannot be."""
    try:
        async with asyncio.timeout(LOAD if backend.facts.kind != "http" else LOOK):
            while backend.facts.up is None:
                await asyncio.sleep(0.02)
    except TimeoutError:
        return None if backend.facts.kind == "http" else "it was not ready in time"
    return None if backend.facts.up else backend.facts.fault or "it is down"


@contextlib.asynccontextmanager
async def _running(rulebook: Rulebook, names: Sequence[str]) -> AsyncIterator[dict[str, Backend]]:
    """These backends, built as the server builds them."""
    specs = rulebook.rules.backends
    backends = {name: build(name, specs[name], rulebook.facts[name]) for name in names}
    try:
        for backend in backends.values():
            await backend.start()
        yield backends
    finally:
        for backend in backends.values():
            await backend.close()


@contextlib.contextmanager
def _interruptible(work: asyncio.Task[None]) -> Iterator[None]:
    """Ctrl-C ends the work and keeps what it found."""
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signal.SIGINT, work.cancel)
    except NotImplementedError:  # Windows
        yield
        return
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _progress(words: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{words}", end="", file=sys.stderr, flush=True)


def _clear() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
