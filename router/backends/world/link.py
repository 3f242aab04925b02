"""The proxy's side of a world model's process: it is started, asked, watched, and started again when it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import orjson

from router.backends.contract import BackendError
from router.backends.llama.installed import NOT_INSTALLED, llama_is_installed
from router.backends.world.frames import Frame, FrameError, Frames, Kind, frame
from router.backends.world.job import Job
from router.backends.world.settings import Settings
from router.config.facts import Facts
from router.telemetry.work import Work

__all__ = ["Link"]

log = logging.getLogger("signalbox.backends")

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before a process that ended is started again: twice as long each time, until one has lived STEADY."""
STEADY = 60.0
LOOK_AGAIN = 2.0
"""Seconds between two looks at whether what was missing has come."""
TRY_AGAIN = 60.0
"""Seconds after which what could not be loaded is tried again, though its files are the same: memory may have come
free."""
SILENCE = 5.0
"""Seconds without a word, while answers are awaited, after which the process is asked whether it is there. Its main
thread answers also while a long prompt is computed."""
PATIENCE = 30.0
"""Seconds without any word after which it is not there."""
LETTING_GO = 120.0
"""Seconds that a cancelled answer may go on: a step of a large decoder on a slow machine is not a hang."""
LEAVING = 3.0
"""Seconds that it gets to end by itself."""
READ = 1 << 16
PACKAGES = str(Path(__file__).resolve().parents[3])
"""The folder in which this package lies."""


class Link:
    """One process at a time. `facts.up` and `facts.fault` say how it is; `ended(job, tally)` is told of each job that
    the process has let go of, before whoever waits for it."""

    def __init__(self, facts: Facts, settings: Callable[[], Settings], ended: Callable[[Job, dict[str, Any]], None]):
        self.facts = facts
        self.known = asyncio.Event()
        """It is known whether the first process can answer."""
        self._settings = settings
        self._ended = ended
        self._numbers = count(1)
        self._jobs: dict[int, Job] = {}
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._heard = 0.0
        self._why: str | None = None
        self._began = 0.0
        self.work = Work()

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Begin; the first process is loading when this returns."""
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        """End the process, and all jobs with it."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self.facts.up = False
        self.known.set()

    def ask(self, question: bytes) -> Job:
        """Begin an answer. Raises BackendError when nobody can answer now."""
        if self._process is None or not self.facts.up:
            raise BackendError("down", self.facts.fault or f"{self.facts.name} is being closed")
        job = Job(next(self._numbers), self._cancel)
        if not self._jobs:
            self._heard = monotonic()
        self._jobs[job.number] = job
        self._send(frame(Kind.ASK, job.number, question))
        return job

    def _cancel(self, job: Job) -> None:
        if job.ended or job.cancelled_at is not None:
            return
        job.cancelled_at = monotonic()
        self._send(frame(Kind.CANCEL, job.number))

    def _send(self, data: bytes) -> None:
        process = self._process
        if process is not None and process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(data)

    async def _keep(self) -> None:
        pause = FIRST_PAUSE
        while True:
            if not await asyncio.to_thread(llama_is_installed):
                self._down(NOT_INSTALLED)
                await asyncio.sleep(LOOK_AGAIN)
                continue
            settings, seen = await asyncio.to_thread(self._look)
            began = monotonic()
            died = await self._life(settings)
            if died is None:
                await self._changed(seen)
                continue
            pause = FIRST_PAUSE if monotonic() - began > STEADY else pause
            self._down(f"the process of {self.facts.name} {died}; it is started again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _look(self) -> tuple[Settings, tuple[object, ...]]:
        settings = self._settings()
        return settings, settings.signature()

    async def _changed(self, seen: tuple[object, ...]) -> None:
        """The process said itself why it cannot be: mostly, only other files can change that."""
        until = monotonic() + TRY_AGAIN
        while monotonic() < until:
            await asyncio.sleep(LOOK_AGAIN)
            if (await asyncio.to_thread(self._look))[1] != seen:
                return

    async def _life(self, settings: Settings) -> str | None:
        """Of one process, from its start to its end: how it ended; None when it could not load."""
        self._why = None
        try:
            process = await _start(settings.name)
        except OSError as error:
            return f"cannot be started ({error.strerror or error})"
        self._process, self._began = process, monotonic()
        self._send(frame(Kind.OPEN, 0, settings.dumps()))
        watch, lines = (
            asyncio.create_task(self._watch(process)),
            asyncio.create_task(_log_lines(process, settings.name)),
        )
        loaded = True
        try:
            loaded = await self._listen(process)
        finally:
            self._process = None
            if self.facts.up:
                self.facts.up = False
            watch.cancel()
            await _end(process)
            await asyncio.wait([lines], timeout=LEAVING)
            lines.cancel()
            how = self._why or _how(process)
            self._fail_all(BackendError("broken", f"the process of {self.facts.name} {how}"))
        return how if loaded else None

    async def _listen(self, process: Process) -> bool:
        """Take frames until they end. False when it said that it cannot load."""
        assert process.stdout is not None
        frames, loaded = Frames(), True
        while data := await process.stdout.read(READ):
            self._heard = monotonic()
            try:
                for received in frames.feed(data):
                    loaded = loaded and self._take(received)
            except FrameError as error:
                self._kill(process, f"sent what cannot be read ({error})")
                return True
            if not loaded:
                return False
        return True

    def _take(self, received: Frame) -> bool:
        kind, number, payload = received
        if kind == Kind.PIECE:
            if (job := self._jobs.get(number)) is not None:
                job.put(payload)
        elif kind == Kind.END:
            self._finish(number, None, orjson.loads(payload))
        elif kind == Kind.ERROR:
            self._finish(number, BackendError(**orjson.loads(payload)), {})
        elif kind == Kind.READY:
            self.facts.up, self.facts.fault = True, None
            self.work.load_seconds = monotonic() - self._began
            self.known.set()
        elif kind == Kind.FAULT:
            self._down(orjson.loads(payload))
            return False
        return True

    def _finish(self, number: int, error: BackendError | None, tally: dict[str, Any]) -> None:
        job = self._jobs.pop(number, None)
        if job is not None:
            self._ended(job, tally)
            job.end(error)

    def _fail_all(self, error: BackendError) -> None:
        for number in list(self._jobs):
            self._finish(number, error, {})

    def _down(self, fault: str) -> None:
        if fault != self.facts.fault:
            log.warning("%s is down: %s", self.facts.name, fault)
        self.facts.up, self.facts.fault = False, fault
        self.known.set()

    async def _watch(self, process: Process) -> None:
        """Kill a process that no longer listens, or does not let go of an answer."""
        while True:
            await asyncio.sleep(1.0)
            if not self._jobs:
                continue
            now = monotonic()
            silent = now - self._heard
            cancelled = [job.cancelled_at for job in self._jobs.values() if job.cancelled_at is not None]
            if silent > PATIENCE:
                self._kill(process, f"gave no sign of life for {PATIENCE:g} s and was killed")
            elif cancelled and now - min(cancelled) > LETTING_GO:
                self._kill(process, f"did not let go of a cancelled answer for {LETTING_GO:g} s and was killed")
            elif silent > SILENCE:
                self._send(frame(Kind.PING))

    def _kill(self, process: Process, why: str) -> None:
        self._why = why
        _signal(process, signal.SIGKILL)


async def _start(name: str) -> Process:
    # One thread for numpy: matrices of this size gain nothing from more, and the decoder has its own.
    environment = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", **os.environ}
    # The same package as here, whatever lies in the directory where the user works.
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [PACKAGES, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-P", "-m", "router.backends.world.child", name]
    return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment)


async def _end(process: Process) -> None:
    """It is gone when this returns. Closing its input asks it to go."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), LEAVING)
    except TimeoutError:
        _signal(process, signal.SIGKILL)
        await process.wait()


def _signal(process: Process, number: signal.Signals) -> None:
    if process.returncode is None:
        process.send_signal(number)


def _how(process: Process) -> str:
    """How a process ended, as the rest of a sentence."""
    code = process.returncode
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name} (signal {-code})"
    except ValueError:
        return f"was ended by signal {-code}"


async def _log_lines(process: Process, name: str) -> None:
    """What it says on standard error goes to the proxy's log."""
    assert process.stderr is not None
    rest = b""
    while data := await process.stderr.read(READ):
        *lines, rest = (rest + data).split(b"\n")
        if len(rest) > READ:
            lines, rest = [*lines, rest], b""
        for line in lines:
            log.warning("%s: %s", name, line.decode("utf-8", "replace"))
    if rest:
        log.warning("%s: %s", name, rest.decode("utf-8", "replace"))
