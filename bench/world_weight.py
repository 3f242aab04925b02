"""How long a world model takes to start, and how much memory its processes take. Measures for `bench.world`; Linux."""

from __future__ import annotations

import shutil
import statistics
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any

from bench.clients import clients, post
from bench.encoder import memory
from bench.report import number
from bench.world_proxy import MOST_ROUNDS, rules, the_tofy, until_up
from bench.yard_asked import questions
from router.world.yard.model import CHECKPOINT, PROJECTION, SHIPPED
from tests.signalbox import Signalbox, signalbox

if TYPE_CHECKING:  # it names these measures
    from bench.world import Run

__all__ = ["start_and_memory"]

CLIENTS = 8
"""So many that each of two workers has some."""
WARM = 1.0
"""Seconds of load before the memory is looked at."""


@dataclass(frozen=True, slots=True)
class Weight:
    """Of a proxy with its children: seconds until the backend is up, and `bench.encoder.memory` of each process."""

    up: float
    proxies: list[dict[str, float]]
    children: list[dict[str, float]]


def start_and_memory(run: Run) -> None:
    """The yard and a Tofy, with one worker and with two."""
    tofy = the_tofy(run)
    # A copy: the bench itself has the other mapped, and would count as one that shares it.
    tofy["decoder"] = shutil.copy(tofy["decoder"], str(run.folder / "copied.gguf"))
    kinds: dict[str, tuple[dict[str, Any], list[Path]]] = {
        "yard": ({"kind": "world"}, [SHIPPED / CHECKPOINT, SHIPPED / PROJECTION]),
        "Tofy": ({"kind": "world", **tofy}, [Path(tofy["checkpoint"]), Path(tofy["decoder"])]),
    }
    rows = []
    for title, (options, files) in kinds.items():
        for workers in (1, 2):
            rounds = range(min(run.rounds, MOST_ROUNDS) if workers == 1 else 1)
            weights = [_weight(run, options, workers, files) for _ in rounds]
            up = statistics.median(weight.up for weight in weights)
            rows.append([f"{title}, {workers} worker{'s' * (workers > 1)}", *_row(weights[-1], up, workers)])
            size = sum(file.stat().st_size for file in files) / 2**20
            rows[-1].insert(6, number(size))
    run.section(
        "Start and memory",
        "Seconds from the start of the proxy until the backend can be asked (looked for every 20 ms; of several "
        "workers, one of them). Megabytes after a load: of each process what it has in memory (RSS), of all together "
        "what they have in memory at once (PSS); of the mapped weights what each child sees and what all children "
        "have together, shared pages once. The yard's 0.2 MB GGUF is not among its mapped weights.",
        [
            *("", "up after s", "proxy, RSS", "child, RSS", "proxies, PSS", "children, PSS"),
            *("weights on disk", "in each child", "in all children", "private"),
        ],
        rows,
    )


def _weight(run: Run, options: dict[str, Any], workers: int, files: list[Path]) -> Weight:
    begin = perf_counter()
    with signalbox(rules({"yard": options}), "--workers", str(workers), ready=False) as proxy:
        until_up(proxy, "yard")
        up = perf_counter() - begin
        pids = _speaking(proxy, workers)
        with clients(
            proxy.port, [post(question.text, stream=True) for question in questions(64)], count=CLIENTS
        ) as heard:
            sleep(WARM)
        if heard.wrong:
            run.faults.append(f"a wrong answer: {heard.wrong[-300:]}")
        names = [str(file) for file in files]
        everyone = _tree(proxy.process.pid)
        proxies = [memory(pid) for pid in everyone if pid not in pids]
        return Weight(up, proxies, [memory(pid, *names) for pid in pids])


def _row(weight: Weight, up: float, workers: int) -> list[str]:
    proxies, children = weight.proxies, weight.children
    figures = [
        up,
        max(share["rss"] for share in proxies),
        max(share["rss"] for share in children),
        sum(share["pss"] for share in proxies),
        sum(share["pss"] for share in children),
        max(share["file_rss"] for share in children),
        sum(share["file_pss"] for share in children),
        sum(share["file_private"] for share in children),
    ]
    # With one child, what is mapped by nobody else counts as private.
    return [*map(number, figures[:-1]), number(figures[-1] if workers > 1 else None)]


def _speaking(proxy: Signalbox, count: int) -> list[int]:
    """The world models' processes below a proxy, as soon as there are so many."""
    until = perf_counter() + 20
    while len(found := [pid for pid in _tree(proxy.process.pid) if _is_child(pid)]) < count:
        assert perf_counter() < until, proxy.log.read_text()
        sleep(0.02)
    return found


def _is_child(pid: int) -> bool:
    with suppress(OSError):
        return b"router.backends.world.child" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _tree(pid: int) -> list[int]:
    """A process and those that it started, and they."""
    found = [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            with suppress(OSError):
                found += [int(child) for child in children.read_text().split()]
    return found
