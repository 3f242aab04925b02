"""From runs to tables: medians over the rounds, ratios within each round, and the targets."""

from __future__ import annotations

import datetime
import os
import platform
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.cases import CASES
from bench.load import Figure
from bench.stacks import version

__all__ = ["CONNECTIONS", "Results", "machine", "markdown", "number", "table"]

CONNECTIONS = (1, 32)
_TITLES = {
    "direct": "direct",
    "nginx": "nginx `proxy_pass`",
    "litellm": "LiteLLM proxy",
    "signalbox": "**Signalbox**",
    "signalbox-task": "Signalbox, with a `task` rule",
}
_CORE_FULL = 0.85


@dataclass(slots=True)
class Results:
    """Everything that was measured; `runs` is by case, connections and stack, one figure a round."""

    command: str
    method: str
    stacks: list[str]
    runs: dict[tuple[str, int, str], list[Figure]] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)
    """Seconds from process start to the first answer, median of the starts."""
    memory: dict[str, float] = field(default_factory=dict)
    """Megabytes after the load."""
    faults: list[str] = field(default_factory=list)

    def median(self, key: tuple[str, int, str], value: Callable[[Figure], float]) -> float | None:
        """Over the rounds; None when it was not measured or a round failed."""
        runs = self.runs.get(key, [])
        return statistics.median(map(value, runs)) if runs and not any(run.fault for run in runs) else None

    def against(self, key: tuple[str, int, str], other: str, value: Callable[[Figure, Figure], float]) -> float | None:
        """Median of what is computed from this stack's and another's run of the same round."""
        mine, theirs = self.runs.get(key, []), self.runs.get((key[0], key[1], other), [])
        if not mine or len(mine) != len(theirs) or any(run.fault for run in mine + theirs):
            return None
        return statistics.median(map(value, mine, theirs))

    def ratio(self, key: tuple[str, int, str], other: str) -> float | None:
        """Answers per second against another stack's."""
        return self.against(key, other, lambda mine, theirs: mine.rate / theirs.rate)

    def added(self, key: tuple[str, int, str]) -> float | None:
        """Milliseconds at the median over the direct way."""
        return self.against(key, "direct", lambda mine, theirs: mine.p50 - theirs.p50)


def number(value: float | None, unit: str = "") -> str:
    """Three digits that mean something; a dash for what was not measured."""
    if value is None:
        return "–"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}{unit}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Markdown; all columns but the first are figures."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _targets(results: Results) -> str:
    small, stream = ("small", 32, "signalbox"), ("stream", 32, "signalbox")
    rows: list[tuple[str, float | None, str, float, str]] = [
        ("small requests/s, times LiteLLM's", results.ratio(small, "litellm"), "≥", 150, "×"),
        ("streams/s, times LiteLLM's", results.ratio(stream, "litellm"), "≥", 60, "×"),
        ("small requests/s, times nginx's", results.ratio(small, "nginx"), "≥", 0.3, "×"),
        (
            "added latency, small request, one connection, p50",
            results.added(("small", 1, "signalbox")),
            "<",
            0.3,
            " ms",
        ),
        ("process start to first answer", results.ready.get("signalbox"), "<", 1, " s"),
        ("resident memory after the load", results.memory.get("signalbox"), "<", 80, " MB"),
    ]
    lines = []
    for title, value, sign, bound, unit in rows:
        if value is None:
            verdict = "not measured"
        else:
            verdict = "reached" if (value >= bound if sign == "≥" else value < bound) else "**not reached**"
        lines.append([title, f"{sign} {bound:g}{unit}", number(value, unit), verdict])
    return table(["target", "wanted", "measured", ""], lines)


def _case(results: Results, name: str) -> str:
    noun = CASES[name].noun
    head = ["stack", f"{noun}/s at 32", "p50 ms", "p99 ms", "× LiteLLM", "× nginx", "CPU µs each"]
    head += [f"{noun}/s at 1", "p50 ms", "p99 ms", "added p50 ms"]
    rows = []
    for stack in results.stacks:
        many, one = (name, 32, stack), (name, 1, stack)
        own = stack != "direct"
        busy = results.median(many, lambda run: run.busy)
        idle = "\\*" if own and busy is not None and busy < _CORE_FULL else ""
        row = [_TITLES[stack], number(results.median(many, lambda run: run.rate)) + idle]
        row += [number(results.median(many, lambda run: run.p50)), number(results.median(many, lambda run: run.p99))]
        row += [number(results.ratio(many, "litellm")), number(results.ratio(many, "nginx"))]
        row += [number(results.median(many, lambda run: run.cpu) if own else None)]
        row += [number(results.median(one, lambda run: run.rate)), number(results.median(one, lambda run: run.p50))]
        row += [number(results.median(one, lambda run: run.p99)), number(results.added(one) if own else None)]
        rows.append(row)
    return f"## {CASES[name].title}\n\n{table(head, rows)}"


def _faults(results: Results) -> list[str]:
    found = list(results.faults)
    for (case, connections, stack), runs in results.runs.items():
        found += [f"{stack}, {case}, {connections} connections: {run.fault}" for run in runs if run.fault]
    return found


def machine() -> str:
    """Cores, processor, memory and kernel in one line."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{os.cpu_count()} cores, {name}, {memory:.0f} GiB, Linux {platform.release()}"


def _versions(results: Results) -> str:
    names = [name for name in results.stacks if name not in ("direct", "signalbox-task")]
    parts = [f"{name} {version(name)}" for name in [*names, "uvicorn", "uvloop", "httptools"]]
    return ", ".join([f"Python {platform.python_version()}", *parts])


def markdown(results: Results) -> str:
    """The whole report."""
    faults = _faults(results)
    weights = [
        [_TITLES[name], number(results.ready.get(name)), number(results.memory.get(name))]
        for name in results.stacks
        if name != "direct"
    ]
    parts = [
        "# Measured side by side",
        f"{datetime.date.today()} · {machine()}\n{_versions(results)}\n`{results.command}`: {results.method}",
        "How, and what these figures do not say: [README.md](README.md).",
        "\n".join(["**Not valid:**", "", *[f"- {fault}" for fault in faults]]) if faults else "",
        "## Targets\n\n" + _targets(results) if "signalbox" in results.stacks else "",
        *[_case(results, name) for name in CASES if any(key[0] == name for key in results.runs)],
        "\\* The stack's core was not full: the load or the upstream was the limit. Compare the CPU time.",
        "## Start and memory\n\n" + table(["stack", "ready after s", "MB after the load"], weights),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
