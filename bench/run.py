"""`python -m bench.run`: Signalbox beside nginx, LiteLLM's proxy and no proxy at all, in one run on one machine."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.cases import CASES, Case
from bench.load import measure
from bench.report import CONNECTIONS, Results, markdown
from bench.stacks import BENCH, LOAD_CORE, STACKS, Stack, StackError

RESULTS = BENCH / "results.md"


def _names(known: tuple[str, ...]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := [name for name in chosen if name not in known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return [name for name in known if name in chosen]

    return parse


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of two seconds each: a rough look")
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured (default 3)")
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement (default 5)")
    parser.add_argument("--only", type=_names(STACKS), default=list(STACKS), metavar="STACK,…", help=", ".join(STACKS))
    parser.add_argument(
        "--cases", type=_names(tuple(CASES)), default=list(CASES), metavar="CASE,…", help=", ".join(CASES)
    )
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.seconds = 1, 2
    if args.rounds < 1 or args.seconds < 1:
        parser.error("at least one round and one second")
    return args


def _start(stack: Stack, times: int) -> float:
    """Start it that often and once before, uncounted, to fill caches; it stays running. Median seconds until ready."""
    took = []
    for _ in range(times + 1):
        stack.stop()
        took.append(stack.start())
    return statistics.median(took[1:])


def _end_with(exit: contextlib.ExitStack, stack: Stack) -> None:
    exit.callback(stack.stop)
    exit.callback(signal.signal, signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave servers behind


def _stacks(names: list[str], folder: Path, rounds: int, results: Results, exit: contextlib.ExitStack) -> list[Stack]:
    """The stacks that run now; one that does not start is told among the faults. `exit` ends them all."""
    upstream = Stack("direct", folder, 0, core=LOAD_CORE)
    _end_with(exit, upstream)
    upstream.start()
    running = [upstream]
    for name in names:
        if name == "direct":
            continue
        print(f"starting {name} …", flush=True)
        stack = Stack(name, folder, upstream.port)
        _end_with(exit, stack)
        try:
            results.ready[name] = _start(stack, rounds)
        except StackError as error:
            results.faults.append(f"{error}: {error.log.splitlines()[-1]}")
            print(error, error.log, sep="\n", file=sys.stderr)
            stack.stop()
        else:
            running.append(stack)
    return running


def _round(number: int, stacks: list[Stack], cases: list[Case], seconds: int, body: Path, results: Results) -> None:
    turn = number % len(stacks)
    for case in cases:
        for connections in CONNECTIONS:
            for stack in stacks[turn:] + stacks[:turn]:  # another order each round: noise that drifts hits all alike
                figure = measure(stack, case, connections, seconds, body)
                results.runs.setdefault((case.name, connections, stack.name), []).append(figure)
                told = f"{figure.rate:,.1f} {case.noun}/s, p50 {figure.p50:.3f} ms, p99 {figure.p99:.3f} ms"
                what = f"{number + 1}: {case.name}, {connections} connections, {stack.name}"
                print(f"{what}: {figure.fault or told}", flush=True)


def main() -> int:
    """Measure, print, and write results.md when everything was measured in full; 1 when a figure is not valid."""
    args = _arguments()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda *_: sys.exit(143))
    if (os.cpu_count() or 1) <= LOAD_CORE:
        print("bench: this needs two cores, one for the stack and one for load and upstream", file=sys.stderr)
        return 2
    setup = ["sh", str(BENCH / "setup.sh"), *(["litellm"] if "litellm" in args.only else [])]
    if subprocess.run(setup, env=os.environ | {"PYTHON": sys.executable}).returncode:
        return 2
    method = f"{args.rounds} round(s) of {args.seconds} s each, medians; ratios are medians of each round's ratio."
    results = Results(" ".join(["python -m bench.run", *sys.argv[1:]]), method, [n for n in STACKS if n in args.only])
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-") as name, contextlib.ExitStack() as exit:
        folder, cases = Path(name), [CASES[case] for case in args.cases]
        body = folder / "request.json"
        folder.chmod(0o755)  # nginx's worker is another user when we are root
        stacks = _stacks(args.only, folder, args.rounds, results, exit)
        measured = [stack for stack in stacks if stack.name in args.only]
        for stack in measured:  # bytecode, pools and lazy imports are warm before anything counts
            measure(stack, cases[0], CONNECTIONS[-1], 1, body)
        for number in range(args.rounds):
            _round(number, measured, cases, args.seconds, body, results)
        results.memory = {stack.name: stack.memory() for stack in measured if stack.name != "direct"}
    text = markdown(results)
    print("\n" + text)
    if args.quick or args.only != list(STACKS) or args.cases != list(CASES):
        print("a part of the measurement: bench/results.md stays as it is")
    else:
        RESULTS.write_text(text)
        print("written to bench/results.md")
    failed = results.faults or any(run.fault for runs in results.runs.values() for run in runs)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
