"""`python -m bench.world`: several answers at once from one context, first tokens, and what a process each would cost;
then the proxy with a world model: its answers, what others notice of them, start and memory.

All figures of a run come from one machine in one go: whatever is compared is measured in turns.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import llama_cpp
import numpy as np

from bench.decoders import Asked, Decoder, speak, the_large, the_shipped
from bench.encoder import the_encoder
from bench.report import machine, number, table
from bench.world_proxy import beside_others, thread_or_child, through_the_proxy
from bench.world_weight import start_and_memory

BENCH = Path(__file__).parent
RESULTS = BENCH / "world-results.md"
AT_ONCE = (1, 2, 4, 8)
PARALLEL, QUEUED = 4, 8
SAMPLE = 4
"""Answers that a process each is started for, in one round."""
LONG = 384
"""Tokens of a beginning that several requests share."""


@dataclass(slots=True)
class Run:
    """One run of the bench: how often, on what, and what it found."""

    rounds: int
    folder: Path
    decoders: list[Decoder]
    sections: list[str] = field(default_factory=list)
    targets: list[list[str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def target(self, what: str, value: float, at_least: float) -> None:
        """Hold a ratio against what is wanted of it."""
        verdict = "reached" if value >= at_least else "**not reached**"
        self.targets.append([what, f"≥ {at_least:g}×", number(value, "×"), verdict])

    def section(self, title: str, said: str, head: list[str], rows: list[list[str]]) -> None:
        """A table with its heading, and the sentence that it is to be read with."""
        self.sections.append(f"## {title}\n\n{said}\n\n{table(head, rows)}")
        print(self.sections[-1] + "\n", flush=True)


def several_at_once(run: Run) -> None:
    """Tokens per second with 1, 2, 4 and 8 answers under way; the target ratios."""
    rows = []
    for decoder, wanted in zip(run.decoders, (1.5, 2.0, 2.0), strict=True):
        rates: dict[int, list[float]] = {count: [] for count in AT_ONCE}
        alone: list[list[int]] = []
        for turn in range(run.rounds):
            for count in AT_ONCE if turn % 2 else reversed(AT_ONCE):
                with decoder.crowd(count) as crowd:
                    spoken, took = speak(crowd, decoder.asked, count)
                said = [answer.tokens for answer in spoken]
                rates[count].append(sum(map(len, said)) / took)
                alone = said if count == 1 else alone
                if decoder.trained and alone and said != alone:
                    run.faults.append(f"{decoder.title}: {count} at once say other than one after the other")
        gains = {n: statistics.median(a / b for a, b in zip(rates[n], rates[1], strict=True)) for n in AT_ONCE}
        rows.append(
            [
                decoder.title,
                *(f"{number(statistics.median(rates[n]))} ({gains[n]:.2f}×)" for n in AT_ONCE),
            ]
        )
        run.target(f"{decoder.title}: tokens/s of 4 at once, times one after the other", gains[4], wanted)
    run.section(
        "Several at once",
        "Tokens per second, prompts included; in brackets the median over the rounds of that round's gain. One context "
        "and one thread compute.",
        ["decoder", "one after the other", "2 at once", "4 at once", "8 at once"],
        rows,
    )


def queue(run: Run) -> None:
    """Eight asked for at the same moment, room for four: how long each waits for its first token."""
    rows = []
    for decoder in run.decoders:
        firsts, wholes = [], []
        for turn in range(run.rounds):
            start = turn * QUEUED % len(decoder.asked)
            with decoder.crowd(PARALLEL) as crowd:
                speak(crowd, decoder.asked[:1], 1)
                spoken, _ = speak(crowd, decoder.asked[start : start + QUEUED], QUEUED)
            firsts.append([1e3 * answer.first for answer in spoken])
            wholes.append([1e3 * answer.whole for answer in spoken])
        median = np.median(firsts, axis=0)
        slowest = np.median(wholes, axis=0)[:PARALLEL].max()
        rows.append([decoder.title, *(number(ms) for ms in (median[:4].max(), *median[4:], slowest))])
    run.section(
        "First token of a queued request",
        f"{QUEUED} requests at the same moment, {PARALLEL} sequences: milliseconds to the first token, medians over "
        "the rounds. The queue is first come first served: a request waits for one of those before it to end.",
        ["decoder", "1st to 4th, slowest", "5th", "6th", "7th", "8th", "whole answer of the first four, slowest"],
        rows,
    )


def one_batch(run: Run) -> None:
    """Prefix and prompt as rows of one batch, against a decode for the prefix and one for the prompt."""
    decoder = run.decoders[0]
    firsts: dict[bool, list[float]] = {True: [], False: []}
    rates: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(2 * run.rounds):
        for together in (True, False) if turn % 2 else (False, True):
            with decoder.crowd(PARALLEL, one_batch=together) as crowd:
                spoken, _ = speak(crowd, decoder.asked, 1)
                firsts[together].append(1e3 * statistics.median(answer.first for answer in spoken))
                spoken, took = speak(crowd, decoder.asked, PARALLEL)
                rates[together].append(sum(len(answer.tokens) for answer in spoken) / took)
    run.section(
        "Prefix and prompt",
        f"{decoder.title}; medians over the rounds. The first token is that of a request alone.",
        ["", "first token, ms", f"tokens/s, {PARALLEL} at once"],
        [
            [
                "in one batch" if together else "in two decodes",
                number(statistics.median(firsts[together])),
                number(statistics.median(rates[together])),
            ]
            for together in (True, False)
        ],
    )


def reuse(run: Run) -> None:
    """A long beginning that was computed for another request, against one that was not."""
    decoder = run.decoders[-1]
    rng = np.random.default_rng(1)
    words = decoder.model.n_vocab - 300

    def asked(beginning: np.ndarray) -> list[Asked]:
        end = rng.integers(words, size=8)
        return [Asked([*decoder.model.beginning(), *(300 + np.concatenate([beginning, end])).tolist()], None, 4)]

    found: dict[bool, list[float]] = {True: [], False: []}
    cached: dict[bool, int] = {}
    shared = rng.integers(words, size=LONG)
    with decoder.crowd(PARALLEL) as crowd:
        speak(crowd, asked(shared), 1)
        for _ in range(run.rounds):
            for again in (False, True):
                spoken, _ = speak(crowd, asked(shared if again else rng.integers(words, size=LONG)), 1)
                found[again].append(1e3 * spoken[0].first)
                cached[again] = spoken[0].cached
    run.section(
        "An equal beginning",
        f"{decoder.title}; a prompt of {LONG + 9} tokens, of which the first {LONG + 1} were computed for another.",
        ["", "positions taken over", "first token, ms"],
        [
            [name, str(cached[again]), number(statistics.median(found[again]))]
            for again, name in ((False, "a new beginning"), (True, "an equal one"))
        ],
    )


def a_process_each(run: Run) -> None:
    """The same answers from a C program that is started for each of them, one after the other."""
    program = compiled(run)
    if program is None:
        return
    rows = []
    for decoder in run.decoders:
        some = decoder.asked[:SAMPLE]
        here, there = [], []
        for _ in range(run.rounds):
            begin = perf_counter()
            said = [ask_a_process(run, program, decoder, one) for one in some]
            there.append(1e3 * (perf_counter() - begin) / len(some))
            with decoder.crowd(1) as crowd:
                spoken, took = speak(crowd, some, 1)
            here.append(1e3 * took / len(some))
            if decoder.trained and said != [answer.tokens for answer in spoken]:
                run.faults.append(f"{decoder.title}: a process says other than the crowd")
        gain = statistics.median(a / b for a, b in zip(there, here, strict=True))
        rows.append([decoder.title, *(number(statistics.median(ms)) for ms in (there, here)), number(gain, "×")])
    run.section(
        "Against a process for each request",
        "Milliseconds of a whole answer, one after the other. The process is [one_answer.c](one_answer.c), compiled "
        "against the same library: it loads the file from a warm disk cache, computes, and ends. What a real server "
        "does besides is not in it, so the difference is the least that it can be.",
        ["decoder", "a process each", "one context", ""],
        rows,
    )


def compiled(run: Run) -> Path | None:
    """The program, in the run's folder; None, and a fault, where it cannot be compiled."""
    package = Path(llama_cpp.__file__).parent
    program = run.folder / "one_answer"
    flags = ["-O2", f"-I{package.parent / 'include'}", f"-L{package / 'lib'}", f"-Wl,-rpath,{package / 'lib'}"]
    command = ["cc", str(BENCH / "one_answer.c"), *flags, "-lllama", "-o", str(program)]
    try:
        made = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        run.faults.append("there is no C compiler: a process for each request was not measured")
        return None
    if made.returncode:
        run.faults.append(f"one_answer.c does not compile here: {made.stderr.strip().splitlines()[0]}")
        return None
    return program


def ask_a_process(run: Run, program: Path, decoder: Decoder, one: Asked) -> list[int]:
    """Start the program for one answer: its tokens."""
    prefix = "-"
    if one.prefix is not None:
        prefix = str(run.folder / "prefix")
        one.prefix.tofile(prefix)
    command = [str(program), str(decoder.path), prefix, str(one.limit), *map(str, one.prompt)]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode:
        run.faults.append(f"{decoder.title}: {answer.stderr.strip() or 'the process failed'}")
    return [int(token) for token in answer.stdout.split()]


MEASURED = (
    *(several_at_once, queue, one_batch, reuse, a_process_each),
    *(through_the_proxy, beside_others, thread_or_child, start_and_memory, the_encoder),
)


def _markdown(run: Run, command: str) -> str:
    faults = "\n".join(["**Not valid:**", "", *(f"- {fault}" for fault in dict.fromkeys(run.faults))])
    method = f"`{command}`: {run.rounds} rounds, what is compared in turns."
    parts = [
        "# The world model served, measured",
        f"{datetime.date.today()} · {machine()}\nPython {platform.python_version()}, llama-cpp-python "
        f"{llama_cpp.__version__}\n{method}",
        faults if run.faults else "",
        "## Targets\n\n" + table(["target", "wanted", "measured", ""], run.targets) if run.targets else "",
        *run.sections,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def main() -> int:
    """Measure, print, and write world-results.md when everything was measured; 1 when a figure is not valid."""
    known = {measure.__name__: measure for measure in MEASURED}
    parser = argparse.ArgumentParser(prog="python -m bench.world", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured (default 5)")
    parser.add_argument("--only", choices=known, nargs="*", help="print these, write nothing")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-") as name:
        folder = Path(name)
        run = Run(args.rounds, folder, [the_shipped(), the_large(folder, "F16"), the_large(folder, "Q8_0")])
        for title, measure in known.items():
            if not args.only or title in args.only:
                measure(run)
        for decoder in run.decoders:
            decoder.model.close()
    text = _markdown(run, " ".join(["python -m bench.world", *sys.argv[1:]]))
    if not args.only:
        RESULTS.write_text(text)
    print("\n".join(run.faults) or ("written to bench/world-results.md" if not args.only else ""))
    return 1 if run.faults else 0


if __name__ == "__main__":
    sys.exit(main())
