"""Everything at once, for as long as one likes: `python -m tests.faults.soak --minutes 10 --workers 2 --seed 1`.

Clients that ask, dawdle, lie and vanish; backends with every fault; rules that are saved anew. Who gets an answer that
is not what was promised is told; memory, tasks and sockets are watched. `--write` puts the table into
bench/faults-results.md.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from tests.faults.alive import Alive, Watched, watched
from tests.faults.backend import backend_process
from tests.faults.clients import LIES, Answer, chat, post
from tests.faults.crowd import Client, ask
from tests.faults.faults import FAULTS
from tests.faults.promises import PROMISES, Promise

__all__ = ["Report", "soak"]

CLIENTS = 16
TIMEOUTS = "{connect: 0.5, first_byte: 0.8, first_content: 0.8, idle: 0.8, total: 5}"
SAMPLE = 2.0
"""Seconds between two looks at the memory."""
WARM = 120.0
"""Seconds after which memory must be flat."""
MOST_FLAT = 1.05
MOST_TOLD = 20


@dataclass
class Report:
    """What came of it."""

    seconds: float
    workers: int
    seed: int
    done: Counter[str] = field(default_factory=Counter)
    """By kind of client."""
    wrong: list[str] = field(default_factory=list)
    """Promises that were not kept."""
    wrongs: int = 0
    memory: list[tuple[float, float]] = field(default_factory=list)
    """(Seconds since the beginning, MB of all workers)."""
    tasks: list[tuple[float, int]] = field(default_factory=list)
    """And how many tasks they have."""
    sockets: list[tuple[float, int]] = field(default_factory=list)
    """And sockets toward clients."""
    before: tuple[float, int, int] = (0.0, 0, 0)
    """Memory, tasks and sockets at rest, before the first and after the last of them."""
    rest: tuple[float, int, int] = (0.0, 0, 0)
    slowest: float = 0.0
    """Seconds that `/health` took at most, asked beside all the rest."""
    left: str = ""
    """What was left behind: tasks, sockets, slots."""

    @property
    def growth(self) -> float | None:
        """Memory in the last minute against the one after WARM; None of a run that is too short to tell."""
        begun = [value for at, value in self.memory if WARM <= at < WARM + 60]
        ended = [value for at, value in self.memory if at >= self.seconds - 60]
        return statistics.median(ended) / statistics.median(begun) if begun and self.seconds >= WARM + 120 else None

    @property
    def fine(self) -> bool:
        """All that was to be shown is shown."""
        return not self.wrongs and not self.left and (self.growth is None or self.growth < MOST_FLAT)

    def table(self) -> str:
        """Markdown."""
        lines = ["| minute | memory, MB | tasks | sockets of clients |", "| ---: | ---: | ---: | ---: |"]
        for minute in range(int(self.seconds // 60) + 1):
            within = [_within(sample, minute) for sample in (self.memory, self.tasks, self.sockets)]
            if within[0]:
                memory, tasks, sockets = (statistics.median(values) for values in within)
                lines.append(f"| {minute} | {memory:.1f} | {tasks:.0f} | {sockets:.0f} |")
        memory, tasks, sockets = self.rest
        lines.append(f"| at rest, `/metrics` read | {memory:.1f} | {tasks} (before: {self.before[1]}) | {sockets} |")
        grown = "too short to tell" if self.growth is None else f"{100 * (self.growth - 1):+.1f} %"
        lines += [
            "",
            f"{sum(self.done.values()):,} clients: "
            + ", ".join(f"{n:,} {kind}" for kind, n in self.done.most_common())
            + ".",
            f"Promises not kept: {self.wrongs}. Memory from minute {WARM / 60:.0f} to the end: {grown}. "
            f"Left behind: {self.left or 'nothing'}. `/health` took {1000 * self.slowest:.0f} ms at most.",
            *self.wrong,
        ]
        return "\n".join(lines)


class Soak:
    """One run."""

    def __init__(self, proxy: Watched, report: Report):
        self.proxy = proxy
        self.port = proxy.proxy.port
        self.report = report
        self.kept = PROMISES
        self.kinds: list[tuple[float, str, Callable[[random.Random], Awaitable[str]]]] = [
            (40, "asked", self._ask),
            (10, "asked in turn on one connection", self._in_turn),
            (25, "asked a backend with a fault", self._fault),
            (8, "left", self._leave),
            (5, "lied", self._lie),
            (4, "pipelined", self._pipeline),
            (3, "read slowly", self._dawdle),
            (3, "brought much", self._much),
            (2, "invented a model", self._invent),
        ]

    async def run(self) -> None:
        """Until the time is over."""
        self._began = time.monotonic()
        self._until = self._began + self.report.seconds
        everyone = [self._client(random.Random(self.report.seed * 1000 + number)) for number in range(CLIENTS)]
        await asyncio.gather(*everyone, self._watch(), self._edit(random.Random(self.report.seed)))

    async def _client(self, chance: random.Random) -> None:
        weights = [weight for weight, _, _ in self.kinds]
        while time.monotonic() < self._until:
            ((_, kind, do),) = chance.choices(self.kinds, weights)
            try:
                async with asyncio.timeout(20):
                    wrong = await do(chance)
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                wrong = f"{type(error).__name__}"
            except TimeoutError:
                wrong = "no end within 20 s"
            self.report.done[kind] += 1
            if wrong:
                self.report.wrongs += 1
                if len(self.report.wrong) < MOST_TOLD:
                    self.report.wrong.append(f"- after {time.monotonic() - self._began:.0f} s, {kind}: {wrong}")
            await asyncio.sleep(chance.expovariate(20))

    async def _watch(self) -> None:
        while time.monotonic() < self._until:
            alive, at = await asyncio.to_thread(self.proxy.alive, at_rest=False), time.monotonic() - self._began
            self.report.memory.append((at, alive.memory))
            self.report.tasks.append((at, alive.tasks.total()))
            self.report.sockets.append((at, alive.clients))
            began = time.monotonic()
            health = await ask(self.port, b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            assert health is not None and health.body == b"ok"
            self.report.slowest = max(self.report.slowest, time.monotonic() - began)
            await asyncio.sleep(SAMPLE)

    async def _edit(self, chance: random.Random) -> None:
        """Saves the rules, now and then with a fault in them."""
        rules, number = self.proxy.proxy.rules, 0
        text = rules.read_text()
        while time.monotonic() < self._until:
            await asyncio.sleep(5)
            number += 1
            broken = "\nnonsense: [" if chance.random() < 0.2 else ""
            rules.write_text(f"{text}# saved for the {number}. time{broken}\n")
        rules.write_text(text)

    async def _ask(self, chance: random.Random) -> str:
        stream = chance.random() < 0.5
        model = chance.choice(("auto", "good", "thinks"))
        return _good(await ask(self.port, post(chat(model, stream=stream, text=_words(chance)))), stream)

    async def _in_turn(self, chance: random.Random) -> str:
        client = await Client.open(self.port)
        try:
            for _ in range(chance.randint(2, 8)):
                stream = chance.random() < 0.5
                wrong = _good(await client.ask(post(chat("good", stream=stream, text=_words(chance)))), stream)
                if wrong:
                    return wrong
            return ""
        finally:
            client.close()

    async def _fault(self, chance: random.Random) -> str:
        promise = chance.choice(self.kept)
        number = self.kept.index(promise)
        other = chance.random() < 0.7
        model = f"b{number} or good" if other else f"b{number}"
        answer = await ask(self.port, post(chat(model, stream=promise.stream, text=_words(chance))))
        wrong = _promised(promise, answer, other)
        return wrong and f"{promise.name}{' (no other)' if not other else ''}: {wrong}"

    async def _leave(self, chance: random.Random) -> str:
        """At any moment."""
        stream = chance.random() < 0.7
        request = post(chat(chance.choice(("slow", "silent", "good")), stream=stream, text=_words(chance)))
        client = await Client.open(self.port)
        cut = len(request) if chance.random() < 0.7 else chance.randrange(len(request))
        client.writer.write(request[:cut])
        await asyncio.sleep(chance.expovariate(5))
        client.close(abruptly=chance.random() < 0.5)
        return ""

    async def _lie(self, chance: random.Random) -> str:
        client = await Client.open(self.port)
        try:
            client.writer.write(chance.choice(LIES).sent)
            async with asyncio.timeout(0.5):
                while (answer := await client.hear()) is not None:
                    if answer.status >= 500:
                        return f"status {answer.status}"
            return ""
        except (TimeoutError, ConnectionError):
            return ""
        finally:
            client.close(abruptly=True)

    async def _pipeline(self, chance: random.Random) -> str:
        client = await Client.open(self.port)
        try:
            kinds = [chance.random() < 0.5 for _ in range(6)]
            names = ["thinks", *["good"] * 5]
            client.writer.write(
                b"".join(post(chat(n, stream=s, text=_words(chance))) for n, s in zip(names, kinds, strict=True))
            )
            for stream in kinds:
                if wrong := _good(await client.hear(), stream):
                    return wrong
            return ""
        finally:
            client.close()

    async def _dawdle(self, chance: random.Random) -> str:
        client = await Client.open(self.port, receive=4096)
        client.writer.write(post(chat("endless", stream=True, text=_words(chance))))
        for _ in range(20):
            await client.reader.read(500)
            await asyncio.sleep(0.02)
        client.close(abruptly=True)
        return ""

    async def _much(self, chance: random.Random) -> str:
        text = _words(chance) * chance.randint(1000, 20_000)
        return _good(await ask(self.port, post(chat("good", text=text))), False)

    async def _invent(self, chance: random.Random) -> str:
        name = f"invented-{chance.randrange(10**9)}"
        headers = f"user-agent: {name}\r\nx-{name}: 1\r\n"
        return _good(await ask(self.port, post(chat(name, text=_words(chance)), headers=headers)), False)


def _within(sample: Sequence[tuple[float, float]], minute: int) -> list[float]:
    return [value for at, value in sample if 60 * minute <= at < 60 * (minute + 1)]


def _seen(alive: Alive) -> tuple[float, int, int]:
    return alive.memory, alive.tasks.total(), alive.clients


def _words(chance: random.Random) -> str:
    return f"question {chance.randrange(10**9)} "


def _good(answer: Answer | None, stream: bool) -> str:
    """Why this is no good answer."""
    if answer is None:
        return "no answer"
    if answer.status != 200:
        return f"status {answer.status}: {answer.body[:300]!r}"
    if b"smuggled" in answer.body or not answer.whole:
        return "not whole"
    proper = answer.body.endswith(b"[DONE]\n\n") if stream else answer.body.endswith(b"}")
    return "" if proper else f"no proper end: {answer.body[-100:]!r}"


def _promised(promise: Promise, answer: Answer | None, other: bool) -> str:
    """Why this is not what was promised."""
    if answer is None:
        return "no answer"
    if promise.must == "move on" and other:
        return _good(answer, promise.stream)
    if promise.must == "move on":
        return "" if answer.status >= 408 and answer.error else f"status {answer.status}: {answer.body[:100]!r}"
    if answer.status in (429, 503) and not other and answer.error:
        return ""  # it has failed too often, and is not asked
    if promise.must == "be cut":
        return "" if not answer.whole or answer.headers["x-signalbox-backend"] == "good" else "not cut"
    if promise.must == "be shown":
        return "" if answer.status in (promise.status, 200) else f"status {answer.status}"
    return "" if answer.status == 200 else f"status {answer.status}"


def _rules(urls: dict[str, str], kept: list[Promise]) -> str:
    lines = ["version: 1", "backends:"]
    named = {"good": "good", "thinks": "thinks for a while", "slow": "slow", "silent": "says nothing"}
    named["endless"] = "sends 1 GB without a line end"
    lines += [f'  {name}: {{url: "{urls[fault]}", model: m, price: 0}}' for name, fault in named.items()]
    for number, promise in enumerate(kept):
        url = urls[promise.fault]
        lines.append(f'  b{number}: {{url: "{url}", model: m, price: 0, timeouts: {TIMEOUTS}}}')
    lines.append("routes:")
    for number in range(len(kept)):
        model = f"b{number} or good"
        lines.append(f'  - {{name: "{model}", when: {{model: "{model}"}}, to: [b{number}, good]}}')
    return "\n".join([*lines, "  - {name: all, to: good}", ""])


def soak(minutes: float, workers: int, seed: int) -> Report:
    """Run it."""
    report = Report(60 * minutes, workers, seed)
    faults = [name for name in FAULTS if not FAULTS[name].certified]
    with backend_process(*faults) as backend:
        rules = _rules({**dict.fromkeys(FAULTS, backend.ports["refuses"]), **backend.ports}, PROMISES)
        with watched(rules, "--workers", str(workers), SIGNALBOX_LOG="warning") as proxy:
            asyncio.run(_first(proxy.proxy.port))
            before = proxy.alive()
            asyncio.run(Soak(proxy, report).run())
            report.left = proxy.left_behind(before, 20)
            after = proxy.alive()
            report.before, report.rest = _seen(before), _seen(after)
    return report


async def _first(port: int) -> None:
    for _ in range(20):
        await ask(port, post(chat("good")))


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the table into bench/faults-results.md")
    told = parser.parse_args()
    report = soak(told.minutes, told.workers, told.seed)
    print(report.table())
    if told.write:
        from bench.faults import put, soaked

        put(soaked(report))
    return 0 if report.fine else 1


if __name__ == "__main__":
    sys.exit(main())
