"""The load: wrk on its core, and a look at single answers before and after it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.cases import Case
from bench.stacks import BENCH, KEY, LOAD_CORE, Stack, which

__all__ = ["Figure", "ask", "measure"]

PATIENCE = 30
"""Seconds after which an answer counts as missing; also the longest run."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One run: answers per second, milliseconds at two percentiles, microseconds of the stack's processor per answer.

    `fault` says why the figure does not count, None when it does.
    """

    rate: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    cpu: float = 0.0
    fault: str | None = None

    @property
    def busy(self) -> float:
        """Share of its core that the stack used."""
        return self.rate * self.cpu / 1e6


def ask(port: int, case: Case) -> str | None:
    """Send the case once; None for a right answer, else what is wrong with it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    try:
        connection.request("POST", "/v1/chat/completions", case.body, headers)
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {error!r}"
    finally:
        connection.close()
    return case.fault(text) if response.status == 200 else f"status {response.status}: {text[:200]}"


def measure(stack: Stack, case: Case, connections: int, seconds: int, body: Path) -> Figure:
    """Load one stack with one case (`body` is a file for its bytes) and look at an answer before and after.

    A stack too slow for ten answers on each connection is loaded again for four times as long: the answers that are
    cut off at the end would weigh too much against it.
    """
    body.write_bytes(case.body)
    if fault := ask(stack.port, case):
        return Figure(fault=fault)
    figure, answers = _wrk(stack, connections, seconds, body)
    if figure.fault is None and answers < 10 * connections:
        figure, _ = _wrk(stack, connections, min(4 * seconds, PATIENCE), body)
    if fault := figure.fault or ask(stack.port, case):
        return Figure(fault=fault)
    return figure


def _wrk(stack: Stack, connections: int, seconds: int, body: Path) -> tuple[Figure, int]:
    command = [which("taskset"), "-c", str(LOAD_CORE), which("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s"]
    command += [f"--timeout={PATIENCE}s", "-s", str(BENCH / "load.lua")]
    command += [f"http://127.0.0.1:{stack.port}/v1/chat/completions"]
    environment = os.environ | {"BENCH_BODY": str(body), "BENCH_KEY": KEY}
    before = stack.cpu()
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    used = stack.cpu() - before
    line = next((line for line in run.stdout.splitlines() if line.startswith("FIGURES ")), None)
    if line is None:
        return Figure(fault=f"wrk failed: {(run.stderr or run.stdout)[-200:]}"), 0
    data = json.loads(line.removeprefix("FIGURES "))
    answers = data["requests"]
    wrong = [f"{data[kind]} {kind}" for kind in ("refused", "broken", "late") if data[kind]]
    if wrong or not answers:
        return Figure(fault=f"of {answers} answers: {', '.join(wrong)}" if answers else "no answer came"), answers
    rate = answers / data["micros"] * 1e6
    return Figure(rate, data["p50"] / 1e3, data["p99"] / 1e3, used / answers * 1e6), answers
