"""What a world model costs the proxy that runs it: other requests' speed, start and memory; why it is a child process.

Measures for `bench.world`. The proxy is started as a user starts it; clients, the other backend and the world model
share the machine's cores with it, as they do at a user's.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any

from bench.clients import Heard, clients, get, percentile, post
from bench.encoder import SIZES
from bench.loop_delay import AT_ONCE, PLACES
from bench.report import number
from bench.yard_asked import questions
from tests.signalbox import Signalbox, free_port, signalbox
from tests.world.checkpoints import write_checkpoint

if TYPE_CHECKING:  # it names these measures
    from bench.world import Run

__all__ = ["beside_others", "rules", "the_tofy", "thread_or_child", "through_the_proxy", "until_up"]

BENCH = Path(__file__).parent
MOST_ROUNDS = 3
SECONDS = 1.2
"""Of one figure in one round."""
PAUSE = 0.002
"""Between two looks at /health."""
OTHERS = 2
"""Clients of the other route."""
LIMIT = 24
"""Tokens of a Tofy's answer."""
HEALTH_WITHIN = 5.0
"""Milliseconds: what "answers in milliseconds" means here."""


def the_tofy(run: Run) -> dict[str, Any]:
    """The options of a Tofy: a random checkpoint of the usual size, and the last of the run's decoders."""
    folder = run.folder / "tofy"
    if not folder.exists():
        folder.mkdir()
        write_checkpoint(folder, **SIZES["usual"])
    return {
        "checkpoint": str(folder / "model_world.safetensors"),
        "vocabulary": str(folder / "vocab_world.txt"),
        "decoder": str(run.decoders[-1].path),
        "heads": SIZES["usual"]["heads"],
        "max_tokens": LIMIT,
        "parallel": AT_ONCE,
    }


def rules(backends: dict[str, dict[str, Any]], *routes: str) -> str:
    """Rules with these backends; what no route takes and speaks of a yard goes to the backend `yard`."""
    said = "".join(f"  {name}: {json.dumps(options)}\n" for name, options in backends.items())
    taken = "".join(f"  - {route}\n" for route in (*routes, "{name: states, when: {task: world}, to: yard}"))
    return f"version: 1\nbackends:\n{said}routes:\n{taken}"


def until_up(proxy: Signalbox, *backends: str) -> None:
    """Wait until all of them can be asked."""
    until = perf_counter() + 60
    wanted = [f'signalbox_backend_up{{backend="{name}"}} 1.0' for name in backends]
    while not all(line in proxy.get("/metrics")[1] for line in wanted):
        if perf_counter() > until:
            sys.exit(f"bench: a backend is not up:\n{proxy.log.read_text()}")
        sleep(0.005)


def beside_others(run: Run) -> None:
    """/health and another route while world models work, and while other processes take the same cores."""
    tofy = the_tofy(run)
    with _upstream(run) as port:
        if port is None:
            return
        backends = {
            "yard": {"kind": "world", "parallel": AT_ONCE},
            "tofy": {"kind": "world", **tofy},
            "tofy1": {"kind": "world", **tofy, "n_threads": 1},
            "other": {"url": f"http://127.0.0.1:{port}/v1", "model": "bench"},
        }
        with signalbox(rules(backends, "{name: other, when: {model: other}, to: other}")) as proxy:
            until_up(proxy, *backends)
            health, other = _both(run, proxy, _works(proxy))
    _tell(run, health, other)


def _works(proxy: Signalbox) -> dict[str, Callable[[], AbstractContextManager[object]]]:
    """What goes on beside; the first is what the others are held against."""
    asked = questions(64)
    yard = [post(question.text, stream=bool(n % 2)) for n, question in enumerate(asked)]
    ask = partial(clients, proxy.port, count=AT_ONCE)
    return {
        "nothing": nullcontext,
        "one process that only computes": partial(_computing, 1),
        "two processes that only compute": partial(_computing, 2),
        f"{AT_ONCE} clients of the yard": partial(ask, yard, holds="stop"),
        f"{AT_ONCE} clients of a Tofy": partial(ask, [post(q.text, model="tofy", stream=True) for q in asked]),
        f"{AT_ONCE} clients of a Tofy, `n_threads: 1`": partial(
            ask, [post(q.text, model="tofy1", stream=True) for q in asked]
        ),
    }


def _both(
    run: Run, proxy: Signalbox, works: dict[str, Callable[[], AbstractContextManager[object]]]
) -> tuple[dict[str, list[Heard]], dict[str, list[Heard]]]:
    """What clients of /health and of the other route hear beside each work, in turns."""
    health: dict[str, list[Heard]] = {title: [] for title in works}
    other: dict[str, list[Heard]] = {title: [] for title in works}
    for turn in range(min(run.rounds, MOST_ROUNDS)):
        for title in works if turn % 2 else reversed(works):
            with works[title]() as world:
                health[title].append(_heard(run, clients(proxy.port, [get("/health")], pause=PAUSE)))
                answers = clients(proxy.port, [post("hello", model="other")], count=OTHERS, holds="The points are set")
                other[title].append(_heard(run, answers))
            if isinstance(world, Heard) and world.wrong:
                run.faults.append(f"{title}: {world.wrong[-300:]}")
    return health, other


def _tell(run: Run, health: dict[str, list[Heard]], other: dict[str, list[Heard]]) -> None:
    nothing = next(iter(other.values()))
    rows = []
    for title, heard in other.items():
        ratio = statistics.median(mine.rate / its.rate for mine, its in zip(heard, nothing, strict=True))
        figures = (*(_median(health[title], n) for n in (50, 99)), statistics.median(h.rate for h in heard))
        rows.append([title, *map(number, figures), number(ratio, "×"), *(number(_median(heard, n)) for n in (50, 99))])
        if "clients" in title:
            found = _median(health[title], 50)
            verdict = "reached" if found < HEALTH_WITHIN else "**not reached**"
            what = f"/health while there are {title}, p50"
            run.targets.append([what, f"< {HEALTH_WITHIN:g} ms", number(found, " ms"), verdict])
    run.section(
        "Beside other requests",
        f"Milliseconds, p50 and p99 where two are told: one client of /health, and {OTHERS} clients of a route to "
        "another server, which answers from memory, as fast as they get their answers. The processes that only compute "
        "show what a lack of cores costs without any world model. A Tofy is the checkpoint of the usual size with "
        f"{run.decoders[-1].title}.",
        ["beside", "/health", "p99", "other route, requests/s", "of those beside nothing", "p50", "p99"],
        rows,
    )


def thread_or_child(run: Run) -> None:
    """The delay of the event loop, and what a request pays, with the speaker in threads beside it and in a child."""
    speakers: dict[str, tuple[dict[str, Any], dict[str, Any], float]] = {
        "yard": ({}, {}, SECONDS),
        "Tofy": (the_tofy(run), {}, 3 * SECONDS),
    }
    rows = []
    for title, (options, asked, seconds) in speakers.items():
        found: dict[str, list[dict[str, Any]]] = {place: [] for place in PLACES}
        for turn in range(min(run.rounds, MOST_ROUNDS if title == "yard" else 2)):
            for place in PLACES if turn % 2 else reversed(PLACES):
                found[place].append(_delay(place, options, asked, seconds))
        for place in PLACES:
            busy = [statistics.median(run["busy"][n] for run in found[place]) for n in range(3)]
            idle = statistics.median(run["idle"][1] for run in found[place])
            rest = [statistics.median(run[name] for run in found[place]) for name in ("rate", "alone", "memory")]
            rows.append([f"{title}, {place}", *map(number, (idle, *busy, *rest))])
    run.section(
        "Thread or child",
        f"One process with an event loop, as the proxy has it, and {AT_ONCE} that ask for streams; the speaker in "
        "threads of the same process, or in the child that the proxy has. Delay: by how many milliseconds a sleep of "
        "1 ms is longer than asked for, while nobody asks and while they do. *Alone* is the median of a whole answer, "
        "in milliseconds, when one asks; memory is MB of all processes, what they share counted twice.",
        ["", "delay when idle, p99", "delay, p50", "p99", "largest", "answers/s", "alone", "memory"],
        rows,
    )


def _delay(place: str, options: dict[str, Any], asked: dict[str, Any], seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.loop_delay", place, json.dumps(options), json.dumps(asked), str(seconds)]
    told: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return told


def through_the_proxy(run: Run) -> None:
    """Whole answers of the yard per second, as clients of the proxy have them."""
    rows = []
    with signalbox(rules({"yard": {"kind": "world", "parallel": AT_ONCE}})) as proxy:
        until_up(proxy, "yard")
        heard: dict[tuple[bool, int], list[Heard]] = {(s, n): [] for s in (False, True) for n in (1, AT_ONCE)}
        for _ in range(min(run.rounds, MOST_ROUNDS)):
            for (stream, count), those in heard.items():
                those.append(_whole_answers(run, proxy, stream, count))
    for (stream, count), those in heard.items():
        kind = "streamed" if stream else "plain"
        first = statistics.median(percentile(h.firsts, 50) for h in those)
        figures = (statistics.median(h.rate for h in those), first, _median(those, 50), _median(those, 99))
        rows.append([f"{kind}, {count} at once", *map(number, figures)])
    run.section(
        "Answers of the yard through the proxy",
        "One move on a random yard, routed by its task; milliseconds to the first byte of the answer and to its last. "
        "Reading the words, encoder, transition, decoder and the proxy are all in it.",
        ["", "answers/s", "first byte, p50", "whole, p50", "p99"],
        rows,
    )


def _whole_answers(run: Run, proxy: Signalbox, stream: bool, count: int) -> Heard:
    """What so many clients hear that ask the yard one question after the other."""
    asked = [post(question.text, stream=stream) for question in questions(64)]
    return _heard(run, clients(proxy.port, asked, count=count, holds="[DONE]" if stream else "Track 4:"))


def _heard(run: Run, load: AbstractContextManager[Heard]) -> Heard:
    with load as heard:
        sleep(SECONDS)
    if heard.wrong or not heard.wholes:
        run.faults.append(f"a wrong answer: {heard.wrong[-300:] or 'none came'}")
    return heard


def _median(runs: list[Heard], percent: int) -> float:
    return statistics.median(heard.whole(percent) for heard in runs)


@contextmanager
def _computing(count: int) -> Iterator[None]:
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextmanager
def _upstream(run: Run) -> Iterator[int | None]:
    """The port of a server that answers from memory; None, and a fault, where it cannot be compiled."""
    program, port = run.folder / "upstream", free_port()
    try:
        subprocess.run(["cc", "-O2", "-o", str(program), str(BENCH / "upstream.c")], check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        run.faults.append("there is no C compiler for upstream.c: other requests were not measured")
        yield None
        return
    process = subprocess.Popen([str(program), str(port)])
    try:
        yield port
    finally:
        process.kill()
        process.wait()
