"""What is alive in a proxy: its tasks, its sockets, its memory, its gauges. Taken at rest, before and after."""

from __future__ import annotations

import json
import os
import re
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tests.faults.watched import FOLDER
from tests.signalbox import Signalbox, signalbox

__all__ = ["Alive", "Watched", "by", "resident", "total", "watched"]

CLOSE_WAIT = "08"
"""Of /proc/net/tcp: the peer has closed, and this process has not."""


@dataclass(frozen=True, slots=True)
class Alive:
    """Of all processes that serve."""

    tasks: Counter[str]
    """By the name of their coroutine."""
    clients: int
    """Sockets toward clients."""
    half_closed: int
    """Sockets whose peer has gone."""
    busy: int
    """Connections toward backends that a request holds."""
    idle: int
    """And those kept for the next."""
    gauges: dict[str, float]
    """Requests in flight, at work and in queues."""
    memory: float
    """MB of resident memory."""

    def more_than(self, before: Alive) -> str:
        """What has been left behind since then, in words; empty when nothing has."""
        found = [f"{count} × task {name}" for name, count in (self.tasks - before.tasks).items()]
        found += [f"{self.clients} sockets of clients"] if self.clients else []
        found += [f"{self.half_closed} sockets whose peer has gone"] if self.half_closed else []
        found += [f"{self.busy} busy connections"] if self.busy else []
        found += [f"{name} {value:g}" for name, value in self.gauges.items() if value]
        return ", ".join(found)


@dataclass
class Watched:
    """A running proxy and the folder with its windows."""

    proxy: Signalbox
    folder: Path

    @property
    def workers(self) -> list[int]:
        """Process numbers of those that serve."""
        return sorted(int(window.stem) for window in self.folder.glob("*.sock") if _runs(int(window.stem)))

    def alive(self, *, at_rest: bool = True) -> Alive:
        """As it is now; `at_rest`: after a collection of what only circles keep, and with the gauges."""
        workers = self.workers
        told = [self._ask(worker, b"rest" if at_rest else b"now") for worker in workers]
        tasks: Counter[str] = Counter()
        for one in told:
            tasks.update(one["tasks"])
        sockets = [found for worker in workers for found in _sockets(worker)]
        busy, idle = (sum(one[name] for one in told) for name in ("busy", "idle"))
        ours = f"{self.proxy.port:04X}"
        return Alive(
            tasks,
            sum(1 for local, _, state in sockets if local == ours and state != "0A"),
            sum(1 for _, _, state in sockets if state == CLOSE_WAIT),
            busy,
            idle,
            gauges(self.proxy.get("/metrics")[1]) if at_rest else {},
            sum(map(resident, workers)),
        )

    def left_behind(self, before: Alive, patience: float = 3.0) -> str:
        """What is there more than before, once all that ends within some seconds has ended; empty: nothing."""
        until = time.monotonic() + patience
        while (left := self.alive().more_than(before)) and time.monotonic() < until:
            time.sleep(0.1)
        return left

    def _ask(self, worker: int, what: bytes) -> dict[str, dict[str, int]]:
        with socket.socket(socket.AF_UNIX) as asker:
            asker.settimeout(10)
            asker.connect(str(self.folder / f"{worker}.sock"))
            asker.sendall(what)
            data = b""
            while piece := asker.recv(65536):
                data += piece
        told: dict[str, dict[str, int]] = json.loads(data)
        return told


@contextmanager
def watched(rules: str, *arguments: str, ready: bool = True, **environment: str) -> Iterator[Watched]:
    """`signalbox` with a window in each process."""
    with tempfile.TemporaryDirectory() as folder:
        environment[FOLDER] = folder
        with signalbox(rules, *arguments, ready=ready, program="tests.faults.watched", **environment) as proxy:
            found = Watched(proxy, Path(folder))
            wanted = int(arguments[arguments.index("--workers") + 1]) if "--workers" in arguments else 1
            until = time.monotonic() + 60
            while len(found.workers) < wanted and time.monotonic() < until:
                time.sleep(0.05)
            yield found


def gauges(page: str) -> dict[str, float]:
    """Of a page of metrics: what is under way, by name and backend."""
    pattern = r"^(signalbox_(?:requests_in_flight|backend_busy|queue_depth)(?:\{[^}]*\})?) (\S+)$"
    return {name: float(value) for name, value in re.findall(pattern, page, re.MULTILINE)}


def total(page: str, name: str, **labels: str) -> float:
    """The sum of a counter's values that have these labels."""
    return sum(value for told, value in _series(page).get(name, []) if labels.items() <= told.items())


def by(page: str, name: str, label: str, **labels: str) -> dict[str, float]:
    """A counter's values by one of its labels, of those that have the others."""
    found: Counter[str] = Counter()
    for told, value in _series(page).get(name, []):
        if labels.items() <= told.items() and value:
            found[told[label]] += value  # type: ignore[assignment]
    return dict(found)


@lru_cache(maxsize=2)
def _series(page: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for line in page.splitlines():
        told, _, value = line.rpartition(" ")
        name, _, labels = told.partition("{")
        if name.endswith("_total") and not line.startswith("#"):
            found.setdefault(name, []).append((dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)), float(value)))
    return found


def resident(process: int) -> float:
    """MB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def _sockets(process: int) -> list[tuple[str, str, str]]:
    """(local port, remote port, state), in the words of /proc/net/tcp, of each TCP socket that it has open."""
    inodes = set()
    for entry in Path(f"/proc/{process}/fd").iterdir():
        try:
            inodes.add(os.readlink(entry))
        except OSError:
            continue  # closed meanwhile
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
            part = line.split()
            if f"socket:[{part[9]}]" in inodes:
                found.append((part[1].rpartition(":")[2], part[2].rpartition(":")[2], part[3]))
    return found
