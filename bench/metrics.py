"""`python -m bench.metrics`: what counting one request costs. Microseconds of one core, the least of five runs.

`--write` puts the table into bench/metrics-results.md.
"""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path

from bench.report import machine, number, table
from router.accounts.bills import Bills
from router.config.backend import HttpBackend, Price
from router.config.schema import Rules
from router.telemetry.conventions import Provider
from router.telemetry.log import as_json, as_text
from router.telemetry.metrics import Metrics
from router.telemetry.record import Attempt, Record

TIMES = 20_000
RESULTS = Path(__file__).parent / "metrics-results.md"
USAGE = {"prompt_tokens": 2006, "completion_tokens": 300, "prompt_tokens_details": {"cached_tokens": 1920}}


LIBRARY = """
import timeit
from prometheus_client import Counter, Histogram
from router.telemetry.metrics import SECONDS
counter = Counter("a", "A counter.", ("label",)).labels("x")
histogram = Histogram("b", "A histogram.", ("label",), buckets=SECONDS).labels("x")
for title, update in (("counter", counter.inc), ("histogram", lambda: histogram.observe(0.3))):
    print(title, 1e6 * min(timeit.repeat(update, number=20000, repeat=5)) / 20000, sep="\\t")
"""
"""The same numbers, looked up before, counted by the library."""


def record() -> Record:
    """A streamed answer of a priced backend, not yet settled."""
    made = Record("1", "/v1/chat/completions", 1.0, key="me", harness="aider", route="code", backend="b", model="m")
    made.stream, made.status, made.decided, made.asked, made.first, made.ended = True, 200, 1.1, 1.2, 2.0, 3.0
    made.read, made.answered, made.received = 1.05, 1.9, 2.99
    made.attempts = [Attempt("b", model="m", asked=1.2, answered=1.9, ended=3.0)]
    made.usage = USAGE
    return made


def _traces(settled: Record) -> dict[str, Callable[[], object]]:
    """Beginning and ending a trace, where the extra is installed; the export has a thread of its own."""
    try:
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        from router.telemetry.spans import Spans
    except ImportError:
        return {}
    exporter = InMemorySpanExporter()
    exporter.shutdown()  # keeps nothing
    spans = Spans(lambda _: Provider("openai", "api.openai.com", 443), {}, exporter)

    def trace() -> None:
        settled.trace = spans.begin([])
        settled.trace.asked({"temperature": 0.5}, "auto", "session", False)
        settled.trace.onward([])
        spans.end(settled)

    return {"a trace": trace}


def _each(work: Callable[[], object]) -> float:
    return 1e6 * min(timeit.repeat(work, number=TIMES, repeat=5)) / TIMES


def main() -> None:
    """Print the table."""
    backend = HttpBackend(url="http://127.0.0.1:1/v1", price=Price(input=2.0, output=8.0, cached=0.2))
    bills, metrics = Bills(Rules(version=1, backends={"b": backend})), Metrics()
    settled = record()
    bills.settle(settled)
    metrics.count(settled)

    def settle() -> None:
        settled.tokens = settled.cost = None
        bills.settle(settled)

    works = {
        "tokens and money": settle,
        "metrics": lambda: metrics.count(settled),
        "a line of the log as text": lambda: as_text(1e9, settled),
        "as JSON": lambda: as_json(1e9, settled),
        **_traces(settled),
    }
    rows = [[f"{title}, a request", number(_each(work))] for title, work in works.items()]
    cell = metrics.duration.cell("code", "b")
    rows.append(["one counter", number(_each(lambda: metrics.reloads.add("applied")))])
    rows.append(["one histogram", number(_each(lambda: metrics.duration.observe(cell, 0.3)))])
    for title, environment in {"in one process": {}, "in several": {"PROMETHEUS_MULTIPROC_DIR": "folder"}}.items():
        with tempfile.TemporaryDirectory() as folder:
            said = {**os.environ, **dict.fromkeys(environment, folder)}
            done = subprocess.run([sys.executable, "-c", LIBRARY], env=said, capture_output=True, text=True, check=True)
        for line in done.stdout.splitlines():
            what, _, cost = line.partition("\t")
            rows.append([f"one {what} of prometheus_client, {title}", number(float(cost))])
    page = min(timeit.repeat(lambda: metrics.page([]), number=20, repeat=3)) / 20
    rows.append(["the page, a scrape", number(1e6 * page)])
    text = (
        f"# What counting costs\n\n{datetime.date.today()} · {machine()}\nPython {platform.python_version()}. "
        f"`python -m bench.metrics`: microseconds of one core, the least of five runs of {TIMES:,}.\n\n"
        + table(["", "µs"], rows)
        + "\n"
    )
    print(text)
    if "--write" in sys.argv[1:]:
        RESULTS.write_text(text)


if __name__ == "__main__":
    main()
