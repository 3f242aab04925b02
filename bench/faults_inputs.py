"""Bad inputs by the thousand: at the API by schemathesis, at the parsers by Hypothesis and a coverage-guided fuzzer."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from bench.faults_doors import doors
from bench.report import table
from tests.faults.alive import Watched, watched
from tests.faults.backend import backend_process
from tests.faults.seeds import SEEDS, mutated
from tests.faults.targets import TARGETS

__all__ = ["bad_inputs"]

EXAMPLES = 60
"""Of each operation, in the phase that looks for more than the corners."""
DRAWN = 1500
"""By Hypothesis, of each target."""
FUZZED = 10_000
"""By the fuzzer, of each target."""
SLOWEST = 5.0
"""Seconds that an answer, or one input of a parser, may take."""
RULES = """
version: 1
backends: {{good: {{url: "{url}", model: m, price: 0, accepts: [text, image, audio, file]}}}}
routes:
  - {{name: titles, when: {{task: [title, summary]}}, to: good}}
  - {{name: long, when: {{any: [{{tokens: "> 1000"}}, {{tools: true}}, {{json: true}}, {{turns: "> 3"}}]}}, to: good}}
  - {{name: words, when: {{text: "fix|bug", language: [python, rust], image: false}}, to: good, cache: 1m}}
  - {{name: all, to: good}}
"""


def bad_inputs() -> tuple[str, bool]:
    """All of them; a missing tool is told."""
    rows, fine = [], True
    with backend_process("good") as backend, watched(RULES.format(url=backend.ports["good"])) as proxy:
        before = proxy.alive()
        for title, schema in (("the pages", None), ("the doors", doors())):
            row, well = _api(proxy, title, schema)
            rows.append(row)
            fine = fine and well
        left = proxy.left_behind(before, 10)
    for name in TARGETS:
        for kind, measure in (("Hypothesis", _drawn), ("atheris", _fuzzed)):
            count, took, fault = measure(name)
            rows.append([f"`{name}`, {kind}", f"{count:,}", fault or "0", f"{took:.0f} s"])
            fine = fine and not fault and count > 0
    count = sum(int(row[1].replace(",", "")) for row in rows)
    text = table(["fed with", "inputs", "500, other exceptions, or longer than 5 s", "took"], rows)
    text += f"\n\n{count:,} inputs altogether. Left behind in the proxy: {left or 'nothing'}."
    return text, fine and not left and count >= 10_000


def _api(proxy: Watched, title: str, schema: object) -> tuple[list[str], bool]:
    """By schemathesis, from the schema given or from the proxy's own."""
    program = shutil.which("schemathesis", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        return [f"{title}, schemathesis", "0", "schemathesis is not installed", "–"], False
    with tempfile.TemporaryDirectory() as folder:
        file, report = Path(folder, "schema.json"), Path(folder, "report.json")
        file.write_text(json.dumps(schema) if schema else proxy.proxy.get("/openapi.json")[1])
        command = [program, "run", str(file), "--url", proxy.proxy.root, "--checks", "not_a_server_error"]
        command += ["--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--seed", "1"]
        command += [
            "--request-timeout",
            str(SLOWEST),
            "--max-response-time",
            str(SLOWEST),
            "--continue-on-failure",
            "--no-shrink",
        ]
        command += ["--suppress-health-check", "all", "--report", "json", "--report-json-path", str(report)]
        began = time.monotonic()
        done = subprocess.run([*command, "--no-color"], capture_output=True, text=True, cwd=folder, check=False)
        took = time.monotonic() - began
    found = re.findall(r"(\d[\d,]*) (?:generated|found \d+ unique failures)", done.stdout)
    count = int(found[-1].replace(",", "")) if found else 0
    fault = "" if done.returncode == 0 else done.stdout[-1500:]
    if fault:
        print(done.stdout[-4000:], file=sys.stderr)
    return [f"{title}, schemathesis", f"{count:,}", "0" if not fault else "see above", f"{took:.0f} s"], not fault


def _drawn(name: str) -> tuple[int, float, str]:
    """By Hypothesis, seeds spoiled and bytes from nothing."""
    count = [0]

    @seed(1)
    @settings(
        max_examples=DRAWN,
        deadline=1000 * SLOWEST,
        database=None,
        phases=[Phase.generate, Phase.target, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(said=st.binary(max_size=2000) | mutated(SEEDS[name]))
    def play(said: bytes) -> None:
        count[0] += 1
        TARGETS[name](said)

    began, fault = time.monotonic(), ""
    try:
        play()
    except Exception as error:
        fault = f"{type(error).__name__}: {str(error)[:200]}"
    return count[0], time.monotonic() - began, fault


def _fuzzed(name: str) -> tuple[int, float, str]:
    """By atheris, with the seeds as its corpus."""
    with tempfile.TemporaryDirectory() as folder:
        for number, said in enumerate(SEEDS[name]):
            Path(folder, str(number)).write_bytes(b"\0" + said)
        command = [sys.executable, "-m", "tests.faults.fuzz", name, f"-runs={FUZZED}", "-seed=1", "-max_len=4096"]
        began = time.monotonic()
        done = subprocess.run(
            [*command, f"-artifact_prefix={folder}/", folder], capture_output=True, text=True, check=False
        )
    found = re.search(r"Done (\d+) runs", done.stderr)
    fault = "" if done.returncode == 0 and found else done.stderr[-600:]
    return int(found[1]) if found else 0, time.monotonic() - began, fault
