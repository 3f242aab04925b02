"""Figures of faults under load: what a kill, a signal or a leave costs those who are being served."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.clients import percentile
from bench.report import number, table
from tests.faults.alive import Watched, resident, watched
from tests.faults.backend import Backend, Process, backend_process
from tests.faults.clients import Answer, chat, post
from tests.faults.crowd import Client
from tests.faults.faults import DRIPS, FAULTS
from tests.signalbox import free_port

__all__ = ["backend_killed", "client_leaves", "idle_connections", "sigterm", "slow_streams", "worker_killed"]

KILLS = 20
STREAMS = 1000
LEAVES = 1000
IDLE = 10_000
CLIENTS = 16


@dataclass
class Load:
    """Clients that ask one after the other, half of them for streams; each failure is told."""

    port: int
    model: str = "auto"
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    answered: int = 0
    cut: int = 0
    """Streams that had begun."""
    failed: list[str] = field(default_factory=list)
    """Requests that had not begun to stream."""
    lost_at: list[float] = field(default_factory=list)
    """When each of both was seen, on the monotonic clock."""

    async def run(self, clients: int = CLIENTS) -> None:
        """Until `stop` is set."""
        await asyncio.gather(*(self._client(n) for n in range(clients)))

    async def _client(self, number: int) -> None:
        turn = 0
        while not self.stop.is_set():
            turn += 1
            stream = (number + turn) % 2 == 0
            await self.one(post(chat(self.model, stream=stream, text=f"{number} {turn}")))

    async def one(self, request: bytes) -> None:
        """On a connection of its own."""
        try:
            client = await Client.open(self.port)
        except OSError as error:
            self.failed.append(f"not connected: {error}")
            await asyncio.sleep(0.05)
            return
        try:
            self.take(await client.ask(request))
        finally:
            client.close()

    def take(self, answer: Answer | None) -> None:
        """Count it."""
        if answer is None or answer.status != 200 or not answer.whole:
            self.lost_at.append(time.monotonic())
        if answer is None or answer.status != 200:
            self.failed.append("no answer" if answer is None else f"{answer.status}: {answer.body[:200]!r}")
        elif not answer.whole:
            if answer.body:
                self.cut += 1
            else:
                self.failed.append("an answer that ended before its first byte")
        else:
            self.answered += 1


def _rules(urls: dict[str, str], route: str) -> str:
    told = [f'  {name}: {{url: "{url}", model: m, price: 0}}' for name, url in urls.items()]
    return "\n".join(["version: 1", "backends:", *told, "routes:", f"  - {{name: all, to: [{route}]}}", ""])


def _during(load: Load, what: Callable[[], Awaitable[None]], clients: int = CLIENTS) -> None:
    async def both() -> None:
        running = asyncio.create_task(load.run(clients))
        await asyncio.sleep(0.5)
        try:
            await what()
        finally:
            load.stop.set()
        await running

    asyncio.run(both())


def backend_killed() -> tuple[str, bool]:
    """SIGKILL to the first of two backends, and a new process on its port, again and again."""
    fault, port = "streams for a moment", free_port()
    back: list[float] = []
    with ExitStack() as stack:
        other = stack.enter_context(backend_process(fault))
        rules = _rules({"a": f"http://127.0.0.1:{port}/v1", "b": other.ports[fault]}, "a, b")
        proxy = stack.enter_context(watched(rules))
        load = Load(proxy.proxy.port)

        async def kills() -> None:
            for _ in range(KILLS):
                with backend_process(f"{fault}:{port}") as first:
                    began = time.monotonic()
                    if await asyncio.to_thread(_is_asked, first, fault):
                        back.append(time.monotonic() - began)
                    await asyncio.sleep(0.7)
                    first.process.kill()
                    await asyncio.sleep(0.3)

        _during(load, kills)
    rows = [
        ["requests answered whole", f"{load.answered:,}"],
        ["failed that had not begun to stream", str(len(load.failed))],
        ["streams cut that had begun", str(load.cut)],
        ["times killed, and asked again after it came back", f"{KILLS}, {len(back)}"],
        [
            "seconds until it was asked again, median and longest",
            f"{percentile(back, 50):.1f}, {max(back, default=0):.1f}",
        ],
    ]
    return table(["", ""], rows) + _told(load.failed), not load.failed and len(back) == KILLS


def _is_asked(backend: Process, fault: str, patience: float = 15.0) -> bool:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if backend.seen()[fault]["asked"]:
            return True
        time.sleep(0.05)
    return False


def worker_killed() -> tuple[str, bool]:
    """SIGKILL to one of two workers, five times."""
    fault, times, back, killed = "streams for a moment", 5, [], []
    with (
        backend_process(fault) as backend,
        watched(_rules({"a": backend.ports[fault]}, "a"), "--workers", "2") as proxy,
    ):
        load = Load(proxy.proxy.port)

        async def kills() -> None:
            for _ in range(times):
                workers = proxy.workers
                os.kill(workers[0], signal.SIGKILL)
                began = time.monotonic()
                killed.append(began)
                while len(proxy.workers) < 2 and time.monotonic() < began + 60:
                    await asyncio.sleep(0.05)
                back.append(time.monotonic() - began)
                await asyncio.sleep(1)

        _during(load, kills)
        time.sleep(1)
        ledger = _ledger(proxy)
        page = proxy.proxy.get("/metrics")[0]
        late = sum(not any(0 <= at - kill < 1 for kill in killed) for at in load.lost_at)
        rows = [
            ["requests answered whole", f"{load.answered:,}"],
            [
                f"lost with their worker, of {CLIENTS} clients, {times} times",
                f"{len(load.failed)} + {load.cut} streams cut",
            ],
            ["lost at any other time than in the second after a kill", str(late)],
            ["seconds until there were two workers again, longest", f"{max(back):.1f}"],
            ["the ledger, as SQLite checks it, and its rows", f"{ledger[0]}, {ledger[1]:,}"],
            ["`/metrics` afterwards", str(page)],
        ]
    # Each kill may take with it what its worker was answering, and no more.
    lost = len(load.failed) + load.cut
    fine = ledger[0] == "ok" and lost <= times * CLIENTS and not late and max(back) < 60 and page == 200
    return table(["", ""], rows) + _told(load.failed), fine


def _ledger(proxy: Watched) -> tuple[str, int]:
    database = sqlite3.connect(Path(proxy.proxy.rules.parent, "ledger.sqlite"))
    try:
        said = database.execute("PRAGMA integrity_check").fetchone()[0]
        return str(said), int(database.execute("SELECT count(*) FROM requests").fetchone()[0])
    finally:
        database.close()


def slow_streams() -> tuple[str, bool]:
    """STREAMS of DRIPS at once, through one worker."""
    events, pause = DRIPS
    firsts: list[float] = []
    gaps: list[float] = []
    whole: list[bool] = []
    most = [0.0]
    with backend_process("drips") as backend, watched(_rules({"a": backend.ports["drips"]}, "a")) as proxy:

        async def one(number: int) -> None:
            last = [0.0]

            def piece() -> None:
                now = time.perf_counter()
                if last[0]:
                    gaps.append(now - last[0])
                last[0] = now

            await asyncio.sleep(number * 0.005)
            began = time.perf_counter()
            client = await Client.open(proxy.proxy.port)
            answer = await client.ask(post(chat("auto", stream=True, text=str(number))), piece)
            firsts.append(client.first - began)
            whole.append(answer is not None and answer.whole and answer.body.endswith(b"[DONE]\n\n"))
            client.close()

        async def watch() -> None:
            while len(whole) < STREAMS:
                most[0] = max(most[0], sum(map(resident, proxy.workers)))
                await asyncio.sleep(0.25)

        async def everyone() -> None:
            await asyncio.gather(watch(), *(one(number) for number in range(STREAMS)))

        asyncio.run(_warmed(proxy))
        rest, before = proxy.alive(), sum(map(resident, proxy.workers))
        asyncio.run(everyone())
        left = proxy.left_behind(rest, 5)
    each = 1000 * (most[0] - before) / STREAMS
    rows = [
        [f"streams of {events} events, {pause:g} s apart, that came whole", f"{sum(whole):,} of {STREAMS:,}"],
        ["memory at rest and at most", f"{before:.0f} MB, {most[0]:.0f} MB"],
        ["memory of each stream, its two connections included", f"{each:.0f} kB"],
        ["first event, p50 and p99", f"{percentile(firsts, 50):.2f} s, {percentile(firsts, 99):.2f} s"],
        ["between two events, p50 and p99", f"{percentile(gaps, 50):.2f} s, {percentile(gaps, 99):.2f} s"],
        ["left behind", left or "nothing"],
    ]
    return table(["", ""], rows), all(whole) and len(whole) == STREAMS and each < 100 and not left


async def _warmed(proxy: Watched) -> None:
    load = Load(proxy.proxy.port)
    await load.one(post(chat("auto", stream=True)))


def idle_connections() -> tuple[str, bool]:
    """IDLE connections that say nothing, and what a request takes meanwhile."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < IDLE + 1000:
        return f"Not measured: this machine allows {most:,} open files, and {IDLE + 1000:,} are needed.", False
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    times: dict[str, list[float]] = {"before": [], "meanwhile": []}
    with backend_process("good") as backend, watched(_rules({"a": backend.ports["good"]}, "a")) as proxy:
        load = Load(proxy.proxy.port)

        async def ask(when: str) -> None:
            for _ in range(200):
                began = time.perf_counter()
                await load.one(post(chat("auto")))
                times[when].append(1000 * (time.perf_counter() - began))

        async def run() -> tuple[float, float, int]:
            await ask("before")
            before = sum(map(resident, proxy.workers))
            idle = [await Client.open(proxy.proxy.port) for _ in range(IDLE)]
            await ask("meanwhile")  # who answers it has accepted all that came before
            held = proxy.alive(at_rest=False).clients
            after = sum(map(resident, proxy.workers))
            for client in idle:
                client.close()
            return before, after, held

        rest = proxy.alive()
        before, after, held = asyncio.run(run())
        left = proxy.left_behind(rest, 10)
    rows = [
        ["connections held", f"{held:,}"],
        ["memory before and with them", f"{before:.0f} MB, {after:.0f} MB"],
        ["memory of each", f"{1000 * (after - before) / IDLE:.1f} kB"],
        *[
            [f"a request {when}, p50 and p99", " ms, ".join(_percentiles(those)) + " ms"]
            for when, those in times.items()
        ],
        ["left behind", left or "nothing"],
    ]
    return table(["", ""], rows), held >= IDLE and not load.failed and not left


def _percentiles(times: list[float]) -> list[str]:
    return [number(percentile(times, percent)) for percent in (50, 99)]


def sigterm() -> tuple[str, bool]:
    """SIGTERM while streams of five seconds are under way and more are asked for; one worker, and two."""
    rows, fine = [], True
    for workers in (1, 2):
        with ExitStack() as stack:
            rules = _rules({"a": stack.enter_context(backend_process("slow")).ports["slow"]}, "a")
            proxy = stack.enter_context(watched(rules, "--workers", str(workers)))
            load, refused = Load(proxy.proxy.port), [0]

            async def run(load: Load = load, refused: list[int] = refused, proxy: Watched = proxy) -> float:
                begun = [
                    asyncio.create_task(load.one(post(chat("auto", stream=True, text=str(n))))) for n in range(100)
                ]
                await asyncio.sleep(1)
                proxy.proxy.process.send_signal(signal.SIGTERM)
                began = time.monotonic()
                await asyncio.sleep(2)
                late = Load(proxy.proxy.port)
                await late.one(post(chat("auto")))
                refused[0] = sum(reason.startswith("not connected") for reason in late.failed)
                await asyncio.gather(*begun)
                await asyncio.to_thread(proxy.proxy.process.wait, 20)
                return time.monotonic() - began

            took = asyncio.run(run())
            code = proxy.proxy.process.returncode
        rows.append(
            [str(workers), f"{load.answered} of 100", str(load.cut + len(load.failed)), f"{took:.1f} s", str(code)]
        )
        fine = fine and load.answered == 100 and code == 0 and refused[0] == 1
    head = ["workers", "streams under way that came whole", "broken", "until it had ended", "exit code"]
    return table(head, rows) + "\n\nA new request after the signal is refused.", fine


def client_leaves() -> tuple[str, bool]:
    """The time from a client's leave to the moment at which the backend's side of the connection is closed."""
    backend = Backend()
    ports = {name: backend.port(FAULTS[fault]) for name, fault in {"slow": "slow", "silent": "says nothing"}.items()}
    ways = {
        ("slow", True, False): "in a stream, closed",
        ("slow", True, True): "in a stream, reset",
        ("silent", True, False): "before a stream began, closed",
        ("silent", False, True): "before a plain answer, reset",
    }
    times: dict[str, list[float]] = {way: [] for way in ways.values()}
    try:
        with watched(_rules({name: port.url for name, port in ports.items()}, "slow")) as proxy:
            rest = proxy.alive()

            async def run() -> None:
                for turn in range(LEAVES):
                    (name, stream, abruptly), way = list(ways.items())[turn % len(ways)]
                    port = ports[name]
                    asked, left = port.questions, len(port.left)
                    client = await Client.open(proxy.proxy.port)
                    client.writer.write(post(chat(name, stream=stream, text=str(turn))))
                    if name == "slow":
                        await client.reader.readuntil(b"data: ")
                    while port.questions == asked:
                        await asyncio.sleep(0.001)
                    went = time.perf_counter()
                    client.close(abruptly)
                    while len(port.left) == left and time.perf_counter() < went + 2:
                        await asyncio.sleep(0.001)
                    times[way].append(1000 * (port.left[left] - went) if len(port.left) > left else float("inf"))

            asyncio.run(run())
            after = proxy.left_behind(rest, 5)
    finally:
        backend.end()
    rows = []
    everyone = [taken for those in times.values() for taken in those]
    for way, those in [*times.items(), ("all", everyone)]:
        within = sum(taken < 100 for taken in those)
        figures = [number(percentile(those, percent)) for percent in (50, 99, 100)]
        rows.append([way, f"{within:,} of {len(those):,}", *figures])
    fine = max(everyone) < 100 and not after
    head = ["a client leaves", "backend's connection closed within 100 ms", "p50, ms", "p99, ms", "longest, ms"]
    return table(head, rows) + f"\n\nLeft behind: {after or 'nothing'}.", fine


def _told(failed: list[str]) -> str:
    """How requests failed, the most frequent first."""
    reasons = Counter(failed).most_common(10)
    return "\n\nFailed: " + ", ".join(f"{number} × {reason}" for reason, number in reasons) + "." if failed else ""
