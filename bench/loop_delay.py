"""A speaker in threads of the process with the event loop, against one in a child: `python -m bench.loop_delay`.

In both cases the same code answers, `router.backends.world.child.Child`: in the one its frames come over the pipes of
a `Link`, in the other from a thread of this process. What is told on the command line is measured, and printed as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the child has it

import uvloop

from bench.clients import percentile
from bench.yard_asked import questions
from router.backends.contract import Call
from router.backends.world.frames import Frame, Frames, Kind
from router.backends.world.job import Job
from router.backends.world.link import Link
from router.backends.world.question import CHAT, pack
from router.backends.world.settings import Settings, settings
from router.config.backend import WorldBackend as Spec
from router.config.known import facts

__all__ = ["AT_ONCE", "PLACES", "Delay"]

PLACES = ("thread", "child")
AT_ONCE = 4
TICK = 0.001
"""Seconds that the probe sleeps; the rest until it goes on is the loop's delay."""

Ask = Callable[[bytes], Job]


@dataclass(frozen=True, slots=True)
class Delay:
    """Of the loop while nothing is asked and while AT_ONCE ask, p50, p99 and largest, in milliseconds; and the rest."""

    idle: tuple[float, float, float]
    busy: tuple[float, float, float]
    rate: float
    """Answers per second while AT_ONCE ask."""
    alone: float
    """Milliseconds of a whole answer when one asks, the median."""
    memory: float
    """MB (RSS) of this process and of the child, where there is one."""


class Threads:
    """A child that is none: the same requests, in threads of this process."""

    def __init__(self) -> None:
        from router.backends.world.child import Child  # with numpy, which a process with a child does not have

        self.ready = asyncio.Event()
        self._numbers = count(1)
        self._jobs: dict[int, Job] = {}
        self._frames = Frames()
        loop = asyncio.get_running_loop()

        def send(data: bytes) -> None:
            loop.call_soon_threadsafe(self._received, data)

        self._child = Child(send)

    def open(self, said: Settings) -> None:
        """Begin to load; `ready` tells when it is done."""
        self._child.take(Frame(Kind.OPEN, 0, said.dumps()))

    def ask(self, question: bytes) -> Job:
        """Begin an answer."""
        number = next(self._numbers)
        job = self._jobs[number] = Job(number, lambda _: None)
        self._child.take(Frame(Kind.ASK, number, question))
        return job

    def _received(self, data: bytes) -> None:
        for kind, number, payload in self._frames.feed(data):
            if kind == Kind.PIECE:
                self._jobs[number].put(payload)
            elif kind == Kind.END:
                self._jobs.pop(number).end()
            elif kind == Kind.READY:
                self.ready.set()
            else:
                sys.exit(f"bench: no answer: {payload.decode()}")


@asynccontextmanager
async def opened(place: str, spec: Spec) -> AsyncIterator[tuple[Ask, list[int]]]:
    """What asks the speaker, loaded; and the processes that it takes."""
    load = partial(settings, "speaker", spec)
    if place == "thread":
        threads = Threads()
        threads.open(load())
        await threads.ready.wait()
        yield threads.ask, [os.getpid()]
        return
    link = Link(facts("speaker", spec), load, lambda job, tally: None)
    link.start()
    try:
        await link.known.wait()
        if link.facts.fault or link.pid is None:
            sys.exit(f"bench: {link.facts.fault}")
        yield link.ask, [os.getpid(), link.pid]
    finally:
        await link.close()


async def measured(place: str, options: dict[str, Any], asked: dict[str, Any], seconds: float) -> Delay:
    """`asked`: further fields of each request."""
    packed = [_packed(question.text, asked) for question in questions(64)]
    async with opened(place, Spec(kind="world", **options)) as (ask, processes):
        await _answer(ask, packed[0])
        idle = await _delays(asyncio.sleep(seconds))
        alone = await _asking(ask, packed, seconds)
        everyone: list[float] = []

        async def all_ask() -> None:
            for times in await asyncio.gather(*(_asking(ask, packed[n::AT_ONCE], seconds) for n in range(AT_ONCE))):
                everyone.extend(times)

        begin = perf_counter()
        busy = await _delays(all_ask())
        rate = len(everyone) / (perf_counter() - begin)
        return Delay(idle, busy, rate, 1e3 * percentile(alone, 50), sum(map(_resident, processes)))


def _packed(text: str, fields: dict[str, Any]) -> bytes:
    return pack(Call(CHAT, b"", {"messages": [{"role": "user", "content": text}], **fields}, stream=True))


async def _answer(ask: Ask, question: bytes) -> None:
    """As the proxy takes it: piece by piece."""
    job = ask(question)
    while await job.take() is not None:
        pass


async def _asking(ask: Ask, packed: list[bytes], seconds: float) -> list[float]:
    """One answer after the other; how long each took. An answer that is begun in time is awaited."""
    times: list[float] = []
    until = perf_counter() + seconds
    while (begin := perf_counter()) < until:
        await _answer(ask, packed[len(times) % len(packed)])
        times.append(perf_counter() - begin)
    return times


async def _delays(work: Any) -> tuple[float, float, float]:
    """Of the loop while `work` goes on."""
    late: list[float] = []

    async def probe() -> None:
        while True:
            begin = perf_counter()
            await asyncio.sleep(TICK)
            late.append(1e3 * (perf_counter() - begin - TICK))

    probing = asyncio.create_task(probe())
    await work
    probing.cancel()
    return percentile(late, 50), percentile(late, 99), percentile(late, 100)


def _resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def main() -> None:
    """PLACE, the backend's options and the requests' further fields as JSON, and seconds for each figure."""
    place, options, asked, seconds = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        delay = runner.run(measured(place, json.loads(options), json.loads(asked), float(seconds)))
    print(json.dumps(asdict(delay)), flush=True)
    os._exit(0)  # the threads of a speaker are not waited for


if __name__ == "__main__":
    main()
