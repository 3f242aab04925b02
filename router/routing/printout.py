"""The explanation of a decision as a person reads it in a terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from router.routing.decision import DIRECT
from router.routing.plan import Plan

__all__ = ["Style", "printout"]

VALUE_WIDTH = 72
"""Characters of one value."""
WANTED_WIDTH = 34
"""Columns for what a condition wants, before what was found."""


class Style:
    """Colours for a terminal, or none: not in a file or a pipe, and not where `NO_COLOR` is set (no-color.org)."""

    def __init__(self, colour: bool):
        self.colour = colour

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str] = os.environ) -> Style:
        """What this stream can show and its reader wants."""
        return cls(stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb")

    def bold(self, text: str) -> str:
        """For what the reader came for."""
        return self._coded(text, "1")

    def dim(self, text: str) -> str:
        """For what is only there to be complete."""
        return self._coded(text, "2")

    def good(self, text: str) -> str:
        """For what holds."""
        return self._coded(text, "32")

    def bad(self, text: str) -> str:
        """For what does not."""
        return self._coded(text, "31")

    def warn(self, text: str) -> str:
        """For what holds, and not as well as it could."""
        return self._coded(text, "33")

    def mark(self, ok: bool) -> str:
        """✓ or ✗."""
        return self.good("✓") if ok else self.bad("✗")

    def _coded(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text


def printout(plan: Plan, told: Mapping[str, Any], style: Style) -> str:
    """The text form of what `explain` returned for this plan; ends with a line break."""
    lines = [*_choice(told, style), "", *_rules(plan, told, style)]
    if told["candidates"]:
        by = "" if told["choice"] in (None, "order") else f" (choice: {told['choice']})"
        lines += ["", style.bold(f"Candidates, in order{by}"), *_candidates(told, style)]
    lines += ["", style.bold("Signals"), *_signals(told["signals"], style)]
    return "\n".join(lines) + "\n"


def _choice(told: Mapping[str, Any], style: Style) -> Iterator[str]:
    """One sentence: where it goes."""
    route, backend = told["route"], told["backend"]
    if not route:
        yield f"{style.bad('✗')} {style.bold('No route matches this request.')} A last route with only `to:` takes all."
    elif backend is None and route == DIRECT:
        named = style.bold(told["candidates"][0]["backend"])
        yield f"{style.bad('✗')} The request names {named}, which {style.bold('cannot take it')}."
    elif backend is None:
        yield f"{style.bad('✗')} {style.bold('No backend can take this request')} of route {style.bold(route)}."
    elif route == DIRECT:
        yield f"{style.good('→')} {style.bold(backend)}, because the request names it"
    else:
        yield f"{style.good('→')} {style.bold(backend)}, by route {style.bold(route)}"
        if (cache := told["cache"]) is not None:
            whose = "for everyone" if cache["scope"] == "everyone" else "for each client key its own"
            yield style.dim(f"  answers are kept for {cache['ttl']:g} s, {whose}; docs/cache.md tells which")
        if attempts := _attempts(told["attempts"], sum(candidate["ok"] for candidate in told["candidates"])):
            yield style.dim(f"  {attempts}; docs/attempts.md tells how")


def _attempts(said: Mapping[str, Any] | None, candidates: int) -> str:
    """What a route says of attempts beyond their order; "" when nothing."""
    if said is None:
        return ""
    parts = []
    if said["accept"] and candidates > 1:
        parts.append(f"only an answer that passes [{', '.join(said['accept'])}] counts, but for the last candidate's")
    if said["retries"]:
        parts.append(f"one that fails is asked {said['retries']} more {'time' if said['retries'] == 1 else 'times'}")
    if said["hedge"] is not None and candidates > 1:
        parts.append(f"the next is asked as well after {said['hedge']:g} s")
    if said["timeout"] is not None:
        parts.append(f"all within {said['timeout']:g} s")
    return "; ".join(parts)


def _rules(plan: Plan, told: Mapping[str, Any], style: Style) -> Iterator[str]:
    looked_at = told["rules"]
    yield style.bold("Routes, in order")
    if not plan.routes:
        yield style.dim("  there are none")
    width = max((len(condition["signal"]) for rule in looked_at for condition in rule["conditions"]), default=0)
    for rule in looked_at:
        yield f"  {style.mark(rule['matched'])} {style.bold(rule['name']) if rule['matched'] else rule['name']}"
        yield from _conditions(rule["conditions"], width, style)
    rest = plan.routes[len(looked_at) :]
    if rest:
        names = ", ".join(route.name for route in rest[:4]) + (", …" if len(rest) > 4 else "")
        yield style.dim(f"  · not looked at, as the first match decides: {names} ({_count(len(rest), 'route')})")
    named = plan.backend_of(told["signals"]["model"])
    if named is not None and told["route"] != DIRECT:
        yield style.dim(f"  · the request names {named}, which this route lists: it alone is asked")
    elif named is not None:
        yield style.dim(f"  · the request names {named}: it goes there, and the gates still hold")


def _conditions(conditions: list[dict[str, Any]], width: int, style: Style) -> Iterator[str]:
    if not conditions:
        yield style.dim("      always: it has no conditions")
    for condition in conditions:
        wanted, found = _value(condition["wanted"]), _value(condition["found"])
        head = f"      {style.mark(condition['ok'])} {condition['signal']:{width}}  "
        if len(wanted) <= WANTED_WIDTH:
            yield f"{head}wants {wanted:{WANTED_WIDTH}}  {style.dim('found')} {found}"
        else:
            yield f"{head}wants {wanted}"
            yield f"{' ' * (10 + width)}{style.dim('found')} {found}"


def _candidates(told: Mapping[str, Any], style: Style) -> Iterator[str]:
    width = max(len(candidate["backend"]) for candidate in told["candidates"])
    for candidate in told["candidates"]:
        chosen = candidate["backend"] == told["backend"]
        name = candidate["backend"].ljust(width)
        gate = f"{candidate['gate']}: " if candidate["gate"] else ""
        said = candidate["reason"] or ("chosen" if chosen else "if those before it fail")
        yield f"  {style.mark(candidate['ok'])} {style.bold(name) if chosen else name}  {style.dim(gate + said)}"
        if candidate["changed"]:
            yield style.dim(f"    {' ' * width}  changed for it: {', '.join(candidate['changed'])}")


def _signals(signals: Mapping[str, Any], style: Style) -> Iterator[str]:
    """Those that say something, each on a line, then the names of the others."""
    shown = {name: value for name, value in signals.items() if value not in (False, None, "", [], 0)}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        yield f"  {name:{width}}  {_value(value)}"
    silent = [name for name in signals if name not in shown]
    if silent:
        yield style.dim(f"  no, none or empty: {', '.join(silent)}")


def _value(value: Any) -> str:
    """As the YAML would have it, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "nothing"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return _cut(", ".join(f"{name}: {_value(each)}" for name, each in value.items()))
    if isinstance(value, list):
        listed = ", ".join(map(_value, value))
        return _cut(f"[{listed}]") if len(value) < 8 else f"{_cut(listed)} ({len(value)})"
    return _cut(" ".join(str(value).split())) or '""'


def _cut(text: str) -> str:
    """Without what would move the cursor; a client chose these characters."""
    printable = "".join(each if each.isprintable() else "�" for each in text[: VALUE_WIDTH + 1])
    return printable if len(text) <= VALUE_WIDTH else f"{printable[: VALUE_WIDTH - 1]}…"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
