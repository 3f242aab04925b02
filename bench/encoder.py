"""What a Tofy's encoder costs: `python -m bench.encoder`.

Time of a prompt on one core and one BLAS thread, loading, and memory: two processes with the same checkpoint, of which
each has the weights in its address space and both together once in memory. Linux only, for /proc.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.report import number

if TYPE_CHECKING:  # it names this measure
    from bench.world import Run

__all__ = ["SIZES", "Figures", "figures", "main", "memory", "the_encoder"]

SIZES = {
    "usual": {"dim": 368, "layers": 4, "heads": 8, "bridge": 256, "vocab": 8000},
    "small": {"dim": 64, "layers": 2, "heads": 4, "bridge": 64, "vocab": 300},
}
PROMPTS = {"short": 12, "full": 128}
"""Words of a prompt."""
SECONDS = 3.0
"""Per figure."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one size. Times in milliseconds; memory as `memory` has it, of each of two processes."""

    import_ms: float
    """numpy's own import."""
    load_ms: float
    prompts: dict[str, dict[str, float]]
    """By the kind of prompt: p50 and p95."""
    checkpoint: float
    """MB on disk."""
    shares: list[dict[str, float]]


def main() -> None:
    """Print the figures of each size."""
    for name, size in SIZES.items():
        got = figures(size)
        print(f"{name}: width {size['dim']}, {size['layers']} layers, {size['heads']} heads, one core")
        print(f"  import numpy {got.import_ms:.0f} ms, load {got.load_ms:.1f} ms")
        for prompt, at in got.prompts.items():
            print(f"  {prompt} prompt, {PROMPTS[prompt]} tokens: p50 {at['p50']:.2f} ms, p95 {at['p95']:.2f} ms")
        _print_memory(got)


def the_encoder(run: Run) -> None:
    """For `bench.world`: the usual size."""
    got = figures(SIZES["usual"])
    one, two = got.shares
    row = [got.prompts["short"]["p50"], got.prompts["full"]["p50"], got.load_ms, got.import_ms]
    row += [one["file_rss"], one["file_pss"] + two["file_pss"]]
    run.section(
        "A Tofy's encoder, transition and bridge",
        f"At the usual size ({got.checkpoint:.1f} MB) on one core: milliseconds of a prompt of {PROMPTS['short']} and "
        f"of {PROMPTS['full']} tokens (medians), to load the files, and of numpy's own import; then MB of the "
        "checkpoint in the memory of one process, and of two together.",
        ["short prompt", "full prompt", "load", "import numpy", "in one process", "in two together"],
        [[number(value) for value in row]],
    )


def figures(size: dict[str, int]) -> Figures:
    """Write a random checkpoint of this size and measure it."""
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), size)
        processes = [_start(folder, size), _start(folder, size)]
        told = [_told(process) for process in processes]
        shares = [memory(process.pid, "model_world.safetensors") for process in processes]
        for process in processes[1:]:
            process.communicate("")
        prompts = {}
        for prompt, words in PROMPTS.items():
            _ask(processes[0], words)
            prompts[prompt] = _told(processes[0])
        processes[0].communicate("")
        checkpoint = Path(folder, "model_world.safetensors").stat().st_size / 2**20
        return Figures(told[0]["import_ms"], told[0]["load_ms"], prompts, checkpoint, shares)


def _write(folder: Path, size: dict[str, int]) -> None:
    from tests.world.checkpoints import write_checkpoint  # not above: a measured process imports numpy for itself

    write_checkpoint(folder, **size)


def _start(folder: str, size: dict[str, int]) -> subprocess.Popen[str]:
    """A process on one core; BLAS reads its number of threads when it is loaded."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "bench.encoder", folder, json.dumps(size)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def _told(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    told: dict[str, Any] = json.loads(process.stdout.readline())
    return told


def _ask(process: subprocess.Popen[str], words: int) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{words}\n")
    process.stdin.flush()


def memory(process: int, *files: str) -> dict[str, float]:
    """MB of a process: all of it, its share of all, and of the mapped files, whose paths end like this, the same and
    what is private of them."""
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    mapped, inside = {"Rss": 0, "Pss": 0, "Private_Clean": 0, "Private_Dirty": 0}, False
    for line in Path(f"/proc/{process}/smaps").read_text().splitlines():
        name, _, rest = line.partition(":")
        if "-" in name:  # an address range begins
            inside = line.endswith(files)
        elif inside and name in mapped:
            mapped[name] += int(rest.split()[0])
    return {
        "rss": _kilobytes(rollup, "Rss") / 1024,
        "pss": _kilobytes(rollup, "Pss") / 1024,
        "file_rss": mapped["Rss"] / 1024,
        "file_pss": mapped["Pss"] / 1024,
        "file_private": (mapped["Private_Clean"] + mapped["Private_Dirty"]) / 1024,
    }


def _kilobytes(rollup: str, name: str) -> int:
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith(f"{name}:"))


def _print_memory(got: Figures) -> None:
    one, two = got.shares
    print(f"  memory of two processes: RSS {one['rss']:.0f} and {two['rss']:.0f} MB", end=", ")
    print(f"PSS {one['pss']:.0f} and {two['pss']:.0f} MB")
    print(f"  of it the checkpoint of {got.checkpoint:.1f} MB: {one['file_rss']:.1f} MB in each", end=", ")
    both = one["file_pss"] + two["file_pss"]
    print(f"{both:.1f} MB in both together, {one['file_private'] + two['file_private']:.1f} MB private")


def measure(folder: str, size: dict[str, int]) -> None:
    """In a process of its own: load, tell it, and answer each number of words with the times of such a prompt."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    begun = time.perf_counter()
    import numpy  # noqa: F401 - its own time, apart from ours

    imported = time.perf_counter()
    from router.world.model import WorldModel

    loading = time.perf_counter()
    files = Path(folder, "model_world.safetensors"), Path(folder, "vocab_world.txt")
    model = WorldModel.load(*files, heads=size["heads"])
    loaded = time.perf_counter()
    print(json.dumps({"import_ms": 1e3 * (imported - begun), "load_ms": 1e3 * (loaded - loading)}), flush=True)
    for line in sys.stdin:
        prompt = " ".join(["w9"] * int(line))
        times: list[float] = []
        while sum(times) < SECONDS:
            begun = time.perf_counter()
            model.imagine(prompt)
            times.append(time.perf_counter() - begun)
        times.sort()
        at = {"p50": times[len(times) // 2], "p95": times[int(len(times) * 0.95)]}
        print(json.dumps({name: 1e3 * seconds for name, seconds in at.items()}), flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(sys.argv[1], json.loads(sys.argv[2]))
    else:
        main()
