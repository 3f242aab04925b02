"""The servers that are compared: how each is started, pinned to its core, weighed and ended."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

__all__ = ["KEY", "LOAD_CORE", "ROOT", "STACKS", "STACK_CORE", "Stack", "StackError", "version", "which"]

ROOT = Path(__file__).parent.parent
BENCH = ROOT / "bench"
KEY = "sk-bench"
STACK_CORE, LOAD_CORE = 0, 1
STARTS_WITHIN = 90.0
"""Seconds; LiteLLM's first start in a new environment compiles its modules."""

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class StackError(Exception):
    """A server cannot be started; `log` is what it wrote last."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log or "it wrote nothing"


def which(program: str) -> str:
    """The program's path; Debian keeps servers where a user's PATH does not look. Raises StackError."""
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        raise StackError(f"{program} is not installed")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Stack:
    """One server on a port of its own. `folder` holds its log and what it writes."""

    name: str
    folder: Path
    upstream: int
    core: int = STACK_CORE
    port: int = field(default_factory=_free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start, wait for the first 200 on /v1/models; the seconds this took. Raises StackError."""
        log = self.folder / f"{self.name}.log"
        command = [which("taskset"), "-c", str(self.core), *_COMMANDS[self.name](self)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("SIGNALBOX_", "LITELLM_"))} | {
            "SIGNALBOX_DATA_DIR": str(self.folder),
            "BENCH_UPSTREAM": f"http://127.0.0.1:{self.upstream}/v1",
            "BENCH_KEY": KEY,
            "SIGNALBOX_KEYS": f"bench:{KEY}",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # no network at its import
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOG": "ERROR",
        }
        began = time.monotonic()
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() - began > STARTS_WITHIN:
                raise StackError(f"{self.name} did not start", log.read_text(errors="replace").strip()[-2000:])
            time.sleep(0.005)
        return time.monotonic() - began

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/v1/models", headers={"authorization": f"Bearer {KEY}"})
            return connection.getresponse().status == 200
        return False

    def stop(self) -> None:
        """End it and what it started, by their ids: politely, after ten seconds by force."""
        if self.process is None:
            return
        tree = self._tree()
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        for pid in tree if self.process.poll() is None else tree[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def _tree(self) -> list[int]:
        """The process and its descendants, parents first."""
        found = [self.process.pid] if self.process and self.process.poll() is None else []
        for pid in found:
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    found += [int(child) for child in children.read_text().split()]
        return found

    def memory(self) -> float:
        """Resident megabytes (10^6) of the process tree; a page shared by two of its processes counts twice."""
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._tree()]
        return sum(pages) * _PAGE / 1e6

    def cpu(self) -> float:
        """Seconds of processor time the process tree has used so far, in user space and in the kernel."""
        stats = [Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split() for pid in self._tree()]
        return sum(int(stat[11]) + int(stat[12]) for stat in stats) / _TICK


def _upstream(stack: Stack) -> list[str]:
    program = str(stack.folder / "upstream")
    subprocess.run(["cc", "-O2", "-o", program, str(BENCH / "upstream.c")], check=True)
    return [program, str(stack.port)]


def _nginx(stack: Stack) -> list[str]:
    conf = stack.folder / "nginx.conf"
    text = (BENCH / "nginx.conf").read_text()
    for name, value in {"DIR": stack.folder, "UPSTREAM": stack.upstream, "PORT": stack.port}.items():
        text = text.replace(f"@{name}@", str(value))
    conf.write_text(text)
    return [which("nginx"), "-c", str(conf), "-p", str(stack.folder)]


def _litellm(stack: Stack) -> list[str]:
    program = str(ROOT / ".venv-bench/bin/litellm")
    return [program, "--config", str(BENCH / "litellm.yaml"), "--host", "127.0.0.1", "--port", str(stack.port)]


def _signalbox(stack: Stack) -> list[str]:
    program = str(Path(sys.executable).parent / "signalbox")
    rules = "rules-task.yaml" if stack.name.endswith("task") else "rules.yaml"
    return [program, "serve", "--rules", str(BENCH / rules), "--port", str(stack.port)]


_COMMANDS: dict[str, Callable[[Stack], list[str]]] = {
    "direct": _upstream,
    "nginx": _nginx,
    "litellm": _litellm,
    "signalbox": _signalbox,
    "signalbox-task": _signalbox,
}
STACKS = tuple(_COMMANDS)
"""`direct` is the upstream itself, on the core of the load."""


def version(name: str) -> str:
    """What a stack calls itself, for the report."""
    if name == "nginx":
        return subprocess.run([which("nginx"), "-v"], capture_output=True, text=True).stderr.split("/")[-1].strip()
    if name == "litellm":  # the mark that setup.sh leaves
        return next((path.name.split("-")[1] for path in (ROOT / ".venv-bench").glob("litellm-*")), "")
    return metadata.version(name.removesuffix("-task"))
