"""A line for each request, for a person or for a machine; nothing of what was asked or answered is in it.

Made and written by a thread, some lines at a time: a terminal that stands still, or a pipe that nobody empties, holds
up no request.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from typing import Any, TextIO

import orjson

from router.telemetry.record import Record
from router.telemetry.text import printable

__all__ = ["JsonFormatter", "RequestLog", "as_json", "as_text"]

PAUSE = 0.1
"""Seconds between two batches."""
MOST_WAITING = 10_000
"""Lines that wait to be written; more are left out, and their number is told."""
TOGETHER = 4096
"""Bytes written at once: so many are never torn apart by another process that writes to the same pipe (POSIX)."""
LEAVING = 2.0
"""Seconds at the end for what still waits."""

Batch = list[tuple[float, Record]]


class RequestLog:
    """Writes to standard error unless told otherwise."""

    def __init__(self, *, machine: bool, sink: TextIO | None = None):
        """`machine`: JSON, one object a line."""
        self._machine = machine
        self._line = as_json if machine else as_text
        self._sink = sink
        self._waiting: Batch = []
        self._added = 0
        self._written = 0
        """The thread's own; the difference is what waits."""
        self._left_out = 0
        self._timer: asyncio.TimerHandle | None = None
        self._batches: SimpleQueue[tuple[Batch, int] | None] = SimpleQueue()
        self._writer: threading.Thread | None = None

    def add(self, record: Record) -> None:
        """A request has ended. Called in the event loop."""
        if self._added - self._written >= MOST_WAITING:
            self._left_out += 1
            return
        self._added += 1
        self._waiting.append((time.time(), record))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self._hand_over)

    async def close(self) -> None:
        """Write what waits, within LEAVING seconds; called after the last request. Handing over is the loop's: in
        another thread the timer could do so at the same moment. Only the wait for the writer is elsewhere."""
        if self._timer is not None:
            self._timer.cancel()
            self._hand_over()
        if self._writer is not None:
            self._batches.put(None)
            await asyncio.to_thread(self._writer.join, LEAVING)

    def _hand_over(self) -> None:
        self._timer = None
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_all, name="log", daemon=True)
            self._writer.start()
        batch, self._waiting = self._waiting, []
        left_out, self._left_out = self._left_out, 0
        self._batches.put((batch, left_out))

    def _write_all(self) -> None:
        """The thread's life. Each write lets go of the interpreter, so that the loop waits for a few lines at most."""
        while (handed := self._batches.get()) is not None:
            batch, left_out = handed
            for lines in _together(self._line(at, record) for at, record in batch):
                self._write("".join(lines))
                self._written += len(lines)
            if left_out:
                said = f"{left_out} requests were too many to be logged"
                self._write(_as_line(time.time(), "WARNING", said) if self._machine else f"({said})\n")

    def _write(self, text: str) -> None:
        try:
            if self._sink is not None:
                self._sink.write(text)
                self._sink.flush()
                return
            # Not `sys.stderr`: its lock would be held while a write waits, and the loop logs there too.
            left = memoryview(text.encode())
            while left:
                left = left[os.write(2, left) :]
        except OSError:
            return  # nobody listens any more, and there is nobody else to tell


def _together(lines: Iterable[str]) -> Iterator[list[str]]:
    """Lines with their ends, as many as may be written at once."""
    waiting: list[str] = []
    size = 0
    for line in lines:
        if waiting and size + len(line) >= TOGETHER:
            yield waiting
            waiting, size = [], 0
        waiting.append(line + "\n")
        size += len(line) + 1
    if waiting:
        yield waiting


class JsonFormatter(logging.Formatter):
    """Every other line of the log as JSON too: `at`, `level`, `message`, and `exception` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Without its line end."""
        trace = self.formatException(record.exc_info) if record.exc_info else None
        return _as_line(record.created, record.levelname, record.getMessage(), trace)[:-1]


def _as_line(at: float, level: str, message: str, exception: str | None = None) -> str:
    said = {"at": round(at, 3), "level": level, "message": message}
    if exception is not None:
        said["exception"] = exception
    return _json(said) + "\n"


def as_json(at: float, record: Record) -> str:
    """Names are those of the ledger and the metrics; times are seconds, `at` of the epoch, the others since the
    request was there."""
    tokens, cost, started = record.tokens, record.cost, record.started
    said: dict[str, Any] = {
        "at": round(at, 3),
        "id": record.id,
        "key": record.key,
        "harness": record.harness,
        "path": record.path,
        "route": record.route,
        "backend": record.backend,
        "model": record.model[:200],
        "status": record.status,
        "outcome": record.outcome,
        "stream": record.stream,
        "cache": record.cache,
        "attempts": [[attempt.backend, attempt.reason] for attempt in record.attempts],
        "decided": round(record.decided - started, 6) if record.decided else None,
        "answered": round(record.answered - started, 4) if record.answered else None,
        "first": round(record.first - started, 4) if record.first else None,
        "seconds": round(record.ended - started, 4),
    }
    if record.changed:
        said["changed"] = list(record.changed)
    if limit := record.limit:
        said["limit"] = limit
    if repaired := record.repaired:
        said["repaired"] = repaired
    if tokens is not None:
        said["input"], said["output"] = tokens.input, tokens.output
        said["cached"], said["reasoning"] = tokens.cached, tokens.reasoning
    if cost is not None:
        said["usd"], said["source"] = cost.usd, cost.source
    if record.trace is not None:
        said["trace"] = record.trace.hex
    return _json(said)


def _json(said: dict[str, Any]) -> str:
    try:
        return orjson.dumps(said).decode()
    except orjson.JSONEncodeError:  # half a surrogate pair in a name that a client sent
        plain = {key: printable(value) if isinstance(value, str) else value for key, value in said.items()}
        return orjson.dumps(plain).decode()


def as_text(at: float, record: Record) -> str:
    """One line: when, what came of it, where it went, how long it took, what it cost, who asked."""
    parts = [time.strftime("%H:%M:%S", time.localtime(at)), f"{record.status:3d}"]
    if record.outcome != "ok":
        parts.append(f"{record.outcome} ({limit})" if (limit := record.limit) else record.outcome)
    if record.route or record.backend:
        parts.append(f"{record.route or '-'} → {record.backend or '-'}")
        if record.model and record.model != record.backend:
            parts.append(record.model[:200])
    else:
        parts.append(record.path)
    parts += [f"after {attempt.backend} ({attempt.reason})" for attempt in record.attempts[:-1]]
    if record.changed:
        parts.append(f"changed ({', '.join(record.changed)})")
    if repaired := record.repaired:
        parts.append(f"repaired {', '.join(repaired)}")
    if record.cache:
        parts.append(f"cache {record.cache}")
    parts.append(_seconds(record.ended - record.started))
    if record.first:
        parts.append(f"first {_seconds(record.first - record.started)}")
    if record.tokens is not None:
        about = "about " if record.tokens.estimated else ""
        parts.append(f"{about}{record.tokens.input:,} + {record.tokens.output:,} tokens")
    if record.cost is not None and record.cost.usd:
        parts.append(f"US$ {record.cost.usd:.6f}")
    elif record.unpriced:
        parts.append("unpriced")
    parts.append("/".join(filter(None, (record.harness, record.key))))
    return printable("  ".join([*parts, record.id]))


def _seconds(value: float) -> str:
    return f"{1000 * value:.1f} ms" if value < 1 else f"{value:.1f} s"
