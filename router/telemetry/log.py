"""A line for each request, for a person or for a machine; nothing of what was asked or answered is in it.

Lines are written together some times a second: a line of its own each would cost a request more than all metrics.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any, TextIO

import orjson

from router.telemetry.record import Record

__all__ = ["RequestLog", "as_json", "as_text"]

PAUSE = 0.1
"""Seconds between two writes."""
MOST_WAITING = 10_000
"""Lines that wait for one; more are left out, and their number is told."""


class RequestLog:
    """Writes to standard error unless told otherwise."""

    def __init__(self, *, machine: bool, sink: TextIO | None = None):
        """`machine`: JSON, one object a line."""
        self._line = as_json if machine else as_text
        self._sink = sink
        self._waiting: list[tuple[float, Record]] = []
        self._left_out = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, record: Record) -> None:
        """A request has ended. Called in the event loop."""
        if len(self._waiting) >= MOST_WAITING:
            self._left_out += 1
            return
        self._waiting.append((time.time(), record))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self.write)

    def write(self) -> None:
        """Write what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        lines = [self._line(at, record) for at, record in waiting]
        if self._left_out:
            lines.append(f"({self._left_out} requests were too many to be logged)")
            self._left_out = 0
        if lines:
            sink = self._sink if self._sink is not None else sys.stderr
            sink.write("\n".join(lines) + "\n")
            sink.flush()


def as_json(at: float, record: Record) -> str:
    """Names are those of the ledger and the metrics; times are seconds, `at` of the epoch."""
    tokens, cost = record.tokens, record.cost
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
        "seconds": round(record.ended - record.started, 4),
        "first": round(record.first - record.started, 4) if record.first else None,
        "input": tokens.input if tokens is not None else None,
        "output": tokens.output if tokens is not None else None,
        "usd": cost.usd if cost is not None else None,
        "source": cost.source if cost is not None else None,
    }
    try:
        return orjson.dumps(said).decode()
    except orjson.JSONEncodeError:  # half a surrogate pair in a name that a client sent
        return orjson.dumps({key: _plain(value) for key, value in said.items()}).decode()


def as_text(at: float, record: Record) -> str:
    """One line: when, what came of it, where it went, how long it took, what it cost, who asked."""
    parts = [time.strftime("%H:%M:%S", time.localtime(at)), f"{record.status:3d}"]
    if record.outcome != "ok":
        parts.append(record.outcome)
    if record.route or record.backend:
        parts.append(f"{record.route or '-'} → {record.backend or '-'}")
    else:
        parts.append(record.path)
    parts += [f"after {attempt.backend} ({attempt.reason})" for attempt in record.attempts[:-1]]
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
    return str(_plain("  ".join([*parts, record.id])))


def _seconds(value: float) -> str:
    return f"{1000 * value:.1f} ms" if value < 1 else f"{value:.1f} s"


def _plain(value: Any) -> Any:
    """Printable, on one line."""
    if not isinstance(value, str):
        return value
    return "".join(c if c.isprintable() else "\ufffd" for c in value.encode("utf-8", "replace").decode())
