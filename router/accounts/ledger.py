"""What every request cost, in SQLite: a row each without a word of it, and hourly sums that are kept for long.

Records are handed over by reference and written by a thread, some times a second, rows and sums in one transaction. A
process that is killed loses what came since the last of them: at most a second. Several workers write into one file.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from router.telemetry.record import Record, Tokens
from router.telemetry.text import legible

__all__ = ["FILE", "HOUR", "NANO", "SUMS", "Ledger", "data_dir", "opened", "prune"]

log = logging.getLogger("signalbox.accounts")

FILE = "ledger.sqlite"
VERSION = 1
"""Of the tables: `PRAGMA user_version`."""
NANO = 1_000_000_000
"""Sums of whole nano-dollars are exact."""
HOUR = 3600
PAUSE = 0.3
"""Seconds between two transactions."""
MOST_WAITING = 100_000
"""Records that wait for a disk that does not answer; more are dropped, and counted."""
MOST_GROUPS = 2000
"""Of one transaction: the models of more are summed as `other`. A client may name a model as it likes."""
PATIENCE = 5.0
"""Seconds to wait for another worker's transaction."""
LOOK = 600.0
"""Seconds between two looks at age and size."""
AT_ONCE = 5000
"""Rows deleted in one transaction."""

_ZERO = Tokens()
_TABLES = """
CREATE TABLE requests (
    at REAL NOT NULL, id TEXT NOT NULL, key TEXT NOT NULL, harness TEXT NOT NULL, route TEXT NOT NULL,
    backend TEXT NOT NULL, model TEXT NOT NULL, path TEXT NOT NULL, status INTEGER NOT NULL, outcome TEXT NOT NULL,
    stream INTEGER NOT NULL, attempts INTEGER NOT NULL, cache TEXT NOT NULL, input INTEGER NOT NULL,
    output INTEGER NOT NULL, cached INTEGER NOT NULL, reasoning INTEGER NOT NULL, estimated INTEGER NOT NULL,
    nano_usd INTEGER, source TEXT, baseline INTEGER NOT NULL, saved INTEGER NOT NULL, seconds REAL NOT NULL,
    first REAL
);
CREATE INDEX requests_at ON requests (at);
CREATE TABLE hours (
    hour INTEGER NOT NULL, key TEXT NOT NULL, harness TEXT NOT NULL, route TEXT NOT NULL, backend TEXT NOT NULL,
    model TEXT NOT NULL, requests INTEGER NOT NULL, failed INTEGER NOT NULL, unpriced INTEGER NOT NULL,
    input INTEGER NOT NULL, output INTEGER NOT NULL, cached INTEGER NOT NULL, reasoning INTEGER NOT NULL,
    nano_usd INTEGER NOT NULL, estimated INTEGER NOT NULL, baseline INTEGER NOT NULL, saved INTEGER NOT NULL,
    PRIMARY KEY (hour, key, harness, route, backend, model)
) WITHOUT ROWID;
"""
_GROUP = ("hour", "key", "harness", "route", "backend", "model")
SUMS = (
    *("requests", "failed", "unpriced", "input", "output", "cached", "reasoning"),
    *("nano_usd", "estimated", "baseline", "saved"),
)
_INSERT = f"INSERT INTO requests VALUES ({', '.join('?' * 24)})"
_ADD = (
    f"INSERT INTO hours ({', '.join((*_GROUP, *SUMS))}) VALUES ({', '.join('?' * (len(_GROUP) + len(SUMS)))}) "
    f"ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in SUMS)}"
)

Waiting = tuple[float, Record]
"""When it was handed over, seconds of the epoch."""
Row = tuple[object, ...]
Group = tuple[int, str, str, str, str, str]


def data_dir(said: Path | None) -> Path:
    """Where the ledger lies: as said, else in the user's state folder (XDG Base Directory Specification)."""
    if said is not None:
        return said
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "signalbox"


class Ledger:
    """Open from its making to `close`. `add` may be called from any thread and never waits."""

    def __init__(self, folder: Path, *, days: int, size: int):
        """Raises OSError or sqlite3.Error where the file cannot be opened, or is of a newer version."""
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / FILE
        self._days, self._size = days, size
        self._waiting: deque[Waiting] = deque()
        self._dropped = 0
        self.added = 0
        """Records taken in."""
        self.written = 0
        """Of them, those that anybody who opens the file can read, and those that cannot be written at all."""
        self._stop = threading.Event()
        database = opened(self.path)  # the thread's from now on
        self._thread = threading.Thread(target=self._run, args=(database,), name="ledger", daemon=True)
        self._thread.start()

    def add(self, record: Record) -> None:
        """A request has ended."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append((time.time(), record))
            self.added += 1
        else:
            self._dropped += 1

    def close(self) -> None:
        """Write what waits, and end."""
        self._stop.set()
        self._thread.join(2 * PATIENCE)

    def _run(self, database: sqlite3.Connection) -> None:
        looked = 0.0
        while True:
            stopping = self._stop.wait(PAUSE)
            try:
                self._write(database)
                if time.monotonic() - looked > LOOK:
                    looked = time.monotonic()
                    prune(database, self._days, self._size)
            except Exception as error:  # without this thread nothing would be written any more
                log.warning("the ledger %s could not be written (%s); it is tried again", self.path, error)
                self._stop.wait(1.0)
            if stopping:
                break
        database.close()

    def _write(self, database: sqlite3.Connection) -> None:
        if self._dropped:
            log.warning("%d requests are missing in the ledger %s: it was not written", self._dropped, self.path)
            self._dropped = 0
        batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not batch:
            return
        try:
            _put(database, batch)
        except Exception as error:
            if _may_pass(error):
                self._waiting.extendleft(reversed(batch))
                raise
            self._write_each(database, batch)
        else:
            self.written += len(batch)

    def _write_each(self, database: sqlite3.Connection, batch: Sequence[Waiting]) -> None:
        """Some record of the batch cannot be written, and would not be the next time: all but such are."""
        left_out: list[Exception] = []
        for number, one in enumerate(batch):
            try:
                _put(database, [one])
            except Exception as error:
                if _may_pass(error):
                    self._waiting.extendleft(reversed(batch[number:]))
                    raise
                left_out.append(error)
            self.written += 1
        if left_out:
            said = "%d requests are missing in the ledger %s: they cannot be written (%s)"
            log.warning(said, len(left_out), self.path, left_out[-1])


def _put(database: sqlite3.Connection, batch: Sequence[Waiting]) -> None:
    """In one transaction."""
    with database:
        database.executemany(_INSERT, [_row(at, record) for at, record in batch])
        database.executemany(_ADD, _summed(batch))


def _may_pass(error: Exception) -> bool:
    """It is the file's fault or the disk's. What is wrong with a record is an error of another kind."""
    return type(error) in (sqlite3.OperationalError, sqlite3.DatabaseError)


def opened(path: Path) -> sqlite3.Connection:
    """The file with its tables, made where they are missing. Raises sqlite3.Error."""
    database = sqlite3.connect(path, timeout=PATIENCE, check_same_thread=False)
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        database.close()
        raise sqlite3.DatabaseError(f"{path} is of version {version}, this Signalbox knows {VERSION}")
    database.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a file that is still empty
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    if version < VERSION:
        _make(database)
    return database


def _make(database: sqlite3.Connection) -> None:
    """The tables, by whichever worker comes first."""
    with database:
        database.execute("BEGIN IMMEDIATE")
        if database.execute("PRAGMA user_version").fetchone()[0] < VERSION:
            for statement in _TABLES.split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {VERSION}")


def prune(database: sqlite3.Connection, days: int, size: int) -> None:
    """Delete single requests that are too old, and the oldest while the file is too large; no sums."""
    oldest = time.time() - days * 24 * HOUR
    while _delete(database, "WHERE at < ?", (oldest,)) == AT_ONCE:
        pass
    while _bytes(database) > size and _delete(database, "", ()):
        pass


def _delete(database: sqlite3.Connection, where: str, values: Sequence[float]) -> int:
    with database:
        chosen = f"SELECT rowid FROM requests {where} ORDER BY at LIMIT {AT_ONCE}"
        deleted = database.execute(f"DELETE FROM requests WHERE rowid IN ({chosen})", values).rowcount
    database.execute("PRAGMA incremental_vacuum")
    return deleted


def _bytes(database: sqlite3.Connection) -> int:
    pages, free, page = (
        int(database.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * page


def _nano(dollars: float) -> int:
    return round(dollars * NANO)


def _row(at: float, record: Record) -> Row:
    tokens, cost = record.tokens or _ZERO, record.cost
    return (
        *(at, record.id, record.key or "", record.harness, record.route, record.backend),
        *(
            legible(record.model),
            legible(record.path),
            record.status,
            record.outcome,
            record.stream,
            len(record.attempts),
            record.cache,
        ),
        *(tokens.input, tokens.output, tokens.cached, tokens.reasoning, tokens.estimated),
        None if cost is None else _nano(cost.usd),
        None if cost is None else cost.source,
        *(_nano(record.baseline), _nano(record.saved), record.ended - record.started),
        record.first - record.started if record.first else None,
    )


def _summed(batch: Sequence[Waiting]) -> list[Row]:
    """Rows for `hours`."""
    sums: dict[Group, list[int]] = {}
    for at, record in batch:
        model = legible(record.model) if len(sums) < MOST_GROUPS else "other"
        hour = int(at) // HOUR * HOUR
        group = (hour, record.key or "", record.harness, record.route, record.backend, model)
        into = sums.setdefault(group, [0] * len(SUMS))
        for place, value in enumerate(_addends(record)):
            into[place] += value
    return [(*group, *values) for group, values in sums.items()]


def _addends(record: Record) -> tuple[int, ...]:
    """One request's share of each of SUMS. What was answered from the cache was not generated; an attempt whose answer
    nobody got is no request, and was paid for."""
    wanted = record.outcome != "unwanted"
    tokens, cost = record.tokens or _ZERO, record.cost
    if record.cache in ("hit", "joined", "similar"):
        tokens = _ZERO
    dollars = 0 if cost is None else _nano(cost.usd)
    estimated = dollars if cost is not None and cost.source == "estimated" else 0
    return (
        *(wanted, wanted and record.outcome not in ("ok", "cancelled"), wanted and record.unpriced),
        *(tokens.input, tokens.output, tokens.cached, tokens.reasoning),
        *(dollars, estimated, _nano(record.baseline), _nano(record.saved)),
    )
